"""Features as most release them today, made into our store: a folder per network, and in it an npz file per video.

Moment-DETR, and whoever builds on it, puts CLIP's and SlowFast's rows side by side, each scaled to length 1. All
headers are read first, which says how wide most files are and what will be cut. Then other processes read the numbers,
one video each, and this one writes. Interrupted, the same call resumes where it was.
"""

import math
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lgn_lite.errors import InputError
from lgn_lite.support.bars import bar
from lgn_lite.support.error_lines import one_line
from lgn_lite.support.files import is_hidden
from lgn_lite.support.processes import by_processes
from lgn_lite.support.reading import finite_number, shown

if TYPE_CHECKING:
    from lgn_lite.features import FeatureStore

KEY = "features"  # of the array in a file
MOST_BYTES = 4e9  # of a file's numbers as float32, as in `FeatureStore`
NOT_ROUNDING = 0.1  # of a video's rows: folders of one pace differ by less


class Table(NamedTuple):
    """What the header of an npz file says: the key of its array (L, D), and the sizes."""

    key: str
    rows: int
    width: int


class Fault(NamedTuple):
    """A file that cannot be used, and why."""

    path: Path
    what: str


def convert_npz(
    folders: Sequence[str | Path],
    out: str | Path,
    seconds: float = 2.0,
    normalise: bool = True,
    workers: int = 2,
    progress: bool = True,
) -> "FeatureStore":
    """Join folders of VIDEO.npz files, which hold an array `features` (L, D), into one store.

    Rows of all folders side by side, in the order of the folders, up to the last row that each of them has. Names of
    videos meet as in a store, with or without a suffix such as .mp4; the first folder's are kept. Warnings report what
    is cut, and which videos are left out because a folder lacks them. Damaged files are left out too, and are an error
    once all others are converted; repaired, the same call adds them.

    Args:
        folders: one or more, of the same videos.
        out: the HDF5 file to write, (T, sum of all D) per video.
        seconds: from one row to the next; the store's rate is 1 / seconds Hz.
        normalise: scale each row to length 1, in each folder by itself; rows of zeros stay.
        workers: processes that read; 0: this one.
        progress: whether to show bars.

    Returns:
        The store in `out`.

    Raises:
        InputError: for a folder without npz files, or folders without a common video; for files that are damaged, hold
            no table of finite numbers, or are not as wide as most of their folder: it counts their videos, and names
            the first ten.
    """
    # Imported here: the reading processes import this file too, and start faster without torch.
    from lgn_lite.features import make_features

    rate = 1 / finite_number(seconds, "seconds per row", least=0.001, most=3600)
    folders = [Path(folder) for folder in folders]
    videos = _videos(folders)
    jobs, faults = _survey(videos, folders, normalise, workers, progress)

    def readable(todo: Mapping[str, tuple]) -> Iterator[tuple[str, np.ndarray]]:
        for video, found in by_processes(read_joined, todo, workers):
            if isinstance(found, Fault):
                faults[video] = found
            else:
                yield video, found
        if len(faults) == len(videos):
            raise _faults_error(out, faults, len(videos))

    names = "+".join(map(_name, folders))
    attrs = {"encoder": names, "layer": "scaled to length 1" if normalise else "as released", "rate": rate}
    store = make_features(out, jobs, readable, {**attrs, "weights": ""}, progress, grow=True)
    held = set(store)
    if faults := {video: fault for video, fault in faults.items() if video not in held}:
        raise _faults_error(out, faults, len(videos), len(store))
    return store


def read_joined(tables: Sequence[Table], paths: Sequence[Path], normalise: bool) -> np.ndarray | Fault:
    """The rows of one video's files side by side, float32 (T, sum of D), or the first file that is damaged."""
    parts = []
    for table, path in zip(tables, paths, strict=True):
        rows = _read(path, lambda archive, key=table.key: _numbers(archive, key))
        if isinstance(rows, Fault):
            return rows
        if normalise:
            rows = rows.astype(np.float64)  # squares of float32 may be too large or too small for float32
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
            rows = np.divide(rows, lengths, out=rows, where=lengths > 0)
        parts.append(rows.astype(np.float32))
    count = min(map(len, parts))
    return np.hstack([rows[:count] for rows in parts])


