"""Published weights: every kind that is in use is read, by its content, and none of them can run code."""

import json
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchvision.models import VGG16_Weights

from lgn_lite.errors import InputError
from lgn_lite.support.weights import check_weights, read_weights
from lgn_lite.video.vgg import VGGFrames


class Python2Pickler(pickle._Pickler):
    """Pickles as Python 2 and the torch of 2017 did: byte strings, storages on a GPU, NumPy 1's names."""

    def __init__(self, file):
        super().__init__(file, protocol=2)
        self.storages: dict[str, Tensor] = {}

    def save_string(self, value: str | bytes) -> None:
        value = value.encode("latin1") if isinstance(value, str) else value
        self.write(pickle.SHORT_BINSTRING + struct.pack("B", len(value)) + value)
        self.memoize(value)

    def save_tensor(self, tensor: Tensor) -> None:
        self.write(b"ctorch._utils\n_rebuild_tensor\n" + pickle.MARK)
        key = str(len(self.storages))
        self.storages[key] = tensor
        self.save(("storage", torch.cuda.FloatStorage, key, "cuda:0", tensor.numel(), None))
        self.write(pickle.BINPERSID)
        for part in (0, tuple(tensor.shape), tensor.stride()):
            self.save(part)
        self.write(pickle.TUPLE + pickle.REDUCE)

    def save_number(self, number: np.float64) -> None:
        self.write(b"cnumpy.core.multiarray\nscalar\n" + b"cnumpy\ndtype\n")
        self.save(("f8", 0, 1))
        self.write(pickle.REDUCE)
        self.save((3, "<", None, None, None, -1, -1, 0))
        self.write(pickle.BUILD)
        self.save(number.tobytes())
        self.write(pickle.TUPLE2 + pickle.REDUCE)

    dispatch: ClassVar = {
        **pickle._Pickler.dispatch, str: save_string, bytes: save_string, Tensor: save_tensor, np.float64: save_number,
    }  # fmt: skip


def write_python2_checkpoint(path: Path, content: dict) -> None:
    """torch.save as it was before it wrote zip files: three short pickles, the content, and the storages."""
    with path.open("wb") as file:
        sizes = {"short": 2, "int": 4, "long": 8}
        for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True, "type_sizes": sizes}):
            Python2Pickler(file).dump(part)
        pickler = Python2Pickler(file)
        pickler.dump(content)
        Python2Pickler(file).dump(list(pickler.storages))
        for tensor in pickler.storages.values():
            file.write(struct.pack("<q", tensor.numel()) + tensor.numpy().tobytes())


def tiny_vgg(classes: int = 157) -> VGGFrames:
    """VGG16's names, with layers small enough for a test."""
    return VGGFrames("tiny", (4, "M", 8, "M"), 2, 6, classes, 16, (0.5,) * 3, (0.5,) * 3)


def charades_checkpoint(state: dict[str, Tensor]) -> dict:
    """What the authors of Charades saved with their network, its momentum among it."""
    names = [name.replace("features.", "features.module.") for name in state]
    moments = {140230 + n: {"momentum_buffer": torch.ones_like(value)} for n, value in enumerate(state.values())}
    group = {"lr": 1e-3, "momentum": 0.9, "nesterov": False, "params": list(moments)}
    return {
        "epoch": 7,
        "arch": "vgg16",
        "state_dict": OrderedDict(zip(names, state.values(), strict=True)),
        "mAP": np.float64(0.186),  # its bytes are no UTF-8
        "optimizer": {"state": moments, "param_groups": [group]},
    }


def same(read: dict[str, Tensor], state: dict[str, Tensor]) -> bool:
    return list(read) == list(state) and all(torch.equal(read[name], state[name]) for name in state)


def test_the_checkpoint_trained_on_charades(tmp_path):
    state, path = tiny_vgg().state_dict(), tmp_path / "twostream_rgb.pth.tar"
    write_python2_checkpoint(path, charades_checkpoint(state))
    assert b"mAP" in path.read_bytes() and b"X\x03\x00\x00\x00mAP" not in path.read_bytes()  # no text of Python 3
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, map_location="cpu", weights_only=True)  # torch alone refuses the NumPy number
    read = read_weights(path)
    assert same(read, state)
    network = tiny_vgg()._filled(read, path.name)
    frames = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    assert network.extract(frames).shape == (2, 6)


def test_the_checkpoint_builds_a_vgg16_of_157_classes(monkeypatch):
    """At the real shapes, without the memory: shapes only."""
    with torch.device("meta"):
        state = VGGFrames.vgg16().state_dict()
        state |= {"classifier.6.weight": torch.empty(157, 4096), "classifier.6.bias": torch.empty(157)}
    monkeypatch.setattr("lgn_lite.video.vgg.read_weights", lambda path: state)
    network = VGGFrames.vgg16("fc7", "weights/twostream_rgb.pth.tar")
    assert (network.settings["num_classes"], network.trained_on) == (157, "twostream_rgb.pth.tar")
    assert network.state_dict().keys() == state.keys()


