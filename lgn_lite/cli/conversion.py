"""The command `lgn-lite data convert`: features as others released them, made into stores."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lgn_lite.cli.options import SAY, Root, console, given_path, stoppable
from lgn_lite.errors import InputError

if TYPE_CHECKING:
    from lgn_lite.features import FeatureStore

CONVERTIBLE = {"charades-sta": ("features-tree", "features-fc7"), "tacos": ("windows", "features")}  # assets: from, to


def data_convert(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"What was released: {', '.join(CONVERTIBLE)} or npz.")],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DIR... OUT", help="Of npz: folders of the same videos, and the HDF5 file to write, from here."
        ),
    ] = None,
    root: Root = Path("data"),
    workers: Annotated[int, typer.Option(help="How many processes read.")] = 2,
    source_folder: Annotated[
        Path | None, typer.Option("--source", help="The folder of the released files.", show_default="as fetched")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The HDF5 file to write.", show_default="the one that the data set opens")
    ] = None,
    seconds: Annotated[
        float, typer.Option(help="Of npz: from one row to the next. CLIP and SlowFast: mostly 2, of Charades 1.")
    ] = 2.0,
    normalise: Annotated[
        bool, typer.Option("--normalise/--as-released", help="Of npz: scale each row of each folder to length 1.")
    ] = True,
) -> None:
    """Convert features as released to the HDF5 file that a data set opens; an interrupted conversion resumes.

    charades-sta and tacos: as fetched. Of Charades, all videos of the folder, if it is given by --source; else those of
    Charades-STA's annotations.

    npz: folders with a file VIDEO.npz for each video, which holds an array `features`. The rows of all folders are put
    side by side, cut to the shortest. Damaged files are left out and named; repaired, the same command adds them.
    """
    given = {word for word in ctx.params if getattr(ctx.get_parameter_source(word), "name", "") == "COMMANDLINE"}
    if name == "npz":
        folders, made = _npz_paths(paths or [], given)
        from lgn_lite.downloads.npz import convert_npz

        with stoppable():
            store = convert_npz(folders, made, seconds, normalise, workers)
    else:
        made, store = _convert_released(name, root, workers, source_folder, output, given)
    rate = store.attrs["rate"]
    pace = f"{rate:g} rows per second" if rate else "rows per second that differ by video"
    console.print(f"{made}: {len(store)} videos, {store.dim} numbers per row, {pace}", **SAY)


def _npz_paths(paths: list[Path], given: set[str]) -> tuple[list[Path], Path]:
    """The folders and the file of `data convert npz`."""
    usage = "such as `lgn-lite data convert npz clip slowfast clip_slowfast.hdf5`"
    if wrong := given & {"root", "source_folder", "output"}:
        option = {"source_folder": "source"}.get(first := min(wrong), first)
        raise InputError(f"npz takes no --{option}, but folders and the file to write, {usage}")
    if len(paths) < 2:
        raise InputError(f"npz takes one or more folders, then the file to write, {usage}")
    *folders, out = paths
    if out.suffix.lower() not in (".hdf5", ".h5"):
        raise InputError(f"{out}: the last name is the file to write, and has to end with .hdf5 or .h5, {usage}")
    return folders, given_path(out, "the file to write", file=True)


def _convert_released(
    name: str, root: Path, workers: int, source_folder: Path | None, output: Path | None, given: set[str]
) -> tuple[Path, "FeatureStore"]:
    """Convert what belongs to a data set of the registry; the file, and the store in it."""
    from lgn_lite.downloads.fetch import state
    from lgn_lite.downloads.registry import find

    if name not in CONVERTIBLE:
        raise InputError(f"no features of {name!r} need converting: choose one of {', '.join(CONVERTIBLE)}, npz")
    if wrong := given & {"paths", "seconds", "normalise"}:
        what = {"paths": "folders or files as words", "seconds": "--seconds", "normalise": "--normalise/--as-released"}
        raise InputError(f"{name} takes no {what[min(wrong)]}: these are for npz; it has --root, --source and --output")
    source, target = find([f"{name}/{part}" for part in CONVERTIBLE[name]])
    if source_folder is None and (found := state(source, root)).kind != "present":
        how = source.by_hand or f"lgn-lite data get {source.name}"
        raise InputError(f"{root / source.path}: {found.kind} {found.note}; get it first: {how}".replace(" ;", ";"))

    from lgn_lite.downloads.convert import convert_charades, convert_tacos  # here: slow to import

    released, made = source_folder or root / source.path, output or root / target.path
    with stoppable():
        if name == "tacos":
            annotations = [root / asset.path for asset in find(["tacos/train", "tacos/val", "tacos/test"])]
            return made, convert_tacos(released, made, annotations, workers)
        videos = None
        if source_folder is None:
            from lgn_lite.data_sets import open_data_set

            data = open_data_set(name, root=root)
            videos = {query.video for split in ("train", "val", "test") for query in data.queries(split)}
        return made, convert_charades(released, made, workers, videos=videos)
