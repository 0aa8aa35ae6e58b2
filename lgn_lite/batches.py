"""Queries + features + words → batches. Each video's features are prepared once, not once a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset
from tqdm import tqdm

from lgn_lite.annotations import Query
from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.features import ABSENT, FeatureStore, faults_error, prepare_features

Batch = dict[str, Tensor]


class MomentDataset(Dataset):
    """Queries with the features of their videos at fixed length.

    Args:
        queries: what to retrieve, in order.
        features: (T₀, D) arrays by video, for every video of the queries, all checked here except their numbers; a
            blind data set needs none (None).
        encode: a sentence to (W,) word numbers or (W, word_dim) word vectors.
        config: the model's settings; `num_frames`, `visual_dim` and `frame_norm` decide what it is given.
        blind: replace all features by zeros: what a model reaches that never sees the video.
        memory: bytes of prepared features to keep; videos beyond it are read and prepared for each query.

    Raises InputError for queries whose videos have no features, or unfit ones: it counts the videos and names the first
    ten. Also for features of another width than the model's.
    """

    def __init__(
        self,
        queries: Sequence[Query],
        features: FeatureStore | None,
        encode: Callable[[str], Tensor],
        config: LGNConfig,
        blind: bool = False,
        memory: float = 4e9,
    ):
        if not queries:
            raise InputError("no queries: the split is empty")
        if features is None and not blind:
            raise InputError("no features: extract or fetch them, or train the blind variant, which needs none")
        if not blind:
            _check_features(queries, features, config)
        self.queries, self.features, self.config, self.blind = list(queries), features, config, blind
        self._words = [encode(query.sentence) for query in self.queries]
        self._videos: dict[str, Tensor] = {}
        self._blank = torch.zeros(config.num_frames, config.visual_dim) if blind else None
        self._kept = int(memory // (4 * config.num_frames * config.visual_dim))  # videos, in single precision

    def __len__(self) -> int:
        return len(self.queries)

    def video(self, name: str) -> Tensor:
        """(T, D) prepared features of a video."""
        if self._blank is not None:
            return self._blank
        if name in self._videos:
            return self._videos[name]
        prepared = prepare_features(self.features[name], self.config.num_frames, self.config.frame_norm)
        if len(self._videos) < self._kept:
            self._videos[name] = prepared
        return prepared

    def preload(self, progress: bool = True) -> None:
        """Prepare all videos that memory holds: loader processes, begun anew each epoch, then share them."""
        if self.blind:
            return
        names = list(dict.fromkeys(query.video for query in self.queries))[: self._kept]
        for name in tqdm(names, "features", unit="video", disable=not progress):
            self.video(name)

    def __getitem__(self, index: int) -> Batch:
        query = self.queries[index]
        return {
            "index": torch.tensor(index),
            "video": self.video(query.video),
            "words": self._words[index],
            "span": torch.tensor(query.span, dtype=torch.float32),  # fractions of the video
            "duration": torch.tensor(query.duration, dtype=torch.float32),  # seconds
        }


def _check_features(queries: Sequence[Query], features: FeatureStore, config: LGNConfig) -> None:
    """Raise InputError for videos without features, or with features that the model cannot take; reads no numbers."""
    sentences = {query.video: query.sentence for query in reversed(queries)}  # a video's first
    videos = list(dict.fromkeys(query.video for query in queries))
    if isinstance(features, FeatureStore):
        faults = features.faults(videos, config.visual_dim)
    else:
        faults = {video: ABSENT for video in videos if video not in features}
    if list(faults.values()) == [ABSENT]:
        (video,) = faults
        raise InputError(
            f"video {video!r} has a query ({sentences[video]!r}) but no features in {features.path}: extract them, or "
            "leave its queries out"
        )
    if faults:
        raise faults_error(features.path, faults, len(videos))
    if features.dim != config.visual_dim:
        raise InputError(
            f"{features.path}: features {features.dim} wide, but visual_dim={config.visual_dim}: "
            "give the features that the model was made for, or set visual_dim"
        )


def collate(items: Sequence[Batch]) -> Batch:
    """Stack items; sentences are padded with zeros to the longest, `word_counts` tells their lengths."""
    batch = {key: torch.stack([item[key] for item in items]) for key in ("index", "video", "span", "duration")}
    batch["words"], batch["word_counts"] = pad_words([item["words"] for item in items])
    return batch


def pad_words(words: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Sentences (W,) or (W, word_dim) → (B, W) or (B, W, word_dim), padded with zeros, and their lengths (B,)."""
    return pad_sequence(list(words), batch_first=True), torch.tensor([len(sentence) for sentence in words])
