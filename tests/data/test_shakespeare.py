"""A text in passages."""

import numpy as np
import pytest

import pcneuro.data
from pcneuro.errors import ParameterError

TEXT = "".join(f"{k}: all the world's a stage\n" for k in range(40))


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "shakespeare" / "input.txt"
    file.parent.mkdir()
    file.write_text(TEXT)
    return file


def test_passages_follow_each_other(path, tmp_path):
    data = pcneuro.data.load("shakespeare", folder=tmp_path, length=7, test=0.25)
    vocabulary = data.train.vocabulary
    assert vocabulary.characters == "".join(sorted(set(TEXT)))
    assert data.train.tokens.dtype == np.int64
    cut = len(TEXT) - round(0.25 * len(TEXT))
    for part, text in ((data.train, TEXT[:cut]), (data.test, TEXT[cut:])):
        assert part.tokens.shape == part.following.shape == ((len(text) - 1) // 7, 7)
        assert vocabulary.decode(part.tokens) == text[: part.tokens.size]
        assert vocabulary.decode(part.following) == text[1 : part.tokens.size + 1]
    assert data.notes == (f"{len(TEXT):,} characters instead of the official 1,115,394",)


def test_lines_of_other_systems(path, tmp_path):
    expected = pcneuro.data.load("shakespeare", folder=tmp_path).train.tokens
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert (pcneuro.data.load("shakespeare", folder=tmp_path).train.tokens == expected).all()


def test_a_vocabulary_that_is_given(path, tmp_path, refused):
    characters = "".join(sorted(set(TEXT), reverse=True))
    data = pcneuro.data.load("shakespeare", folder=tmp_path, vocabulary=characters)
    assert data.train.vocabulary.characters == characters
    assert data.train.vocabulary.decode(data.train.tokens[0]) == TEXT[:50]
    message = refused("shakespeare", vocabulary=characters.replace("w", ""))
    assert message.startswith(f"{path}: character 'w' (U+0077), number {TEXT.index('w') + 1} of {len(TEXT)}, is not in")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty: needed is text"),
        (b"To be, or not to be", "too short: 17 characters to learn from or to test with, needed are at least 51"),
        (b"\xff\xfeT\x00", "byte 0xff at offset 0 (line 1) is not UTF-8"),
    ],
)
def test_files_that_are_wrong(path, refused, content, expected):
    path.write_bytes(content)
    assert expected in refused("shakespeare")


@pytest.mark.parametrize("choice", [{"length": 0}, {"test": 0.0}, {"test": 1.0}])
def test_choices_out_of_range(choice):
    with pytest.raises(ParameterError, match="needed are a length of 1 or more"):
        pcneuro.data.load("shakespeare", **choice)


def test_a_folder_in_the_place_of_the_file(path, tmp_path, refused):
    path.unlink()
    path.mkdir()
    assert "is not in" in refused("shakespeare")
