"""Toy-STA: one right moment a sentence, held-out compositions kept away, files whole and repeatable."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import asdict
from itertools import combinations

import av
import numpy as np
import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.annotations import read_toy_sta
from lgn_lite.errors import InputError
from lgn_lite.metrics import best_constant_interval
from lgn_lite.moments import interval_iou
from lgn_lite.support import files
from lgn_lite.support.error_lines import os_error_line
from lgn_lite.text import GLOVE_50, read_glove, tokenize
from lgn_lite.toy import (
    ACTIVITIES,
    COLOURS,
    CONCEPTS,
    KINDS,
    ORDINALS,
    SHAPES,
    SPLITS,
    VERBS,
    Event,
    Scene,
    concept_frames,
    describe,
    draw_frame,
    held_out,
)
from lgn_lite.toy import build as toy
from lgn_lite.toy.captions import TEMPLATES, every_word
from lgn_lite.toy.scenes import make_scene
from lgn_lite.toy.world import HANDS, PAIRS, RELATIONS, STATES

NANO = {"train": 2, "val": 1, "test": 1, "test-composition": 1}


@pytest.fixture
def nano(monkeypatch):
    monkeypatch.setitem(toy.SIZES, "nano", NANO)


scenes = st.builds(
    make_scene,
    seed=st.integers(0, 50),
    split=st.sampled_from(SPLITS),
    index=st.integers(0, 500),
    num_figures=st.sampled_from([2, 3]),
    long=st.sampled_from([False, False, False, True]),
)


def matching(scene: Scene, tags: dict) -> list[tuple[float, float]]:
    """All moments that a sentence's tags are true of: the grammar's meaning, written a second time."""

    def events(figure, activity):
        found = [e for e in scene.events if " ".join(scene.figures[e.figure]) == figure and e.activity == activity]
        return sorted(found, key=lambda e: e.start)

    found = events(tags["figure"], tags["activity"])
    others = events(tags["other_figure"], tags["other_activity"])
    pairs = [(a, b) for a in found for b in others]
    if tags["relation"] == "then":
        both = sorted([*found, *others], key=lambda e: e.start)
        return [(a.start, b.end) for a, b in pairs if a.end <= b.start
                and not any(a.end < e.end and e.start < b.start for e in both if e not in (a, b))]  # fmt: skip
    if tags["relation"] == "while":
        shared = [(max(a.start, b.start), min(a.end, b.end)) for a, b in pairs]
        return [(start, end) for start, end in shared if start < end]
    if tags["relation"] == "until":
        return [(a.start, b.start) for a, b in pairs if a.start < b.start < a.end]
    if tags["relation"]:
        (other,) = others  # the other event must be unique itself
        after = tags["relation"] == "after"
        found = [e for e in found if (e.start >= other.end if after else e.end <= other.start)]
    spans = [(e.start, e.end) for e in found]
    if tags["ordinal"] == "last":
        return spans[-1:]
    if tags["ordinal"]:
        number = ("first", "second", "third", "fourth").index(tags["ordinal"])
        return spans[number : number + 1]
    return spans


@settings(max_examples=80, deadline=None)
@given(scenes)
def test_every_sentence_has_exactly_one_right_moment(scene):
    for query in describe(scene):
        tags = query.tags
        assert matching(scene, tags) == [(query.start, query.end)], query
        if tags["kind"] in PAIRS:
            assert tags["relation"] == {"sequence": "then"}.get(tags["kind"], tags["kind"])
            assert (tags["figure"] == tags["other_figure"]) == (tags["kind"] == "sequence")
            continue
        plain = matching(scene, {**tags, "relation": ""})
        if tags["kind"] == "attribute":
            assert not tags["relation"] and not tags["ordinal"]
        elif tags["kind"] == "temporal":  # without the relation it is open which one is meant
            assert len(plain) > 1 and not tags["ordinal"]
        elif tags["kind"] == "ordinal":
            assert len(matching(scene, {**tags, "ordinal": ""})) > 1 and not tags["relation"]
        else:  # both are needed: each alone gives another answer or several
            assert plain != [(query.start, query.end)]
            assert len(matching(scene, {**tags, "ordinal": ""})) > 1


@settings(max_examples=50, deadline=None)
@given(scenes)
def test_sentences_say_what_the_tags_say(scene):
    queries = describe(scene)
    assert queries and len({q.sentence for q in queries}) == len(queries)
    for query in queries:
        tags, words = query.tags, query.sentence.lower().rstrip(".").replace(",", "").split()
        assert words.count(tags["ordinal"]) == 1 or tags["ordinal"] in ("", "first")
        figures = [tags["figure"]] + [tags["other_figure"]] * (tags["other_figure"] != tags["figure"])
        named = [name for figure in figures if figure for name in figure.split()]
        if scene.split != "test-words":
            assert Counter(w for w in words if w in COLOURS + SHAPES) == Counter(named)
            assert not set(words) & NEW
        else:
            assert set(words) & NEW  # a word at least that training never sees
        if tags["relation"] in ("before", "after", "then"):  # of the others there are paraphrases
            assert tags["relation"] in words


NEW = set(every_word()) - {
    word for verbs in (*VERBS.values(), *TEMPLATES.values()) for verb in verbs for word in verb.split()
} - {*COLOURS, *SHAPES, *ORDINALS, *RELATIONS, "the", "little", "small", "in"}  # fmt: skip


def test_words_of_the_split_of_new_words():
    """Training's sentences hold none of them, and each has a real vector."""
    train = {w for i in range(60) for q in describe(make_scene(0, "train", i)) for w in tokenize(q.sentence)}
    new = {w for i in range(60) for q in describe(make_scene(0, "test-words", i)) for w in tokenize(q.sentence)}
    assert new - train == NEW and {"leaps", "parasol", "sphere"} <= NEW
    assert read_glove(GLOVE_50, sorted(train | new), 50)[1].all()


