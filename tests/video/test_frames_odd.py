"""Videos as they are found: headers that lie, joined recordings, damage, sound longer than picture, odd shapes.

Every file is made here. Frame n is of grey level 10 n (modulo 250), so that each picture says which it is.
"""

import os
import struct
import warnings
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from lgn_lite.cli import main as cli
from lgn_lite.errors import InputError
from lgn_lite.video.containers import MAX_PIXELS
from lgn_lite.video.encoder import extract_video
from lgn_lite.video.frames import iter_frames, probe, read_frames, write_video
from lgn_lite.video.pictures import VideoWarning
from lgn_lite.video.playable import playable
from lgn_lite.video.vgg import VGGFrames

AUDIO = {"webm": ("libopus", 48000), "flv": ("aac", 44100), "avi": ("mp2", 44100)}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def grey(n: int, height: int = 64, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), 10 * n % 250, np.uint8)


def write(
    path: Path, codec: str = "libx264", stamps=range(40), rate: int = 10, sound: float = 0, first: int = 0,
    sar: Fraction | None = None, noise: bool = False, size=(64, 64), options=None, **container_options,
) -> Path:  # fmt: skip
    """A video with a frame at each of `stamps`, in 1/rate seconds; `sound` seconds of silence with it.

    `first` is the number of its first frame; `noise` makes packets large enough to damage.
    """
    if codec in ("mpeg4", "mpeg2video"):
        options = {"qmin": "1", "qmax": "2", "b": "5000000", **(options or {})}
    drawn = np.random.default_rng(0).integers(-40, 40, (*size, 3)) * noise
    with av.open(str(path), "w", options=container_options) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, rate)
        if sar:
            stream.codec_context.sample_aspect_ratio = sar
        if sound:
            name, hertz = AUDIO.get(path.suffix[1:], ("aac", 44100))
            audio = container.add_stream(name, rate=hertz, layout="mono")
        for n, stamp in enumerate(stamps, first):
            image = np.clip(grey(n, *size) + np.roll(drawn, n, 1), 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound:
            samples = audio.codec_context.frame_size or 1024
            kind = "s16" if name == "mp2" else "flt" if name == "libopus" else "fltp"
            for n in range(int(sound * hertz / samples)):
                silence = np.zeros((1, samples), np.int16 if kind == "s16" else np.float32)
                part = av.AudioFrame.from_ndarray(silence, format=kind, layout="mono")
                part.sample_rate, part.pts, part.time_base = hertz, n * samples, Fraction(1, hertz)
                container.mux(audio.encode(part))
            container.mux(audio.encode())
    return path


def levels(frames: np.ndarray) -> list[int]:
    return [round(float(frame.mean()) / 10) for frame in frames]


def expected(count: int) -> list[int]:
    return [n % 25 for n in range(count)]


def quietly(function, *arguments, **keywords):
    """The result, where nothing is warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return function(*arguments, **keywords)


def warned(path: Path, match: str, function, *arguments, **keywords):
    """The result, where one warning names the file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(path, *arguments, **keywords)
    assert len(caught) == 1, [str(warning.message) for warning in caught]
    with pytest.warns(UserWarning, match=match):
        warnings.warn_explicit(caught[0].message, UserWarning, "x", 1)
    assert str(caught[0].message).startswith(f"{path}: ")
    return result


def agree(path: Path, seconds: float, tmp_path: Path) -> None:
    """`probe`, the frames, the features and the copy for browsers last equally long."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert probe(path).duration == pytest.approx(seconds, abs=0.01)
        assert len(read_frames(path, 4)[0]) == ceil(4 * seconds)
        features, info = extract_video(path, VGGFrames.small(2, width=8, image_size=16), 4)
        assert info == probe(path) and len(features) == ceil(4 * seconds)
        (tmp_path / "got").write_bytes(playable(path)[0])
        assert probe(tmp_path / "got").duration == pytest.approx(seconds, abs=0.12)


def boxes(data: bytes, at: int = 0, end: int | None = None):
    """The boxes of an MP4: (name, where its content begins)."""
    end = end or len(data)
    while at + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, at)
        yield name.decode("latin1"), at + 8
        if name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
            yield from boxes(data, at + 8, at + size)
        at += max(size, 8)


# ---- headers that lie (4)


@pytest.mark.parametrize("names", [("mdhd",), ("mvhd", "mdhd"), ("mvhd", "tkhd", "mdhd")])
@pytest.mark.parametrize("sound", [0, 8])
def test_frames_go_on_past_a_stated_end(tmp_path, names, sound):
    """An MP4 whose header says 2 s; there are 6."""
    path = write(tmp_path / "short.mp4", stamps=range(60), sound=sound)
    data = bytearray(path.read_bytes())
    first = True
    for name, at in list(boxes(bytes(data))):
        if name in names and (name != "mdhd" or first):  # only the picture's: the first track
            if name == "tkhd":
                struct.pack_into(">I", data, at + 20, 2000)
            else:
                struct.pack_into(">I", data, at + 16, 2 * struct.unpack_from(">I", data, at + 12)[0])
            first = first and name != "mdhd"
    path.write_bytes(data)
    frames, times = warned(path, r"continues to 6\.0 s, past the 2\.0 s stated", read_frames, 10)
    assert levels(frames) == expected(60) and times[-1] == 5.9
    info = warned(path, r"past the 2\.0 s", probe)
    assert (info.duration, info.fps) == pytest.approx((6, 10))
    agree(path, 6, tmp_path)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("film.avi", "mpeg4"),
        ("film.avi", "libx264"),
        ("film.mkv", "libx264"),
        ("film.webm", "libvpx-vp9"),
        ("film.flv", "libx264"),
    ],
)
def test_other_headers_that_state_too_little(tmp_path, name, codec):
    """The same in AVI, Matroska and FLV: 2 s stated, 6 there."""
    path = write(tmp_path / name, codec, range(60))
    data = bytearray(path.read_bytes())
    if name.endswith("avi"):
        struct.pack_into("<I", data, data.index(b"avih") + 24, 20)
        struct.pack_into("<I", data, data.index(b"strh") + 40, 20)
    elif name.endswith("flv"):
        struct.pack_into(">d", data, data.index(b"duration") + 9, 2.0)
    else:
        struct.pack_into(">d", data, data.index(b"\x44\x89\x88") + 3, 2000.0)
        data = data.replace(b"00:00:06.", b"00:00:02.")
    path.write_bytes(data)
    frames, _ = warned(path, r"continues to 6\.0 s, past the [12]\.\d s stated", read_frames, 10)
    assert levels(frames) == expected(60)
    assert warned(path, "past the", probe).duration == pytest.approx(6)
    agree(path, 6, tmp_path)


def test_a_shorter_edit_list_is_meant(tmp_path):
    """A film trimmed by its edit list ends where players end it, without a word."""
    path = write(tmp_path / "trimmed.mp4", stamps=range(60))
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, data.index(b"elst") + 12, 2000)
    path.write_bytes(data)
    assert levels(quietly(read_frames, path, 10)[0]) == expected(20)
    assert quietly(probe, path).duration == pytest.approx(2)


@pytest.mark.parametrize("name", ["film.mpg", "film.vob"])
def test_an_mpeg_program_stream_is_whole(tmp_path, name):
    """It states no length; what FFmpeg guesses is short."""
    path = write(tmp_path / name, "mpeg2video", range(100), 25)
    frames, _ = quietly(read_frames, path, 25)
    apart = np.subtract(levels(frames), expected(100)) % 25
    assert set(apart) <= {0, 1, 24}  # the format dates only some of its pictures
    assert quietly(probe, path).duration == pytest.approx(4)
    agree(path, 4, tmp_path)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize("stamps", [list(range(40)), [0, 1, 2, 7, 8, 9, 20, 21, 22, 39]], ids=["even", "uneven"])
def test_avi_with_b_frames_comes_in_order(tmp_path, codec, stamps):
    """AVI has no time stamps of display: FFmpeg's guesses are late and out of order."""
    path = write(tmp_path / "film.avi", codec, stamps, options={"bf": "3"} if codec == "libx264" else {"bf": "2"})
    if stamps[3] == 7:  # the muxer moved the frames itself, to keep their order of decoding
        count = len(quietly(read_frames, path, 10)[0])
        assert count == round(10 * quietly(probe, path).duration)
        found = levels(quietly(read_frames, path, 10)[0])
        assert found == sorted(found) and set(found) == set(range(10))
        return
    frames, times = quietly(read_frames, path, 10)
    where = np.searchsorted(stamps, times * 10 + 1e-6, side="right") - 1
    assert len(frames) == 40
    assert levels(frames) == [n % 25 for n in where]


@pytest.mark.parametrize("start", [0, 3, 150])
def test_flv_counts_from_its_start(tmp_path, start):
    path = write(tmp_path / "film.flv", stamps=range(start, start + 40))
    frames, _ = quietly(read_frames, path, 10)
    assert levels(frames) == expected(40)
    assert quietly(probe, path).duration == pytest.approx(4)
    agree(path, 4, tmp_path)


# ---- clocks that start again or jump (4, 9)


@pytest.mark.parametrize(
    ("name", "codec", "starts"),
    [
        ("film.ts", "libx264", (0, 0)),
        ("film.ts", "mpeg2video", (0, 0)),
        ("film.ts", "libx264", (0, 10_000)),  # as from a broadcast: each part has its own clock
        ("film.ts", "libx264", (10_000, 0)),  # the same; FFmpeg takes it for 33 bits running over
        ("film.ts", "libx264", (500, 0, 20, 7_000)),
        ("film.mpg", "mpeg2video", (0, 0)),
        ("film.mpg", "mpeg2video", (0, 0, 0)),
        ("film.mkv", "libx264", (0, 0)),
        ("film.webm", "libvpx-vp9", (0, 0)),
        ("film.flv", "libx264", (0, 0)),
        ("film.flv", "libx264", (0, 20, 0)),
    ],
)
def test_joined_recordings_are_read_to_the_end(tmp_path, name, codec, starts):
    rate = 25 if name.endswith("mpg") else 10
    content = b"".join(
        write(tmp_path / f"{part}-{name}", codec, range(start, start + 40), rate, first=40 * part).read_bytes()
        for part, start in enumerate(starts)
    )
    path = tmp_path / name
    path.write_bytes(content)
    frames, times = warned(path, "clock starts again or jumps.*joined", read_frames, rate)
    count = 40 * len(starts)
    assert levels(frames) == expected(count)
    assert times.tolist() == pytest.approx(np.arange(count) / rate)
    assert warned(path, "joined", probe).duration == pytest.approx(count / rate, abs=0.01)
    agree(path, count / rate, tmp_path)


@pytest.mark.parametrize(("name", "codec"), [("slow.mkv", "libx264"), ("slow.webm", "libvpx-vp9")])
@pytest.mark.parametrize("count", [4, 40])
def test_joined_recordings_of_few_frames(tmp_path, name, codec, count):
    """One frame per second: a step back of three seconds is no disorder of B-frames."""
    parts = [write(tmp_path / f"{n}-{name}", codec, range(count), 1, first=count * n).read_bytes() for n in (0, 1)]
    path = tmp_path / name
    path.write_bytes(b"".join(parts))
    assert levels(warned(path, "joined", read_frames, 1)[0]) == expected(2 * count)
    assert warned(path, "joined", probe).duration == pytest.approx(2 * count)


@pytest.mark.parametrize(
    ("name", "codec"), [("film.mkv", "libx264"), ("film.mkv", "mpeg2video"), ("film.webm", "libvpx")]
)
@pytest.mark.parametrize("jump", [86_400 * 40, 2 * 86_400])
def test_a_clock_that_jumps_by_days(tmp_path, name, codec, jump):
    """Not a million copies of the frame before the jump."""
    rate = 25 if codec == "mpeg2video" else 10
    path = write(tmp_path / name, codec, [*range(20), *range(jump * rate + 20, jump * rate + 40)], rate)
    frames, _ = warned(path, r"jumps at (2\.0|0\.8) s; the parts are joined", read_frames, rate)
    assert levels(frames) == expected(40)
    agree(path, 40 / rate, tmp_path)


def test_a_jump_in_a_transport_stream_is_bounded_sooner(tmp_path):
    path = write(tmp_path / "film.ts", stamps=[*range(20), *range(520, 540)])
    assert levels(warned(path, "joined", read_frames, 10)[0]) == expected(40)


def test_of_joined_mp4_files_only_the_first_is_there(tmp_path):
    """No player shows more; the reader is told."""
    one = write(tmp_path / "one.mp4").read_bytes()
    path = tmp_path / "both.mp4"
    path.write_bytes(one + one)
    assert levels(warned(path, "2 files in one", read_frames, 10)[0]) == expected(40)
    fragments = write(tmp_path / "fragments.mp4", stamps=range(40), movflags="frag_keyframe+empty_moov")
    assert len(quietly(read_frames, fragments, 10)[0]) == 40


def test_a_slide_that_stays_for_minutes_is_no_jump(tmp_path):
    path = write(tmp_path / "slides.mkv", stamps=[0, 9_000, 18_000, 18_010])
    frames, times = quietly(read_frames, path, 1 / 60)
    assert levels(frames) == [0] * 15 + [1] * 15 + [2] and times[-1] == pytest.approx(1800)


def test_the_clock_of_a_transport_stream_runs_over(tmp_path):
    """33 bits of 90 kHz: FFmpeg counts on, and nothing is said."""
    path = write(tmp_path / "over.ts", stamps=range(10 * 95_440, 10 * 95_440 + 60))
    assert levels(quietly(read_frames, path, 10)[0]) == expected(60)
    agree(path, 6, tmp_path)


@pytest.mark.parametrize(("first", "count"), [(-7, 33), (5, 40)])
def test_negative_and_late_first_stamps(tmp_path, first, count):
    """What is before zero is not shown: the muxer writes an edit list."""
    path = write(tmp_path / "film.mov", "mpeg4", range(first, first + 40))
    assert quietly(probe, path).duration == pytest.approx(count / 10)
    assert levels(quietly(read_frames, path, 10)[0]) == expected(40)[-count:]


# ---- sound longer than the picture (7)


def without_tags(path: Path) -> Path:
    """Matroska as many programs write it: no stream says how long it is."""
    path.write_bytes(path.read_bytes().replace(b"DURATION", b"DURATIOX"))
    return path


@pytest.mark.parametrize(
    ("name", "codec"),
    [("film.flv", "libx264"), ("film.webm", "libvpx-vp9"), ("film.mkv", "libx264"), ("film.avi", "mpeg4"),
     ("film.mp4", "libx264"), ("film.ts", "libx264")],
)  # fmt: skip
def test_sound_may_go_on_after_the_picture(tmp_path, name, codec):
    path = without_tags(write(tmp_path / name, codec, sound=9))
    frames, _ = quietly(read_frames, path, 10)
    late = name in ("film.flv", "film.ts")  # there the sound starts 23 ms before the picture
    assert levels(frames)[late:] == expected(40)
    assert quietly(probe, path).duration == pytest.approx(4 + 0.023 * late, abs=0.001)
    assert quietly(playable, path)[0]


@pytest.mark.parametrize(
    ("name", "codec"), [("film.flv", "libx264"), ("film.webm", "libvpx-vp9"), ("film.mkv", "libx264")]
)
@pytest.mark.parametrize("sound", [0, 12])
def test_a_cut_is_found_all_the_same(tmp_path, name, codec, sound):
    path = without_tags(write(tmp_path / name, codec, range(120), sound=sound, noise=True))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 4 // 10])
    with pytest.raises(InputError, match=r"cut off: the (picture|file) stops at \d\.\d s of 12\.\d s; copy it again"):
        read_frames(path, 2)


def test_a_live_recording_states_nothing(tmp_path):
    path = write(tmp_path / "live.mkv", sound=3, live="1")
    with av.open(str(path)) as container:
        assert container.duration is None
    assert levels(quietly(read_frames, path, 10)[0]) == expected(40)
    agree(path, 4, tmp_path)


# ---- damage (8)


def damage(path: Path, packets: list[int]) -> Path:
    """Overwrite packets of the picture with noise."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        wanted = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    for n in packets:
        at = data.index(wanted[n])
        data[at : at + len(wanted[n])] = b"\xff" * len(wanted[n])
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "codec"),
    [("film.mp4", "libx264"), ("film.mkv", "libx264"), ("film.avi", "mpeg4"), ("film.avi", "libx264"),
     ("film.mp4", "libx265"), ("film.mkv", "libx265"), ("film.webm", "libvpx-vp9"), ("film.mp4", "mpeg4")],
)  # fmt: skip
@pytest.mark.parametrize("threads", [1, 0])
def test_one_damaged_packet_is_passed_over(tmp_path, name, codec, threads):
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    path = damage(write(tmp_path / name, codec, range(200), 25, noise=True, options=options), [60])
    frames, times = warned(
        path, r": 1 of 200 pictures cannot be decoded.* 2\.\d s", read_frames, 25, (32, 32), threads=threads
    )
    assert len(frames) == 200 and times[-1] == pytest.approx(199 / 25)
    whole, _ = read_frames(
        write(tmp_path / f"whole-{name}", codec, range(200), 25, noise=True, options=options), 25, 32
    )
    wrong = np.abs(frames.astype(int) - whole).mean((1, 2, 3)) > 30
    assert not wrong[:58].any()  # the damage is not felt before it
    assert quietly(probe, path).duration == pytest.approx(8)  # nothing is decoded here, so nothing is said


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_a_recording_that_begins_between_key_frames(tmp_path, codec):
    """As cut from a broadcast: what cannot be decoded before the first key frame is not waited for."""
    options = {"g": "25", "bf": "0"}
    path = write(tmp_path / "film.ts", codec, range(100), 25, noise=True, options=options)
    data = path.read_bytes()
    path.write_bytes(data[len(data) // 5 // 188 * 188 :])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frames, _ = read_frames(path, 25)
        assert probe(path).duration == pytest.approx(len(frames) / 25, abs=0.03)
    assert 75 <= len(frames) <= 85
    close = np.subtract(levels(frames)[-70:], expected(100)[-70:])
    assert np.abs(close).max() <= 1


def test_where_most_is_lost_the_file_is_refused(tmp_path):
    path = damage(write(tmp_path / "film.mp4", "mpeg4", range(100), noise=True), list(range(20, 80)))
    with pytest.raises(InputError, match=r"film\.mp4: broken or cut off: 60 of 100 pictures .* max_lost=0\.5, between"):
        read_frames(path, 10)
    frames, _ = warned(path, "60 of 100", read_frames, 10, max_lost=0.7)
    assert len(frames) == 100
    with pytest.raises(InputError, match="1 of 100"):
        read_frames(damage(write(tmp_path / "less.mp4", "mpeg4", range(100), noise=True), [50]), 10, max_lost=0)


def test_a_damaged_end_is_a_cut(tmp_path):
    """As of a download that reserved its space: the last 40 % are zeros."""
    path = write(tmp_path / "film.mp4", "mpeg4", range(100), noise=True, movflags="+faststart")
    data = path.read_bytes()
    cut = len(data) * 6 // 10
    path.write_bytes(data[:cut] + bytes(len(data) - cut))
    with pytest.raises(InputError, match=r"cut off: the picture stops at \d\.\d s of 10\.0 s"):
        read_frames(path, 10)


def test_a_little_missing_at_the_end_is_said(tmp_path):
    path = damage(write(tmp_path / "film.mp4", "mpeg4", range(200), noise=True), list(range(185, 200)))
    warned(path, r"15 of 200 pictures.*stops at 18\.5 s of 20\.0 s", read_frames, 10)


# ---- shapes and streams (9)


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_a_size_that_changes_keeps_the_first(tmp_path, codec):
    """A transport stream of two parts, as a television channel sends them."""
    small = write(tmp_path / "small.ts", codec, range(20), 25, size=(64, 96))
    large = write(tmp_path / "large.ts", codec, range(20, 40), 25, first=20, size=(128, 128))
    path = tmp_path / "both.ts"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    for size, shape in ((None, (64, 96)), (32, (32, 48)), ((16, 24), (16, 24))):
        frames, _ = quietly(read_frames, path, 25, size)
        assert frames.shape[1:] == (*shape, 3)
        found = levels(frames)  # decoders drop the last one or two before the change
        assert found[:18] == expected(18) and found[-18:] == expected(40)[-18:]
    assert (quietly(probe, path).height, quietly(probe, path).width) == (64, 96)
    agree(path, probe(path).duration, tmp_path)


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.avi"])
@pytest.mark.parametrize(("sar", "width"), [(Fraction(16, 9), 128), (Fraction(2), 144), (Fraction(8, 9), 64)])
def test_pixels_that_are_not_square(tmp_path, name, sar, width):
    """A broadcast's 64 × 72 pixels, each wider or narrower than high."""
    path = write(tmp_path / name, "mpeg4", sar=sar, size=(64, 72))
    assert (quietly(probe, path).height, quietly(probe, path).width) == (64, width)
    assert read_frames(path, 1)[0].shape[1:3] == (64, width)
    small = read_frames(path, 1, 32)[0].shape[1:3]
    assert small == (32, width // 2)
    assert read_frames(path, 1, (16, 16))[0].shape[1:3] == (16, 16)
    (tmp_path / "copy.mp4").write_bytes(playable(path)[0])
    copy = probe(tmp_path / "copy.mp4")
    assert (copy.height, copy.width) == (64, width)


def test_a_turned_video_with_oblong_pixels(tmp_path):
    path = write(tmp_path / "phone.mp4", sar=Fraction(2), size=(64, 72))
    data = bytearray(path.read_bytes())
    one = 1 << 16
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, 0, one, 0, -one, 0, 0, 64 * one, 0, 1 << 30)
    path.write_bytes(data)
    info = quietly(probe, path)
    assert (info.height, info.width) == (144, 64) == read_frames(path, 1)[0].shape[1:3]


def test_an_absurd_aspect_is_not_believed(tmp_path):
    path = write(tmp_path / "film.mkv", "mpeg4", range(3), sar=Fraction(200))
    assert probe(path).width == 64


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.mov"])
@pytest.mark.parametrize("preview", [0, 1])
def test_the_largest_moving_picture_is_the_video(tmp_path, name, preview):
    """A preview comes before the film, or after."""
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=10) for _ in range(2)]
        for n, stream in enumerate(streams):
            stream.height = stream.width = 32 if n == preview else 64
            stream.pix_fmt = "yuv420p"
        for n in range(40):
            for which, stream in enumerate(streams):
                image = grey(0, 32, 32) if which == preview else grey(n)
                if which != preview or n < 10:
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        for stream in streams:
            container.mux(stream.encode())
    frames, _ = quietly(read_frames, path, 10)
    assert frames.shape == (40, 64, 64, 3) and levels(frames) == expected(40)
    assert quietly(probe, path).width == 64
    agree(path, 4, tmp_path)


