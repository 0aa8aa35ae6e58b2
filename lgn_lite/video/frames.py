"""Video files: what they hold, their frames at chosen times, writing H.264, and what a browser can play.

Only PyAV and NumPy are imported here, so that a process that merely decodes starts fast. The networks that
turn frames into features are in `vgg.py` and `clip.py`.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from lgn_lite.errors import InputError
from lgn_lite.support.files import atomic_path
from lgn_lite.video.containers import opened
from lgn_lite.video.pictures import MAX_LOST, TOLERANCE, Pictures, count

MAX_RATE = 1000.0  # frames per second that may be requested


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file holds; where its header and its frames disagree, the frames count."""

    duration: float  # seconds from the first time stamp of the file to the end of its picture
    fps: float  # average frames per second; 0 where the file does not say
    width: int  # pixels as shown, after any rotation, each pixel as wide as high
    height: int
    frames: int | None  # None where the file does not say


def probe(path: str | Path) -> VideoInfo:
    """Read a video's duration (seconds), frame rate, size and number of frames.

    Reads the file once and decodes one frame, or all where time stamps are missing or out of order. Warns
    as `iter_frames` does, but of nothing that only decoding shows. Raises InputError, naming the file, where it
    is no readable video.
    """
    return _probed(path)


def read_frames(
    path: str | Path,
    rate: float,
    size: tuple[int, int] | int | None = None,
    threads: int = 1,
    max_lost: float = MAX_LOST,
    phase: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Read the frames shown at times 0, 1/rate, 2/rate … before the video's end, all at once.

    Returns frames uint8 (T, h, w, 3) RGB and their times (T,) in seconds, T >= 1. Arguments, warnings and errors
    are those of `iter_frames`.
    """
    times, frames = zip(*iter_frames(path, rate, size, threads, max_lost, phase), strict=True)
    return np.stack(frames), np.array(times)


def iter_frames(
    path: str | Path,
    rate: float,
    size: tuple[int, int] | int | None = None,
    threads: int = 1,
    max_lost: float = MAX_LOST,
    phase: float = 0.0,
) -> Generator[tuple[float, np.ndarray], None, VideoInfo]:
    """Yield (seconds, frame uint8 (h, w, 3) RGB) as a player shows it at times 0, 1/rate, 2/rate ….

    It is the latest frame whose time stamp, counted from the file's first, is not past the time; the
    frame rate may vary. `size` is (h, w), or the length of the shorter side, or None for the size at which the
    first frame is shown; frames of other sizes are fitted to it. Only frames that are returned are converted and
    resized (area average). `threads` is the decoder's: 1 is best for small videos and inside worker processes, 0
    lets FFmpeg choose. With a `phase` each time is that share of 1/rate later, as many as without it: 0.5 is the
    middle of each 1/rate seconds; past the end it is the last frame. At its end the generator returns what `probe`
    says.

    Warns, once, where frames cannot be decoded (they are passed over, up to the share `max_lost` of all), where
    the clock of the file starts again or jumps (the parts are joined), and where the picture continues past the
    stated end (all is taken). Raises InputError, naming the file, where it is missing, not a video, without
    picture, mostly undecodable, or cut off: ending more than 1 s and 10 % before its stated end.
    """
    if not 0 < rate <= MAX_RATE:
        raise InputError(f"{path}: a rate of {rate} frames per second; give one above 0, up to {MAX_RATE:g}")
    if not 0 <= max_lost <= 1:
        raise InputError(f"max_lost={max_lost}: the share of undecodable pictures that is let pass; give 0 to 1")
    if not 0 <= phase < 1:
        raise InputError(f"phase={phase}: the share of 1/rate by which frames are taken later; give 0 to below 1")
    with opened(path, threads) as (container, stream):
        pictures = Pictures(path, container, stream, max_lost)
        # Half a tick forgives time stamps that the container rounded; more would show the next frame early.
        slack = min(TOLERANCE, float(stream.time_base or 1) / 2) + 1e-9
        n, shown, convert = 0, None, None
        for time, frame in pictures.frames():
            # A frame is shown until the next one's time; the first also before its own time.
            while shown is not None and (n + phase) / rate < time - slack:
                yield (n + phase) / rate, convert(shown)
                n += 1
            convert = convert or _Converter(_shown_size(stream, frame), size)
            shown = frame
        if shown is None:
            raise _no_picture(path)
        end = pictures.finish()
        while n < count(end, rate):
            yield (n + phase) / rate, convert(shown)
            n += 1
        return _info(pictures, convert.shown, end)


def write_video(path: str | Path, frames: Iterable[np.ndarray], fps: int, bits: int | None = None) -> None:
    """Write frames, each uint8 (h, w, 3) RGB, as an H.264 MP4 that browsers play; same frames, same bytes.

    `bits` a second are the most it may take, at the cost of quality; None: no such limit. The codec runs in
    one thread: to write many videos, call this from several processes. Raises InputError if there is no
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


def _probed(path: str | Path, warn: bool = True) -> VideoInfo:
    """`probe`, with or without its warnings."""
    for everything in (False, True):
        with opened(path) as (container, stream):
            pictures = Pictures(path, container, stream)
            frames = pictures.frames()
            _, first = next(frames, (0.0, None))
            if first is None:
                raise _no_picture(path)
            size = _shown_size(stream, first)
            if everything:
                for _ in frames:
                    pass
            else:
                pictures.scan()
            if everything or pictures.regular:
                return _info(pictures, size, pictures.finish(check=False, warn=warn))
    raise AssertionError


def _info(pictures: Pictures, shape: tuple[int, int], end: float) -> VideoInfo:
    """What `probe` says, once all is read; the frame rate is counted where the header is wrong."""
    fps, frames = float(pictures.stream.average_rate or 0), pictures.stream.frames or None
    if pictures.past or pictures.jumps:
        fps, frames = pictures.packets / end if end else 0.0, frames and pictures.packets
    return VideoInfo(end, fps, width=shape[1], height=shape[0], frames=frames)


def _no_picture(path: str | Path) -> InputError:
    return InputError(f"{path}: its video stream holds no picture; copy it again")


def _turns(frame) -> int:
    """Quarter turns, counter-clockwise, that a player gives the picture (phones record on their side)."""
    return round(getattr(frame, "rotation", 0) / 90) % 4


def _shown_size(stream, frame: av.VideoFrame) -> tuple[int, int]:
    """The (h, w) in pixels at which a frame is shown: square pixels, turned upright."""
    ratio = float(stream.sample_aspect_ratio or 1)  # width to height of one pixel
    width = max(1, round(frame.width * ratio)) if 0.1 <= ratio <= 10 else frame.width  # beyond, no camera's
    return (width, frame.height) if _turns(frame) % 2 else (frame.height, width)


class _Converter:
    """Decoded frame → RGB array of one size for all; a frame requested twice in a row is converted once."""

    def __init__(self, shown: tuple[int, int], size: tuple[int, int] | int | None):
        self.shown = shown  # (h, w) of the first frame
        if isinstance(size, int):  # the shorter side; the same whichever way the picture lies
            scale = size / min(shown)
            size = tuple(round(side * scale) for side in shown)
        self.size = size or shown
        self.scaler = VideoReformatter()  # one for all: it sets up its tables once for all frames
        self.last = (None, None)

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        if self.last[0] is not frame:
            turns = _turns(frame)
            height, width = self.size[::-1] if turns % 2 else self.size
            picture = self.scaler.reformat(frame, width, height, "rgb24", interpolation=Interpolation.AREA)
            self.last = (frame, np.ascontiguousarray(np.rot90(picture.to_ndarray(), turns)))
        return self.last[1]
