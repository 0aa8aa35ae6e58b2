"""Reading features by video from an HDF5 file: names that meet, faults that are found before anything is read.

The layout is 2D-TAN's: one dataset (T, D) under each video's name; its ActivityNet layout is read too.
"""

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lgn_lite.errors import InputError, os_error_line
from lgn_lite.hdf5 import H5_ERRORS, Unfit, contents, open_file, open_table, reason

VIDEO_SUFFIXES = {
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm",
    ".wmv",
}  # fmt: skip
ABSENT = "no features"
SHOWN = 10  # faulty videos that a message names


def without_suffix(video: str) -> str:
    """A video's name without the suffix of a video file; letters with accents as one character each, as most write."""
    stem, _, suffix = video.rpartition(".")
    return unicodedata.normalize("NFC", stem if stem and f".{suffix.lower()}" in VIDEO_SUFFIXES else video)


def partial_path(path: str | Path) -> Path:
    """Where features stand until the last video is written."""
    return Path(f"{path}.partial")


def faults_error(path: Path, faults: Mapping[str, str], count: int) -> InputError:
    """The error for the faulty ones, {video: what}, of so many videos: counts them, and names the first ten."""
    shown = "; ".join(f"{video!r}: {what}" for video, what in list(faults.items())[:SHOWN])
    more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return InputError(
        f"{path}: {len(faults)} of {count} videos cannot be used: {shown}{more}; extract or fetch them again, or leave "
        "their queries out"
    )


class FeatureStore(Mapping):
    """Read-only features by video: `store[video]` is float32 (T, D), one row each 1/rate seconds.

    Reads f[video] (T, D) and ActivityNet's f[video]["c3d_features"]; what else the file holds is let be. A video is
    found under its exact name, else under the one name that differs by a video's suffix alone: "s13-d21.avi" under
    "s13-d21". `attrs` holds what `write_features` noted: encoder, layer, rate (Hz), weights; for files of others it
    is empty. Each process opens the file on its first access, so that a store may be handed to DataLoader workers;
    h5py opens it beside one with `locking=False` alone. Raises InputError, naming file and video, for a video that is
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

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_file": None, "_process": None}  # an open file does not travel to a worker

    def check(self, videos: Iterable[str], dim: int | None = None) -> None:
        """Raise one InputError that counts the faulty ones of these videos and names the first ten.

        As `faults` finds them, which is all but damaged blocks and numbers that are not finite.
        """
        videos = list(dict.fromkeys(videos))
        if faults := self.faults(videos, dim):
            raise faults_error(self.path, faults, len(videos))

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
                f"{self.path}: no features of video {video!r}, with or without a suffix such as .mp4; extract them, "
                "or check its name"
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
