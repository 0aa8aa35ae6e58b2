"""Which words lie close to each other in a table of word vectors, learned or GloVe's."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import torch.nn.functional as F
from torch import Tensor

from lgn_lite.errors import InputError
from lgn_lite.text import Vocabulary

FIRST_WORD = 2  # before it are padding and <unk>


def nearest_words(
    vocabulary: Vocabulary, vectors: Tensor, words: Iterable[str], count: int = 3, among: Collection[str] | None = None
) -> dict[str, list[tuple[str, float]]]:
    """Find the nearest neighbours of some words by the cosine of their vectors.

    Args:
        vocabulary: of the table.
        vectors: (V, word_dim) the table, such as a model's `sentence.embedding.weight`.
        words: whose neighbours are looked for.
        count: neighbours per word.
        among: only these words may be neighbours, such as those of the training sentences; None: all.

    Returns:
        {word: [(neighbour, cosine), …]}, nearest first. The list is empty for a word that the vocabulary lacks or that
        has zeros, as a word that GloVe lacks: to the model all such words are one and the same.

    Raises:
        InputError: if the table has not one row for each word of the vocabulary.
    """
    if len(vectors) != len(vocabulary):
        raise InputError(f"{len(vectors)} vectors for {len(vocabulary)} words: give the table of this vocabulary")
    units = F.normalize(vectors.detach().float(), dim=1)  # (V, word_dim); zeros stay zeros
    known = {word: i for i, word in enumerate(vocabulary.words) if i >= FIRST_WORD and units[i].any()}
    allowed = [word for word in known if among is None or word in among]
    rows = [known[word] for word in allowed]
    found: dict[str, list[tuple[str, float]]] = {}
    for word in words:
        found[word] = []
        if word in known:
            cosines = units[rows] @ units[known[word]]  # (A,)
            order = cosines.argsort(descending=True, stable=True).tolist()
            ranked = [(allowed[i], cosines[i].item()) for i in order if allowed[i] != word]
            found[word] = ranked[:count]
    return found
