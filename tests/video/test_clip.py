"""CLIP as a frame encoder: transformers' own numbers, the published features' frames, and damaged or absent weights."""

import json
import os
import subprocess
import sys
from itertools import pairwise

import av
import numpy as np
import pytest
import torch
from helpers.clip import small_clip
from safetensors.torch import load_file, save_file

from lgn_lite.errors import InputError
from lgn_lite.features import prepare_features
from lgn_lite.video.clip import HUB_NAMES, CLIPFrames, clip_model
from lgn_lite.video.encoder import extract_video
from lgn_lite.video.extraction import extract_folder
from lgn_lite.video.frames import iter_frames, read_frames

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_clip(tmp_path_factory.mktemp("clip") / "small")


@pytest.fixture(scope="module")
def encoder(folder) -> CLIPFrames:
    return CLIPFrames.load(folder)


def frames_of(count: int, height: int = 240, width: int = 320) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


# What it computes -------------------------------------------------------------------------------------------


def test_features_are_transformers_own_image_features(folder, encoder):
    """The whole of it, through `get_image_features` and CLIPImageProcessor; then unit length."""
    frames = frames_of(3)
    model = transformers.CLIPModel.from_pretrained(folder).eval()
    pictures = transformers.CLIPImageProcessor()(images=list(frames), return_tensors="pt")
    with torch.no_grad():
        theirs = model.get_image_features(**pictures)
    theirs = getattr(theirs, "pooler_output", theirs)  # a tensor, before transformers 5
    assert theirs.shape == (3, 16) and theirs.norm(dim=1).sub(1).abs().min() > 0.01  # not normalised by itself
    ours = encoder.extract(frames)
    torch.testing.assert_close(ours, torch.nn.functional.normalize(theirs, dim=1), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(ours.norm(dim=1), torch.ones(3))
    assert encoder.dim == 16 and ours.dtype == torch.float32


@pytest.mark.parametrize("size", [(240, 320), (480, 270), (224, 224), (224, 398), (100, 130), (225, 500)])
def test_preprocessing_is_that_of_clip_s_image_processor(encoder, size):
    """That of torchvision, transformers 5's own, to the last digit; Pillow rounds resized pixels otherwise."""
    frames = frames_of(2, *size)
    ours = encoder.preprocess(frames)
    theirs = transformers.CLIPImageProcessor()(images=list(frames), return_tensors="pt").pixel_values
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    pillow = transformers.models.clip.CLIPImageProcessorPil()(images=list(frames), return_tensors="pt").pixel_values
    steps = (ours - pillow).abs() * torch.tensor(encoder.std).view(3, 1, 1) * 255  # in grey levels
    assert steps.max() < (1e-3 if min(size) == 224 else 3) and steps.mean() < 0.3


def test_a_folder_s_own_settings_of_pictures_are_taken(folder, tmp_path):
    copy = small_clip(tmp_path / "other")
    transformers.CLIPImageProcessor(
        image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.3, 0.4], size={"shortest_edge": 256}
    ).save_pretrained(copy)
    encoder = CLIPFrames.load(copy)
    assert (encoder.mean, encoder.std) == ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    assert (encoder.frame_size, encoder.image_size) == (256, 224)
    frames = frames_of(2)
    theirs = transformers.CLIPImageProcessor.from_pretrained(copy)(images=list(frames), return_tensors="pt")
    torch.testing.assert_close(encoder.preprocess(frames), theirs.pixel_values, atol=1e-5, rtol=0)


def test_extraction_is_independent_of_batches(encoder):
    frames = frames_of(7, 224, 300)
    torch.testing.assert_close(encoder.extract(frames, batch=2), encoder.extract(frames), atol=1e-6, rtol=1e-5)


def test_either_frame_norm_gives_the_same(encoder):
    """Unit vectors stay what they are, so that training and prediction agree whichever a model was trained with."""
    features = encoder.extract(frames_of(9, 224, 224)).numpy()
    none, l2 = (prepare_features(features, 4, norm) for norm in ("none", "l2"))
    torch.testing.assert_close(none, l2, atol=1e-6, rtol=1e-6)


