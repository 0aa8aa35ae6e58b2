"""What the inspector draws, as plain dictionaries: numbers are packed as little-endian bytes, text stays text.

A `ComparedModel` is one of the one or two models of a page. Its methods return what `widget.js` takes apart again;
nothing here knows of widgets. P candidates, C channels, K guidance modules, D visual width, T frames, as everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lgn_lite.analysis.explanation import (
    Explanation,
    Gates,
    explain,
    mean_alpha,
    top_predictions,
    word_effects,
)
from lgn_lite.analysis.predictions import SplitPredictions, cached_predictions
from lgn_lite.annotations import Query
from lgn_lite.batches import MomentDataset
from lgn_lite.checkpoint import Checkpoint, baseline_folder, load_checkpoint
from lgn_lite.config import variant_title
from lgn_lite.data_sets import DataSet
from lgn_lite.errors import InputError
from lgn_lite.evaluation import score_sentences
from lgn_lite.loss import iou_targets
from lgn_lite.prediction import frame_encoder, nothing_found, video_features
from lgn_lite.recipes import evaluation_set
from lgn_lite.support.error_lines import os_error_line
from lgn_lite.text import tokenize
from lgn_lite.video.encoder import FrameEncoder

CHANNELS = 4  # raised and lowered channels, each with its map
FEATURES = 12  # channels of an early unit that are drawn over time, the most changed ones
SENTENCES = 500  # of the split, whose mean α is that of no sentence in particular
MEMORY = 3e8  # bytes of prepared features that a model caches: a page goes through many videos
FAILURES = (InputError, OSError, RuntimeError, MemoryError)  # that one query or file can cause, long after the start


def failure(error: Exception) -> str:
    """What the page says of one of `FAILURES`: one line."""
    text = os_error_line(error) if isinstance(error, OSError) else str(error) or "there is not enough memory"
    return text.splitlines()[0]


def packed(values, dtype: str = "<f4") -> bytes:
    """Numbers as the bytes of a Float32Array ("<f4") or an Int32Array ("<i4"), row-major."""
    return np.ascontiguousarray(torch.as_tensor(values).detach().cpu().numpy(), dtype=dtype).tobytes()


def _required_features(checkpoint: Checkpoint) -> tuple:
    """What decides the prepared features of a video file: models that agree in it can share them."""
    about, config = checkpoint.about, checkpoint.model.config
    return about.encoder, about.layer, about.rate, config.num_frames, config.frame_norm, config.visual_dim


@dataclass
class ComparedModel:
    """One of the models that are compared, and what it needs to predict; `message` says why it cannot."""

    name: str
    checkpoint: Checkpoint
    queries: MomentDataset | None = None  # of the split, with their features
    own_video: Tensor | None = None  # (T, D) features of the reader's video file
    predictions: SplitPredictions | None = None  # of the whole split, once they are there
    message: str = ""  # why there are no predictions for the split
    own_message: str = ""  # why there are none for the reader's video
    _last: tuple[Any, Explanation | None] = field(default=(None, None), repr=False)
    _neutral: Tensor | None = field(default=None, repr=False)  # (C,) α of the modules without the sentence

    def open_split(self, data: DataSet, split: str) -> None:
        """Take the queries of a split, and the cached predictions; says in `message` what prevents it."""
        self.queries, self.predictions, self.message, self._last = None, None, "", (None, None)
        try:
            self.queries = evaluation_set(data, self.checkpoint, split, MEMORY)
        except (InputError, OSError) as error:
            self.message = failure(error)
            return
        with suppress(OSError):  # a checkpoint whose files are gone meanwhile still predicts from memory
            self.predictions = cached_predictions(self.checkpoint, data, split, self.queries.queries)

    def take_video(self, found: Tensor | str) -> None:
        """Take what `read_video` found for this model: another video is the reader's own from now on."""
        self.own_video, self.own_message = (None, found) if isinstance(found, str) else (found, "")

    def why_not(self, number: int) -> str:
        """Why this model cannot predict for the query of this number (−1: the reader's own video); "" if it can."""
        if number < 0:
            return self.own_message
        return self.message

    def video(self, number: int) -> Tensor:
        """(T, D) prepared features of the video of a query."""
        return self.own_video if number < 0 else self.queries.video(self.queries.queries[number].video)

    def scores(self, number: int, sentence: str) -> Tensor:
        """(P,) scores; the cached ones if the sentence is the query's own."""
        if self.predictions is not None and number >= 0 and sentence == self.predictions.queries[number].sentence:
            return self.predictions.logits[number].sigmoid()
        words = self.checkpoint.encode(sentence)
        return score_sentences(self.checkpoint.model, self.video(number), [words])[0].sigmoid()

    def setup(self) -> dict[str, Any]:
        """What does not change with the query: the settings, and the P candidates as int32 clips, end inclusive."""
        model, about = self.checkpoint.model, self.checkpoint.about
        config = model.config
        return {
            "name": self.name, "trained_on": about.data, "epoch": self.checkpoint.trained.get("epoch", ""),
            "N": config.num_clips, "P": len(model.moments), "C": config.hidden, "K": config.guidance,
            "units": len(model.frames.units()), "t_min": config.t_min, "t_max": config.t_max, "nms": config.nms,
            "starts": packed(model.moments.start_index, "<i4"), "ends": packed(model.moments.end_index, "<i4"),
        }  # fmt: skip

    def view(
        self, number: int, sentence: str, duration: float, ground_truth: Sequence[tuple[float, float]] | None
    ) -> dict[str, Any]:
        """The map of one query.

        Args:
            number: of the query; −1: the reader's own video.
            sentence: as edited.
            duration: of the video, seconds.
            ground_truth: the true windows, seconds, if known for the sentence as edited.

        Returns:
            The scores and, with a ground truth, IoU and label of the P candidates; five predictions; what NMS removed;
            a notice if nothing is found.
        """
        if message := self.why_not(number):
            return {"message": message}
        model = self.checkpoint.model
        try:
            scores = self.scores(number, sentence)
        except FAILURES as error:  # of this query's features, say: the others are shown
            return {"message": f"{self.name}: {failure(error)}"}
        spans = model.moments.spans(torch.float64).cpu()
        iou = None
        if ground_truth is not None:
            iou = model.moments.iou(torch.tensor([ground_truth], dtype=torch.float64) / duration)[0].cpu()
        best, dropped = top_predictions(model, scores)
        predictions = [
            {
                "candidate": p, "start": spans[p, 0].item() * duration, "end": spans[p, 1].item() * duration,
                "score": scores[p].item(), "iou": None if iou is None else iou[p].item(),
            }
            for p in best
        ]  # fmt: skip
        drawn = {"scores": packed(scores), "predictions": predictions, "dropped": packed(dropped, "<i4"), "message": ""}
        drawn["notice"] = nothing_found(scores)
        if iou is None:
            return drawn | {"iou": None, "target": None}
        target = iou_targets(iou, model.config.t_min, model.config.t_max)
        return drawn | {"iou": packed(iou), "target": packed(target)}

    def explanation(self, number: int, sentence: str) -> Explanation:
        """`explain`, remembered for the last sentence: two of the page's tabs need it."""
        key = (number, sentence, id(self.own_video))
        if self._last[0] != key:
            if self._neutral is None and self.queries is not None:
                sentences = [query.sentence for query in self.queries.queries[:SENTENCES]]
                self._neutral = mean_alpha(self.checkpoint, sentences)
            words = self.checkpoint.encode(sentence)
            found = explain(self.checkpoint.model, self.video(number), words, self._neutral)
            self._last = (key, found)
        return self._last[1]

    def late(self, number: int, sentence: str) -> dict[str, Any]:
        """Late guidance: α (C,), steps (K + 1, P), the channels that it raises and lowers most, each with its map."""
        if message := self.why_not(number):
            return {"message": message}
        found = self.explanation(number, sentence)
        if found.alpha is None:
            return {
                "message": f"{self.name} has no late guidance: the sentence raises and lowers no channel of its map."
            }
        drawn = {"message": "", "alpha": packed(found.alpha), "steps": packed(found.steps)}
        for name, channels in zip(("raised", "lowered"), found.strongest(CHANNELS), strict=True):
            drawn[name] = [
                {
                    "channel": c, "alpha": found.alpha[c].item(), "weight": found.readout[c].item(),
                    "map": packed(found.features[:, c]),
                }
                for c in channels.tolist()
            ]  # fmt: skip
        return drawn

    def early(self, number: int, sentence: str) -> dict[str, Any]:
        """Early modulation: for each unit its gates, and the most changed channels' features before and after it."""
        if message := self.why_not(number):
            return {"message": message}
        units = self.explanation(number, sentence).gates
        if not units:
            return {"message": f"{self.name} has no early modulation: it sees the same frames whatever the sentence."}
        return {"message": "", "units": [_unit(gates) for gates in units]}

    def words(self, number: int, sentence: str) -> dict[str, Any]:
        """What leaving out each word does to the score of the prediction, and to its span, fractions of the video."""
        if message := self.why_not(number):
            return {"message": message}
        effects = word_effects(self.checkpoint, self.video(number), sentence)
        return {"message": "", "effects": [vars(effect) for effect in effects]}


