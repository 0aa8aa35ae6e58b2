"""The benchmarks on the processor: numbers that mean something, whatever they are."""

import math

import pytest
import torch
from typer.testing import CliRunner

from lgn_lite.cli import main as cli
from lgn_lite.errors import InputError
from lgn_lite.study.speed import convolution_benchmark, evaluation_benchmark


def test_it_gives_seconds_and_their_ratio():
    found = convolution_benchmark("toy", batch=1, rounds=3)
    assert (found["preset"], found["batch"]) == ("toy", 1)
    for name in ("list_seconds", "dense_seconds", "ratio"):
        assert math.isfinite(found[name]) and found[name] > 0


def test_one_round_s_ratio_is_that_of_its_times():
    found = convolution_benchmark("toy", batch=1, rounds=1)
    assert found["ratio"] == pytest.approx(found["dense_seconds"] / found["list_seconds"])


def test_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match="no preset 'charades'"):
        convolution_benchmark("charades")


@pytest.mark.parametrize("preset", ["toy", "charades-sta"])
def test_the_benchmark_compares_two_equal_ways(preset, monkeypatch):
    found = evaluation_benchmark(preset, queries=20)
    assert found["equal"] and found["queries"] == 20
    assert found["seconds"]["all"] >= max(found["seconds"][part] for part in ("ranking", "NMS", "recall"))
    assert found["ratio"] == pytest.approx(found["naive_seconds"] / found["seconds"]["all"])
    monkeypatch.setattr("lgn_lite.study.speed.temporal_nms", lambda segments, threshold, keep: torch.arange(keep))
    assert not evaluation_benchmark(preset, queries=20)["equal"]


def test_the_command_says_what_was_timed():
    ran = CliRunner().invoke(
        cli.app, ["benchmark", "evaluation", "--preset", "toy", "--queries", "10", "--rounds", "1"]
    )
    assert ran.exit_code == 0
    assert "toy, 10 queries × 132 candidates: ranking" in ran.output and "the same answers" in ran.output
    ran = CliRunner().invoke(cli.app, ["benchmark", "--preset", "toy", "--batch", "1", "--rounds", "1"])
    assert ran.exit_code == 0 and "toy, batch 1: list" in ran.output
