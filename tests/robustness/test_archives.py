"""Damaged and hostile archives: refused cleanly, or what was written; never another error, nor other values."""

from __future__ import annotations

import contextlib
import os
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pcneuro as pcn
from pcneuro.errors import CircuitFileError
from pcneuro.files import npy_array, open_regular, read_archive, write_archive
from tests.archives_for_tests import rewrite
from tests.robustness.archives import (
    MISSING,
    ODD,
    ODD_ARRAYS,
    Checkpoints,
    Circuits,
    Snapshots,
    places,
    put,
)

FEW, MANY = 400, 100_000
"""Damaged files of each kind, and as many with the right digests, in every run of the suite and in a long one."""
ARCHIVES = {
    "circuits": Circuits,
    "checkpoints": Checkpoints,
    "snapshots": lambda: Snapshots(pcn.Reference()),
    "snapshots of kernels": lambda: Snapshots(pcn.Kernel(threads=1)),
    "snapshots of events": lambda: Snapshots(pcn.EventDriven(1e-3)),
}
every_archive = pytest.mark.parametrize("make", ARCHIVES.values(), ids=ARCHIVES)
# Bytes are damaged in the same way whatever engine they are of.
every_format = pytest.mark.parametrize("make", [ARCHIVES[n] for n in list(ARCHIVES)[:3]], ids=list(ARCHIVES)[:3])
STRIDE = 53
"""Every so manieth bit of a zip directory is flipped: each bit of a byte in turn, and all its fields."""
counts = pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.long)])


@pytest.fixture
def archive(make, tmp_path):
    """An archive of a kind, where it is, its bytes, and what reading it gives."""
    kind = make()
    path = tmp_path / "archive"
    kind.write(path)
    return kind, path, path.read_bytes(), kind.read(path)


def refused_or_same(archive, contents: bytes) -> None:
    """Hold what is read of other bytes against what was written."""
    kind, path, _, right = archive
    path.write_bytes(contents)
    with contextlib.suppress(CircuitFileError):
        assert kind.read(path) == right


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "put", "delete", "insert", "cut", "repeat"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
        st.integers(1, 40),
    ),
    min_size=1,
    max_size=3,
)


def edited(contents: bytes, edits) -> bytes:
    """The bytes with some changed, taken away or put in."""
    for what, share, byte, length in edits:
        at = int(share * len(contents))
        before, after = contents[:at], contents[at:]
        contents = {
            "flip": before + bytes([after[0] ^ (1 << byte % 8)]) + after[1:] if after else before,
            "put": before + bytes([byte]) * length + after[length:],
            "delete": before + after[length:],
            "insert": before + bytes([byte]) * length + after,
            "cut": before,
            "repeat": before + after[:length] + after,
        }[what]
    return contents


@every_format
@counts
def test_damaged_bytes(archive, count):
    @settings(max_examples=count)
    @given(EDITS)
    def holds(edits):
        refused_or_same(archive, edited(archive[2], edits))

    holds()


@every_format
def test_flipped_bits_of_the_zip_directory(archive):
    """Where members are listed one changed letter would be a parameter or a target less."""
    whole = archive[2]
    begin = whole.index(b"PK\x01\x02")
    for bit in range(8 * begin, 8 * len(whole), STRIDE):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        refused_or_same(archive, bytes(changed))


@every_format
def test_members_are_all_there_and_no_others(archive):
    kind, path, _, right = archive
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    assert len(parts) > 4

    def written(members, compression=zipfile.ZIP_STORED):
        with zipfile.ZipFile(path, "w", compression) as file:
            for name, content in members:
                file.writestr(name, content)

    written(parts.items())
    assert kind.read(path) == right
    written(reversed(parts.items()))
    assert kind.read(path) == right
    for name in parts:
        written((n, c) for n, c in parts.items() if n != name)
        with pytest.raises(CircuitFileError):
            kind.read(path)
    for more in ("array/more.npy", "more", "../more"):
        written([*parts.items(), (more, b"")])
        with pytest.raises(CircuitFileError, match=f"'{more}' is none that was written"):
            kind.read(path)
    arrays = [name for name in parts if name.startswith("array/")]
    swapped = dict(parts) | {arrays[0]: parts[arrays[1]], arrays[1]: parts[arrays[0]]}
    written(swapped.items())
    with pytest.raises(CircuitFileError, match="is not as it was written"):
        kind.read(path)
    written(parts.items(), zipfile.ZIP_DEFLATED)
    with pytest.raises(CircuitFileError, match="compressed"):
        kind.read(path)


