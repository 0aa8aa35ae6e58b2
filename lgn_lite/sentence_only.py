"""LGN with the sentence alone: what the words tell of the place, over several seeds, beside what needs no training.

A benchmark on which such a model does well rewards guessing; a result means something only above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lgn_lite.blind import PUBLISHED, compare
from lgn_lite.catalogue import DataSet
from lgn_lite.checkpoint import load_checkpoint
from lgn_lite.course import evaluate_checkpoint, train_side_by_side

# Zeros say the same however wide they are and however many: a narrow model on a coarse map. Without a video a
# candidate knows its place from the border of the map alone, so the kernels must reach it: four layers of 5×5 reach
# 8 of 16 cells; two of 3×3 only 2, which costs 5 points of R1@0.5. Chosen on Charades-STA's held-out videos.
SETTINGS: dict[str, Any] = dict(
    visual_dim=8, num_frames=16, num_clips=16, scales=(16,), hidden=64, word_dim=64, text_dim=128, text_layers=1,
    frame_dropout=0.2, layers=4, kernel=5, padding=8, guidance=3, guidance_scale="rms", t_min=0.3, t_max=1.0,
)  # fmt: skip
TRAINING: dict[str, Any] = dict(
    epochs=4, batch_size=32, learning_rate=1e-3, optimiser="adamw", weight_decay=0.01, schedule="cosine", warmup=0.05
)


def train_sentence_only(
    data: DataSet, folder: str | Path, seeds: Sequence[int] = (0, 1, 2), workers: int | None = None
) -> dict[int, dict[str, Any]]:
    """Train LGN on zeros in place of a video, once a seed, into folder/seed-N; returns its test row by seed.

    The epoch is chosen on the validation split. A row is that of `metrics.summarise` for all queries. Interrupted,
    the next call goes on.
    """
    folder = Path(folder)
    # words are learned, so that results are the same with GloVe and without; no video, so no encoder either
    data = replace(data, glove=None, encoder_file=None, carry_encoder=False)
    asked = dict(variant="blind", settings=SETTINGS, training=TRAINING)
    train_side_by_side(data, folder, {f"seed-{seed}": asked | {"seed": seed} for seed in seeds}, workers)
    return {seed: evaluate_checkpoint(data, load_checkpoint(folder / f"seed-{seed}" / "best"))["all"] for seed in seeds}


def compare_without_video(
    data: DataSet, folder: str | Path, seeds: Sequence[int] = (0, 1, 2), workers: int | None = None
) -> dict[str, Any]:
    """All that needs no video, on the test split, ready for JSON.

    Returns {"data_set", "rows": {what answers: metric row}, "seeds": the rows of the sentence-only LGN, whose mean
    stands among the rows, "spread": its standard deviation by metric, "published": figures of others}.
    """
    queries = {split: data.queries(split) for split in ("train", "val", "test")}
    rows = compare(
        [*queries["train"], *queries["val"]], queries["test"], thresholds=data.thresholds, nms=data.config.nms
    )
    found = train_sentence_only(data, folder, seeds, workers)
    values = {name: [row[name] for row in found.values()] for name in next(iter(found.values()))}
    rows["sentence-only LGN"] = {name: float(np.mean(value)) for name, value in values.items()}
    spread = {name: float(np.std(value, ddof=1)) if len(value) > 1 else 0.0 for name, value in values.items()}
    return {
        "data_set": data.title,
        "rows": rows,
        "seeds": {str(seed): row for seed, row in found.items()},
        "spread": {name: value for name, value in spread.items() if name != "queries"},
        "published": PUBLISHED if data.name == "charades-sta" else {},
    }
