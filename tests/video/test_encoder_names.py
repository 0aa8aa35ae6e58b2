"""One function makes a frame encoder of what a user writes."""

import pytest
import torch
from helpers.clip import small_clip
from torchvision.models import VGG16_Weights

from lgn_lite.errors import InputError
from lgn_lite.video.clip import CLIPFrames
from lgn_lite.video.encoder_names import load_encoder, with_absolute_path
from lgn_lite.video.vgg import VGGFrames


@pytest.fixture
def loaded(monkeypatch):
    """What was requested of VGG16 and of CLIP, which are not loaded."""
    requests = []
    monkeypatch.setattr(VGGFrames, "vgg16", lambda *given: requests.append(("vgg16", *given)))
    monkeypatch.setattr(CLIPFrames, "load", lambda *given: requests.append(("clip", *given)))
    return requests


def test_names(loaded, tmp_path):
    weights = tmp_path / "twostream_rgb.pth.tar"
    torch.save({"classifier.0.weight": torch.zeros(2)}, weights)
    for name in ("clip", "clip:ViT-L/14", "clip:some/folder", "CLIP ViT-B/32, L2-normalised"):
        load_encoder(name)
    assert loaded == [("clip", model) for model in ("ViT-B/32", "ViT-L/14", "some/folder", "ViT-B/32")]
    loaded.clear()
    load_encoder("vgg16")
    load_encoder("vgg16", "fc7")
    load_encoder(weights, "fc7")
    load_encoder(str(weights))
    imagenet = VGG16_Weights.IMAGENET1K_V1
    files = [("vgg16", "fc7", weights), ("vgg16", "fc6", str(weights))]
    assert loaded == [("vgg16", "fc6", imagenet), ("vgg16", "fc7", imagenet), *files]


def test_a_saved_network_knows_what_it_is(tmp_path):
    VGGFrames.small(3, width=16, layer="fc7").save(tmp_path / "small.safetensors")
    assert [load_encoder(tmp_path / "small.safetensors", layer).layer for layer in (None, "fc6")] == ["fc7", "fc6"]


@pytest.mark.parametrize("name", ["clp", "", "vgg19", "clip+slowfast", "weights/none.pth"])
def test_another_name_is_one_line_that_lists_them(name):
    with pytest.raises(InputError, match=r"no frame encoder '.*', and no such file; give clip, clip:MODEL, vgg16, or"):
        load_encoder(name)


@pytest.mark.parametrize("content", [b"", b"junk", bytes(9)])
def test_a_file_that_is_no_weights_is_named(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"weights\.pth: "):
        load_encoder(path)
    with pytest.raises(InputError, match=r"is a folder; a CLIP's is given as clip:"):
        load_encoder(tmp_path)


def test_names_for_a_process_in_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_clip(tmp_path / "small")
    (tmp_path / "weights.pth").touch()
    absolute = {
        "clip:small": f"clip:{tmp_path / 'small'}", "weights.pth": str(tmp_path / "weights.pth"),
        **{name: name for name in ("clip", "clip:ViT-B/32", "clip:no/such", "vgg16", "no.pth", "clip:")},
    }  # fmt: skip
    assert {name: with_absolute_path(name) for name in absolute} == absolute