# Which frames: those of the published features -----------------------------------------------------------------


def published(path, rate: float = 0.5, side: int = 224) -> np.ndarray:
    """The frames as HERO's extractor takes them (Moment-DETR's features), and lighthouse's: FFmpeg's own filters."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        h, w = stream.height, stream.width
        height, width = (int(h * side / w), side) if h >= w else (side, int(w * side / h))
        graph = av.filter.Graph()
        nodes = [
            graph.add_buffer(template=stream), graph.add("fps", str(rate)), graph.add("scale", f"{width}:{height}"),
            graph.add("crop", f"{side}:{side}:{(width - side) // 2}:{(height - side) // 2}"),
            graph.add("format", "rgb24"), graph.add("buffersink"),
        ]  # fmt: skip
        for before, after in pairwise(nodes):
            before.link_to(after)
        graph.configure()
        frames = []
        for frame in [*container.decode(stream), None]:
            graph.push(frame)
            try:
                while True:
                    frames.append(graph.pull().to_ndarray())
            except (BlockingIOError, EOFError):
                pass
    return np.stack(frames)


def ours(path) -> np.ndarray:
    frames, _ = read_frames(path, 0.5, 224, phase=CLIPFrames.phase)
    left = (frames.shape[2] - 224) // 2
    return frames[:, :224, left : left + 224]


@pytest.mark.parametrize("name", ["bottle-detection.mp4", "one-by-one-person-detection.mp4"])
def test_frames_are_those_of_the_published_features(shared, name):
    path = shared(f"data/video/{name}")
    theirs, found = published(path), ours(path)
    assert found.shape == theirs.shape
    different = np.abs(found.astype(float) - theirs).mean((1, 2, 3))  # grey levels of 255, by frame
    assert different.max() < 1.5
    first, _ = read_frames(path, 0.5, 224)  # without the phase many are others
    left = (first.shape[2] - 224) // 2
    assert np.abs(first[:, :224, left : left + 224].astype(float) - theirs).mean() > 5


def test_a_phase_takes_each_frame_later(clip):
    """Twelve frames per second: frame n is shown from n/12 on."""
    every = [frame for _, frame in iter_frames(clip, 12.0)]
    times, frames = zip(*iter_frames(clip, 0.5, phase=0.5), strict=True)
    assert list(times) == [2 * n + 1 for n in range(15)]
    assert all(np.array_equal(frame, every[12 * (2 * n + 1)]) for n, frame in enumerate(frames))
    _, before = zip(*iter_frames(clip, 0.5, phase=CLIPFrames.phase), strict=True)
    assert all(np.array_equal(frame, every[12 * (2 * n + 1) - 1]) for n, frame in enumerate(before))
    times, frames = zip(*iter_frames(clip, 0.4 / 30 * 6, phase=0.9), strict=True)  # the third is past the end
    assert len(frames) == 3 and np.array_equal(frames[2], every[-1])
    for wrong in (-0.1, 1, float("nan")):
        with pytest.raises(InputError, match="phase="):
            next(iter_frames(clip, 1, phase=wrong))


def test_a_video_and_a_folder_give_the_same_features(encoder, clip, tmp_path):
    features, info = extract_video(clip, encoder, encoder.rate, batch=4)
    assert features.shape == (15, 16) and info.duration == 30
    store = extract_folder({"v": clip}, encoder, encoder.rate, tmp_path / "f.hdf5", 0, progress=False)
    np.testing.assert_allclose(store["v"], features, atol=1e-6)
    assert store.attrs == {"encoder": encoder.name, "layer": "", "rate": 0.5, "weights": encoder.fingerprint}


# Names, and where the weights come from -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("clip", "ViT-B/32"), ("CLIP", "ViT-B/32"), ("CLIP, L2-normalised", "ViT-B/32"), ("clip:ViT-L/14", "ViT-L/14"),
        ("CLIP ViT-B/32", "ViT-B/32"), ("CLIP ViT-B/32, L2-normalised", "ViT-B/32"),
        ("CLIP laion/CLIP-ViT-B-32, L2-normalised", "laion/CLIP-ViT-B-32"), ("clip:runs/my clip", "runs/my clip"),
        ("CLIP /home/me/my clip, v2, L2-normalised", "/home/me/my clip, v2"),
        ("CLIP C:\\models\\my clip, L2-normalised", "C:\\models\\my clip"),
        ("clip_features", "ViT-B/32"), ("clip-vit_features", "ViT-B/32"), ("clip_features+slowfast_features", None),
        ("clip_text_features", None), ("clip+slowfast", None), ("CLIP + SlowFast", None),
        ("CLIP ViT-B/32 + SlowFast R50", None), ("clips", None),
        ("CLIP ViT-B/32 and SlowFast R50, L2-normalised", None), ("VGG16 trained on Charades, fc6", None), ("", None),
    ],
)  # fmt: skip
def test_names(text, model):
    assert clip_model(text) == model


def test_what_a_store_says_finds_the_encoder_again(encoder, folder, monkeypatch):
    again = CLIPFrames.load(clip_model(encoder.name))
    assert (again.name, again.fingerprint) == (encoder.name, encoder.fingerprint)
    monkeypatch.chdir(folder.parent)
    assert CLIPFrames.load(folder.name).name == encoder.name  # whichever folder it is called from


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """`hub(files)` is a cache of the hub that holds these of ViT-B/32; there is no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    root = tmp_path / "hub" / f"models--{HUB_NAMES['ViT-B/32'].replace('/', '--')}"

    def cache(files=("config.json", "model.safetensors")):
        small_clip(root / "all")
        (root / "refs").mkdir(exist_ok=True)
        (root / "refs" / "main").write_text("0123", encoding="utf-8")
        (root / "snapshots" / "0123").mkdir(parents=True)
        for name in files:
            (root / "all" / name).rename(root / "snapshots" / "0123" / name)

    return cache


