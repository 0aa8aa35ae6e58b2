"""The commands to inspect predictions: the inspector's page, and the report."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lgn_lite.cli.options import (
    MARKUP,
    SAY,
    CheckpointArgument,
    CheckpointData,
    CheckpointRoot,
    CheckpointSize,
    Device,
    EncoderOption,
    ListedOption,
    OtherFeatures,
    OtherQueries,
    SkipMissing,
    SplitOption,
    console,
    examples,
    other_queries,
)

inspector_app = typer.Typer(rich_markup_mode=MARKUP)

BaselineOption = Annotated[
    Path | None,
    typer.Option(
        help="The folder of a checkpoint to compare with.", show_default="../../baseline/best next to it, if it exists"
    ),
]


@inspector_app.command(
    epilog=examples(
        "lgn-lite inspect runs/course/models/full/best",
        'lgn-lite inspect runs/course/models/full/best --video VIDEO.mp4 --sentence "The red circle jumps."',
    )
)
def inspect(
    checkpoint: CheckpointArgument,
    baseline: BaselineOption = None,
    data: CheckpointData = None,
    split: SplitOption = "test",
    annotations: OtherQueries = None,
    features: OtherFeatures = None,
    skip_missing: SkipMissing = False,
    predictions: ListedOption = None,
    video: Annotated[Path | None, typer.Option(help="A video file of your own.", show_default=False)] = None,
    sentence: Annotated[str | None, typer.Option(help="What to find in it, in English.", show_default=False)] = None,
    encoder: EncoderOption = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0 lets other machines in, which need the token too.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            help="The port to listen on.", metavar="PORT", min=1, max=65535, show_default="8866, or the next free one"
        ),
    ] = None,
    token: Annotated[
        bool, typer.Option("--token/--no-token", help="Let in only who has the secret in the address.")
    ] = True,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    size: CheckpointSize = "",
    root: CheckpointRoot = None,
) -> None:
    """Serve the inspector as a page, on this machine only: queries, video, map, guidance. Ctrl-C ends it.

    Each visitor has an inspector of their own. The page shows the queries of the data set that the checkpoint was
    trained on, or a video file of your own.
    """
    import threading
    import warnings
    import webbrowser

    from lgn_lite.checkpoint import load_checkpoint
    from lgn_lite.data_sets import DataSetMissing, find_data_set
    from lgn_lite.errors import InputError
    from lgn_lite.inspector.server import inspector, serve
    from lgn_lite.inspector.visits import is_local
    from lgn_lite.video.encoder_names import with_absolute_path

    paths = {"checkpoint": checkpoint, "baseline": baseline, "video": video, "root": root, "listed": predictions}
    arguments: dict[str, Any] = {key: str(path.absolute()) for key, path in paths.items() if path is not None}
    arguments |= {"data": data, "split": split, "sentence": sentence, "size": size}
    arguments["encoder"] = encoder and with_absolute_path(encoder)
    if baseline is not None:
        load_checkpoint(baseline)  # the inspector does without a broken one; whoever names it wants to know

    def ready(address: str) -> None:
        console.print("The inspector is at", **SAY)
        console.print(f"    {address}", **SAY)
        if not is_local(host):
            who = "who has this address" if token else "who reaches this machine"
            console.print(f"Everybody {who} can use it and see the data. It is not encrypted.", **SAY)
        console.print("Ctrl-C ends it.", **SAY)
        if browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    loaded = load_checkpoint(checkpoint)
    with other_queries(loaded, data, annotations, features, skip_missing, split) as name:
        arguments["data"] = name
        if video is None:  # the inspector does without data too: there would be nothing to see
            try:
                find_data_set(name or "", size, root, checkpoint=loaded)
            except DataSetMissing as error:
                raise InputError(f"{error}; a video of your own (--video) needs none") from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inspector(arguments).close()  # what is wrong is said here, and not to the first visitor
        serve(arguments, host, port, token, ready)


@inspector_app.command(
    epilog=examples(
        "lgn-lite report runs/course/models/full/best",
        "lgn-lite report runs/course/models/full/best --split val --count 8 --output val.html",
    )
)
def report(
    checkpoint: CheckpointArgument,
    baseline: BaselineOption = None,
    data: CheckpointData = None,
    split: SplitOption = "test",
    annotations: OtherQueries = None,
    features: OtherFeatures = None,
    skip_missing: SkipMissing = False,
    predictions: ListedOption = None,
    output: Annotated[
        Path | None, typer.Option(help="The HTML file to write.", show_default="CHECKPOINT/report-SPLIT.html")
    ] = None,
    count: Annotated[
        int, typer.Option(help="How many queries to show of the best, of the worst, and of the most disputed.")
    ] = 4,
    device: Device = "cpu",
    size: CheckpointSize = "",
    root: CheckpointRoot = None,
) -> None:
    """Write results and the best, worst and most disputed predictions into one HTML file that needs no network."""
    from lgn_lite.checkpoint import load_checkpoint
    from lgn_lite.data_sets import find_data_set
    from lgn_lite.inspector.report import sibling_baseline, write_report

    loaded = load_checkpoint(checkpoint, device)
    compared = load_checkpoint(baseline, device) if baseline is not None else None
    if baseline is None and predictions is None:
        compared = sibling_baseline(loaded, device)
    out = output or checkpoint / f"report-{annotations.stem if annotations else split}.html"
    if sys.stderr.isatty():
        typer.echo(f"Predicting all queries of {split} (kept for the next time), then drawing some.", err=True)
    with other_queries(loaded, data, annotations, features, skip_missing, split) as name:
        data_set = find_data_set(name or "", size, root, checkpoint=loaded)
        console.print(write_report(loaded, data_set, out, split, compared, count, listed=predictions), **SAY)
