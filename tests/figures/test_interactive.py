"""Interactive figures hold the numbers of their static counterparts, and a page or a notebook can keep them."""

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from helpers.explained import DURATION, EFFECTS, GROUND_TRUTH, PREDICTIONS

from lgn_lite import figures as plots
from lgn_lite.errors import InputError
from lgn_lite.moments import Moments


def test_the_map_hovers_over_candidates_with_start_end_score_and_overlap():
    moments = Moments(32, (16, 8))
    scores, iou = torch.rand(len(moments)), moments.iou(torch.tensor([[0.25, 0.5]]))[0]
    figure = plots.map_figure(moments, scores, 32, ground_truth=(8, 16), prediction=(7, 15), iou=iou, title="a flag")
    traces = {trace.name: trace for trace in figure.data}
    score, holes = traces["score"], traces["no candidate"]
    for wanted in ("start %{y:.1f} s", "end %{x:.1f} s", "score %{z:.3f}", "IoU %{customdata:.2f}"):
        assert wanted in score.hovertemplate
    assert (np.isfinite(score.z) == moments.mask.numpy()).all() and not score.hoverongaps
    p = 40
    i, j = moments.start_index[p], moments.end_index[p]
    assert (score.y[i], score.x[j]) == (32 * moments.starts[p], 32 * moments.ends[p])
    assert score.z[i, j] == scores[p] and score.customdata[i, j] == iou[p]
    upper = np.triu(np.ones((32, 32), bool))
    assert (np.isfinite(holes.z) == (upper & ~moments.mask.numpy())).all()
    assert (traces["ground truth"].x[0], traces["ground truth"].y[0]) == (16, 8)
    assert traces["prediction"].hovertemplate.startswith("prediction: 7.0 – 15.0 s")
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # starts downwards, as in plot_map
    without = plots.map_figure(Moments(8, (8,)), torch.rand(36), 32)
    assert [trace.name for trace in without.data] == ["score", "prediction"]
    assert "IoU" not in without.data[0].hovertemplate


def test_the_map_numbers_the_answers_and_crosses_what_nms_drops():
    moments = Moments(4, (4,))
    spans = (moments.spans() * DURATION).numpy()
    figure = plots.map_figure(
        moments, torch.rand(10), DURATION, GROUND_TRUTH, predictions=spans[[3, 8]], dropped=[1, 5]
    )
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces["predictions, best first"].text) == ["1", "2"] and "prediction" not in traces
    assert traces["predictions, best first"].x == pytest.approx(spans[[3, 8], 1])
    assert traces["removed by NMS"].x == pytest.approx(spans[[1, 5], 1])


@pytest.mark.parametrize("most", [0.02, 0.5])
def test_scores_have_one_scale_whatever_is_found(most):
    """Noise is not stretched to yellow; values of another kind have a scale of their own."""
    moments = Moments(4, (4,))
    for values, ends in ((torch.linspace(0.001, most, 10), (0, 1)), (torch.linspace(0, 40 * most + 1, 10), None)):
        heat = plots.map_figure(moments, values, DURATION).data[0]
        assert (heat.zmin, heat.zmax) == (ends or (None, None))
        image = plots.plot_map(moments, values, DURATION).axes[0].images[-1]
        assert image.get_clim() == pytest.approx(ends or (0, 40 * most + 1))


def test_a_difference_has_white_in_its_middle_and_no_answer():
    moments = Moments(4, (4,))
    values = torch.linspace(-0.2, 0.6, len(moments))
    figure = plots.map_figure(moments, values, DURATION, GROUND_TRUTH, difference=True, label="LGN − baseline")
    heat = next(trace for trace in figure.data if trace.name == "LGN − baseline")
    assert list(heat.colorbar.ticktext) == ["baseline higher<br>−0.60", "0", "LGN higher<br>+0.60"]
    assert (heat.zmin, heat.zmax) == pytest.approx((-0.6, 0.6)) and heat.colorscale[2] == (0.5, "#FFFFFF")
    assert "prediction" not in [trace.name for trace in figure.data]


def test_answers_are_the_rows_of_the_static_figure():
    figure = plots.predictions_figure(PREDICTIONS, DURATION, GROUND_TRUTH, "a <b>red</b> light")
    assert [(bar.base[0], bar.base[0] + bar.x[0]) for bar in figure.data] == [GROUND_TRUTH, (5, 10), (0, 5), (10, 20)]
    assert list(figure.layout.yaxis.ticktext) == ["ground truth", "LGN 1", "LGN 2", "baseline"]
    assert [bar.marker.pattern.shape for bar in figure.data] == ["", ".", ".", "/"]
    told = [note.text for note in figure.layout.annotations]
    spans, overlaps = ("5.0 – 10.0 s", "0.0 – 5.0 s", "10.0 – 20.0 s"), ("1.00", "0.00", "0.00")
    answers = [f"{span} · IoU {overlap}" for span, overlap in zip(spans, overlaps, strict=True)]
    assert told == ["5.0 – 10.0 s", *answers]
    assert figure.layout.title.text == "“a &lt;b&gt;red&lt;/b&gt; light”"  # plotly would read it as HTML


