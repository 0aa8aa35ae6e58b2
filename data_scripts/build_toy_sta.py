"""Draw Toy-STA into a folder: `python data_scripts/build_toy_sta.py data/toy-sta/small --size small`."""

from pathlib import Path

import typer

from lgn_lite.support.error_lines import errors_as_lines
from lgn_lite.toy.build import build_toy_sta


def main(folder: Path, size: str = "small", seed: int = 0, workers: int = 2, num_figures: int = 2) -> None:
    """Write videos and annotations of SIZE (tiny, small, full); an interrupted call resumes."""
    typer.echo(build_toy_sta(folder, size, seed, workers, num_figures))


if __name__ == "__main__":
    with errors_as_lines():
        typer.run(main)
