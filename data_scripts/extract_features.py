"""Folder of videos → HDF5 features, by the small VGG (`VGGFrames.save`) or by VGG16.

    python data_scripts/extract_features.py videos/ features.hdf5 --weights vgg.safetensors --rate 2
    python data_scripts/extract_features.py videos/ features.hdf5 --network vgg16 --weights imagenet --rate 2

The paper's features of Charades-STA, with VGG16 trained on Charades:

    python data_scripts/extract_features.py data/charades-sta/Charades_v1_480 \\
        data/charades-sta/vgg16_fc6_features.hdf5 --network vgg16 \\
        --weights data/charades-sta/twostream_rgb.pth.tar --layer fc6 --rate 6

A video's name in the file is its file name without the suffix; annotations may have it with the suffix too.
Interrupted, or stopped by a video that cannot be read, the same command resumes where it was.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lgn_lite.errors import InputError
from lgn_lite.features import VIDEO_SUFFIXES
from lgn_lite.support.error_lines import errors_as_lines
from lgn_lite.support.files import is_hidden
from lgn_lite.video.pictures import MAX_LOST

if TYPE_CHECKING:
    from lgn_lite.video.vgg import VGGFrames


def find_videos(folder: Path) -> dict[str, Path]:
    """{name: file} of the videos of a folder, hidden files passed by.

    Raises InputError if there is none, a name occurs twice, or something with a video's name is not a file.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder that holds the videos")
    videos: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if is_hidden(file) or file.suffix.lower() not in VIDEO_SUFFIXES or file.is_dir():
            continue
        if not file.is_file():
            raise InputError(f"{file}: is not a file, but a link to nothing, a pipe or the like; remove it")
        if file.stem in videos:
            raise InputError(f"{file}: {videos[file.stem].name} has the same name; rename one of them")
        videos[file.stem] = file
    if not videos:
        raise InputError(f"{folder}: holds no videos ({', '.join(sorted(VIDEO_SUFFIXES))})")
    return videos


def read_encoder(network: str, weights: str, layer: str, device: str) -> "VGGFrames":
    """The network with its weights, on its device. Raises InputError for an unknown name, file or device."""
    # Imported here: the decoding processes import this file too, and start faster without torch.
    import torch
    from torchvision.models import VGG16_Weights

    from lgn_lite.video.vgg import VGGFrames

    if network not in ("small", "vgg16"):
        raise InputError(f"--network {network}: choose small or vgg16")
    if weights == "imagenet" and network != "vgg16":
        raise InputError("--weights imagenet: these are VGG16's; add --network vgg16")
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without CUDA
        raise InputError(f"--device {device}: {str(error).splitlines()[0]}; choose cpu, cuda …") from error
    if network == "small":
        encoder = VGGFrames.load(weights, layer)
    else:
        encoder = VGGFrames.vgg16(layer, VGG16_Weights.IMAGENET1K_V1 if weights == "imagenet" else weights)
    return encoder.to(device)


def main(
    folder: Annotated[Path, typer.Argument(help="The folder of videos.")],
    out: Annotated[Path, typer.Argument(help="The HDF5 file to write.")],
    weights: Annotated[
        str,
        typer.Option(help="The file of VGGFrames.save or of VGG16's weights; or imagenet: torchvision's, downloaded."),
    ],
    network: Annotated[str, typer.Option(help="What the weights are of: small or vgg16.")] = "small",
    layer: Annotated[str, typer.Option(help="The layer: fc6 (before ReLU) or fc7 (after ReLU).")] = "fc6",
    rate: Annotated[float, typer.Option(help="How many frames per second become features.")] = 1.0,
    workers: Annotated[int, typer.Option(help="How many processes decode.")] = 2,
    device: Annotated[str, typer.Option(help="Where the network runs: cpu, cuda, cuda:1, mps.")] = "cpu",
    max_lost: Annotated[
        float, typer.Option(help="The share of a video's pictures that may be undecodable.")
    ] = MAX_LOST,
) -> None:
    """Extract the features of every video of a folder."""
    from lgn_lite.video.extraction import extract_folder  # here for the same reason

    with errors_as_lines():
        try:
            videos = find_videos(folder)
            encoder = read_encoder(network, weights, layer, device)
            store = extract_folder(videos, encoder, rate, out, workers, max_lost=max_lost)
        except KeyboardInterrupt:
            sys.exit("Stopped. What is done stays; the same command resumes with the rest.")
        print(f"{out}: {len(store)} videos, {store.dim} numbers per frame, {rate:g} frames per second")


if __name__ == "__main__":
    typer.run(main)
