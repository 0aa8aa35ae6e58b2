"""Released features → the HDF5 file that the data sets open. Interrupted, the same command goes on.

    python data_scripts/convert_features.py charades data/charades-sta/Charades_v1_features_rgb \\
        data/charades-sta/vgg_rgb_features.hdf5
    python data_scripts/convert_features.py tacos data/tacos/Interval64_128_256_512_overlap0.8_c3d_fc6 \\
        data/tacos/tall_c3d_features.hdf5
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lgn_lite.convert import convert_charades, convert_tacos
from lgn_lite.errors import errors_as_lines

if TYPE_CHECKING:
    from lgn_lite.features import FeatureStore

app = typer.Typer(no_args_is_help=True, add_completion=False)

Out = Annotated[Path, typer.Argument(help="HDF5 file to write")]
Workers = Annotated[int, typer.Option(help="reading processes")]


@app.command()
def charades(
    tree: Annotated[Path, typer.Argument(help="the unpacked Charades_v1_features_rgb")], out: Out, workers: Workers = 2
) -> None:
    """Charades' official VGG16 features, fc7: a folder a video, a text file a frame."""
    report(lambda: convert_charades(tree, out, workers))


@app.command()
def tacos(
    windows: Annotated[Path, typer.Argument(help="TALL's folder of npy files, one a window")],
    out: Out,
    annotations: Annotated[
        list[Path] | None,
        typer.Option(help="a json file of TACoS; may be given again", show_default="the three beside the windows"),
    ] = None,
    workers: Workers = 2,
) -> None:
    """TALL's C3D features of TACoS, fc6: the videos of the annotations."""
    beside = [windows.parent / f"{split}.json" for split in ("train", "val", "test")]
    report(lambda: convert_tacos(windows, out, annotations or beside, workers))


def report(convert: Callable[[], "FeatureStore"]) -> None:
    """Convert, and say what was made, or in one line why not."""
    with errors_as_lines():
        try:
            store = convert()
        except KeyboardInterrupt:
            sys.exit("stopped; the same command goes on where it was")
        rate = store.attrs["rate"]
        pace = f"{rate:g} rows per second" if rate else "rows per second that differ by video"
        print(f"{store.path}: {len(store)} videos, {store.dim} numbers a row, {pace}")


if __name__ == "__main__":
    app()
