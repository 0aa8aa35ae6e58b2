"""Neighbours in a table of word vectors, by hand."""

import pytest
import torch

from lgn_lite.analysis.word_neighbours import nearest_words
from lgn_lite.errors import InputError
from lgn_lite.text import Vocabulary

VOCABULARY = Vocabulary(["jumps", "leaps", "red", "sphere", "unheard"])
TABLE = torch.tensor([[9.0, 9.0], [1.0, 1.0], [1.0, 0.0], [9.0, 1.0], [0.0, 2.0], [0.1, 3.0], [0.0, 0.0]])


def test_neighbours_are_by_angle_whatever_the_length_and_never_the_word_itself():
    found = nearest_words(VOCABULARY, TABLE, ["jumps", "red"], count=2)
    assert [word for word, _ in found["jumps"]] == ["leaps", "sphere"]
    assert found["jumps"][0][1] == pytest.approx(9 / 82**0.5)
    assert found["red"][0][0] == "sphere"
    words = {word for neighbours in found.values() for word, _ in neighbours}
    assert not words & {"<pad>", "<unk>", "unheard"}  # which have rows, and no vector of their own


def test_a_word_without_a_vector_has_no_neighbours():
    assert nearest_words(VOCABULARY, TABLE, ["parasol", "unheard", "<pad>"]) == {
        "parasol": [],
        "unheard": [],
        "<pad>": [],
    }


def test_neighbours_among_some_words_only():
    # words that were never trained on, next to those that were
    found = nearest_words(VOCABULARY, TABLE, ["leaps"], among={"jumps", "red", "nowhere"})
    assert [word for word, _ in found["leaps"]] == ["jumps", "red"]


def test_a_trained_table_may_need_its_gradient():
    assert nearest_words(VOCABULARY, torch.nn.Parameter(TABLE.clone()), ["jumps"])["jumps"]


def test_the_table_has_to_be_the_vocabulary_s():
    with pytest.raises(InputError, match="6 vectors for 7 words"):
        nearest_words(VOCABULARY, TABLE[:6], ["red"])
