"""A lesson's models: a folder of their own for other settings, never those of another data set."""

import json

import pytest

from lgn_lite.course.notebook import models_folder
from lgn_lite.errors import InputError


@pytest.fixture
def about(tmp_path):
    path = tmp_path / "models" / "full" / "best" / "about.json"
    path.parent.mkdir(parents=True)
    return path


def test_models_of_another_data_set_are_refused(about, tmp_path):
    about.write_text('{"data": "Toy-STA small"}', encoding="utf-8")
    assert models_folder(tmp_path, "Toy-STA small") == tmp_path / "models"
    with pytest.raises(InputError, match="was trained on Toy-STA small, not on TACoS"):
        models_folder(tmp_path, "TACoS")


@pytest.mark.parametrize("content", ["", "[]", "[" * 10**5, '{"data": "a", "data": "b"}', '{"data": NaN}'])
def test_damaged_notes_of_a_model_are_one_line(about, tmp_path, content):
    about.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"about\.json.*") as error:
        models_folder(tmp_path, "Toy-STA small")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("data", [3, None, ["x"] * 10**5, "x" * 10**6])
def test_a_data_set_of_any_type_is_quoted_short(about, tmp_path, data):
    about.write_text(json.dumps({"data": data}), encoding="utf-8")
    with pytest.raises(InputError, match="was trained on") as error:
        models_folder(tmp_path, "Toy-STA small")
    assert len(str(error.value)) < 500
