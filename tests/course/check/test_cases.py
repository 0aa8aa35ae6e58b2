"""How a check tries a reader's function: what passes, and what the messages say."""

import numpy as np
import pytest
import torch
from helpers.messages import message

from lgn_lite.course.check.cases import is_stub, same, shown, try_cases

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
    assert text.startswith("double([-3]) gave None, but it should be [-6]. It returned None: is a return missing?")


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
    assert "Its type is dict, but the answer has 2 entries" in message(double, lambda x: {v: 2 * v for v in x})
    assert "Its type is int, but" in message(double, lambda x: 2 * x[0])
    one = [((1,), 2, "Why.")]
    assert "the answer is one number" in message(lambda s: try_cases("f", s, one, ""), lambda x: [2])
    text = [((1,), "hit", "Why.")]
    assert "the answer is a string" in message(lambda s: try_cases("f", s, text, ""), lambda x: 2)


def test_a_known_mistake_is_named_where_it_explains_every_case():
    mistakes = [(lambda x: [v + v + 1 for v in x], "One too many."), (lambda x: [v * v for v in x], "Squares.")]
    assert message(double, lambda x: [v**2 for v in x], mistakes=mistakes).endswith("Squares.")
    assert message(double, lambda x: [v**3 for v in x], mistakes=mistakes).endswith("Two times each.")
