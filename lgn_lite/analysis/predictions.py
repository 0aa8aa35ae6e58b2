"""The predictions of a checkpoint for every query of a split, computed once and cached next to its weights."""

from __future__ import annotations

import hashlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import Subset

from lgn_lite.annotations import Query
from lgn_lite.batches import MomentDataset
from lgn_lite.checkpoint import Checkpoint
from lgn_lite.data_sets import DataSet
from lgn_lite.evaluation import RankedPredictions, predictions_from_scores, query_tensors, score_queries
from lgn_lite.jsonl import Ranked, numbered, read_predictions
from lgn_lite.moments import best_iou, interval_iou
from lgn_lite.recipes import evaluation_set
from lgn_lite.support.files import write_tensors


class FirstPredictions(ABC):
    """What follows from the first predictions for all queries of a split, whatever made them."""

    queries: list[Query]

    @property
    @abstractmethod
    def segments(self) -> Tensor:
        """(Q, 2) first predictions in seconds, double precision."""

    @cached_property
    def iou(self) -> Tensor:
        """(Q,) IoU of the first predictions with the ground truth."""
        return best_iou(self.segments[:, None], query_tensors(self.queries)[0])[:, 0]

    def disagreement(self, other: FirstPredictions) -> Tensor:
        """(Q,) from 0 to 1: how little the first predictions of two models overlap, 1 − IoU."""
        return 1 - interval_iou(self.segments, other.segments)


@dataclass(frozen=True)
class SplitPredictions(FirstPredictions):
    """The scores of all candidates for all queries of a split, and what follows from them."""

    queries: list[Query]
    logits: Tensor  # (Q, P)
    spans: Tensor  # (P, 2) of the candidates, fractions of the video, double precision

    @cached_property
    def _first(self) -> RankedPredictions:
        return predictions_from_scores(self.spans, self.logits.sigmoid(), query_tensors(self.queries)[1], keep=1)

    @property
    def best(self) -> Tensor:
        """(Q,) number of the first prediction; ties go to the first candidate."""
        return self._first.candidates[:, 0]

    @property
    def segments(self) -> Tensor:
        """(Q, 2) first predictions in seconds, double precision."""
        return self._first.segments[:, 0]


SHOWN = 5  # predictions of a query that figures show


@dataclass(frozen=True)
class ListedPredictions(FirstPredictions):
    """The predictions of anybody's model for all queries of a split, as a file lists them; it has no candidates."""

    name: str  # the file's
    queries: list[Query]
    ranked: list[Ranked]

    @cached_property
    def segments(self) -> Tensor:
        """(Q, 2) first predictions in seconds, double precision; of no length where there is none."""
        first = [found.windows[0] if found.windows else (0.0, 0.0) for found in self.ranked]
        return torch.tensor(first, dtype=torch.float64)

    def first(self, i: int) -> list[tuple[float, float, float]]:
        """The first five predictions for query i, within its video: start and end in seconds, and the score."""
        duration, found = self.queries[i].duration, self.ranked[i]
        rows = zip(found.windows[:SHOWN], found.scores, strict=False)
        inside = [(max(start, 0.0), min(end, duration), score) for (start, end), score in rows]
        return [row for row in inside if row[0] < row[1]]


def listed_predictions(path: str | Path, queries: Sequence[Query]) -> ListedPredictions:
    """Read a file of predictions for the queries of a split, by qid or number: `jsonl.read_predictions`."""
    found = read_predictions(path, numbered(queries))
    return ListedPredictions(Path(path).stem, list(queries), list(found.values()))


def split_predictions(
    checkpoint: Checkpoint,
    data: DataSet,
    split: str = "test",
    progress: bool = True,
    on_progress: Callable[[float], None] | None = None,
) -> SplitPredictions:
    """The predictions of a checkpoint for a split, from CHECKPOINT/answers/ if those are of these weights.

    Otherwise they are computed, and cached there if the folder can be written to.

    Args:
        checkpoint: the model.
        data: the data set.
        split: of the data set.
        progress: show a bar.
        on_progress: called instead of the bar, every 256 queries, with the share that is done; what it raises ends the
            work.

    Returns:
        The predictions, one row per query.

    Raises:
        InputError: as `recipes.evaluation_set` does: features that are missing or do not fit the model.
    """
    found = evaluation_set(data, checkpoint, split)
    path, key = _cache(checkpoint, data, split, found.queries)
    logits = _cached(path, key, len(found.queries), len(_spans(checkpoint)))
    if logits is None:
        if on_progress is None:
            logits = score_queries(checkpoint.model, found, progress=progress)
        else:
            logits = _in_parts(checkpoint, found, on_progress)
        try:
            write_tensors(path, {"logits": logits}, {"of": key})
        except OSError as error:
            warnings.warn(f"{path}: cannot be written ({error}): the predictions will be computed again", stacklevel=2)
    return SplitPredictions(found.queries, logits, _spans(checkpoint))


def cached_predictions(
    checkpoint: Checkpoint, data: DataSet, split: str, queries: Sequence[Query]
) -> SplitPredictions | None:
    """The predictions that `split_predictions` has cached; None if it would compute them.

    Args:
        checkpoint, data, split: as of `split_predictions`.
        queries: the split's.

    Returns:
        The predictions, one row per query, or None.
    """
    logits = _cached(*_cache(checkpoint, data, split, queries), len(queries), len(_spans(checkpoint)))
    return logits if logits is None else SplitPredictions(list(queries), logits, _spans(checkpoint))


def _spans(checkpoint: Checkpoint) -> Tensor:
    return checkpoint.model.moments.spans(torch.float64).cpu()


def _cache(checkpoint: Checkpoint, data: DataSet, split: str, queries: Sequence[Query]) -> tuple[Path, str]:
    """The file of the cached predictions, and the key that it must have."""
    # "answers": the name that caches have had from the first version on
    path = checkpoint.folder / "answers" / f"{data.name}-{split}.safetensors"
    return path, _fingerprint(checkpoint.folder / "model.safetensors", queries, data)


def _in_parts(checkpoint: Checkpoint, found: MomentDataset, on_progress: Callable[[float], None]) -> Tensor:
    parts = []
    for begin in range(0, len(found), 256):
        on_progress(begin / len(found))
        part = Subset(found, range(begin, min(begin + 256, len(found))))
        parts.append(score_queries(checkpoint.model, part))
    return torch.cat(parts)


def _cached(path: Path, key: str, *shape: int) -> Tensor | None:
    """The stored logits, if they are of this key, readable, and of this shape."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get("of") != key:
                return None
        logits = load_file(path)["logits"]
        if logits.shape == shape and logits.is_floating_point() and not logits.isnan().any():
            return logits
    except (SafetensorError, ValueError, KeyError, OSError):
        pass
    warnings.warn(f"{path}: damaged: the predictions are computed again", stacklevel=3)
    return None


def _fingerprint(weights: Path, queries: Sequence[Query], data: DataSet) -> str:
    """What the predictions depend on: the weights, settings and words, the queries, and which features there are."""
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    for name in ("config.json", "vocabulary.json"):
        digest.update(weights.with_name(name).read_bytes())
    for query in queries:
        digest.update(f"{query.video}\0{query.sentence}\0{query.duration}\n".encode())
    features = data.features.path.stat() if data.features is not None else None
    digest.update(repr(features and (features.st_size, features.st_mtime_ns)).encode())
    return digest.hexdigest()
