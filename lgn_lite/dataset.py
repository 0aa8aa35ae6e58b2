"""Queries + features + words → batches. Each video's features are prepared once, not once a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from lgn_lite.annotations import Query
from lgn_lite.errors import InputError
from lgn_lite.features import FeatureStore, to_fixed_length
from lgn_lite.text import Vocabulary

Batch = dict[str, Tensor]


class MomentDataset(Dataset):
    """Queries with the features of their videos at fixed length.

    Args:
        queries: what to retrieve, in order.
        features: the store that holds every video of the queries.
        encode: a sentence to (W,) word numbers or (W, word_dim) word vectors.
        num_frames: T, the fixed length that a video's features are averaged to.
        frame_norm: "none", or "l2": each stored vector is divided by its norm first, as 2D-TAN does.
        blind: replace all features by zeros: what a model reaches that never sees the video.

    Raises InputError for a query whose video is absent from the features, naming both.
    """

    def __init__(
        self,
        queries: Sequence[Query],
        features: FeatureStore,
        encode: Callable[[str], Tensor],
        num_frames: int,
        frame_norm: str = "none",
        blind: bool = False,
    ):
        if not queries:
            raise InputError("no queries: the split is empty")
        for query in queries:
            if query.video not in features:
                raise InputError(
                    f"video {query.video!r} has a query ({query.sentence!r}) but no features in {features.path}: "
                    "extract them, or leave its queries out"
                )
        self.queries, self.features = list(queries), features
        self.num_frames, self.frame_norm, self.blind = num_frames, frame_norm, blind
        self._words = [encode(query.sentence) for query in self.queries]
        self._videos: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return len(self.queries)

    def video(self, name: str) -> Tensor:
        """(T, D) prepared features of a video, kept after the first call."""
        if name not in self._videos:
            self._videos[name] = prepare_features(self.features[name], self.num_frames, self.frame_norm)
            if self.blind:
                self._videos[name] = torch.zeros_like(self._videos[name])
        return self._videos[name]

    def __getitem__(self, index: int) -> Batch:
        query = self.queries[index]
        return {
            "index": torch.tensor(index),
            "video": self.video(query.video),
            "words": self._words[index],
            "span": torch.tensor(query.span, dtype=torch.float32),  # fractions of the video
            "duration": torch.tensor(query.duration, dtype=torch.float32),  # seconds
        }


def encode_with(vocabulary: Vocabulary) -> Callable[[str], Tensor]:
    """What turns a sentence into its (W,) word numbers."""
    return lambda sentence: torch.tensor(vocabulary.encode(sentence))


def prepare_features(features: np.ndarray, num_frames: int, frame_norm: str = "none") -> Tensor:
    """(T₀, D) stored features → (num_frames, D): the one preparation for training and for prediction."""
    x = torch.from_numpy(np.asarray(features, dtype=np.float32))
    return to_fixed_length(F.normalize(x, dim=1) if frame_norm == "l2" else x, num_frames)


def collate(items: Sequence[Batch]) -> Batch:
    """Stack items; sentences are padded with zeros to the longest, `word_counts` tells their lengths."""
    batch = {key: torch.stack([item[key] for item in items]) for key in ("index", "video", "span", "duration")}
    batch["words"] = pad_sequence([item["words"] for item in items], batch_first=True)
    batch["word_counts"] = torch.tensor([len(item["words"]) for item in items])
    return batch
