"""The report: its numbers, its choice of queries, and that one file holds it all and lets nothing in or out."""

import base64
import errno
import io
import json
import os
import re
import shlex
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from PIL import Image
from typer.testing import CliRunner

from lgn_lite.analysis.explanation import top_predictions
from lgn_lite.analysis.mistakes import CONTENTS, timing_of
from lgn_lite.analysis.predictions import split_predictions
from lgn_lite.checkpoint import About, Checkpoint, load_checkpoint, save_checkpoint
from lgn_lite.cli.inspector import inspector_app
from lgn_lite.data_sets import DataSet
from lgn_lite.errors import InputError
from lgn_lite.evaluation import score_predictions
from lgn_lite.features import FeatureStore, write_features
from lgn_lite.figures.explanation import LOWERED
from lgn_lite.figures.maps import DIFFERENCE
from lgn_lite.figures.results import plot_overlaps
from lgn_lite.figures.style import DARK, GRID, HOLE, IMPOSSIBLE, INK, model_styles
from lgn_lite.inspector.report import CONSTANT, inspect_command, sibling_baseline, write_report
from lgn_lite.inspector.report_cards import varied
from lgn_lite.jsonl import Ranked, write_predictions
from lgn_lite.model import LGN
from lgn_lite.recipes import evaluate_checkpoint, evaluate_constant
from lgn_lite.text import Vocabulary

EVIL = 'The <script>alert("x")</script> red & blue <b>light</b> </script> shines'
EVIL_VIDEO = '<img src="x" onerror="alert(1)">'


def page(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def cells(table) -> list[list[str]]:
    return [[cell.get_text(" ", strip=True) for cell in row.find_all(["td", "th"])] for row in table.find_all("tr")]


@pytest.fixture(scope="module")
def data(tmp_path_factory, queries, store, tiny_config, clip) -> DataSet:
    """Ten made-up videos, of which one has HTML for a name and a sentence, one a file, and one a broken file."""
    folder, names = tmp_path_factory.mktemp("made-up"), {"v0": EVIL_VIDEO}
    made = [replace(query, video=names.get(query.video, query.video)) for query in queries]
    made[0] = replace(made[0], sentence=EVIL)
    made[5] = replace(made[5], sentence="Light!")
    features = [(names.get(f"v{n}", f"v{n}"), np.asarray(store[f"v{n}"])) for n in range(10)]
    write_features(folder / "all.hdf5", features, encoder="by hand", layer="fc6", rate=1.0)
    (folder / "videos").mkdir()
    (folder / "videos" / "v1.mp4").write_bytes(clip.read_bytes())
    (folder / "videos" / "v2.mp4").write_bytes(b"no video")
    return DataSet(
        "made-up", "Made-up & lights", folder, tiny_config(), lambda folder, split: made, "videos/{name}.mp4",
        features=FeatureStore(folder / "all.hdf5"),
    )  # fmt: skip


def saved(folder: Path, config, vocabulary, about=About(), seed: int = 0, **trained) -> Checkpoint:  # noqa: B008
    torch.manual_seed(seed)
    model = LGN(config.override(vocabulary_size=len(vocabulary)))
    return load_checkpoint(save_checkpoint(folder, model, vocabulary, about, trained))


PLAIN = {"early": "none", "guidance": 0}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, tiny_config, vocabulary) -> Checkpoint:
    about = About("ten made-up videos", encoder="vgg-small", layer="fc6", rate=1.0, training={"variant": "full"})
    return saved(tmp_path_factory.mktemp("runs") / "checkpoint", tiny_config(), vocabulary, about, epoch=3)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory, tiny_config, vocabulary) -> Checkpoint:
    about = About(data="the same <i>videos</i>", training={"variant": "baseline"})
    folder = tmp_path_factory.mktemp("runs") / "plain"
    return saved(folder, tiny_config(**PLAIN), vocabulary, about, seed=1, epoch=2, mIoU=12.34)


