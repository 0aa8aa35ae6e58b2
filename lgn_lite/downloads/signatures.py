"""Whether a file can be what its name says: a login page saved as a zip is found out before it gets that name."""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from lgn_lite.errors import InputError
from lgn_lite.support.error_lines import one_line
from lgn_lite.support.reading import parse_json

READ_WHOLE = 100_000_000  # bytes: files up to this size are read to their end, larger ones only at their beginning
PAGE = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|title|error)\b", re.I | re.S
)


def strange(path: Path, name: str = "") -> str:
    """Why a file cannot be what its name says (`name`: the one it is to get), in words; "" if it can.

    A web page, and a file that holds nothing, are what no name promises; of an archive the checksums within are read,
    of HDF5, json, weights, arrays and videos the beginning.
    """
    name = (name or path.name).lower()
    if problem := page_or_nothing(path, name):
        return problem
    with path.open("rb") as file:
        start = file.read(4096)
    for endings, problem in CHECKS.items():
        if name.endswith(endings):
            return problem(path, start)
    return ""


def page_or_nothing(path: Path, name: str = "") -> str:
    """Whether a file is empty or a web page, in words; "" if it is neither."""
    with path.open("rb") as file:
        start = file.read(4096)
    if not start:
        return "holds nothing"
    if PAGE.match(start) and not (name or path.name).lower().endswith((".html", ".htm", ".xml", ".svg")):
        return "is a web page: maybe a login, or an error"
    return ""


def _zip(path: Path, _start: bytes) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            small = sum(info.file_size for info in archive.infolist()) <= READ_WHOLE
            wrong = archive.testzip() if small else None
            return f"is damaged: {wrong}" if wrong else "" if archive.infolist() else "is a zip of nothing"
    except Exception as error:  # zipfile has many words for one thing: zlib's, struct's, NotImplementedError
        return f"is damaged, or not a zip ({one_line(str(error))})"


def _tar(path: Path, _start: bytes) -> str:
    try:
        with tarfile.open(path) as archive:
            first, read = archive.next(), 0
            if path.stat().st_size <= READ_WHOLE:
                while read <= READ_WHOLE and (block := archive.fileobj.read(1 << 20)):
                    read += len(block)  # to the very end, where gzip's checksum is
            return "" if first else "is a tar of nothing"
    except Exception as error:
        return f"is damaged, or not a tar ({one_line(str(error))})"


def _json(path: Path, start: bytes) -> str:
    if path.stat().st_size > READ_WHOLE:
        return "" if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") else "is not json"
    try:
        parse_json(path.read_text(encoding="utf-8-sig"), "")
    except (UnicodeDecodeError, InputError) as error:
        return f"is not json ({one_line(str(error).lstrip(': '))})"
    return ""


def _jsonl(path: Path, start: bytes) -> str:
    if path.stat().st_size > READ_WHOLE:
        return "" if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" else "is not a json object per line"
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
            if line.strip() and not isinstance(parse_json(line, f"line {number}"), dict):
                return f"is not a json object per line (line {number} is none)"
    except (UnicodeDecodeError, InputError) as error:
        return f"is not a json object per line ({one_line(str(error))})"
    return ""


def _begins(what: str, *beginnings: bytes) -> Callable[[Path, bytes], str]:
    return lambda _path, start: "" if start.startswith(beginnings) else f"is not a {what}"


def _hdf5(path: Path, _start: bytes) -> str:
    import h5py

    return "" if h5py.is_hdf5(path) else "is not an HDF5 file"


def _text(_path: Path, start: bytes) -> str:
    return "is not text" if b"\0" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff")) else ""


def _mp4(_path: Path, start: bytes) -> str:
    return "" if start[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide") else "is not an MP4"


CHECKS: dict[tuple[str, ...], Callable[[Path, bytes], str]] = {
    (".pth", ".pt", ".pth.tar", ".ckpt"): _begins("file of PyTorch weights", b"PK\3\4", b"\x80"),
    (".zip", ".npz"): _zip,
    (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"): _tar,
    (".hdf5", ".h5"): _hdf5,
    (".npy",): _begins("NumPy array", b"\x93NUMPY"),
    (".json",): _json,
    (".jsonl",): _jsonl,
    (".txt", ".csv"): _text,
    (".mp4", ".mov"): _mp4,
}
