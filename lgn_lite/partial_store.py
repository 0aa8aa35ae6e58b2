"""Features while they are written: each video whole or not at all, nothing lost, the final name only when complete."""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lgn_lite.errors import InputError
from lgn_lite.feature_store import partial_path
from lgn_lite.files import hold_folder, set_aside
from lgn_lite.hdf5 import H5_ERRORS, Damaged, Space, Unfit, open_file, open_table, read_attrs, reason, write_error

UNFINISHED = ".unfinished"  # name of the one dataset that is being written
ANEW = "delete it to make all anew, or name another file"  # for a file that other settings made


@contextmanager
def hold_store(path: Path) -> Iterator[None]:
    """Hold one store against every other process that would write it; others in the same folder are free."""
    for taken in (path, partial_path(path)):
        if taken.exists() and not taken.is_file():
            raise InputError(f"{taken}: something other than a file is in its place; move it, or name another file")
    lock = f".{path.name}.lock"
    with hold_folder(path.parent, f"writing {path.name}", lock=lock):
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes no file that is open
                (path.parent / lock).unlink()


@contextmanager
def open_partial(path: Path, attrs: Mapping[str, Any], resume: bool = True) -> Iterator["PartialStore"]:
    """What is written of a store so far, to add to; at the end it gets the store's name. Call it in `hold_store`.

    Without `resume` it is begun anew; what was there, finished or not, is kept until the new one is whole.
    """
    partial = partial_path(path)
    before = set_aside(partial, "before") if not resume and partial.exists() else None
    store = None
    try:
        store = PartialStore(partial, attrs)
        yield store
        if not len(store.file):
            raise InputError(f"{path}: no features to write")
        store.close()
    except BaseException:  # also Ctrl-C
        if store is not None:
            with suppress(*H5_ERRORS):  # after a failed write this may fail too; the first error is the one to report
                store.close()
        if before is not None and (store is None or not store.added):
            before.replace(partial)  # nothing came of the new one
        raise
    partial.replace(path)
    for old in path.parent.glob(f"{escape(partial.name)}.before-*"):
        old.unlink()


class PartialStore:
    """The partial file of a store, opened to add videos to, or begun where there is none or a damaged one.

    A damaged one is moved aside, with a warning that names its new name; whatever else stands in the way is an error.
    """

    def __init__(self, partial: Path, attrs: Mapping[str, Any]):
        self.partial, self.added = partial, 0
        with self._naming_it():
            if partial.exists():
                try:
                    self.file = _reopened(partial)
                except Damaged as error:
                    aside = set_aside(partial)
                    what = reason(error.__cause__) if error.__cause__ else error
                    warnings.warn(f"{partial}: damaged ({what}); kept as {aside.name}, starting anew", stacklevel=5)
            if not partial.exists():
                h5py.File(partial, "x", locking=False).close()  # "x": what exists is never opened to write anew
                self.file = open_file(partial, "r+")
            found = read_attrs(self.file)
            if not len(self.file) and not set(attrs) <= set(found):  # new, or its writer was killed as it began
                self.file.attrs.update(attrs)
                self.file.flush()
                found = attrs
        try:
            check_attrs(partial, found, attrs)
        except InputError:
            self.file.close()
            raise
        self._space = Space(partial, self.file)
        widths = (self._width(name) for name in self.file)
        self.width = next((width for width in widths if width), None)

    def holds(self, video: str) -> bool:
        """Whether a video is there whole; one that is damaged is removed, with a warning, to be made again."""
        if self.file.get(video, getlink=True) is None:
            return False
        if self._width(video):
            return True
        warnings.warn(f"{self.partial}: video {video!r} is damaged there; making it again", stacklevel=3)
        with self._naming_it():
            del self.file[video]
        return False

    def add(self, video: str, features: np.ndarray) -> None:
        """Write a video's features; OSError, which names the file, where they cannot be, such as on a full disk."""
        with self._naming_it():
            self._space.reserve(features.nbytes)
            self.file.create_dataset(UNFINISHED, data=features)
            self.file.move(UNFINISHED, video)  # under its own name only when whole
            self.file.flush()
        self.added += 1
        self.width = features.shape[1]

    def close(self) -> None:
        """Close the file and have it on the disk: after a power cut its final name must not lead to half of it."""
        if self.file:
            with self._naming_it():
                self._space.close()
                with self.partial.open("r+b") as raw:
                    os.fsync(raw.fileno())

    def _width(self, video: str) -> int | None:
        try:
            return open_table(self.file, video, float("inf")).shape[1]
        except Unfit:
            return None

    @contextmanager
    def _naming_it(self) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except H5_ERRORS as error:
            raise write_error(self.partial, error) from error


def check_attrs(path: Path, found: Mapping, wanted: Mapping) -> None:
    """Raise InputError where a file's attributes are not the wanted ones."""
    for name, value in wanted.items():
        if found.get(name) != value:
            raise InputError(f"{path}: has {name} {found.get(name)!r}, not {value!r}; {ANEW}")


def _reopened(partial: Path) -> h5py.File:
    file = open_file(partial, "r+")
    try:
        if UNFINISHED in file:
            del file[UNFINISHED]
    except H5_ERRORS as error:
        with suppress(*H5_ERRORS):
            file.close()
        raise Damaged(f"{partial}: is damaged ({reason(error)})") from error
    return file