def test_new_words_are_about_the_same_moments():
    for index in range(20):
        plain, new = (describe(make_scene(0, split, index)) for split in ("test", "test-words"))
        said, anew = ({(q.video, q.start, q.end, *q.tags.values()) for q in queries} for queries in (plain, new))
        assert said == anew


@settings(max_examples=50, deadline=None)
@given(scenes)
def test_timelines_are_possible(scene):
    assert 34 <= scene.duration <= 48 or 240 <= scene.duration <= 600
    for (c1, s1), (c2, s2) in combinations(scene.figures, 2):
        assert (c1, s1) != (c2, s2)
    for figure in range(len(scene.figures)):
        own = [e for e in scene.events if e.figure == figure]
        assert all(0.3 <= e.start < e.end <= scene.duration - 0.3 + 1e-9 for e in own)
        for a, b in combinations(own, 2):
            if not (a.start - b.end >= 0.599 or b.start - a.end >= 0.599):  # at once: one lasts, and hands are free
                assert (a.activity in STATES) != (b.activity in STATES)
                assert not (a.activity in HANDS and b.activity in HANDS)


def test_moments_are_short_and_long_and_nested():
    """Lengths from 1.5 to over 20 s, each octave well filled; one event within another."""
    scenes = [make_scene(0, "train", i) for i in range(100)]
    lengths = np.array([q.end - q.start for s in scenes for q in describe(s)])
    assert lengths.min() >= 1.5 and lengths.max() > 20
    shares = np.histogram(lengths, [1.5, 3, 6, 12, 24])[0] / len(lengths)
    assert shares.min() > 0.05 and shares.max() < 0.5
    nested = [any(a.start < b.start and b.end < a.end for a in s.events for b in s.events) for s in scenes]
    assert np.mean(nested) > 0.8
    alike = [(f[0][0] == f[1][0]) or (f[0][1] == f[1][1]) for f in (s.figures for s in scenes)]
    assert 0.3 < np.mean(alike) < 0.7  # then it takes colour and shape to name a figure


def test_no_rule_by_place_answers_ordinals():
    """The first, the last, the one nearest to any point of the video: at most 10 points above chance."""
    hits, chance = defaultdict(list), []
    for scene in (make_scene(0, "train", i) for i in range(250)):
        for q in describe(scene):
            if q.tags["kind"] != "ordinal":
                continue
            among = matching(scene, {**q.tags, "ordinal": ""})
            chance.append(1 / len(among))
            for at in (0, 0.25, 0.5, 0.75, 1):
                best = min(among, key=lambda span: abs(sum(span) / 2 / scene.duration - at))
                hits[at].append(best == (q.start, q.end))
    assert len(chance) > 400
    assert max(np.mean(hit) for hit in hits.values()) < np.mean(chance) + 0.1


