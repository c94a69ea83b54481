"""The task ``mapping``: what it writes, in one run and in a sweep, and what it refuses."""

from __future__ import annotations

import pytest

import pcneuro as pcn
from pcneuro.errors import CapacityError, ConfigurationError
from pcneuro.mapping import Mapping
from pcneuro.studies import Sources
from tests.extras import with_sanafe
from tests.studies.conftest import SMALL, Stops, png_size

FILE = SMALL.replace('"run"', '"mapping"')
RATED = """
task = "mapping"
circuit = "circuits.py:small"
rate = 0.5
steps = 10
"""
GATED = """
import numpy as np
import pcneuro as pcn

def gated():
    def network(x, W, V):
        h, gate = pcn.vertex(np.tanh(x @ W), "h"), pcn.vertex(pcn.ops.sigmoid(x @ V), "gate")
        return pcn.vertex(h * gate, "out")
    generator = np.random.default_rng(1)
    W, V = (pcn.Parameter(generator.normal(size=(3, 2))) for _ in range(2))
    return pcn.trace(network, x=pcn.Input((3,)), W=W, V=V)
"""
PICTURES = {"populations.png", "load.png", "links.png", "energy.png"}


@pytest.mark.drawn
def test_a_run_by_events_is_mapped(project):
    report, summary, records = project(FILE)
    files = {path.name for path in report.folder.iterdir()}
    assert files == {"summary.json", "report.html", "records.nc", "mapping.nc", *PICTURES}
    circuit = Sources([project.folder]).circuit("circuits.py:small", {})
    made = Mapping.read(report.folder / "mapping.nc", circuit)
    run = summary["runs"][0]
    assert run["energy_gradient_pj"] == list(made.energy_gradient)
    assert run["packets"] == made.packets
    assert run["time_sample_ns"] == list(made.time)
    assert float(records["events"]) == run["events"] > 0
    assert "<svg" in (report.folder / "report.html").read_text()
    assert min(png_size(report.folder / "load.png")) > 200
    assert report.tables[1].title == "Counts of a sample"
    ((first,), *_) = report.tables[0].rows
    assert first.startswith("Mapping of ")
    assert " cores of loihi" in first


def test_ctrl_c_while_a_circuit_is_mapped_is_an_interruption(project):
    """What is mapped is whole, the run has not completed, and runs of a sweep that come after it are not begun."""
    report, summary, _ = project(RATED, observer=Stops(0.3))
    assert summary["status"] == "interrupted"
    assert "interrupted while the circuit was mapped, which came to its end" in summary["message"]
    Mapping.read(report.folder / "mapping.nc", Sources([project.folder]).circuit("circuits.py:small", {}))
    report, summary, _ = project(RATED + "[sweep]\nrate = [0.5, 0.6]\n", observer=Stops(0.1))
    assert len(summary["runs"]) == 1


def test_a_rate_needs_no_run(project):
    _, summary, _ = project(RATED)
    axons = pcn.mapping.axons_of(Sources([project.folder]).circuit("circuits.py:small", {}))
    assert summary["runs"][0]["events"] == axons.neuron.size * 5


def test_a_sweep_over_chips_is_a_table(project):
    report, summary, _ = project(RATED, 'sweep.chip=["loihi", "loihi2", "spinnaker2"]')
    assert [run["chip"] for run in summary["runs"]] == ["loihi", "loihi2", "spinnaker2"]
    assert summary["runs"][1]["energy_gradient_pj"] == [None, None]
    (table,) = report.tables
    assert [row[1] for row in table.rows] == ["loihi", "loihi2", "spinnaker2"]
    assert table.columns[-1] == "not priced"
    assert [row[-1] for row in table.rows][::2] == ["", "messages, plasticity"]
    assert (report.folder / "run2-mapping.nc").exists()


def test_a_chip_of_ones_own_is_found_beside_the_file(project):
    (project.folder / "mine.toml").write_text(
        'name = "mine"\ntitle = "Mine"\nmesh = {width = 1, height = 1}\n'
        "core = {neurons = 8}\nmessages = {graded = true}\n"
    )
    with pytest.raises(CapacityError, match="mine at most 8"):
        project(RATED, 'chip="mine.toml"')
    with pytest.raises(ConfigurationError, match=rf"chip = 'yours.toml': there is no such file in {project.folder}"):
        project(RATED, 'chip="yours.toml"')


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (['chip="lohi"'], "chip='lohi': unknown chip; did you mean 'loihi'"),
        (["duration=20.0"], "duration=20.0: is for a run"),
        (["engine.kind=Kernel"], "needs to be EventDriven"),
        (['strategies=["nature"]'], "unknown strategy; did you mean 'natural'"),
        (["rate=-1.0"], "rate=-1.0"),
        (["seed=4294967296"], "seed=4294967296: should be less than or equal to 4294967295"),
        (["together=1"], "together=1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(project, sets, said):
    with pytest.raises(ConfigurationError, match=said) as refused:
        project(RATED, *sets)
    assert "\n" not in str(refused.value)


def test_what_is_missing_is_told(project):
    with pytest.raises(ConfigurationError, match="steps: is missing"):
        project(RATED.replace("steps = 10", ""))
    with pytest.raises(ConfigurationError, match=r"duration: is missing: .* or give rate and steps"):
        project(RATED.replace("steps = 10", "").replace("rate = 0.5", ""))


@with_sanafe
def test_dendrites_that_send_along_several_branches_are_held_against_sanafe(project):
    (project.folder / "gated.py").write_text(GATED)
    _, summary, _ = project(FILE.replace("circuits.py:small", "gated.py:gated"), 'against="sanafe"')
    (run,) = summary["runs"]
    assert run["agrees"]
    assert run["quantities"]["packets"]["sanafe"] == run["quantities"]["packets"]["pcneuro"] > 0
