"""Text: the tokeniser, the vocabulary, and GloVe files with all their oddities."""

import os
import unicodedata

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.errors import InputError
from lgn_lite.text import Vocabulary, frequent_words, read_glove, tokenize, word_vectors

quick = settings(max_examples=50, deadline=None)


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("A person opens the door.", ["a", "person", "opens", "the", "door"]),
        ("The person's phone; they don't care!", ["the", "person's", "phone", "they", "don't", "care"]),
        ("the person’s ‘red’ “hat”", ["the", "person's", "red", "hat"]),
        ("a two-handed half/half, 2 times (3x)", ["a", "two", "handed", "half", "half", "2", "times", "3x"]),
        ("'quoted' dogs' o''clock snake_case", ["quoted", "dogs", "o", "clock", "snake", "case"]),
        ("CAFÉ cafe\u0301 ﬁsh", ["café", "café", "fish"]),
        ("\tline\nbreak\u00a0blank", ["line", "break", "blank"]),
    ],
)
def test_tokens_by_hand(sentence, words):
    assert tokenize(sentence) == words


@pytest.mark.parametrize("sentence", ["", "   ", "...", "' – '", "__"])
def test_a_sentence_without_words_is_refused(sentence):
    with pytest.raises(InputError, match="has no words"):
        tokenize(sentence)


@quick
@given(st.text())
def test_tokens_are_words_and_stay_what_they_are(sentence):
    try:
        words = tokenize(sentence)
    except InputError:
        return
    for word in words:
        assert word
        assert all(unicodedata.category(c)[0] in "LNMC" or c in "'·‧״" for c in word)  # C: not yet in Python's tables
        assert not {word[0], word[-1]} & set("'·‧״")
    assert tokenize(" ".join(words)) == words


@quick
@given(st.text(alphabet="aB3'-.,! é’", min_size=1))
def test_case_and_final_stop_do_not_matter(sentence):
    try:
        words = tokenize(sentence)
    except InputError:
        return
    assert tokenize(sentence.upper() + ".") == words


def test_vocabulary_numbers_words_and_marks_unknown_ones():
    vocabulary = Vocabulary.from_sentences(["The dog sits.", "the cat"])
    assert vocabulary.words == ["<pad>", "<unk>", "cat", "dog", "sits", "the"]
    assert vocabulary.encode("The bird sits!") == [5, 1, 4]
    assert vocabulary.unknown("The bird flies.") == ["bird", "flies"]
    assert len(vocabulary) == 6
    with pytest.raises(InputError, match="no words"):
        vocabulary.encode("…")


@quick
@given(st.lists(st.sampled_from(["a dog", "the cat's hat", "élan 3"]), min_size=1))
def test_vocabulary_knows_its_sentences_in_any_order(sentences):
    vocabulary = Vocabulary.from_sentences(sentences)
    assert vocabulary.words == Vocabulary.from_sentences(reversed(sentences)).words
    for sentence in sentences:
        assert [vocabulary.words[i] for i in vocabulary.encode(sentence)] == tokenize(sentence)
        assert not vocabulary.unknown(sentence)


def test_vocabulary_is_saved_and_loaded(tmp_path):
    vocabulary = Vocabulary.from_sentences(["l'été don't 3"])
    vocabulary.save(tmp_path / "words.json")
    assert Vocabulary.load(tmp_path / "words.json").words == vocabulary.words


@pytest.mark.parametrize("content", ["", "[]", '{"words": 3}', '{"words": ["a"]}', '{"words": ["<pad>", "<unk>", 3]}'])
def test_a_file_that_is_no_vocabulary_is_named(tmp_path, content):
    (tmp_path / "words.json").write_text(content)
    with pytest.raises(InputError, match=r"words\.json: not a readable vocabulary"):
        Vocabulary.load(tmp_path / "words.json")


def test_a_word_twice_is_refused():
    with pytest.raises(InputError, match="twice"):
        Vocabulary(["a", "b", "a"])


GLOVE = """the 1 2 3
. . . 4 5 6
cat -0.5 1e-2 7
the 9 9 9
at mail@x.com 1 1 1
"""


