"""The folder of results is written whole, and nothing that lies there is lost."""

import errno
import json
import math

import numpy as np
import pytest

from pcneuro.errors import OutputError
from pcneuro.studies.output import Output, next_free, plain, write_json


def write(output, **files):
    for name, text in files.items():
        output.write(f"{name}.txt", lambda path, text=text: path.write_text(text))


def test_a_new_folder_is_there_at_the_end_only(tmp_path):
    with Output(tmp_path / "deep" / "out", "x", overwrite=False) as output:
        write(output, a="1")
        assert not (tmp_path / "deep" / "out").exists()
        assert output.commit() == tmp_path / "deep" / "out"
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["out"]
    assert (tmp_path / "deep" / "out" / "a.txt").read_text() == "1"


def test_an_empty_folder_is_used(tmp_path):
    (tmp_path / "out").mkdir()
    with Output(tmp_path / "out", "x", overwrite=False) as output:
        write(output, a="1")
        output.commit()
    assert (tmp_path / "out" / "a.txt").read_text() == "1"


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("")
    with pytest.raises(OutputError, match="exists already: choose another --out, or pass --overwrite"):
        Output(tmp_path / "out", "x", overwrite=False)
    with pytest.raises(OutputError, match="is no folder"):
        Output(tmp_path / "out" / "mine", "x", overwrite=True)


def test_overwriting_replaces_files_of_the_same_names_only(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("mine", "a.txt", "old.png"):
        (out / name).write_text("old")
    with Output(out, "x", overwrite=True) as output:
        write(output, a="new", b="new")
        assert (out / "a.txt").read_text() == "old"
        output.commit()
    assert {p.name: p.read_text() for p in out.iterdir()} == {
        "mine": "old",
        "old.png": "old",
        "a.txt": "new",
        "b.txt": "new",
    }
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
def test_what_ends_early_leaves_nothing_behind(tmp_path, failure):
    def ends(path):
        raise failure

    with pytest.raises(failure), Output(tmp_path / "out", "x", overwrite=False) as output:
        output.write("a.txt", ends)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("Can't write data (file write failed: time = x, errno = 28, error message = 'y')"),
        RuntimeError("Unable to flush file: errno = 28"),
    ],
)
def test_a_full_disk_is_one_line_and_leaves_what_was_there(tmp_path, error):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.txt").write_text("old")

    def full(path):
        path.write_text("half")
        raise error

    with pytest.raises(OutputError) as caught, Output(out, "x", overwrite=True) as output:
        output.write("a.txt", full)
    assert str(caught.value) == f"cannot write {out / 'a.txt'}: No space left on device; what was there is as it was"
    assert (out / "a.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_place_that_cannot_be_written_is_told_before_anything_runs(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="file exists, and is no folder"),
        Output(tmp_path / "file" / "out", "x", overwrite=False),
    ):
        raise AssertionError("never reached")


def test_without_a_name_the_next_free_one_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for expected in ("x", "x-2", "x-3"):
        with Output(None, "x", overwrite=False) as output:
            write(output, a="1")
            # Another run of the same file may finish first.
            if expected == "x-3":
                (tmp_path / "results" / "x-3").mkdir()
                expected = "x-4"
            assert output.commit().name == expected
    assert next_free(tmp_path / "results", "x").name == "x-5"


def test_a_folder_that_appears_meanwhile_is_not_touched(tmp_path):
    with Output(tmp_path / "out", "x", overwrite=False) as output:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine").write_text("")
        with pytest.raises(OutputError, match="meanwhile"):
            output.commit()
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine"]


def test_json_has_plain_values_and_no_nan(tmp_path):
    value = {
        "array": np.array([1.0, np.nan, np.inf]),
        "number": np.float32(0.5),
        "whole": np.int64(3),
        "flag": np.bool_(True),
        "none": None,
        "text": "τ",
        1: (1, 2.5, -math.inf),
        "odd": slice(1),
    }
    write_json(tmp_path / "x.json", value)
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {
        "array": [1.0, None, None],
        "number": 0.5,
        "whole": 3,
        "flag": True,
        "none": None,
        "text": "τ",
        "1": [1, 2.5, None],
        "odd": "slice(None, 1, None)",
    }
    assert plain(True) is True
