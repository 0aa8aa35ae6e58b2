"""What of the registry is there, what is missing, and getting it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from lgn_lite.downloads.archives import DamagedArchive, unpack
from lgn_lite.downloads.download import disk_errors, fetch, mismatch, readable_size
from lgn_lite.downloads.registry import Archive, Asset
from lgn_lite.downloads.signatures import page_or_nothing, strange
from lgn_lite.errors import InputError
from lgn_lite.support.files import is_hidden, partial_path, remove_leftovers, scratch_folder, set_aside, wait_for_folder


class State(NamedTuple):
    """What of an asset is there; `note` says how much, or in what it differs from the release."""

    kind: Literal["present", "missing", "partial", "differs"]
    note: str = ""


def state(asset: Asset, root: str | Path, verify: bool = False) -> State:
    """What of an asset lies below `root`: by names and sizes; `verify` reads the files and their checksums too."""
    path = Path(root) / asset.path
    if path.is_file():
        problem = mismatch(path, asset.size, asset.sha256 if verify else None)
        problem = problem or (strange(path) if verify and not asset.sha256 else "")
        return State("differs", problem) if problem else State("present", readable_size(path.stat().st_size))
    if path.is_dir():
        count = sum(1 for entry in path.iterdir() if not is_hidden(entry))
        if partial_path(path).exists():
            return State("partial", f"{count:,} unpacked")
        if asset.files is not None and 0 < count < asset.files:
            return State("partial", f"{count:,} of {asset.files:,}")
        if count:
            return State("present", f"{count:,} in it")
    source = asset.archive or asset
    archive = Path(root) / source.path
    if asset.archive and archive.is_file():
        return State("partial", f"{archive.name} is there, not unpacked")
    if (gathered := partial_path(archive)).is_file():
        whole = f" of {readable_size(source.size)}" if source.size else ""
        return State("partial", f"{readable_size(gathered.stat().st_size)}{whole}")
    return State("missing")


# ── Getting it ────────────────────────────────────────────────────────────────────────────────


def get(
    assets: Sequence[Asset], root: str | Path, mirror: str = "", keep_archives: bool = False, progress: bool = True
) -> None:
    """Fetch assets to their paths below `root`; those that are there already are left alone.

    Args:
        assets: those that are not fetchable are left out.
        root: the folder of all data sets.
        mirror: an address tried first, below which the files (archives too) lie under the same paths as below `root`.
        keep_archives: do not remove an archive when its members are unpacked.
        progress: whether to show bars.

    Raises:
        InputError: an asset cannot be fetched; or, before anything is, a file of another content is in the way:
            somebody may have made it.
    """
    root = Path(root)
    states = {asset: state(asset, root, verify=True) for asset in assets if asset.fetchable}
    for asset, (kind, note) in states.items():
        if kind == "differs":
            raise InputError(f"{root / asset.path} is not the released file ({note}): move it away to fetch that")
    absent = [asset for asset, (kind, _) in states.items() if kind != "present"]
    for asset in absent:
        if asset.archive is None:
            fetch(with_mirror(asset, mirror), root / asset.path, asset.size, asset.sha256, progress)
    for archive in dict.fromkeys(asset.archive for asset in absent if asset.archive):
        there, doing = root / archive.path, f"unpacking {Path(archive.path).name}"
        with (
            disk_errors(there),
            wait_for_folder(there.parent, doing, f".{there.name}.unpacking", leave=False, of=there),
        ):
            remove_leftovers(there.parent)
            missing = [asset for asset in absent if asset.archive == archive and state(asset, root).kind != "present"]
            if missing:  # else another process has unpacked it meanwhile
                _get_members(archive, missing, root, mirror, keep_archives, progress)


def _get_members(
    archive: Archive, assets: Sequence[Asset], root: Path, mirror: str, keep_archive: bool, progress: bool
) -> None:
    """Fetch an archive and unpack assets from it; one that turns out to be broken loses its name."""
    there = root / archive.path
    was_there = there.exists()
    fetch(with_mirror(archive, mirror), there, archive.size, archive.sha256, progress, at_most=archive.at_most)
    try:
        for asset in assets:
            if not asset.member:
                _unpack_folder(archive, there, root / asset.path, progress)
        _unpack_members(archive, there, root, [asset for asset in assets if asset.member], progress)
    except DamagedArchive as error:
        if was_there:  # by hand, or by an earlier call
            print(f"{error}; it is now {set_aside(there).name}, and is fetched again", file=sys.stderr)
            _get_members(archive, assets, root, mirror, keep_archive, progress)
            return
        if not error.whole:
            there.unlink()
        raise InputError(f"{error}; the same command fetches it again") from error
    if not keep_archive:
        there.unlink()


def with_mirror(source: Asset | Archive, mirror: str = "") -> tuple[str, ...]:
    """The addresses of a file, first that on the mirror, if there is one."""
    return ((f"{mirror.rstrip('/')}/{source.path}",) if mirror else ()) + source.addresses


def _unpack_folder(archive: Archive, there: Path, folder: Path, progress: bool) -> None:
    """All of an archive; an empty file next to the folder says that it is not done yet."""
    marker = partial_path(folder)
    marker.touch()
    unpack(there, folder, progress=progress, at_most=archive.unpacked)
    marker.unlink()


def _unpack_members(archive: Archive, there: Path, root: Path, assets: Sequence[Asset], progress: bool) -> None:
    """Members of an archive; none gets its final path before all are checked."""
    if not assets:
        return
    with scratch_folder(there.parent) as folder:
        paths = {asset.member: folder / asset.member for asset in assets}
        unpack(there, folder, paths, progress, archive.unpacked)
        for asset in assets:
            member = paths[asset.member]
            problem = mismatch(member, asset.size, asset.sha256) or ("" if asset.sha256 else page_or_nothing(member))
            if problem:
                raise DamagedArchive(f"{there}: {asset.member}: {problem}", whole=True)
        for asset in assets:
            paths[asset.member].replace(root / asset.path)