@pytest.mark.parametrize(("name", "codec"), [("one.mp4", "libx264"), ("one.mkv", "libx264"), ("one.avi", "mpeg4")])
def test_a_single_frame(tmp_path, name, codec):
    path = write(tmp_path / name, codec, [0])
    frames, times = quietly(read_frames, path, 4)
    assert (len(frames), times.tolist()) == (1, [0.0])
    assert quietly(probe, path).duration == pytest.approx(0.1)


def test_moving_and_still_images(tmp_path):
    with av.open(str(tmp_path / "a.gif"), "w") as container:
        stream = container.add_stream("gif", rate=10)
        stream.height = stream.width = 64
        stream.pix_fmt = "gray"
        for n in range(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey(n), format="rgb24")))
        container.mux(stream.encode())
    assert levels(quietly(read_frames, tmp_path / "a.gif", 10)[0]) == expected(20)
    av.VideoFrame.from_ndarray(grey(7), format="rgb24").save(tmp_path / "still.png")
    assert levels(quietly(read_frames, tmp_path / "still.png", 10)[0]) == [7]


# ---- what would hang or flood (27)


def refused(path: Path, match: str) -> None:
    for read in (probe, playable, lambda path: read_frames(path, 1), lambda path: next(iter_frames(path, 1))):
        with pytest.raises(InputError, match=match) as error:
            read(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_devices_and_folders_do_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "pipe.mp4")
    (tmp_path / "zero.mp4").symlink_to("/dev/zero")
    for name in ("pipe.mp4", "link.mp4", "zero.mp4"):
        refused(tmp_path / name, "is a pipe or a device, not a file")
    (tmp_path / "folder.mp4").mkdir()
    refused(tmp_path / "folder.mp4", "is a folder; give a video file")


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXTINF:1,\n{}\n",
        "ffconcat version 1.0\nfile {}\n",
        '<?xml version="1.0"?>\n<MPD type="static">{}</MPD>',
    ],
)
def test_playlists_open_nothing(tmp_path, text):
    path = tmp_path / "list.mp4"
    path.write_text(text.format("other.ts"), encoding="utf-8")
    refused(path, "is a playlist")


