"""The benchmarks on the CPU: what they time, what they compare, what the command prints."""

import pytest
import torch
from typer.testing import CliRunner

from lgn_lite.cli import main as cli
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.study import speed
from lgn_lite.study.speed import convolution_benchmark, evaluation_benchmark


def test_forward_and_backward_are_timed_in_turn_and_the_ratio_is_the_median_of_the_rounds(clock, monkeypatch):
    warm_up, calls = 100, []
    halves = {"list": [warm_up, warm_up, 0.25, 0.75, 1, 1, 2, 2], "dense": [warm_up, warm_up, 2, 6, 1.5, 0.5, 6, 6]}
    copies = {name: clock.lasting(seconds, torch.clone) for name, seconds in halves.items()}

    def convolve(model, fused):
        assert fused.shape == (3, 190, model.config.hidden)
        calls.append(model.config.convolution)
        features = copies[calls[-1]](fused)
        features.register_hook(copies[calls[-1]])  # on the way back
        return features

    monkeypatch.setattr(speed, "timer", clock.perf_counter)
    monkeypatch.setattr(LGN, "convolve", convolve)
    # a pass of the list takes 1, 2, 4 s, of the square 8, 2, 12 s: 8, 1, 3 times as long
    expected = {"preset": "toy", "batch": 3, "list_seconds": 2, "dense_seconds": 8, "ratio": 3}
    assert convolution_benchmark("toy", batch=3, rounds=3) == expected
    assert calls == ["list", "dense"] * 4


def test_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match="no preset 'charades'"):
        convolution_benchmark("charades")


@pytest.mark.parametrize("preset", ["toy", "charades-sta"])
def test_the_benchmark_compares_two_equal_ways(preset, monkeypatch):
    found = evaluation_benchmark(preset, queries=20)
    assert found["equal"] and found["queries"] == 20
    monkeypatch.setattr("lgn_lite.study.speed.temporal_nms", lambda segments, threshold, keep: torch.arange(keep))
    assert not evaluation_benchmark(preset, queries=20)["equal"]


def test_every_part_of_the_evaluation_has_its_own_seconds(clock, monkeypatch):
    for name, seconds in {"ranking": 1, "predictions_after_nms": 2, "recall": 4, "temporal_nms": 0.75}.items():
        monkeypatch.setattr(speed, name, clock.lasting(seconds, getattr(speed, name)))
    monkeypatch.setattr(speed, "timer", clock.perf_counter)
    found = evaluation_benchmark("toy", queries=28, rounds=1)
    assert found["seconds"] == {"ranking": 1, "NMS": 2, "recall": 4, "all": 7}
    assert (found["naive_seconds"], found["ratio"]) == (21, 3)  # NMS of one query after another


def test_the_command_says_what_was_timed():
    ran = CliRunner().invoke(
        cli.app, ["study", "benchmark", "evaluation", "--preset", "toy", "--queries", "10", "--rounds", "1"]
    )
    assert ran.exit_code == 0
    assert "toy, 10 queries × 190 candidates: ranking" in ran.output and "the same predictions" in ran.output
    ran = CliRunner().invoke(cli.app, ["benchmark", "--preset", "toy", "--batch", "1", "--rounds", "1"])
    assert ran.exit_code == 0 and "toy, batch 1: list" in ran.output
