"""Video features: made and written to an HDF5 store by video, interruptible; averaged to a fixed length."""

import math
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lgn_lite.errors import InputError
from lgn_lite.support.bars import bar
from lgn_lite.support.error_lines import os_error_line
from lgn_lite.support.files import partial_path
from lgn_lite.support.hdf5 import H5_ERRORS, Unfit, contents, open_file, open_table, reason
from lgn_lite.support.partial_store import (
    START_OVER,
    UNFINISHED,
    PartialStore,
    check_attrs,
    hold_store,
    open_partial,
)
from lgn_lite.support.reading import shown

MOST_CLIPS = 1_000_000  # that features are averaged into: the published models have 256
VIDEO_SUFFIXES = {
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm",
    ".wmv",
}  # fmt: skip
ABSENT = "no features"
EITHER = "with or without a suffix such as .mp4"  # how names meet, as messages put it; `FeatureStore._names` does it
SHOWN = 10  # faulty videos that a message names


def to_fixed_length(features: Tensor, num_clips: int) -> Tensor:
    """Average features (T, D) into `num_clips` equal spans of time → (num_clips, D), exactly as 2D-TAN does.

    Span i of n holds rows round(i T / n) to before round((i+1) T / n), or one row if that range is empty.
    The last row counts only if it is the only one. Raises InputError for another shape, and if there are no rows.
    """
    if not isinstance(features, Tensor) or features.ndim != 2:
        found = f"shape {tuple(features.shape)}" if isinstance(features, Tensor) else f"type {type(features).__name__}"
        raise InputError(f"features of {found}: give a tensor (T, D), a row for each frame")
    T, _D = features.shape  # frames, channels
    if T < 1 or not 1 <= num_clips <= MOST_CLIPS:
        raise InputError(
            f"cannot average {T} rows of features into {shown(num_clips)} clips; give one or more of each, and at most "
            f"{MOST_CLIPS:,} clips"
        )
    # float32 as in 2D-TAN: another precision rounds some boundaries the other way
    boundary = torch.arange(num_clips + 1, dtype=torch.float32, device=features.device) / num_clips * T
    boundary = boundary.round().long().clamp(max=T - 1)  # (num_clips + 1,) row at which each span starts
    first, last = boundary[:-1], torch.maximum(boundary[1:], boundary[:-1] + 1)
    # sums of rows before each row; double, so that their differences keep float32's precision
    sums = torch.cat([features.new_zeros(1, features.shape[1]), features]).double().cumsum(0)  # (T + 1, D)
    return ((sums[last] - sums[first]) / (last - first)[:, None]).to(features.dtype)


def prepare_features(features: np.ndarray, num_frames: int, frame_norm: str = "none") -> Tensor:
    """(T₀, D) stored features → (num_frames, D): the one preparation for training and for prediction."""
    x = torch.from_numpy(np.asarray(features, dtype=np.float32))
    return to_fixed_length(F.normalize(x, dim=1) if frame_norm == "l2" else x, num_frames)


