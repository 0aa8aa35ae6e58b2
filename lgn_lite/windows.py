"""Long videos: predictions in overlapping windows, so that an hour is searched at the precision of a minute.

A map has as many candidates for an hour as for a minute. Cut into windows of the length of the training videos, each
window has a map of its own; its scores predict an IoU, and compare across windows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lgn_lite.batches import MomentDataset
from lgn_lite.errors import InputError
from lgn_lite.evaluation import score_sentences
from lgn_lite.features import prepare_features
from lgn_lite.jsonl import Ranked
from lgn_lite.metrics import temporal_nms
from lgn_lite.model import LGN
from lgn_lite.scoring import AP_WINDOWS
from lgn_lite.support.bars import bar

MOST_WINDOWS = 10_000  # of one video


class Windows(NamedTuple):
    """How a video is cut: windows of `window` seconds, one every `stride` seconds."""

    window: float
    stride: float

    def spans(self, duration: float) -> list[tuple[float, float]]:
        """Starts and ends in seconds; the last one ends with the video, and one as short as a window is not cut.

        Raises InputError for what would be more than 10,000 windows.
        """
        if duration <= self.window:
            return [(0.0, duration)]
        count = math.ceil((duration - self.window) / self.stride) + 1
        if count > MOST_WINDOWS:
            raise InputError(f"{count:,} windows in a video of {duration:,.0f} s; at most {MOST_WINDOWS:,}: widen them")
        starts = [min(i * self.stride, duration - self.window) for i in range(count)]
        return [(start, start + self.window) for start in starts]


def cut(window: float | None, stride: float | None = None) -> Windows | None:
    """Windows as a user gives them, by default one every half window; None for a window of None.

    Raises InputError for a window or a stride that is not above 0, and a stride that leaves gaps.
    """
    if window is None:
        if stride is not None:
            raise InputError(f"stride={stride:g} without a window: give window, in seconds, too")
        return None
    stride = window / 2 if stride is None else stride
    if not (0 < window < math.inf and 0 < stride <= window):
        raise InputError(f"window={window:g}, stride={stride:g}: seconds above 0, the stride at most the window")
    return Windows(float(window), float(stride))


class Candidates(NamedTuple):
    """All candidates of all windows of a video, for several sentences."""

    segments: Tensor  # (M, 2) seconds, float64; M = windows × P
    logits: Tensor  # (S, M)

    @property
    def scores(self) -> Tensor:
        """(S, M) in (0, 1)."""
        return self.logits.sigmoid()

    def best(self, sentence: int, keep: int, nms: float) -> Ranked:
        """The first predictions for a sentence after NMS over all windows."""
        scores, order = self.scores[sentence].sort(descending=True, stable=True)
        kept = temporal_nms(self.segments[order], nms, keep)
        return Ranked([(a, b) for a, b in self.segments[order[kept]].tolist()], scores[kept].tolist())


def score_windows(
    model: LGN, features: np.ndarray, duration: float, words: Sequence[Tensor], windows: Windows
) -> Candidates:
    """Score the candidates of each window of a video for several sentences.

    Args:
        model: the model.
        features: (T₀, D) stored features, evenly over the whole video.
        duration: of the video, seconds.
        words: of each of S sentences (W,) numbers, or (W, word_dim) vectors.
        windows: how the video is cut.
    """
    rows, config = len(features), model.config
    segments, logits = [], []
    for start, end in windows.spans(duration):
        first = min(round(start / duration * rows), rows - 1)
        part = features[first : max(round(end / duration * rows), first + 1)]
        prepared = prepare_features(part, config.num_frames, config.frame_norm)
        logits.append(score_sentences(model, prepared, words))  # (S, P)
        inside = start + model.moments.spans(torch.float64).cpu() * (end - start)
        segments.append(inside.clamp(max=duration))  # a sum may round beyond the video
    return Candidates(torch.cat(segments), torch.cat(logits, dim=1))


def ranked_in_windows(
    model: LGN, data: MomentDataset, windows: Windows, keep: int = AP_WINDOWS, progress: bool = False
) -> list[Ranked]:
    """The first predictions for each query of a data set, its videos cut into windows.

    Args:
        model: the model; its own threshold of NMS holds.
        data: the queries, with their features; not of a blind model, which sees none.
        windows: how each video is cut.
        keep: predictions per query.
        progress: show a bar.

    Returns:
        One for each query, in order.

    Raises:
        InputError: for a blind data set, and as `Windows.spans`.
    """
    if data.blind:
        raise InputError("a blind model sees no video: there is nothing to cut into windows")
    of_video: dict[str, list[int]] = {}
    for i, query in enumerate(data.queries):
        of_video.setdefault(query.video, []).append(i)
    found: dict[int, Ranked] = {}
    for video, numbers in bar(of_video.items(), "predictions", unit="video", progress=progress):
        words = [data.words(i) for i in numbers]
        candidates = score_windows(model, data.features[video], data.queries[numbers[0]].duration, words, windows)
        found |= {i: candidates.best(n, keep, model.config.nms) for n, i in enumerate(numbers)}
    return [found[i] for i in range(len(data.queries))]
