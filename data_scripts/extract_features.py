"""Folder of videos → HDF5 features, by CLIP, by VGG16, or by the small VGG (`VGGFrames.save`).

    python data_scripts/extract_features.py videos/ features.hdf5 --encoder clip
    python data_scripts/extract_features.py videos/ features.hdf5 --encoder clip:FOLDER
    python data_scripts/extract_features.py videos/ features.hdf5 --encoder vgg16 --rate 2
    python data_scripts/extract_features.py videos/ features.hdf5 --encoder vgg.safetensors --rate 2

CLIP takes one frame each two seconds, as for the published features, and weights from the cache of the Hugging Face
hub, from the hub, or from a folder; `vgg16` is torchvision's, trained on ImageNet, which is downloaded. The paper's
features of Charades-STA, with VGG16 trained on Charades:

    python data_scripts/extract_features.py data/charades-sta/Charades_v1_480 \\
        data/charades-sta/vgg16_fc6_features.hdf5 \\
        --encoder data/charades-sta/twostream_rgb.pth.tar --layer fc6 --rate 6

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
    from lgn_lite.video.encoder import FrameEncoder


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


def read_encoder(name: str, layer: str | None, device: str) -> "FrameEncoder":
    """The encoder with its weights, on its device. Raises InputError for an unknown name, file or device."""
    # Imported here: the decoding processes import this file too, and start faster without torch.
    import torch

    from lgn_lite.video.encoder_names import load_encoder

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without CUDA
        raise InputError(f"--device {device}: {str(error).splitlines()[0]}; choose cpu, cuda …") from error
    return load_encoder(name, layer).to(device)


def main(
    folder: Annotated[Path, typer.Argument(help="The folder of videos.")],
    out: Annotated[Path, typer.Argument(help="The HDF5 file to write.")],
    encoder: Annotated[
        str,
        typer.Option(
            help="The network: clip, clip:MODEL (a name on the Hugging Face hub, or a folder), vgg16, or a file of "
            "VGG16's weights or of VGGFrames.save."
        ),
    ],
    layer: Annotated[
        str | None,
        typer.Option(
            help="A VGG's layer: fc6 (before ReLU) or fc7 (after ReLU).", show_default="as saved, otherwise fc6"
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="How many frames per second become features.", show_default="0.5 for CLIP, 1 for a VGG"),
    ] = None,
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
            network = read_encoder(encoder, layer, device)
            rate = network.rate if rate is None else rate
            store = extract_folder(videos, network, rate, out, workers, max_lost=max_lost)
        except KeyboardInterrupt:
            sys.exit("Stopped. What is done stays; the same command resumes with the rest.")
        print(f"{out}: {len(store)} videos, {store.dim} numbers per frame, {rate:g} frames per second")


if __name__ == "__main__":
    typer.run(main)