@pytest.mark.parametrize("name", ["weights.pth", "twostream_rgb.pth.tar", "iter004257-0.4094-0.8384.pkl", "noname"])
@pytest.mark.parametrize("kind", ["zip", "old", "safetensors", "python 2"])
def test_the_content_decides_the_format_not_the_name(tmp_path, name, kind):
    state, path = tiny_vgg(3).state_dict(), tmp_path / name
    if kind == "safetensors":
        save_file(state, path)
        assert same(read_weights(path), dict(sorted(state.items())))
        return
    if kind == "python 2":
        write_python2_checkpoint(path, state)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")
    assert same(read_weights(path), state)


@pytest.mark.parametrize("old", [False, True])
def test_numpy_numbers_of_today_are_passed_over(tmp_path, old):
    content = {"state_dict": {"w": torch.ones(2)}, "best": np.float64(0.5), "step": np.int64(3)}
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=not old)
    assert list(read_weights(tmp_path / "w.pth")) == ["w"]


def test_only_whole_names_of_parallel_models_are_dropped(tmp_path):
    names = {"module.a": "a", "b.module.0.w": "b.0.w", "submodule.w": "submodule.w", "c.module": "c.module"}
    torch.save({name: torch.ones(1) for name in names}, tmp_path / "w.pth")
    assert list(read_weights(tmp_path / "w.pth")) == list(names.values())


class Attack:
    """Unpickled in the ordinary way, it makes a file."""

    def __init__(self, victim: Path, way: str):
        self.victim, self.way = victim, way

    def __reduce__(self):
        if self.way == "os.system":
            return os.system, (f"touch '{self.victim}'",)
        if self.way == "eval":
            return eval, (f"open({str(self.victim)!r}, 'w').close()",)
        return Path.touch, (self.victim,)


@pytest.mark.parametrize("way", ["os.system", "eval", "touch"])
@pytest.mark.parametrize("container", ["zip", "old", "plain pickle"])
def test_a_file_that_would_run_code_runs_none(tmp_path, way, container):
    victim, path, allowed = tmp_path / "victim", tmp_path / "evil.pth.tar", torch.serialization.get_safe_globals()
    content = {"state_dict": {"w": torch.ones(2)}, "mAP": Attack(victim, way)}
    if container == "plain pickle":
        path.write_bytes(pickle.dumps(content["mAP"], protocol=2))
        pickle.loads(path.read_bytes())
    else:
        torch.save(content, path, _use_new_zipfile_serialization=container == "zip")
        torch.load(path, weights_only=False)
    assert victim.exists()  # the attack works on a careless reader
    victim.unlink()
    with pytest.raises(InputError, match=r"evil\.pth\.tar: holds more than weights: .* nothing was run; give") as error:
        read_weights(path)
    assert not victim.exists()
    assert "\n" not in str(error.value)
    assert set(torch.serialization.get_safe_globals()) == set(allowed)  # and nothing more stays allowed


def test_a_whole_pickled_model_is_refused(tmp_path):
    torch.save(tiny_vgg(2), tmp_path / "model.pth")
    with pytest.raises(InputError, match=r"model\.pth: holds more than weights: .*VGGFrames.*state dict only"):
        read_weights(tmp_path / "model.pth")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is damaged, or not a file of weights"),
        (b"<!DOCTYPE html><html>sign in to download</html>", "is damaged, or not a file of weights"),
        (b"PK\x03\x04 but no more", "is damaged, or not a file of weights"),
        (pickle.dumps([1, 2], protocol=2), "is damaged, or not a file of weights"),
        (struct.pack("<q", 99) + b'{"w": ', "is damaged, or not a file of weights"),
    ],
)
def test_files_that_are_no_weights(tmp_path, content, match):
    path = tmp_path / "bad.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"bad\.pth: {match}.*fetch it again") as error:
        read_weights(path)
    assert "\n" not in str(error.value)


def test_no_file_and_no_tensors(tmp_path):
    with pytest.raises(InputError, match=r"none\.pth: cannot be opened \(No such file or directory\); check the path"):
        read_weights(tmp_path / "none.pth")
    for content in ({"epoch": 3}, [torch.ones(2)], {"state_dict": 3}, torch.ones(2)):
        torch.save(content, tmp_path / "empty.pth")
        with pytest.raises(InputError, match=r"empty\.pth: holds no weights"):
            read_weights(tmp_path / "empty.pth")


