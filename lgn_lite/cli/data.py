"""The commands `lgn-lite data …`: what fetches and prepares data sets, one function per command."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lgn_lite.cli import completion
from lgn_lite.cli.conversion import data_convert
from lgn_lite.cli.options import (
    DATA,
    MARKUP,
    SAY,
    FoundRoot,
    Root,
    Size,
    SplitOption,
    console,
    examples,
    frame_table,
    given_path,
    print_whole,
    stoppable,
)
from lgn_lite.errors import InputError

if TYPE_CHECKING:
    from lgn_lite.data_sets import DataSet
    from lgn_lite.downloads.fetch import State
    from lgn_lite.downloads.registry import Asset

data_app = typer.Typer(
    help="Draw, fetch and prepare data sets. Begin with `lgn-lite data status`, which says what is there.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
)
DRAWING_TAKES = {"tiny": "a minute", "small": "three minutes", "full": "a quarter of an hour"}  # on two cores; long too


class Length(StrEnum):
    """How long Toy-STA's videos are."""

    short = "short"
    long = "long"


AcceptTerms = Annotated[
    bool, typer.Option("--accept-terms", "--yes", help="Accept the terms of use without a question: for scripts.")
]
Mirror = Annotated[
    str,
    typer.Option(
        envvar="LGN_LITE_MIRROR",
        help="The address to ask first: a web server of your own that serves a data folder, archives included.",
    ),
]


@data_app.command(
    "toy",
    epilog=examples(
        "lgn-lite data toy --size tiny",
        "lgn-lite data toy --length long",
        "lgn-lite data toy --seed 1 --root data-seed1",
    ),
)
def data_toy(
    size: Size = "small",
    root: Root = Path("data"),
    length: Annotated[
        Length, typer.Option(help="short: videos of less than a minute. long: of 4 to 10 minutes, a tenth as many.")
    ] = Length.short,
    seed: Annotated[int, typer.Option(help="Another seed draws other videos; give another --root too.")] = 0,
    workers: Annotated[int, typer.Option(help="How many processes draw and decode.")] = 2,
) -> None:
    """Draw Toy-STA, train its small VGG on single concepts, and extract features, below the folder toy-sta in --root.

    What is there already is kept; interrupted, the same command resumes. With --length long it is drawn as the size
    SIZE-long, such as small-long, which every command takes as --size.
    """
    from lgn_lite.toy.build import LONG

    if length is Length.long and not size.endswith(LONG):
        size += LONG
    data = draw_toy_sta(size, root, seed, workers)
    for split in data.splits:
        queries = data.queries(split)
        console.print(f"{split}: {len({query.video for query in queries})} videos, {len(queries)} queries")
    console.print(data.folder, **SAY)


def draw_toy_sta(size: str, root: Path, seed: int = 0, workers: int = 2, quiet: bool = False) -> "DataSet":
    """Open Toy-STA; where it is not there yet, say what is made and how long it takes, unless `quiet`, and make it."""
    from lgn_lite.data_sets import open_data_set
    from lgn_lite.toy.build import LONG, SIZES
    from lgn_lite.toy.encoder import find_toy

    if find_toy(root / "toy-sta", size) is None and not quiet:
        takes = DRAWING_TAKES[size.removesuffix(LONG)]
        console.print(
            f"Toy-STA {size} is made in {root / 'toy-sta' / size}: {sum(SIZES[size].values()):,} videos are drawn, a "
            f"small VGG is trained, features are extracted. On two cores this takes about {takes}.",
            **SAY,
        )
    with stoppable():
        return open_data_set("toy-sta", size, root, seed=seed, workers=workers)


@data_app.command("status", epilog=examples("lgn-lite data status", "lgn-lite data status --root data-mini --verify"))
def data_status(
    root: Root = Path("data"),
    verify: Annotated[bool, typer.Option("--verify", help="Read the files and compare their checksums.")] = False,
) -> None:
    """Show what is there, what is missing and how to get it, and what each data set and notebook needs."""
    from lgn_lite.downloads.fetch import state
    from lgn_lite.downloads.registry import ASSETS, DATA_SETS, DEAD, NOTEBOOKS, TOY

    _check_folder(root)
    states = {asset.name: state(asset, root, verify) for asset in ASSETS}
    console.print(f"Below {root}/:\n", **SAY)
    table = _table("asset", "size", "state", "lgn-lite data …")
    for asset in ASSETS:
        kind, note = states[asset.name]
        table.add_row(asset.name, _size(asset), f"{kind}: {note}" if note else kind, _command(asset, kind))
    print_whole(table)

    there = _there(states)
    needs = {name: _readiness(name, there) for name in (TOY, *DATA_SETS)}
    table = _table("data set", "state", "")
    for name, (ready, lacks) in needs.items():
        table.add_row(name, ready, lacks)
    console.print()
    print_whole(table)

    table = _table("notebook", "needs", "state")
    for notebook, names in NOTEBOOKS.items():
        for name in names:
            option = "" if name == names[0] else f" -p data_set={name}"
            table.add_row(f"{notebook}{option}", name, needs[name][0])
    console.print()
    print_whole(table)
    _show_by_hand((asset for asset in ASSETS if states[asset.name].kind != "present"), root)
    console.print("\nPapers and READMEs also name what is gone:", **SAY)
    for dead in DEAD:
        console.print(f"  {dead.address}\n    {dead.what} since {dead.since}; instead: {dead.instead}", **SAY)


