"""What of the registry is there, what is missing, and getting it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from lgn_lite.archives import unpack
from lgn_lite.assets import Archive, Asset
from lgn_lite.download import amount, fetch, mismatch, partial_path
from lgn_lite.errors import InputError


class State(NamedTuple):
    """What of an asset is there; `note` says how much, or in what it differs from the release."""

    kind: Literal["present", "missing", "partial", "differs"]
    note: str = ""


def state(asset: Asset, root: str | Path, verify: bool = False) -> State:
    """What of an asset lies below `root`: by names and sizes; `verify` reads the files and their checksums too."""
    path = Path(root) / asset.path
    if path.is_file():
        problem = mismatch(path, asset.size, asset.sha256 if verify else None)
        return State("differs", problem) if problem else State("present", amount(path.stat().st_size))
    if path.is_dir():
        count = sum(1 for entry in path.iterdir() if not entry.name.startswith("."))
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
        whole = f" of {amount(source.size)}" if source.size else ""
        return State("partial", f"{amount(gathered.stat().st_size)}{whole}")
    return State("missing")


# ── Getting it ────────────────────────────────────────────────────────────────────────────────


def get(
    wanted: Sequence[Asset], root: str | Path, mirror: str = "", keep_archives: bool = False, progress: bool = True
) -> None:
    """Fetch assets into place below `root`; those that are there already are left alone.

    `mirror`: an address below which the files lie under the same paths as below `root` (archives too); it is asked
    first. An archive is removed when its members are in place, unless `keep_archives`. Raises InputError, and before
    anything is fetched where a file of another content is in the way: somebody may have made it.
    """
    root = Path(root)
    states = {asset: state(asset, root, verify=True) for asset in wanted if asset.fetchable}
    for asset, (kind, note) in states.items():
        if kind == "differs":
            raise InputError(f"{root / asset.path} is not the released file ({note}): move it away to fetch that")
    wanted = [asset for asset, (kind, _) in states.items() if kind != "present"]
    for asset in wanted:
        if asset.archive is None:
            fetch(with_mirror(asset, mirror), root / asset.path, asset.size, asset.sha256, progress)
    archives = dict.fromkeys(asset.archive for asset in wanted if asset.archive)
    for archive in archives:
        there = root / archive.path
        fetch(with_mirror(archive, mirror), there, archive.size, archive.sha256, progress)
        for asset in wanted:
            if asset.archive == archive and not asset.member:
                _unpack_folder(there, root / asset.path, progress)
        _unpack_members(there, root, [a for a in wanted if a.archive == archive and a.member], progress)
        if not keep_archives:
            there.unlink()


def with_mirror(source: Asset | Archive, mirror: str = "") -> tuple[str, ...]:
    """The addresses of a file, first that on the mirror, if there is one."""
    return ((f"{mirror.rstrip('/')}/{source.path}",) if mirror else ()) + source.addresses


def _unpack_folder(archive: Path, folder: Path, progress: bool) -> None:
    """All of an archive; an empty file beside the folder says that it is not done yet."""
    marker = partial_path(folder)
    marker.touch()
    unpack(archive, folder, progress=progress)
    marker.unlink()


def _unpack_members(archive: Path, root: Path, assets: Sequence[Asset], progress: bool) -> None:
    """Members of an archive, each into place when all are checked."""
    if not assets:
        return
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".unpacked-") as folder:
        paths = {asset.member: Path(folder) / asset.member for asset in assets}
        unpack(archive, folder, paths, progress)
        for asset in assets:
            if problem := mismatch(paths[asset.member], asset.size, asset.sha256):
                raise InputError(f"{archive}: {asset.member}: {problem}; delete the archive and fetch it again")
        for asset in assets:
            paths[asset.member].replace(root / asset.path)