@pytest.fixture(scope="module", params=["zip", "old", "python 2"])
def checkpoint(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "whole.pth"
    content = charades_checkpoint({"features.0.weight": torch.randn(3, 2), "classifier.0.bias": torch.randn(5)})
    if request.param == "python 2":
        write_python2_checkpoint(path, content)
    else:
        torch.save(content, path, _use_new_zipfile_serialization=request.param == "zip")
    return path


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.999))
def test_a_checkpoint_cut_anywhere_is_one_clear_error(checkpoint, tmp_path, share):
    data = checkpoint.read_bytes()
    path = tmp_path / "cut.pth"
    path.write_bytes(data[: int(share * len(data))])
    # a name that is cut in its middle is the same to it as one that is not allowed
    with pytest.raises(InputError, match=r"cut\.pth: (is damaged.*fetch it again|holds more than weights)"):
        read_weights(path)


# ---- damage that no reader stumbles over


def test_a_byte_flipped_anywhere_in_a_zip_file_is_found(tmp_path):
    """torch itself reads the numbers as they are: it does not compare the checksums."""
    state = {"a": torch.arange(200.0), "b": torch.ones(3)}
    path = tmp_path / "whole.pkl"
    torch.save(state, path)
    content, refused = path.read_bytes(), 0
    for at in range(0, len(content), 7):
        bent = bytearray(content)
        bent[at] ^= 1 << at % 8
        (tmp_path / "bent.pkl").write_bytes(bent)
        try:
            assert same(read_weights(tmp_path / "bent.pkl"), state), at  # in padding, or a date
        except InputError as error:
            assert "bent.pkl: " in str(error) and "\n" not in str(error)
            refused += 1
    with zipfile.ZipFile(path) as file:
        data = sum(member.file_size for member in file.infolist())
    assert refused >= data // 7


def test_a_zip_file_that_would_unpack_to_gigabytes_is_refused(tmp_path):
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "plain.pth")
    bomb = zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(tmp_path / "plain.pth") as plain, bomb:
        for name in plain.namelist():
            bomb.writestr(name, plain.read(name))
    with pytest.raises(InputError, match=r"bomb\.pth: would unpack to more than ten times its size"):
        read_weights(tmp_path / "bomb.pth")


BAD = {
    "nan": (torch.tensor([1.0, float("nan")]), "holds numbers that are not finite"),
    "infinite": (torch.tensor([[-float("inf")]]), "holds numbers that are not finite"),
    "half": (torch.tensor([float("nan")], dtype=torch.bfloat16), "holds numbers that are not finite"),
    "exponent": (torch.tensor([0.1, 3e30]), r"holds 3e\+30, larger than any weight"),
    "double": (torch.tensor([1e300], dtype=torch.float64), "larger than any weight"),
    "complex": (torch.ones(2, dtype=torch.complex64), "is of type complex64, not floating-point"),
    "whole": (torch.ones(2, dtype=torch.int64), "is of type int64, not floating-point"),
    "booleans": (torch.ones(2, dtype=torch.bool), "is of type bool, not floating-point"),
    "stretched": (torch.ones(1).expand(10**9, 10**9), r"of shape \(1000000000, 1000000000\) is not stored"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("container", ["zip", "old", "safetensors"])
def test_weights_are_finite_floating_point_numbers(tmp_path, kind, container):
    bad, message = BAD[kind]
    state, path = {"fine": torch.ones(2), "bad": bad}, tmp_path / "w.pkl"
    if container == "safetensors":
        if kind == "stretched":
            return  # cannot be stored
        save_file(state, path)
    else:
        torch.save({"state_dict": state}, path, _use_new_zipfile_serialization=container == "zip")
    with pytest.raises(InputError, match=rf"w\.pkl: bad .*{message}.*; fetch the file again") as error:
        read_weights(path)
    assert "\n" not in str(error.value)


def test_counts_next_to_the_weights_may_be_whole_numbers(tmp_path):
    state = {"norm.weight": torch.ones(2), "norm.num_batches_tracked": torch.tensor(7)}
    torch.save(state, tmp_path / "w.pth")
    assert same(read_weights(tmp_path / "w.pth"), state)


def test_all_that_is_wrong_is_counted():
    weights = {"a": torch.ones(1), "b": BAD["nan"][0], "c": BAD["whole"][0], "d": "text"}
    with pytest.raises(InputError, match=r"here: b holds .* \(and 2 more of 4\); do this"):
        check_weights(weights, "here", "do this")


# ---- a frame encoder of our own


def change_settings(path: Path, **changes) -> None:
    """Write the file again with other settings in its metadata."""
    network = tiny_vgg(3)
    network.save(path)
    settings = {**network.settings, "layer": "fc6", "trained_on": "x", **changes}
    settings = {name: value for name, value in settings.items() if value is not KeyError}
    save_file(load_file(path), path, {"vgg_frames": json.dumps(settings)})


def test_a_frame_encoder_is_read_again(tmp_path):
    change_settings(tmp_path / "frames.safetensors")
    assert VGGFrames.load(tmp_path / "frames.safetensors").name == "tiny"


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 10**12}, {"width": "six"}, {"width": 6.0}, {"width": True}, {"width": None}, {"width": KeyError},
        {"grid": 0}, {"grid": -2}, {"num_classes": 10**9}, {"image_size": [16]}, {"blocks": 3}, {"blocks": ["X", "M"]},
        {"blocks": [4, "M"] * 10**4}, {"blocks": []}, {"blocks": [10**12]}, {"blocks": {"4": "M"}}, {"mean": 0.5},
        {"mean": [0.5]}, {"std": [0.0, 1.0, 1.0]}, {"std": ["a", "b", "c"]}, {"mean": [float("nan")] * 3},
        {"shorter_side": "all"}, {"shorter_side": -1}, {"dropout": 2.0}, {"dropout": None}, {"layer": "fc8"},
        {"layer": KeyError}, {"name": 3}, {"trained_on": [1]}, {"another": 1}, {"width": 12},
    ],
)  # fmt: skip
def test_settings_of_a_frame_encoder_that_cannot_be(tmp_path, changes):
    path = tmp_path / "frames.safetensors"
    change_settings(path, **changes)
    with pytest.raises(InputError) as error:
        VGGFrames.load(path)
    reported = str(error.value)
    assert (str(path) in reported or "fc8" in reported) and "\n" not in reported and len(reported) < 400


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "[" * 100_000, '{"width": 1' + "0" * 5000 + "}"])
def test_settings_of_a_frame_encoder_that_are_no_json(tmp_path, text):
    path = tmp_path / "frames.safetensors"
    save_file(tiny_vgg(3).state_dict(), path, {"vgg_frames": text})
    with pytest.raises(InputError, match=r"frames\.safetensors") as error:
        VGGFrames.load(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["nan", "exponent", "whole"])
