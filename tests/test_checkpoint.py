"""Checkpoints: what is saved is loaded, and each kind of broken folder is one clear error."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from lgn_lite.checkpoint import About, load_checkpoint, save_checkpoint
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.text import Vocabulary


def test_what_is_saved_is_loaded(tmp_path, tiny_config, vocabulary):
    model = LGN(tiny_config(vocabulary_size=len(vocabulary), scales=(2, 1)))
    about = About("videos of ten lights", "toy-sta", "vgg-small", "fc7", 2.5, {"variant": "full", "seed": 3})
    save_checkpoint(tmp_path / "deep" / "best", model, vocabulary, about, {"epoch": 3, "R1@0.5": 41.25})
    found = load_checkpoint(tmp_path / "deep" / "best")
    assert found.model.config == model.config
    assert not found.model.training
    assert all(torch.equal(value, found.model.state_dict()[name]) for name, value in model.state_dict().items())
    assert found.vocabulary.words == vocabulary.words
    assert found.about == about
    assert found.trained == {"epoch": "3", "R1@0.5": "41.25"}
    assert found.encoder_file is None
    assert found.encode("red light").tolist() == vocabulary.encode("red light")


def test_the_frame_encoder_travels_along(checkpoint_folder, tmp_path):
    assert load_checkpoint(checkpoint_folder).encoder_file == checkpoint_folder / "frames.safetensors"
    copied = (checkpoint_folder / "frames.safetensors").read_bytes()
    assert copied == (tmp_path / "encoder.safetensors").read_bytes()


def other_vocabulary(path):
    Vocabulary(["only", "four", "other", "words"]).save(path)


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def drop_a_weight(path):
    weights = load_file(path)
    del weights["score.bias"]
    save_file(weights, path)


BROKEN = {
    "no folder": ("", None, "no checkpoint folder"),
    "no settings": ("config.json", lambda path: path.unlink(), "incomplete copy"),
    "no about": ("about.json", lambda path: path.unlink(), "incomplete copy"),
    "no words": ("vocabulary.json", lambda path: path.unlink(), "vocabulary"),
    "no weights": ("model.safetensors", lambda path: path.unlink(), "no weights"),
    "cut weights": ("model.safetensors", cut, "broken"),
    "empty weights": ("model.safetensors", lambda path: path.write_bytes(b""), "broken"),
    "a weight less": ("model.safetensors", drop_a_weight, "other settings"),
    "wider settings": ("config.json", lambda path: edit(path, hidden=16), "other settings"),
    "other modules": ("config.json", lambda path: edit(path, guidance=0), "other settings"),
    "unknown setting": ("config.json", lambda path: edit(path, hiden=16), "unknown setting hiden"),
    "contradiction": ("config.json", lambda path: edit(path, num_clips=3), "contradictory"),
    "text for a number": ("config.json", lambda path: edit(path, hidden="wide"), "hidden='wide'"),
    "settings not JSON": ("config.json", lambda path: path.write_text("{"), "not json"),
    "settings no object": ("config.json", lambda path: path.write_text("[]"), "must hold an object"),
    "about not JSON": ("about.json", lambda path: path.write_text("x"), "not json"),
    "about of others": ("about.json", lambda path: edit(path, trained_by="me"), "trained_by"),
    "words not JSON": ("vocabulary.json", lambda path: path.write_text("x"), "vocabulary"),
    "other words": ("vocabulary.json", other_vocabulary, r"6 words, but config\.json says"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_folder_is_one_line_that_names_the_file(checkpoint_folder, kind):
    name, do, message = BROKEN[kind]
    path = checkpoint_folder / name if name else checkpoint_folder / "absent"
    if do:
        do(path)
    with pytest.raises(InputError, match=message) as error:
        load_checkpoint(checkpoint_folder if name else path)
    told = str(error.value)
    # weights and settings that do not fit may be told under either name
    assert str(path) in told or (message == "other settings" and str(checkpoint_folder) in told)
    assert "\n" not in told


@pytest.mark.parametrize("failing", ["weights", "Vocabulary.save"])
def test_an_error_while_saving_leaves_nothing_half_written(
    checkpoint_folder, tiny_config, vocabulary, monkeypatch, failing
):
    before = load_checkpoint(checkpoint_folder)
    names = sorted(path.name for path in checkpoint_folder.iterdir())

    def interrupted(path, content):
        path.write_text("half")
        raise KeyboardInterrupt

    if failing == "weights":
        monkeypatch.setattr(type(checkpoint_folder), "write_bytes", interrupted)
    else:
        from lgn_lite import text

        monkeypatch.setattr(text.json, "dumps", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    model = LGN(before.model.config)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(checkpoint_folder, model, vocabulary, before.about, {"epoch": 9})
    monkeypatch.undo()
    after = load_checkpoint(checkpoint_folder)
    assert sorted(path.name for path in checkpoint_folder.iterdir()) == names
    assert after.trained == before.trained
    state = after.model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in before.model.state_dict().items())


def test_saving_again_replaces(checkpoint_folder, vocabulary):
    before = load_checkpoint(checkpoint_folder)
    torch.manual_seed(9)
    model = LGN(before.model.config)
    save_checkpoint(checkpoint_folder, model, vocabulary, before.about, {"epoch": 4})
    after = load_checkpoint(checkpoint_folder)
    assert after.trained == {"epoch": "4"}
    assert torch.equal(after.model.score.weight, model.score.weight)
    assert not torch.equal(after.model.score.weight, before.model.score.weight)
