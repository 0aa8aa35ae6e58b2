"""Recipes: variants of the model, profiles of training; train and evaluate one by name, or several side by side."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lgn_lite.batches import MomentDataset
from lgn_lite.checkpoint import About, Checkpoint, Companions
from lgn_lite.config import VARIANTS, LGNConfig, TrainSettings, variant_title
from lgn_lite.data_sets import DataSet
from lgn_lite.errors import InputError
from lgn_lite.evaluation import (
    evaluate_logits,
    query_tensors,
    ranked_windows,
    score_predictions,
    score_queries,
    span_tensor,
)
from lgn_lite.jsonl import write_predictions
from lgn_lite.metrics import best_constant_interval
from lgn_lite.model import LGN
from lgn_lite.support.bars import bar
from lgn_lite.support.processes import cpu_count, process_pool
from lgn_lite.support.reading import parse_json, read_text
from lgn_lite.support.weights import read_weights
from lgn_lite.text import Vocabulary, WordVectors, encode_with, frequent_words, word_vectors
from lgn_lite.training import train
from lgn_lite.windows import Windows, ranked_in_windows

# Chosen on the validation split of Toy-STA `small`, the schedule by `study/initialisation.py`; "smoke" only proves that
# all runs. The learning rate is LGN's; RATES has each variant's own.
COURSE = TrainSettings(
    epochs=8, batch_size=8, learning_rate=4e-3, optimiser="adamw", weight_decay=0.01, schedule="trapezoid", warmup=0.05
)
# The learning rate of each variant in the course's profiles: a rate that suits one model of a comparison favours it.
# Each is the best on the validation split of Toy-STA `small` (R1@0.5 + R1@0.7, one seed, the course's schedule, batches
# of 8) of the grid in RATES_FROM, between two that are worse; a test compares the two.
RATES_FROM = "notebooks/results/course_rates.json"  # `lgn-lite study ablation --help` has the command
RATES: dict[str, float] = {
    "full": 4e-3,
    "baseline": 8e-3,
    "early": 4e-3,
    "late": 4e-3,
    "blind": 4e-3,  # LGN's, of which it is a copy without a video: not chosen, the study has no such row
}
PROFILES: dict[str, TrainSettings] = {
    "smoke": replace(COURSE, epochs=1),
    "cpu": COURSE,
    "gpu": replace(COURSE, epochs=30, batch_size=64, precision="bf16", workers=4),
}
# On the real data sets 2D-TAN's settings, which the paper takes over (section 4.3)
PAPER_PROFILES: dict[str, TrainSettings] = {
    "smoke": TrainSettings(epochs=1),
    "cpu": TrainSettings(),
    "gpu": TrainSettings(precision="bf16", workers=4, memory=32.0),  # Charades-STA's prepared features are 20 GB
}


def profiles(data_set: str) -> dict[str, TrainSettings]:
    """The profiles of a data set by name: smoke, cpu, gpu."""
    return PROFILES if data_set == "toy-sta" else PAPER_PROFILES


@dataclass(frozen=True)
class Recipe:
    """What to train: one of VARIANTS with a profile's settings, and what is replaced of them.

    Raises InputError for an unknown variant, profile or setting.
    """

    variant: str = "full"
    profile: str = "cpu"  # how much to compute: smoke, cpu or gpu
    seed: int = 0  # of the weights, the order and dropout
    model: Mapping[str, Any] = field(default_factory=dict)  # replaces fields of the data set's LGNConfig
    training: Mapping[str, Any] = field(default_factory=dict)  # replaces fields of the profile's TrainSettings

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise InputError(f"no variant {self.variant!r}: choose one of {', '.join(VARIANTS)}")
        if self.profile not in PROFILES:
            raise InputError(f"no profile {self.profile!r}: choose one of {', '.join(PROFILES)}")
        LGNConfig.check_names(self.model)
        known = [field.name for field in fields(TrainSettings)]
        if unknown := sorted(set(self.training) - set(known)):
            raise InputError(f"unknown training setting {', '.join(unknown)}; known are {', '.join(known)}")
        for name in ("model", "training"):  # the recipe's own, whatever becomes of the caller's
            object.__setattr__(self, name, dict(getattr(self, name)))

    def model_config(self, data: DataSet) -> LGNConfig:
        """The data set's settings of the model with the recipe's instead of them, and the variant's over all."""
        return data.config.override(**{**self.model, **VARIANTS[self.variant]})

    def train_settings(self, data_set: str) -> TrainSettings:
        """The profile's settings of training on the data set of this name, with the recipe's instead of them.

        On Toy-STA the learning rate is the variant's own, of RATES, unless the recipe gives one.
        """
        rate = {"learning_rate": RATES[self.variant]} if profiles(data_set) is PROFILES else {}
        return replace(profiles(data_set)[self.profile], **{"seed": self.seed, **rate, **self.training})