@pytest.mark.parametrize("fetch", [True, False])
def test_weights_of_the_cache_need_no_network(hub, fetch):
    hub()
    for model in ("ViT-B/32", "openai/clip-vit-base-patch32"):
        found = CLIPFrames.load(model, fetch)
        assert (found.name, found.dim) == ("CLIP ViT-B/32, L2-normalised", 16)


@pytest.mark.parametrize("files", [None, ["config.json"], ["model.safetensors"]])
def test_without_cache_and_network_it_is_one_sentence(hub, files):
    if files is not None:
        hub(files)
    with pytest.raises(InputError, match=r"CLIP ViT-B/32 is not in .*cache, and cannot be fetched .*FOLDER$") as error:
        CLIPFrames.load()
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=r"CLIP ViT-B/32 is not in .*cache: fetch it by --encoder clip, or"):
        CLIPFrames.load(fetch=False)
    with pytest.raises(InputError, match=r"CLIP no/such is no folder, and not in .*by --encoder clip:no/such, or"):
        CLIPFrames.load("no/such", fetch=False)
    with pytest.raises(InputError, match=r"CLIP a/b/c is no folder, and not in .*cannot be fetched"):
        CLIPFrames.load("a/b/c")


def test_without_transformers_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r'CLIP needs transformers .*pip install "lgn-lite\[clip\]"$'):
        CLIPFrames.load()


@pytest.mark.slow
def test_nothing_of_transformers_is_shown(folder):
    """Neither of the text half that is not read, nor a bar; and its own settings are as before."""
    code = f"""
import transformers
from lgn_lite import CLIPFrames
before = transformers.logging.get_verbosity()
CLIPFrames.load({str(folder)!r})
assert transformers.logging.get_verbosity() == before and transformers.logging.is_progress_bar_enabled()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_older_weights_are_read_without_running_anything(folder, encoder, tmp_path):
    """The hub's pytorch_model.bin is a pickle: its weights are taken, and nothing else."""
    old = small_clip(tmp_path / "old")
    (old / "model.safetensors").unlink()
    torch.save(transformers.CLIPModel.from_pretrained(folder).state_dict(), old / "pytorch_model.bin")
    assert CLIPFrames.load(old).fingerprint == encoder.fingerprint

    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    torch.save({"visual_projection.weight": Harm()}, old / "pytorch_model.bin")
    with pytest.raises(InputError, match="no CLIP can be made of it"):
        CLIPFrames.load(old)
    assert not (tmp_path / "harm").exists()


