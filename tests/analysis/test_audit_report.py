"""The audit: what it is given, returns, writes and refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import pcneuro as pcn
from circuits.mlp import mlp
from pcneuro.errors import DataError, ParameterError, UnknownNameError
from tests.analysis.audited import passes, two_layers
from tests.circuits.small import small
from tests.cycles_for_tests import ring

BOTH = pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)


def test_it_is_written_as_json_and_read_again(tmp_path):
    audit = pcn.audit(small("transformer").circuit, interventions=1, singles=1)
    assert pcn.Audit.from_json(audit.to_json(tmp_path / "audit.json")) == audit
    facts = json.loads((tmp_path / "audit.json").read_text())
    assert facts == json.loads(json.dumps(audit.to_dict()))
    assert (facts["local"], facts["certified"], facts["dynamics"]) == (True, True, "FixedPrediction")
    with pytest.raises(pcn.PcneuroError, match=r"exists already"):
        audit.to_json(tmp_path / "audit.json")
    for text in ("", "[]", "{}", '{"neurons": [1], "synapses": []}', "null", "[" * 100_000):
        with pytest.raises(DataError, match="no audit in JSON"):
            pcn.Audit.from_json(text)
    text = audit.to_json()
    for right, wrong in (
        ('"one_to_one": true', '"one_to_one": 3'),
        ('"made": 3', '"made": true'),
        ('"seed": 0', '"seed": 0.5'),
    ):
        assert right in text
        with pytest.raises(DataError, match="no audit in JSON"):
            pcn.Audit.from_json(text.replace(right, wrong))


def test_weights_of_other_neurons_as_feedback_are_transported():
    """Errors of y come back by the weights that h is predicted by."""
    rng = np.random.default_rng(0)

    def network(x, W1, W2):
        h = pcn.vertex(np.tanh(x @ W1), "h")
        return pcn.vertex(pcn.ops.project(h, W2, feedback=W1.T), "y")

    W1, W2 = (pcn.Parameter(rng.normal(size=shape)) for shape in ((3, 4), (4, 3)))
    audit = pcn.audit(pcn.build_circuit(pcn.trace(network, x=pcn.Input((3,)), W1=W1, W2=W2)))
    assert audit["h.value"].transported == ("W1",)
    assert audit.local
    assert audit.certified


def test_it_is_a_data_frame():
    frame = pcn.audit(two_layers(), interventions=0).to_dataframe()
    assert list(frame.index) == ["h.value", "h.error", "y.value", "y.error", "W1", "W2"]
    assert frame.loc["h.value", "transported"] == "W2"
    assert frame.loc["W1", "reads_derivative"] == "h.dendrite"
    assert frame.loc["W2", "reads_derivative"] == ""
    assert frame.loc["h.error", "one_to_one"]


def test_its_tables_line_up():
    lines = str(pcn.audit(two_layers())).splitlines()
    assert lines[0] == "Audit under FixedPrediction: every update is local"
    at = next(k for k, line in enumerate(lines) if line.startswith("population"))
    column = lines[at].index("local")
    assert {line[column : column + 3] for line in lines[at + 2 : at + 6]} == {"yes"}


def test_the_same_seed_brings_the_same_and_nothing_depends_on_it():
    audits = [pcn.audit(mlp((6, 5, 4, 3)), seed=seed) for seed in (1, 1, 2)]
    assert audits[0] == audits[1]
    assert [r.reads for r in audits[0].rows] == [r.reads for r in audits[2].rows]


def test_without_interventions_the_structure_is_told():
    audit = pcn.audit(two_layers(), interventions=0)
    assert audit.local
    assert "no interventions were made" in str(audit)
    assert not audit.certified, "of none"
    assert audit["W1"].reads["pre"] == ("x.value",)


def test_inputs_can_be_given_and_are_asked_for_where_none_fit():
    def function(x, E):
        return pcn.vertex(pcn.ops.embedding(x, E), "y")

    graph = pcn.trace(function, x=pcn.Input((3,)), E=pcn.Parameter(np.random.default_rng(0).normal(size=(5, 2))))
    circuit = pcn.build_circuit(graph)
    assert pcn.audit(circuit, inputs={"x": np.array([[0, 1, 4], [2, 3, 3]])}).local
    assert pcn.audit(circuit).local

    def masked(x):
        return pcn.vertex(np.log(x - 5.0), "y")

    hard = pcn.build_circuit(pcn.trace(masked, x=pcn.Input((3,))))
    with pytest.raises(ParameterError, match=r"finds no inputs that this circuit takes .*give it some"):
        pcn.audit(hard)
    assert pcn.audit(hard, inputs={"x": np.array([[6.0, 7.0, 8.0], [9.0, 6.5, 7.5]])}).certified


def test_latents_are_drawn_where_the_circuit_takes_them():
    graph = pcn.trace(lambda z: pcn.vertex(np.log(z), "y"), z=pcn.Latent((3,)))
    audit = pcn.audit(pcn.build_circuit(graph), dynamics=pcn.Strict())
    assert passes(audit)
    assert [row.name for row in audit.neurons] == ["z.value", "y.value", "y.error"]
    assert "own" not in audit["z.value"].reads, "nothing predicts it"


def test_what_does_not_fit_is_refused_in_one_line():
    with pytest.raises(ParameterError, match=r"FixedPrediction\(\) has no cycles.*use dynamics=pcn.Strict\(\)"):
        pcn.audit(ring(), dynamics=pcn.FixedPrediction())
    with pytest.raises(UnknownNameError, match="unknown input of the audit 'z'"):
        pcn.audit(two_layers(), inputs={"z": np.ones(4)})
    for same in (np.ones(4), np.ones((3, 4))):
        with pytest.raises(ParameterError, match=r"input 'x' of the audit has \d samples that do not differ.*give two"):
            pcn.audit(two_layers(), inputs={"x": same})
    with pytest.raises(
        UnknownNameError, match=r"population or parameter of the audit 'h\.valu': did you mean 'h.value'"
    ):
        pcn.audit(two_layers())["h.valu"]


def test_of_many_updates_a_part_is_looked_at(monkeypatch):
    monkeypatch.setattr("pcneuro.analysis.audit.auditing.WORK", 10**7)
    audit = pcn.audit(small("transformer").circuit)
    made = [row for row in audit.rows if row.interventions.made]
    assert 0 < len(made) < len(audit.rows)
    assert f"in {len(made)} of {len(audit.rows)} updates" in str(audit)


def test_the_example_of_the_page_runs(capsys):
    text = (Path(__file__).parents[2] / "docs" / "cortex.md").read_text(encoding="utf-8")
    section = text.partition("## Audit\n")[2].partition("\n## ")[0]
    for example in re.findall(r"^```python\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL):
        exec(compile(example, "docs/cortex.md", "exec"), {"pcn": pcn, "np": np})
    assert "every update is local" in capsys.readouterr().out
