"""Passes on circuits of all kinds: all engines, files and views take what comes out, and what passes claim is so."""

from __future__ import annotations

import networkx
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import passes
from tests.circuit.passes.circuits_for_passes import (
    ACYCLIC,
    CYCLIC,
    SHIPPED,
    dag,
    furthest,
    given,
    shipped,
    strict,
)


def few(values, count):
    """All of some values, of which those behind the first ``count`` are for long runs."""
    return [v if k < count else pytest.param(v, marks=pytest.mark.long) for k, v in enumerate(values)]


EACH = {
    "feedback": [passes.LearnedFeedback()],
    "learned feedback": [passes.LearnedFeedback(tau=50.0, decay=0.1)],
    "no derivative": [passes.NoDerivative()],
    "gate": [passes.NoDerivative(gate=True)],
    "random errors": [passes.RandomErrorConnectivity(scale=0.3, diagonal=1.0, tau=200.0)],
    "Dale": [passes.Dale(2.0)],
    "Dale, own": [passes.Dale(2.0, own=True)],
    "few bits": [passes.Quantize(5, rounding=passes.Stochastic(1))],
    "few bits of Dale": [passes.Dale(2.0), passes.Quantize(3)],
}
ALL = [
    passes.LearnedFeedback(tau=100.0, decay=0.1),
    passes.NoDerivative(),
    passes.RandomErrorConnectivity(scale=0.3, diagonal=1.0, tau=200.0),
    passes.Dale(2.0, own=True),
]
"""One behind the other."""
MESSAGES = {
    "values": [passes.QuantizeValues(6, 4.0)],
    "errors": [passes.QuantizeErrors(6, 2.0)],
    "drawn": [
        passes.QuantizeValues(6, 4.0, rounding=passes.Stochastic(1)),
        passes.QuantizeErrors(6, 2.0, rounding=passes.Stochastic(2)),
    ],
}


def agree(circuit, data, tmp_path, *, events):
    """All engines do the same with a circuit, and with what is read back of its file; all views show it."""
    reference = strict(circuit, data)
    circuit.save(tmp_path / "circuit")
    loaded = pcn.load_circuit(tmp_path / "circuit")
    engines = [pcn.Kernel(), *([pcn.EventDriven(0.0)] if events else [])]
    for engine in engines:
        found = strict(loaded, data, engine)
        assert furthest(found, reference, circuit.vertices) < 1e-12
        for name, wanted in reference.parameters.items():
            np.testing.assert_allclose(found.parameters[name], wanted, rtol=0, atol=1e-12)
    assert str(loaded) == str(circuit)
    assert loaded.equations() == circuit.equations()
    assert networkx.utils.graphs_equal(loaded.nx, circuit.nx)


@pytest.mark.halved
@pytest.mark.parametrize("name", few([*ACYCLIC, *CYCLIC], 5))
@pytest.mark.parametrize("which", EACH)
def test_engines_files_and_views_take_what_comes_out(name, which, tmp_path):
    circuit = (ACYCLIC | CYCLIC)[name]()
    agree(passes.apply(circuit, EACH[which]), given(circuit), tmp_path, events=which != "gate")


@pytest.mark.parametrize("name", few([*ACYCLIC, *CYCLIC], 4))
@pytest.mark.parametrize("which", MESSAGES)
def test_messages_of_few_bits(name, which, tmp_path):
    circuit = (ACYCLIC | CYCLIC)[name]()
    agree(passes.apply(circuit, MESSAGES[which]), given(circuit), tmp_path, events=which == "values")


@pytest.mark.parametrize("name", few([*ACYCLIC, *CYCLIC], 3))
def test_all_passes_one_behind_the_other(name, tmp_path):
    circuit = (ACYCLIC | CYCLIC)[name]()
    made = passes.apply(circuit, ALL)
    agree(made, given(circuit), tmp_path, events=False)
    made.write_graphml(tmp_path / "circuit.graphml")
    assert set(pcn.from_networkx(networkx.read_graphml(tmp_path / "circuit.graphml")).vertices) == set(made.vertices)
    assert made.draw() is not None


