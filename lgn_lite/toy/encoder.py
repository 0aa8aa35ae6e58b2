"""From nothing to a feature store: draw Toy-STA, train its small VGG on single concepts, extract features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from lgn_lite.errors import InputError
from lgn_lite.support.bars import bar
from lgn_lite.support.files import is_hidden, remove_leftovers, wait_for_folder
from lgn_lite.support.reading import shown
from lgn_lite.toy.build import LONG, SIZES, build_toy_sta, is_drawn
from lgn_lite.toy.scenes import concept_frames
from lgn_lite.toy.world import CONCEPTS
from lgn_lite.video.extraction import extract_folder
from lgn_lite.video.vgg import VGGFrames

RATE = 2.0  # frames per second that features are extracted at, Hz; a clip of the map lasts a little under 2 s
CONCEPT_FRAMES = {"tiny": 2000, "small": 8000, "full": 16000}  # to train the small VGG on; as many for long videos
CONCEPT_SEED = 1000  # of those frames; the videos have seeds of their own


class ToyFiles(NamedTuple):
    """A made Toy-STA: the folder of its videos and annotations, its small VGG, and the features that this one makes."""

    folder: Path
    encoder_file: Path
    features_file: Path


def find_toy(root: str | Path, size: str) -> ToyFiles | None:
    """The files of a Toy-STA that `make_toy` has made, with whatever seed; None if it has not, or not to the end.

    Raises InputError for an unknown size, and for a Toy-STA of another version.
    """
    made = _files(root, size)
    if not (is_drawn(made.folder, size) and made.encoder_file.is_file() and made.features_file.is_file()):
        return None
    return made


def _files(root: str | Path, size: str) -> ToyFiles:
    if size not in SIZES:
        raise InputError(f"no Toy-STA of size {shown(size)}: choose one of {', '.join(SIZES)}")
    folder = Path(root) / size
    return ToyFiles(folder, folder / "frames.safetensors", folder / "features_fc6.hdf5")


def make_toy(root: str | Path, size: str = "small", seed: int = 0, workers: int = 2, progress: bool = True) -> ToyFiles:
    """Toy-STA of a size with its features, each step made once and found again; an interrupted one resumes.

    Leaves root/SIZE/{videos/, toy_sta_SPLIT.txt, …, frames.safetensors, features_fc6.hdf5}. Of several processes that
    ask at once, such as the runs of a sweep, one makes it and the others say that they wait.

    Args:
        root: folder of all sizes.
        size: a key of `SIZES`.
        seed: of scenes, drawing and the VGG's training, ≥ 0.
        workers: processes that draw and decode.
        progress: whether to show bars.

    Returns:
        The files; `data_sets.open_data_set` makes a data set of them.

    Raises:
        InputError: if size or seed is unknown, or the folder holds a data set of other settings.
    """
    if seed < 0:
        raise InputError(f"seed {seed}: must not be below 0")
    made = _files(root, size)
    folder = made.folder
    with _alone(folder, whole=made.features_file):
        if not made.features_file.exists():  # else nothing is written: the folder may be one that can only be read
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
        build_toy_sta(folder, size, seed, workers, progress=progress)
        if not made.encoder_file.exists():
            train_small_vgg(CONCEPT_FRAMES[size.removesuffix(LONG)], seed=seed, progress=progress).save(
                made.encoder_file
            )
        encoder = VGGFrames.load(made.encoder_file)
        found = sorted((folder / "videos").glob("*.mp4"))
        videos = {path.stem: path for path in found if not is_hidden(path)}
        extract_folder(videos, encoder, RATE, made.features_file, workers, progress)
    return made


@contextmanager
def _alone(folder: Path, whole: Path) -> Iterator[None]:
    """Keep other processes out of a folder until the file `whole` is there, which is made last.

    After that nobody waits, and nothing is written: the folder may be one that can only be read.
    """
    if whole.exists():
        yield
        return
    with wait_for_folder(folder.parent, "making this data set", lock=f".{folder.name}.lock", of=folder):
        yield


def train_small_vgg(
    count: int, epochs: int = 6, batch: int = 32, learning_rate: float = 2e-3, seed: int = 0, progress: bool = True
) -> VGGFrames:
    """Train the small VGG to recognise which colours, shapes and activities are in a frame, as ImageNet's labels do.

    The labels never say which colour belongs to which shape, or who does what: that is left to the sentence (the
    argument for early modulation, section 3.3).
    """
    frames, labels = concept_frames(count, seed=CONCEPT_SEED + seed)
    targets = torch.from_numpy(labels)
    torch.manual_seed(seed)
    encoder = VGGFrames.small(len(CONCEPTS))
    encoder.trained_on = f"{count} drawn frames with the names of what is in them"
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=learning_rate)
    steps = epochs * (count // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps)
    encoder.train()
    steps_done = bar(total=steps, desc="small VGG", unit="step", progress=progress)
    for epoch in range(epochs):
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1000 + epoch))
        for chosen in order[: count // batch * batch].view(-1, batch):
            logits = encoder(encoder.preprocess(frames[chosen.numpy()]))
            loss = F.binary_cross_entropy_with_logits(logits, targets[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            steps_done.update()
            steps_done.set_postfix_str(f"loss {loss.item():.3f}", refresh=False)
    steps_done.close()
    return encoder.eval()


def concept_accuracy(encoder: VGGFrames, count: int = 1000, seed: int = 1) -> dict[str, float]:
    """How often each concept's presence is recognised on fresh frames, in percent (balanced over yes and no)."""
    frames, labels = concept_frames(count, seed=CONCEPT_SEED + 500 + seed)
    with torch.no_grad():
        found = np.concatenate(
            [(encoder(encoder.preprocess(part)) > 0).numpy() for part in np.array_split(frames, max(1, count // 250))]
        )
    present = labels > 0.5
    return {
        name: 50 * float(found[present[:, i], i].mean() + (~found[~present[:, i], i]).mean())
        for i, name in enumerate(CONCEPTS)
    }
