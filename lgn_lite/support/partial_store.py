"""Features while they are written: each video whole or not at all, nothing lost, the final name only when complete."""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np

from lgn_lite.errors import InputError
from lgn_lite.support.files import hold_folder, partial_path, set_aside
from lgn_lite.support.hdf5 import (
    H5_ERRORS,
    DamagedHDF5,
    Space,
    Unfit,
    contents,
    open_file,
    open_table,
    reason,
    write_error,
)

UNFINISHED = ".unfinished"  # name of the one dataset that is being written
START_OVER = "delete it to start from scratch, or name another file"  # for a file that other settings made


@contextmanager
def hold_store(path: Path) -> Iterator[None]:
    """Hold one store against every other process that would write it; others in the same folder are free."""
    for taken in (path, partial_path(path)):
        if taken.exists() and not taken.is_file():
            raise InputError(f"{taken}: something other than a file has its name; move it, or name another file")
    lock = f".{path.name}.lock"
    with hold_folder(path.parent, f"writing {path.name}", lock=lock):
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes no file that is open
                (path.parent / lock).unlink()


@contextmanager
def open_partial(
    path: Path, attrs: Mapping[str, Any], resume: bool = True, grow: bool = False
) -> Iterator["PartialStore"]:
    """What is written of a store so far, to add to; at the end it gets the store's name. Call it in `hold_store`.

    Without `resume` it is begun from scratch; what was there, finished or not, stays until the new one is whole. If
    nothing was written, that is an error, or with `grow` the finished store stays.
    """
    partial = partial_path(path)
    before = set_aside(partial, "before") if not resume and partial.exists() else None
    store = None
    try:
        store = PartialStore(partial, attrs)
        yield store
        if not store.widths and not grow:
            raise InputError(f"{path}: no features to write")
        store.close()
    except BaseException:  # also Ctrl-C
        if store is not None:
            with suppress(*H5_ERRORS):  # after a failed write this may fail too; the first error is the one to report
                store.close()
        if before is not None and (store is None or not store.added):
            before.replace(partial)  # nothing came of the new one
        elif store is not None and not store.widths:
            partial.unlink()
        raise
    if not store.widths:
        partial.unlink()
        return
    partial.replace(path)
    for old in path.parent.glob(f"{escape(partial.name)}.before-*"):
        old.unlink()


class PartialStore:
    """The partial file of a store, opened to add videos to, or begun if there is none or a damaged one.

    A damaged one is moved aside, with a warning that names its new name, and what can be read of it is taken over:
    nothing is written into a damaged file, which may end the process. Whatever else is in the way is an error.
    """

    def __init__(self, partial: Path, attrs: Mapping[str, Any]):
        self.partial, self.widths, self.added = partial, {}, 0
        found, damage, aside = None, "", None
        with self._naming_it():
            if partial.exists() and partial.stat().st_size:  # empty: its writer was killed as it began
                found, self.widths, damage = _survey(partial)
            if found or self.widths:
                check_attrs(partial, found, attrs)
            if damage:
                aside = set_aside(partial)
            partial.touch()  # HDF5 takes an empty file for a new one; what exists is never opened to be overwritten
            self.file = open_file(partial, "r+", lock=True)
            self._space = Space(partial, self.file)
            if not found or aside:
                self.file.attrs.update(attrs)
            if UNFINISHED in self.file:
                del self.file[UNFINISHED]
            self.file.flush()
        self.widths.pop(UNFINISHED, None)
        if aside is not None:
            self._take_over(aside, damage)

    def _take_over(self, aside: Path, damage: str) -> None:
        """Copy what is whole in a damaged file."""
        names, self.widths = self.widths, {}
        for name in names:
            with open_file(aside, "r", lock=False) as old:
                try:
                    features = np.asarray(open_table(old, name, float("inf")), dtype=np.float32)
                except (Unfit, *H5_ERRORS):
                    continue
            if np.isfinite(features).all():
                self.add(name, features)
        self.added = 0
        what = f"its {len(self.widths)} readable videos are taken over" if self.widths else "starting from scratch"
        warnings.warn(f"{self.partial}: damaged ({damage}); renamed to {aside.name}, {what}", stacklevel=6)

    def add(self, video: str, features: np.ndarray) -> None:
        """Write a video's features; OSError, which names the file, if they cannot be, such as on a full disk."""
        with self._naming_it():
            self._space.reserve(features.nbytes)
            self.file.create_dataset(UNFINISHED, data=features)
            self.file.move(UNFINISHED, video)  # under its own name only when whole
            self.file.flush()
        self.widths[video] = features.shape[1]
        self.added += 1

    @property
    def width(self) -> int | None:
        """The width of the videos that are there; None without any."""
        return next(iter(self.widths.values()), None)

    def close(self) -> None:
        """Close the file and have it on the disk: after a power cut its final name must not lead to half of it."""
        if self.file:
            with self._naming_it():
                self._space.close()
                with self.partial.open("r+b") as raw:
                    os.fsync(raw.fileno())

    @contextmanager
    def _naming_it(self) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except H5_ERRORS as error:
            raise write_error(self.partial, error) from error


def _survey(partial: Path) -> tuple[dict[str, Any], dict[str, int], str]:
    """The attributes of a partial file, the widths of its whole videos, and what is damaged, if anything is."""
    widths, damage = {}, ""
    try:
        with open_file(partial, "r", lock=True) as file:
            attrs, names = contents(partial, file)
            for name in names:
                try:
                    widths[name] = open_table(file, name, float("inf")).shape[1]
                except Unfit as error:
                    damage = damage or f"{name!r}: {error}"
    except DamagedHDF5 as error:
        return {}, {}, reason(error.__cause__ or error)
    return attrs, widths, damage


def check_attrs(path: Path, found: Mapping, required: Mapping) -> None:
    """Raise InputError if a file's attributes are not the required ones."""
    for name, value in required.items():
        if found.get(name) != value:
            raise InputError(f"{path}: has {name} {found.get(name)!r}, not {value!r}; {START_OVER}")