@pytest.mark.parametrize("name", few(SHIPPED, 1))
def test_circuits_of_the_package(name, tmp_path):
    circuit, data = shipped(name)
    agree(passes.apply(circuit, ALL), data, tmp_path, events=False)


@pytest.mark.parametrize("seed", few(range(50), 8))
def test_random_graphs(seed, tmp_path):
    """One pass after the other, with all of them at last."""
    circuit, turns = dag(seed), [*EACH.values(), ALL]
    agree(passes.apply(circuit, turns[seed % len(turns)]), given(circuit), tmp_path, events=seed % 16 == 0)


PREDICTIONS_STAY = [
    passes.NoDerivative(),
    passes.NoDerivative(gate=True),
    passes.LearnedFeedback(),
    passes.LearnedFeedback(tau=10.0),
    passes.SplitErrors(1.0),
]


@pytest.mark.parametrize("graphs", few((8, 50), 1))
@pytest.mark.parametrize("pass_", PREDICTIONS_STAY, ids=repr)
def test_predictions_stay_bit_for_bit(pass_, graphs):
    drawn = (dag(seed) for seed in range(graphs))
    circuits = [(made, given(made)) for made in (*(make() for make in ACYCLIC.values()), *drawn)]
    for circuit, data in [*circuits, *(shipped(name) for name in SHIPPED)]:
        after = passes.apply(circuit, pass_)
        wanted, found = (pcn.backprop(c, data["inputs"], data["targets"]) for c in (circuit, after))
        for vertex in circuit.vertices:
            np.testing.assert_array_equal(found.values[vertex], wanted.values[vertex])


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("name", few([*ACYCLIC, "network", "linear", *(f"dag {seed}" for seed in range(6))], 1))
def test_interneurons_of_less_and_less_time_are_the_circuit_without(name, own):
    """In proportion to their time constant: halved, what is off is halved."""
    circuit = dag(int(name[4:])) if name.startswith("dag") else (ACYCLIC | CYCLIC)[name]()
    data = given(circuit)
    hidden = [v for v in circuit.vertices if v not in {node.name for node in circuit.graph.outputs.values()}]

    def ran(tau):
        made = circuit if tau is None else passes.apply(circuit, passes.Dale(tau, own=own))
        return strict(made, data, dt=0.02, duration=3.0)

    wanted = ran(None)
    off = np.array([furthest(ran(tau), wanted, hidden) for tau in (0.2, 0.1, 0.05)])
    assert np.all(off < 1e-14) or np.all(np.abs(np.log2(off[:-1] / off[1:]) - 1) < 0.25), off


@pytest.mark.parametrize("name", few([*SHIPPED, *ACYCLIC, *(f"dag {seed}" for seed in range(12))], 6))
def test_with_interneurons_equilibrium_is_backprop_too(name):
    """Fixed prediction; of weights in two parts the gradients are those of the whole, with the signs of both."""
    circuit, data = shipped(name) if name in SHIPPED else (None, None)
    if circuit is None:
        circuit = dag(int(name[4:])) if name.startswith("dag") else ACYCLIC[name]()
        data = given(circuit)
    wanted = pcn.backprop(circuit, data["inputs"], data["targets"])
    made = passes.apply(circuit, passes.Dale(10.0))
    simulator = pcn.Simulator(made, integrator=pcn.Euler(10.0))
    samples = len(next(iter(data["targets"].values())))
    held = {name: np.zeros((samples, *node.shape)) for name, node in circuit.graph.latents.items()}
    result = simulator.run(10.0 * (2 * len(made.vertices) + 2), clamp=held, **data)
    for parameter, gradient in wanted.gradients.items():
        for end, sign in (("", 1.0), ("_excitatory", 1.0), ("_inhibitory", -1.0)):
            if parameter + end in result.gradients:
                np.testing.assert_allclose(result.gradients[parameter + end], sign * gradient, rtol=0, atol=1e-9)
