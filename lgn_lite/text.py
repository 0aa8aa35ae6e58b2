"""Sentences to numbers: tokeniser, vocabulary, word vectors (GloVe's, or random ones)."""

import contextlib
import hashlib
import json
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from lgn_lite.errors import InputError
from lgn_lite.support.files import atomic_path
from lgn_lite.support.reading import read_json, regular_file, shown
from lgn_lite.support.words import MOST_LETTERS, MOST_WORDS, find_words

PAD, UNKNOWN = "<pad>", "<unk>"  # no token can look like these: the tokeniser drops < and >
# The part of GloVe that the package carries (public domain), see data_scripts/build_word_vectors.py
GLOVE_50 = Path(__file__).parent / "glove" / "glove_6b_50d.safetensors"


def tokenize(sentence: str) -> list[str]:
    """Split a sentence into words in lower case.

    Letters and digits make words, accents and vowel signs belong to their letters, apostrophes stay inside (don't,
    person's), everything else, hyphens too, separates and is dropped. 2D-TAN splits on blanks instead, and its last
    word keeps the full stop. `words.py` holds the rules.
    Raises InputError for a sentence without a word, and for one of more than 1,000 words or 20,000 characters.
    """
    if len(sentence) > MOST_LETTERS:
        found = f"{len(sentence):,} characters"
    else:
        words = find_words(sentence)
        if 0 < len(words) <= MOST_WORDS:
            return words
        if not words:
            raise InputError(f"the sentence {shown(sentence)} has no words; write one, such as 'person opens a door'")
        found = f"{len(words):,} words"
    bounds = f"{MOST_WORDS:,} words and {MOST_LETTERS:,} characters"
    raise InputError(f"the sentence {shown(sentence)} has {found}; one may have {bounds}; split it")


class Vocabulary:
    """Words and their numbers: 0 is padding, 1 is every unknown word."""

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
        advice = "save one with Vocabulary.save"
        try:
            words = read_json(Path(path), advice).get("words")
            if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
                raise InputError(f"words must be a list of texts; {advice}")
            if words[:2] != [PAD, UNKNOWN]:
                raise InputError(f"the first words must be {PAD} and {UNKNOWN}; {advice}")
            return cls(words[2:])
        except InputError as error:
            reason = str(error).removeprefix(str(path)).lstrip(": ")
            raise InputError(f"{path}: not a readable vocabulary: {reason}") from error