# Damage -------------------------------------------------------------------------------------------------------


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


def change_vision(path, **values):
    vision = json.loads(path.read_text(encoding="utf-8"))["vision_config"]
    change(path, vision_config={**vision, **values})


def change_weights(path, change):
    weights = load_file(path)
    change(weights)
    save_file(weights, path, {"format": "pt"})


CONFIG, WEIGHTS, PICTURES = "config.json", "model.safetensors", "preprocessor_config.json"
PROJECTION = "visual_projection.weight"
DAMAGE = {
    "no config": (CONFIG, os.remove, "is of a model of type None, not clip"),
    "an empty config": (CONFIG, lambda path: path.write_bytes(b""), "no CLIP can be made of it"),
    "a cut config": (CONFIG, lambda path: path.write_bytes(path.read_bytes()[:200]), "no CLIP can be made of it"),
    "a list for a config": (CONFIG, lambda path: path.write_text("[1]"), "no CLIP can be made of it"),
    "binary junk": (CONFIG, lambda path: path.write_bytes(os.urandom(999)), "no CLIP can be made of it"),
    "another model": (CONFIG, lambda path: change(path, model_type="bert"), "of type 'bert', not clip"),
    "another width": (CONFIG, lambda path: change(path, projection_dim=17), "no CLIP can be made of it"),
    "a width that is a text": (CONFIG, lambda path: change(path, projection_dim="x"), "no CLIP can be made of it"),
    "more layers": (CONFIG, lambda path: change_vision(path, num_hidden_layers=3), "its weights lack .* others"),
    "patches of no size": (CONFIG, lambda path: change_vision(path, patch_size=0), "no CLIP can be made of it"),
    "no weights": (WEIGHTS, os.remove, "no CLIP can be made of it"),
    "empty weights": (WEIGHTS, lambda path: path.write_bytes(b""), "no CLIP can be made of it"),
    "cut weights": (WEIGHTS, lambda path: path.write_bytes(path.read_bytes()[:-999]), "no CLIP can be made of it"),
    "weights of junk": (WEIGHTS, lambda path: path.write_bytes(os.urandom(9999)), "no CLIP can be made of it"),
    "a weight less": (WEIGHTS, lambda path: change_weights(path, lambda w: w.pop(PROJECTION)), f"lack .*{PROJECTION}"),
    "NaN": (WEIGHTS, lambda path: change_weights(path, lambda w: w[PROJECTION].fill_(torch.nan)), "not finite"),
    "pictures of another size": (PICTURES, lambda path: path.write_text('{"crop_size": 96}'), "do not fit"),
    "no spread": (PICTURES, lambda path: path.write_text('{"image_std": [0, 1, 1]}'), "do not fit"),
    "two colours": (PICTURES, lambda path: path.write_text('{"image_mean": [0.1, 0.2]}'), "do not fit"),
    "no colours": (PICTURES, lambda path: path.write_text('{"image_mean": "grey"}'), "no CLIP can be made of it"),
    "cut settings": (PICTURES, lambda path: path.write_text('{"image_mean": [0.1,'), "no CLIP can be made of it"),
}


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_folder_is_one_line_that_names_it(tmp_path, what):
    folder = small_clip(tmp_path / "clip")
    name, damage, message = DAMAGE[what]
    damage(folder / name)
    with pytest.raises(InputError, match=message) as error:
        CLIPFrames.load(folder)
    assert str(error.value).startswith(str(folder)) and "\n" not in str(error.value) and len(str(error.value)) < 400


def test_a_file_is_not_a_folder(folder):
    with pytest.raises(InputError, match=r"model\.safetensors: is a file, not a folder; give the one that holds"):
        CLIPFrames.load(folder / "model.safetensors")
    with pytest.raises(InputError, match=r"moved: no such folder; give the one that holds .*, clip:FOLDER$"):
        CLIPFrames.load(folder / "moved")
