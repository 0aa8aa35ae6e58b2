"""Draw Toy-STA into a folder: `python data_scripts/build_toy_sta.py data/toy-sta/small --size small`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lgn_lite.support.error_lines import errors_as_lines
from lgn_lite.toy.build import build_toy_sta


def main(
    folder: Annotated[Path, typer.Argument(help="The folder for the videos and annotations.")],
    size: Annotated[str, typer.Option(help="Toy-STA's size: tiny, small or full.")] = "small",
    seed: Annotated[int, typer.Option(help="Another seed draws other videos.")] = 0,
    workers: Annotated[int, typer.Option(help="How many processes draw.")] = 2,
    num_figures: Annotated[int, typer.Option(help="How many figures a video has: 2 or 3.")] = 2,
) -> None:
    """Draw the videos of Toy-STA and write its annotations, without features; interrupted, the same command resumes.

    With features: `lgn-lite data toy`.
    """
    try:
        typer.echo(build_toy_sta(folder, size, seed, workers, num_figures))
    except KeyboardInterrupt:
        sys.exit("Stopped. What is done stays; the same command resumes with the rest.")


if __name__ == "__main__":
    with errors_as_lines():
        typer.run(main)