@data_app.command("get", epilog=examples("lgn-lite data get charades-sta glove-6b", "lgn-lite data get tacos --yes"))
def data_get(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAMES...",
            help="Data sets or single assets, by the names of `lgn-lite data status`.",
            autocompletion=completion.assets,
        ),
    ],
    root: Root = Path("data"),
    accept_terms: AcceptTerms = False,
    mirror: Mirror = "",
    keep_archives: Annotated[
        bool, typer.Option("--keep-archives", help="Keep a zip or tar when its content is unpacked.")
    ] = False,
) -> None:
    """Fetch a data set, or single assets; interrupted, the same command resumes where it stopped.

    A data set's name leaves out its downloads of many gigabytes, and its sentences in other formats: name these
    themselves. What no program may
    fetch is listed with its address and the path where it belongs.
    """
    from lgn_lite.downloads.fetch import get, state
    from lgn_lite.downloads.registry import find

    chosen = find(names)
    missing = [asset for asset in chosen if state(asset, root, verify=True).kind != "present"]
    fetchable = [asset for asset in missing if asset.fetchable]
    _agree(fetchable, accept_terms)
    with stoppable():
        get(fetchable, root, mirror, keep_archives)
    for asset in chosen:
        if asset not in missing or asset in fetchable:
            console.print(f"{asset.name}: {root / asset.path}", **SAY)
    _show_by_hand((asset for asset in missing if not asset.fetchable), root)


@data_app.command("video", epilog=examples("lgn-lite data video AO8RW"))
def data_video(
    names: Annotated[list[str], typer.Argument(metavar="VID...", help="Names of videos of Charades, such as AO8RW.")],
    root: Root = Path("data"),
    accept_terms: AcceptTerms = False,
    mirror: Mirror = "",
) -> None:
    """Fetch single videos of Charades, about 1 MB each, out of the remote zip of 13 GB."""
    from lgn_lite.downloads.archives import remote_members
    from lgn_lite.downloads.fetch import with_mirror
    from lgn_lite.downloads.registry import find

    for name in names:
        if not re.fullmatch(r"[A-Z0-9]{5}", name):
            raise InputError(f"{name!r} is not a Charades video's name: five capital letters and digits, such as AO8RW")
    (videos,) = find(["charades-sta/videos"])
    members = {f"{Path(videos.path).name}/{name}.mp4": root / videos.path / f"{name}.mp4" for name in names}
    if not all(path.is_file() for path in members.values()):
        _agree([videos], accept_terms)
        with stoppable():
            remote_members(with_mirror(videos.archive, mirror), members)
    for path in members.values():
        console.print(path, **SAY)


@data_app.command(
    "survey",
    epilog=examples(
        "lgn-lite data survey", "lgn-lite data survey --root data-mini", "lgn-lite data survey train.jsonl"
    ),
)
def data_survey(
    own: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="Annotations of your own, or the .json that describes them.", show_default=False
        ),
    ] = None,
    root: Root = Path("data"),
) -> None:
    """Count the annotations that are there, next to the paper's Table 1, and explain each difference.

    With FILE: which map a model of its queries would get, and what the best candidate of each possible one reaches.
    """
    if own is not None:
        return _survey_own(own)
    from lgn_lite.analysis.data_statistics import DIFFERENCES, survey
    from lgn_lite.data_sets import REAL
    from lgn_lite.downloads.fetch import state
    from lgn_lite.downloads.registry import ASSETS

    _check_folder(root)
    there = _there({asset.name: state(asset, root) for asset in ASSETS})
    released = {name: data.released(root) for name, data in REAL.items() if _readiness(name, there)[0] != "not ready"}
    if not released:
        raise InputError(f"{root}: holds no real data set; fetch one with `lgn-lite data get charades-sta`")
    found = survey(released).reset_index()
    shown = {name: found[name].map("{:.2f}".format, na_action="ignore") for name in found.select_dtypes(float)}
    found = found.assign(**shown).astype(object)
    print_whole(frame_table(found.where(found.notna(), ""), ("data set", "split")))
    console.print("\nBest R1@m: what the best candidate of the preset would reach. Differences from the paper:", **SAY)
    for difference in DIFFERENCES:
        console.print(f"- {difference}", **SAY)


