"""Characters as tokens."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcneuro.data import Vocabulary
from pcneuro.errors import DataError, VocabularyError


@given(st.text(min_size=1))
def test_what_is_encoded_is_decoded(text):
    vocabulary = Vocabulary.of(text)
    tokens = vocabulary.encode(text)
    assert tokens.dtype == np.int64
    assert tokens.shape == (len(text),)
    assert [vocabulary.characters[token] for token in tokens] == list(text)
    assert vocabulary.decode(tokens) == text


def test_a_token_is_the_place_of_its_character():
    vocabulary = Vocabulary("cab")
    assert vocabulary.encode("abc").tolist() == [1, 2, 0]
    assert Vocabulary.of("banana\n").characters == "\nabn"


def test_padding_is_no_character():
    vocabulary = Vocabulary("ab")
    assert vocabulary.decode(np.array([2, 2, 0, 1])) == "ab"
    rows = vocabulary.one_hot(np.array([[2, 0], [1, 1]]))
    assert rows.dtype == np.float32
    assert rows.tolist() == [[[0, 0], [1, 0]], [[0, 1], [0, 1]]]


def test_of_an_empty_text_nothing_is_encoded():
    assert Vocabulary("ab").encode("").shape == (0,)


@pytest.mark.parametrize(("text", "expected"), [("abé", "'é' (U+00E9), number 3 of 3"), ("z", "'z' (U+007A)")])
def test_an_unknown_character_is_named(text, expected):
    with pytest.raises(VocabularyError) as caught:
        Vocabulary("abc\n").encode(text, "poem.txt, line 3")
    assert str(caught.value).startswith(f"poem.txt, line 3: character {expected}")
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, DataError)


@pytest.mark.parametrize(("characters", "expected"), [("", "at least one"), ("aba", "'a' twice")])
def test_no_vocabulary(characters, expected):
    with pytest.raises(VocabularyError, match=expected):
        Vocabulary(characters)


@pytest.mark.parametrize("tokens", [[-1], [3], [0, 7]])
def test_tokens_out_of_range(tokens):
    for method in (Vocabulary("ab").one_hot, Vocabulary("ab").decode):
        with pytest.raises(VocabularyError, match="needed are 0 to 1, or 2 for padding"):
            method(np.array(tokens))
