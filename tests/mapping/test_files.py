"""Mappings in files: what is written is read, and what anybody else has written does no harm."""

from __future__ import annotations

import contextlib
import resource
import shutil

import h5py
import numpy as np
import pandas
import pytest
import xarray

import pcneuro as pcn
from pcneuro.errors import CircuitFileError, OutputError
from pcneuro.mapping.result import Mapping
from pcneuro.mapping.schema import ENTRIES
from tests.mapping.mappings_for_tests import made_up

FEW = 60
"""Damaged files."""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("mapping") / "mapping.nc"
    made_up(5, prefix="käfer").to_netcdf(path)
    return path


def test_what_is_written_is_read(written):
    made, read = made_up(5, prefix="käfer"), Mapping.read(written)
    xarray.testing.assert_equal(made.data, read.data)
    assert read.chip == made.chip
    assert str(read) == str(made)
    with xarray.open_dataset(written) as plain:
        assert plain["core_of"].values.tolist() == made.data["core_of"].values.tolist()
        assert plain["energy"].attrs["units"] == "pJ"


def test_nothing_is_overwritten(tmp_path):
    made = made_up(2)
    for write in (made.to_netcdf, made.to_csv, made.to_html):
        place = tmp_path / write.__name__
        write(place)
        with pytest.raises(OutputError, match="exists already"):
            write(place)
        write(place, overwrite=True)
    place = tmp_path / "file"
    place.write_text("")
    with pytest.raises(OutputError, match="is no folder"):
        made.to_csv(place)


def test_another_circuit_is_refused_in_one_line(written):
    graph = pcn.trace(lambda x, w: pcn.vertex(x * w, "y"), x=pcn.Input(()), w=pcn.Parameter(1.0))
    with pytest.raises(
        CircuitFileError, match=r"^this mapping to loihi is of another circuit, with [\d,]+ neurons: map"
    ):
        Mapping.read(written, pcn.build_circuit(graph))


def changed(written, tmp_path, change):
    place = tmp_path / "changed.nc"
    shutil.copy(written, place)
    with h5py.File(place, "r+") as file:
        change(file)
    return place


def replace(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


def link_out(file):
    del file["core_of"]
    file["core_of"] = h5py.ExternalLink("/etc/passwd", "x")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (replace("core_of", np.zeros(3, dtype=np.int64)), "is of shape"),
        (replace("slot", np.zeros(5)), "numbers of type float64"),
        (replace("energy", np.full((5, 2), 1.0)), "damaged"),
        (replace("energy", np.array([[b"x"]])), "no array of numbers"),
        (replace("core_of", h5py.Empty("i8")), "no array of numbers"),
        (link_out, "link to another place"),
        (lambda file: file.attrs.__setitem__("chip_facts", "{}"), "damaged"),
        (lambda file: file.attrs.__setitem__("version", 9), "format"),
        (lambda file: file.attrs.__setitem__("format", [1.0, 2.0]), "'format' is no text"),
        (lambda file: file.attrs.__delitem__("circuit"), "no attribute 'circuit'"),
        (lambda file: file.create_dataset("x2", (10**12,), "f8") and file.move("x2", "x3"), None),
    ],
)
def test_what_is_no_mapping_is_refused_in_one_line(written, tmp_path, change, said):
    place = changed(written, tmp_path, change)
    if said is None:
        Mapping.read(place)
        return
    with pytest.raises(CircuitFileError, match=said) as refused:
        Mapping.read(place)
    assert "\n" not in str(refused.value)


def test_sizes_are_checked_before_they_are_believed(written, tmp_path):
    def enlarge(file):
        del file["core_of"]
        file.create_dataset("core_of", (10**13,), "i8", chunks=(1024,), compression="gzip")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CircuitFileError, match="more than the file has bytes for"):
        Mapping.read(changed(written, tmp_path, enlarge))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text").write_text("hello")
    xarray.Dataset({"x": ("a", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    for name in ("text", "other.nc", "missing", "."):
        with pytest.raises(CircuitFileError) as refused:
            Mapping.read(tmp_path / name)
        assert "\n" not in str(refused.value)


def test_a_damaged_file_is_refused_or_gives_what_was_written(written, tmp_path):
    contents, generator = written.read_bytes(), np.random.default_rng(0)
    right = Mapping.read(written)
    place = tmp_path / "damaged.nc"
    for _ in range(FEW):
        damaged = bytearray(contents)
        for at in generator.integers(0, len(damaged), generator.integers(1, 4)):
            damaged[at] ^= 1 << generator.integers(8)
        if generator.random() < 0.2:
            damaged = damaged[: generator.integers(len(damaged))]
        place.write_bytes(damaged)
        with contextlib.suppress(CircuitFileError):
            xarray.testing.assert_equal(Mapping.read(place).data, right.data)


def test_csv_files_have_all_numbers(tmp_path):
    made = made_up(5)
    names = made.to_csv(tmp_path / "tables")
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == sorted(names)
    neurons = pandas.read_csv(tmp_path / "tables" / "neurons.csv")
    assert neurons["core"].tolist() == made.data["core_of"].values.tolist()
    assert neurons["population"].unique().tolist() == made.data["population_name"].values.tolist()
    cores = pandas.read_csv(tmp_path / "tables" / "cores.csv")
    assert cores["axons_in"].tolist() == made.data["held"].values[1].tolist()
    numbers = pandas.read_csv(tmp_path / "tables" / "numbers.csv").set_index("name")["number"]
    assert numbers["packets"] == made.packets
    energies = pandas.read_csv(tmp_path / "tables" / "energies.csv")
    assert energies["gradient_pj_high"].sum() == pytest.approx(made.energy_gradient[1])
    times = pandas.read_csv(tmp_path / "tables" / "times.csv").set_index("time")
    assert tuple(times.loc["sample"]) == pytest.approx(made.time)
    assert tuple(times.loc["longest step"]) == pytest.approx(made.data["longest_step"].values, nan_ok=True)


def test_every_number_has_a_kind_and_a_text():
    for name, entry in ENTRIES.items():
        assert entry.kind in "if", name
        assert entry.text, name