def _survey_own(path: Path) -> None:
    from rich.table import Table

    from lgn_lite.annotations import statistics
    from lgn_lite.own_data_set import CEILING, possible_maps, propose_map, read_queries

    queries = read_queries(path)
    found = statistics(queries)
    console.print(
        f"{path}: {found['pairs']:,} queries of {found['videos']:,} videos, {found['words']:.1f} words and "
        f"{found['moment_seconds']:.1f} s on average",
        **SAY,
    )
    table = Table("N", "scales", "candidates", "best R1@0.5", "best R1@0.7", "", box=None, header_style="dim")
    maps = possible_maps(queries)
    for one in maps:
        figures = (f"{one.candidates:,}", *(f"{value:.1f}" for value in one.ceilings.values()))
        table.add_row(str(one.num_clips), str(one.scales), *figures, "proposed" if one == propose_map(maps) else "")
    print_whole(table)
    console.print(
        f"Best R1@m: what no model with these candidates can pass. Proposed: the smallest map of {CEILING:g} % at 0.7. "
        "Another one: -s num_clips=… -s scales=[…] -s num_frames=…",
        **SAY,
    )


data_app.command(
    "convert",
    epilog=examples(
        "lgn-lite data convert charades-sta",
        "lgn-lite data convert tacos",
        "lgn-lite data convert npz clip slowfast clip_slowfast.hdf5",
    ),
)(data_convert)


@data_app.command(
    "jsonl",
    epilog=examples(
        "lgn-lite data jsonl toy-sta test.jsonl", "lgn-lite data jsonl charades-sta train.jsonl --split train"
    ),
)
def data_jsonl(
    name: Annotated[str, typer.Argument(metavar="NAME", help=DATA, autocompletion=completion.data_sets)],
    output: Annotated[str, typer.Argument(metavar="OUT", help="The file to write.")],
    split: SplitOption = "test",
    size: Size = "small",
    root: FoundRoot = None,
) -> None:
    """Write a split's annotations as lines of Moment-DETR's jsonl, which `score` and other code bases read.

    The queries are cleaned as everywhere, and numbered in their order: the numbers that `evaluate --write` gives them.
    """
    from lgn_lite.data_sets import find_data_set
    from lgn_lite.jsonl import write_jsonl

    path = given_path(output, "OUT", file=True)
    queries = find_data_set(name, size, root).queries(split)
    console.print(f"{write_jsonl(queries, path)}: {len(queries)} queries", **SAY)


# ── What the commands say ─────────────────────────────────────────────────────────────────────


def _check_folder(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise InputError(f"{root}: not a folder; give the one that holds the data sets")


def _agree(assets: Iterable["Asset"], accepted: bool) -> None:
    """Show the terms of what is about to be fetched and ask; InputError if nobody agrees."""
    from lgn_lite.downloads.registry import TERMS

    for name in dict.fromkeys(asset.terms for asset in assets if asset.terms):
        console.print(TERMS[name], **SAY)
        if accepted:
            continue
        try:
            agreed = typer.confirm("Do you accept these terms?")
        except typer.Abort:  # no terminal, or Ctrl-C
            console.print()
            agreed = False
        if not agreed:
            raise InputError("the terms were not accepted, so nothing was fetched; in a script: --accept-terms")


def _table(*columns: str) -> Any:
    from rich.table import Table

    table = Table(*columns, box=None, header_style="dim", pad_edge=False)
    for column in table.columns:
        column.max_width = {"state": 28, "": 60}.get(column.header)
        column.no_wrap = column.max_width is None
        column.justify = "right" if column.header == "size" else "left"
    return table


def _size(asset: "Asset") -> str:
    from lgn_lite.downloads.download import readable_size

    return asset.big or (readable_size(asset.size) if asset.size else "")


def _command(asset: "Asset", kind: str) -> str:
    """What comes after `lgn-lite data` to get an asset; nothing for one that is there, or that somebody has made."""
    if kind in ("present", "differs"):
        return ""
    if not asset.fetchable:
        return "(see below)"
    return f"get {asset.name if asset.by_itself else asset.name.partition('/')[0]}"


def _there(states: Mapping[str, "State"]) -> set[str]:
    """The names of what can be used: a file that differs from the release can, somebody has made it so."""
    return {name for name, found in states.items() if found.kind in ("present", "differs")}


def _readiness(name: str, there: set[str]) -> tuple[str, str]:
    """Whether a data set can be used with the assets that are there, and what follows from the missing ones."""
    from lgn_lite.downloads.registry import DATA_SETS, TOY

    if name == TOY:
        return "ready", "where it is not there, run, train and data toy draw it"
    missing = [need for need in DATA_SETS[name] if there.isdisjoint(need.assets)]
    if lacks := [need.what for need in missing if not need.without]:
        return "not ready", f"no {', '.join(lacks)}"
    return "usable" if missing else "ready", "; ".join(f"no {need.what}: {need.without}" for need in missing)


def _show_by_hand(assets: Iterable["Asset"], root: Path) -> None:
    """Say of each asset that cannot be downloaded where it comes from and where exactly it belongs."""
    for asset in assets:
        if asset.fetchable:
            continue
        console.print(f"\n{asset.name}, {asset.what}", **SAY)
        if asset.by_hand:
            console.print(f"  by hand from  {asset.by_hand}", **SAY)
            console.print(f"  to            {root / asset.path}", **SAY)
        if asset.made_by:
            word = "or made by" if asset.by_hand else "made by"
            console.print(f"  {word:<12}  {asset.made_by.format(root=root)}", **SAY)
