"""Error neurons in pairs: ON - OFF is the signed circuit, in all engines, and the two are shown wherever errors are."""

from __future__ import annotations

from pathlib import Path

import networkx
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import passes

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, 6)), RNG.normal(size=(3, 4))
ENGINES = {"kernel": pcn.Kernel(), "reference": pcn.Reference(), "events": pcn.EventDriven()}


@pytest.fixture(scope="module")
def circuit() -> pcn.Circuit:
    weights = {"W1": pcn.Parameter(RNG.normal(size=(6, 5)) / 2), "W2": pcn.Parameter(RNG.normal(size=(5, 4)) / 2)}
    graph = pcn.trace(lambda x, W1, W2: pcn.vertex(np.tanh(x @ W1), "h") @ W2, x=pcn.Input((6,)), **weights)
    return pcn.build_circuit(graph)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=str)
def test_on_less_off_is_the_signed_error(circuit: pcn.Circuit, engine: str, dynamics: object) -> None:
    record = [pcn.Record("h", variable) for variable in ("error", "error_on", "error_off")]
    runs = []
    for each in (circuit, passes.apply(circuit, passes.SplitErrors(baseline=2.0))):
        simulator = pcn.Simulator(each, dynamics=dynamics, engine=ENGINES[engine])
        chosen = record if each.baselines else record[:1]
        runs.append(simulator.run(5.0, inputs={"x": X}, targets={"out": Y}, record=chosen))
    signed, split = runs
    np.testing.assert_array_equal(split.errors["h"], signed.errors["h"])
    on, off = split.records["h.error_on"].values, split.records["h.error_off"].values
    assert min(on.min(), off.min()) == 2.0
    np.testing.assert_allclose(on - off, signed.records["h.error"].values, rtol=0, atol=1e-15)


def test_populations_and_connections_have_signs(circuit: pcn.Circuit) -> None:
    graph = passes.apply(circuit, passes.SplitErrors(vertices=["h"])).nx
    assert {"h.error_on", "h.error_off", "out.error"} < set(graph.nodes)
    signs = {(a, b): sign for a, b, sign in graph.edges(data="sign") if "h" in (a.split(".")[0], b.split(".")[0])}
    assert signs["x.value", "h.error_on"] == -1 == signs["h.value", "h.error_off"] == signs["h.error_on", "h.value"]
    assert signs["x.value", "h.error_off"] == 1 == signs["h.value", "h.error_on"] == signs["h.error_off", "h.value"]
    assert signs["h.value", "out.error"] is None


def test_a_perturbation_is_of_the_signed_error(circuit: pcn.Circuit) -> None:
    cut = [pcn.Cut(("out.error", "h.value"), start=1.0, stop=3.0)]
    runs = [
        pcn.Simulator(each, dynamics=pcn.Strict()).run(5.0, inputs={"x": X}, targets={"out": Y}, perturb=cut)
        for each in (circuit, passes.apply(circuit, passes.SplitErrors()))
    ]
    np.testing.assert_array_equal(runs[0].values["h"], runs[1].values["h"])


def test_it_is_saved_shown_and_written(circuit: pcn.Circuit, tmp_path: Path) -> None:
    split = passes.apply(circuit, passes.SplitErrors(0.5))
    split.save(tmp_path / "split.pcn")
    assert pcn.load_circuit(tmp_path / "split.pcn").baselines == {"h": 0.5, "out": 0.5}
    assert "ON/OFF at" in str(split)
    assert "err_off = clip(-err, 0, inf) + 0.5 : 1" in split.equations()
    split.write_graphml(tmp_path / "split.graphml")
    assert networkx.read_graphml(tmp_path / "split.graphml").nodes["h.error_off"]["sign"] == -1
    assert split.with_signed_errors.baselines == {}


def test_what_cannot_be_split_is_refused(circuit: pcn.Circuit) -> None:
    with pytest.raises(pcn.PcneuroError, match=r"'hh'.*did you mean 'h'"):
        passes.apply(circuit, passes.SplitErrors(vertices=["hh"]))
    with pytest.raises(pcn.PcneuroError, match="baseline of SplitErrors"):
        passes.SplitErrors(-1.0)
    for wrong in ("h", [1], 5):
        with pytest.raises(pcn.PcneuroError, match=r"vertices of SplitErrors are .*; give a list of names"):
            passes.SplitErrors(vertices=wrong)  # type: ignore[arg-type]
    with pytest.raises(pcn.PcneuroError, match=r"either sign.*SplitErrors\(\)"):
        pcn.Simulator(circuit).run(1.0, inputs={"x": X}, record=[pcn.Record("h", "error_on")])