class FeatureStore(Mapping):
    """Read-only features by video: `store[video]` is float32 (T, D), one row each 1/rate seconds.

    Reads f[video] (T, D) and ActivityNet's f[video]["c3d_features"]; what else the file holds is let be. A video is
    found under its exact name, else under the one name that differs by a video's suffix alone: "s13-d21.avi" under
    "s13-d21". `attrs` holds what `write_features` noted: encoder, layer, rate (Hz), weights; for files of others it
    is empty. Each process opens the file on its first access, so that a store may be handed to DataLoader workers;
    h5py opens it next to one with `locking=False` alone. Raises InputError, naming file and video, for a video that is
    missing or has two such names, and for features that are unreadable, no numbers, empty, in another file, never
    written, over `max_bytes` as float32, not finite, or not `dim` wide (without `dim`: as wide as most).
    """

    def __init__(self, path: str | Path, dim: int | None = None, max_bytes: float = 4e9):
        self.path, self.max_bytes = Path(path), max_bytes
        self._file, self._process = None, None
        if not self.path.is_file():
            if partial_path(self.path).exists():
                raise InputError(f"{self.path}: is unfinished; run again the command that makes it")
            other = " as a file, but as something else" if self.path.exists() else ""
            raise InputError(f"{self.path}: does not exist{other}; extract or fetch the features first")
        self.attrs, names = self._contents()
        self._videos = dict.fromkeys(names)
        if not names:
            raise InputError(f"{self.path}: holds no videos; extract or fetch the features again")
        self._alike: dict[str, list[str]] = defaultdict(list)  # names by the name without suffix
        for name in self._videos:
            self._alike[without_suffix(name)].append(name)
        self._fit: dict[str, int] = {}  # widths of videos found to be fit
        self._told_dim = dim is not None
        self.dim = dim or self._common_width()

    def __getitem__(self, video: str) -> np.ndarray:
        try:
            table = open_table(self._open(), self._name(video), self.max_bytes)
        except Unfit as error:
            raise self._error(video, str(error)) from error
        if table.shape[1] != self.dim:
            raise self._error(video, f"features {table.shape[1]} wide instead of {self.dim}")
        try:
            features = table.astype(np.float32)[:]
        except H5_ERRORS as error:  # a damaged block shows only when it is read
            raise self._error(video, f"unreadable ({reason(error)})") from error
        if not np.isfinite(features).all():
            row = np.flatnonzero(~np.isfinite(features).all(1))[0]
            raise self._error(video, f"NaN or infinite features, first in row {row}")
        return features

    def __contains__(self, video: object) -> bool:
        return isinstance(video, str) and bool(self._names(video)) and bool(self._name(video))

    def __iter__(self) -> Iterator[str]:
        return iter(self._videos)

    def __len__(self) -> int:
        return len(self._videos)

    def close(self) -> None:
        """Close the file; the next access opens it again."""
        if self._process == os.getpid():
            self._file.close()
        self._file, self._process = None, None

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_file": None, "_process": None}  # an open file does not travel to a worker

    def check(self, videos: Iterable[str], dim: int | None = None) -> None:
        """Raise one InputError that counts the faulty ones of these videos and names the first ten.

        As `faults` finds them, which is all but damaged blocks and numbers that are not finite.
        """
        videos = list(dict.fromkeys(videos))
        if faults := self.faults(videos, dim):
            raise faults_error(self, faults, len(videos))

    def faults(self, videos: Iterable[str], dim: int | None = None) -> dict[str, str]:
        """What is wrong with the features of these videos, {video: what}; no numbers are read.

        Without a `dim` of the store's own, the width that counts is `dim` if any of the videos has it, else that of
        most; afterwards it is the store's.
        """
        faults, widths, takers = {}, {}, {}
        for video in dict.fromkeys(videos):
            names = self._names(video)
            if len(names) != 1:
                faults[video] = f"may be {' or '.join(map(repr, names))}" if names else ABSENT
            elif (other := takers.setdefault(names[0], video)) != video:
                faults[video] = f"{names[0]!r} may be this video's or {other!r}'s"
            else:
                try:
                    if names[0] not in self._fit:
                        self._fit[names[0]] = open_table(self._open(), names[0], self.max_bytes).shape[1]
                    widths[video] = self._fit[names[0]]
                except Unfit as error:
                    faults[video] = str(error)
        if widths and not self._told_dim:
            self.dim = dim if dim in widths.values() else Counter(widths.values()).most_common(1)[0][0]
        for video, width in widths.items():
            if width != self.dim:
                faults[video] = f"features {width} wide instead of {self.dim}"
        return faults

    def _names(self, video: str) -> list[str]:
        """The names in the file that a video's may mean: the one rule for names that should meet."""
        return [video] if video in self._videos else self._alike.get(without_suffix(video), [])

    def _name(self, video: str) -> str:
        """The one name in the file that a video's means."""
        names = self._names(video)
        if len(names) > 1:
            raise InputError(f"{self.path}: video {video!r} may be {' or '.join(map(repr, names))}; use its exact name")
        if not names:
            raise InputError(
                f"{self.path}: no features of video {video!r}, {EITHER} (the file's names are like "
                f"{next(iter(self))!r}); extract them, or check its name"
            )
        return names[0]

    def _open(self) -> h5py.File:
        if self._process != os.getpid():  # first access, or the first after a fork
            try:
                self._file = open_file(self.path, "r", lock=False)
            except OSError as error:
                raise InputError(os_error_line(error)) from error
            self._process = os.getpid()
        return self._file

    def _contents(self) -> tuple[dict[str, Any], list[str]]:
        try:
            return contents(self.path, self._open())
        except OSError as error:
            raise InputError(os_error_line(error)) from error

    def _common_width(self) -> int:
        """How wide most of the first tables are: one of them may be a note."""
        widths, first = [], None
        for name in self._videos:
            try:
                widths.append(open_table(self._open(), name, self.max_bytes).shape[1])
            except Unfit as error:
                first = first or self._error(name, str(error))
            if len(widths) == 9:
                break
        if not widths:
            raise first
        return Counter(widths).most_common(1)[0][0]

    def _error(self, video: str, what: str) -> InputError:
        return InputError(f"{self.path}: video {video!r}: {what}; extract or fetch it again")