@pytest.fixture
def glove(tmp_path):
    path = tmp_path / "glove.6B.3d.txt"
    path.write_text(GLOVE)
    return path


def test_glove_vectors_lie_where_their_words_do(glove):
    vectors, found = read_glove(glove, ["<pad>", "cat", "at", "the", ". . ."], dim=3)
    assert vectors.dtype == np.float32
    assert found.tolist() == [False, True, False, True, True]  # "at" only begins a token with a blank
    np.testing.assert_allclose(vectors, [[0, 0, 0], [-0.5, 0.01, 7], [0, 0, 0], [1, 2, 3], [4, 5, 6]])


def test_glove_is_skimmed_once_until_words_or_file_change(glove):
    first, _ = read_glove(glove, ["the", "cat"], dim=3)
    (cache,) = glove.parent.glob("*.npz")
    state = glove.stat()
    glove.write_text(GLOVE.replace("1 2 3", "8 8 8"))
    os.utime(glove, ns=(state.st_atime_ns, state.st_mtime_ns))  # same size and time: the cache answers
    np.testing.assert_array_equal(read_glove(glove, ["the", "cat"], dim=3)[0], first)
    assert read_glove(glove, ["cat", "the"], dim=3)[0][1].tolist() == [8, 8, 8]  # other words
    os.utime(glove, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert read_glove(glove, ["the", "cat"], dim=3)[0][0].tolist() == [8, 8, 8]  # another time
    assert cache.exists()
    assert not list(glove.parent.glob(".*"))  # no temporary file is left


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the 1 2 3\ncat 1 2\n", ":2: 2 numbers, not 3"),
        ("the 1 2 3 4\n", ":1: 4 numbers, not 3; give another dim"),
        ("400000 3\nthe 1 2 3\n", ":1: 1 numbers, not 3"),
        ("the 1 2 3\ncat 1 two 3\n", ":2: could not convert string to float"),
        ("the 1 2 3\ncat 1 nan 3\n", ":2: a number is not finite"),
    ],
)
def test_a_bad_glove_line_is_named(glove, text, message):
    glove.write_text(text)
    with pytest.raises(InputError, match=r"glove\.6B\.3d\.txt" + message):
        read_glove(glove, ["the", "cat"], dim=3)
    assert list(glove.parent.iterdir()) == [glove]  # nothing half-read is kept


def test_glove_needs_a_file_and_each_word_once(glove):
    with pytest.raises(InputError, match=r"absent\.txt: no such file"):
        read_glove(glove.with_name("absent.txt"), ["the"], dim=3)
    with pytest.raises(InputError, match="requested twice"):
        read_glove(glove, ["the", "the"], dim=3)


def write_glove(path, tokens):
    """A file in the form of the published ones: a token and 300 numbers of five digits a line, blanks between."""
    rng = np.random.default_rng(0)
    rows = {token: [f"{x:.5g}" for x in rng.normal(0, 0.4, 300)] for token in tokens}
    path.write_text("".join(f"{token} {' '.join(row)}\n" for token, row in rows.items()), encoding="utf-8")
    return {token: np.array(row, np.float32) for token, row in rows.items()}


@pytest.fixture
def glove_6b(tmp_path):
    """In lower case, each token one piece."""
    path = tmp_path / "glove.6B.300d.txt"
    return path, write_glove(path, ["the", ",", ".", "person", "'s", "door", "<unk>", "café", "sandberger"])


@pytest.fixture
def glove_840b(tmp_path):
    """With its case, and tokens that hold blanks."""
    path = tmp_path / "glove.840B.300d.txt"
    return path, write_glove(path, [",", ". . .", "The", "the", "at name@domain.com", "at", "Charlie", "person"])


