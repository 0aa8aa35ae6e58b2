"""Folder of videos → HDF5 features, by the small VGG (`VGGFrames.save`) or VGG16 (a file of weights).

    python data_scripts/extract_features.py videos/ features.hdf5 --weights vgg.safetensors --rate 2

A video's name in the file is its file name without the suffix. Interrupted, the same command goes on.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lgn_lite.errors import InputError

SUFFIXES = {".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".ts", ".webm", ".wmv"}


def find_videos(folder: Path) -> dict[str, Path]:
    """{name: file} of the videos of a folder. Raises InputError where there is none, or one name twice."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder that holds the videos")
    videos: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in SUFFIXES:
            if file.stem in videos:
                raise InputError(f"{file}: {videos[file.stem].name} has the same name; rename one of them")
            videos[file.stem] = file
    if not videos:
        raise InputError(f"{folder}: holds no videos ({', '.join(sorted(SUFFIXES))})")
    return videos


def main(
    folder: Annotated[Path, typer.Argument(help="folder of videos")],
    out: Annotated[Path, typer.Argument(help="HDF5 file to write")],
    weights: Annotated[Path, typer.Option(help="file of VGGFrames.save, or VGG16's weights")],
    network: Annotated[str, typer.Option(help="what the weights are of: small or vgg16")] = "small",
    layer: Annotated[str, typer.Option(help="fc6 (before ReLU) or fc7 (after ReLU)")] = "fc6",
    rate: Annotated[float, typer.Option(help="frames per second")] = 1.0,
    workers: Annotated[int, typer.Option(help="decoding processes")] = 2,
    device: Annotated[str, typer.Option(help="where the network runs: cpu, cuda …")] = "cpu",
) -> None:
    """Extract the features of every video of a folder."""
    # Imported here: the decoding processes import this file too, and start faster without torch.
    from lgn_lite.features import extract_folder
    from lgn_lite.vgg import VGGFrames

    try:
        if network == "small":
            encoder = VGGFrames.load(weights, layer)
        elif network == "vgg16":
            encoder = VGGFrames.vgg16(layer, weights)
        else:
            raise InputError(f"network {network!r}; choose small or vgg16")
        store = extract_folder(find_videos(folder), encoder.to(device), rate, out, workers)
    except InputError as error:
        sys.exit(f"error: {error}")
    print(f"{out}: {len(store)} videos, {store.dim} numbers a frame, {rate} frames per second")


if __name__ == "__main__":
    typer.run(main)