def test_nothing_in_a_file(tmp_path):
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path / "empty.mp4", "cut off: copy it again")


def test_pictures_too_large_for_memory(tmp_path):
    """An AVI of a few bytes may claim any size."""
    path = write(tmp_path / "film.avi", "rawvideo", range(3))
    data = bytearray(path.read_bytes())
    struct.pack_into("<ii", data, data.index(b"strf") + 12, 12_000, 12_000)
    path.write_bytes(data)
    assert MAX_PIXELS < 12_000**2
    refused(path, "12000 × 12000 pixels")


def test_an_unknown_codec(tmp_path):
    path = write(tmp_path / "film.avi", "mpeg4", range(3))
    data = path.read_bytes()
    for name in (b"FMP4", b"fmp4"):
        data = data.replace(name, b"QQ77")
    path.write_bytes(data)
    refused(path, "codec")


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.avi"])
def test_a_title_in_another_encoding(tmp_path, name):
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Grüße"
        stream = container.add_stream("mpeg4", rate=10)
        stream.height = stream.width = 64
        for n in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey(n), format="rgb24")))
        container.mux(stream.encode())
    path.write_bytes(path.read_bytes().replace("üß".encode(), b"\xfc\xdf\xfc\xdf"))
    assert b"Gr\xfc" in path.read_bytes()
    assert len(quietly(read_frames, path, 10)[0]) == 10


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), 1e9])
def test_rates_without_sense(clip, rate):
    with pytest.raises(InputError, match="rate"):
        read_frames(clip, rate)


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_that_is_none(clip, share):
    with pytest.raises(InputError, match="max_lost"):
        read_frames(clip, 1, max_lost=share)


def test_a_warning_comes_once_for_features(tmp_path):
    path = damage(write(tmp_path / "film.mp4", "mpeg4", range(60), noise=True), [30])
    features, info = warned(path, "1 of 60", extract_video, VGGFrames.small(2, width=8, image_size=16), 4)
    assert len(features) == 24 and info.duration == pytest.approx(6)


def test_the_command_line_says_it_too(tmp_path, checkpoint_folder):
    path = damage(write(tmp_path / "film.mp4", "mpeg4", range(60), noise=True), [30])
    with pytest.warns(VideoWarning, match=r"film\.mp4: 1 of 60 pictures"):
        ran = CliRunner().invoke(cli.app, ["predict", str(checkpoint_folder), str(path), "red light"])
    assert ran.exit_code == 0


def test_a_written_video_is_read_without_a_word(tmp_path):
    write_video(tmp_path / "drawn.mp4", (grey(n) for n in range(25)), 5)
    assert levels(quietly(read_frames, tmp_path / "drawn.mp4", 5)[0]) == expected(25)
