"""``pcneuro map``: simulation files, circuits with a rate, and the list of chips."""

from __future__ import annotations

import json

import pytest

from pcneuro.mapping import CHIPS


def test_chips_are_listed(pcneuro):
    code, out, _ = pcneuro("map", "--chips")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(CHIPS)


def test_a_circuit_is_mapped_at_a_rate(pcneuro, folder):
    code, out, err = pcneuro(
        "map", "circuits.py:small", "--rate", "0.5", "--steps", "4", "--out", "out", "--chip", "spinnaker2"
    )
    assert code == 0, err
    assert "synaptic operations" in out
    assert "not priced" in out
    assert {"mapping.nc", "report.html", "summary.json", "load.png"} <= {
        path.name for path in (folder / "out").iterdir()
    }
    assert "exists already" in pcneuro("map", "circuits.py:small", "--rate", "0.5", "--out", "out")[2]
    assert pcneuro("map", "circuits.py:small", "--rate", "0.5", "--out", "out", "--overwrite")[0] == 0


def test_keys_of_a_mapping_are_set_for_a_circuit(pcneuro, refused, folder):
    """A chip of cores of one neuron refuses units that are kept together, and says what helps; that helps."""
    (folder / "one.toml").write_text(
        'name = "one"\ntitle = "One"\nmesh = {width = 9, height = 9}\n'
        "core = {neurons = 1}\nmessages = {graded = true}\n"
    )
    command = ("map", "circuits.py:small", "--rate", "0.5", "--chip", "one.toml", "--out", "out")
    assert "keep value and error neurons apart (together=False)" in refused(*command)
    assert pcneuro(*command, "--set", "together=false", "--overwrite")[0] == 0


def test_a_file_of_another_task_gives_its_circuit(pcneuro, folder):
    (folder / "run.toml").write_text('task = "run"\ncircuit = "circuits.py:small"\nduration = 2.0\n')
    assert pcneuro("map", "run.toml", "--rate", "0.5", "--out", "out")[0] == 0


def test_what_is_wrong_is_one_line(refused):
    assert "give --rate" in refused("map", "circuits.py:small")
    assert "give a simulation file or a circuit" in refused("map")
    assert "unknown chip; did you mean 'loihi'" in refused("map", "circuits.py:small", "--rate", "1", "--chip", "lohi")
    no_file = refused("map", "circuits.py:small", "--rate", "1", "--chip", "no.toml")
    assert "chip = 'no.toml': there is no such file in" in no_file
    assert "has no function 'smal'" in refused("map", "circuits.py:smal", "--rate", "1")
    assert "--set a=1: unknown key" in refused("map", "circuits.py:small", "--rate", "1", "--set", "a=1")
    assert "--set a: write key=value" in refused("map", "circuits.py:small", "--rate", "1", "--set", "a")


MAPPING = """
task = "mapping"
circuit = "circuits.py:small"
duration = 10.0
engine = {kind = "EventDriven", threshold = 0.1}
inputs = {x = {kind = "normal"}}
targets = {out = {kind = "normal"}}
"""


def test_a_mapping_is_held_against_sanafe(pcneuro, folder):
    pytest.importorskip("sanafe")
    (folder / "mapping.toml").write_text(MAPPING)
    code, out, err = pcneuro("check", "mapping.toml", "--against", "sanafe", "--out", "out")
    assert code == 0, err
    assert "pcneuro and SANA-FE agree" in out
    run = json.loads((folder / "out" / "summary.json").read_text())["runs"][0]
    assert run["agrees"]
    assert run["quantities"]["events at synapses"]["sanafe"] == run["synops"] > 0


def test_a_rate_takes_the_place_of_a_run(pcneuro, refused, folder):
    """A file of a mapping has either; a rate that is given alone is for a sample of one step, as help says."""
    (folder / "run.toml").write_text(MAPPING)
    assert "duration = 10.0: is for a run, and rate takes the place of one" in refused(
        "map", "run.toml", "--rate", "0.5"
    )
    (folder / "rate.toml").write_text('task = "mapping"\ncircuit = "circuits.py:small"\n')
    assert pcneuro("map", "rate.toml", "--rate", "0.5", "--out", "out")[0] == 0
    assert json.loads((folder / "out" / "summary.json").read_text())["runs"][0]["steps"] == 1


def test_an_option_stands_above_a_key_that_is_set(pcneuro, folder):
    (folder / "rate.toml").write_text('task = "mapping"\ncircuit = "circuits.py:small"\n')
    events = []
    for reference in ("circuits.py:small", "rate.toml"):
        command = ("map", reference, "--rate", "0.5", "--set", "rate=0.25", "--steps", "8", "--out", reference[:4])
        assert pcneuro(*command)[0] == 0
        (run,) = json.loads((folder / reference[:4] / "summary.json").read_text())["runs"]
        events.append(run["events"])
    assert len(set(events)) == 1
    assert events[0] > 0


def test_other_targets_are_refused(refused, folder):
    (folder / "mapping.toml").write_text(MAPPING)
    assert "against='reference': is for mappings 'sanafe'" in refused("check", "mapping.toml", "--against", "reference")