def encoders(models: list[ComparedModel], given: FrameEncoder | None) -> list[FrameEncoder | str]:
    """Each model's frame encoder, or the sentence that says why it can see no video file."""
    found: list[FrameEncoder | str] = []
    for model in models:
        try:
            found.append(frame_encoder(model.checkpoint, given))
        except InputError as error:  # the other model may take a video all the same
            found.append(f"{model.name}: {failure(error)}")
    return found


def read_video(models: list[ComparedModel], path: Path, given: FrameEncoder | None) -> list[Tensor | str]:
    """Each model's (T, D) features of a video file, extracted once for models that need the same; else why not.

    Raises InputError for a file that is no readable video.
    """
    extracted: dict[tuple, Tensor] = {}
    found: list[Tensor | str] = []
    for model, encoder in zip(models, encoders(models, given), strict=True):
        if not isinstance(encoder, str):
            required = _required_features(model.checkpoint)
            if required not in extracted:
                extracted[required], _ = video_features(model.checkpoint, path, encoder)
            encoder = extracted[required]
        found.append(encoder)
    return found


def open_models(
    checkpoint: Checkpoint | str | Path, baseline: Checkpoint | str | Path | bool | None
) -> tuple[list[ComparedModel], list[str]]:
    """The models of `Inspector`, one or two, and notices if the second is missing."""
    notices: list[str] = []
    folder = checkpoint.folder if isinstance(checkpoint, Checkpoint) else Path(checkpoint)
    if baseline is None:
        baseline = baseline_folder(folder)
    with ThreadPoolExecutor(2) as pool:  # a model of TACoS takes a second
        loading = None if baseline in (None, False) else pool.submit(_load, baseline)
        first = _load(checkpoint)
    if baseline is None and first.variant != "baseline":
        notices.append("There is no baseline next to this checkpoint: give baseline=… to compare two models.")
    if loading is None:
        return [ComparedModel(_name(first), first)], notices
    try:
        second = loading.result()
    except (InputError, OSError) as error:
        return [ComparedModel(_name(first), first)], [f"The baseline cannot be opened: {failure(error)}"]
    names = [_name(first), _name(second)]
    if names[0] == names[1]:
        names = [f"{name} {letter}" for name, letter in zip(names, "AB", strict=True)]
    return [ComparedModel(names[0], first), ComparedModel(names[1], second)], notices


