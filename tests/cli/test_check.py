"""``pcneuro check``: the kernel beside other simulators, and the exit code."""

import json

import pytest

from tests.extras import with_nest, with_torch
from tests.studies.conftest import png_size


def test_the_reference_agrees(pcneuro, folder):
    code, out, err = pcneuro("check", "x.toml", "--against", "reference", "--out", "out")
    assert code == 0, err
    assert "Kernel and reference, populations" in out
    assert "h.error" in out
    actual = json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))
    (run,) = actual["runs"]
    assert run["agrees"]
    assert run["worst"] < 1e-12
    assert set(run["gradients"]) == {"W", "U"}
    assert min(png_size(folder / "out" / "traces.png")) > 500


def test_a_difference_ends_with_one(pcneuro, folder):
    settings = ["--set", 'dtype="float32"', "--out", "out"]
    code, _, err = pcneuro("check", "x.toml", "--against", "reference", "--tolerance", "1e-12", *settings)
    assert code == 1
    assert err.splitlines()[-1].startswith("pcneuro: reference is ")
    assert err.splitlines()[-1].endswith("away, more than the tolerance 1e-12")
    assert pcneuro("check", "x.toml", "--against", "reference", "--tolerance", "1e-4", *settings, "--overwrite")[0] == 0


def test_brian2_agrees(pcneuro, folder, recwarn):
    code, out, err = pcneuro("check", "x.toml", "--against", "brian2-rate", "--tolerance", "1e-12")
    assert code == 0, err
    assert "Kernel and brian2-rate, gradients" in out


@with_torch
def test_torch_agrees(pcneuro, folder):
    code, out, err = pcneuro("check", "x.toml", "--against", "torch", "--tolerance", "1e-12")
    assert code == 0, err
    assert "Kernel and torch, gradients" in out


def test_what_is_refused(refused, folder):
    assert "unknown target 'torch7'" in refused("check", "x.toml", "--against", "torch7")
    (folder / "y.toml").write_text((folder / "x.toml").read_text().replace("duration = 20.0", "until = {rtol = 1e-3}"))
    assert "give a duration" in refused("check", "y.toml", "--against", "reference")
    assert "tolerance" in refused("check", "x.toml", "--against", "reference", "--tolerance", "-1")


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_spikes_agree_at_the_end(pcneuro, folder):
    settings = ["--set", "duration=300.0", "--set", "spiking.errors.units=50", "--out", "out"]
    code, out, err = pcneuro("check", "x.toml", "--against", "brian2-spiking", *settings)
    assert code == 0, err
    assert "Kernel and brian2-spiking, populations" in out
    for name in ("traces", "errors", "raster"):
        assert min(png_size(folder / "out" / f"{name}.png")) > 300
    actual = json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))
    assert actual["runs"][0]["tolerance"] == 0.03
    assert 1e-6 < actual["runs"][0]["worst"] < 0.03
    code, _, err = pcneuro(
        "check", "x.toml", "--against", "brian2-spiking", "--tolerance", "1e-7", *settings, "--overwrite"
    )
    assert code == 1
    assert "brian2-spiking is " in err


@pytest.mark.parametrize("target", [pytest.param("nest", marks=with_nest), "nir"])
def test_other_tools_agree(pcneuro, folder, target):
    code, out, err = pcneuro("check", "x.toml", "--against", target, "--tolerance", "1e-11")
    assert code == 0, err
    assert f"Kernel and {target}, gradients" in out


def test_records_of_their_own_times(pcneuro, folder):
    text = (folder / "x.toml").read_text()
    tables = (f'[[record]]\nvertex = "h"\nvariable = "{v}"\nevery = {t}\n' for v, t in (("error", 2.0), ("value", 4.0)))
    (folder / "y.toml").write_text("\n".join([text, *tables]))
    code, _, err = pcneuro("check", "y.toml", "--against", "reference", "--out", "out")
    assert code == 0, err


def test_runs_that_have_nothing_to_agree_with(pcneuro, refused, folder):
    text = refused("check", "x.toml", "--against", "reference", "--set", 'schedule.kind="Sequential"')
    assert "not one after the other" in text


def test_float32_has_a_tolerance_of_its_own(pcneuro, folder):
    code, _, err = pcneuro("check", "x.toml", "--against", "reference", "--set", 'dtype="float32"')
    assert code == 0, err