def test_the_words_of_6b(glove_6b):
    path, vectors = glove_6b
    vocabulary = Vocabulary(["café", "door", "opens", "person's", "the"])
    found = word_vectors(vocabulary, path)
    assert found.vectors.dtype == torch.float32
    zeros = np.zeros(300)  # padding, <unk> although the file has such a token, and what the file lacks
    expected = [zeros, zeros, vectors["café"], vectors["door"], zeros, zeros, vectors["the"]]
    np.testing.assert_array_equal(found.vectors.numpy(), np.stack(expected).astype(np.float32))
    assert found.unknown == ["opens", "person's"]
    assert found.source == "glove.6B.300d.txt: 2 of 5 words unknown (opens, person's)"


def test_the_words_of_840b(glove_840b):
    path, vectors = glove_840b
    found = word_vectors(Vocabulary(["at", "charlie", "person", "the"]), path)
    np.testing.assert_array_equal(found.vectors[2].numpy(), vectors["at"])  # not the address that begins with it
    np.testing.assert_array_equal(found.vectors[5].numpy(), vectors["the"])
    assert found.unknown == ["charlie"]  # the file has Charlie
    tokens, _ = read_glove(path, [". . .", "at name@domain.com"])
    np.testing.assert_array_equal(tokens, [vectors[". . ."], vectors["at name@domain.com"]])


def test_a_file_is_read_once_for_a_vocabulary(glove_6b):
    path, _ = glove_6b
    vocabulary = Vocabulary(["door", "the"])
    first = word_vectors(vocabulary, path)
    state = path.stat()
    path.write_bytes(b"?" * state.st_size)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # same size and time: the file itself is not read
    assert torch.equal(word_vectors(vocabulary, path).vectors, first.vectors)


def test_unknown_words_are_counted_in_running_text_too(glove_6b):
    vocabulary = Vocabulary.from_sentences(["The person flies.", "the door"])
    source = word_vectors(vocabulary, glove_6b[0], sentences=["The person flies.", "the door", "the door"]).source
    assert source == "glove.6B.300d.txt: 1 of 4 words unknown, 14.29% of the running words (flies)"
    many = Vocabulary(f"w{i}" for i in range(1200))
    assert word_vectors(many, glove_6b[0]).source.endswith("1,200 of 1,200 words unknown (w0, w1, w2, w3, w4, …)")
    assert word_vectors(Vocabulary(["the"]), glove_6b[0]).source.endswith("0 of 1 words unknown")


def test_vectors_are_random_without_a_file_and_say_so(tmp_path):
    vocabulary = Vocabulary(f"w{i}" for i in range(50))
    found = word_vectors(vocabulary, None, dim=100)
    assert found.vectors.shape == (52, 100)
    assert not found.vectors[:2].any()
    assert found.vectors[2:].std().item() == pytest.approx(0.4, abs=0.02)
    assert found.unknown == vocabulary.words[2:]
    assert found.source == "random vectors (seed 0): no GloVe file was given"
    assert torch.equal(found.vectors, word_vectors(vocabulary, None, dim=100).vectors)
    assert not torch.equal(found.vectors, word_vectors(vocabulary, None, dim=100, seed=1).vectors)
    absent = tmp_path / "glove.6B.300d.txt"
    assert word_vectors(vocabulary, absent).source == (
        f"random vectors (seed 0): no GloVe file at {absent}; `lgn-lite data get glove-6b` fetches it"
    )


def test_a_width_that_the_file_contradicts_is_refused(glove_6b):
    with pytest.raises(InputError, match=r"glove\.6B\.300d\.txt:1: 300 numbers, not 100; give another dim"):
        word_vectors(Vocabulary(["the"]), glove_6b[0], dim=100)


def test_the_frequent_words_of_a_glove_file_are_its_first(tmp_path):
    path = tmp_path / "glove.txt"
    tokens = ["the", ",", "of", ". . .", "person's", "New", "café", "at", "name@domain.com", "late"]
    path.write_text("".join(f"{token} {' '.join(['0.5'] * 3)}\n" for token in tokens), encoding="utf-8")
    assert frequent_words(path, 9) == ["the", "of", "person's", "café", "at"]
    assert frequent_words(path) == [*frequent_words(path, 9), "late"]
    with pytest.raises(InputError, match=r"absent\.txt: No such file"):
        frequent_words(tmp_path / "absent.txt")