def test_the_words_alone_say_little():
    """The best interval for each kind, relation, ordinal and activity: at most 5 points above one for all."""
    train, val = ([q for i in range(250) for q in describe(make_scene(0, split, i))] for split in ("train", "val"))

    def score(key):
        spans = defaultdict(list)
        for q in train:
            spans[key(q)].append(q.span)
        best = {k: best_constant_interval(torch.tensor(s)) for k, s in spans.items() if len(s) >= 10}
        everywhere = best_constant_interval(torch.tensor([q.span for q in train]))
        found = torch.tensor([best.get(key(q), everywhere) for q in val])
        return 100 * (interval_iou(found, torch.tensor([q.span for q in val])) > 0.5).float().mean().item()

    constant = score(lambda q: 0)
    for tags in (("kind",), ("kind", "relation", "ordinal"), ("kind", "activity"), ("activity",)):
        assert score(lambda q, tags=tags: tuple(q.tags[t] for t in tags)) < constant + 5


@settings(max_examples=50, deadline=None)
@given(scenes)
def test_held_out_compositions_are_only_in_their_split(scene):
    shown = [held_out(*scene.figures[e.figure], e.activity) for e in scene.events]
    asked = [held_out(*q.tags["figure"].split(), q.tags["activity"]) for q in describe(scene)]
    if scene.split == "test-composition":
        assert asked and all(asked)
    else:
        assert not any(shown) and not any(asked)


def test_an_eighth_of_the_compositions_is_held_out_evenly():
    kept = [(c, s, a) for c in COLOURS for s in SHAPES for a in ACTIVITIES if held_out(c, s, a)]
    assert len(kept) == len(COLOURS) * len(SHAPES) * len(ACTIVITIES) / 8
    assert Counter(a for _, _, a in kept) == dict.fromkeys(ACTIVITIES, 2)
    for place, names in (
        (0, COLOURS),
        (1, SHAPES),
    ):  # each colour and each shape is still seen in each activity
        for name in names:
            assert len({k[2] for k in kept if k[place] == name}) == 4


@pytest.mark.parametrize("split", SPLITS)
def test_all_kinds_are_asked(split):
    kinds = Counter(q.tags["kind"] for i in range(40) for q in describe(make_scene(0, split, i)))
    assert set(kinds) == set(KINDS)
    assert kinds["attribute"] > kinds["both"]


def test_neither_figure_nor_activity_alone_finds_the_moment():
    queries = [(s, q) for i in range(40) for s in [make_scene(0, "test", i)] for q in describe(s)]
    shared = sum(
        any(e.activity == q.tags["activity"] and " ".join(s.figures[e.figure]) != q.tags["figure"] for e in s.events)
        for s, q in queries
    )
    assert shared > 0.6 * len(queries)


def test_scene_depends_on_seed_split_and_index_only():
    again = asdict(make_scene(3, "val", 5))
    assert again == asdict(make_scene(3, "val", 5))
    for other in (make_scene(4, "val", 5), make_scene(3, "test", 5), make_scene(3, "val", 6)):
        assert asdict(other)["events"] != again["events"]
    with pytest.raises(InputError, match="'training'"):
        make_scene(0, "training", 0)
    with pytest.raises(InputError, match="num_figures is 4"):
        make_scene(0, "train", 0, num_figures=4)


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_each_activity_is_drawn_where_its_figure_is(activity):
    figures = [("red", "circle"), ("blue", "star")]
    busy = Scene("x", "", 30, figures, [Event(0, activity, 2, 6)], look=5)
    idle = Scene("x", "", 30, figures, [], look=5)
    frame, plain = draw_frame(busy, 4.2), draw_frame(idle, 4.2)
    assert frame.shape == (192, 192, 3) and frame.dtype == np.uint8
    changed = (frame != plain).any(-1)
    assert changed.sum() > 400  # large enough to survive shrinking to 48 x 48
    left = draw_frame(Scene("x", "", 30, figures, [Event(1, activity, 2, 6)], look=5), 4.2) != plain
    assert abs(np.nonzero(changed)[1].mean() - np.nonzero(left)[1].mean()) > 50  # each in its own half
    for t in (1.9, 6.0):  # the end is not part of the moment
        assert np.array_equal(draw_frame(busy, t), draw_frame(idle, t))


