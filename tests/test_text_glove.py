"""GloVe files as they really are: odd blanks, headers, endless lines, and caches that are not to be trusted."""

import io
import os
import zipfile

import numpy as np
import pytest

from lgn_lite.errors import InputError
from lgn_lite.text import Vocabulary, frequent_words, read_glove, word_vectors


@pytest.fixture
def glove(tmp_path):
    """`glove(content)` writes a file and gives its path."""

    def write(content: str | bytes):
        path = tmp_path / "glove.6B.3d.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


ODD = {
    "double blank": "the 1 2 3\ncat  4 5 6\n",
    "blanks between numbers": "the 1 2 3\ncat 4  5   6\n",
    "double blank in the first line": "the  1 2  3\ncat 4 5 6\n",
    "tabs": "the\t1\t2\t3\ncat\t4\t5\t6\n",
    "tab after the word": "the\t1 2 3\ncat\t4 5 6\n",
    "Windows' line ends": "the 1 2 3\r\ncat 4 5 6\r\n",
    "blanks at the end": "the 1 2 3 \ncat 4 5 6 \t \n",
    "no line end at the end": "the 1 2 3\ncat 4 5 6",
    "empty lines": "the 1 2 3\n\n  \ncat 4 5 6\n\n",
    "a token that is a blank": "the 1 2 3\n 9 9 9\n\u00a0 9 9 9\n\u0085 9 9 9\n\u2028 9 9 9\ncat 4 5 6\n",
    "tokens that hold blanks": "the 1 2 3\ncat . 9 9 9\ncat\u00a0food 9 9 9\nthe cat 9 9 9\ncat 4 5 6\n",
    "the first of two entries": "the 1 2 3\ncat 4 5 6\ncat 9 9 9\nthe 9 9 9\n",
}


@pytest.mark.parametrize("kind", ODD)
def test_no_word_is_lost_to_odd_blanks(glove, kind):
    vectors, found = read_glove(glove(ODD[kind]), ["cat", "9", "the"], dim=3)
    assert found.tolist() == [True, False, True]
    np.testing.assert_array_equal(vectors, [[4, 5, 6], [0, 0, 0], [1, 2, 3]])


def test_frequent_words_stand_odd_blanks_too(glove):
    for text in ODD.values():
        assert [word for word in frequent_words(glove(text)) if word in ("the", "cat")] == ["the", "cat"]
    path = glove("the 1 2 3\nat 1 2 3\nat name@domain.com 1 2 3\n. . . 1 2 3\nहिन्दी 1 2 3\nat 1 2 3\n")
    assert frequent_words(path) == ["the", "at", "हिन्दी"]  # each once, and no part of a token


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("400000 3\nthe 1 2 3\n", r":1: 1 numbers, not 3; this is the header of word2vec's and fastText's .* remove"),
        ("the 1 2 3\ncat 4 5 6 7\n", r":2: 4 numbers, not 3"),
        ("the 1 2 3\ncat  4 5\n", r":2: 2 numbers, not 3"),
        ("the 1 2 3\ncat\t4\t5\n", r":2: 2 numbers, not 3"),
        ("the 1 2 3\ncat 1_0 5 6\n", r":2: could not convert string to float: '1_0'"),
        ("the 1 2 3\ncat １ 5 6\n", r":2: could not convert string to float: '１'"),
        ("the 1 2 3\ncat 0x1 5 6\n", r":2: could not convert string to float: '0x1'"),
        ("the 1 2 3\ncat 1 5 " + "x" * 10**5 + "\n", r":2: could not convert string to float: 'xx.*…x+'"),
        ("the 1 2 3\ncat 1 5 infinity\n", r":2: a number is not finite"),
        ("the 1 2 3\ncat 1 5 1e39\n", r":2: a number is not finite"),  # it is, but not in float32
        (b"PK\x03\x04" + bytes(range(128, 256)) * 40, r":1: \d+ numbers, not 3"),
        (b"", r": is empty"),
        (b"\n \n", r": is empty"),
        ("the 1 2 3\n" + "x " * 2**20, r":2: a line of over 1,048,576 bytes"),
    ],
    ids=lambda value: str(value[:24]),
)
def test_a_file_that_is_none_is_one_short_line(glove, content, message):
    path = glove(content)
    with pytest.raises(InputError, match=r"glove\.6B\.3d\.txt" + message) as error:
        read_glove(path, ["the", "cat"], dim=3)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
    assert list(path.parent.iterdir()) == [path]


