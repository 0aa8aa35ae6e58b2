"""The figures of an explanation draw its numbers: bars as long as they, maps that hold them, marks in place."""

import warnings
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
import torch
from helpers.explained import DURATION, EFFECTS, GROUND_TRUTH, PREDICTIONS

from lgn_lite import figures as plots
from lgn_lite.analysis.explanation import explain, top_predictions
from lgn_lite.errors import InputError
from lgn_lite.figures import maps
from lgn_lite.figures.explanation import number, signed
from lgn_lite.model import LGN
from lgn_lite.moments import Moments

mpl.use("agg")


def drawn(figure):
    """The figure after drawing, with warnings (layout, fonts) as errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.draw_without_rendering()
    return figure


def words(artist) -> list[str]:
    return [text.get_text() for text in artist.findobj(mpl.text.Text) if text.get_text()]


@pytest.fixture
def model(tiny_config) -> LGN:
    return LGN(tiny_config(guidance=2))


@pytest.fixture
def explanation(model):
    return explain(model, torch.randn(8, 6), torch.tensor([1, 2, 3]))


def on_map(moments: Moments, grid) -> np.ndarray:
    """The values (P,) that a drawn map (N, N) holds for the candidates."""
    return np.asarray(grid)[moments.start_index, moments.end_index]


# Predictions


def test_answers_have_a_row_each_with_their_seconds_and_overlap():
    ax = drawn(plots.plot_predictions(PREDICTIONS, DURATION, GROUND_TRUTH, "a red light")).axes[0]
    bars = [container.patches[0] for container in ax.containers]
    assert [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars] == [GROUND_TRUTH, (5, 10), (0, 5), (10, 20)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["ground truth", "LGN 1", "LGN 2", "baseline"]
    told = [text for text in words(ax) if "IoU" in text]
    assert told == ["IoU 1.00", "IoU 0.00", "IoU 0.00"] and ax.get_title("left") == "“a red light”"
    assert len({bar.get_hatch() for bar in bars}) == 3  # truth, ours and the baseline's without colour
    colours = [mpl.colors.to_hex(bar.get_facecolor()).upper() for bar in bars]
    assert colours[:2] == [plots.GROUND_TRUTH, plots.OURS] and colours[3] == plots.BASELINE
    assert sum(mpl.colors.to_rgb(colours[2])) > sum(mpl.colors.to_rgb(colours[1]))  # the second is paler


def test_answers_without_a_truth_have_no_overlap():
    assert not any("IoU" in text for text in words(plots.plot_predictions(PREDICTIONS, DURATION)))


@pytest.mark.parametrize("draw", [plots.plot_predictions, plots.predictions_figure])
def test_answers_that_are_none_are_refused(draw):
    with pytest.raises(InputError, match="LGN 2: 9 to 3 s"):
        draw({"LGN": [(1, 2), (9, 3)]}, DURATION)
    with pytest.raises(InputError, match="no predictions"):
        draw({"LGN": []}, DURATION)


# One map


def test_map_numbers_the_answers_and_crosses_what_nms_drops(model, explanation):
    moments = model.moments
    answers, dropped = top_predictions(model, explanation.scores, keep=2, nms=0.3)
    assert dropped  # else nothing is tested
    spans = (moments.spans() * DURATION).numpy()
    ax = drawn(
        plots.plot_map(moments, explanation.scores, DURATION, GROUND_TRUTH, predictions=spans[answers], dropped=dropped)
    ).axes[0]
    crosses, circles = ax.lines[-2], ax.lines[-1]
    assert crosses.get_xydata() == pytest.approx(spans[dropped][:, ::-1])  # x is the end
    assert circles.get_xydata() == pytest.approx(spans[answers][:, ::-1])
    numbers = {text.get_text(): text.get_position() for text in ax.texts}
    assert list(numbers) == ["1", "2"] and numbers["1"] == pytest.approx(spans[answers[0]][::-1])
    with pytest.raises(InputError, match="numbers of candidates, from 0 to 9"):
        plots.plot_map(moments, explanation.scores, DURATION, dropped=[10])


def test_a_difference_has_white_in_its_middle_and_no_answer():
    moments = Moments(4, (4,))
    values = torch.linspace(-0.2, 0.6, len(moments))
    ax = plots.plot_map(moments, values, DURATION, GROUND_TRUTH, difference=True, label="LGN − baseline").axes[0]
    image = ax.images[-1]
    assert image.get_clim() == pytest.approx((-0.6, 0.6)) and not ax.lines
    assert {"baseline higher", "LGN higher"} <= set(words(ax.figure))
    assert on_map(moments, image.get_array()) == pytest.approx(values.numpy())
    assert image.cmap(0.5)[:3] == pytest.approx((1, 1, 1), abs=0.01)


# Late guidance


def test_guidance_sorts_what_the_sentence_changes_and_draws_the_strongest_channels(model, explanation):
    explanation = replace(explanation, neutral=torch.randn(8))
    figure = drawn(plots.plot_guidance(model.moments, explanation, DURATION, GROUND_TRUTH, count=2))
    alpha, panels = figure.axes[0], figure.axes[1:5]
    assert [bar.get_height() for bar in alpha.patches] == pytest.approx(
        sorted((explanation.alpha - explanation.neutral).tolist(), reverse=True)
    )
    assert "0: the mean α of this channel" in words(alpha) and alpha.get_ylabel() == "α − mean α"
    raised, lowered = explanation.strongest(2)
    channels = [*raised.tolist(), *lowered.tolist()]
    assert {text.get_text() for text in alpha.texts} >= {str(c) for c in channels}
    for ax, channel in zip(panels, channels, strict=True):
        before, after = number(explanation.neutral[channel].item()), number(explanation.alpha[channel].item())
        assert f"channel {channel}, weight" in (title := ax.get_title("left")) and f"\nα {before} → {after}" in title
        grid = ax.images[-1].get_array()
        assert on_map(model.moments, grid) == pytest.approx(explanation.features[:, channel].numpy(), abs=1e-6)
        assert ax.images[-1].get_clim() == panels[0].images[-1].get_clim()  # one scale


def test_guidance_of_many_channels_names_them_in_one_line(model, explanation):
    wide = {"alpha": torch.randn(200), "neutral": torch.randn(200), "readout": torch.randn(200)}
    many = replace(explanation, features=torch.randn(10, 200), **wide)
    raised, lowered = (", ".join(map(str, found.tolist())) for found in many.strongest(3))
    told = words(drawn(plots.plot_guidance(model.moments, many, DURATION, count=3)).axes[0])
    assert {f"raised: {raised}", f"lowered: {lowered}"} <= set(told)


def test_scales_of_many_steps_do_not_lie_over_each_other():
    figure = drawn(plots.plot_steps(Moments(4, (4,)), torch.rand(7, 10), DURATION))
    boxes = [ax.get_tightbbox() for ax in figure.axes if ax.get_visible()]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_model_without_late_guidance_has_none_to_draw(model, explanation):
    with pytest.raises(InputError, match="no late guidance"):
        plots.plot_guidance(model.moments, replace(explanation, alpha=None), DURATION)


@pytest.mark.parametrize("K, columns", [(2, 4), (5, 3)])
def test_steps_show_every_score_map_and_what_each_module_changed(K, columns):
    moments = Moments(4, (4,))
    steps = torch.rand(K + 1, len(moments))
    changes = steps.diff(dim=0)
    figure = drawn(plots.plot_steps(moments, steps, DURATION, GROUND_TRUTH, columns=columns))
    found = {ax.get_title("left"): ax.images[-1] for ax in figure.axes if ax.images and ax.get_visible()}
    assert len(found) == 2 * K + 1
    for k in range(K + 1):
        name = ["mean α in all modules", "own α in module 1"][k] if k < 2 else f"own α in modules 1 to {k}"
        assert on_map(moments, found[name].get_array()) == pytest.approx(steps[k].numpy())
        assert found[name].get_clim() == (0, 1)  # scores are never stretched
        if k:
            assert on_map(moments, found[f"changed by module {k}"].get_array()) == pytest.approx(changes[k - 1].numpy())
    stars = [line.get_xydata()[0] for ax in figure.axes for line in ax.lines]
    best = moments.spans()[steps.argmax(1)].flip(1) * DURATION  # x is the end
    assert np.stack(stars) == pytest.approx(best.numpy())


def test_no_module_no_steps():
    with pytest.raises(InputError, match="no steps to show"):
        plots.plot_steps(Moments(4, (4,)), torch.rand(1, 10), DURATION)


# Early modulation


def test_modulation_draws_gates_movement_and_channels_of_each_unit(explanation):
    figure = drawn(plots.plot_modulation(explanation.gates, DURATION, GROUND_TRUTH, count=2))
    axes = np.array(figure.axes).reshape(4, 2)
    assert len(explanation.gates) == 2
    times = (np.arange(8) + 0.5) * DURATION / 8
    for n, unit in enumerate(explanation.gates):
        assert axes[1, n].lines[0].get_xydata() == pytest.approx(np.stack([times, unit.moved.numpy()], axis=1))
        for row, channel in enumerate(unit.most_changed(2).tolist(), start=2):
            before, after = axes[row, n].lines[:2]
            assert before.get_ydata() == pytest.approx(unit.before[:, channel].numpy())
            assert after.get_ydata() == pytest.approx(unit.after[:, channel].numpy())
            assert before.get_linestyle() != after.get_linestyle()
            assert axes[row, n].get_title("left") == f"channel {channel}: gate {number(unit.gate[channel].item())}"


def test_modulation_shows_shifts_where_the_unit_has_them(tiny_config):
    found = explain(LGN(tiny_config(modulation="scale-shift")), torch.randn(8, 6), torch.tensor([1, 2]))
    ax = plots.plot_modulation(found.gates[:1], DURATION).axes[0]
    order = found.gates[0].gate.argsort(descending=True)
    assert ax.lines[-1].get_ydata() == pytest.approx(found.gates[0].shift[order].numpy())


def test_no_unit_no_modulation():
    with pytest.raises(InputError, match="no early modulation"):
        plots.plot_modulation([], DURATION)


# Words


def test_words_stand_in_order_with_their_effect_and_what_is_answered_instead():
    left, right = drawn(plots.plot_words(EFFECTS, DURATION, prediction=(5.0, 10.0), ground_truth=GROUND_TRUTH)).axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["red", "light", "shines"]
    assert left.get_ylim()[0] > left.get_ylim()[1]  # the first word on top
    assert [bars.patches[0].get_width() for bars in left.containers] == [-0.5, 0.05, 0.0]
    assert [text.get_text() for text in left.texts] == ["−0.50", "+0.05", "0.00"]
    bars = [container.patches[0] for container in right.containers]
    assert [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars] == [(0, 5), (5, 10), (5, 10)]
    assert [text.get_text() for text in right.texts] == ["0.0 – 5.0 s", "the same", "the same"]


def test_small_changes_of_the_score_can_be_told_apart():
    small = [replace(effect, change=effect.change / 40) for effect in EFFECTS]
    left, _ = drawn(plots.plot_words(small, DURATION)).axes
    assert [text.get_text() for text in left.texts] == ["−0.013", "+0.001", "0.000"]
    assert list(plots.words_figure(small, DURATION).data[0].text) == ["−0.013"]


@pytest.mark.parametrize("draw", [plots.plot_words, plots.words_figure])
def test_one_word_has_no_effect_to_draw(draw):
    with pytest.raises(InputError, match="nothing to leave out"):
        draw([], DURATION)


# The look


def test_numbers_have_a_real_minus_and_no_negative_zero():
    assert [signed(value) for value in (0.123, -0.456, -0.001, 0.001, 0)] == ["+0.12", "−0.46", "0.00", "0.00", "0.00"]
    assert [number(value) for value in (1.5, -1.5, -0.001)] == ["1.50", "−1.50", "0.00"]
    assert maps.widest([]) == 1 and maps.widest([-3, 2]) == 3