def read_tables(*paths: Path) -> list[Table | Fault]:
    """What the headers of one video's files say; no numbers are read."""
    return [_read(path, _table) for path in paths]


def _read(path: Path, look: Callable[[zipfile.ZipFile], Any]) -> Any:
    """What `look` finds in an npz file, or what is wrong with the file."""
    if not path.is_file():
        return Fault(path, "not a file, but a folder, a pipe or a link to nothing")
    try:
        with zipfile.ZipFile(path) as archive:
            return look(archive)
    except _Unfit as error:
        return Fault(path, str(error))
    except zipfile.BadZipFile as error:
        return Fault(path, f"damaged, or not an npz file ({one_line(str(error))})")
    except OSError as error:
        return Fault(path, error.strerror or one_line(str(error)))
    except Exception as error:  # zipfile, its decompressors and NumPy have many words for one thing
        return Fault(path, f"damaged ({one_line(str(error)) or type(error).__name__})")


class _Unfit(Exception):
    """Why a file is of no use."""


def _table(archive: zipfile.ZipFile) -> Table:
    keys = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    if KEY not in keys and len(keys) != 1:
        held = f"{', '.join(map(shown, keys[:5]))}{', …' * (len(keys) > 5)}" if keys else "nothing"
        raise _Unfit(f"holds {held}, and not {KEY!r}")
    key = KEY if KEY in keys else keys[0]
    with archive.open(f"{key}.npy") as file:
        shape, dtype = _array_header(file)
        size = archive.getinfo(f"{key}.npy").file_size - file.tell()
    if dtype.hasobject:
        raise _Unfit("holds Python objects, which are never loaded, instead of numbers")
    if dtype.kind not in "fiu":
        raise _Unfit(f"holds {dtype}, not numbers")
    if len(shape) != 2 or 0 in shape:
        raise _Unfit(f"an array of shape {shape} instead of (rows, width)")
    if 4 * math.prod(shape) > MOST_BYTES:
        raise _Unfit(f"an array of shape {shape} takes {4e-9 * math.prod(shape):.1f} GB, over {MOST_BYTES / 1e9:g} GB")
    if size != math.prod(shape) * dtype.itemsize:
        raise _Unfit(f"damaged ({size:,} bytes for an array of shape {shape}, {dtype})")
    return Table(key, *shape)


def _array_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _by_columns, dtype = read(file)
    return shape, dtype


def _numbers(archive: zipfile.ZipFile, key: str) -> np.ndarray:
    """The array as float32 (L, D)."""
    with archive.open(f"{key}.npy") as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        file.read()  # to the end, where zip compares the checksum
    with np.errstate(over="ignore"):
        rows = array.astype(np.float32)
    if len(wrong := np.flatnonzero(~np.isfinite(rows).all(axis=1))):
        raise _Unfit(f"NaN or infinite numbers, first in row {wrong[0]}")
    return rows


def _videos(folders: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    """The files of each video that all folders have, a file for each folder; reports the other videos."""
    from lgn_lite.features import EITHER, listed

    if not folders:
        raise InputError("no folders of npz files: give one or more")
    if len(set(folders)) < len(folders):
        raise InputError(f"{' and '.join(map(str, folders))}: a folder is given twice; give each once")
    files = [_files(folder) for folder in folders]
    keys = dict.fromkeys(key for found in files for key in found)
    names = {key: next(found[key].stem for found in files if key in found) for key in keys}
    videos = {names[key]: tuple(found[key] for found in files) for key in keys if all(key in found for found in files)}
    if not videos:
        examples = " and ".join(str(next(iter(found.values()))) for found in files)
        raise InputError(f"no video is in all of the folders, {EITHER}: {examples}; give folders of the same videos")
    absent = {}
    for key in keys:
        if lacking := [str(folder) for folder, found in zip(folders, files, strict=True) if key not in found]:
            absent[names[key]] = f"not in {' and '.join(lacking)}"
    if absent:
        _note(f"{len(absent)} of {len(keys)} videos are left out, because a folder lacks them: {listed(absent)}")
    return videos


def _files(folder: Path) -> dict[str, Path]:
    """The npz files of a folder by what names of videos meet by, in the order of their names."""
    from lgn_lite.features import without_suffix

    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".npz" and not is_hidden(path))
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}; give a folder of npz files, one per video") from error
    if not paths:
        deeper = next(folder.glob("*/*.npz"), None)
        hint = f"give {deeper.parent}" if deeper else "give a folder of npz files, one per video"
        raise InputError(f"{folder}: holds no npz files; {hint}")
    files: dict[str, Path] = {}
    for path in paths:
        if (other := files.setdefault(without_suffix(path.stem), path)) is not path:
            raise InputError(f"{folder}: {other.name} and {path.name} mean the same video; rename or remove one")
    return files


