"""Video files as containers: opening them, their best picture stream, and how long they say that it is."""

import io
import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import av
import av.error
from av.format import Flags as FormatFlags
from av.stream import Disposition

from lgn_lite.errors import InputError

MAX_PIXELS = 2**27  # of one picture, four times 8K: above, a few bytes could ask for gigabytes
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<MPD")  # files that make FFmpeg open others, pipes among them
_FLV_HEADER = 13  # bytes: "FLV", version, flags, its own length; and the empty tag before the first
_FLV_KINDS = (8, 9, 18)  # sound, picture, script


@contextmanager
def opened(path: str | Path, threads: int = 1) -> Iterator[tuple[av.container.InputContainer, av.video.VideoStream]]:
    """Open a file and its best picture stream. Raises InputError, naming the file, if there is none."""
    _check_kind(path)
    joined = None
    try:
        joined = _joined_flv(path)
        # "file:", so that a colon in the name starts no protocol
        source = {"file": joined, "format": "flv"} if joined else {"file": f"file:{path}"}
        container = av.open(**source, metadata_errors="replace")  # a title may be in any encoding
    except (av.error.FFmpegError, OSError) as error:
        reason = error.strerror or type(error).__name__
        hint = "check the path" if isinstance(error, OSError) else "not a video, or cut off: copy it again"
        raise InputError(f"{path}: cannot be opened ({reason}); {hint}") from error
    with container, joined or nullcontext():
        streams = pictures_of(container)
        if container.format.name == "tty":  # FFmpeg draws any text file as a terminal would
            raise InputError(f"{path}: is a text file, not a video")
        if not streams:
            kinds = ", ".join({s.type for s in container.streams if s.type != "video"})
            what = f"only {kinds}; give a file with a picture" if kinds else "nothing; it may be cut off"
            raise InputError(f"{path}: holds no video stream, {what}")
        stream = max(streams, key=_rank)  # ties go to the first
        context = stream.codec_context
        if context is None or not _area(stream):
            raise InputError(f"{path}: its picture has a codec that FFmpeg does not know, or no size; convert it")
        if _area(stream) > MAX_PIXELS:
            size = f"{context.width} × {context.height} pixels"
            raise InputError(f"{path}: pictures of {size}, more than {MAX_PIXELS:,} in all; make them smaller")
        context.options = {"max_pixels": str(MAX_PIXELS)}
        stream.thread_count = threads
        if threads != 1:
            stream.thread_type = "AUTO"
        yield container, stream


def pictures_of(container) -> list[av.video.VideoStream]:
    """The picture streams that are no cover images."""
    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def _check_kind(path: str | Path) -> None:
    """InputError for what is no file, and would hang (a pipe) or never end (a device), and for playlists."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116, as Path.stat would not take what `av.open` takes
    except (OSError, ValueError):
        return  # av.open says why
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: is a folder; give a video file")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: is a pipe or a device, not a file; save the video to a file first")
    try:
        with Path(path).open("rb") as file:
            head = file.read(4096)
    except OSError:
        return
    head = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(_PLAYLISTS) or (head.startswith(b"<?xml") and b"<MPD" in head):
        raise InputError(f"{path}: is a playlist that names other files; give the video itself")


def _area(stream) -> int:
    context = stream.codec_context
    return (context.width or 0) * (context.height or 0) if context else 0


def _rank(stream) -> tuple[bool, int, bool]:
    """Of several picture streams the best: one that moves, of the most pixels, and marked as the default.

    FFmpeg's own order in full, `streams.best`, takes a preview that comes first where no bit rates are stated.
    """
    moves = stream.frames != 1 and not stream.disposition & (Disposition.still_image | Disposition.timed_thumbnails)
    return bool(moves), _area(stream), bool(stream.disposition & Disposition.default)


def stated_end(container, stream) -> tuple[float | None, bool]:
    """The end in seconds from the file's first time stamp, as the file states it; whether the picture's own."""
    start = (container.start_time or 0) / av.time_base
    kinds = container.format.name.split(",")
    tag = next((value for key, value in stream.metadata.items() if key.split("-")[0] == "DURATION"), "")
    if parts := re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d*)?)", tag):  # Matroska: this stream's end, not its length
        hours, minutes, seconds = parts.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds) - start, True
    if (FormatFlags.ts_discont.value | FormatFlags.no_timestamps.value) & container.format.flags:
        return None, True  # nothing is stated: FFmpeg guesses, by the last time stamps or the bit rate
    if stream.duration:
        end = float((stream.duration + (stream.start_time or 0)) * stream.time_base) - start
        return end, "mov" in kinds or "avi" in kinds  # elsewhere it may be the file's
    if container.duration:
        end = container.duration / av.time_base
        if "matroska" in kinds or "flv" in kinds:  # they count from zero, not from the first time stamp
            end -= start
        return (end if end > 0 else None), False
    return None, False


def videos_in(path: str | Path, container) -> int:
    """How many videos an MP4 holds that were joined by plain copying: only the first is played, by anyone."""
    if "mp4" not in container.format.name.split(","):
        return 1
    videos, at = 0, 0
    with Path(path).open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        while at + 8 <= size:
            file.seek(at)
            length, name, long = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
            videos += name == b"moov"
            length = long if length == 1 else length
            if length < 8:  # to the end of the file, or damaged
                break
            at += length
    return max(1, videos)


def _joined_flv(path: str | Path) -> "_Pieces | None":
    """FLV files joined by plain copying, without all headers but the first, where FFmpeg stops; else None."""
    with Path(path).open("rb") as file:
        pieces = _flv_pieces(file)
    return _Pieces(path, pieces) if len(pieces) > 1 else None


def _flv_pieces(file) -> list[tuple[int, int]]:
    """Where the content that belongs together begins and ends; one piece if there is no second header."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if file.read(4) != b"FLV\x01":
        return [(0, size)]
    pieces, begin, at = [], 0, _FLV_HEADER
    while at + 11 <= size:
        file.seek(at)
        head = file.read(11)
        if head[:4] == b"FLV\x01":
            pieces.append((begin, at))
            at += _FLV_HEADER
            begin = at
        elif head[0] & 0x1F in _FLV_KINDS:
            at += 11 + struct.unpack(">I", b"\0" + head[1:4])[0] + 4
        else:
            break  # damaged here: FFmpeg knows better how to continue
    return [*pieces, (begin, size)]


class _Pieces(io.RawIOBase):
    """Pieces of a file, one after the other, as one file."""

    def __init__(self, path: str | Path, pieces: list[tuple[int, int]]):
        self._file = Path(path).open("rb")  # noqa: SIM115 (closed by `close`)
        self._pieces, self._at = pieces, 0
        self._size = sum(end - begin for begin, end in pieces)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes of one piece."""
        at = self._at
        for begin, end in self._pieces:
            if at < end - begin:
                self._file.seek(begin + at)
                left = end - begin - at
                got = self._file.read(left if size < 0 else min(size, left))
                self._at += len(got)
                return got
            at -= end - begin
        return b""

    def close(self) -> None:
        self._file.close()
        super().close()
