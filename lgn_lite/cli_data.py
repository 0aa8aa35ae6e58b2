"""The commands `lgn-lite data …`: what prepares data sets, one function a command."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

data_app = typer.Typer(help="Prepare data sets.", no_args_is_help=True)
console = Console()


@data_app.command("toy")
def data_toy(
    size: Annotated[str, typer.Option(help="tiny, small or full.")] = "small",
    root: Annotated[Path, typer.Option(help="Folder of all sizes.")] = Path("data/toy-sta"),
    seed: Annotated[int, typer.Option(help="Another seed, other videos (give another --root too).")] = 0,
    workers: Annotated[int, typer.Option(help="Processes that draw and decode.")] = 2,
) -> None:
    """Draw Toy-STA, train its small VGG on single concepts, and extract features."""
    from .prepare import prepare_toy
    from .toy import SPLITS

    data = prepare_toy(size, root, seed, workers)
    for split in SPLITS:
        queries = data.queries(split)
        console.print(f"{split}: {len({query.video for query in queries})} videos, {len(queries)} queries")
    console.print(data.folder, markup=False, highlight=False, soft_wrap=True)