@pytest.fixture(scope="module")
def written(tmp_path_factory, data, checkpoint, baseline) -> Path:
    out = tmp_path_factory.mktemp("report") / "out.html"
    return write_report(checkpoint, data, out, baseline=baseline, count=2, progress=False)


@pytest.fixture(scope="module")
def report(written):
    return page(written)


# One file


@pytest.mark.slow
def test_nothing_is_fetched_and_nothing_of_the_data_becomes_html(report):
    for tag in report.find_all(True):
        for name in ("src", "href", "data", "poster", "action", "srcset"):
            assert re.match(r"data:image/|#", tag.get(name, "#")), tag
    assert not report.find_all(["link", "iframe", "object", "embed", "base"])
    styles = "".join(style.get_text() for style in report.find_all("style"))
    assert "url(" not in styles and "@import" not in styles
    policy = report.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert "default-src 'none'" in policy and "http" not in policy
    # what the data hold is shown as text
    assert not report.find("b") and not report.find("img", attrs={"onerror": True})
    assert all("alert(" not in script.get_text() for script in report.find_all("script") if len(script.get_text()) < 1e6
               and script.get("type") != "application/json")  # fmt: skip
    shown = report.find("table", id="all").get_text()
    assert EVIL in shown and EVIL_VIDEO in shown
    assert "the same <i>videos</i>" in report.find(id="model").find_next("table").get_text()
    assert report.title.get_text() == "LGN on Made-up & lights, test"
    figures = report.select("div.plotly + script[type='application/json']")
    assert len(figures) == len(report.select("div.plotly"))
    assert len(report.find_all("script", type="application/json")) == len(figures) + 1  # and their colours


def test_every_link_leads_somewhere_and_every_anchor_is_one(report):
    anchors = [tag["id"] for tag in report.find_all(id=True)]
    assert len(anchors) == len(set(anchors))
    links = [link["href"].removeprefix("#") for link in report.nav.find_all("a")]
    assert set(links) <= set(anchors) and {"model", "results", "best-1", "worst-2", "disputed-2", "queries"} <= set(
        links
    )


def test_plotly_is_there_once_and_figures_are_json(report):
    big = [script for script in report.find_all("script") if len(script.get_text()) > 1e6]
    assert len(big) == 1
    for script in report.select("div.plotly + script"):
        figure = json.loads(script.get_text())
        layouts = figure["layout"], figure.get("narrow", figure["layout"])
        assert figure["data"] and all("template" not in layout for layout in layouts)  # it is the page's
        size = "--w:{}px;--h:{}px;--nh:{}px".format(layouts[0]["width"], *(layout["height"] for layout in layouts))
        assert script.find_previous_sibling("div")["style"] == size
        assert layouts[1]["width"] <= 400 and layouts[0]["width"] <= 760 and figure["paper"]["width"] <= 640


