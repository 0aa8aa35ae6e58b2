"""What needs no video: LGN with the sentence alone, beside densities and intervals, and the command that compares."""

import json
import math
import re
import statistics

import pytest
import torch
from helpers.miniature import build_miniature
from typer.testing import CliRunner

from lgn_lite.analysis.blind import PUBLISHED_RESULTS
from lgn_lite.analysis.sentence_only import ALONE, SETTINGS, as_text, compare_without_video, pool
from lgn_lite.cli import main as cli
from lgn_lite.config import LGNConfig
from lgn_lite.data_sets import open_data_set
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.moments import Moments

ROWS = ["best constant interval", "prior only", "best interval for the verb", "action aware", "sentence-only LGN"]


@pytest.fixture(scope="module")
def annotations(tmp_path_factory):
    """The root of a miniature Charades-STA without any features."""
    root = tmp_path_factory.mktemp("annotations") / "data"
    build_miniature(root)
    return root


@pytest.mark.slow
def test_all_rows_are_of_the_whole_test_split_and_the_last_is_a_mean_over_seeds(annotations, tmp_path):
    data = open_data_set("charades-sta", root=annotations)
    assert data.features is None
    found = compare_without_video(data, tmp_path, seeds=(3, 4), workers=1)
    assert list(found["rows"]) == ROWS and list(found["seeds"]) == ["3", "4"]
    assert {row["queries"] for row in found["rows"].values()} == {len(data.queries("test"))}
    for name, mean in found["rows"]["sentence-only LGN"].items():
        values = [row[name] for row in found["seeds"].values()]
        assert mean == pytest.approx(statistics.mean(values))
        if name != "queries":
            assert found["spread"][name] == pytest.approx(statistics.stdev(values))
    assert found["name"] == "charades-sta" and found["published"]["prior only"]["R1@0.5"] == 23.6
    json.dumps(found, allow_nan=False)

    before = (tmp_path / "seed-3" / "history.json").stat().st_mtime_ns
    single = [compare_without_video(data, tmp_path, seeds=[seed], workers=1) for seed in (4, 3)]
    assert (tmp_path / "seed-3" / "history.json").stat().st_mtime_ns == before  # trained once
    assert single[1]["spread"]["R1@0.5"] == 0 and pool(single) == {"charades-sta": found}


def made(name: str = "charades-sta", prior: float = 20.0, **seeds: float) -> dict:
    """A comparison with two rows of two metrics, R1@0.5 of each seed given."""
    rows = {"prior only": {"queries": 8, "R1@0.5": prior, "mIoU": 9.0}}
    alone = {number.strip("_"): {"queries": 8, "R1@0.5": value, "mIoU": 9.0} for number, value in seeds.items()}
    mean = {"queries": 8.0, "R1@0.5": statistics.mean(seeds.values()), "mIoU": 9.0}
    spread = {"R1@0.5": statistics.stdev(seeds.values()) if len(seeds) > 1 else 0.0, "mIoU": 0.0}
    about = {"name": name, "data_set": name.upper(), "published": PUBLISHED_RESULTS.get(name, {})}
    return about | {"rows": rows | {ALONE: mean}, "seeds": alone, "spread": spread}


def test_single_seeds_are_put_together_by_data_set():
    asked = [made(_10=40.0), made("tacos", _0=5.0), made(_2=30.0), made(_0=38.0)]
    assert pool(asked) == {"charades-sta": made(_0=38.0, _2=30.0, _10=40.0), "tacos": made("tacos", _0=5.0)}
    assert list(pool(asked)["charades-sta"]["seeds"]) == ["0", "2", "10"]
    assert pool([]) == {}


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (made(_1=30.0, _0=38.0), "CHARADES-STA: seed 0 stands in two runs"),
        (made(_1=30.0, prior=21.0), "CHARADES-STA: two runs read different annotations"),
    ],
)
def test_runs_that_do_not_belong_together(other, told):
    with pytest.raises(InputError, match=told):
        pool([made(_0=40.0), other])


def test_as_text_puts_published_figures_below_ours():
    shown = as_text(made("tacos", _0=5.0, _1=6.0))
    assert list(shown) == [
        "prior only",
        ALONE,
        *(f"{n} ({row['source']})" for n, row in PUBLISHED_RESULTS["tacos"].items()),
    ]
    assert shown[ALONE] == {"R1@0.5": "5.5 ± 0.7"} and shown["prior only"] == {"R1@0.5": "20.0"}
    assert shown["2D-TAN (Liu et al., 2020, Table 3)"] == {"R1@0.5": "25.32"}
    assert as_text(made(_0=5.0))[ALONE] == {"R1@0.5": "5.0"}  # one seed has no deviation
    assert as_text(made("toy-sta", _0=5.0)) == {"prior only": {"R1@0.5": "20.0"}, ALONE: {"R1@0.5": "5.0"}}


def scores_without_video(**settings) -> torch.Tensor:
    """(P,) logits of a blind model for one sentence."""
    config = LGNConfig(**SETTINGS, vocabulary_size=9).override(**settings)
    words = torch.tensor([[2, 5, 3]])
    with torch.no_grad():
        return LGN(config).eval()(torch.zeros(1, 16, 8), words, torch.tensor([3]))[0]


def test_without_a_video_only_the_border_of_the_map_tells_a_candidate_its_place():
    moments = Moments(16, (16,))
    starts, ends = (moments.starts * 16).round(), (moments.ends * 16).round() - 1
    to_border = torch.minimum(torch.minimum(starts, 15 - ends), ends - starts)  # cells
    near = scores_without_video(layers=1, kernel=3, guidance=1, padding=1)
    inside = near[to_border > 1]
    assert len(inside) > 20 and inside.std() < 1e-6 < near.std()
    far = scores_without_video()
    assert far[to_border > 1].std() > 1e-4


def test_the_command_prints_all_rows_beside_the_published_figures(annotations, tmp_path):
    asked = ["blind", "charades-sta", "--seeds", "1", "--root", str(annotations), "--runs-dir", str(tmp_path)]
    shown = CliRunner().invoke(cli.app, asked)
    assert shown.exit_code == 0, shown.output
    results = json.loads((tmp_path / "blind" / "charades-sta" / "results.json").read_text())
    for label, row in as_text(results).items():
        lines = [line.removeprefix(label).split() for line in shown.output.splitlines() if line.startswith(label)]
        assert [text for text in row.values() if text] in lines
    assert f"{results['rows'][ALONE]['R1@0.5']:.1f}" in shown.output and "human annotators, highest" in shown.output
    assert math.isclose(results["spread"]["R1@0.5"], 0.0)  # one seed


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*pairs kept")
def test_the_survey_prints_table_1_and_explains_it(shared):
    root = shared("data/tacos/train.json").parents[1]
    shown = CliRunner().invoke(cli.app, ["data", "survey", "--root", str(root)])
    assert shown.exit_code == 0, shown.output
    assert all(text in shown.output for text in ("12404", "9790", "Table 1", "136.6", "54/24/22 %"))


def test_the_summary_prints_settings_and_costs():
    shown = CliRunner().invoke(cli.app, ["summary", "tacos", "-s", "layers=6"])
    assert shown.exit_code == 0, shown.output
    assert re.search(r"^  layers \* +6 ", shown.output, re.M)  # marked: not as in the preset of Charades-STA
    assert "map convolution" in shown.output and "total" in shown.output
