"""LGN with the sentence alone: what the words tell of the place, over several seeds, beside what needs no training.

A benchmark on which such a model does well rewards guessing; a result means something only above it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lgn_lite.analysis.blind import PUBLISHED_RESULTS, compare
from lgn_lite.checkpoint import load_checkpoint
from lgn_lite.data_sets import DataSet
from lgn_lite.errors import InputError
from lgn_lite.recipes import Recipe, evaluate_checkpoint, train_side_by_side

Comparison = dict[str, Any]  # of `compare_without_video`, ready for JSON

ALONE = "sentence-only LGN"

# Zeros say the same however wide they are and however many: a narrow model on a coarse map. Without a video a
# candidate knows its place from the border of the map alone, so the kernels must reach it: four layers of 5×5 reach
# 8 of 16 cells; two of 3×3 only 2, which costs 5 points of R1@0.5. Chosen on Charades-STA's held-out videos.
# On TACoS's, a map twice as fine (32 clips, kernels of 9×9) does no better: R1@0.5 5.2 against 5.5.
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
    recipes = {f"seed-{seed}": Recipe("blind", seed=seed, model=SETTINGS, training=TRAINING) for seed in seeds}
    train_side_by_side(data, folder, recipes, workers)
    return {seed: evaluate_checkpoint(data, load_checkpoint(folder / f"seed-{seed}" / "best"))["all"] for seed in seeds}


def compare_without_video(
    data: DataSet, folder: str | Path, seeds: Sequence[int] = (0, 1, 2), workers: int | None = None
) -> Comparison:
    """All that needs no video, on the test split: what the training annotations tell, and the sentence-only LGN.

    Returns {"name", "data_set": its title, "rows": {what answers: metric row}, "seeds": the rows of the sentence-only
    LGN, whose mean stands among the rows, "spread": its standard deviation by metric, "published": figures of others}.
    The other rows are fitted to the training split as released, from which nothing has to be held out for them.
    """
    released = data.reader(data.folder, data.files[0])
    rows = compare(released, data.queries("test"), thresholds=data.thresholds, nms=data.config.nms)
    found = train_sentence_only(data, folder, seeds, workers)
    return _comparison(data.name, data.title, rows, {str(seed): row for seed, row in found.items()})


def pool(comparisons: Iterable[Comparison]) -> dict[str, Comparison]:
    """Comparisons of single seeds, as a sweep leaves them, put together: one of all seeds for each data set, by name.

    Raises InputError where one seed of a data set came twice, or where what needs no training differs between the
    comparisons of a data set: then they are not of the same annotations.
    """
    pooled: dict[str, Comparison] = {}
    for new in comparisons:
        name = new["name"]
        rows = _fitted(new)
        known = pooled.get(name, {"rows": rows, "seeds": {}})
        if _fitted(known) != rows:
            raise InputError(f"{new['data_set']}: two runs read different annotations; run them again with --force")
        if twice := sorted(known["seeds"].keys() & new["seeds"].keys()):
            raise InputError(f"{new['data_set']}: seed {twice[0]} stands in two runs; give the folder of one sweep")
        seeds = dict(sorted((known["seeds"] | new["seeds"]).items(), key=lambda pair: int(pair[0])))
        pooled[name] = _comparison(name, new["data_set"], rows, seeds)
    return pooled


def _fitted(comparison: Comparison) -> dict[str, Any]:
    """The rows of what needs no training."""
    return {what: row for what, row in comparison["rows"].items() if what != ALONE}


def _comparison(name: str, title: str, rows: Mapping[str, Any], seeds: Mapping[str, dict[str, Any]]) -> Comparison:
    values = {metric: [row[metric] for row in seeds.values()] for metric in next(iter(seeds.values()))}
    spread = {metric: float(np.std(v, ddof=1)) if len(v) > 1 else 0.0 for metric, v in values.items()}
    return {
        "name": name,
        "data_set": title,
        "rows": dict(rows) | {ALONE: {metric: float(np.mean(value)) for metric, value in values.items()}},
        "seeds": dict(seeds),
        "spread": {metric: value for metric, value in spread.items() if metric != "queries"},
        "published": PUBLISHED_RESULTS.get(name, {}),
    }


def as_text(comparison: Comparison) -> dict[str, dict[str, str]]:
    """A comparison as people read it, {what answers: {metric: percent}}: ours first, then what others have published.

    The metrics are R@n: those that a published figure has, or all where none is known.
    """
    ours, published = comparison["rows"], comparison["published"]
    recalls = [metric for metric in ours[ALONE] if metric.startswith("R")]
    metrics = [metric for metric in recalls if any(metric in row for row in published.values())] or recalls
    shown = {what: {metric: f"{row[metric]:.1f}" for metric in metrics} for what, row in ours.items()}
    if len(comparison["seeds"]) > 1:
        shown[ALONE] = {metric: f"{text} ± {comparison['spread'][metric]:.1f}" for metric, text in shown[ALONE].items()}
    for what, row in published.items():
        shown[f"{what} ({row['source']})"] = {m: f"{row[m]:g}" if m in row else "" for m in metrics}
    return shown
