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


@pytest.mark.parametrize(
    ("about", "size"),
    [
        ({"data": "Toy-STA tiny (videos of drawn figures)"}, "tiny"),
        ({"data": "Toy-STA of tomorrow", "size": "full"}, "full"),
        ({"data": "TACoS", "data_set": "tacos"}, ""),
    ],
)
def test_the_size_of_the_data_set_is_known_in_earlier_versions_files_too(checkpoint_folder, about, size):
    path = checkpoint_folder / "about.json"
    written = {name: value for name, value in json.loads(path.read_text()).items() if name != "size"}
    path.write_text(json.dumps(written | about))
    assert load_checkpoint(checkpoint_folder).about.size == size


@pytest.mark.parametrize(("root", "found"), [("../data", "data"), ("../../elsewhere", "../elsewhere"), ("", None)])
def test_the_folder_of_its_data_is_seen_from_the_checkpoint(checkpoint_folder, root, found):
    edit(checkpoint_folder / "about.json", root=root)
    found = found and (checkpoint_folder.parent / found).resolve()
    assert load_checkpoint(checkpoint_folder).data_root == found
    moved = checkpoint_folder.rename(checkpoint_folder.with_name("moved"))
    assert load_checkpoint(moved).data_root == found


def test_a_checkpoint_of_an_earlier_version_does_not_say_where_its_data_are(checkpoint_folder):
    path = checkpoint_folder / "about.json"
    path.write_text(json.dumps({name: value for name, value in json.loads(path.read_text()).items() if name != "root"}))
    assert load_checkpoint(checkpoint_folder).data_root is None


@pytest.mark.parametrize(
    ("training", "variant", "blind"),
    [({"variant": "blind"}, "blind", True), ({"variant": "full"}, "full", False), ({}, "", False)],
)
def test_a_checkpoint_knows_its_variant(checkpoint_folder, training, variant, blind):
    edit(checkpoint_folder / "about.json", training=training)
    found = load_checkpoint(checkpoint_folder)
    assert (found.variant, found.blind) == (variant, blind)


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


def spoil(path, value, dtype=None):
    weights = load_file(path)
    weights["score.bias"] = torch.full_like(weights["score.bias"], value, dtype=dtype)
    save_file(weights, path)


NESTED = "[" * 100_000
WRONG = {
    "a huge width": ("config.json", {"hidden": 10**12}, "hidden=1000000000000: the model would have .* parameters"),
    "a million layers": ("config.json", {"layers": 10**6}, "layers=1000000"),
    "a map of a million": ("config.json", {"num_clips": 10**6, "num_frames": 10**6}, "num_clips=1000000"),
    "a width for a larger machine": ("config.json", {"hidden": 4000}, r"[\d,]+ numbers, but a model of these .* has"),
    "scales without end": ("config.json", {"scales": [10**9]}, "scales="),
    "data a number": ("about.json", {"data": 3}, "data=3: must be a text"),
    "layer null": ("about.json", {"layer": None}, "layer=None: must be a text"),
    "encoder a list": ("about.json", {"encoder": ["a"]}, "encoder="),
    "data_set an object": ("about.json", {"data_set": {}}, "data_set="),
    "size a number": ("about.json", {"size": 3}, "size=3: must be a text"),
    "rate a text": ("about.json", {"rate": "6"}, "rate='6': must be of type float"),
    "rate true": ("about.json", {"rate": True}, "rate=True"),
    "rate below zero": ("about.json", {"rate": -1}, "rate=-1"),
    "training a list": ("about.json", {"training": [1]}, r"training=\[1\]: must be an object"),
    "words a text": ("vocabulary.json", {"words": "abc"}, "vocabulary"),
    "words numbers": ("vocabulary.json", {"words": [1, 2]}, "vocabulary"),
    "words twice": ("vocabulary.json", {"words": ["<pad>", "<unk>", "a", "a"]}, "twice"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_value_in_a_file_is_one_line_that_names_it(checkpoint_folder, kind):
    name, changes, message = WRONG[kind]
    edit(checkpoint_folder / name, **changes)
    with pytest.raises(InputError, match=message) as error:
        load_checkpoint(checkpoint_folder)
    told = str(error.value)
    assert str(checkpoint_folder / name) in told and "\n" not in told and len(told) < 500


@pytest.mark.parametrize("name", ["config.json", "about.json", "vocabulary.json"])
@pytest.mark.parametrize(
    "text", [NESTED, '{"rate": NaN}', '{"rate": 1, "rate": 1}', '{"rate": ' + "9" * 5000 + "}", "ÿ"]
)
def test_what_json_itself_lets_pass_or_fails_on(checkpoint_folder, name, text):
    (checkpoint_folder / name).write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=name) as error:
        load_checkpoint(checkpoint_folder)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        (float("nan"), None, "holds numbers that are not finite"),
        (float("-inf"), None, "holds numbers that are not finite"),
        (3e30, None, "larger than any weight"),
        (1, torch.int64, "is of type int64, not floating-point"),
        (1, torch.bool, "is of type bool"),
        (1, torch.complex64, "is of type complex64"),
    ],
)
def test_weights_of_a_training_that_diverged_or_of_another_type_are_refused(checkpoint_folder, value, dtype, message):
    """By `load_checkpoint`, and so by evaluate, report and predict; and by the hub's own way."""
    path = checkpoint_folder / "model.safetensors"
    spoil(path, value, dtype)
    with pytest.raises(InputError, match=rf"model\.safetensors: score\.bias .*{message}") as error:
        load_checkpoint(checkpoint_folder)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(InputError, match=rf"score\.bias .*{message}"):
        LGN.from_pretrained(checkpoint_folder)


def test_a_diverged_model_does_not_take_the_place_of_a_good_one(checkpoint_folder, vocabulary):
    before = load_checkpoint(checkpoint_folder)
    model = LGN(before.model.config)
    model.score.bias.data.fill_(float("nan"))
    with pytest.raises(InputError, match=r"not written: score\.bias holds .* not finite; the training div"):
        save_checkpoint(checkpoint_folder, model, vocabulary, before.about, {"epoch": 4})
    assert load_checkpoint(checkpoint_folder).trained == before.trained


@pytest.mark.parametrize("name", ["config.json", "about.json", "model.safetensors"])
def test_a_folder_in_a_file_s_place(checkpoint_folder, name):
    (checkpoint_folder / name).unlink()
    (checkpoint_folder / name).mkdir()
    with pytest.raises(InputError, match=name):
        load_checkpoint(checkpoint_folder)


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": 3},
        {"root": 3},
        {"rate": float("nan")},
        {"rate": "6"},
        {"training": {"seed": float("nan")}},
        {"training": {"a": {1}}},
    ],
)
def test_what_a_checkpoint_says_of_itself_is_checked_when_it_is_made(wrong):
    with pytest.raises(InputError, match=f"{next(iter(wrong))}="):
        About(**wrong)


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