def test_gigabytes_in_one_line_are_not_read(glove):
    path = glove("")
    with path.open("wb") as file:
        file.truncate(2**36)  # 64 GB, none of it on the disk
    for read in (lambda: read_glove(path, ["the"], 3), lambda: frequent_words(path)):
        with pytest.raises(InputError, match=r"txt:1: a line of over 1,048,576 bytes"):
            read()
    with pytest.raises(InputError, match=r"txt:1: 1 numbers; this is the header of word2vec"):
        frequent_words(glove("400000 300\nthe 1 2 3\n"))


def test_what_is_no_file_is_neither_read_nor_replaced_by_random_vectors(tmp_path):
    places = [tmp_path]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        places.append(tmp_path / "pipe")
    for place in places:
        for read in (
            lambda place=place: read_glove(place, ["the"], 3),
            lambda place=place: frequent_words(place),
            lambda place=place: word_vectors(Vocabulary(["the"]), place, 3),
        ):
            with pytest.raises(InputError, match=rf"{place}: is a (folder|pipe).*, not a file"):
                read()


def archive(vectors: np.ndarray, found: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, vectors=vectors, found=found)
    return stream.getvalue()


def flipped(content: bytes) -> bytes:
    middle = content.index(np.float32(4.25).tobytes())  # in the vectors themselves: only the checksum tells
    return content[: middle + 1] + bytes([content[middle + 1] ^ 1]) + content[middle + 2 :]


def bomb() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("vectors.npy", b"\0" * 2**24)
    return stream.getvalue()


TRUE, F32 = np.ones(2, bool), np.float32
DAMAGES = {
    "cut": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "a page": lambda content: b"<!DOCTYPE html>",
    "a byte": flipped,
    "a pickle": lambda content: b"\x80\x04K\x01.",
    "another shape": lambda content: archive(np.zeros((3, 3), F32), TRUE),
    "another width": lambda content: archive(np.zeros((2, 4), F32), TRUE),
    "another type": lambda content: archive(np.zeros((2, 3)), TRUE),
    "numbers for flags": lambda content: archive(np.zeros((2, 3), F32), np.ones(2)),
    "NaN": lambda content: archive(np.full((2, 3), np.nan, F32), TRUE),
    "objects": lambda content: archive(np.array([[None] * 3] * 2), TRUE),
    "a lone array": lambda content: content[content.index(b"\x93NUMPY") :],
    "too large": lambda content: content + b"\0" * 2**20,
    "a bomb": lambda content: bomb(),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_cache_is_noted_and_made_again(glove, kind):
    path = glove("the 1 2 3\ncat 4.25 5 6\n")
    expected, _ = read_glove(path, ["the", "cat"], dim=3)
    (cache,) = path.parent.glob("*.npz")
    whole = cache.read_bytes()
    cache.write_bytes(DAMAGES[kind](whole))
    with pytest.warns(UserWarning, match=rf"{cache}: a damaged cache .*: the vectors are read from the file again"):
        vectors, found = read_glove(path, ["the", "cat"], dim=3)
    np.testing.assert_array_equal(vectors, expected)
    assert found.all() and not list(path.parent.glob(".*"))
    with np.load(cache) as stored:  # whole again
        np.testing.assert_array_equal(stored["vectors"], expected)


def test_a_folder_in_the_cache_s_place_is_left_alone(glove):
    path = glove("the 1 2 3\ncat 4.25 5 6\n")
    read_glove(path, ["the"], dim=3)
    (cache,) = path.parent.glob("*.npz")
    cache.unlink()
    cache.mkdir()
    (cache / "mine").touch()
    assert read_glove(path, ["the"], dim=3)[1].all()
    assert (cache / "mine").exists() and not list(path.parent.glob(".*"))


def test_a_file_that_changes_while_it_is_read_is_not_cached(glove, monkeypatch):
    path = glove("the 1 2 3\ncat 4 5 6\n")
    real = np.isfinite

    def write_on(values):
        with path.open("a") as file:
            file.write("dog 7 8 9\n")
        return real(values)

    monkeypatch.setattr(np, "isfinite", write_on)
    assert read_glove(path, ["the", "cat"], dim=3)[1].all()
    assert not list(path.parent.glob("*.npz"))


@pytest.mark.parametrize(
    "content",
    [
        "[" * 10**5,
        '{"words": ["<pad>", "<unk>", "a", "a"]}',
        '{"words": ["<pad>", "<unk>"], "words": ["<pad>", "<unk>", "b"]}',
        '{"words": {"<pad>": 0}}',
        '{"words": [' + "9" * 5000 + "]}",
        "x" * 10**6,
    ],
    ids=lambda text: text[:40],
)
def test_a_damaged_vocabulary_is_one_short_line(tmp_path, content):
    path = tmp_path / "words.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"words\.json: not a readable vocabulary: ") as error:
        Vocabulary.load(path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300
