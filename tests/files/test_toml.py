"""Files of settings that are no such thing: one line each, in no time."""

from __future__ import annotations

import time

import pytest

from pcneuro.errors import ConfigurationError
from pcneuro.files.toml import DEEPEST, read_toml
from pcneuro.mapping import chip_of

LONG = 10_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "9" * LONG, "is no TOML: Exceeds the limit"),
        ("a = " + "[" * LONG + "]" * LONG, "is no TOML: .*recursion"),
        ("a" + ".a" * LONG + " = 1", f"is no TOML: a key has more than {DEEPEST} parts"),
        ("['a'" + " . 'a'" * LONG + "]", "a key has more than"),
        (("a." * DEEPEST + "a = 1\n") * LONG, "is no TOML: .*Cannot overwrite"),
        ("a = '\0'", "is no TOML: "),
        (b"\x89PNG", "is no TOML: "),
    ],
)
def test_what_is_no_toml_is_refused_at_once(tmp_path, text, said):
    place = tmp_path / "file.toml"
    place.write_bytes(text if isinstance(text, bytes) else text.encode())
    begun = time.process_time()
    with pytest.raises(ConfigurationError, match=said) as refused:
        read_toml(place)
    assert time.process_time() - begun < 1.0
    assert "\n" not in str(refused.value)


def test_numbers_of_thousands_of_digits_are_told(tmp_path):
    (tmp_path / "chip.toml").write_text(f"name = 0x{'f' * LONG}")
    with pytest.raises(ConfigurationError, match=r"chip.toml: name = a number of thousands of digits: "):
        chip_of(tmp_path / "chip.toml")


def test_what_is_deep_and_long_in_moderation_is_read(tmp_path):
    parts = DEEPEST - 1
    (tmp_path / "file.toml").write_text("a" + ".a" * parts + f" = {'9' * 4000}\nb = '{'x' * 100_000}'\n")
    read = read_toml(tmp_path / "file.toml")
    assert len(read["b"]) == 100_000
