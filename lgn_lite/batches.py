"""Queries + features + words → batches. Each video's features are prepared once, not once per query."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from lgn_lite.annotations import Query
from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.features import ABSENT, EITHER, FeatureStore, faults_error, prepare_features
from lgn_lite.support.bars import bar

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
        memory: bytes of prepared features to cache; videos beyond it are read and prepared for each query.

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
        # All sentences are encoded here: they are small, and one that cannot be encoded is reported before training.
        self._words = [encode(query.sentence) for query in self.queries]
        self._videos: dict[str, Tensor] = {}
        # One tensor for all videos. A model trained on it learns what sentences and the priors of annotators give away:
        # for the score that it reaches, no video is needed.
        self._blank = torch.zeros(config.num_frames, config.visual_dim) if blind else None
        # Charades-STA has more than two sentences per video, TACoS more than a hundred (Table 1): caching pays.
        self._cached = int(memory // (4 * config.num_frames * config.visual_dim))  # videos, in single precision

    def __len__(self) -> int:
        return len(self.queries)

    def video(self, name: str) -> Tensor:
        """(T, D) prepared features of a video."""
        if self._blank is not None:
            return self._blank
        if name in self._videos:
            return self._videos[name]
        prepared = prepare_features(self.features[name], self.config.num_frames, self.config.frame_norm)
        # No video is evicted for another: in a random order each is as likely as any other to be the next.
        if len(self._videos) < self._cached:
            self._videos[name] = prepared
        return prepared

    def words(self, index: int) -> Tensor:
        """(W,) word numbers or (W, word_dim) word vectors of a query's sentence."""
        return self._words[index]

    def preload(self, progress: bool = True) -> None:
        """Prepare all videos that memory holds: loader processes, started again each epoch, then share them."""
        if self.blind:
            return
        names = list(dict.fromkeys(query.video for query in self.queries))[: self._cached]
        for name in bar(names, "features", unit="video", progress=progress):
            self.video(name)

    def __getitem__(self, index: int) -> Batch:
        query = self.queries[index]
        return {
            "index": torch.tensor(index),
            "video": self.video(query.video),  # (T, D)
            "words": self._words[index],  # (W,) or (W, word_dim)
            # The model knows no seconds: a map of N clips covers a video of any duration.
            # (2,) fractions of the video, (W, 2) of a query with several windows
            "span": torch.tensor(query.spans if query.others else query.span, dtype=torch.float32),
            "duration": torch.tensor(query.duration, dtype=torch.float32),  # seconds
        }


def _check_features(queries: Sequence[Query], features: FeatureStore, config: LGNConfig) -> None:
    """Raise InputError for videos without features, or with features that the model cannot take; reads no numbers."""
    sentences = {query.video: query.sentence for query in reversed(queries)}  # a video's first
    videos = list(dict.fromkeys(query.video for query in queries))
    # All videos before the first step: one that is missing would else end a training after hours.
    if isinstance(features, FeatureStore):
        faults = features.faults(videos, config.visual_dim)
    else:
        faults = {video: ABSENT for video in videos if video not in features}
    if list(faults.values()) == [ABSENT]:
        (video,) = faults
        raise InputError(
            f"video {video!r} has a query ({sentences[video]!r}) but no features in {features.path}, {EITHER}: extract "
            "them, or leave its queries out"
        )
    if faults:
        raise faults_error(features, faults, len(videos))
    if features.dim != config.visual_dim:
        raise InputError(
            f"{features.path}: features {features.dim} wide, but visual_dim={config.visual_dim}: "
            "give the features that the model was made for, or set visual_dim"
        )


def collate(items: Sequence[Batch]) -> Batch:
    """Stack items; sentences are padded with zeros to the longest, `word_counts` holds their lengths."""
    # Features have a fixed length, so videos stack as they are, (B, T, D); only sentences differ. Words are counted,
    # not read off the zeros: a word that GloVe lacks may have a vector of zeros too.
    batch = {key: torch.stack([item[key] for item in items]) for key in ("index", "video", "duration")}
    batch["span"] = stack_windows([item["span"].view(-1, 2) for item in items])  # (B, 2), or (B, W, 2)
    batch["words"], batch["word_counts"] = pad_words([item["words"] for item in items])
    return batch


def stack_windows(windows: Sequence[Tensor]) -> Tensor:
    """The true windows (W_q, 2) of Q queries as one tensor: (Q, 2) if each has one, else (Q, W, 2).

    A query of fewer windows repeats its last one, which changes no best overlap.
    """
    most = max(map(len, windows), default=1)
    if most == 1:
        return torch.cat(list(windows)) if windows else torch.zeros(0, 2)
    return torch.stack([torch.cat([found, found[-1:].expand(most - len(found), 2)]) for found in windows])


def pad_words(words: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Sentences (W,) or (W, word_dim) → (B, W) or (B, W, word_dim), padded with zeros, and their lengths (B,)."""
    return pad_sequence(list(words), batch_first=True), torch.tensor([len(sentence) for sentence in words])
