"""Video files: what they hold, their frames at chosen times, writing H.264, and what a browser can play.

Only PyAV and NumPy are imported here, so that a process that merely decodes starts fast. The networks that
turn frames into features are in `vgg.py`.
"""

import hashlib
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time as now

import av
import av.error
import numpy as np
from av.stream import Disposition
from av.video.reformatter import Interpolation, VideoReformatter

from lgn_lite.errors import InputError
from lgn_lite.files import atomic_path

TOLERANCE = 5e-4  # seconds; Matroska and FLV round time stamps to whole milliseconds
BITS_A_PIXEL = 0.05  # that a copy for browsers has at the least
KEPT_DAYS = 30  # copies for browsers that nobody asked for in so long are deleted


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file says of itself."""

    duration: float  # seconds from the first time stamp of the file to the end of its picture
    fps: float  # average frames per second; 0 where the file does not say
    width: int  # pixels as shown, after any rotation
    height: int
    frames: int | None  # None where the file does not say


def probe(path: str | Path) -> VideoInfo:
    """Read a video's duration (seconds), frame rate, size and number of frames.

    Decodes one frame, or all where the file states no duration. Raises InputError, naming the file, where
    it is no readable video.
    """
    with _opened(path) as (container, stream):
        stated = _stated_end(container, stream)
        shape, end = None, 0.0
        for time, frame in _decoded(path, container, stream):
            if shape is None:
                turned = _turns(frame) % 2
                shape = (frame.width, frame.height) if turned else (frame.height, frame.width)
            if stated:
                break
            end = time + _frame_seconds(frame, stream)
        if shape is None:
            raise _no_picture(path)
        fps = float(stream.average_rate or 0)
        return VideoInfo(stated or end, fps, width=shape[1], height=shape[0], frames=stream.frames or None)


def read_frames(
    path: str | Path, rate: float, size: tuple[int, int] | int | None = None, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Read the frames shown at times 0, 1/rate, 2/rate … before the video's end, all at once.

    Returns frames uint8 (T, h, w, 3) RGB and their times (T,) in seconds, T >= 1. Arguments and errors are
    those of `iter_frames`.
    """
    times, frames = zip(*iter_frames(path, rate, size, threads), strict=True)
    return np.stack(frames), np.array(times)