def without_suffix(video: str) -> str:
    """A video's name without the suffix of a video file; letters with accents as one character each, as most write."""
    stem, _, suffix = video.rpartition(".")
    return unicodedata.normalize("NFC", stem if stem and f".{suffix.lower()}" in VIDEO_SUFFIXES else video)


def faults_error(features: FeatureStore, faults: Mapping[str, str], count: int) -> InputError:
    """The error for the faulty ones, {video: what}, of this many videos: counts them, and names the first ten."""
    names = ""
    if ABSENT in faults.values():
        names = f" (each is looked up {EITHER}; the file's names are like {next(iter(features), '')!r})"
    return InputError(
        f"{features.path}: {len(faults)} of {count} videos cannot be used: {listed(faults)}; extract or fetch them "
        f"again, or leave their queries out{names}"
    )


def listed(faults: Mapping[str, str]) -> str:
    """The first ten of {name: what}, and how many more there are."""
    first = "; ".join(f"{name!r}: {what}" for name, what in list(faults.items())[:SHOWN])
    return first + (f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else "")


def write_features(
    path: str | Path,
    items: Iterable[tuple[str, np.ndarray]],
    *,
    encoder: str,
    layer: str,
    rate: float,
    weights: str = "",
    resume: bool = True,
) -> None:
    """Write (video, features (T, D)) pairs to an HDF5 file; what is written survives an interruption.

    Videos go into `path.partial`, each whole or not at all, and the file gets its name after the last. A damaged
    partial file is moved aside, with a warning.

    Args:
        path: the file.
        items: (video, features (T, D)) pairs.
        encoder, layer, rate, weights: the file's attributes; rate in Hz, 0 if unknown; weights: a fingerprint.
        resume: keep what the partial file holds and skip those videos; otherwise start from scratch, and the old
            partial file stays until the new one is whole.

    Raises:
        InputError: for features that are not finite, not (T, D), or not as wide as the others, if the partial file has
            other attributes, and if another process writes the same file.
        OSError: naming the file, for a full disk and whatever else the system refuses.
    """
    path, attrs = Path(path), _attributes(encoder, layer, rate, weights)
    with hold_store(path), open_partial(path, attrs, resume) as store:
        _add(path, items, store)


