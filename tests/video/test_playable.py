"""Videos for a browser: as they are where it can play them, else a smaller copy with the same times."""

import os
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lgn_lite.errors import InputError
from lgn_lite.video.frames import iter_frames, probe, read_frames, write_video
from lgn_lite.video.playable import playable


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lgn_lite" / "videos"


def bright(second: int, height: int = 96, width: int = 128) -> np.ndarray:
    return np.full((height, width, 3), 20 * second % 240, np.uint8)


def write(path: Path, codec: str, rate: int, seconds: int, pixels: str = "yuv420p", height: int = 96) -> Path:
    """A video whose brightness tells the second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 128, height, pixels
        for n in range(rate * seconds):
            frame = av.VideoFrame.from_ndarray(bright(n // rate, height), format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def seconds_shown(path: Path) -> list[int]:
    """Which second of the original is seen in the middle of each second."""
    frames, _ = read_frames(path, 2)
    return [round(frame.mean() / 20) for frame in frames[1::2]]


def saved(content: bytes, folder: Path) -> Path:
    path = folder / "got.mp4"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "a:b #1.mp4"])
def test_h264_comes_back_byte_for_byte(tmp_path, cache, name):
    path = write(tmp_path / name, "libx264", 10, 3)
    assert playable(path) == (path.read_bytes(), "video/mp4")
    assert not cache.exists()


def test_webm_is_what_browsers_call_webm(tmp_path):
    path = write(tmp_path / "film.webm", "libvpx-vp9", 10, 2)
    assert playable(path) == (path.read_bytes(), "video/webm")
    matroska = write(tmp_path / "film.mkv", "libvpx-vp9", 10, 2)  # the same codec in another container
    content, mime = playable(matroska)
    assert mime == "video/mp4" and content != matroska.read_bytes()


@pytest.mark.parametrize(
    ("name", "codec", "rate", "pixels"),
    [
        ("film.avi", "mpeg4", 25, "yuv420p"),
        ("slow.avi", "mpeg4", 5, "yuv420p"),
        ("film.mp4", "libx264", 25, "yuv444p"),  # H.264 of a profile that browsers do not know
    ],
)
def test_what_browsers_cannot_play_becomes_a_copy_with_the_same_times(tmp_path, name, codec, rate, pixels):
    path = write(tmp_path / name, codec, rate, 6, pixels, height=500)
    content, mime = playable(path)
    copy = saved(content, tmp_path)
    assert mime == "video/mp4" and playable(copy) == (content, mime)
    info = probe(copy)
    assert info.duration == pytest.approx(probe(path).duration, abs=1 / 12)
    assert info.fps == min(12, rate) and info.height == 480 and info.width == 122
    assert seconds_shown(copy) == seconds_shown(path) == [0, 1, 2, 3, 4, 5]
    assert content.index(b"moov") < content.index(b"mdat")  # plays before all of it is there


def test_a_first_time_stamp_is_the_copy_s_zero(tmp_path):
    """A stream that starts at 7 s, as cut from a broadcast: its first picture is at 0 for the model and in the copy."""
    path = tmp_path / "late.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for n in range(50):
            frame = av.VideoFrame.from_ndarray(bright(n // 10), format="rgb24")
            frame.pts, frame.time_base = n + 70, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    copy = saved(playable(path)[0], tmp_path)
    assert seconds_shown(copy) == seconds_shown(path) == [0, 1, 2, 3, 4]


def test_too_large_a_file_becomes_a_copy_below_the_limit(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 128, 128, 3), dtype=np.uint8)
    path = tmp_path / "noise.mp4"
    write_video(path, noise, 10)
    limit = path.stat().st_size // 8
    content, _ = playable(path, limit)
    assert len(content) <= limit
    assert probe(saved(content, tmp_path)).duration == pytest.approx(6)


def test_a_copy_is_kept_until_the_file_changes_or_nobody_asks(tmp_path, cache, monkeypatch):
    path = write(tmp_path / "film.avi", "mpeg4", 10, 2)
    first = playable(path)
    with monkeypatch.context() as patch:
        patch.setattr("lgn_lite.video.frames.iter_frames", None)  # nothing is decoded again
        assert playable(path) == first
    (kept,) = cache.iterdir()
    os.utime(kept, (0, time.time() - 40 * 86400))
    write(path, "mpeg4", 10, 3)
    assert playable(path) != first
    assert len(list(cache.iterdir())) == 1 and not kept.exists()


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mov", "cut.webm"])
def test_a_cut_off_file_is_named_in_one_error(tmp_path, cache, name):
    codec = {"mp4": "libx264", "mov": "mpeg4", "webm": "libvpx-vp9"}[name[4:]]
    path = tmp_path / name
    noise = np.random.default_rng(0).integers(0, 256, (50, 96, 128, 3), dtype=np.uint8)
    with av.open(str(path), "w", options={} if name.endswith("webm") else {"movflags": "+faststart"}) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for image in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    with pytest.raises(InputError, match=r"cut\.(mp4|mov|webm): .*cut off.*copy it again"):
        playable(path)
    assert not cache.exists() or not list(cache.iterdir())  # no half of a copy either


def test_files_that_are_no_videos_are_told(tmp_path, sound):
    (tmp_path / "notes.mp4").write_text("no video")
    for path, reason in (
        (tmp_path / "absent.mp4", "check the path"),
        (tmp_path / "notes.mp4", "not a video"),
        (sound, "only audio"),
    ):
        with pytest.raises(InputError, match=reason):
            playable(path)


def test_where_no_copy_can_be_kept_the_error_says_what_to_set(tmp_path, monkeypatch):
    path = write(tmp_path / "film.avi", "mpeg4", 10, 2)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="XDG_CACHE_HOME"):
        playable(path)


@pytest.mark.slow
def test_a_real_video_plays_as_it_is_and_as_a_copy(shared, tmp_path):
    path = shared("data/video/one-by-one-person-detection.mp4")
    assert playable(path) == (path.read_bytes(), "video/mp4")
    copy = saved(playable(path, limit=path.stat().st_size // 2)[0], tmp_path)
    assert copy.stat().st_size <= path.stat().st_size // 2
    info = probe(path)
    assert probe(copy).duration == pytest.approx(info.duration, abs=0.1)
    for (at, frame), (also, seen) in zip(
        iter_frames(path, 0.2, (36, 64)), iter_frames(copy, 0.2, (36, 64)), strict=True
    ):
        assert at == also and np.abs(frame.astype(int) - seen).mean() < 12
