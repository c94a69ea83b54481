"""``pcneuro show``."""

import os

import pytest

import pcneuro as pcn
from pcneuro.studies import Sources


def test_show_takes_a_function_a_file_and_a_saved_circuit(pcneuro, folder):
    circuit = Sources([folder]).circuit("circuits.py:small", {})
    circuit.save(folder / "saved.npz")
    for reference in ("circuits.py:small", "x.toml", "saved.npz"):
        code, out, err = pcneuro("show", reference)
        assert (code, out.strip(), err) == (0, str(circuit).strip(), "")


def test_show_prints_equations_and_draws(pcneuro, refused, folder):
    code, out, _ = pcneuro("show", "circuits.py:small", "--equations", "--draw", "c.png")
    assert code == 0
    circuit = Sources([folder]).circuit("circuits.py:small", {})
    assert circuit.equations() in out
    assert (folder / "c.png").read_bytes().startswith(b"\x89PNG")
    before = (folder / "c.png").stat().st_mtime_ns
    assert refused("show", "circuits.py:small", "--draw", "c.png").startswith("c.png exists already")
    assert (folder / "c.png").stat().st_mtime_ns == before
    assert pcneuro("show", "circuits.py:small", "--draw", "c.png", "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("ending", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("SVG", b"<?xml")]
)
def test_a_picture_is_what_its_name_says(pcneuro, folder, ending, begins):
    assert pcneuro("show", "circuits.py:small", "--draw", f"c.{ending}")[0] == 0
    assert (folder / f"c.{ending}").read_bytes().startswith(begins)


@pytest.mark.parametrize("name", ["c.jpg", "c", "png", "c.svg.gz"])
def test_other_pictures_are_refused(refused, folder, name):
    text = refused("show", "circuits.py:small", "--draw", name)
    assert text == f"cannot draw to {name}: give a name that ends in .png, .svg or .pdf"
    assert not (folder / name).exists()


def test_show_says_what_is_wrong(refused, folder):
    assert refused("show", "circuits.py:smal").startswith(
        "circuits.py:smal: circuits.py has no function 'smal'; did you"
    )
    assert refused("show", "nowhere.npz").startswith("nowhere.npz: there is no file")
    (folder / "below").mkdir()
    assert refused("show", "below").endswith("below is a folder: name a saved circuit, or 'file.py:function'")
    assert refused("show", os.devnull) == (
        f"{os.devnull}: {os.devnull} is no regular file: name a saved circuit, or 'file.py:function'"
    )
    (folder / "y.toml").write_text('task = "run"\n')
    assert refused("show", "y.toml") == "y.toml: circuit: is missing: 'file.py:function', or a saved circuit"
    (folder / "damaged.npz").write_bytes(b"PK")
    assert "damaged" in refused("show", "damaged.npz")


def test_show_of_a_sweep_is_its_first_circuit(pcneuro, folder):
    (folder / "y.toml").write_text((folder / "x.toml").read_text() + '[sweep]\n"arguments.weight" = [1.0, 2.0]\n')
    assert "Circuit of 2 vertices" in pcneuro("show", "y.toml")[1]
    assert isinstance(Sources([folder]).circuit("circuits.py:small", {}), pcn.Circuit)
