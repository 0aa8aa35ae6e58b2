"""Initialisation: the runs of the study, the step at which they pass a level, and the signal at step one."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from lgn_lite.checkpoint import load_checkpoint
from lgn_lite.config import LGNConfig, TrainSettings
from lgn_lite.errors import InputError
from lgn_lite.recipes import COURSE, VARIANTS, Recipe, train_variant
from lgn_lite.study.initialisation import INITIALISATIONS, choose_rate, run_initialisations, signal_at_start, steps_to


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("starts")


RUN = ("published", "full", 3, 2e-3)


@pytest.fixture(scope="module")
def records(small_toy, folder):
    runs = [RUN, ("course", "baseline", 0, 1e-3)]
    return run_initialisations(small_toy, folder, runs, every=4, recipe=Recipe(profile="smoke"), workers=1)


def test_a_record_holds_its_run_and_its_curve(records, folder):
    first, second = records
    assert [first[key] for key in ("start", "variant", "seed", "learning_rate")] == list(RUN)
    assert (second["start"], second["variant"], second["learning_rate"]) == ("course", "baseline", 1e-3)
    steps = json.loads((folder / "published/full/seed-3-lr-0.002/history.json").read_text())[-1]["step"]
    assert list(map(int, first["curve"])) == list(range(4, steps + 1, 4))
    assert all(0 <= value <= 100 for record in records for value in record["curve"].values())
    settings = json.loads((folder / "published/full/seed-3-lr-0.002/settings.json").read_text())
    assert settings["model"]["init"] == "torch" and settings["training"]["optimiser"] == "adam"
    json.dumps(records, allow_nan=False)


def test_finished_runs_are_not_trained_again(records, small_toy, folder):
    path = folder / "course/baseline/seed-0-lr-0.001/history.json"
    before = path.stat().st_mtime_ns
    runs = [("course", "baseline", 0, 1e-3)]
    again = run_initialisations(small_toy, folder, runs, every=4, recipe=Recipe(profile="smoke"), workers=1)
    assert again == records[1:] and path.stat().st_mtime_ns == before


@pytest.mark.slow
def test_validation_changes_nothing(records, small_toy, folder, tmp_path):
    training = {**INITIALISATIONS["published"].training, "learning_rate": 2e-3}
    recipe = Recipe("full", "smoke", 3, INITIALISATIONS["published"].model, training)
    train_variant(small_toy, tmp_path, recipe, progress=False)
    without, validated = (
        load_checkpoint(path / "last").model.state_dict()
        for path in (tmp_path, folder / "published/full/seed-3-lr-0.002")
    )
    assert all(torch.equal(value, validated[name]) for name, value in without.items())


def test_the_initialisations_lead_from_2d_tans_to_the_courses():
    published, course, cosine = (
        Recipe(training=INITIALISATIONS[name].training).train_settings("toy-sta")
        for name in ("published", "course", "cosine")
    )
    for name in ("optimiser", "weight_decay", "schedule", "warmup"):
        assert getattr(published, name) == getattr(TrainSettings(), name), name
    assert course == COURSE and not INITIALISATIONS["course"].model
    differences = []
    for name in [*INITIALISATIONS][:-1]:
        now = {**INITIALISATIONS[name].model, **INITIALISATIONS[name].training}
        differences.append({key for key in published.__dict__ | {"init": ""} if key in now})
    assert all(after < before for before, after in pairwise(differences))  # one fix more
    assert cosine == replace(COURSE, schedule="cosine")


def test_an_unknown_initialisation(small_toy, tmp_path):
    with pytest.raises(InputError, match="no initialisation 'cold': choose from published, unit"):
        run_initialisations(small_toy, tmp_path, [("cold", "full", 0, 1e-3)], every=4)


def test_the_step_that_passes_is_the_first_strictly_above():
    assert steps_to({"78": 10.0, "156": 60.0, "234": 60.1, "312": 55.0, "390": 70.0}) == 234
    assert steps_to({"78": 10.0, "1014": 60.1, "936": 61.0}) == 936
    assert steps_to({"78": 60.0}) is None and steps_to({}) is None
    assert steps_to({"78": 10.0}, level=5) == 78


def test_a_rate_is_chosen_by_validation_of_the_first_seed():
    def record(seed, rate, r5, r7, start="unit"):
        return {
            "start": start, "variant": "full", "seed": seed, "learning_rate": rate,
            "best": {"R1@0.5": r5, "R1@0.7": r7},
        }  # fmt: skip

    tried = [
        record(0, 1e-3, 70, 30),
        record(0, 2e-3, 65, 40),
        record(1, 1e-3, 99, 99),
        record(0, 4e-3, 90, 90, "warmup"),
    ]
    assert choose_rate(tried, "unit", "full") == 2e-3
    with pytest.raises(InputError, match="no run of initialisation 'unit', variant 'baseline'"):
        choose_rate(tried, "unit", "baseline")


SMALL = dict(visual_dim=32, hidden=64, word_dim=32, text_dim=64, text_layers=1)  # of the paper's network, for speed


@pytest.mark.parametrize(
    ("preset", "settings", "lost"), [("toy", {}, 1e-4), ("charades-sta", SMALL, 1e-10)], ids=["toy", "charades-sta"]
)
def test_weights_of_unit_size_keep_the_signal_that_pytorchs_own_lose(preset, settings, lost):
    plain, unit = (
        signal_at_start(LGNConfig.preset(preset, init=init, **settings, **VARIANTS["baseline"]))
        for init in ("torch", "unit")
    )
    layers = LGNConfig.preset(preset).layers
    assert list(plain) == list(unit) == ["fused", *(f"map_{i}" for i in range(layers)), "scores"]
    last = f"map_{layers - 1}"
    signals = [plain[f"map_{i}"]["signal"] for i in range(layers)]
    assert signals == sorted(signals, reverse=True) and 0 < signals[-1] < lost
    assert 0.05 < unit[last]["signal"] < 20 and 0.01 < unit["scores"]["signal"] < 20
    assert plain["scores"]["signal"] < 1e-3 * unit["scores"]["signal"]
    for found in (plain, unit):
        assert all(stage["signal"] <= stage["size"] * (1 + 1e-9) for stage in found.values())


def test_the_signal_is_what_differs_between_queries():
    """Equal inputs leave none: the size of the biases is no signal."""
    config = LGNConfig.preset("toy", init="torch", **VARIANTS["baseline"])
    alone = signal_at_start(config, queries=1)
    assert alone["scores"]["size"] > 0 and all(stage["signal"] == 0 for stage in alone.values())