def test_answers_without_a_truth_have_no_overlap():
    assert not any("IoU" in note.text for note in plots.predictions_figure(PREDICTIONS, DURATION).layout.annotations)


def test_words_are_bars_with_their_effect_and_what_is_answered_instead():
    figure = plots.words_figure(EFFECTS, DURATION, prediction=(5.0, 10.0), ground_truth=GROUND_TRUTH)
    bars = {trace.name: trace for trace in figure.data}
    assert (list(bars["lowered"].x), list(bars["lowered"].y), list(bars["lowered"].text)) == ([-0.5], [0], ["−0.50"])
    assert (list(bars["raised"].x), list(bars["raised"].y)) == ([0.05, 0.0], [1, 2])
    assert list(bars["raised"].text) == ["+0.05", "0.00"]
    assert list(figure.layout.yaxis.ticktext) == ["red", "light", "shines"]
    found = {
        name: list(zip(bars[name].y, bars[name].base, bars[name].x, strict=True)) for name in ("the same", "another")
    }
    assert found == {"the same": [(1, 5, 5), (2, 5, 5)], "another": [(0, 0, 5)]}  # row, start, length
    assert len({(bar.marker.color, bar.marker.pattern.shape) for bar in figure.data}) == 4
    notes = [note.text for note in figure.layout.annotations]
    assert notes[-3:] == ["0.0 – 5.0 s", "the same", "the same"]


def test_figures_have_their_size_and_fit_next_to_a_margin():
    for figure in (
        plots.predictions_figure(PREDICTIONS, DURATION, GROUND_TRUTH),
        plots.map_figure(Moments(4, (4,)), torch.rand(10), DURATION, GROUND_TRUTH),
        plots.words_figure(EFFECTS, DURATION),
    ):
        layout = figure.layout
        assert layout.paper_bgcolor == "white" and 300 < layout.width <= 1000 and layout.height > 150
        figure.to_json()  # as a page or a notebook keeps it


def test_in_a_narrow_column_the_same_is_drawn_in_another_layout():
    for plot, arguments in (
        (plots.predictions_figure, (PREDICTIONS, DURATION, GROUND_TRUTH)),
        (plots.words_figure, (EFFECTS, DURATION, (5.0, 10.0), GROUND_TRUTH)),
    ):
        wide, narrow = plot(*arguments), plot(*arguments, narrow=True)
        assert wide.to_plotly_json()["data"] == narrow.to_plotly_json()["data"]
        margin = narrow.layout.margin
        assert narrow.layout.width <= 350 and narrow.layout.width - margin.l - margin.r >= 160
    assert narrow.layout.yaxis.domain[0] > narrow.layout.yaxis2.domain[1]  # the panels one below the other
    notes = [
        note.text
        for note in plots.predictions_figure(*(PREDICTIONS, DURATION, GROUND_TRUTH), narrow=True).layout.annotations
    ]
    assert notes == ["IoU", "1.00", "0.00", "0.00"]


def test_a_slider_shows_one_figure_at_a_time():
    made = {}
    for clips in (4, 8, 16):
        moments = Moments(clips, (clips,))
        made[clips] = plots.map_figure(moments, torch.rand(len(moments)), clips, title=f"{clips} clips")
    figure = plots.slider_figure(made, "clips N", first=8)
    (slider,) = figure.layout.sliders
    assert slider.active == 1 and [step.label for step in slider.steps] == ["4", "8", "16"]
    assert [trace.visible for trace in figure.data] == [False, False, True, True, False, False]
    for i, (clips, step) in enumerate(zip(made, slider.steps, strict=True)):
        traces, layout = step.args
        assert list(traces["visible"]) == [j // 2 == i for j in range(6)]
        assert layout["title"]["text"] == f"{clips} clips"
        assert list(layout["xaxis.range"]) == list(made[clips].layout.xaxis.range)
    assert figure.layout.title.text == "8 clips" and made[8].layout.height < figure.layout.height
    assert "a slider over clips N from 4 to 16" in figure.layout.meta["alt"]
    assert made[8].data[0].visible is None  # the given figures are as they were


@pytest.mark.parametrize("values, first, told", [((1,), None, "at least two"), ((1, 2), 3, "first value 3")])
def test_a_slider_needs_figures_and_a_first_one_among_them(values, first, told):
    with pytest.raises(InputError, match=told):
        plots.slider_figure({value: go.Figure() for value in values}, "value", first)