def read_glove(path: str | Path, words: Sequence[str], dim: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Read the GloVe vectors of some words; the rest of the file (1 to 5 GB) is only skimmed.

    Returns vectors (V, dim) float32 aligned with `words`, zeros where the file lacks a word, and found (V,)
    bool. The result is cached next to the file and read from there the next time; a damaged cache is made again.
    A safetensors file such as GLOVE_50 is small, and read as it is.
    Raises InputError, naming the file and the line, for a line that is not a word and `dim` numbers.
    """
    path = Path(path)
    state = _glove_file(path)
    if path.suffix == ".safetensors":
        return _from_table(path, words, dim)
    rows = {word.encode(errors="surrogatepass"): i for i, word in enumerate(words)}
    if len(rows) != len(words):
        raise InputError("a word is requested twice; name each once")
    of = ("2", list(words), dim, state.st_size, state.st_mtime_ns)  # 2: words before a double blank are found
    cache = path.with_name(f"{path.stem}.{hashlib.sha256(repr(of).encode(errors='replace')).hexdigest()[:16]}.npz")
    if (stored := _stored_vectors(cache, len(words), dim)) is not None:
        return stored

    vectors, found = np.zeros((len(words), dim), np.float32), np.zeros(len(words), bool)
    heads = {word.split(b" ")[0] for word in rows}
    number = 0
    for number, line in _glove_lines(path):
        # cheap on every line; only lines of the words requested are taken apart
        if (number == 1 or line.count(b" ") < dim) and (count := len(line.split()) - 1) != dim:
            raise InputError(f"{path}:{number}: {count} numbers, not {dim}{_header(number, line)}")
        if line[:1].isspace() or line.split(None, 1)[0] not in heads:
            continue
        word, *numbers = line.rsplit(None, dim)  # from the right: a few tokens of 840B contain blanks
        pieces = word.split()
        count = len(numbers) + sum(map(_is_number, pieces[1:]))
        if count != dim:
            raise InputError(f"{path}:{number}: {count} numbers, not {dim}; fetch the file again")
        row = rows.get(b" ".join(pieces))
        if row is None or found[row]:  # the first of two entries counts
            continue
        if not all(map(_is_number, numbers)):
            odd = next(x for x in numbers if not _is_number(x)).decode(errors="replace")
            raise InputError(f"{path}:{number}: could not convert string to float: {shown(odd)}; fetch the file again")
        with np.errstate(over="ignore"):  # a number beyond float32 is not finite there
            vectors[row] = [float(x) for x in numbers]
        if not np.isfinite(vectors[row]).all():
            raise InputError(f"{path}:{number}: a number is not finite; fetch the file again")
        found[row] = True
    if number == 0:
        raise InputError(f"{path}: is empty; fetch the file again")
    after = path.stat()
    if (after.st_size, after.st_mtime_ns) == (state.st_size, state.st_mtime_ns):  # else it was written to meanwhile
        # a read-only folder, such as a cluster's shared one, only costs the skimming again
        with contextlib.suppress(OSError), atomic_path(cache) as temporary:
            np.savez(temporary, vectors=vectors, found=found)
    return vectors, found


def _from_table(path: Path, words: Sequence[str], dim: int) -> tuple[np.ndarray, np.ndarray]:
    known, vectors = _word_table(path)
    if vectors.shape[1] != dim:
        raise InputError(f"{path}: vectors of {vectors.shape[1]} numbers, not {dim}; set word_dim={vectors.shape[1]}")
    rows = [known.get(word, -1) for word in words]
    found = np.array([row >= 0 for row in rows], bool)
    return np.where(found[:, None], vectors[rows], 0).astype(np.float32), found


@cache
def _word_table(path: Path) -> tuple[dict[str, int], np.ndarray]:
    """The words of a safetensors file, the most frequent first, with their rows of (V, dim) vectors."""
    try:
        with safe_open(path, "np") as file:
            words = json.loads((file.metadata() or {})["words"])
            vectors = file.get_tensor("vectors").astype(np.float32)
        if len(words) != len(vectors) or vectors.ndim != 2 or not np.isfinite(vectors).all():
            raise ValueError("words and vectors do not fit together")
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a table of word vectors ({error}); install the package again") from error
    return {word: i for i, word in enumerate(words)}, vectors


MOST_LINE = 2**20  # bytes; a line of 300 numbers has some 3,000


def _glove_file(path: Path) -> os.stat_result:
    """What stat says of a GloVe file; InputError if it is none."""
    try:
        return regular_file(path)
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        advice = "give the path of an unpacked GloVe file such as glove.6B.300d.txt"
        raise InputError(f"{path}: {reason}; {advice}") from error


def _is_absent(path: Path) -> bool:
    """Whether nothing is there: what is there and no file, or cannot be looked at, is for `read_glove` to refuse."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        pass
    return False


def _glove_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a GloVe file with their numbers, without the blanks at their ends; InputError for an endless one."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(MOST_LINE), b""), start=1):
                if len(line) == MOST_LINE:
                    found = f"a line of over {MOST_LINE:,} bytes"
                    raise InputError(f"{path}:{number}: {found}; give an unpacked GloVe text file")
                if line := line.rstrip():
                    yield number, line
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the file and its permissions") from error


def _is_number(text: bytes) -> bool:
    """Whether Python's float reads it, but for 1_0; NaN and infinity are said to be numbers that are not finite."""
    try:
        float(text)
    except ValueError:
        return False
    return b"_" not in text


def _header(number: int, line: bytes) -> str:
    if number == 1 and len(fields := line.split()) == 2 and all(field.isdigit() for field in fields):
        return "; this is the header of word2vec's and fastText's text files: remove the line"
    return "; give another dim, or fetch the file again"


def _stored_vectors(cache: Path, count: int, dim: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The vectors (count, dim) and found (count,) of a cache; None if there is none, or none to be trusted."""
    if not cache.is_file():
        return None
    try:
        if cache.stat().st_size > count * (4 * dim + 1) + 2**16:
            raise ValueError("it is too large")
        with np.load(cache, allow_pickle=False) as stored:
            vectors, found = stored["vectors"], stored["found"]
        if (vectors.shape, vectors.dtype, found.shape, found.dtype) != ((count, dim), np.float32, (count,), np.bool_):
            raise ValueError("it holds something else")
        if not np.isfinite(vectors).all():
            raise ValueError("not all its numbers are finite")
    except Exception as error:  # zip, npy and the system each have their own errors; the file itself is still there
        warnings.warn(f"{cache}: a damaged cache ({error}): the vectors are read from the file again", stacklevel=3)
        return None
    return vectors, found


def frequent_words(path: str | Path, count: int = 20_000) -> list[str]:
    """The words among the first `count` entries of a GloVe file, whose order is that of their frequency.

    Only what `tokenize` would make of itself is a word. Raises InputError for a file that cannot be read.
    """
    path, found, dim = Path(path), {}, 0
    try:
        regular_file(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give an unpacked GloVe file") from error
    if path.suffix == ".safetensors":
        return list(_word_table(path)[0])[:count]
    for number, line in islice(_glove_lines(path), count):
        dim = dim or len(line.split()) - 1
        if number == 1 and dim == 1:
            raise InputError(f"{path}:1: 1 numbers{_header(number, line)}")
        token = line.rsplit(None, dim)[0].decode(errors="replace")
        if len(token) <= MOST_LETTERS and find_words(token) == [token]:
            found[token] = None
    return list(found)


@dataclass(frozen=True, eq=False)
class WordVectors:
    """A vector for each word of a vocabulary, and where they are from."""

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
    """The vectors that a sentence encoder begins with: those of a GloVe file, or random ones where it does not exist.

    Padding, <unk> and words that GloVe lacks have zeros, as in 2D-TAN; GloVe cuts person's into person and 's, so words
    with an apostrophe are among them. Our words are in lower case, as all of 6B's are; of 840B, whose tokens keep
    their case, only the entries in lower case are used. Random vectors are normal, as large as GloVe's.

    Args:
        vocabulary: the words.
        glove: the file; None, or one that does not exist: random vectors.
        dim: width of the vectors.
        seed: of the random vectors.
        sentences: only serve to report which share of their running words is unknown.

    Returns:
        The vectors, the words without one, and a line on where they are from.

    Raises:
        InputError: as `read_glove` does, for a file that is damaged or has vectors of another width.
    """
    words = vocabulary.words[2:]  # without padding and <unk>: a file may hold a token of that name
    if glove is None or _is_absent(Path(glove)):
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
        source += f" ({', '.join(map(_short, unknown[:5]))}{', …' if len(unknown) > 5 else ''})"
    return WordVectors(vectors, unknown, source)


def _short(word: str) -> str:
    return word if len(word) <= 40 else shown(word, 40)[1:-1]


def encode_with(vocabulary: Vocabulary) -> Callable[[str], Tensor]:
    """What turns a sentence into its (W,) word numbers."""
    return lambda sentence: torch.tensor(vocabulary.encode(sentence))