def train_variant(
    data: DataSet,
    folder: str | Path,
    recipe: Recipe = Recipe(),
    *,
    progress: bool = True,
    on_step: Callable[[LGN, MomentDataset, int], None] | None = None,
) -> list[dict[str, float]]:
    """Train one variant on a data set; interrupted, the same call resumes.

    Args:
        data: the data set; without features only the blind variant can be trained.
        folder: for checkpoints and logs, see `training.train`.
        recipe: the variant, and how it is trained.
        progress: whether to show a bar, and to print where the words and fc7 come from.
        on_step: called with the model, the validation split and the step, after each step.

    Returns:
        The history, one entry per epoch. Raises InputError if the data set lacks features.
    """
    train_settings = recipe.train_settings(data.name)
    blind = recipe.variant == "blind"
    features = None if blind else data.require_features()
    model, vocabulary, words = initial_model(data, recipe, progress=progress)
    config = model.config
    training = {"variant": recipe.variant, "profile": recipe.profile, "seed": recipe.seed}
    about = About(
        data=data.title, data_set=data.name, size=data.size, encoder=data.encoder, layer=config.feature, rate=data.rate,
        training=training | ({"words": words.source} if words else {}),
        root=_seen_from(Path(folder) / "best", data.root),
    )  # fmt: skip
    train_set, val_set = (
        MomentDataset(
            data.queries(split), features, encode_with(vocabulary), config, blind, train_settings.memory * 1e9
        )
        for split in ("train", "val")
    )
    return train(
        model, train_set, val_set, folder, train_settings,
        Companions(vocabulary, about, data.encoder_file if data.carry_encoder else None), progress=progress,
        on_step=None if on_step is None else lambda step, _: on_step(model, val_set, step),
    )  # fmt: skip


def initial_model(
    data: DataSet, recipe: Recipe = Recipe(), *, progress: bool = False
) -> tuple[LGN, Vocabulary, WordVectors | None]:
    """The model of a recipe before its first training step, as `train_variant` begins with it.

    Args:
        data: the data set, whose training sentences make the vocabulary.
        recipe: the variant, its settings, and the seed of the weights.
        progress: whether to print where the words and fc7 come from.

    Returns:
        The model, the words that it knows, and their vectors where those come from elsewhere.
    """
    config = recipe.model_config(data)
    vocabulary, words = _words(data, config, recipe.seed)
    # there is nothing to keep in random vectors
    trained = {} if data.has_glove or config.word_vectors == "random" else {"word_vectors": "learned"}
    config = config.override(vocabulary_size=len(vocabulary), **trained)
    torch.manual_seed(recipe.seed)
    model = LGN(config)
    if words is not None:
        model.sentence.embedding.weight.data.copy_(words.vectors)
        if progress and words.unknown:
            print(f"words: {words.source}")
    if config.feature == "fc6" and model.frames.fc is not None:
        if data.encoder_file:
            _start_from(model.frames.fc, data.encoder_file)
        elif progress and recipe.variant != "blind":
            print(f"fc7: begins at random; {data.encoder}'s own weights are not in {data.folder}")
    return model, vocabulary, words


