"""Exercises of 07_late_guidance."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


def guide_cell(solution: Callable[[list, list], list]) -> None:
    """guide_cell(features, alpha): one candidate's channels, weighted and divided by their norm (eq. 3)."""
    cases = [
        (([3.0, 4.0], [1.0, 1.0]), [0.6, 0.8], "With α = 1 only the norm is left: 3² + 4² = 5²."),
        (([1.0, 2.0], [3.0, 2.0]), [0.6, 0.8], "Weight each channel by its own α before you take the norm."),
        (([3.0, 4.0], [-10.0, 10.0]), [-0.6, 0.8], "A negative α negates its channel; the norm is never negative."),
        (([5.0, 0.0, 2.0], [0.0, 7.0, 1.0]), [0.0, 0.0, 1.0], "A channel with α = 0 is shut."),
        (([0.0, 0.0], [1.0, 2.0]), [0.0, 0.0], "Zeros stay zeros: guard against a division by zero."),
    ]
    try_cases("guide_cell", solution, cases, "This is one row of LateGuidance(norm='cell', scale='unit').")


def same_guidance(solution: Callable[[list, list, str], bool]) -> None:
    """same_guidance(alpha, other, norm): whether two attentions without zeros guide every map alike."""
    cases = [
        (([1.0, 2.0], [1.0, 2.0], "cell"), True, "Equal attentions guide alike under any norm."),
        (([1.0, 2.0], [7.0, 0.5], "map"), True, "By its own norm, a channel keeps the sign of α_i alone."),
        (([1.0, 2.0], [-1.0, 2.0], "map"), False, "The sign survives: channel 0 is negated."),
        (([1.0, 2.0], [10.0, 20.0], "cell"), True, "A row shares the factor 10, so it cancels."),
        (([1.0, 2.0], [10.0, 2.0], "cell"), False, "Over a cell's channels the ratios survive: 1 : 2 is not 5 : 1."),
        (([1.0, 2.0], [-1.0, -2.0], "cell"), False, "The common factor is −1: all channels are negated."),
        (([1.0, 2.0], [10.0, 20.0], "none"), False, "Without a norm nothing cancels."),
    ]
    try_cases("same_guidance", solution, cases, "Only 'none' keeps all of α; 'map' keeps nothing but signs.")


def entry_size(solution: Callable[[int, str], float]) -> None:
    """entry_size(channels, scale): root mean square of a candidate's channels after a guidance module."""
    cases = [
        ((4, "unit"), 0.5, "Four squares sum up to 1, so their mean is 1/4, and its root 1/2."),
        ((64, "unit"), 0.125, "1/√C: the more channels, the smaller each of them."),
        ((64, "rms"), 1.0, "The scale rms multiplies by √C, which undoes it."),
        ((512, "unit"), 512**-0.5, "1/√C holds for the paper's 512 channels too."),
    ]
    try_cases("entry_size", solution, cases, "In the paper's model the next layer starts from 0.044.")
