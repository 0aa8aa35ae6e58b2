"""Checkpoints: a folder with the weights, the settings, and all that prediction from a video file needs.

    config.json          the LGNConfig
    model.safetensors    the weights; its metadata holds the epoch and the validation result
    vocabulary.json      the words with a learned vector
    about.json           which data it was trained on, which features it wants, the training settings
    frames.safetensors   the small VGG that made the features, where the project trained one itself
    README.md            the model card (`model_card.py`), for people and the hub; nothing reads it

`LGN.from_pretrained(folder)` reads the first two.
"""

from __future__ import annotations

import filecmp
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.model_card import model_card
from lgn_lite.support.files import atomic_path, remove_folder, write_json, write_tensors
from lgn_lite.support.limits import Range
from lgn_lite.support.reading import read_json, shown
from lgn_lite.support.weights import check_weights
from lgn_lite.text import Vocabulary, encode_with

DIVERGED = "the training diverged: try a lower learning_rate, a smaller clip or precision=no, and check the features"


@dataclass(frozen=True)
class About:
    """What a checkpoint says of itself."""

    data: str = ""  # the data set it was trained on, in words
    data_set: str = "toy-sta"  # its name in the catalogue
    encoder: str = ""  # name of the frame encoder whose features it wants
    layer: str = ""  # the encoder's layer: fc6, fc7, …
    rate: float = 0.0  # frames per second at which the features were sampled, Hz
    training: dict[str, Any] = field(default_factory=dict)  # variant, profile, seed, where the words come from
    size: str = ""  # of the data set, where it comes in several: Toy-STA's "tiny", "small" or "full"
    root: str = ""  # the folder of all data sets, as seen from the checkpoint's; "" where it is not known

    def __post_init__(self) -> None:
        for name in ("data", "data_set", "encoder", "layer", "size", "root"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"{name}={shown(getattr(self, name))}: must be a text")
        Range(0).check(self.rate, "rate")
        if not isinstance(self.training, dict):
            raise InputError(f"training={shown(self.training)}: must be an object of settings")
        try:
            json.dumps(self.training, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"training={shown(self.training)}: must hold plain values ({error})") from error

    @property
    def drawn(self) -> bool:
        """Whether it was trained on drawn figures: what it predicts for a real video then means nothing."""
        return self.data_set == "toy-sta"

    @property
    def world(self) -> str:
        """What it was trained on, in words: "TACoS", "drawn figures (Toy-STA small)"."""
        named = self.data or self.data_set
        return f"drawn figures ({named.partition(' (')[0]})" if self.drawn else named


@dataclass(frozen=True)
class Companions:
    """What a checkpoint holds next to the model: all that prediction from a video file and a sentence needs."""

    vocabulary: Vocabulary
    about: About
    encoder_file: str | Path | None = None  # weights of the frame encoder, where the project trained one itself


@dataclass
class Checkpoint:
    """A loaded checkpoint."""

    folder: Path
    model: LGN
    vocabulary: Vocabulary
    about: About
    trained: dict[str, str]  # metadata of the weights: epoch, validation result

    @property
    def variant(self) -> str:
        """The variant that it is of; "" where about.json does not say."""
        return str(self.about.training.get("variant", ""))

    @property
    def blind(self) -> bool:
        """Whether it was trained on zeros instead of videos, and must be given no others."""
        return self.variant == "blind"

    @property
    def data_root(self) -> Path | None:
        """The folder of all data sets, where it lay during training; None where about.json does not say."""
        return Path(os.path.normpath(self.folder.resolve() / self.about.root)) if self.about.root else None

    @property
    def encode(self) -> Callable[[str], Tensor]:
        return encode_with(self.vocabulary)

    @property
    def encoder_file(self) -> Path | None:
        """The frame encoder's weights, where the checkpoint carries them."""
        path = self.folder / "frames.safetensors"
        return path if path.exists() else None


def with_size(about: dict[str, Any]) -> dict[str, Any]:
    """The fields of an `About` as a file has them: earlier versions had Toy-STA's size in the title alone."""
    title = re.match(r"Toy-STA (\w+)", str(about.get("data", "")))
    return {"size": title[1]} | about if title else about


def save_checkpoint(
    folder: str | Path,
    model: LGN,
    vocabulary: Vocabulary,
    about: About,
    trained: dict[str, Any],
    encoder_file: str | Path | None = None,
) -> Path:
    """Write a checkpoint folder; whoever reads meanwhile, or after a kill, finds a whole one, the old or the new.

    Where only the weights are new, as from epoch to epoch, they are replaced by one rename, and then the card, which
    names its epoch, by another. Otherwise the folder is written whole, and replaces the old one; killed between these
    two renames, `recover_checkpoint` helps.

    Args:
        folder: the checkpoint's.
        model: the weights and their settings.
        vocabulary: the words that the model knows.
        about: the origin of the features and the data set.
        trained: the epoch and its validation result, stored with the weights and shown by the card (`model_card`).
        encoder_file: weights of the frame encoder that the checkpoint carries.

    Returns:
        The folder.
    """
    folder = Path(folder)
    weights = own_weights(model)
    check_weights(weights, f"{folder}: not written", DIVERGED)  # a diverged model never replaces a good one
    card = str(model_card(model.config, about, trained, encoder=encoder_file is not None))
    recover_checkpoint(folder)
    if _only_weights_differ(folder, model, vocabulary, about, encoder_file):
        _save_weights(folder, weights, trained)
        _save_card(folder, card)
        return folder
    with atomic_path(folder) as new:
        write_json(new / "config.json", model.config.to_dict())
        write_json(new / "about.json", vars(about))
        vocabulary.save(new / "vocabulary.json")
        if encoder_file is not None:
            shutil.copyfile(encoder_file, new / "frames.safetensors")
        _save_weights(new, weights, trained)
        _save_card(new, card)
        if folder.exists():
            folder.replace(_aside(folder))
    recover_checkpoint(folder)
    return folder


