"""Decoding, encoding, and the VGG networks that turn frames into features."""

import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models import vgg16

from lgn_lite.errors import InputError
from lgn_lite.support.weights import read_weights
from lgn_lite.video.encoder import extract_video
from lgn_lite.video.frames import iter_frames, probe, read_frames, write_video
from lgn_lite.video.vgg import VGGFrames


def grey(level: int, height: int = 64, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def write_timed(path: Path, pts: list[int], tick: Fraction, codec: str = "libx264") -> Path:
    """A video whose n-th frame is of grey level 10 n (modulo 250) and stands at pts[n] ticks."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=round(1 / tick))
        stream.width = stream.height = 64
        stream.pix_fmt, stream.time_base = "yuv420p", tick
        stream.codec_context.time_base = tick
        for n, at in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(grey(10 * n % 250), format="rgb24")
            frame.pts, frame.time_base = at, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def levels(frames: np.ndarray) -> list[int]:
    """Which frame of `write_timed` each of these is."""
    return [round(frame.mean() / 10) for frame in frames]


# ---- reading


def test_frames_at_the_asked_times(tmp_path):
    path = tmp_path / "steps.mp4"
    write_video(path, (grey(10 * n) for n in range(20)), 4)  # 5 s, frame n shown from n/4 s
    frames, times = read_frames(path, 2)
    assert times.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5]
    assert levels(frames) == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert levels(read_frames(path, 1 / 3)[0]) == [0, 12]  # 0 s and 3 s
    assert levels(read_frames(path, 8)[0]) == [n // 2 for n in range(40)]  # faster than the video: repeats
    assert levels(read_frames(path, 3)[0]) == [int(n / 3 * 4) for n in range(15)]  # latest before, not nearest


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "libx264"), ("mkv", "libx264"), ("webm", "libvpx-vp9")])
def test_times_count_from_the_first_stamp(tmp_path, suffix, codec):
    path = write_timed(tmp_path / f"late.{suffix}", list(range(60, 80)), Fraction(1, 4), codec)  # from 15 s on
    with av.open(str(path)) as container:
        assert container.streams.video[0].start_time > 0
    frames, times = read_frames(path, 2)
    assert probe(path).duration == pytest.approx(5, abs=0.01)
    assert times[-1] == 4.5
    assert levels(frames) == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]


def test_variable_frame_rate(tmp_path):
    stamps = [0, 100, 250, 2600, 2700, 2999, 3400, 3900]  # ms: the third frame stands for more than 2 s
    path = write_timed(tmp_path / "variable.mkv", stamps, Fraction(1, 1000))
    frames, times = read_frames(path, 2)
    assert times.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
    assert levels(frames) == [0, 2, 2, 2, 2, 2, 5, 6]


@settings(max_examples=25, deadline=None)
@given(
    gaps=st.lists(st.integers(1, 30), min_size=1, max_size=24),
    rate=st.sampled_from([0.5, 1, 2, 3, 7.5]),
    start=st.integers(0, 50),
)
def test_latest_frame_not_past_the_time(tmp_path_factory, gaps, rate, start):
    """Any spacing of frames: each time shows the latest frame whose stamp is not past it, up to the end."""
    stamps = np.concatenate([[0], np.cumsum(gaps)])  # twelfths of a second
    path = write_timed(tmp_path_factory.mktemp("any") / "any.mp4", (stamps + start).tolist(), Fraction(1, 12), "mpeg4")
    frames, times = read_frames(path, rate)
    assert len(times) == max(1, np.ceil(probe(path).duration * rate - 1e-3))
    np.testing.assert_allclose(times, np.arange(len(times)) / rate)
    assert levels(frames) == (np.searchsorted(stamps, times * 12 + 1e-6, side="right") - 1).tolist()


@pytest.mark.parametrize(("height", "width", "size"), [(64, 96, (48, 48)), (64, 96, None), (64, 96, 32), (96, 64, 32)])
def test_sizes(tmp_path, height, width, size):
    path = tmp_path / "halves.mp4"
    picture = grey(0, height, width)
    picture[:, width // 2 :] = (250, 0, 0)
    write_video(path, [picture] * 5, 5)
    expected = {None: (height, width), 32: (32, 48) if width > height else (48, 32)}.get(size, size)
    frames, _ = read_frames(path, 5, size)
    assert frames.shape == (5, *expected, 3)
    assert frames.dtype == np.uint8
    h, w = expected
    assert abs(frames[0, h // 2, w // 4].astype(int) - [0, 0, 0]).max() < 12
    assert abs(frames[0, h // 2, 3 * w // 4].astype(int) - [250, 0, 0]).max() < 12


def test_a_phone_video_is_turned_upright(tmp_path):
    path = tmp_path / "phone.mp4"
    picture = grey(0, 64, 96)
    picture[:, :48] = 250  # bright on the left as stored
    write_video(path, [picture] * 5, 5)
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # of a version-0 track header: the display matrix, 16.16 numbers
    one = 1 << 16
    struct.pack_into(">9i", data, matrix, 0, one, 0, -one, 0, 0, 64 * one, 0, 1 << 30)  # clockwise
    path.write_bytes(data)
    assert (probe(path).height, probe(path).width) == (96, 64)
    frames, _ = read_frames(path, 1)
    assert frames.shape[1:] == (96, 64, 3)
    assert frames[0, :40].mean() > 200  # turned clockwise the left is on top
    assert frames[0, 56:].mean() < 50
    assert read_frames(path, 1, (48, 24))[0].shape[1:] == (48, 24, 3)


@pytest.mark.parametrize(
    ("name", "duration", "size", "frames"),
    [("bottle-detection", 39.85, (360, 640), 1189), ("one-by-one-person-detection", 139.4, (432, 768), 1394)],
)
def test_real_videos(shared, name, duration, size, frames):
    path = shared(f"data/video/{name}.mp4")
    info = probe(path)
    assert info.duration == pytest.approx(duration, abs=0.01)
    assert (info.height, info.width) == size
    assert info.frames == frames
    assert info.fps == pytest.approx(frames / duration, rel=0.01)
    pictures, times = read_frames(path, 1, (48, 48))
    assert len(pictures) == np.ceil(duration)
    assert (np.diff(times) > 0).all()
    assert times[-1] < info.duration
    assert pictures.std() > 10


def test_frames_come_one_by_one(clip):
    frames = iter_frames(clip, 1, (48, 48))
    time, first = next(frames)
    assert (time, first.shape) == (0.0, (48, 48, 3))
    assert [time for time, _ in frames] == list(range(1, 30))


def test_threads_do_not_change_frames(clip):
    np.testing.assert_array_equal(read_frames(clip, 2, (48, 48), 1)[0], read_frames(clip, 2, (48, 48), 0)[0])


# ---- writing


def test_written_video_reads_back(tmp_path):
    path = tmp_path / "colours.mp4"
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 30, 30), (255, 255, 255), (0, 0, 0)]
    write_video(path, (np.full((32, 48, 3), colour, np.uint8) for colour in colours), 10)
    info = probe(path)
    assert (info.duration, info.fps, info.height, info.width, info.frames) == (0.6, 10, 32, 48, 6)
    frames, _ = read_frames(path, 10)
    assert abs(frames[:, 16, 24].astype(int) - colours).max() <= 8
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # a browser can start before the whole file is there


def test_same_frames_same_bytes(tmp_path, clip):
    frames, _ = read_frames(clip, 2)
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, frames, 12)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize(
    "frames",
    [[], [grey(0, 63)], [grey(0), grey(0, 32)], [grey(0).astype(float)], [grey(0)[..., 0]]],
    ids=["none", "odd", "sizes", "float", "flat"],
)
def test_unwritable_frames(tmp_path, frames):
    with pytest.raises(InputError, match=r"bad\.mp4"):
        write_video(tmp_path / "bad.mp4", frames, 10)
    assert list(tmp_path.iterdir()) == []  # nothing half-written


def test_an_error_in_drawing_leaves_no_file(tmp_path):
    def frames():
        yield grey(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "bad.mp4", frames(), 10)
    assert list(tmp_path.iterdir()) == []


# ---- bad files


def refused(path: Path, match: str) -> None:
    """Every way of reading refuses this file with one InputError that names it."""
    encoder = VGGFrames.small(2, width=8)
    for read in (lambda: read_frames(path, 1), lambda: extract_video(path, encoder, 1)):
        with pytest.raises(InputError, match=match) as error:
            read()
        assert str(path) in str(error.value)


def test_missing_file(tmp_path):
    refused(tmp_path / "none.mp4", "No such file")


@pytest.mark.parametrize("name", ["x.mp4", "x.txt", "x.mkv"])
def test_not_a_video(tmp_path, name):
    (tmp_path / name).write_text("not a video\n" * 100)
    refused(tmp_path / name, "not a video")


def test_audio_only(sound):
    refused(sound, "no video stream")
    with pytest.raises(InputError, match=r"sound\.mp4.*no video stream"):
        probe(sound)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.85])
def test_cut_off(tmp_path, clip, kept):
    """The index stands first, so the file opens and plays, until the data end."""
    data = clip.read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: int(kept * len(data))])
    assert probe(path).duration == 30
    refused(path, r"cut off.* \d+\.\d s")


def test_cut_off_before_its_index(tmp_path, clip):
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip.read_bytes()[:100])
    refused(path, "cut off")


def test_cut_off_matroska(tmp_path):
    path = write_timed(tmp_path / "whole.mkv", list(range(120)), Fraction(1, 12))
    assert len(read_frames(path, 1)[0]) == 10
    data = path.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    refused(tmp_path / "cut.mkv", "cut off")


def test_a_rate_of_zero(clip):
    with pytest.raises(InputError, match="rate"):
        read_frames(clip, 0)


# ---- VGG


def frames_of(count: int, size: int = 48) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


@pytest.fixture
def tiny_vgg16() -> VGGFrames:
    """VGG16's settings with a network small enough for a test."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return VGGFrames("tiny", (4, "M", 8, "M"), 7, 16, 3, 224, mean, std, shorter_side=256)


def test_vgg16_has_torchvisions_weights():
    with torch.device("meta"):  # shapes only
        theirs, ours = vgg16(weights=None).state_dict(), VGGFrames.vgg16().state_dict()
    assert {key: value.shape for key, value in ours.items()} == {key: value.shape for key, value in theirs.items()}


def test_preprocessing_is_torchvisions(tiny_vgg16):
    from torchvision.models import VGG16_Weights

    frames = frames_of(2, 300)[:, :270]  # not square
    theirs = VGG16_Weights.IMAGENET1K_V1.transforms()(torch.from_numpy(frames).permute(0, 3, 1, 2))
    torch.testing.assert_close(tiny_vgg16.preprocess(frames), theirs, atol=0.02, rtol=0)


def test_layers_of_the_small_vgg():
    encoder = VGGFrames.small(5)
    frames = frames_of(6)
    x = encoder.preprocess(frames)
    assert x.shape == (6, 3, 48, 48)
    assert encoder(x).shape == (6, 5)
    fc6 = encoder.extract(frames)
    assert (fc6.shape, fc6.dtype) == ((6, 256), torch.float32)
    assert (fc6 < 0).any()  # before ReLU
    classifier = encoder.eval().classifier
    fc7 = torch.relu(classifier[3](torch.relu(fc6)))
    encoder.layer = "fc7"
    torch.testing.assert_close(encoder.extract(frames), fc7)
    torch.testing.assert_close(classifier[6](fc7), encoder(x))  # what the classes see is fc7


def test_extraction_is_independent_of_batches_and_of_training_mode():
    encoder = VGGFrames.small(5, layer="fc7")
    frames = frames_of(7)
    whole = encoder.eval().extract(frames)
    torch.testing.assert_close(encoder.train().extract(frames, batch=2), whole, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(encoder.extract(frames[3:4]), whole[3:4], atol=1e-5, rtol=1e-5)


def test_small_vgg_learns():
    """It tells red from blue after a few steps; gradients reach every weight."""
    encoder = VGGFrames.small(2, width=32, image_size=16)
    colours = torch.tensor([[200, 20, 20], [20, 20, 200]], dtype=torch.uint8)
    labels = torch.arange(16) % 2
    x = encoder.preprocess(colours[labels].view(16, 1, 1, 3).expand(16, 16, 16, 3))
    optimiser = torch.optim.Adam(encoder.parameters(), 2e-3)
    for step in range(30):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(encoder(x), labels).backward()
        if step == 0:
            assert all(parameter.grad.abs().sum() > 0 for parameter in encoder.parameters())
        optimiser.step()
    assert (encoder.eval()(x).argmax(1) == labels).all()


def test_save_and_load(tmp_path):
    encoder = VGGFrames.small(5, width=32, image_size=24)
    encoder.trained_on = "single concepts"
    encoder.save(tmp_path / "vgg.safetensors")
    again = VGGFrames.load(tmp_path / "vgg.safetensors")
    fields = ("name", "layer", "dim", "image_size", "mean", "std", "frame_size", "trained_on", "fingerprint")
    assert [getattr(again, field) for field in fields] == [getattr(encoder, field) for field in fields]
    frames = frames_of(3)
    torch.testing.assert_close(again.extract(frames), encoder.extract(frames), rtol=0, atol=0)
    assert VGGFrames.load(tmp_path / "vgg.safetensors", layer="fc7").extract(frames).min() >= 0
    with torch.no_grad():
        again.classifier[0].bias[0] += 1e-3
    assert again.fingerprint != encoder.fingerprint


def test_bad_weights(tmp_path):
    with pytest.raises(InputError, match=r"none\.safetensors"):
        VGGFrames.load(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"bad\.safetensors"):
        VGGFrames.load(tmp_path / "bad.safetensors")
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(InputError, match=r"empty\.pth.*no weights"):
        read_weights(tmp_path / "empty.pth")
    with pytest.raises(InputError, match="do not fit vgg16"):
        VGGFrames.vgg16(weights=VGGFrames.small(2).state_dict())
    with pytest.raises(InputError, match="fc8"):
        VGGFrames.small(2, layer="fc8")


def test_weights_of_a_parallel_checkpoint(tmp_path):
    """The checkpoint trained on Charades wraps its state dict, and its names carry "module."."""
    state = VGGFrames.small(2, width=8).state_dict()
    wrapped = {key.replace("features.", "features.module."): value for key, value in state.items()}
    torch.save({"epoch": 3, "state_dict": wrapped}, tmp_path / "parallel.pth")
    read = read_weights(tmp_path / "parallel.pth")
    assert read.keys() == state.keys()
    assert all(torch.equal(read[key], state[key]) for key in state)


def test_features_of_a_video(clip):
    encoder = VGGFrames.small(5)
    features, info = extract_video(clip, encoder, 2, batch=7)
    assert (features.shape, info.duration) == ((60, 256), 30)
    torch.testing.assert_close(features, encoder.extract(read_frames(clip, 2, (48, 48))[0]), atol=1e-5, rtol=1e-5)


def test_a_real_video_takes_the_path_of_vgg16(shared, tiny_vgg16):
    features, _ = extract_video(shared("data/video/bottle-detection.mp4"), tiny_vgg16, 0.25)
    assert features.shape == (10, 16)
    assert features.isfinite().all()


def test_decoding_processes_need_no_torch():
    code = "import sys, lgn_lite.video.frames; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