def test_concept_frames_are_labelled_and_repeatable():
    frames, labels = concept_frames(64, seed=1)
    again, _ = concept_frames(64, seed=1)
    assert frames.shape == (64, 48, 48, 3) and frames.dtype == np.uint8
    assert labels.shape == (64, len(CONCEPTS)) and labels.dtype == np.float32
    assert np.array_equal(frames, again)
    assert not np.array_equal(frames, concept_frames(64, seed=2)[0])
    colours, shapes = labels[:, :4].sum(1), labels[:, 4:8].sum(1)
    assert set(colours) == set(shapes) == {0, 1, 2}
    assert np.array_equal(colours == 0, labels.sum(1) == 0)  # a sleeper has nothing to name
    assert labels.any(0).all()
    for label in labels[(colours == 1) & (shapes == 1)]:  # one figure: its composition is known
        colour, shape, *doing = [name for name, present in zip(CONCEPTS, label, strict=True) if present]
        assert len(doing) >= 1 and not (len(doing) <= 2 and any(held_out(colour, shape, a) for a in doing))
    with pytest.raises(InputError, match="must divide"):
        concept_frames(1, seed=0, size=50)


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(toy.SIZES, "nano", NANO)
        yield toy.build_toy_sta(tmp_path_factory.mktemp("toy"), "nano", seed=1, workers=1, progress=False)


@pytest.mark.slow
def test_build_is_the_same_for_any_number_of_workers(built, tmp_path, nano):
    one = contents(built)
    two = contents(toy.build_toy_sta(tmp_path, "nano", seed=1, workers=2, progress=False))
    assert sorted(one) == sorted(two)
    assert [name for name in one if one[name] != two[name]] == []
    assert sum(name.endswith(".mp4") for name in one) == 5
    assert not any("partial" in name for name in one)


def test_built_files_read_back(built):
    counts = json.loads((built / "toy_sta.json").read_text(encoding="utf-8"))["counts"]
    for split, number in NANO.items():
        made = [q for i in range(number) for q in describe(make_scene(1, split, i))]
        assert read_toy_sta(built, split) == made  # the files keep times, sentences and tags exactly
        assert counts[split] == {"videos": number, "queries": len(made)}


def test_built_videos_show_the_scenes(built):
    for split in SPLITS:
        scene = make_scene(1, split, 0)
        with av.open(built / "videos" / f"{scene.name}.mp4") as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 192, 192)
            assert float(stream.duration * stream.time_base) == pytest.approx(scene.duration, abs=0.01)
            frames = list(container.decode(stream))
        assert len(frames) == scene.duration * toy.FPS
        for i in (0, 100, len(frames) - 1):
            drawn = draw_frame(scene, i / toy.FPS).astype(int)
            assert np.abs(frames[i].to_ndarray(format="rgb24") - drawn).mean() < 6


def test_interrupted_build_goes_on(tmp_path, nano, monkeypatch):
    drawn = []

    def interrupted(path, frames, fps):
        drawn.append(path.name)
        if len(drawn) == 3:
            raise KeyboardInterrupt
        path.write_bytes(b"whole")

    monkeypatch.setattr(toy, "write_video", interrupted)
    with pytest.raises(KeyboardInterrupt):
        toy.build_toy_sta(tmp_path, "nano", workers=1, progress=False)
    assert not (tmp_path / "toy_sta.json").exists()
    with pytest.raises(InputError, match=r"seed=0, not 1; remove .* or give another folder"):
        toy.build_toy_sta(tmp_path, "nano", seed=1, workers=1, progress=False)
    toy.build_toy_sta(tmp_path, "nano", workers=1, progress=False)
    assert Counter(drawn) == {name: 1 + (name == drawn[2]) for name in drawn} and len(set(drawn)) == 5
    toy.build_toy_sta(tmp_path, "nano", workers=1, progress=False)  # whole now: nothing is drawn again
    assert len(drawn) == 6


def test_videos_of_unknown_settings_are_drawn_again(tmp_path, nano, monkeypatch):
    (tmp_path / "videos").mkdir()
    stale = tmp_path / "videos" / "toy-train-0000.mp4"
    stale.write_bytes(b"stale")
    monkeypatch.setattr(toy, "write_video", lambda path, frames, fps: path.write_bytes(b"new"))
    toy.build_toy_sta(tmp_path, "nano", workers=1, progress=False)
    assert stale.read_bytes() == b"new"