def recover_checkpoint(folder: Path) -> None:
    """Put a checkpoint back that was moved aside for a new one which then never came; remove it where one came."""
    aside = _aside(folder)
    if aside.exists() and not folder.exists():
        aside.replace(folder)
    elif aside.exists():
        remove_folder(aside)


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.before")


def _only_weights_differ(
    folder: Path, model: LGN, vocabulary: Vocabulary, about: About, encoder_file: str | Path | None
) -> bool:
    frames = folder / "frames.safetensors"
    try:
        return (
            _read_json(folder / "config.json") == json.loads(json.dumps(model.config.to_dict()))
            and _read_json(folder / "about.json") == json.loads(json.dumps(vars(about)))
            and Vocabulary.load(folder / "vocabulary.json").words == vocabulary.words
            and (filecmp.cmp(encoder_file, frames, shallow=False) if encoder_file else not frames.exists())
        )
    except (InputError, OSError):  # one of them is missing or broken
        return False


def own_weights(model: LGN) -> dict[str, Tensor]:
    """A model's weights on the CPU, each in memory of its own.

    On a GPU those of an LSTM are parts of one block, for cuDNN: safetensors refuses such weights, and accelerate
    leaves all but the first out.
    """
    return {name: value.to("cpu", copy=True).contiguous() for name, value in model.state_dict().items()}


def _save_weights(folder: Path, weights: dict[str, Tensor], trained: dict[str, Any]) -> None:
    metadata = {key: str(value) for key, value in trained.items()}
    write_tensors(folder / "model.safetensors", weights, metadata)


def _save_card(folder: Path, card: str) -> None:
    with atomic_path(folder / "README.md") as temporary:
        temporary.write_text(card, encoding="utf-8", newline="\n")


def load_checkpoint(folder: str | Path, device: str | torch.device = "cpu") -> Checkpoint:
    """Read a checkpoint folder.

    Raises InputError, naming the file, if one is missing or broken, or the weights are of other settings, or not
    finite.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"no checkpoint folder {folder}: give the folder that holds config.json, e.g. runs/course/models/full/best"
        )
    values = _read_json(folder / "config.json")
    with _named(folder / "config.json"):
        config = LGNConfig.from_dict(values)
    about = with_size(_read_json(folder / "about.json"))
    try:
        with _named(folder / "about.json"):
            about = About(**about)
    except TypeError as error:
        raise InputError(f"{folder / 'about.json'}: not written by this version ({error})") from error
    with _named(folder / "vocabulary.json"):
        _check_present(folder / "vocabulary.json")
        vocabulary = Vocabulary.load(folder / "vocabulary.json")
    if config.vocabulary_size not in (0, len(vocabulary)):
        raise InputError(
            f"{folder / 'vocabulary.json'}: {len(vocabulary)} words, but config.json says {config.vocabulary_size}: "
            "the files are of two checkpoints"
        )
    with _opened(folder / "model.safetensors") as file:  # before a model of a wrong size fills the memory
        stored = sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    if config.parameters > 2 * stored + 10**6:
        raise InputError(
            f"{folder / 'model.safetensors'}: weights of other settings than {folder / 'config.json'}: {stored:,} "
            f"numbers, but a model of these settings has {config.parameters:,}"
        )
    model = LGN(config)
    trained = load_weights(model, folder / "model.safetensors")
    try:
        model.to(device)
    except (RuntimeError, AssertionError) as error:  # torch has no such device, or was built without it
        reason = str(error).splitlines()[0]
        raise InputError(f"device {str(device)!r} is not available ({reason}): give cpu, or another one") from error
    return Checkpoint(folder, model.eval(), vocabulary, about, trained)


def baseline_folder(folder: str | Path) -> Path | None:
    """The baseline of the same run, ../../baseline/best; None if there is none, or if it is this folder itself."""
    folder = Path(folder).resolve()
    baseline = folder.parent.parent / "baseline" / "best"
    return baseline if baseline.is_dir() and baseline != folder else None


def load_weights(model: LGN, path: Path) -> dict[str, str]:
    """Load safetensors weights into a model of the same settings; returns their metadata.

    Raises InputError, naming the file, if it is missing or broken, of other settings, or as `check_weights` does.
    """
    with _opened(path) as file:
        metadata = file.metadata() or {}
        # opened once: a training still running may replace it by the next epoch's file
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    check_weights(weights, str(path))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        first, *others = [line.strip() for line in str(error).splitlines()][1:] or [str(error)]
        more = f" (and {len(others)} more)" if others else ""
        raise InputError(
            f"{path}: weights of other settings than {path.with_name('config.json')}: {first}{more}"
        ) from error
    return metadata


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise InputError(f"no weights {path}: training has not written them yet")
    try:
        with safe_open(path, "pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: broken or not a safetensors file ({error}): train again or copy it once more"
        ) from error


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Put the file's name before an error that lacks it."""
    try:
        yield
    except InputError as error:
        raise error if str(path) in str(error) else InputError(f"{path}: {error}") from error


def _check_present(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"no {path}: not a checkpoint folder, or an incomplete copy of one")


def _read_json(path: Path) -> dict[str, Any]:
    _check_present(path)
    return read_json(path, "copy the checkpoint once more, or train again")