def _survey(
    videos: Mapping[str, tuple[Path, ...]], folders: Sequence[Path], normalise: bool, workers: int, progress: bool
) -> tuple[dict[str, tuple], dict[str, Fault]]:
    """The arguments of `read_joined`, and the first unfit file, by video; reports keys and cuts."""
    with closing(by_processes(read_tables, videos, workers)) as found:  # whatever goes wrong, its processes end
        surveyed = dict(bar(found, "headers", len(videos), unit="video", progress=progress))
    usual = []  # how wide most files of each folder are
    for parts in zip(*surveyed.values(), strict=True):
        widths = Counter(part.width for part in parts if isinstance(part, Table))
        usual.append(widths.most_common(1)[0][0] if widths else 0)
    jobs, faults = {}, {}
    for video, parts in surveyed.items():
        for path, part, width in zip(videos[video], parts, usual, strict=True):
            if isinstance(part, Fault):
                faults.setdefault(video, part)
            elif part.width != width:
                faults.setdefault(video, Fault(path, f"rows of {part.width} numbers, most of its folder have {width}"))
        if video not in faults:
            jobs[video] = (parts, videos[video], normalise)
    _report_keys(jobs)
    _report_cuts({video: [table.rows for table in tables] for video, (tables, *_) in jobs.items()}, folders)
    return jobs, faults


def _report_keys(jobs: Mapping[str, tuple]) -> None:
    others = {
        path: table.key
        for tables, paths, _ in jobs.values()
        for table, path in zip(tables, paths, strict=True)
        if table.key != KEY
    }
    if others:
        path, key = next(iter(others.items()))
        _note(f"{len(others)} files hold no {KEY!r}; their one array is taken, such as {shown(key)} of {path}")


def _report_cuts(rows: Mapping[str, Sequence[int]], folders: Sequence[Path]) -> None:
    def shown_rows(video: str) -> str:
        return f"{video!r} ({', '.join(f'{_name(f)} {n} rows' for f, n in zip(folders, rows[video], strict=True))})"

    cut = [video for video, counts in rows.items() if min(counts) < max(counts)]
    far = [video for video in cut if min(rows[video]) < max(rows[video]) * (1 - NOT_ROUNDING) - 1]
    if cut:
        _note(f"{len(cut)} of {len(rows)} videos are cut to the shortest of their files, first {shown_rows(cut[0])}")
    if far:
        _note(
            f"{len(far)} of these lose more than a tenth, such as {shown_rows(far[0])}: "
            "make sure that all folders have the same seconds per row"
        )


def _faults_error(out: str | Path, faults: Mapping[str, Fault], count: int, held: int = 0) -> InputError:
    from lgn_lite.features import listed

    files = f"{listed({str(fault.path): fault.what for fault in faults.values()})}; fetch these files again"
    if not held:
        return InputError(f"{out}: none of the {count} videos can be read: {files}")
    return InputError(
        f"{out}: holds {held} videos, but not the {len(faults)} whose files cannot be used: {files}, and the same "
        "command adds them"
    )


def _name(folder: Path) -> str:
    return folder.resolve().name


def _note(text: str) -> None:
    warnings.warn(text, stacklevel=4)
