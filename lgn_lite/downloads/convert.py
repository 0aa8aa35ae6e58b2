"""Features as others released them, made into our store: Charades' tree of text files, TALL's windows of TACoS.

Reading takes the time, so other processes do it, one video each; this one writes. Interrupted, or stopped by a
damaged file, the same call resumes where it was.
"""

import csv
import io
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lgn_lite.errors import InputError
from lgn_lite.support.files import is_hidden
from lgn_lite.support.reading import amount, read_json, shown

if TYPE_CHECKING:
    from lgn_lite.features import FeatureStore

WIDTH = 4096  # D, of VGG16's fc7 and of C3D's fc6
FRAME_STEP = 4  # Charades: of 24 frames per second, every fourth has its features
WINDOW = 64  # TACoS: frames that C3D saw at once; TALL's windows of 128, 256 and 512 frames are not needed
STRIDE = WINDOW // 5  # TALL's windows overlap by 0.8
FILE_LIMIT = 2**20  # bytes of a file of 4096 numbers: 256 each
MOST_FRAMES = 10**8  # of a video of TACoS: a month


def convert_charades(
    tree: Path, out: Path, workers: int = 2, progress: bool = True, videos: Collection[str] | None = None
) -> "FeatureStore":
    """Convert the official `Charades_v1_features_rgb` tree, fc7 after ReLU, at 24 / 4 = 6 Hz.

    Args:
        tree: holds VIDEO/VIDEO-000001.txt, -000005.txt, …: 4096 numbers per file.
        out: the HDF5 file to write, (T, 4096) per video.
        workers: processes that read; 0: this one.
        progress: whether to show a bar.
        videos: leaves all others out: Charades-STA has sentences for 6,670 of Charades' 9,848.

    Returns:
        The store in `out`.

    Raises:
        InputError: names the file that is missing, has another name, or does not hold 4096 finite numbers.
    """
    folders = {folder.name: (folder,) for folder in _entries(Path(tree)) if folder.is_dir()}
    if not folders:
        raise InputError(f"{tree}: holds no folders of videos; give the unpacked Charades_v1_features_rgb")
    if videos is not None:
        if absent := sorted(set(videos) - set(folders)):
            raise InputError(f"{tree}: lacks {len(absent)} of the videos, such as {absent[0]!r}; unpack it again")
        folders = {video: folder for video, folder in folders.items() if video in set(videos)}
    attrs = {"encoder": "vgg16-charades", "layer": "fc7", "rate": 24 / FRAME_STEP, "weights": ""}
    return _convert(read_charades_video, folders, out, attrs, workers, progress)


def convert_tacos(
    windows: Path, out: Path, annotations: Sequence[Path], workers: int = 2, progress: bool = True
) -> "FeatureStore":
    """Convert TALL's C3D fc6 of windows of 64 frames, one each 12 frames, for the videos of some annotations.

    Args:
        windows: holds VIDEO_{s}_{s + 64}.npy of (4096,), s = 1, 13, …
        out: the HDF5 file to write, (T, 4096) per video; its rate is fps / 12 Hz, or 0 if videos differ in fps.
        annotations: json files; T follows from a video's `num_frames` in them.
        workers: processes that read; 0: this one.
        progress: whether to show a bar.

    Returns:
        The store in `out`.

    Raises:
        InputError: names the file that is missing or does not hold 4096 finite numbers.
    """
    if not Path(windows).is_dir():
        raise InputError(f"{windows}: no such folder; give the unpacked Interval64_128_256_512_overlap0.8_c3d_fc6")
    counts, rates = {}, set()
    for path in annotations:
        for video, entry in read_json(Path(path)).items():
            where = f"{path}, video {video!r}"
            if not isinstance(entry, dict):
                raise InputError(f"{where}: must be an object with fps and num_frames, not {shown(entry)}; correct it")
            fps, frames = (amount(entry.get(key), f"{where}: {key}") for key in ("fps", "num_frames"))
            if not 0.1 <= fps <= 1000:
                raise InputError(f"{where}: fps is {fps:g}; it must be between 0.1 and 1,000; correct it")
            if frames > MOST_FRAMES:
                raise InputError(f"{where}: num_frames is {frames:g}, over {MOST_FRAMES:,}; correct it")
            count = int(frames - WINDOW) // STRIDE + 1
            if count < 1:
                raise InputError(f"{where}: {frames:.0f} frames hold no window of {WINDOW}; correct it, or remove it")
            if counts.setdefault(video, count) != count:
                raise InputError(f"{where}: has another num_frames in another of the files; correct it")
            rates.add(fps / STRIDE)
    jobs = {video: (Path(windows), video, count) for video, count in counts.items()}
    attrs = {"encoder": "c3d", "layer": "fc6", "rate": rates.pop() if len(rates) == 1 else 0.0, "weights": ""}
    return _convert(read_tacos_video, jobs, out, attrs, workers, progress)


def _convert(
    read: Callable[..., np.ndarray],
    jobs: Mapping[str, tuple],
    out: Path,
    attrs: Mapping[str, Any],
    workers: int,
    progress: bool,
) -> "FeatureStore":
    """Each video read by a process and written to the store; `jobs` holds the arguments of `read` by video."""
    # Imported here: the reading processes import this file too, and start faster without torch.
    from lgn_lite.features import make_features
    from lgn_lite.support.processes import by_processes

    return make_features(out, jobs, lambda todo: by_processes(read, todo, workers), attrs, progress)


