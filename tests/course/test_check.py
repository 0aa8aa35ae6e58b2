"""How the exercises' checks try a reader's code: what passes, and what the messages say."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lgn_lite.course.check.cases import is_stub, same, shown, try_cases
from lgn_lite.course.check.modules import compare_functions, compare_modules, compare_steps
from lgn_lite.loss import moment_loss
from lgn_lite.model import EarlyModulation

FORM = re.compile(r"^\w+\(.* (gave|raised) .* but it should be .*\. .+[.?]$")


def message(check, *arguments, **options) -> str:
    with pytest.raises(AssertionError) as caught:
        check(*arguments, **options)
    assert FORM.match(str(caught.value)), caught.value
    return str(caught.value)


# Functions of numbers ---------------------------------------------------------------------------------------

DOUBLE = [(([1, 2],), [2, 4], "Two times each."), (([-3],), [-6], "Negative numbers too.")]


def double(solution, **options):
    try_cases("double", solution, DOUBLE, "Yes.", **options)


def test_a_stub_is_not_written_yet(capsys):
    def dots(x): ...

    def documented(x):
        """What it will do."""

    def passed(x):
        pass

    def both(x: list[int]):
        """Doc."""
        ...

    for stub in (dots, documented, passed, both, lambda x: ..., lambda x: None):
        assert is_stub(stub)
        double(stub)
        assert capsys.readouterr().out.startswith("double: nothing returned yet.")


def test_code_is_no_stub():
    def unfinished(x):
        y = [2 * v for v in x]  # noqa: F841

    def begun(x):
        for _ in x:
            pass

    for function in (unfinished, begun, lambda x: x, lambda x: print(x), np.abs, torch.relu):
        assert not is_stub(function)
    assert "gave None, but it should be [2, 4]. It returned None: is a return missing?" in message(double, unfinished)


def test_none_on_purpose_is_wrong_later_too():
    text = message(double, lambda x: [2 * v for v in x] if x[0] > 0 else None)
    assert text == "double([-3]) gave None, but it should be [-6]. It returned None: is a return missing?"


def test_an_exception_names_input_and_line():
    def breaks(x):
        y = list(x)
        return [y[0] * 2, y[1] * 2]

    text = message(double, breaks)
    assert text.startswith("double([-3]) raised IndexError: list index out of range, in line ")
    assert "`return [y[0] * 2, y[1] * 2]`, but it should be [-6]. Negative" in text
    assert "raised TypeError: " in message(double, lambda: 1)
    assert "RecursionError" in message(double, lambda x: breaks_on(x))


def breaks_on(x):
    return breaks_on(x)


def test_the_original_exception_is_the_cause():
    with pytest.raises(AssertionError) as caught:
        double(lambda x: x["a"])
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_changed_argument_is_told_and_spoils_nothing():
    def in_place(x):
        for i in range(len(x)):
            x[i] *= 2
        return x

    text = message(double, in_place)
    assert text.startswith("double([1, 2]) gave [2, 4], but it should be [2, 4] without a change of its arguments.")
    assert DOUBLE[0][0] == ([1, 2],)

    def wrong_in_place(x):
        x.clear()
        return x

    assert message(double, wrong_in_place).startswith("double([1, 2]) gave [], ")


def test_long_inputs_are_shortened():
    cases = [((list(range(1000)), "x" * 1000, {str(i): i for i in range(100)}), 1, "Why.")]
    with pytest.raises(AssertionError) as caught:
        try_cases("f", lambda *_: [0] * 1000, cases, "")
    assert len(str(caught.value)) < 900
    assert shown({"b": 1, "a": 2}) == "{'b': 1, 'a': 2}"  # in its own order


@pytest.mark.parametrize(
    "kind",
    [list, tuple, np.array, torch.tensor, lambda x: [np.float32(v) for v in x], lambda x: [torch.tensor(v) for v in x]],
)
def test_right_answers_of_any_kind_pass(kind, capsys):
    double(lambda x: kind([2.0 * v for v in x]))
    double(lambda x: kind([2 * v for v in x]))
    assert capsys.readouterr().out.count("right") == 2


def test_what_counts_as_the_same():
    assert same(True, 1) and same(1.0, True) and same(np.True_, True) and same(torch.tensor(3), 3)
    assert same(np.float32(97.53), 97.53) and same(torch.tensor(1 / 3, requires_grad=True), 1 / 3)
    assert same(np.str_("a"), "a") and same([("a", 1)], [("a", 1.0)]) and same({"a": np.int64(1)}, {"a": 1})
    assert same((), []) and same(np.zeros((2, 0)), [[], []]) and same(range(3), [0, 1, 2])
    for wrong, right in (
        ("3", 3), (["1"], [1]), ([3], 3), (3, [3]), (4_202_497, 4_202_496), (float("nan"), 1.0), (None, 0), ({1}, [1]),
        ({"a": 1, "b": 2}, {"a": 1}), ([1, 2], [[1, 2]]), (1j, 1), ("hit", "hits"), (b"a", "a"), (0.5001, 0.5),
    ):  # fmt: skip
        assert not same(wrong, right), (wrong, right)


def test_the_kind_of_a_wrong_answer_is_named():
    assert "It returned a generator: make a list of it." in message(double, lambda x: (2 * v for v in x))
    assert "It returned a dict, but the answer has 2 entries" in message(double, lambda x: {v: 2 * v for v in x})
    assert "It returned a int, but" in message(double, lambda x: 2 * x[0]).replace("an int", "a int")
    one = [((1,), 2, "Why.")]
    assert "the answer is one number" in message(lambda s: try_cases("f", s, one, ""), lambda x: [2])
    text = [((1,), "hit", "Why.")]
    assert "the answer is a string" in message(lambda s: try_cases("f", s, text, ""), lambda x: 2)


def test_a_known_mistake_is_named_where_it_explains_every_case():
    mistakes = [(lambda x: [v + v + 1 for v in x], "One too many."), (lambda x: [v * v for v in x], "Squares.")]
    assert message(double, lambda x: [v**2 for v in x], mistakes=mistakes).endswith("Squares.")
    assert message(double, lambda x: [v**3 for v in x], mistakes=mistakes).endswith("Two times each.")


# Modules, losses, training steps ----------------------------------------------------------------------------


class Right(nn.Module):
    def __init__(self, text_dim, channels):
        super().__init__()
        self.gate = nn.Linear(text_dim, channels)
        nn.init.ones_(self.gate.bias)

    def forward(self, features, sentence):
        return self.gate(sentence).unsqueeze(1) * features


def variant(forward=None, init=None):
    """The right module with another forward, or with something done after its __init__."""

    class Variant(Right):
        def __init__(self, text_dim, channels):
            super().__init__(text_dim, channels)
            if init:
                init(self)

    if forward:
        Variant.forward = forward
    return Variant


def modulation(solution, **options):
    cases = [
        ((2, 3), lambda: (torch.randn(1, 4, 3), torch.randn(1, 2)), "The gate multiplies."),
        ((5, 4), lambda: (torch.randn(3, 2, 4), torch.randn(3, 5)), "Each sentence has its own gate."),
    ]
    compare_modules("Mod", solution, EarlyModulation, cases, "Yes.", initial=("project.bias",), **options)


def test_the_right_module_passes(capsys):
    modulation(Right)
    modulation(EarlyModulation)
    assert capsys.readouterr().out == "Mod: right. Yes.\n" * 2


def test_a_module_without_forward_is_not_written_yet(capsys):
    class Empty(nn.Module):
        def __init__(self, text_dim, channels):
            super().__init__()
            ...

        def forward(self, features, sentence): ...

    class Less(nn.Module):
        pass

    modulation(Empty)
    modulation(Less)
    assert capsys.readouterr().out.count("nothing returned yet") == 2


def in_place(self, features, sentence):
    features *= self.gate(sentence).unsqueeze(1)
    return features


def detached(self, features, sentence):
    return torch.tensor((self.gate(sentence).unsqueeze(1) * features).tolist())


def forgotten(self, features, sentence):
    result = self.gate(sentence).unsqueeze(1) * features  # noqa: F841


@pytest.mark.parametrize(
    "solution, words",
    [
        (variant(lambda self, f, s: self.gate(s).unsqueeze(1) + f), "The gate multiplies"),
        (variant(lambda self, f, s: self.gate(s) * f), "Each sentence has its own gate"),
        (variant(lambda self, f, s: (self.gate(s).unsqueeze(1) * f).mT), "dimensions are in another order"),
        (variant(lambda self, f, s: (self.gate(s).unsqueeze(1) * f).unsqueeze(0)), "size 1 is left over"),
        (variant(lambda self, f, s: self.gate(s).detach().unsqueeze(1) * f), "no gradient reaches"),
        (variant(lambda self, f, s: self.gate(s).unsqueeze(1) * f.detach()), "no gradient reaches f from"),
        (variant(detached), "no gradient reaches"),
        (variant(in_place), "by changing an input"),
        (variant(lambda self, f, s: F.dropout(self.gate(s).unsqueeze(1) * f)), "in evaluation mode"),
        (variant(lambda self, f, s: F.dropout(self.gate(s).unsqueeze(1) * f, 0.5, self.training)), "in training mode"),
        (variant(forgotten), "is a return missing?"),
        (variant(lambda self, f, s: s.matmul(f)), "raised RuntimeError"),
        (variant(lambda self, f: f), "raised TypeError"),
        (variant(init=lambda m: nn.init.zeros_(m.gate.bias)), "gate.bias the first values"),
        (variant(init=lambda m: setattr(m, "more", nn.Linear(1, 1))), "made in __init__"),
        (variant(init=lambda m: setattr(m, "gate", nn.Linear(3, 2))), "(outputs, inputs)"),
        (variant(init=lambda m: m.gate.requires_grad_(False)), "no gradient reaches gate.weight"),
        (variant(init=lambda m: 1 / 0), "raised ZeroDivisionError"),
    ],
)
def test_what_is_wrong_with_a_module_is_named(solution, words):
    assert words in message(modulation, solution)


def test_a_known_mistake_of_a_module_is_named():
    mistakes = [(variant(lambda self, f, s: self.gate(s).unsqueeze(1) + f), "It is a product.")]
    added = variant(lambda self, f, s: f + self.gate(s)[:, None])
    assert message(modulation, added, mistakes=mistakes).endswith("It is a product.")


def test_dropout_that_the_reference_has_is_demanded(capsys):
    class Dropped(Right):
        def forward(self, features, sentence):
            return F.dropout(super().forward(features, sentence), 0.5, self.training)

    cases = [((2, 3), lambda: (torch.randn(2, 8, 3), torch.randn(2, 2)), "Why.")]
    compare_modules("Mod", Dropped, Dropped, cases, "Yes.")
    assert "right" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="same result twice in training mode"):
        compare_modules("Mod", Right, Dropped, cases, "Yes.")


def loss(solution, **options):
    cases = [
        (lambda: (torch.randn(1, 6), torch.rand(1, 6), 0.3, 0.9), "Cross entropy of the scaled IoU."),
        (lambda: (torch.randn(4, 6) * 200, torch.rand(4, 6), 0.0, 0.5), "From logits: log(1 − p) overflows."),
    ]
    compare_functions("loss", solution, moment_loss, cases, "Yes.", gradients=(0,), **options)


def labels(iou, low, high):
    return ((iou - low) / (high - low)).clamp(0, 1)


@pytest.mark.parametrize(
    "solution, words",
    [
        (lambda z, o, a, b: F.binary_cross_entropy_with_logits(z, (o - a) / (b - a)), "Cross entropy of"),
        (lambda z, o, a, b: F.binary_cross_entropy_with_logits(z, labels(o, a, b), reduction="none"), "one number"),
        (lambda z, o, a, b: F.binary_cross_entropy_with_logits(z, labels(o, a, b)).item(), "no gradient reaches z"),
        (lambda z, o, a, b: F.binary_cross_entropy_with_logits(z.detach(), labels(o, a, b)), "no gradient reaches z"),
        (
            lambda z, o, a, b: (
                -(labels(o, a, b) * z.sigmoid().log() + (1 - labels(o, a, b)) * (1 - z.sigmoid()).log()).mean()
            ),
            "From logits",
        ),
    ],
)
def test_what_is_wrong_with_a_loss_is_named(solution, words):
    assert words in message(loss, solution)


def test_the_right_loss_passes(capsys):
    loss(lambda z, o, a, b: F.binary_cross_entropy_with_logits(z, labels(o, a, b)))
    loss(lambda z, o, a, b: ...)
    out = capsys.readouterr().out
    assert (
        out == "loss: right. Yes.\nloss: nothing returned yet. Replace the dots by your code and run the cell again.\n"
    )


def right_step(model, optimizer, x, y):
    optimizer.zero_grad()
    value = F.mse_loss(model(x), y)
    value.backward()
    optimizer.step()
    return value.item()


def step(solution):
    def inputs():
        model = nn.Linear(3, 2)
        return model, torch.optim.AdamW(model.parameters(), lr=0.1), torch.randn(5, 3), torch.randn(5, 2)

    compare_steps("step", solution, right_step, [(inputs, "Clear, backward, step.")], "Yes.")


def no_zero(model, optimizer, x, y):
    value = F.mse_loss(model(x), y)
    value.backward()
    optimizer.step()
    return value


def no_step(model, optimizer, x, y):
    optimizer.zero_grad()
    value = F.mse_loss(model(x), y)
    value.backward()
    return value


def summed(model, optimizer, x, y):
    optimizer.zero_grad()
    value = F.mse_loss(model(x), y, reduction="sum")
    value.backward()
    optimizer.step()
    return value


def returns_nothing(model, optimizer, x, y):
    right_step(model, optimizer, x, y)


@pytest.mark.parametrize(
    "solution, words",
    [
        (no_zero, "after 2 steps"),
        (no_step, "after 1 step but"),
        (summed, "the value returned after 1 step"),
        (returns_nothing, "is a return missing?"),
        (lambda m, o, x, y: m(y), "raised RuntimeError"),
    ],
)
def test_what_is_wrong_with_a_step_is_named(solution, words):
    assert words in message(step, solution)


def test_the_right_step_passes(capsys):
    step(right_step)
    step(lambda *arguments: torch.tensor(right_step(*arguments)))
    assert capsys.readouterr().out.count("right") == 2
