"""The commands to inspect predictions: the inspector's page, and the report."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lgn_lite.cli.options import SAY, Device, Root, Size, console

inspector_app = typer.Typer()

CheckpointArgument = Annotated[Path, typer.Argument(help="A checkpoint folder, e.g. runs/course/models/full/best.")]
BaselineOption = Annotated[
    Path | None,
    typer.Option(help="A checkpoint to compare with.", show_default="../../baseline/best next to it, if it exists"),
]
DataOption = Annotated[
    str | None,
    typer.Option(
        help="toy-sta, charades-sta, tacos or activitynet-captions.",
        show_default="the one that the checkpoint was trained on",
    ),
]
SplitOption = Annotated[str, typer.Option(help="train, val, test, or Toy-STA's test-composition.")]


@inspector_app.command()
def inspect(
    checkpoint: CheckpointArgument,
    baseline: BaselineOption = None,
    data: DataOption = None,
    split: SplitOption = "test",
    video: Annotated[Path | None, typer.Option(help="A video file of your own.", show_default=False)] = None,
    sentence: Annotated[str | None, typer.Option(help="What to find in it.", show_default=False)] = None,
    encoder: Annotated[
        Path | None,
        typer.Option(help="VGG16's weights, if the checkpoint carries no frame encoder.", show_default=False),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen; 0.0.0.0 lets other machines in, who need the token too.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="Where to listen.", min=1, max=65535, show_default="8866, or the next free one")
    ] = None,
    token: Annotated[bool, typer.Option("--token/--no-token", help="Ask visitors for the address's secret.")] = True,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    size: Size = "small",
    root: Root = Path("data"),
) -> None:
    """Serve the inspector as a page, on this machine only: queries, video, map, guidance. Ctrl-C ends it.

    Each visitor has an inspector of their own.
    """
    import threading
    import warnings
    import webbrowser

    from lgn_lite.checkpoint import load_checkpoint
    from lgn_lite.inspector.server import inspector, serve
    from lgn_lite.inspector.visits import is_local

    paths = {"checkpoint": checkpoint, "baseline": baseline, "video": video, "encoder": encoder, "root": root}
    arguments: dict[str, Any] = {key: str(path.absolute()) for key, path in paths.items() if path is not None}
    arguments |= {"data": data, "split": split, "sentence": sentence, "size": size}
    if baseline is not None:
        load_checkpoint(baseline)  # the inspector does without a broken one; whoever names it wants to know
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inspector(arguments).close()  # what is wrong is said here, and not to the first visitor

    def ready(address: str) -> None:
        console.print("The inspector is at", **SAY)
        console.print(f"    {address}", **SAY)
        if not is_local(host):
            who = "who has this address" if token else "who reaches this machine"
            console.print(f"Everybody {who} can use it and see the data. It is not encrypted.", **SAY)
        console.print("Ctrl-C ends it.", **SAY)
        if browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    serve(arguments, host, port, token, ready)


@inspector_app.command()
def report(
    checkpoint: CheckpointArgument,
    baseline: BaselineOption = None,
    data: DataOption = None,
    split: SplitOption = "test",
    output: Annotated[
        Path | None, typer.Option(help="The HTML file.", show_default="CHECKPOINT/report-SPLIT.html")
    ] = None,
    count: Annotated[int, typer.Option(help="Queries to show of the best, the worst and the most disputed.")] = 4,
    device: Device = "cpu",
    size: Size = "small",
    root: Root = Path("data"),
) -> None:
    """Write results and the best, worst and most disputed predictions into one HTML file that needs no network."""
    from lgn_lite.checkpoint import load_checkpoint
    from lgn_lite.data_sets import open_data_set
    from lgn_lite.inspector.report import sibling_baseline, write_report

    loaded = load_checkpoint(checkpoint, device)
    compared = load_checkpoint(baseline, device) if baseline is not None else sibling_baseline(loaded, device)
    data_set = open_data_set(data or loaded.about.data_set, size, root)
    out = output or checkpoint / f"report-{split}.html"
    if sys.stderr.isatty():
        typer.echo(f"Predicting all queries of {split} (kept for the next time), then drawing some.", err=True)
    console.print(write_report(loaded, data_set, out, split, compared, count), **SAY)