def iter_frames(
    path: str | Path, rate: float, size: tuple[int, int] | int | None = None, threads: int = 1
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (seconds, frame uint8 (h, w, 3) RGB) as a player shows it at times 0, 1/rate, 2/rate ….

    It is the latest frame whose time stamp, counted from the file's first, is not past the time; the
    frame rate may vary. `size` is (h, w), or the length of the shorter side, or None for the file's own.
    Only frames that are kept are converted and resized (area average). `threads` is the decoder's: 1 is
    best for small videos and inside worker processes, 0 lets FFmpeg choose. Raises InputError, naming the
    file, where it is missing, not a video, without picture, or cut off: undecodable somewhere, or ending
    more than 1 s and 10 % before its stated end.
    """
    if rate <= 0:
        raise InputError(f"{path}: a rate of {rate} frames per second; give one above 0")
    with _opened(path, threads) as (container, stream):
        stated = _stated_end(container, stream)
        count = _count(stated, rate) if stated else math.inf
        # Half a tick forgives time stamps that the container rounded; more would show the next frame early.
        slack = min(TOLERANCE, float(stream.time_base or 1) / 2) + 1e-9
        convert = _Converter(size)
        n, shown, shown_from = 0, None, 0.0
        for time, frame in _decoded(path, container, stream):
            # A frame is shown until the next one's time; the first also before its own time.
            while shown is not None and n < count and n / rate < time - slack:
                yield n / rate, convert(shown)
                n += 1
            if n == count:
                return
            shown, shown_from = frame, time
        if shown is None:
            raise _no_picture(path)
        end = shown_from + _frame_seconds(shown, stream)
        _check_end(path, end, stated)
        while n < (count if stated else _count(end, rate)):
            yield n / rate, convert(shown)
            n += 1


def write_video(path: str | Path, frames: Iterable[np.ndarray], fps: int, bits: int | None = None) -> None:
    """Write frames, each uint8 (h, w, 3) RGB, as an H.264 MP4 that browsers play; same frames, same bytes.

    `bits` a second are the most it may take, at the cost of quality; None: no such limit. The codec runs in
    one thread: to write many videos, call this from several processes. Raises InputError where there is no
    frame, where frames differ in size, or where a side is odd (H.264 halves the colour's size).
    """
    with (
        atomic_path(path) as temporary,
        av.open(f"file:{temporary}", "w", options={"movflags": "+faststart"}) as container,
    ):
        # ultrafast: drawn figures are easy to code; slower presets of x264 give other bytes from call to call
        options = {"preset": "ultrafast", "crf": "23", "threads": "1"}
        if bits is not None:
            options |= {"maxrate": str(bits), "bufsize": str(bits // 2)}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.pix_fmt = "yuv420p"
        shape = None
        for image in frames:
            if shape is None:
                shape = image.shape
                if len(shape) != 3 or shape[2] != 3 or shape[0] % 2 or shape[1] % 2:
                    raise InputError(f"{path}: frames of shape {shape}; give (h, w, 3) with h and w even")
                stream.height, stream.width = shape[:2]
            if image.shape != shape or image.dtype != np.uint8:
                raise InputError(f"{path}: a frame is {image.dtype} {image.shape}; all must be uint8 {shape}")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        if shape is None:
            raise InputError(f"{path}: no frames to write")
        container.mux(stream.encode())


def playable(path: str | Path, limit: int = 64_000_000) -> tuple[bytes, str]:
    """A video's bytes and MIME type, such as "video/mp4", for a browser to play.

    They are the file's own where browsers know its container and codec (MP4 or MOV with H.264, WebM) and it
    has at most `limit` bytes. Else they are those of a smaller H.264 copy without sound, at most 480 pixels
    high and 12 frames a second, in which each moment has the time in seconds that `iter_frames` gives it.
    Copies are made with progress shown, and kept for a while in ~/.cache/lgn_lite (XDG_CACHE_HOME moves it).
    Raises InputError, naming the file, where it is no readable video or cut off, as `iter_frames` does, and
    where no copy can be written.
    """
    path = Path(path)
    mime = _browser_type(path)
    if mime and path.stat().st_size <= limit:
        return path.read_bytes(), mime
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lgn_lite" / "videos"
    about = path.stat()
    key = f"{path.resolve()}\0{about.st_size}\0{about.st_mtime_ns}\0{limit}"
    copy = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.mp4"
    try:
        if copy.exists():
            copy.touch()
        else:
            _write_copy(path, copy, limit)
        for old in folder.glob("*.mp4"):
            if now() - old.stat().st_mtime > KEPT_DAYS * 86400:
                old.unlink(missing_ok=True)
        return copy.read_bytes(), "video/mp4"
    except OSError as error:
        raise InputError(
            f"{folder}: cannot keep a copy of {path} that a browser plays ({error}): "
            "set XDG_CACHE_HOME to a folder that can be written to"
        ) from error


def _browser_type(path: Path) -> str | None:
    """The MIME type of a file that browsers play as it is; None where they do not."""
    with _opened(path) as (container, stream):
        codec = stream.codec_context.codec.canonical_name
        pixels = stream.codec_context.pix_fmt
        mime = None
        if "mp4" in container.format.name.split(",") and codec == "h264" and pixels in ("yuv420p", "yuvj420p"):
            mime = "video/mp4"
        elif codec in ("vp8", "vp9", "av1") and pixels == "yuv420p":
            with path.open("rb") as file:  # FFmpeg calls both by one name; browsers take only WebM's
                mime = "video/webm" if b"webm" in file.read(64) else None
        if mime is None:
            return None
        stated = _stated_end(container, stream)
        start = (container.start_time or 0) / av.time_base
        end = 0.0
        try:  # without decoding: fast, and it finds what is cut off, which a browser would play in silence
            for packet in container.demux(stream):
                if packet.pts is not None:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base) - start)
        except av.error.FFmpegError as error:
            raise _broken(path, end, error) from error
        _check_end(path, end, stated)
        return mime


def _write_copy(path: Path, copy: Path, limit: int) -> None:
    """Write the smaller copy of `playable`."""
    from tqdm import tqdm  # here: who only decodes needs no progress bar

    info = probe(path)
    rate = min(12, max(1, math.ceil(info.fps or 12)))
    # A tenth less than what fits: the container, and a codec that keeps to its limit only on average.
    bits = min(50_000_000, int(0.9 * 8 * limit / max(info.duration, 1)))
    # With few bits a pixel the picture falls to blocks: an hour of video is better seen small.
    pixels = bits / (rate * BITS_A_PIXEL)
    scale = min(1.0, 480 / info.height, math.sqrt(pixels / (info.height * info.width)))
    size = tuple(max(2, 2 * round(side * scale / 2)) for side in (info.height, info.width))
    frames = tqdm(iter_frames(path, rate, size, threads=0), path.name, _count(info.duration, rate), leave=False)
    write_video(copy, (frame for _, frame in frames), rate, bits)


@contextmanager
def _opened(path: str | Path, threads: int = 1) -> Iterator[tuple[av.container.InputContainer, av.video.VideoStream]]:
    """Open a file and its first picture stream that is not a cover image."""
    try:
        container = av.open(f"file:{path}")  # "file:", so that a colon in the name starts no protocol
    except (av.error.FFmpegError, OSError) as error:
        reason = error.strerror or type(error).__name__
        hint = "check the path" if isinstance(error, OSError) else "not a video, or cut off: copy it again"
        raise InputError(f"{path}: cannot be opened ({reason}); {hint}") from error
    with container:
        streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if container.format.name == "tty":  # FFmpeg draws any text file as a terminal would
            raise InputError(f"{path}: is a text file, not a video")
        if not streams:
            kinds = ", ".join({s.type for s in container.streams if s.type != "video"})
            what = f"only {kinds}; give a file with a picture" if kinds else "nothing; it may be cut off"
            raise InputError(f"{path}: holds no video stream, {what}")
        stream = streams[0]
        stream.thread_count = threads
        if threads != 1:
            stream.thread_type = "AUTO"
        yield container, stream


def _decoded(path, container, stream) -> Iterator[tuple[float, av.VideoFrame]]:
    """Every frame in order of display, with its time in seconds from the file's first time stamp."""
    start = (container.start_time or 0) / av.time_base
    time = 0.0
    try:
        for n, frame in enumerate(container.decode(stream)):
            # A raw stream has no time stamps: its frames are evenly spaced.
            time = n * _frame_seconds(frame, stream) if frame.pts is None else frame.time - start
            yield time, frame
    except av.error.FFmpegError as error:
        raise _broken(path, time, error) from error


def _stated_end(container, stream) -> float | None:
    """The end of the picture in seconds from the file's first time stamp, as the file states it."""
    start = (container.start_time or 0) / av.time_base
    if stream.duration:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base) - start
    if "DURATION" in stream.metadata:  # Matroska: "00:00:12.500000000", this stream's end, not its length
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds) - start
    if container.duration:
        end = container.duration / av.time_base
        return end - start if "matroska" in container.format.name else end
    return None


