"""The benchmark of the two convolutions: numbers that mean something, whatever they are."""

import math

import pytest

from lgn_lite.benchmark import convolution_benchmark
from lgn_lite.errors import InputError


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
