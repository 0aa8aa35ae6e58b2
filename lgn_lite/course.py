"""What the notebooks share: the set-up, the profiles, the models of the ablation and their training side by side."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from lgn_lite.checkpoint import About, Checkpoint
from lgn_lite.config import LGNConfig
from lgn_lite.dataset import MomentDataset, encode_with
from lgn_lite.errors import InputError
from lgn_lite.evaluate import evaluate, query_groups, query_tensors
from lgn_lite.files import project_root
from lgn_lite.metrics import best_constant_interval, summarise
from lgn_lite.model import LGN
from lgn_lite.prepare import RATE, ToyData
from lgn_lite.text import Vocabulary
from lgn_lite.train import TrainSettings, train
from lgn_lite.vgg import VGGFrames

# The rows of the paper's Tables 4 and 5, and a model that never sees the video.
VARIANTS: dict[str, dict[str, Any]] = {
    "full": {},
    "baseline": {"early": "none", "guidance": 0},
    "early": {"guidance": 0},
    "late": {"early": "none"},
    "blind": {},
}

# Chosen on the validation split of Toy-STA `small`; "smoke" only proves that everything runs.
COURSE = TrainSettings(
    epochs=8, batch_size=16, learning_rate=2e-3, optimiser="adamw", weight_decay=0.01, schedule="cosine", warmup=0.05
)
PROFILES: dict[str, TrainSettings] = {
    "smoke": replace(COURSE, epochs=1),
    "cpu": COURSE,
    "gpu": replace(COURSE, epochs=30, batch_size=64, precision="bf16", workers=4),
}


def setup() -> Path:
    """Go to the project's folder, so that `data/` and `runs/` mean the same everywhere, and quieten known noise.

    Returns that folder, `.` as seen from there. Called in the first cell of every notebook.
    """
    os.chdir(project_root())
    warnings.filterwarnings("ignore", message=".*pynvml.*")
    return Path()


def train_variant(
    data: ToyData,
    folder: str | Path,
    variant: str = "full",
    profile: str = "cpu",
    seed: int = 0,
    settings: dict[str, Any] | None = None,
    progress: bool = True,
) -> list[dict[str, float]]:
    """Train one of VARIANTS on a prepared Toy-STA with a profile's settings; returns the history.

    `settings` replace fields of the "toy" preset. Goes on where an interrupted training stopped.
    Raises InputError for an unknown variant, profile or setting.
    """
    if variant not in VARIANTS or profile not in PROFILES:
        raise InputError(
            f"variant {variant!r}, profile {profile!r}: choose from {', '.join(VARIANTS)} and {', '.join(PROFILES)}"
        )
    queries = {split: data.queries(split) for split in ("train", "val")}
    vocabulary = Vocabulary.from_sentences(query.sentence for query in queries["train"])
    config = LGNConfig.preset("toy", vocabulary_size=len(vocabulary)).override(**(settings or {}) | VARIANTS[variant])
    torch.manual_seed(seed)
    model = LGN(config)
    encoder = VGGFrames.load(data.encoder_file)
    if config.feature == "fc6" and model.frames.fc is not None:  # fc7 starts from the small VGG's, as VGG16's does
        model.frames.fc.load_state_dict(encoder.classifier[3].state_dict())
    about = About(
        data=f"Toy-STA {data.folder.name} (videos of drawn figures)", encoder=encoder.name, layer=encoder.layer,
        rate=RATE,
        training={"variant": variant, "profile": profile, "seed": seed},
    )  # fmt: skip
    sets = {
        split: MomentDataset(
            queries[split],
            data.features,
            encode_with(vocabulary),
            config.num_frames,
            config.frame_norm,
            variant == "blind",
        )
        for split in queries
    }
    return train(
        model, sets["train"], sets["val"], folder, replace(PROFILES[profile], seed=seed), vocabulary, about,
        data.encoder_file, progress=progress,
    )  # fmt: skip


def train_variants(
    data: ToyData,
    folder: str | Path,
    variants: Sequence[str],
    profile: str = "cpu",
    seed: int = 0,
    settings: dict[str, Any] | None = None,
    workers: int | None = None,
) -> dict[str, list[dict[str, float]]]:
    """Train several variants side by side, each in a process with one thread, into folder/VARIANT.

    On small models two processes of one thread do more than one process of two. On a GPU they run one by one.
    Returns the histories by variant. Interrupted, the next call goes on where each stopped.
    """
    folder = Path(folder)
    workers = workers or (1 if torch.cuda.is_available() else min(len(variants), os.cpu_count() or 1))
    arguments = {name: (data, folder / name, name, profile, seed, settings) for name in variants}
    if workers == 1:
        return {name: train_variant(*given) for name, given in arguments.items()}
    pool = ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,))
    try:
        jobs = {name: pool.submit(train_variant, *given, progress=False) for name, given in arguments.items()}
        _watch(jobs, folder, PROFILES[profile].epochs)
        return {name: job.result() for name, job in jobs.items()}
    finally:
        pool.shutdown(cancel_futures=True)


def _watch(jobs: dict[str, Future], folder: Path, epochs: int) -> None:
    """One bar over all trainings, read off the history that each of them writes after an epoch."""
    shown = None
    with tqdm(total=epochs * len(jobs), unit="epoch") as bar:
        while True:
            finished = all(job.done() for job in jobs.values())
            done = {name: _epochs_done(folder / name / "history.json") for name in jobs}
            if done != shown:
                bar.set_postfix_str(", ".join(f"{name} {count}" for name, count in done.items()), refresh=False)
                bar.update(sum(done.values()) - bar.n)
                shown = done
            if finished:
                return
            for job in jobs.values():
                if job.done():
                    job.result()  # raises where a training failed
            time.sleep(0.5)


def _epochs_done(history: Path) -> int:
    return len(json.loads(history.read_text())) if history.exists() else 0


def evaluation_set(data: ToyData, checkpoint: Checkpoint, split: str) -> MomentDataset:
    """A split of Toy-STA as a checkpoint wants it; a blind model stays blind."""
    config = checkpoint.model.config
    blind = checkpoint.about.training.get("variant") == "blind"
    return MomentDataset(
        data.queries(split), data.features, checkpoint.encode, config.num_frames, config.frame_norm, blind
    )


def evaluate_checkpoint(data: ToyData, checkpoint: Checkpoint, split: str = "test") -> dict:
    """R@n,IoU=m and mIoU of a checkpoint on a split, in all, by caption kind and by moment length."""
    return evaluate(checkpoint.model, evaluation_set(data, checkpoint, split))


def evaluate_constant(data: ToyData, split: str = "test") -> dict:
    """The same for the one interval that answers most training queries, whatever the video and the sentence."""
    train_queries, queries = data.queries("train"), data.queries(split)
    start, end = best_constant_interval(torch.tensor([query.span for query in train_queries]))
    truth, durations = query_tensors(queries)
    answers = torch.tensor([start, end]) * durations[:, None]
    return summarise(answers[:, None], truth, query_groups(queries), ks=(1,), nms=None)