def _load(checkpoint: Checkpoint | str | Path) -> Checkpoint:
    return checkpoint if isinstance(checkpoint, Checkpoint) else load_checkpoint(checkpoint)


def _name(checkpoint: Checkpoint) -> str:
    """What people call its variant, or its folder's name."""
    return variant_title(checkpoint.variant) or checkpoint.folder.name


def _unit(gates: Gates) -> dict[str, Any]:
    """One early modulation unit; the features of some channels are (channels, T), in the order of `channels`."""
    channels = gates.most_changed(FEATURES)
    return {
        "gate": packed(gates.gate), "shift": None if gates.shift is None else packed(gates.shift),
        "channels": channels.tolist(), "T": len(gates.before), "moved": packed(gates.moved),
        "before": packed(gates.before[:, channels].T), "after": packed(gates.after[:, channels].T),
    }  # fmt: skip


def table(queries: list[Query]) -> dict[str, Any]:
    """The columns of a split that no model changes; times in seconds as float32."""
    return {
        "count": len(queries),
        "sentence": [query.sentence for query in queries],
        "video": [query.video for query in queries],
        "kind": [query.tags.get("kind", "") for query in queries],
        "start": packed([query.start for query in queries]),
        "end": packed([query.end for query in queries]),
        "duration": packed([query.duration for query in queries]),
        "words": packed([_word_count(query.sentence) for query in queries], "<i4"),
    }


def _word_count(sentence: str) -> int:
    try:
        return len(tokenize(sentence))
    except InputError:
        return 0


def prediction_columns(models: list[ComparedModel]) -> dict[str, Any]:
    """The columns that models add: each one's first prediction and its IoU, and how much two of them disagree."""
    columns: dict[str, Any] = {"models": [], "disagreement": None}
    for model in models:
        found = model.predictions
        columns["models"].append(
            None if found is None else {"iou": packed(found.iou), "segments": packed(found.segments)}
        )
    both = [model.predictions for model in models if model.predictions is not None]
    if len(both) == 2:
        columns["disagreement"] = packed(both[0].disagreement(both[1]))
    return columns
