"""Names by language."""

import numpy as np
import pytest

import pcneuro.data
from pcneuro.data.sets.names import VOCABULARY, plain
from pcneuro.errors import ParameterError


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "names"
    folder.mkdir()
    (folder / "Polish.txt").write_text("Ślusàrski\nŁabędź\n\nNowak\n", encoding="utf-8")
    (folder / "German.txt").write_bytes("\ufeffStrauß\r\nO'Neil-Groß\r\n".encode())
    return folder


def words(part):
    return {(VOCABULARY.decode(t), part.classes[k]) for t, k in zip(part.tokens, part.labels, strict=True)}


def test_names_are_what_was_written(home, tmp_path):
    data = pcneuro.data.load("names", folder=tmp_path)
    assert data.train.classes == ("German", "Polish")
    assert words(data.train) | words(data.test) == {
        ("Slusarski", "Polish"),
        ("Labedz", "Polish"),
        ("Nowak", "Polish"),
        ("Strauss", "German"),
        ("O'Neil-Gross", "German"),
    }
    assert (len(data.train), len(data.test)) == (4, 1)
    assert data.notes == ("5 names of 2 languages instead of the official 20,050 of 18",)


def test_short_names_are_padded_in_front(home, tmp_path):
    part = pcneuro.data.load("names", folder=tmp_path, length=15).train
    assert part.tokens.shape == (4, 15)
    assert part.tokens.dtype == np.int64
    for tokens, length in zip(part.tokens, part.lengths, strict=True):
        assert (tokens[: 15 - length] == VOCABULARY.padding).all()
        assert (tokens[15 - length :] < VOCABULARY.padding).all()
    inputs = part.inputs
    assert inputs.shape == (4, 15, 58)
    assert (inputs.sum(axis=(1, 2)) == part.lengths).all()


def test_the_split_is_that_of_the_seed(home, tmp_path):
    some = [words(pcneuro.data.load("names", folder=tmp_path, test=0.4, seed=s).test) for s in (0, 0, 1, 2, 3)]
    assert some[0] == some[1]
    assert any(other != some[0] for other in some[2:])


def test_accents_are_taken_off():
    assert plain("Ångström Núñez Żółć Đặng") == "Angstrom Nunez Zolc Dang"
    assert len(VOCABULARY) == 58


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "Ivanov\nПетров\n".encode(),
            "Xx.txt, line 2: character 'П' (U+041F), number 1 of 6, is not in the vocabulary",
        ),
        (b"Smith7\n", "line 1: character '7' (U+0037), number 6 of 6"),
        (b"", "Xx.txt is empty: needed is text"),
        (b"\n \n", "Xx.txt is empty"),
        (b"Nowak\nM\xfcller\n", "Xx.txt: byte 0xfc at offset 7 (line 2) is not UTF-8"),
    ],
)
def test_files_that_are_wrong(home, refused, content, expected):
    (home / "Xx.txt").write_bytes(content)
    assert expected in refused("names")


def test_a_name_longer_than_the_circuit(home, refused):
    assert 'German.txt, line 2: "O\'Neil-Gross" has 12 characters, more than length=11' in refused("names", length=11)


def test_a_single_name(tmp_path, refused):
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / "Xx.txt").write_text("Xu\n")
    assert "the only name there is" in refused("names")


def test_the_folder_itself_may_be_given(home):
    (home / "German.txt").rename(home / "Greek.txt")
    assert pcneuro.data.load("names", folder=home).train.classes == ("Greek", "Polish")


def test_other_texts_are_no_names(tmp_path, refused):
    (tmp_path / "readme.txt").write_text("Hello\nWorld\n")
    assert "names is not in" in refused("names")


@pytest.mark.parametrize("choice", [{"length": 0}, {"test": 1.0}])
def test_choices_out_of_range(home, tmp_path, choice):
    with pytest.raises(ParameterError, match=next(iter(choice))):
        pcneuro.data.load("names", folder=tmp_path, **choice)