def test_other_settings_in_the_same_folder_are_an_error(tmp_path, nano, monkeypatch):
    monkeypatch.setattr(toy, "write_video", lambda path, frames, fps: path.write_bytes(b"new"))
    toy.build_toy_sta(tmp_path, "nano", workers=1, progress=False)
    with pytest.raises(InputError, match=r"toy_sta\.json: made with num_figures=2, not 3; remove"):
        toy.build_toy_sta(tmp_path, "nano", workers=1, num_figures=3, progress=False)
    with pytest.raises(InputError, match="'huge'"):
        toy.build_toy_sta(tmp_path, "huge", progress=False)


# ── Real days ─────────────────────────────────────────────────────────────────────────────────

BUILD = """
import sys, time
from lgn_lite.toy import build as toy
from lgn_lite.support.error_lines import errors_as_lines
toy.SIZES["nano"] = {"train": 2, "val": 1, "test": 1, "test-composition": 1}
if __name__ == "__main__":
    with errors_as_lines():
        toy.build_toy_sta(sys.argv[1], "nano", workers=2, progress=False)
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_drawing_leaves_no_process_and_the_next_call_goes_on(tmp_path, nano, number):
    (tmp_path / "build.py").write_text(BUILD, encoding="utf-8")
    folder, videos = tmp_path / "toy", tmp_path / "toy" / "videos"
    command = [sys.executable, str(tmp_path / "build.py"), str(folder)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not list(videos.glob(".*.mp4")):
            assert process.poll() is None
            time.sleep(0.005)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert len(workers) >= 2 and not alive and list(videos.glob(".*")) == []
    # what workers leave that were killed too, of this version and of older ones, and a user's
    ended = process.pid
    (videos / f".toy-train-0000.lgn_lite-{ended}-{files._machine()}-00000000.mp4").write_bytes(b"half")
    (videos / f".toy-train-0001.{ended}.mp4").write_bytes(b"half")
    (videos / "._toy-train-0001.mp4").write_bytes(b"of a Mac")
    toy.build_toy_sta(folder, "nano", workers=0, progress=False)
    assert sorted(path.name for path in videos.glob(".*")) == ["._toy-train-0001.mp4"]
    if number == signal.SIGKILL:
        toy.build_toy_sta(tmp_path / "whole", "nano", workers=0, progress=False)
        for path in (tmp_path / "whole").rglob("*.*"):
            assert (folder / path.relative_to(tmp_path / "whole")).read_bytes() == path.read_bytes()


def test_videos_of_other_names_are_not_touched(tmp_path, nano):
    (tmp_path / "videos").mkdir()
    for name in ("toy-mine.mp4", "toy-train-0000-cut.mp4", "toy-train-0000.mp4"):
        (tmp_path / "videos" / name).write_bytes(b"mine")
    toy.build_toy_sta(tmp_path, "nano", workers=0, progress=False)
    mine = [path.name for path in (tmp_path / "videos").iterdir() if path.read_bytes() == b"mine"]
    assert sorted(mine) == ["toy-mine.mp4", "toy-train-0000-cut.mp4"]


@pytest.mark.parametrize("content", ["", "[]", "{", "null", '{"size": NaN}', "[" * 100_000, "\0" * 50])
@pytest.mark.parametrize("name", ["toy_sta.json", "toy_sta.partial.json"])
def test_a_damaged_note_is_one_line(tmp_path, nano, content, name):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=rf"{name}.*; remove the folder and build again"):
        toy.build_toy_sta(tmp_path, "nano", workers=0, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_seed_below_zero_is_one_line(tmp_path, nano):
    with pytest.raises(InputError, match="seed -1: must not be below 0"):
        toy.build_toy_sta(tmp_path, "nano", seed=-1)


def test_a_full_disk_is_told_with_the_file(tmp_path, nano):
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(tmp_path)]
    if os.name == "nt" or os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        with pytest.raises(OSError) as told:
            toy.build_toy_sta(tmp_path / "toy", "nano", workers=0, progress=False)
        assert re.match(rf"{tmp_path}/toy/videos/toy-train-000\d\.mp4: No space left", os_error_line(told.value))
        assert list((tmp_path / "toy" / "videos").glob(".*")) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
