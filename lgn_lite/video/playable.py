"""A copy of a video that browsers play."""

import hashlib
import math
import os
from pathlib import Path
from time import time as now

from lgn_lite.errors import InputError
from lgn_lite.support.bars import bar
from lgn_lite.video.containers import opened, pictures_of
from lgn_lite.video.frames import _probed, iter_frames, write_video
from lgn_lite.video.pictures import Pictures, count

BITS_A_PIXEL = 0.05  # that a copy for browsers has at the least


KEPT_DAYS = 30  # copies for browsers that nobody requested for this long are deleted


def playable(path: str | Path, limit: int = 64_000_000, folder: Path | None = None) -> tuple[bytes, str]:
    """A video's bytes and MIME type, such as "video/mp4", for a browser to play.

    They are the file's own where browsers know its container and codec (MP4 or MOV with H.264, WebM), show all of
    it, and it has at most `limit` bytes. Else they are those of a smaller H.264 copy without sound, at most 480 pixels
    high and 12 frames per second, in which each moment has the time in seconds that `iter_frames` gives it.
    Copies are made with progress shown, and cached for a while in ~/.cache/lgn_lite (XDG_CACHE_HOME moves it), or in
    another folder if one is given.
    Raises InputError, naming the file, where it is no readable video or cut off, as `iter_frames` does, and
    where no copy can be written.
    """
    path = Path(path)
    mime = _browser_type(path)
    if mime and path.stat().st_size <= limit:
        return path.read_bytes(), mime
    folder = folder or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lgn_lite" / "videos"
    about = path.stat()
    key = f"2\0{path.resolve()}\0{about.st_size}\0{about.st_mtime_ns}\0{limit}"  # 2: of how copies are made
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
    with opened(path) as (container, stream):
        codec = stream.codec_context.codec.canonical_name
        pixels = stream.codec_context.pix_fmt
        mime = None
        if "mp4" in container.format.name.split(",") and codec == "h264" and pixels in ("yuv420p", "yuvj420p"):
            mime = "video/mp4"
        elif codec in ("vp8", "vp9", "av1") and pixels == "yuv420p":
            with path.open("rb") as file:  # FFmpeg calls both by one name; browsers take only WebM's
                mime = "video/webm" if b"webm" in file.read(64) else None
        if mime is None or stream.index != pictures_of(container)[0].index:  # browsers take the first
            return None
        pictures = Pictures(path, container, stream)
        pictures.scan()  # without decoding: fast, and it finds what is cut off, which a browser would play in silence
        if not pictures.regular:  # a browser has its own ways with a clock that jumps
            return None
        pictures.finish()
        return None if pictures.past else mime  # browsers stop at the stated end


def _write_copy(path: Path, copy: Path, limit: int) -> None:
    """Write the smaller copy of `playable`."""
    info = _probed(path, warn=False)  # reading the frames warns
    rate = min(12, max(1, math.ceil(info.fps or 12)))
    # A tenth less than what fits: the container, and a codec that keeps to its limit only on average.
    bits = min(50_000_000, int(0.9 * 8 * limit / max(info.duration, 1)))
    # With few bits a pixel the picture falls to blocks: an hour of video is better seen small.
    pixels = bits / (rate * BITS_A_PIXEL)
    scale = min(1.0, 480 / info.height, math.sqrt(pixels / (info.height * info.width)))
    size = tuple(max(2, 2 * round(side * scale / 2)) for side in (info.height, info.width))
    frames = bar(iter_frames(path, rate, size, threads=0), path.name, count(info.duration, rate), leave=False)
    write_video(copy, (frame for _, frame in frames), rate, bits)
