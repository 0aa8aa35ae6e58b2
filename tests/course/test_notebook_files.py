"""What a notebook's helpers read of trainings: a damaged file is no traceback, and never a wrong number."""

import json

import pytest

from lgn_lite.errors import InputError
from lgn_lite.recipes import _epochs_done
from lgn_lite.study.ablation import collect
from lgn_lite.study.initialisation import _read


@pytest.mark.parametrize(
    ("text", "epochs"), [("[1, 2]", 2), ("[]", 0), ("", 0), ("{", 0), ('{"a": 1}', 0), ("[NaN]", 0), ("[" * 10**5, 0)]
)
def test_epochs_that_are_done(tmp_path, text, epochs):
    """A damaged history counts as none: the training itself writes it again from its state."""
    assert _epochs_done(tmp_path / "history.json") == 0
    (tmp_path / "history.json").write_text(text, encoding="utf-8")
    assert _epochs_done(tmp_path / "history.json") == epochs


@pytest.mark.parametrize("text", ["", "[]", '{"10": NaN}', '{"1": 1, "1": 2}', "[" * 10**5])
def test_a_damaged_curve_is_one_line(tmp_path, text):
    assert _read(tmp_path / "curve.json") == {}
    (tmp_path / "curve.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"curve\.json") as error:
        _read(tmp_path / "curve.json")
    assert "\n" not in str(error.value)


GOOD = {"row": "full", "seed": 0, "learning_rate": 1e-3, "val": {}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "must hold an object"),
        ({}, "row, seed, learning_rate, val is missing"),
        (GOOD | {"seed": None}, "seed is missing or of another type"),
        (GOOD | {"row": 3, "val": "x"}, "row, val is missing"),
        (GOOD | {"learning_rate": float("nan")}, "NaN is not a number"),
    ],
)
def test_damaged_scores_of_the_study_are_one_line(tmp_path, content, message):
    path = tmp_path / "full" / "seed-0" / "scores.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(GOOD), encoding="utf-8")
    assert collect(tmp_path) == [GOOD]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=rf"scores\.json.*{message}.*remove it"):
        collect(tmp_path)
