"""Sentences to numbers: tokeniser, vocabulary, word vectors (GloVe's, or random ones)."""

import contextlib
import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lgn_lite.errors import InputError
from lgn_lite.files import atomic_path

PAD, UNKNOWN = "<pad>", "<unk>"  # no token can look like these: the tokeniser drops < and >
APOSTROPHES = str.maketrans("‘’ʼ`´＇", "''''''")
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")  # letters and digits; apostrophes only between them


def tokenize(sentence: str) -> list[str]:
    """Split a sentence into words in lower case.

    Letters and digits make words, apostrophes stay inside them (don't, person's), everything else, hyphens
    too, separates and is dropped. 2D-TAN splits on blanks instead, and its last word keeps the full stop.
    Raises InputError for a sentence without a word.
    """
    # NFKC first: one spelling for composed and decomposed accents, ligatures, full-width letters
    words = WORD.findall(unicodedata.normalize("NFKC", sentence.translate(APOSTROPHES)).lower())
    if not words:
        raise InputError(f"the sentence {sentence!r} has no words; write one, such as 'person opens a door'")
    return words


class Vocabulary:
    """Words and their numbers: 0 is padding, 1 stands for every unknown word."""

    def __init__(self, words: Iterable[str]) -> None:
        """words: without the two special ones; their order gives the numbers."""
        self.words: list[str] = [PAD, UNKNOWN, *words]
        self._index = {word: i for i, word in enumerate(self.words)}
        if len(self._index) != len(self.words):
            raise InputError("the vocabulary names a word twice; each word needs one number")

    @classmethod
    def from_sentences(cls, sentences: Iterable[str]) -> "Vocabulary":
        """All words of the sentences, in alphabetical order: the same whatever the order of the sentences."""
        return cls(sorted({word for sentence in sentences for word in tokenize(sentence)}))

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, sentence: str) -> list[int]:
        """The numbers of a sentence's words. Raises InputError for a sentence without a word."""
        return [self._index.get(word, 1) for word in tokenize(sentence)]

    def unknown(self, sentence: str) -> list[str]:
        """The words of a sentence that the vocabulary lacks, in order."""
        return [word for word in tokenize(sentence) if word not in self._index]

    def save(self, path: str | Path) -> None:
        """Write the words as JSON."""
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps({"words": self.words}, ensure_ascii=False, indent=0), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """Read what `save` wrote. Raises InputError naming the file."""
        try:
            words = json.loads(Path(path).read_text(encoding="utf-8"))["words"]
            if words[:2] != [PAD, UNKNOWN] or not all(isinstance(word, str) for word in words):
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: not a readable vocabulary; save one with Vocabulary.save") from error
        return cls(words[2:])


def read_glove(path: str | Path, words: Sequence[str], dim: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Read the GloVe vectors of some words; the rest of the file (1 to 5 GB) is only skimmed.

    Returns vectors (V, dim) float32 aligned with `words`, zeros where the file lacks a word, and found (V,)
    bool. The result is kept beside the file and read from there the next time.
    Raises InputError, naming the file and the line, for a line that is not a word and `dim` numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the path of an unpacked GloVe file such as glove.6B.300d.txt")
    state = path.stat()
    key = hashlib.sha256(repr((list(words), dim, state.st_size, state.st_mtime_ns)).encode()).hexdigest()[:16]
    cache = path.with_name(f"{path.stem}.{key}.npz")
    if cache.exists():
        with np.load(cache) as stored:
            return stored["vectors"], stored["found"]

    vectors, found = np.zeros((len(words), dim), np.float32), np.zeros(len(words), bool)
    rows = {word.encode(): i for i, word in enumerate(words)}
    heads = {word.split(b" ")[0] for word in rows}
    if len(rows) != len(words):
        raise InputError("a word is asked for twice; name each once")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            line = line.rstrip()
            blanks = line.count(b" ")  # cheap on every line; only the lines asked for are taken apart
            if blanks < dim or (number == 1 and blanks != dim):
                raise InputError(
                    f"{path}:{number}: {blanks} numbers, not {dim}; give another dim, or fetch the file again"
                )
            if line[: line.index(b" ")] not in heads:
                continue
            word, *numbers = line.rsplit(b" ", dim)  # from the right: a few tokens of 840B contain blanks
            row = rows.get(word)
            if row is None or found[row]:  # the first of two entries counts
                continue
            try:
                vectors[row] = [float(x) for x in numbers]
                if not np.isfinite(vectors[row]).all():
                    raise ValueError("a number is not finite")
            except ValueError as error:
                raise InputError(f"{path}:{number}: {error}; fetch the file again") from error
            found[row] = True
    # a read-only folder, such as a cluster's shared one, only costs the skimming again
    with contextlib.suppress(OSError), atomic_path(cache) as temporary:
        np.savez(temporary, vectors=vectors, found=found)
    return vectors, found


def frequent_words(path: str | Path, count: int = 20_000) -> list[str]:
    """The words among the first `count` entries of a GloVe file, which stand in the order of their frequency.

    Only what `tokenize` would make of itself is a word. Raises InputError for a file that cannot be read.
    """
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            tokens = [line.split(" ", 1)[0] for line in islice(file, count)]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give an unpacked GloVe file") from error
    return [token for token in tokens if WORD.fullmatch(token) and tokenize(token) == [token]]


@dataclass(frozen=True, eq=False)
class WordVectors:
    """A vector for each word of a vocabulary, and what people should know of them."""

    vectors: Tensor  # (V, dim) float32, in the vocabulary's order
    unknown: list[str]  # the words without a vector of their own
    source: str  # one line: the file and what it lacks, or why the vectors are random


def word_vectors(
    vocabulary: Vocabulary,
    glove: str | Path | None,
    dim: int = 300,
    seed: int = 0,
    sentences: Iterable[str] = (),
) -> WordVectors:
    """The vectors a sentence encoder starts from: those of a GloVe file, or random ones where there is none.

    Padding, <unk> and words that GloVe lacks have zeros, as in 2D-TAN; GloVe cuts person's into person and 's, so words
    with an apostrophe are among them. Our words are in lower case, as all of 6B's are; of 840B, whose tokens keep
    their case, only the entries in lower case are used. Random vectors are normal, as large as GloVe's. `sentences`
    only serve to say which part of their running words is unknown.
    Raises InputError, as `read_glove` does, for a file that is damaged or has vectors of another width.
    """
    words = vocabulary.words[2:]  # without padding and <unk>: a file may hold a token of that name
    if glove is None or not Path(glove).is_file():
        vectors = 0.4 * torch.randn(len(vocabulary), dim, generator=torch.Generator().manual_seed(seed))
        vectors[:2] = 0
        where = "was given" if glove is None else f"at {glove}; `lgn-lite data get glove-6b` fetches it"
        return WordVectors(vectors, words, f"random vectors (seed {seed}): no GloVe file {where}")
    found_vectors, found = read_glove(glove, words, dim)
    vectors = torch.cat([torch.zeros(2, dim), torch.from_numpy(found_vectors)])
    unknown = [word for word, known in zip(words, found, strict=True) if not known]
    counts = Counter(word for sentence in sentences for word in tokenize(sentence))
    source = f"{Path(glove).name}: {len(unknown):,} of {len(counts or words):,} words unknown"
    if counts:
        source += f", {sum(counts[word] for word in unknown) / counts.total():.2%} of the running words"
    if unknown:
        source += f" ({', '.join(unknown[:5])}{', …' if len(unknown) > 5 else ''})"
    return WordVectors(vectors, unknown, source)
