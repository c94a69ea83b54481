"""Register allocation: what a run holds, and that nobody writes where another still reads."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

import pcneuro as pcn
from circuits.cnn import cnn
from circuits.lstm import lstm
from circuits.mlp import mlp
from circuits.rnn import rnn
from circuits.transformer import transformer
from pcneuro.ops.base import Slot
from pcneuro.program import allocation, lower
from pcneuro.program.allocation import Allocation
from pcneuro.program.lowering import VIRTUAL, Lowering
from tests.circuits_for_tests import DYNAMICS, data_for, every_dynamics, random_dag, same
from tests.circuits_for_tests import mlp as graph_of_mlp


def instruction(low, *slots):
    """An instruction that uses these slots."""
    low.emit("combine", *(slot.row for slot in slots))
    return low.taken()


def overlap(one: Slot, other: Slot) -> bool:
    return one.row < other.row + other.units and other.row < one.row + one.units


def test_rows_are_shared_by_what_is_done_with():
    low = Lowering()
    low.reserve(7, True)
    a, b, c, d, e = (low.temporary(n, True) for n in (4, 4, 4, 2, 3))
    once = [instruction(low, a), instruction(low, a, b), instruction(low, b, c)]
    again = [instruction(low, c, d) + instruction(low, d), instruction(low, e)]
    place = Allocation(low, once, again)
    rows = {name: place.slot(slot).row for name, slot in zip("abcde", (a, b, c, d, e), strict=True)}
    # c is used at the start and in the steps: it stays. a and it are not needed at the same time, d and e neither.
    assert rows == {"a": 7, "b": 11, "c": 7, "d": 11, "e": 11}
    assert low.rows[True] == 7 + 8
    assert [list(arguments) for arguments in low.arguments.values()][1] == [7, 11]
    assert place.slot(Slot(3, 4, True)) == Slot(3, 4, True)


@every_dynamics
def test_what_is_needed_at_the_same_time_stands_apart(dynamics, monkeypatch):
    made = []

    class Spy(Allocation):
        def __init__(self, low, once, again):
            again = list(again)
            super().__init__(low, once, again)
            made.append(self)

    monkeypatch.setattr("pcneuro.program.compiler.Allocation", Spy)
    for seed in range(20):
        program = lower(pcn.build_circuit(random_dag(seed)), dynamics)
        place = made.pop()
        kept = [k for k, use in place.uses.items() if len(use.lists) > 1]
        slots = {k: place.slot(slot) for k, slot in enumerate(place.low.temporaries) if k in place.uses}
        for k, m in combinations(slots, 2):
            a, b = place.uses[k], place.uses[m]
            both = k in kept and m in kept
            if both or (a.first <= b.last and b.first <= a.last):
                assert not overlap(slots[k], slots[m])
            steady, local = (a, b) if k in kept else (b, a)
            if (k in kept) != (m in kept) and (local.first >= steady.first or allocation.ONCE not in local.lists):
                assert not overlap(slots[k], slots[m])
        assert program.ints.max() < VIRTUAL


@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.RungeKutta4(1.0)], ids=lambda i: type(i).__name__)
@every_dynamics
def test_sharing_changes_no_bit(dynamics, integrator, monkeypatch):
    """With rows of their own for all temporaries results are the same; snapshots and clamps included."""
    results = []
    for alone in (False, True):
        if alone:
            monkeypatch.setattr(allocation._FreeRows, "give", lambda self, row, units: None)
        for seed in range(8):
            circuit = pcn.build_circuit(random_dag(seed))
            inputs, targets = data_for(circuit.graph, 3, seed, 0.3)
            hidden = circuit.vertices[0]
            held = {hidden: np.full((3, *circuit.graph.nodes[hidden].shape), 0.1)}
            sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=integrator)
            for clamp in (None, held, {}):
                results.append(sim.run(12.0, inputs=inputs, targets=targets, clamp=clamp))
    half = len(results) // 2
    for a, b in zip(results[:half], results[half:], strict=True):
        for part in ("values", "errors", "predictions", "gradients"):
            assert same(getattr(a, part), getattr(b, part))


@every_dynamics
def test_clamps_that_come_and_go(dynamics, tmp_path):
    """What is clamped has a value beside its prediction: as in the reference, and kept in snapshots."""
    circuit = pcn.build_circuit(graph_of_mlp((4, 6, 5, 3)))
    inputs, targets = data_for(circuit.graph, 3)
    clamp = {"h1": 0.3 * np.ones((3, 6))}
    sims = [pcn.Simulator(circuit, dynamics=dynamics, engine=e) for e in (pcn.Kernel(), pcn.Reference())]
    for held in (None, clamp, {}, clamp):
        kernel, reference = (sim.run(15.0, inputs=inputs, targets=targets, clamp=held) for sim in sims)
        for part in ("values", "errors", "predictions", "gradients"):
            for name, array in getattr(reference, part).items():
                np.testing.assert_allclose(getattr(kernel, part)[name], array, rtol=0, atol=1e-12)
    sims[0].store(tmp_path / "state")
    other = pcn.Simulator(circuit, dynamics=dynamics)
    other.restore(tmp_path / "state")
    assert same(sims[0].run(9.0).errors, other.run(9.0).errors)


CIRCUITS = {
    "mlp": lambda: mlp((784, 256, 256, 10)),
    "cnn": cnn,
    "rnn": rnn,
    "lstm": lstm,
    "transformer": transformer,
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_a_state_is_at_most_six_times_its_activities(name):
    circuit = CIRCUITS[name]()
    units = sum(circuit.graph.nodes[v].size for v in circuit.vertices)
    activities = units + sum(node.size for node in circuit.graph.inputs.values())
    parameters = sum(value.size for value in circuit.parameters.values())
    fixed, strict = (lower(circuit, dynamics) for dynamics in DYNAMICS)
    assert fixed.rows <= 6 * activities
    # Pre-activations stay, so that what has not changed is not computed again.
    assert strict.rows <= 9.2 * activities
    # Parameters, gradients; precisions and rates of each unit; what is computed of parameters alone.
    assert fixed.shared_rows <= 2 * parameters + 4 * units + 1000


def test_the_sizes_that_a_result_tells():
    circuit = pcn.build_circuit(graph_of_mlp((20, 15, 5)))
    inputs, targets = data_for(circuit.graph, 64)
    sim = pcn.Simulator(circuit, dtype=np.float32)
    stats = sim.run(5.0, inputs=inputs, targets=targets).stats
    engine = sim._engine
    assert stats["state_bytes"] >= engine.buf.nbytes == 64 * engine.program.rows * 4
    assert stats["shared_bytes"] == engine.shared.nbytes
    assert stats["program_bytes"] == 8 * engine.program.ints.size