def _seen_from(folder: Path, root: Path) -> str:
    """The path of the data sets from a checkpoint's folder: both may move together."""
    try:
        return Path(os.path.relpath(root.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive of Windows
        return root.resolve().as_posix()


def _words(data: DataSet, config: LGNConfig, seed: int) -> tuple[Vocabulary, WordVectors | None]:
    """The words that the model knows; with their vectors where the data set's are GloVe's, or stand in for GloVe's.

    With GloVe these are the words of all splits and the most frequent ones of GloVe, for sentences yet to come: its
    vectors are there before any training, and a word of the test split is no more a secret than to 2D-TAN, which
    holds all 400,000 in memory.
    """
    random = data.glove is None or config.word_vectors == "random"
    glove = data.has_glove and not random
    splits = data.splits if glove else ("train",)
    sentences = [query.sentence for split in splits for query in data.queries(split)]
    if random:
        return Vocabulary.from_sentences(sentences), None
    others = frequent_words(data.glove) if glove else []
    vocabulary = Vocabulary.from_sentences([*sentences, *others])
    return vocabulary, word_vectors(vocabulary, data.glove, config.word_dim, seed, sentences)


def _start_from(fc: nn.Linear, encoder_file: Path) -> None:
    """The model's fc7 begins as the frame encoder's own: VGG's classifier[3]."""
    weights = read_weights(encoder_file)
    try:
        fc.load_state_dict({name: weights[f"classifier.3.{name}"] for name in ("weight", "bias")})
    except (KeyError, RuntimeError) as error:
        raise InputError(f"{encoder_file}: its fc7 does not fit the model's: {error}") from error


def train_variants(
    data: DataSet,
    folder: str | Path,
    variants: Sequence[str],
    recipe: Recipe = Recipe(),
    workers: int | None = None,
) -> dict[str, list[dict[str, float]]]:
    """Train several variants side by side into folder/VARIANT, by one recipe but for its variant and that one's rate.

    Args:
        data: the data set.
        folder: of all trainings.
        variants: names of VARIANTS.
        recipe: what they share.
        workers: as of `train_side_by_side`.

    Returns:
        {variant: its history}
    """
    return train_side_by_side(data, folder, {name: replace(recipe, variant=name) for name in variants}, workers)


def train_side_by_side(
    data: DataSet,
    folder: str | Path,
    recipes: Mapping[str, Recipe],
    workers: int | None = None,
    after: Callable[[DataSet, Path], None] | None = None,
    on_step: Callable[[LGN, MomentDataset, int, Path], None] | None = None,
) -> dict[str, list[dict[str, float]]]:
    """Train {name: recipe} into folder/NAME, each in a process with one thread; interrupted, the same call resumes.

    On small models two processes of one thread do more than one process of two. On a GPU they run one by one.

    Args:
        data: the data set.
        folder: of the folders.
        recipes: what to train, by name.
        workers: processes; None: one per core, and on a GPU one.
        after: called with the data set and the training's folder where one has ended, in its process.
        on_step: as of `train_variant`, and with the training's folder.

    Returns:
        The histories by name.
    """
    folder = Path(folder)
    workers = workers or (1 if torch.cuda.is_available() else min(len(recipes), cpu_count()))
    epochs = {name: recipe.train_settings(data.name).epochs for name, recipe in recipes.items()}
    finished = all(_epochs_done(folder / name / "history.json") == count for name, count in epochs.items())
    job = partial(_train_then, data, after=after, on_step=on_step)
    if workers == 1 or finished:  # to find what is there takes no processes
        return {name: job(folder / name, recipe, progress=not finished) for name, recipe in recipes.items()}
    with process_pool(workers, _one_thread) as pool:
        jobs = {name: pool.submit(job, folder / name, recipe, progress=False) for name, recipe in recipes.items()}
        _watch(jobs, folder, epochs)
        return {name: job.result() for name, job in jobs.items()}


def _one_thread() -> None:
    torch.set_num_threads(1)


def _train_then(
    data: DataSet,
    folder: Path,
    recipe: Recipe,
    *,
    progress: bool,
    after: Callable[[DataSet, Path], None] | None,
    on_step: Callable[[LGN, MomentDataset, int, Path], None] | None,
) -> list[dict[str, float]]:
    step = None if on_step is None else lambda *seen: on_step(*seen, folder)
    history = train_variant(data, folder, recipe, progress=progress, on_step=step)
    if after is not None:
        after(data, folder)
    return history


def _watch(jobs: dict[str, Future], folder: Path, epochs: dict[str, int]) -> None:
    """One bar over all trainings, read off the history that each of them writes after an epoch."""
    shown = None
    few = len(jobs) <= 5  # of many only those that run are shown
    with bar(total=sum(epochs.values()), unit="epoch") as shown_bar:
        while True:
            finished = all(job.done() for job in jobs.values())
            done = {name: _epochs_done(folder / name / "history.json") for name in jobs}
            if done != shown:
                labels = [f"{variant_title(name)} {n}" for name, n in done.items() if few or 0 < n < epochs[name]]
                shown_bar.set_postfix_str(", ".join(labels), refresh=False)
                shown_bar.update(sum(done.values()) - shown_bar.n)
                shown = done
            if finished:
                return
            for job in jobs.values():
                if job.done():
                    job.result()  # raises where a training failed
            time.sleep(0.5)


def _epochs_done(history: Path) -> int:
    """Epochs in a history.json; a damaged one counts as none, and `train` writes it again from the state."""
    try:
        found = parse_json(read_text(history), str(history)) if history.exists() else []
    except InputError:
        return 0
    return len(found) if isinstance(found, list) else 0


def evaluation_set(data: DataSet, checkpoint: Checkpoint, split: str, memory: float = 4e9) -> MomentDataset:
    """A split of a data set as a checkpoint needs it; a blind model stays blind.

    Args:
        data: the data set.
        checkpoint: whose words and settings are used.
        split: "train", "val" or one of the data set's test splits.
        memory: bytes of prepared features to cache.

    Returns:
        The queries with their features. Raises InputError as `DataSet.require_features` and `MomentDataset` do.
    """
    features = None if checkpoint.blind else data.require_features()
    config = checkpoint.model.config
    return MomentDataset(data.queries(split), features, checkpoint.encode, config, checkpoint.blind, memory)


def evaluate_checkpoint(
    data: DataSet,
    checkpoint: Checkpoint,
    split: str = "test",
    discounted: bool = False,
    write: str | Path | None = None,
    windows: Windows | None = None,
) -> dict:
    """R@n,IoU=m and mIoU of a checkpoint on a split, in all, by caption kind and by moment length.

    Args:
        data, checkpoint, split: as of `evaluation_set`.
        discounted: dR@n,IoU=m too, which rewards close boundaries.
        write: a file for the first ten predictions of each query, in Moment-DETR's jsonl.
        windows: cut each video into these, `windows.cut`; None: one map for the whole.

    Returns:
        The table of `evaluation.score_predictions`.
    """
    model, found = checkpoint.model, evaluation_set(data, checkpoint, split)
    measured = {"thresholds": data.thresholds, "length_edges": data.length_edges, "discounted": discounted}
    if windows is not None:
        ranked = ranked_in_windows(model, found, windows)
        results = score_predictions([one.windows for one in ranked], found.queries, **measured)
    else:
        logits = score_queries(model, found)
        ranked = ranked_windows(model, logits, found.queries) if write is not None else []
        results = evaluate_logits(model, logits, found.queries, **measured)
    if write is not None:
        write_predictions(found.queries, ranked, write)
    return results


def evaluate_constant(data: DataSet, split: str = "test") -> dict:
    """The same for the one interval that is right for most training queries, whatever the video and the sentence."""
    train_queries, queries = data.queries("train"), data.queries(split)
    start, end = best_constant_interval(span_tensor(train_queries))
    _, durations = query_tensors(queries)
    predictions = torch.tensor([start, end]) * durations[:, None]
    return score_predictions(predictions[:, None], queries, data.thresholds, data.length_edges, ks=(1,))
