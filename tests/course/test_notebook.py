"""What the notebooks share: models of their own for other settings, real annotations if there are any, results."""

import json
import warnings
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

from lgn_lite.course import (
    models_folder,
    notebook,
    read_results,
    released,
    save_results,
    setup,
    train_in_turn,
    trained_models,
    work_folder,
)
from lgn_lite.errors import InputError
from lgn_lite.recipes import Recipe
from lgn_lite.support.files import hold_folder


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


@pytest.mark.parametrize("profile, workers", [("smoke", 1), ("cpu", None)])
def test_trained_models_come_by_name(tmp_path, monkeypatch, profile, workers):
    """One epoch is not worth starting processes; else `train_variants` chooses how many."""
    given = []
    monkeypatch.setattr(notebook, "train_variants", lambda *arguments: given.append(arguments[3:]))
    monkeypatch.setattr(notebook, "load_checkpoint", lambda folder: folder)
    data = SimpleNamespace(title="Toy-STA small")
    assert trained_models(data, tmp_path, ["full", "late"], profile, seed=3) == {
        name: tmp_path / "models-seed3" / name / "best" for name in ("full", "late")
    }
    assert given == [(Recipe(profile=profile, seed=3), workers)]


def test_one_notebook_trains_in_a_folder_at_a_time(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(notebook, "train_variants", lambda *arguments: order.append("trained"))
    other = Thread(target=train_in_turn, args=(None, tmp_path, ["full"], Recipe()))
    with hold_folder(tmp_path, "training in it", lock=".notebook.lock"):
        other.start()
        other.join(timeout=0.5)
        order.append("released")
    other.join(timeout=60)
    assert order == ["released", "trained"]


def test_setup_goes_to_the_project_and_shows_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert setup() is None  # the last line of a cell, whose value would be shown
    assert Path("pyproject.toml").exists()


def test_results_come_back(tmp_path):
    path = save_results(tmp_path / "run", "09_train", {"R1@0.5": 88.2, "τ": [1, None]})
    assert path == tmp_path / "run" / "results" / "09_train.json"
    assert read_results(path) == {"R1@0.5": 88.2, "τ": [1, None]}
    with pytest.raises(InputError, match="no_such"):
        read_results(tmp_path / "no_such.json")


def test_work_folders_are_made_once(tmp_path):
    assert work_folder(tmp_path / "run", "own") == work_folder(tmp_path / "run", "own") == tmp_path / "run" / "own"
    assert work_folder(tmp_path / "run") == tmp_path / "run"
    assert (tmp_path / "run" / "own").is_dir()


def test_annotations_are_read_without_warnings_or_missed_with_a_hint(tmp_path, capsys):
    assert released("tacos", tmp_path) == {}
    assert "TACoS: no annotations below" in capsys.readouterr().out
    folder = tmp_path / "charades-sta"
    folder.mkdir()
    for split in ("train", "test"):
        (folder / f"charades_sta_{split}.txt").write_text("AAA 2.0 9.5##a person opens the door.\n")  # ends too late
        (folder / f"Charades_v1_{split}.csv").write_text("id,length\nAAA,8.0\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        splits = released("charades-sta", tmp_path)
    assert [splits[split][0].end for split in ("trainval", "test")] == [8.0, 8.0]