def test_weights_of_a_frame_encoder_are_checked(tmp_path, kind):
    path = tmp_path / "frames.safetensors"
    change_settings(path)
    weights = load_file(path)
    shape = weights["classifier.6.bias"].shape
    weights["classifier.6.bias"] = BAD[kind][0].flatten()[-1].expand(shape).clone()
    metadata = json.dumps({**tiny_vgg(3).settings, "layer": "fc6", "trained_on": "x"})
    save_file(weights, path, {"vgg_frames": metadata})
    with pytest.raises(InputError, match=rf"frames\.safetensors: classifier\.6\.bias .*{BAD[kind][1]}"):
        VGGFrames.load(path)


# ---- torchvision's own


def test_weights_of_another_network_name_the_first_difference():
    with pytest.raises(InputError, match=r"weights: do not fit tiny in 2 places, first: classifier\.6\.weight is"):
        tiny_vgg(3)._filled(tiny_vgg(4).state_dict(), "")
    with pytest.raises(InputError, match=r"tan\.pkl: do not fit tiny in .* first: features\.0\.weight is absent"):
        tiny_vgg(3)._filled({"pred_layer.weight": torch.ones(1)}, "tan.pkl")


def test_half_precision_weights_are_read_as_floats():
    state = {name: value.half() for name, value in tiny_vgg(3).state_dict().items()}
    network = tiny_vgg(3)._filled(state, "")
    assert network.extract(np.zeros((1, 16, 16, 3), np.uint8)).dtype == torch.float32


def test_imagenet_weights_come_from_torchvision(monkeypatch):
    requested = {}

    def download(url, **options):
        requested.update(options, url=url)
        with torch.device("meta"):
            return VGGFrames.vgg16().state_dict()

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    network = VGGFrames.vgg16("fc6", VGG16_Weights.IMAGENET1K_V1)
    assert network.trained_on == "VGG16_Weights.IMAGENET1K_V1"
    assert requested["url"] == VGG16_Weights.IMAGENET1K_V1.url
    assert requested["weights_only"] and requested["check_hash"]


@pytest.mark.parametrize("error", [OSError("no route to host"), RuntimeError("invalid hash value")])
def test_a_failed_download_says_what_to_fetch(monkeypatch, error):
    def download(url, **options):
        raise error

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    with pytest.raises(InputError, match=rf"cannot be downloaded \({error}\).*vgg16-397923af\.pth by hand"):
        VGGFrames.vgg16("fc6", VGG16_Weights.IMAGENET1K_V1)