def _count(end: float, rate: float) -> int:
    """How many of the times 0, 1/rate, 2/rate … come before the end; at least one."""
    return max(1, math.ceil((end - TOLERANCE) * rate))


def _check_end(path: str | Path, end: float, stated: float | None) -> None:
    """InputError where the picture ends, in seconds, long before the end that the file states."""
    if stated and stated - end > max(1.0, 0.1 * stated):
        raise InputError(f"{path}: cut off: the picture stops at {end:.1f} s of {stated:.1f} s; copy it again")


def _broken(path: str | Path, time: float, error: av.error.FFmpegError) -> InputError:
    return InputError(f"{path}: broken or cut off: not decodable after {time:.1f} s ({error.strerror}); copy it again")


def _no_picture(path: str | Path) -> InputError:
    return InputError(f"{path}: its video stream holds no picture; copy it again")


def _frame_seconds(frame, stream) -> float:
    """How long one frame is shown."""
    if getattr(frame, "duration", 0) and frame.time_base:
        return float(frame.duration * frame.time_base)
    return float(1 / stream.average_rate) if stream.average_rate else 0.0


def _turns(frame) -> int:
    """Quarter turns, counter-clockwise, that a player gives the picture (phones film on their side)."""
    return round(getattr(frame, "rotation", 0) / 90) % 4


class _Converter:
    """Decoded frame → RGB array of a size; a frame asked for twice in a row is converted once."""

    def __init__(self, size: tuple[int, int] | int | None):
        self.size = size
        self.scaler = VideoReformatter()  # kept: it sets up its tables once for all frames
        self.last = (None, None)

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        if self.last[0] is not frame:
            turns = _turns(frame)
            if isinstance(self.size, int):  # the shorter side; the same whichever way the picture lies
                scale = self.size / min(frame.height, frame.width)
                height, width = round(frame.height * scale), round(frame.width * scale)
            else:
                height, width = self.size or (frame.height, frame.width)
                if self.size and turns % 2:
                    height, width = width, height
            picture = self.scaler.reformat(frame, width, height, "rgb24", interpolation=Interpolation.AREA)
            self.last = (frame, np.ascontiguousarray(np.rot90(picture.to_ndarray(), turns)))
        return self.last[1]