@pytest.mark.slow
def test_a_report_is_written_whole_or_not_at_all(tmp_path, data, checkpoint, monkeypatch):
    out = tmp_path / "deep" / "out.html"
    assert write_report(checkpoint, data, out, count=1, progress=False) == out
    before = out.read_bytes()
    monkeypatch.setattr("lgn_lite.inspector.report.get_plotlyjs", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(checkpoint, data, out, count=1, progress=False)
    assert out.read_bytes() == before and [path.name for path in out.parent.iterdir()] == ["out.html"]


# Its numbers


def test_results_are_those_of_evaluation(report, data, checkpoint, baseline):
    results = {"LGN": evaluate_checkpoint(data, checkpoint), "baseline": evaluate_checkpoint(data, baseline)}
    constant = evaluate_constant(data)
    head, *rows = cells(report.find(id="by-all").find_next("table"))
    metrics = head[2:]
    assert metrics == [name for name in results["LGN"]["all"] if name != "queries"]
    assert rows[0][:2] == ["20", "LGN"] and [row[0] for row in rows[1:]] == ["baseline", CONSTANT]
    for row, result in zip(rows, (*results.values(), constant), strict=True):
        assert row[-len(metrics) :] == [
            f"{result['all'][name]:.1f}" if name in result["all"] else "" for name in metrics
        ]
    head, *rows = cells(report.find(id="by-kind").find_next("table"))
    assert [row[0] for row in rows] == ["red", "baseline", CONSTANT, "blue", "baseline", CONSTANT]
    assert rows[4][1:] == [f"{results['baseline']['kind']['blue'][name]:.1f}" for name in metrics]
    assert report.find(id="by-length")
    # what a figure shows is said in words, for light and for dark
    bars = report.find(id="by-all").find_next("figure").find_all("img")
    assert len({img["src"] for img in bars}) == 2 and len({img["alt"] for img in bars}) == 1
    assert f"mIoU of baseline {results['baseline']['all']['mIoU']:.1f}" in bars[0]["alt"]
    low = min(row["R1@0.7"] for row in results["LGN"]["kind"].values())
    assert f"R1@0.7 of LGN from {low:.1f} (" in report.find(id="by-kind").find_next("figure").img["alt"]


def test_about_has_epoch_settings_and_no_path_of_the_machine(report, checkpoint):
    head, *rows = cells(report.find(id="model").find_next("table"))
    assert head == ["", "LGN", "baseline"]
    table = {row[0]: row[1:] for row in rows}
    assert table["epoch"] == ["3", "2"] and table["trained on"][0] == "ten made-up videos"
    assert table["training"] == ["variant LGN", "variant baseline"]
    assert str(checkpoint.folder.parents[1]) not in report.get_text() and table["checkpoint"][0].endswith("/checkpoint")
    differing = cells(report.find(id="model").find_next("table").find_next("table"))[1:]
    assert ["num_clips", "4", "24"] in [row[:3] for row in differing]  # a toy's model, of another size
    assert not any(row[0] == "vocabulary_size" or row[1] == row[2] for row in differing)


def shown(report, anchor: str) -> list[int]:
    """The numbers of a section's queries, as their headings say."""
    heads = [head.get_text() for head in report.find_all("h3", id=re.compile(f"{anchor}-"))]
    return [int(re.match(r"Query (\d+): “", head)[1]) for head in heads]


def test_queries_are_chosen_in_turn_none_of_a_video_twice():
    kinds, videos = "aaabbc", "uvwuxy"
    for count, expected in ((1, [0]), (3, [0, 4, 5]), (4, [0, 1, 4, 5]), (9, [0, 1, 2, 4, 5])):
        assert varied(range(6), lambda i: (kinds[i],), videos.__getitem__, count) == expected
    assert varied([5, 2, 0], lambda _: (), videos.__getitem__, 2) == [5, 2]  # nothing to vary: in order
    # the first kind counts most; among equals the one of the second kind that was shown least
    pairs = [("a", "x"), ("a", "x"), ("a", "y"), ("b", "x")]
    assert varied(range(4), pairs.__getitem__, str, 2) == [0, 3]
    assert varied(range(4), pairs.__getitem__, str, 3) == [0, 2, 3]
    assert varied([], lambda _: (), str, 3) == []


def test_sections_hold_the_best_the_mistakes_and_the_disputed(report, data, checkpoint, baseline):
    own, other = (split_predictions(side, data, progress=False) for side in (checkpoint, baseline))
    disagreement = own.disagreement(other)
    best, worst, disputed = (shown(report, anchor) for anchor in ("best", "worst", "disputed"))
    assert own.iou[best[0]] == own.iou.max() and best[0] == int(own.iou.argmax())
    assert own.iou[worst[0]] == own.iou.min() and max(own.iou[worst]) <= 0.5
    assert disagreement[disputed[0]] == disagreement.max()
    for numbers in (best, worst, disputed):
        assert len(numbers) == 2 and len({own.queries[i].video for i in numbers}) == 2
    assert {own.queries[i].tags["kind"] for i in best} == {"red", "blue"}
    timings = [timing_of(own.segments[i].tolist(), (own.queries[i].start, own.queries[i].end)) for i in range(20)]
    assert len({timings[i] for i in worst}) == min(2, len(set(timings) - {"hit"}))
    for n, i in enumerate(worst, start=1):
        head = report.find(id=f"worst-{n}")
        assert head.get_text() == f"Query {i}: “{own.queries[i].sentence}”"
        text = " ".join(head.find_next("p").get_text().split())
        assert f"video {own.queries[i].video}, 8.0 s" in text and f"IoU {own.iou[i]:.2f}, mistake: {timings[i]}" in text
        assert f"in the inspector: #query={i}&split=test" in text
    rule = report.find(id="worst").find_next("p").get_text()
    assert "lowest IoU of the first prediction with the ground truth" in rule and "not by hand" in rule
    assert f"{sum(timing != 'hit' for timing in timings)} of the 20 queries are mistakes" in rule
    assert all(f"{timings.count(timing)} {timing}" in rule for timing in set(timings) - {"hit"})


def test_how_to_open_the_inspector_on_the_same(report, data, checkpoint, monkeypatch):
    command = report.find(id="reading").find_next("code").find_next("code").get_text()
    words = shlex.split(command)
    assert words[:2] == ["lgn-lite", "inspect"] and words[words.index("--split") + 1] == "test"
    assert words[2].endswith("/checkpoint") and words[words.index("--baseline") + 1].endswith("/plain")
    assert words[words.index("--data") + 1] == "made-up"
    monkeypatch.chdir(checkpoint.folder.parent)
    own = replace(data, name=checkpoint.about.data_set, size="tiny")
    assert inspect_command(checkpoint, own, "val", None) == "lgn-lite inspect checkpoint --split val --size tiny"


def test_table_of_all_queries_has_their_overlaps(report, data, checkpoint, baseline):
    own, other = (split_predictions(side, data, progress=False) for side in (checkpoint, baseline))
    head, *rows = cells(report.find("table", id="all"))
    assert head[-3:] == ["IoU", "baseline's IoU", "disagreement"] and len(rows) == 20
    for i, row in enumerate(rows):
        assert row[:2] == [str(i), " ".join(own.queries[i].sentence.split())]
        numbers = [own.iou[i], other.iou[i], own.disagreement(other)[i]]
        assert row[-3:] == [f"{value:.3f}" for value in numbers]
    assert report.find("details").find("table", id="all") and report.find("summary").get_text() == "20 queries"


def test_models_that_agree_and_models_without_mistakes_are_said_to(tmp_path, data, checkpoint, monkeypatch):
    monkeypatch.setattr("lgn_lite.analysis.predictions.SplitPredictions.iou", torch.ones(20))
    monkeypatch.setattr("lgn_lite.inspector.report_cards.timing_of", lambda *_: "hit")
    report = page(write_report(checkpoint, data, tmp_path / "a.html", baseline=checkpoint, count=1, progress=False))
    assert "No query is a mistake" in report.find(id="worst").find_next("p").get_text()
    assert "The two models agree on every query." in report.find(id="disputed").find_next("p").get_text()
    assert not report.find(id="worst-1") and not report.find(id="disputed-1") and report.find(id="best-1")


def test_the_same_report_twice_is_the_same_file(tmp_path, data, checkpoint):
    first, second = (
        write_report(checkpoint, data, tmp_path / name, count=1, progress=False).read_bytes() for name in ("a", "b")
    )
    assert first == second


def test_a_long_table_keeps_those_of_the_highest_overlap(tmp_path, data, checkpoint, monkeypatch):
    monkeypatch.setattr("lgn_lite.inspector.report.MAX_ROWS", 5)
    report = page(write_report(checkpoint, data, tmp_path / "out.html", count=1, progress=False))
    own = split_predictions(checkpoint, data, progress=False)
    shown = [int(row[0]) for row in cells(report.find("table", id="all"))[1:]]
    assert shown == own.iou.sort(descending=True, stable=True).indices[:5].tolist()
    assert report.find("summary").get_text() == "5 of 20 queries, those of the highest IoU"


def test_figures_of_a_query_are_its_predictions_maps_and_words(report, data, checkpoint, baseline):
    own, other = (split_predictions(side, data, progress=False) for side in (checkpoint, baseline))
    i = int(own.iou.argmax())
    section = report.find(id="best-1").parent
    predictions, ours, theirs, difference, *words = [json.loads(s.get_text()) for s in section.find_all("script")]
    kept = [top_predictions(side.model, a.logits[i].sigmoid())[0] for side, a in ((checkpoint, own), (baseline, other))]
    assert len(predictions["data"]) == 1 + sum(map(len, kept))
    assert predictions["data"][1]["base"][0] == pytest.approx(own.segments[i, 0].item())
    assert {"score", "ground truth", "predictions, best first"} <= {trace.get("name") for trace in ours["data"]}
    assert [title.get_text() for title in section.find_all("figcaption")] == ["LGN", "baseline", "LGN − baseline"]
    # maps of one card: the same axes, margins and colours
    same = {json.dumps([a["layout"][key] for key in ("xaxis", "yaxis", "margin")]) for a in (ours, theirs, difference)}
    assert len(same) == 1 and not any(trace.get("showscale", True) for trace in ours["data"] if "z" in trace)
    assert all((z["zmin"], z["zmax"]) == (0, 1) for a in (ours, theirs) for z in a["data"] if z.get("name") == "score")
    ends = [scale.get_text(" ", strip=True) for scale in section.select(".scale")]
    edge = (own.logits[i].sigmoid() - other.logits[i].sigmoid()).abs().max()
    assert ends == ["score 0 1", f"baseline higher by {edge:.2f} LGN higher by {edge:.2f}"]
    timeline, first, *_ = [figure["aria-label"] for figure in section.find_all("figure")]
    assert f"first prediction of LGN: {own.segments[i, 0]:.1f} – {own.segments[i, 1]:.1f} s" in timeline
    assert f"the highest, {own.logits[i].sigmoid().max():.2f}, at {own.segments[i, 0]:.1f} – " in first
    assert bool(words) == (len(own.queries[i].sentence.split()) > 1)


def test_the_colours_of_figures_that_belong_to_the_page_have_dark_ones():
    own = (DIFFERENCE[0], DIFFERENCE[2], DIFFERENCE[4], LOWERED, HOLE, IMPOSSIBLE, INK, GRID, "#FFFFFF", "#000000")
    assert {colour.lower() for colour in own} <= set(DARK)
    models = {style["color"].lower() for style in model_styles(["a", "b", "LGN", "baseline", "ground truth"]).values()}
    assert not models & set(DARK)


# What may be missing


@pytest.mark.slow
def test_strip_of_frames_where_there_is_a_file_and_a_word_where_not(tmp_path, data, checkpoint):
    some = data.queries("test")[:6]  # two of each of three videos
    data = replace(data, reader=lambda *_: some, tests=("test",))
    report = page(write_report(checkpoint, data, tmp_path / "out.html", count=6, progress=False))
    cards = {head.find_next("p").get_text(): head.parent for head in report.find_all("h3", id=re.compile("best-"))}
    assert len(cards) == 3  # one of each video
    assert "Only 3 of 6: there are no more such queries of other videos." in report.find(id="best").find_next("p").text
    for text, section in cards.items():
        strip = section.select_one(".frame-strip img")
        assert (strip is not None) == ("video v1," in text)
        assert ("cannot be read: " in text) == ("video v2," in text)
        assert ("The video file is not here" in text) == ("video v1," not in text and "video v2," not in text)
        if strip is not None:
            picture = Image.open(io.BytesIO(base64.b64decode(strip["src"].removeprefix("data:image/jpeg;base64,"))))
            assert (picture.format, picture.size) == ("JPEG", (9 * 96, 96))
        one_word = "“Light!”" in section.h3.get_text()
        assert ("nothing to leave out" in section.get_text()) == one_word
    assert str(data.folder) not in report.get_text()


def test_without_a_baseline_nothing_is_disputed(tmp_path, data, checkpoint):
    report = page(write_report(checkpoint, data, tmp_path / "out.html", count=1, progress=False))
    assert not report.find(id="disputed") and "there are no disputed queries" in report.get_text()
    assert len(report.find(id="best-1").parent.select("div.plotly")) == 3  # predictions, one map, words
    assert cells(report.find("table", id="all"))[0][-1] == "IoU"


def test_predictions_of_a_file_are_a_model_of_their_own(tmp_path, data, checkpoint):
    queries = data.queries("test")
    ranked = [Ranked([query.windows[0]], [0.5]) for query in queries[:-1]] + [Ranked([], [])]
    path = write_predictions(queries, ranked, tmp_path / "theirs.jsonl")
    report = page(write_report(checkpoint, data, tmp_path / "out.html", count=1, progress=False, listed=path))
    expected = score_predictions([one.windows for one in ranked], queries, data.thresholds, data.length_edges)["all"]
    (theirs,) = [row for row in cells(report.find(id="by-all").find_next("table")) if "theirs" in row]
    assert theirs[-1] == f"{expected['mIoU']:.1f}" and expected["R1@0.7"] == 100 * (len(queries) - 1) / len(queries)
    card = report.find(id="best-1").parent
    assert [title.get_text() for title in card.find_all("figcaption")] == ["LGN"]  # a file has no map
    assert "theirs" in card.get_text() and report.find(id="disputed")
    assert cells(report.find("table", id="all"))[0][-2] == "theirs's IoU"
    assert "--predictions" in report.get_text()


@pytest.mark.slow
def test_a_split_without_kinds_and_a_model_of_another_map(tmp_path, data, checkpoint, tiny_config, vocabulary):
    plain = [replace(query, tags={}) for query in data.queries("test")]
    other = saved(tmp_path / "other", tiny_config(num_clips=8, scales=(4, 2), guidance=0), vocabulary)
    data = replace(data, reader=lambda folder, split: plain)
    report = page(write_report(checkpoint, data, tmp_path / "out.html", baseline=other, count=1, progress=False))
    assert not report.find(id="by-kind") and report.find(id="by-length")
    maps = [title.get_text() for title in report.find(id="best-1").parent.find_all("figcaption")]
    assert maps == ["LGN", "baseline"]  # two maps of different candidates have no difference
    assert len(report.find(id="best-1").parent.select(".scale")) == 1


def test_nonsense_is_refused_before_anything_is_computed(tmp_path, data, checkpoint):
    with pytest.raises(InputError, match="count=0"):
        write_report(checkpoint, data, tmp_path / "out.html", count=0)
    with pytest.raises(InputError, match="no split 'tst'"):
        write_report(checkpoint, data, tmp_path / "out.html", split="tst", progress=False)
    assert not (tmp_path / "out.html").exists()


def test_an_output_that_cannot_be_written_is_reported_before_anything_is_computed(
    tmp_path, data, checkpoint, monkeypatch
):
    monkeypatch.setattr("lgn_lite.inspector.report.split_predictions", lambda *_: pytest.fail("computed"))
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.iterdir())
    for out, reason in (
        (tmp_path / "folder", "a folder, a device or a pipe"), (tmp_path / "pipe", "a folder, a device or a pipe"),
        (Path(os.devnull), "a folder, a device or a pipe"), (tmp_path / "file" / "report.html", ".*report.html"),
        (tmp_path / "folder" / f"{'a' * 300}.html", "aaa.html"),
    ):  # fmt: skip
        with pytest.raises((InputError, OSError), match=reason):
            write_report(checkpoint, data, out)
    monkeypatch.setattr(Path, "touch", Mock(side_effect=OSError(errno.EROFS, "Read-only file system", "x")))
    with pytest.raises(OSError, match=re.escape(f"Read-only file system: '{tmp_path / 'report.html'}'")):
        write_report(checkpoint, data, tmp_path / "report.html")
    assert sorted(tmp_path.iterdir()) == before and (tmp_path / "file").read_text() == "mine"
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.slow
def test_a_video_that_is_not_as_long_as_annotated_is_mentioned(tmp_path, data, checkpoint):
    """`clip` lasts 30 s, and its annotation says 8."""
    its = replace(data, reader=lambda folder, split: [query for query in data.queries(split) if query.video == "v1"])
    write_report(checkpoint, its, tmp_path / "report.html", count=2, progress=False)
    shown = page(tmp_path / "report.html").get_text(" ", strip=True)
    assert "The video file lasts 30.0 s, its annotation says 8.0 s" in shown