def read_charades_video(folder: Path) -> np.ndarray:
    """The text files of one video of Charades, in order of time → float32 (T, 4096)."""
    numbered = {}
    for file in _entries(folder):
        match = re.fullmatch(re.escape(folder.name) + r"-(\d{6})\.txt", file.name)
        if file.is_dir():
            raise InputError(
                f"{file}: is a folder, and is not {folder.name}-NUMBER.txt; the videos' folders seem to lie one deeper "
                f"than {folder.parent}: give the folder above the videos', such as {folder}"
            )
        if not match:
            raise InputError(
                f"{file}: is not {folder.name}-NUMBER.txt; remove it, or give the folder above the videos'"
            )
        numbered[int(match[1])] = file
    if not numbered:
        raise InputError(f"{folder}: holds no features of its video; unpack the archive again")
    for number in range(1, max(numbered), FRAME_STEP):
        if number not in numbered:
            raise InputError(f"{folder}: {folder.name}-{number:06}.txt is missing; unpack the archive again")
    if stray := [file for number, file in sorted(numbered.items()) if number % FRAME_STEP != 1]:
        raise InputError(f"{stray[0]}: files are numbered 1, 5, 9, …; remove it, or unpack the archive again")
    files = [numbered[number] for number in sorted(numbered)]
    texts = []
    for file in files:
        tokens = _read_text(file).split()
        if len(tokens) != WIDTH:
            raise InputError(f"{file}: holds {len(tokens)} numbers instead of {WIDTH}; unpack the archive again")
        texts.append(b" ".join(tokens))
    try:
        rows = _numbers(b" ".join(texts)).reshape(len(files), WIDTH)  # (T, D)
    except ValueError:
        faulty = next((file for file, text in zip(files, texts, strict=True) if not _is_numbers(text)), folder)
        raise InputError(f"{faulty}: holds something other than numbers; unpack the archive again") from None
    return _finite(rows, files)


def _read_text(file: Path) -> bytes:
    """The bytes of one text file, which may be no pipe, and no longer than its numbers can be."""
    if not file.is_file():
        raise InputError(f"{file}: is not a file, but a pipe or a link to nothing; unpack the archive again")
    try:
        with file.open("rb") as opened:
            text = opened.read(FILE_LIMIT + 1)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}; make it readable, or unpack the archive again") from error
    if len(text) > FILE_LIMIT:
        raise InputError(
            f"{file}: is longer than {FILE_LIMIT / 1e6:g} MB, more than {WIDTH} numbers take; unpack the archive again"
        )
    return text


def _numbers(text: bytes) -> np.ndarray:
    """Numbers parted by single blanks → float32 (n,); ValueError for anything else.

    pandas reads them twice as fast as NumPy where each is a line of its own, which here ends with a blank.
    """
    import pandas as pd  # here: whoever converts TACoS need not wait for it

    column = pd.read_csv(
        io.BytesIO(text), header=None, lineterminator=" ", dtype=np.float32, na_filter=False, quoting=csv.QUOTE_NONE
    )
    return column.to_numpy().ravel()


def _is_numbers(text: bytes) -> bool:
    try:
        _numbers(text)
    except ValueError:
        return False
    return True


def read_tacos_video(windows: Path, video: str, count: int) -> np.ndarray:
    """The `count` windows of one video of TACoS, in order of time → float32 (T, 4096)."""
    starts = range(1, count * STRIDE, STRIDE)
    files = [windows / f"{video}_{start}_{start + WINDOW}.npy" for start in starts]
    return _finite(np.stack([_vector(file) for file in files]), files)


def _vector(path: Path) -> np.ndarray:
    """One npy file → float32 (4096,); nothing pickled is ever loaded."""
    if not path.exists():
        if deeper := [folder for folder in _entries(path.parent) if (folder / path.name).exists()]:
            raise InputError(f"{path}: is missing, but lies one folder deeper; give {deeper[0]}")
        raise InputError(f"{path}: is missing, but num_frames asks for it; unpack the archive again")
    if not path.is_file():
        raise InputError(f"{path}: is not a file, but a folder or a pipe; unpack the archive again")
    if (size := path.stat().st_size) > FILE_LIMIT:
        raise InputError(f"{path}: {size / 1e6:.1f} MB, more than {WIDTH} numbers take; unpack the archive again")
    try:
        with path.open("rb") as file:
            vector = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, MemoryError) as error:
        raise InputError(f"{path}: cannot be read as an npy file ({error}); unpack the archive again") from error
    if vector.shape != (WIDTH,) or vector.dtype.kind != "f":
        what = f"{vector.dtype} of shape {vector.shape} instead of {WIDTH} floating-point numbers"
        raise InputError(f"{path}: holds {what}; unpack the archive again")
    return vector.astype(np.float32)


def _entries(folder: Path) -> list[Path]:
    """What a folder holds, by name, without hidden files, which systems leave everywhere."""
    try:
        return sorted(entry for entry in folder.iterdir() if not is_hidden(entry))
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}; give the folder of the unpacked archive") from error


def _finite(rows: np.ndarray, files: Sequence[Path]) -> np.ndarray:
    """The rows, each from its file; InputError, naming the first file, if one holds NaN or infinity."""
    faulty = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(faulty):
        raise InputError(f"{files[faulty[0]]}: holds NaN or an infinite number; unpack the archive again")
    return rows