@every_archive
@counts
def test_contents_that_nobody_would_have_written(archive, count, monkeypatch):
    """Facts and arrays of any kind anywhere, with the right digests."""
    monkeypatch.setattr(os, "fsync", lambda file: None)
    kind, path, whole, _ = archive
    name = next(n for n in ("circuit", "snapshot", "checkpoint") if f"pcneuro {n}".encode() in whole)
    facts, arrays = read_archive(path, name)
    known = places(facts)
    odd = st.one_of(
        st.tuples(st.just(0), st.integers(0, len(known) - 1), st.integers(0, len(ODD) - 1)),
        st.tuples(st.just(1), st.integers(0, len(arrays)), st.integers(0, len(ODD_ARRAYS) - 1)),
    )

    @settings(max_examples=count // (3 if name == "snapshot" else 1))  # for each of three engines
    @given(st.lists(odd, min_size=1, max_size=2))
    def holds(changes):
        new_facts, new_arrays = facts, dict(arrays)
        for which, place, value in changes:
            if which:
                key = [*arrays, "h/value"][place]
                new_arrays.pop(key, None)
                if ODD_ARRAYS[value] is not MISSING:
                    new_arrays[key] = ODD_ARRAYS[value]
            else:
                with contextlib.suppress(LookupError, TypeError):  # what is there no more
                    new_facts = put(new_facts, known[place], ODD[value])
        if not isinstance(new_facts, dict):
            return
        write_archive(path, name, new_facts, new_arrays, overwrite=True)
        with contextlib.suppress(pcn.PcneuroError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.read(path)

    holds()


@pytest.mark.parametrize("engine", [pcn.Reference(), pcn.Kernel(threads=1), pcn.EventDriven(1e-3)])
def test_a_restore_that_is_refused_changes_nothing(engine, tmp_path):
    kind, path = Snapshots(engine), tmp_path / "state"
    kind.write(path)
    kind.read(path)
    before = kind.state()
    facts, arrays = read_archive(path, "snapshot")
    assert len(arrays) > 4
    for name in (name for name in arrays if not name.startswith(("clamped/", "initial/"))):
        write_archive(path, "snapshot", facts, {k: a for k, a in arrays.items() if k != name}, overwrite=True)
        with pytest.raises(CircuitFileError, match="does not fit"):
            kind.read(path)
        assert kind.state() == before


def test_pipes_and_devices_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, said in ((tmp_path / "pipe", "no regular file"), ("/dev/zero", "no regular file")):
        with pytest.raises(CircuitFileError, match=said):
            pcn.load_circuit(path)
        with pytest.raises(CircuitFileError, match=said):
            pcn.load_parameters(path)


def test_a_header_that_lies_takes_no_memory(tmp_path):
    """An array of 8 TB in a member of a few bytes."""
    for header in (
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (True,), }",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (1.5,), }",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        b"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': " + b"(" * 300 + b")" * 300 + b"}",
    ):
        member = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n" + bytes(8)
        np_file = tmp_path / "array.npy"
        np_file.write_bytes(member)
        with open_regular(np_file) as file, pytest.raises(ValueError, match="it "):
            npy_array(file, len(member))


@pytest.mark.parametrize(
    "change",
    [
        lambda f, a: f["epochs"][0].pop("train"),
        lambda f, a: f["epochs"][0].update(more=1),
        lambda f, a: f["epochs"][0].update(train=[1]),
        lambda f, a: f["epochs"][1]["test"].update(accuracy="x"),
        lambda f, a: f.update(settings=[]),
        lambda f, a: f.update(updates=1e400),
        lambda f, a: f.update(updates=-7),
        lambda f, a: f.update(updates=f["updates"] + 1),
        lambda f, a: a.update({"memory/0/W1": np.full((4, 6), np.nan)}),
        lambda f, a: a.update({"memory/0/W1": np.full((4, 6), "a")}),
        lambda f, a: a.update({"memory/0/W1": np.full((4, 6), 1j)}),
        lambda f, a: a.pop("memory/0/W1"),
        lambda f, a: a.update({"memory/x": np.zeros(1)}),
        lambda f, a: a.pop("parameter/W1"),
    ],
)
def test_odd_checkpoints_are_refused(change, tmp_path):
    checkpoints, path = Checkpoints(), tmp_path / "learning.npz"
    checkpoints.write(path)
    rewrite(path, change)
    with pytest.raises(CircuitFileError):
        checkpoints.read(path)
