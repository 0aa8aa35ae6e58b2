"""The figures hold what they should: seconds where seconds belong, values beside bars, holes left out."""

import warnings

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.patches import Rectangle

from lgn_lite import figures as plots
from lgn_lite.errors import InputError
from lgn_lite.figures.diagram import DIAGRAM_PARTS, draw_model
from lgn_lite.moments import Moments
from lgn_lite.video import write_video

mpl.use("agg")
DURATION = 32.0
BARS = {"ground truth": (8.0, 16.0), "baseline": (20.0, 30.0), "LGN": (8.0, 12.0)}


def video(T: int, height: int = 24, width: int = 48) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((T, height, width, 3), np.uint8), np.arange(T) * DURATION / T


def words(artist) -> list[str]:
    return [text.get_text() for text in artist.findobj(mpl.text.Text) if text.get_text()]


def drawn(figure):
    """The figure after drawing, with warnings (layout, fonts) as errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.draw_without_rendering()
    return figure


def retrieval(T: int = 32, **changes):
    frames, times = video(T)
    arguments = {"frames": frames, "times": times, "duration": DURATION, "sentence": "a flag", "bars": BARS}
    return arguments | changes


def result(r1: float) -> dict[str, float]:
    return {"queries": 10, "R1@0.5": r1, "R1@0.7": r1 / 2, "mIoU": r1 / 4}


def summary(r1: float) -> dict:
    return {"all": result(r1), "kind": {"attribute": result(r1 + 5), "ordinal": result(r1 - 5)}}


@pytest.mark.parametrize("T", [1, 5, 12, 16, 31, 32, 97, 200])
def test_thumbnails_are_few_undistorted_and_at_their_times(T):
    frames, times = video(T)
    frames[:] = np.arange(T)[:, None, None, None]  # each frame's colour is its number
    ax = drawn(plots.plot_retrieval(**retrieval(frames=frames, times=times))).axes[0]
    assert min(T, 12 if T < 13 else 8) <= len(ax.images) <= 12
    right = -np.inf
    for image in ax.images:
        left, next_right, bottom, top = image.get_extent()
        number = int(image.get_array()[0, 0, 0])
        assert (left + next_right) / 2 == pytest.approx(times[number])
        assert left >= right  # no overlap
        right = next_right
        (x0, y0), (x1, y1) = ax.transData.transform([(left, bottom), (next_right, top)])
        assert (x1 - x0) / (y1 - y0) == pytest.approx(2, rel=1e-6)  # as wide as 48 × 24 pixels must be


def test_bars_stand_at_their_seconds_under_each_other_with_their_overlap():
    figure = drawn(plots.plot_retrieval(**retrieval()))
    ax = figure.axes[0]
    bars = [container.patches[0] for container in ax.containers]
    assert [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars] == list(BARS.values())
    heights = [bar.get_y() + bar.get_height() / 2 for bar in bars]
    assert heights == sorted(heights, reverse=True) and heights == pytest.approx(ax.get_yticks())
    assert [label.get_text() for label in ax.get_yticklabels()] == list(BARS)
    assert {"“a flag”", "8.0 – 16.0 s", "20.0 – 30.0 s", "IoU 0.00", "IoU 0.50"} <= set(words(figure))
    assert len({bar.get_hatch() for bar in bars}) == 3  # told apart without colour


def test_the_seconds_stay_inside_the_axes():
    bars = {"ground truth": (31.0, 32.0), "baseline": (0.0, 32.0), "LGN": (0.0, 1.0)}
    ax = drawn(plots.plot_retrieval(**retrieval(bars=bars))).axes[0]
    box = ax.get_window_extent()
    seconds = [text for text in ax.texts if text.get_text().endswith(" s")]
    assert len(seconds) == 3
    for text in seconds:
        assert box.x0 <= text.get_window_extent().x0 and text.get_window_extent().x1 <= box.x1


def test_retrievals_are_stacked():
    figure = drawn(plots.plot_retrievals([retrieval(), retrieval(sentence="a hat", bars={"LGN": (1.0, 2.0)})]))
    assert [ax.get_title("left") for ax in figure.axes] == ["“a flag”", "“a hat”"]
    assert not any("IoU" in text for text in words(figure.axes[1]))  # nothing to compare with


@pytest.mark.parametrize("bar", [(5.0, 4.0), (5.0, 5.0), (-1.0, 4.0), (30.0, 33.0), (float("nan"), 4.0)])
def test_a_bar_that_is_no_moment_is_refused(bar):
    with pytest.raises(InputError, match=r"LGN.*not a moment of a video of 32 s"):
        plots.plot_retrieval(**retrieval(bars={"LGN": bar}))


def test_times_must_fit_the_frames():
    with pytest.raises(InputError, match="31 times for frames"):
        plots.plot_retrieval(**retrieval(times=np.arange(31)))


@pytest.mark.parametrize("num_clips, scales", [(8, (8,)), (32, (16, 8))])
def test_map_puts_each_score_at_its_start_and_end_and_masks_holes(num_clips, scales):
    moments = Moments(num_clips, scales)
    scores = torch.rand(len(moments)).double()
    true_span = (8.0, 16.0)
    figure = drawn(plots.plot_map(moments, scores, DURATION, ground_truth=true_span))
    ax = figure.axes[0]
    image = ax.images[-1]
    grid = image.get_array()
    assert (~np.ma.getmaskarray(grid) == moments.mask.numpy()).all()
    left, right, bottom, top = image.get_extent()  # the data coordinates of column 0's left edge, …
    for start, end, score in zip(moments.starts, moments.ends, scores, strict=True):
        column = int((end * DURATION - left) / (right - left) * num_clips)
        row = int((start * DURATION - top) / (bottom - top) * num_clips)
        assert grid[row, column] == pytest.approx(score.item(), abs=1e-6)
    best = scores.argmax()
    (mark,) = ax.lines
    assert mark.get_xydata()[0] == pytest.approx(32 * torch.stack([moments.ends, moments.starts])[:, best].numpy())
    boxes = [patch for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_label() == "ground truth"]
    assert boxes[0].get_center() == pytest.approx((16.0, 8.0))
    legend = words(ax.get_legend())
    assert "highest score" in legend and ("no candidate" in legend) == (num_clips == 32)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("end (seconds)", "start (seconds)")


@pytest.mark.parametrize("draw", [plots.plot_map, plots.map_figure])
def test_map_refuses_what_does_not_fit(draw):
    moments = Moments(8, (8,))
    with pytest.raises(InputError, match=r"score: shape \(35,\) for 36 candidates"):
        draw(moments, torch.zeros(35), DURATION)
    with pytest.raises(InputError, match="ground truth: 9 to 3 s"):
        draw(moments, torch.zeros(36), DURATION, ground_truth=(9, 3))
    with pytest.raises(InputError, match="prediction: 9 to 40 s"):
        draw(moments, torch.zeros(36), DURATION, prediction=(9, 40))


def test_timeline_has_a_row_for_each_label_and_bars_at_their_seconds():
    events = [("red circle", 1, 6, "holds a flag", "red"), ("blue square", 3, 9, "opens an umbrella", "navy")]
    events.append(("red circle", 10, 14, "puts on a hat", "red"))
    ax = drawn(plots.plot_timeline(events, 20)).axes[0]
    bars = [container.patches[0] for container in ax.containers]
    assert [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars] == [(1, 6), (3, 9), (10, 14)]
    assert [bar.get_y() + bar.get_height() / 2 for bar in bars] == pytest.approx([0, 1, 0])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["red circle", "blue square"]
    assert [" ".join(text.get_text().split()) for text in ax.texts] == [event[3] for event in events]
    with pytest.raises(InputError, match="blue square, “sits”"):
        plots.plot_timeline([("blue square", 5, 4, "sits", "navy")], 20)


def test_what_a_figure_does_at_the_same_time_shares_its_row():
    events = [("red", 0, 12, "wears a hat", "red"), ("blue", 1, 5, "jumps", "navy"), ("red", 2, 4, "jumps", "red")]
    events += [("red", 5, 9, "spins", "red"), ("red", 12, 14, "jumps", "red")]
    ax = drawn(plots.plot_timeline(events, 20)).axes[0]
    hat, blue, jump, spin, last = ((bar.get_y(), bar.get_y() + bar.get_height()) for bar in ax.patches)
    assert blue == pytest.approx((0.6, 1.4)) and hat == pytest.approx((-0.4, 0.0)) and last == hat
    assert jump == spin == pytest.approx((0.0, 0.4))


def test_curves_draw_each_record_once():
    history = [{"step": 1, "epoch": 1, "loss": 0.7}, {"step": 2, "epoch": 1, "loss": 0.5, "R1@0.5": 40.0}]
    history.append({"step": 4, "epoch": 2, "R1@0.5": 60.0})
    left, right = drawn(plots.plot_curves(history, metrics=("R1@0.5",))).axes
    assert left.lines[0].get_xydata().tolist() == [[1, 0.7], [2, 0.5]]
    assert right.lines[0].get_xydata().tolist() == [[1, 40], [2, 60]]
    figure = drawn(plots.plot_curves({"baseline": history, "LGN": history}, metrics=("R1@0.5",)))
    assert words(figure.axes[1].get_legend()) == ["baseline R1@0.5", "LGN R1@0.5"]
    assert len({line.get_marker() for line in figure.axes[1].lines}) == 2


def test_results_write_the_values_and_the_line_of_chance():
    table = {"baseline": summary(40.0), "LGN": summary(80.0)}
    figure = drawn(plots.plot_results(table, metrics=("R1@0.5", "R1@0.7"), chance=summary(20.0)))
    (ax,) = figure.axes
    assert [[bar.get_height() for bar in bars] for bars in ax.containers] == [[40, 20], [80, 40]]
    assert {"40.0", "80.0", "baseline", "LGN", "best constant interval"} <= set(words(figure))
    (lines,) = ax.collections
    assert [segment[0, 1] for segment in lines.get_segments()] == [20, 10]


def test_the_line_of_chance_strikes_through_no_number():
    table = {"blind": summary(17.0), "above": summary(20.5), "LGN": summary(80.0)}
    figure = drawn(plots.plot_results(table, metrics=("R1@0.5",), chance=summary(20.0)))
    (ax,) = figure.axes
    boxes = {text.get_text(): ax.transData.inverted().transform(text.get_window_extent()) for text in ax.texts}
    assert {name: bottom > 20 for name, ((_, bottom), _) in boxes.items()} == dict.fromkeys(
        ("17.0", "20.5", "80.0"), True
    )
    assert boxes["17.0"][0][1] < 25 and boxes["80.0"][0][1] > 80


def test_results_by_group_have_a_panel_for_each_metric():
    figure = drawn(plots.plot_results({"LGN": summary(80.0)}, metrics=("R1@0.5", "mIoU"), group="kind"))
    assert [ax.get_title("left") for ax in figure.axes] == ["R1@0.5", "mIoU"]
    assert [bar.get_height() for bar in figure.axes[0].containers[0]] == [85, 75]
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["attribute", "ordinal"]
    with pytest.raises(InputError, match=r"LGN: its summary has no 'R5@0\.5'"):
        plots.plot_results({"LGN": summary(80.0)}, metrics=("R5@0.5",))
    with pytest.raises(InputError, match="baseline"):
        plots.plot_results({"LGN": summary(80.0), "baseline": {"all": result(3.0)}}, group="kind")


def test_gates_of_all_sentences_keep_the_first_ones_order():
    first, second = torch.tensor([0.1, 0.9, -0.5], dtype=torch.bfloat16), torch.tensor([1.0, 2.0, 3.0])
    top, bottom = drawn(plots.plot_gates({"a flag": first, "a hat": second.requires_grad_()})).axes
    assert [bar.get_height() for bar in top.patches] == pytest.approx([0.9, 0.1, -0.5], abs=0.01)
    assert [bar.get_height() for bar in bottom.patches] == [2, 1, 3]
    assert [label.get_text() for label in bottom.get_xticklabels()] == ["1", "0", "2"]
    with pytest.raises(InputError, match="differ in number"):
        plots.plot_gates({"a flag": first, "a hat": second[:2]})


def test_looks_tell_models_apart_by_more_than_colour():
    table = plots.model_styles(["ground truth", "baseline", "+ early", "+ late", "LGN"])
    for key in ("color", "hatch", "marker"):
        assert len({look[key] for look in table.values()}) == 5
    assert (table["ground truth"]["color"], table["baseline"]["color"]) == (plots.GROUND_TRUTH, plots.BASELINE)
    assert table["LGN"] == plots.model_styles(["baseline", "LGN"])["LGN"]  # the same in every figure


def test_figures_have_the_look_and_leave_the_callers_settings_alone():
    with mpl.rc_context({"figure.facecolor": "black", "font.size": 3}):
        figure = plots.plot_gates({"a flag": torch.rand(4)})
        assert mpl.rcParams["font.size"] == 3
    assert mpl.colors.to_hex(figure.get_facecolor()) == "#ffffff"
    assert not mpl.pyplot.get_fignums()  # a notebook shows what is returned, once


def test_figures_draw_into_the_callers_axes():
    figure, (left, right) = mpl.pyplot.subplots(1, 2, layout="constrained")
    mpl.pyplot.close(figure)
    assert plots.plot_map(Moments(8, (8,)), torch.rand(36), DURATION, ax=left) is figure
    assert plots.plot_retrieval(**retrieval(), ax=right) is figure
    assert left.images and len(right.images) >= 8
    drawn(figure)


def test_model_drawing_lights_only_the_named_parts():
    def colours(lit):
        return np.array([text.get_color() for text in draw_model(lit).axes[0].texts])

    names = [text.get_text() for text in draw_model().axes[0].texts]
    full, pale = colours(None), colours(set())
    early = colours({"early"})
    lit = [name for name, a, b in zip(names, early, full, strict=True) if np.allclose(a, b)]
    assert lit == ["×", "×", "$W_M f_s$", "early modulation (eq. 2)"]
    assert (early.sum(1) <= pale.sum(1)).all()
    for part in DIAGRAM_PARTS:
        assert not np.allclose(colours({part}), pale), part
    with pytest.raises(InputError, match="no part fusoin"):
        draw_model({"fusoin"})


def test_model_drawing_names_all_equations_and_no_words_overlap():
    figure = drawn(draw_model())
    texts = figure.axes[0].texts
    assert all(any(f"eq. {k}" in text.get_text() for text in texts) for k in range(1, 6))
    boxes = [text.get_window_extent() for text in texts]
    page = figure.bbox
    for i, box in enumerate(boxes):
        assert page.x0 < box.x0 and box.x1 < page.x1 and page.y0 < box.y0 and box.y1 < page.y1
        overlapped = [texts[j].get_text() for j in range(i) if box.overlaps(boxes[j])]
        assert not overlapped, f"{texts[i].get_text()} over {overlapped}"


def test_a_frame_strip_through_a_moment_shows_it(tmp_path):
    path, duration, fps = tmp_path / "flash.mp4", 20.0, 10
    flash = [8.5 <= n / fps < 9.5 for n in range(int(duration * fps))]  # between two middles of nine equal parts
    write_video(path, (np.full((32, 32, 3), 255 * bright, np.uint8) for bright in flash), fps)
    for through, seen in ((None, 0), (9.0, 1)):
        frames, times = plots.frame_strip(path, duration, through=through)
        assert frames.shape == (9, 96, 96, 3)
        assert (frames.mean(axis=(1, 2, 3)) > 200).sum() == seen
        np.testing.assert_allclose(np.diff(times), duration / 9)
    for through in (0.0, 3.0, duration):
        times = plots.frame_strip(path, duration, through=through)[1]
        gap = duration / 9
        off = (times - through + gap / 2) % gap - gap / 2  # from the nearest time of the strip's grid
        assert len(times) == 9 and np.abs(off).max() <= gap / 40 + 1e-9
    with pytest.raises(InputError, match=r"through=20\.5 s: the video lasts 20 s"):
        plots.frame_strip(path, duration, through=20.5)
