"""What a folder was begun with: only the same training resumes in it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lgn_lite.checkpoint import About
from lgn_lite.config import TrainSettings
from lgn_lite.errors import InputError
from lgn_lite.training_folder import check_same_training

SHORT = TrainSettings(epochs=3, batch_size=10, learning_rate=1e-2, save_every=1, seed=4)


def check(folder: Path, model, settings=SHORT, queries=20, **about) -> None:
    check_same_training(folder, model, settings, About(**about), queries)


def test_the_data_may_move(tmp_path, tiny_config):
    check(tmp_path / "run", tiny_config(), root="../../data")
    check(tmp_path / "run", tiny_config(), root="../elsewhere")
    with pytest.raises(InputError, match="size: '' there, 'full' requested"):
        check(tmp_path / "run", tiny_config(), root="../../data", size="full")


def test_another_spelling_of_a_path_is_the_same(tmp_path, tiny_config, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "glove.txt").touch()
    (tmp_path / "link").symlink_to("data")
    config = tiny_config()
    check(tmp_path / "run", config, encoder="data/glove.txt", training={"words": {"file": "data/glove.txt"}})
    for path in (tmp_path / "data" / "glove.txt", "./data/glove.txt", "data/../data/glove.txt", "link/glove.txt"):
        check(tmp_path / "run", config, encoder=str(path), training={"words": {"file": str(path)}})
    for path in ("data/glove2.txt", "/data/glove.txt", "glove.txt"):
        with pytest.raises(InputError, match=r"encoder: 'data/glove\.txt' there"):
            check(tmp_path / "run", config, encoder=path, training={"words": {"file": "data/glove.txt"}})


def test_a_folder_of_an_earlier_version_that_lacks_the_size_is_resumed(tmp_path, tiny_config):
    title = "Toy-STA tiny (videos of drawn figures)"
    check(tmp_path, tiny_config(), data=title, size="tiny")
    path = tmp_path / "settings.json"
    begun = json.loads(path.read_text(encoding="utf-8"))
    del begun["about"]["size"]
    path.write_text(json.dumps(begun), encoding="utf-8")
    check(tmp_path, tiny_config(), data=title, size="tiny")
    with pytest.raises(InputError, match="size: 'tiny' there, 'small' requested"):
        check(tmp_path, tiny_config(), data=title, size="small")


def test_random_word_vectors_are_the_same_wherever_others_were_looked_for(tmp_path, tiny_config):
    def words(seed, root):
        return {"words": f"random vectors (seed {seed}): no GloVe file at {root}/glove.6B.300d.txt; fetch it"}

    config = tiny_config()
    check(tmp_path, config, training=words(0, "data/glove") | {"profile": "cpu"})
    check(tmp_path, config, training=words(0, tmp_path / "data") | {"profile": "gpu"})  # only the profile's name
    with pytest.raises(InputError, match=r"training: .*seed 0.* there"):
        check(tmp_path, config, training=words(1, "data/glove"))
    with pytest.raises(InputError, match="training: "):
        check(tmp_path, config, training={"words": "glove.6B.300d.txt: 0 of 3 words unknown"})


def test_other_queries_are_another_training(tmp_path, tiny_config):
    check(tmp_path, tiny_config(), queries=20)
    with pytest.raises(InputError, match="queries: 20 there, 21 requested"):
        check(tmp_path, tiny_config(), queries=21)


def test_what_an_earlier_version_did_not_know_had_its_default(tmp_path, tiny_config):
    check(tmp_path, tiny_config())
    path = tmp_path / "settings.json"
    begun = json.loads(path.read_text(encoding="utf-8"))
    del begun["model"]["text_encoder"], begun["training"]["clip"], begun["about"]["data_set"], begun["data"]
    path.write_text(json.dumps(begun), encoding="utf-8")
    check(tmp_path, tiny_config())
    with pytest.raises(InputError, match=r"clip: 10\.0 there, 3\.0 requested"):
        check(tmp_path, tiny_config(), replace(SHORT, clip=3.0))