def test_sibling_baseline_is_the_same_runs_and_never_itself(tmp_path, tiny_config, vocabulary):
    full = saved(tmp_path / "models/full/best", tiny_config(), vocabulary)
    assert sibling_baseline(full) is None
    baseline = saved(tmp_path / "models/baseline/best", tiny_config(**PLAIN), vocabulary)
    assert sibling_baseline(full).folder.resolve() == baseline.folder and sibling_baseline(baseline) is None
    (baseline.folder / "config.json").write_text("{")
    with pytest.warns(UserWarning, match=r"no baseline: .*config\.json"):
        assert sibling_baseline(full) is None


def test_overlaps_are_drawn_as_shares_and_as_recall_at_every_threshold():
    overlaps = {"baseline": [0.0, 0.05, 0.5, 1.0], "LGN": [0.95, 0.95, 0.3, 0.0]}
    left, right = plot_overlaps(overlaps).axes
    assert [bar.get_height() for bar in left.containers[0]] == [50, 0, 0, 0, 0, 25, 0, 0, 0, 25]
    for line, values in zip(right.lines, overlaps.values(), strict=True):
        for m, percent in line.get_xydata()[::40]:
            assert percent == pytest.approx(100 * np.mean(np.array(values) > m))


# The command; the page in a browser: system/test_browser_report.py


@pytest.mark.slow
def test_command_names_the_file_and_finds_the_baseline(tmp_path, tiny_toy, monkeypatch):
    vocabulary = Vocabulary.from_sentences(query.sentence for query in tiny_toy.queries("train"))
    for name, settings in {"full": {}, "baseline": PLAIN}.items():
        about = About(data=tiny_toy.title, training={"variant": name})
        saved(tmp_path / name / "best", tiny_toy.config.override(**settings), vocabulary, about)
    monkeypatch.setattr("lgn_lite.data_sets.find_data_set", lambda *_, **__: tiny_toy)
    command = ["report", str(tmp_path / "full" / "best"), "--split", "val", "--count", "1"]
    ran = CliRunner().invoke(inspector_app, command)
    assert ran.exit_code == 0, ran.output
    out = tmp_path / "full" / "best" / "report-val.html"
    assert out.exists() and ran.stdout.strip() == str(out)
    report = page(out)
    text = report.find(id="worst-1").find_next("p").get_text()
    assert any(content in text for content in CONTENTS[1:])  # of drawn figures it is known what happens
    assert report.find(id="disputed") and report.select(".frame-strip img") and "preset “toy”" in report.get_text()
    assert out.stat().st_size < 8e6
