"""Graphs with cycles over time: backprop through time, by HIPS autograd."""

from __future__ import annotations

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import CapacityError, GraphError, ParameterError, TraceError, UnknownNameError
from tests.helpers import assert_all_close, assert_close

STEPS, BATCH = 5, 3


def rnn(x, before, W, U, V):
    h = pcn.vertex(np.tanh(x @ W + before @ U), "h")
    return {"y": pcn.vertex(h @ V, "y")}


def traced(function=rnn, **recurrent):
    rng = np.random.default_rng(0)
    weights = {"W": rng.normal(size=(2, 4)), "U": rng.normal(size=(4, 4)), "V": rng.normal(size=(4, 3))}
    before = pcn.Recurrent("h", (4,), initial=np.array([0.1, -0.2, 0.3, 0.0]), **recurrent)
    return pcn.trace(function, x=pcn.Input((2,)), before=before, **{n: pcn.Parameter(w) for n, w in weights.items()})


def data():
    rng = np.random.default_rng(1)
    inputs = {f"x_t{t}": rng.normal(size=(BATCH, 2)) for t in range(STEPS)}
    targets = {f"y_t{t}": rng.normal(size=(BATCH, 3)) for t in range(STEPS)}
    return inputs, targets


def by_autograd(graph, inputs, targets):
    """Gradients through a plain loop over time."""

    def loss(p):
        h, total = np.tile([0.1, -0.2, 0.3, 0.0], (BATCH, 1)), 0.0
        for t in range(STEPS):
            h = anp.tanh(inputs[f"x_t{t}"] @ p["W"] + h @ p["U"])
            total = total + 0.5 * anp.sum((targets[f"y_t{t}"] - h @ p["V"]) ** 2)
        return total

    return autograd.grad(loss)({name: node.source.value for name, node in graph.parameters.items()})


def test_backprop_is_backprop_through_time():
    graph, (inputs, targets) = traced(), data()
    wanted = by_autograd(graph, inputs, targets)
    assert_all_close(pcn.backprop(graph.unrolled(STEPS), inputs, targets).gradients, wanted, 1e-12)


@pytest.mark.parametrize("engine", [pcn.Kernel(threads=1), pcn.Reference()], ids=["kernel", "reference"])
def test_fixed_prediction_comes_to_backprop_through_time(engine):
    graph, (inputs, targets) = traced(), data()
    circuit = pcn.build_circuit(graph.unrolled(STEPS))
    assert circuit.vertices == tuple(f"{name}_t{t}" for t in range(STEPS) for name in ("h", "y"))
    sim = pcn.Simulator(circuit, integrator=pcn.Euler(10.0), engine=engine)
    result = sim.run(10.0 * (STEPS + 3), inputs=inputs, targets=targets)
    assert_all_close(result.gradients, by_autograd(graph, inputs, targets), 1e-12)


def test_the_past_is_not_revised_without_feedback():
    """What comes back to earlier times is left out: each step has the gradient of its own loss, its past held."""
    graph, (inputs, targets) = traced(feedback=False), data()
    got = pcn.backprop(graph.unrolled(STEPS), inputs, targets).gradients
    p = {name: node.source.value for name, node in graph.parameters.items()}
    wanted = {name: np.zeros(w.shape) for name, w in p.items()}
    h = np.tile([0.1, -0.2, 0.3, 0.0], (BATCH, 1))
    for t in range(STEPS):
        before, x = h, inputs[f"x_t{t}"]
        h = np.tanh(x @ p["W"] + before @ p["U"])
        e = h @ p["V"] - targets[f"y_t{t}"]
        g = (e @ p["V"].T) * (1 - h**2)
        for name, part in {"V": h.T @ e, "W": x.T @ g, "U": before.T @ g}.items():
            wanted[name] += part
    assert_all_close(got, wanted, 1e-12)


def test_an_output_that_the_next_step_reads_is_read_out():
    graph = pcn.trace(
        lambda x, before: pcn.vertex(np.tanh(x + before), "h"), x=pcn.Input((2,)), before=pcn.Recurrent("h", (2,))
    ).unrolled(3)
    assert list(graph.outputs) == ["h_t0", "h_t1", "h_t2"]
    assert [node.name for node in graph.outputs.values()] == ["h_t0_readout", "h_t1_readout", "h_t2"]
    x = np.random.default_rng(2).normal(size=(3, 2))
    values = pcn.backprop(graph, {f"x_t{t}": x[t] for t in range(3)}).values
    h = np.zeros(2)
    for t in range(3):
        h = np.tanh(x[t] + h)
        assert_close(values[f"h_t{t}"][0], h, 1e-15)


def test_it_is_saved(tmp_path):
    inputs, targets = data()
    circuit = pcn.build_circuit(traced().unrolled(STEPS))
    circuit.save(tmp_path / "c")
    ends = [
        pcn.Simulator(c).run(5.0, inputs=inputs, targets=targets) for c in (circuit, pcn.load_circuit(tmp_path / "c"))
    ]
    assert_all_close(ends[1].gradients, ends[0].gradients, 0.0)


def test_graphs_that_have_no_passes():
    with pytest.raises(ParameterError, match="steps is 0"):
        traced().unrolled(0)
    with pytest.raises(CapacityError, match=r"1000000000 passes of a graph of \d+ nodes are more than 1,000,000 nodes"):
        traced().unrolled(10**9)
    with pytest.raises(GraphError, match="this graph has no cycle, and so nothing to unroll"):
        traced().unrolled(2).unrolled(2)
    with pytest.raises(UnknownNameError, match="vertex of the Recurrent 'before'"):
        pcn.trace(lambda x, before: x + before, x=pcn.Input((2,)), before=pcn.Recurrent("z", (2,))).unrolled(2)
    late = pcn.trace(
        lambda a, b: pcn.vertex(a + b, "h"), a=pcn.Recurrent("h", (2,), delay=2.0), b=pcn.Recurrent("h", (2,))
    )
    with pytest.raises(ParameterError, match="has delays of 0, 2 ms"):
        late.unrolled(2)


def test_loops_over_time_say_what_to_write():
    def over_time(x):
        h = np.zeros(2)
        for t in range(3):
            h = pcn.vertex(np.tanh(x[t] + h), "h")
        return h

    with pytest.raises(
        GraphError, match=r"'h' is used twice.* in a loop over time.*f'h\{t\}'.*pcn.Recurrent\('h', shape\)"
    ):
        pcn.trace(over_time, x=pcn.Input((3, 2)))

    def itself(x):
        h = np.tanh(x + h)  # noqa: F821, the mistake that is meant
        return h

    with pytest.raises(TraceError, match=r"itself reads 'h' before .* h_before=pcn.Recurrent\('h', shape\)"):
        pcn.trace(itself, x=pcn.Input((2,)))
