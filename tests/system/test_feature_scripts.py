"""data_scripts/extract_features.py: features of videos, as a user types it."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from helpers.clip import small_clip
from typer.testing import CliRunner, Result

from lgn_lite.errors import InputError
from lgn_lite.features import FeatureStore
from lgn_lite.support.files import partial_path
from lgn_lite.support.partial_store import hold_store
from lgn_lite.video.frames import write_video
from lgn_lite.video.vgg import VGGFrames

EXTRACT = Path(__file__).resolve().parents[2] / "data_scripts" / "extract_features.py"


def run(script: Path, *arguments: object) -> subprocess.CompletedProcess:
    """The script in a process of its own, as a user starts it: its helpers import it too."""
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def call(app: typer.Typer, *arguments: object) -> Result:
    """The script's command in this process, without helpers."""
    return CliRunner().invoke(app, [*map(str, arguments), "--workers", "0"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three videos of 1, 1.25 and 1.5 s."""
    folder = tmp_path_factory.mktemp("videos")
    frames = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    for n in range(3):
        write_video(folder / f"v{n}.mp4", frames[: 4 + n], 4)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "vgg.safetensors"
    VGGFrames.small(3, width=16).save(path)
    return path


@pytest.mark.slow
def test_extraction_with_helpers(tmp_path, folder, small):
    out = tmp_path / "f.hdf5"
    done = run(EXTRACT, folder, out, "--rate", 4, "--encoder", small)
    assert done.returncode == 0, done.stderr
    assert f"{out}: 3 videos, 16 numbers per frame, 4 frames per second" in done.stdout
    assert FeatureStore(out)["v2"].shape == (6, 16)


@pytest.fixture
def extract(monkeypatch):
    """The extraction script in this process; whatever VGG16 it asks for, it gets a small network of that layer."""
    from lgn_lite.video import vgg

    loaded = []

    def vgg16(layer, weights):
        loaded.append((layer, weights))
        return VGGFrames.small(3, width=16, layer=layer)

    monkeypatch.setattr(vgg.VGGFrames, "vgg16", vgg16)
    app = typer.Typer()
    app.command()(runpy.run_path(str(EXTRACT))["main"])
    return lambda *arguments: (call(app, *arguments), loaded)


def test_a_broken_video_stops_it_and_without_it_the_same_command_resumes(tmp_path, folder, small, extract):
    videos, out = tmp_path / "videos", tmp_path / "f.hdf5"
    videos.mkdir()
    for video in folder.iterdir():
        (videos / video.name).write_bytes(video.read_bytes())
    broken = videos / "v1.mp4"
    broken.write_bytes(broken.read_bytes()[:300])
    command = (videos, out, "--rate", 4, "--encoder", small)
    failed, _ = extract(*command)
    assert failed.exit_code == 2
    assert f"error: {broken}: " in failed.output
    assert partial_path(out).exists()
    broken.write_bytes((folder / "v1.mp4").read_bytes())
    assert extract(*command)[0].exit_code == 0
    assert list(FeatureStore(out)) == ["v0", "v1", "v2"]


def test_the_command_for_charades(tmp_path, folder, extract):
    out, weights = tmp_path / "vgg16_fc6_features.hdf5", tmp_path / "twostream_rgb.pth.tar"
    weights.write_bytes(b"those of VGG16")
    options = ("--encoder", weights, "--layer", "fc6", "--rate", 6)
    result, loaded = extract(folder, out, *options)
    assert result.exit_code == 0, result.output
    assert loaded == [("fc6", str(weights))]
    store = FeatureStore(out)
    assert (store.attrs["layer"], store.attrs["rate"], len(store["v0"])) == ("fc6", 6.0, 6)


def test_vgg16_means_torchvision_s_weights(tmp_path, folder, extract):
    from torchvision.models import VGG16_Weights

    options = ("--encoder", "vgg16", "--layer", "fc7", "--rate", 2)
    result, loaded = extract(folder, tmp_path / "f.hdf5", *options)
    assert result.exit_code == 0, result.output
    assert loaded == [("fc7", VGG16_Weights.IMAGENET1K_V1)]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (("--encoder", "resnet"), "no frame encoder 'resnet', and no such file; give clip, "),
        (("--encoder", "clip:none"), "CLIP none is no folder, and not in"),
        (("--encoder", "none.safetensors"), "no frame encoder 'none.safetensors', and no such file"),
        (("--encoder", "x", "--device", "abacus"), "--device abacus: "),
        (("--encoder", "SMALL", "--rate", "0"), "a rate of 0.0 frames per second"),
        (("--encoder", "SMALL", "--rate", "nan"), "a rate of nan frames per second"),
        (("--encoder", "SMALL", "--rate", "inf"), "a rate of inf frames per second"),
        (("--encoder", "SMALL", "--layer", "fc8"), "layer 'fc8'"),
    ],
)
def test_wrong_options_are_one_line(tmp_path, folder, small, extract, options, match):
    options = [str(small) if option == "SMALL" else option for option in options]
    result, _ = extract(folder, tmp_path / "f.hdf5", *options)
    assert result.exit_code == 2
    assert result.output.startswith("error: ") and match in result.output and result.output.count("\n") == 1
    assert "v0" not in result.output  # no video is blamed
    assert not (tmp_path / "f.hdf5").exists()


def test_clip_takes_a_frame_each_two_seconds_and_says_what_it_is(tmp_path, clip, extract):
    model = small_clip(tmp_path / "small")
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "v.mp4").write_bytes(clip.read_bytes())
    out = tmp_path / "clip.hdf5"
    result, _ = extract(tmp_path / "videos", out, "--encoder", f"clip:{model}")
    assert result.exit_code == 0, result.output
    assert f"{out}: 1 videos, 16 numbers per frame, 0.5 frames per second" in result.output
    store = FeatureStore(out)
    assert (store.attrs["encoder"], store.attrs["rate"]) == (f"CLIP {model}, L2-normalised", 0.5)
    assert store["v"].shape == (15, 16)
    np.testing.assert_allclose(np.linalg.norm(store["v"], axis=1), 1, atol=1e-5)
    again, _ = extract(tmp_path / "videos", out, "--encoder", f"clip:{model}", "--rate", 1)
    assert again.exit_code == 2 and "rate" in again.output


def test_ctrl_c_says_how_to_go_on(tmp_path, folder, small, extract, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(VGGFrames, "extract", interrupt)
    result, _ = extract(folder, tmp_path / "f.hdf5", "--encoder", small)
    assert result.exit_code == 1
    assert "the same command resumes" in result.output


def test_the_script_finds_videos(tmp_path):
    find_videos = runpy.run_path(str(EXTRACT))["find_videos"]
    with pytest.raises(InputError, match="none: no such folder"):
        find_videos(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("no video")
    with pytest.raises(InputError, match="holds no videos"):
        find_videos(tmp_path)
    for name in ("b.MKV", "a.mp4"):
        (tmp_path / name).touch()
    assert find_videos(tmp_path) == {"a": tmp_path / "a.mp4", "b": tmp_path / "b.MKV"}
    (tmp_path / "a.avi").touch()
    with pytest.raises(InputError, match=r"a\.mp4: a\.avi has the same name"):
        find_videos(tmp_path)


def test_hidden_files_and_folders_are_passed_by(tmp_path):
    find_videos = runpy.run_path(str(EXTRACT))["find_videos"]
    (tmp_path / "a.mp4").touch()
    for name in ("._a.mp4", ".hidden.avi", ".toy-0008.123.mp4", "._b.MOV"):
        (tmp_path / name).write_bytes(b"not a video")
    (tmp_path / "unpacked.mp4").mkdir()
    assert find_videos(tmp_path) == {"a": tmp_path / "a.mp4"}


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("gone.mp4")])
def test_pipes_and_links_to_nothing_are_named(tmp_path, make):
    make(tmp_path / "b.mp4")
    with pytest.raises(InputError, match=r"b\.mp4: is not a file"):
        runpy.run_path(str(EXTRACT))["find_videos"](tmp_path)


def test_what_extraction_names_annotations_find(tmp_path, folder, small, extract):
    """TACoS says s13-d21.avi; the file that the script writes has the name without the suffix."""
    videos, out = tmp_path / "videos", tmp_path / "f.hdf5"
    videos.mkdir()
    (videos / "s13-d21.avi").write_bytes((folder / "v0.mp4").read_bytes())
    assert extract(videos, out, "--rate", 4, "--encoder", small)[0].exit_code == 0
    store = FeatureStore(out)
    assert list(store) == ["s13-d21"] and "s13-d21.avi" in store and store["s13-d21.avi"].shape == (4, 16)


def test_a_store_that_another_process_writes_is_one_line(tmp_path, folder, small, extract):
    out = tmp_path / "f.hdf5"
    with hold_store(out):
        failed, _ = extract(folder, out, "--rate", 4, "--encoder", small)
    assert failed.exit_code == 2
    assert failed.output == (
        f"error: {tmp_path}: another process is writing f.hdf5; wait for it, end it, or choose another folder\n"
    )


def test_what_the_system_refuses_is_one_line(tmp_path, folder, small, extract):
    (tmp_path / "file").touch()
    failed, _ = extract(folder, tmp_path / "file" / "f.hdf5", "--rate", 4, "--encoder", small)
    assert failed.exit_code == 2
    assert failed.output.startswith(f"error: {tmp_path / 'file'}") and failed.output.count("\n") == 1
