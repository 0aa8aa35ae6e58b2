"""Figures in words: titles, axes, names, kinds of marks and extremes; a figure's own words come first."""

import matplotlib.pyplot as plt
import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from lgn_lite import figures as plots
from lgn_lite.figures.alt import FEW, describe, describe_plotly
from lgn_lite.moments import Moments


@pytest.fixture
def axes():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_lines_have_names_and_ends(axes):
    axes.plot([1, 2, 3], [2.5, 1, -0.5], label="loss")
    axes.plot([1, 2, 3, 4], [1, np.nan, 4, 2])
    axes.axhline(1)
    axes.set(title="Training", xlabel="step", ylabel="$L_{BCE}$")
    assert describe(axes.figure) == "Training: L_BCE over step; line “loss” from 2.5 to −0.5, line between 1 and 4"


def test_bars_have_their_categories_and_their_numbers(axes):
    axes.bar_label(axes.bar(["LGN", "baseline"], [62.5, 48]))
    axes.set_ylabel("percent")
    assert describe(axes.figure) == "percent; bars; LGN, baseline; 62.5, 48"


def test_many_names_are_counted(axes):
    axes.bar([f"row {i}" for i in range(FEW + 3)], range(FEW + 3))
    words = describe(axes.figure)
    assert f"{FEW + 3} bars up to 12" in words and f"row {FEW - 1} and 3 more" in words and f"row {FEW}" not in words


def test_maps_have_their_range_and_what_it_is_of(axes):
    axes.imshow([[1, np.nan], [1, 1]])  # a mask
    image = axes.imshow([[1e-9, np.nan], [0.2, 0.9]])
    axes.figure.colorbar(image, label="score")
    assert describe(axes.figure) == "map of score from 0 to 0.9"


def test_pictures_are_counted_and_empty_panels_left_out():
    figure, (left, right, last) = plt.subplots(1, 3)
    for _ in range(3):
        left.imshow(np.zeros((4, 4, 3)))
    right.scatter([1, 2], [1, 2])
    last.axis("off")
    figure.suptitle("Frames")
    assert describe(figure) == "Frames. 2 panels. 3 pictures. points"
    plt.close(figure)


def test_an_empty_figure_is_a_drawing():
    assert describe(plt.Figure()) == "a drawing"


def test_a_figure_s_own_words_come_first(axes):
    axes.set_title("Training")
    axes.figure.set_label("Words of its own")
    assert describe(axes.figure) == "Words of its own"
    own = go.Figure(layout={"meta": {"alt": "Words of its own"}, "title": "Training"})
    assert describe_plotly(own.to_plotly_json()) == "Words of its own"


def test_the_diagram_says_what_is_highlighted():
    assert describe(plots.draw_model(["late", "fusion"])).endswith("Highlighted: fusion, late.")
    assert "Highlighted" not in describe(plots.draw_model())


def test_predictions_are_in_the_words():
    words = describe(plots.plot_predictions({"LGN": [(1, 4)]}, 20, (1, 5), "a red circle"))
    assert words.startswith("“a red circle”: ") and "LGN" in words and "1.0 – 4.0 s" in words and "0.75" in words


def test_plotly_s_figures_have_titles_axes_names_and_notes():
    moments = Moments(4, (4,))
    figure = plots.map_figure(moments, torch.rand(10), 20, (5, 10), title="LGN &lt;late&gt;")
    words = describe_plotly(figure.to_plotly_json())
    assert words.startswith("LGN <late>: interactive figure: map") and "end (seconds), start (seconds)" in words
    assert "ground truth" in words and "prediction" in words
    words = describe_plotly(plots.predictions_figure({"LGN": [(1, 4)]}, 20).to_plotly_json())
    assert "bars" in words and "1.0 – 4.0 s" in words
    assert describe_plotly({}) == "interactive figure: empty"


def test_an_axis_may_hold_words_or_dates(axes):
    axes.plot([0.5, 0.7, 0.9], ["paper", "ours", "TACoS"], "o", label="R1@0.5")
    assert describe(axes.figure) == "points; paper, ours, TACoS; R1@0.5"
    axes.clear()
    axes.plot(np.array(["2020-06-18", "2021-01-01", "2022-01-01"], "datetime64[D]"), [1, 2, 3])
    assert "line from 1 to 3" in describe(axes.figure)
    axes.clear()
    axes.plot([1, 2, 3], np.array(["2020-06-18", "2021-01-01", "2022-01-01"], "datetime64[D]"))
    assert "line" in describe(axes.figure)


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: ax.hist([1, 2, 2, 3]), lambda ax: ax.boxplot([[1, 2, 3], [2, 3, 4]]), lambda ax: ax.pie([1, 2]),
        lambda ax: ax.errorbar([1, 2, 3], [1, 2, 3], [0.1, 0.2, 0.1]), lambda ax: ax.stem([1, 2, 3]),
        lambda ax: ax.fill_between([1, 2, 3], [1, 2, 1]), lambda ax: ax.contourf(np.eye(4)),
        lambda ax: ax.step([1, 2], [1, 2]), lambda ax: ax.quiver([1], [1], [1], [1]),
        lambda ax: ax.pcolormesh(np.eye(4)), lambda ax: ax.imshow(np.eye(4, dtype=bool)),
        lambda ax: ax.imshow(np.full((2, 2), np.nan)), lambda ax: ax.plot([], []), lambda ax: ax.plot([np.nan] * 3),
        lambda ax: ax.twinx().plot([1, 2, 3]), lambda ax: ax.violinplot([[1, 2, 3]]), lambda ax: ax.bar([], []),
        lambda ax: ax.semilogy([1, 10, 100]), lambda ax: ax.table([["a"]]), lambda ax: ax.bar(["a"], [np.nan]),
        lambda ax: ax.figure.add_subplot(projection="polar").plot([1, 2, 3]),
        lambda ax: ax.figure.add_subplot(projection="3d").plot([1, 2, 3], [1, 2, 3], [1, 2, 3]),
    ],
)  # fmt: skip
def test_whatever_matplotlib_draws_has_words(axes, draw):
    draw(axes)
    assert describe(axes.figure)