def make_features(
    path: str | Path,
    videos: Mapping[str, Any],
    compute: Callable[[dict[str, Any]], Iterator[tuple[str, np.ndarray]]],
    attrs: Mapping[str, Any],
    progress: bool = True,
    resume: bool = True,
    grow: bool = False,
) -> FeatureStore:
    """Complete a file of features: after Ctrl-C or an error the next call resumes where it stopped.

    Args:
        path: the file; a complete one is returned as it is.
        videos: {name: source}, all that the file has to hold.
        compute: a generator function; takes the part of `videos` that is still missing and yields (video, features
            (T, D)).
        attrs: the attributes of `write_features`.
        progress: show a bar.
        resume: False makes all again.
        grow: `compute` may leave videos out; if a complete file lacks some, those that `compute` yields are added: the
            old file is copied, and stays until the new one is whole.

    Returns:
        The open file.

    Raises:
        InputError: if the file has other attributes, or lacks videos and may not `grow`.
    """
    path = Path(path)
    for video in videos:
        _check_name(f"{path}: video {video!r}", video)
    if resume and (store := _complete(path, videos, attrs, grow)) is not None:
        return store
    with hold_store(path):
        if resume and (store := _complete(path, videos, attrs, grow)) is not None:  # another process has just made it
            return store
        old = FeatureStore(path) if resume and grow and path.exists() else None
        held = set(old or ())
        with open_partial(path, _attributes(**attrs), resume, grow=old is not None) as unfinished:
            held |= unfinished.widths.keys()
            todo = {video: source for video, source in videos.items() if video not in held}
            with closing(compute(todo)) as items:  # whatever goes wrong, its processes end
                done = len(videos) - len(todo)
                items = bar(items, "features", len(videos), initial=done, unit="video", progress=progress)
                _add(path, items, unfinished, old and old.dim)
            if old is not None and unfinished.widths:  # last: if there is nothing new, nothing needs copying
                copied = ((video, old[video]) for video in old if video not in unfinished.widths)
                _add(path, bar(copied, "copied", len(old), unit="video", progress=progress), unfinished)
                old.close()
    return FeatureStore(path)


def _attributes(encoder: str, layer: str, rate: float, weights: str = "") -> dict[str, Any]:
    if not 0 <= rate < math.inf:  # NaN neither
        raise InputError(f"a rate of {rate} rows per second; give one above 0, or 0 where it is unknown")
    return {"encoder": encoder, "layer": layer, "rate": float(rate), "weights": weights}


def _add(path: Path, items: Iterable[tuple[str, np.ndarray]], store: PartialStore, width: int | None = None) -> None:
    for video, features in items:
        where = f"{path}: video {video!r}"
        _check_name(where, video)
        if video not in store.widths:
            store.add(video, _checked(where, features, store.width or width))


def _complete(path: Path, videos: Mapping[str, Any], attrs: Mapping[str, Any], grow: bool) -> FeatureStore | None:
    """The finished store, if there is one: InputError where it is of other attributes, or lacks videos.

    One that lacks videos and may `grow` is not finished.
    """
    if not path.exists():
        return None
    store = FeatureStore(path)
    check_attrs(path, store.attrs, attrs)
    held = set(store)
    if missing := [video for video in videos if video not in held]:
        if grow:
            return None
        lacks = f"complete, but without {len(missing)} of the videos, such as {missing[0]!r}"
        raise InputError(f"{path}: {lacks}; {START_OVER}")
    return store


def _check_name(where: str, video: str) -> None:
    try:
        fit = video not in ("", ".", UNFINISHED) and not {"/", "\0"} & set(video) and video.encode()
    except UnicodeEncodeError:  # a file name that is not UTF-8
        fit = False
    if not fit:
        raise InputError(f"{where}: cannot be a name in HDF5; rename it, without '/', in UTF-8")


def _checked(where: str, features: np.ndarray, width: int | None) -> np.ndarray:
    """Features as float32 (T, D), fit to be written, or an InputError."""
    features = np.asarray(features, dtype=np.float32)
    if features.ndim != 2 or not features.size or features.shape[1] != (width or features.shape[1]):
        raise InputError(f"{where}: features of shape {features.shape} instead of (T, {width or 'D'})")
    if not np.isfinite(features).all():
        raise InputError(f"{where}: NaN or infinite features; check the encoder and the video")
    return features
