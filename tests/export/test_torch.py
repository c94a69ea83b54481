"""PyTorch, with derivatives by its autograd, against the kernel at every step."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import pcneuro as pcn
from circuits.cnn import cnn
from circuits.lstm import lstm
from circuits.transformer import transformer
from pcneuro.errors import MissingExtraError, ParameterError
from pcneuro.export.targets import Exported, RunRequest, targets
from pcneuro.export.torch import TorchTarget, functions
from pcneuro.ops.formula import evaluate, parse
from pcneuro.ops.primitives import PRIMITIVES
from tests.circuits_for_tests import data_for, every_dynamics, mlp, random_dag, scalar_graph, three_layers
from tests.export import agreement
from tests.export.agreement import close

torch = pytest.importorskip("torch")  # `make test-long` installs it

INTEGRATORS = [pcn.Euler(1.0), pcn.ExponentialEuler(2.0), pcn.RungeKutta4(1.5)]


def by_torch(circuit: pcn.Circuit, inputs: dict, targets: dict, duration: float, records=(), **settings) -> Exported:
    """The run in PyTorch."""
    defaults = {"dynamics": pcn.FixedPrediction(), "integrator": pcn.Euler(1.0), "clamp": {}}
    request = RunRequest(
        circuit=circuit, duration=duration, inputs=inputs, targets=targets, records=records, **(defaults | settings)
    )
    return TorchTarget().run(request)


def agree(circuit: pcn.Circuit, inputs: dict, targets: dict, steps: int = 12, silent=False, **settings) -> None:
    """As the kernel has it at every step."""
    clamp = settings.pop("clamp", {})

    def run(records, duration):
        return by_torch(circuit, inputs, targets, duration, records, clamp=clamp, **settings)

    data = {"inputs": inputs, "targets": targets, "clamp": clamp}
    agreement.agree(run, circuit, steps=steps, settings=settings, silent=silent, **data)


def one_hot(circuit: pcn.Circuit, batch: int) -> dict:
    """Targets that are the second class everywhere."""
    (output,) = circuit.graph.outputs.values()
    return {"out": np.broadcast_to(np.eye(output.shape[-1])[1], (batch, *output.shape))}


@every_dynamics
@pytest.mark.parametrize("integrator", INTEGRATORS, ids=lambda i: type(i).__name__)
def test_mlp_batch(dynamics, integrator):
    """With a precision and a time constant of their own."""
    circuit = three_layers()
    agree(circuit, *data_for(circuit.graph, 3), dynamics=dynamics, integrator=integrator)


@every_dynamics
def test_scalar_graph(dynamics):
    """Every vertex comes from parameters alone, and has their gradients."""
    agree(pcn.build_circuit(scalar_graph()), {}, {"v4": np.array(1.0)}, steps=20, dynamics=dynamics)


@every_dynamics
@pytest.mark.parametrize("seeds", [range(20), pytest.param(range(20, 60), marks=pytest.mark.long)])
def test_random_graphs(dynamics, seeds):
    for seed in seeds:
        circuit = pcn.build_circuit(random_dag(seed), vertices=("auto", "all")[seed % 2])
        agree(circuit, *data_for(circuit.graph, 2, scale=0.3), steps=6, dynamics=dynamics, silent=True)


@every_dynamics
def test_convolutions_and_pooling(dynamics):
    """Rectified units of zero are equal in a pool: the first gets all, as in the kernel."""
    circuit = cnn(channels=1, size=8, kernel=3, features=(2, 3), hidden=(6, 5))
    inputs, _ = data_for(circuit.graph, 2)
    agree(circuit, inputs, one_hot(circuit, 2), dynamics=dynamics)


@every_dynamics
def test_lstm(dynamics):
    circuit = lstm(length=3, vocabulary=4, hidden=3)
    inputs, _ = data_for(circuit.graph, 2, scale=0.5)
    agree(circuit, inputs, one_hot(circuit, 2), steps=8, dynamics=dynamics)


@every_dynamics
def test_transformer(dynamics):
    circuit = transformer(length=5, vocabulary=6, width=8, heads=2, hidden=12)
    inputs, _ = data_for(circuit.graph, 2)
    agree(circuit, inputs, one_hot(circuit, 2), steps=6, dynamics=dynamics)


ENERGIES = {
    "softmax": (pcn.SoftmaxCrossEntropy(), lambda out, y: -(y * torch.log_softmax(out, 1)).sum()),
    "bernoulli": (
        pcn.Bernoulli(),
        lambda out, y: torch.nn.functional.binary_cross_entropy_with_logits(out, y, reduction="sum"),
    ),
    "squared": (pcn.SquaredError(), lambda out, y: 0.5 * (y - out).square().sum()),
}


@every_dynamics
@pytest.mark.parametrize("name", ENERGIES)
def test_energies(dynamics, name):
    """Errors of a clamped output are -dE/dprediction, E by PyTorch's own functions; those of a free one are not."""
    energy, loss = ENERGIES[name]
    circuit = pcn.build_circuit(mlp((4, 5, 3)), energies={"out": energy}, precision={"out": 1.5, "h1": 0.8})
    inputs, _ = data_for(circuit.graph, 3)
    goals = one_hot(circuit, 3)
    agree(circuit, inputs, goals, dynamics=dynamics)
    agree(circuit, inputs, {}, clamp={"h1": np.full((3, 5), 0.1)}, dynamics=dynamics, silent=True)
    actual = by_torch(circuit, inputs, goals, 0.0, dynamics=dynamics)
    out = torch.tensor(actual.predictions["out"], requires_grad=True)
    (slope,) = torch.autograd.grad(1.5 * loss(out, torch.tensor(goals["out"])), out)
    close(actual.errors["out"], -slope.numpy(), "out")


@every_dynamics
def test_gradient_of_a_plain_torch_network(dynamics):
    """At equilibrium of fixed prediction, what PyTorch says of the same network written in it, graph and all."""
    circuit = pcn.build_circuit(mlp((4, 5, 3)))
    inputs, goals = data_for(circuit.graph, 3)
    theta = {name: torch.tensor(values, requires_grad=True) for name, values in circuit.parameters.items()}
    hidden = torch.tanh(torch.tensor(inputs["x"]) @ theta["W1"] + theta["b1"])
    loss = 0.5 * (torch.tensor(goals["out"]) - hidden @ theta["W2"] - theta["b2"]).square().sum()
    loss.backward()
    actual = by_torch(circuit, inputs, goals, 30.0, dynamics=dynamics, integrator=pcn.Euler(10.0))
    apart = max(np.abs(actual.gradients[name] - theta[name].grad.numpy()).max() for name in theta)
    assert (apart < 1e-12) == dynamics.holds_predictions


@pytest.mark.filterwarnings("ignore:FixedPrediction holds .* has no prior:pcneuro.errors.PcneuroWarning")
@every_dynamics
@pytest.mark.parametrize("prior", [None, 0.0, [0.5, -0.5, 0.1]])
def test_latent_roots(dynamics, prior):
    """Clamped to the senses, free at the root, with a prior and without."""

    def generative(z, W, V):
        return pcn.vertex(np.tanh(z @ W), "h") @ V

    rng = np.random.default_rng(2)
    weights = {"W": pcn.Parameter(rng.normal(size=(3, 4))), "V": pcn.Parameter(rng.normal(size=(4, 5)))}
    graph = pcn.trace(generative, z=pcn.Latent((3,), prior=prior), **weights)
    precision = {} if prior is None else {"z": 0.5}
    circuit = pcn.build_circuit(graph, precision=precision, tau={"z": 20.0})
    agree(circuit, *data_for(graph, 3), dynamics=dynamics)


@every_dynamics
def test_what_is_computed_from_parameters_has_gradients(dynamics):
    """A transposed, a scaled and a joined parameter, an outer product of two, and a vertex that has no other parent."""

    def function(x, W, s, b):
        h = pcn.vertex(np.tanh(x @ (s * W) + b), "h")
        joined = pcn.vertex(np.concatenate([h, b * b]), "joined")
        alone = pcn.vertex(np.sin(W @ b), "alone")
        return pcn.vertex(joined[:4] @ W.T + joined[3] * alone @ np.einsum("i,j->ij", b[:3], W[1, :3]), "out")

    rng = np.random.default_rng(3)
    graph = pcn.trace(
        function,
        x=pcn.Input((3,)),
        W=pcn.Parameter(rng.normal(size=(3, 4))),
        s=pcn.Parameter(0.7),
        b=pcn.Parameter(rng.normal(size=4)),
    )
    for vertices in ("marked", "all"):
        circuit = pcn.build_circuit(graph, vertices=vertices)
        agree(circuit, *data_for(graph, 2, scale=0.5), steps=6, dynamics=dynamics, silent=True)


@every_dynamics
def test_sparse_projections_and_embeddings(dynamics):
    from scipy.sparse import random_array

    rng = np.random.default_rng(0)

    def function(tokens, E, S):
        return pcn.vertex(np.tanh(np.sum(pcn.ops.embedding(tokens, E), axis=0)), "words") @ S

    graph = pcn.trace(
        function,
        tokens=pcn.Input((3,)),
        E=pcn.Parameter(rng.normal(size=(4, 6))),
        S=pcn.Parameter(random_array((6, 5), density=0.4, rng=rng).tocsr()),
    )
    _, goals = data_for(graph, 2)
    inputs = {"tokens": np.array([[0.0, 3.0, 1.0], [2.0, 2.0, 0.0]])}
    agree(pcn.build_circuit(graph), inputs, goals, dynamics=dynamics)


def test_kinks_and_ties():
    """Derivatives at the corners of functions are PyTorch's: zero, or a half each."""

    def function(x, a, b, c, d):
        kinks = pcn.ops.relu(x * a) + np.abs(x * b)
        return pcn.vertex(kinks + np.maximum(x * c, 0.0) + np.minimum(x * d, x * c), "out")

    zeros = {name: pcn.Parameter(np.zeros(2)) for name in "abcd"}
    graph = pcn.trace(function, x=pcn.Input((2,)), **zeros)
    agree(pcn.build_circuit(graph), {"x": np.array([1.0, -2.0])}, {"out": np.ones(2)}, steps=1)


POINTS = [-1.0, -0.0, 0.0, 0.5, 1.0, 1.7]
DIFFER = ("cbrt", "hypot", "power")
"""Derivatives at the origin are not ours: NaN instead of infinity and of zero, and that of x**y by y is zero."""
INSIDE = [0.2, 0.5, 0.9]
"""Points for functions of numbers, which are not all defined at the others."""
DIFFERENTIABLE = [
    name
    for name, primitive in PRIMITIVES.items()
    # Of steps there is nothing to compare; PyTorch's trigamma has 9 digits, and its polygamma one order for all.
    if any(text != "0" for text in primitive.derivatives) and name not in ("digamma", "polygamma")
]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_functions(name):
    """Every function of expressions is there, and has the derivatives that we say it has, at kinks and ties, too."""
    primitive, function = PRIMITIVES[name], functions(torch)[name]
    arrays = [grid.ravel() for grid in np.meshgrid(*[INSIDE if primitive.lane else POINTS] * primitive.arity)]
    usual = ~np.all(np.stack(arrays) == 0, axis=0) if name in DIFFER else np.full(arrays[0].shape, True)
    arrays = [a[usual] for a in arrays]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    actual = function(*tensors)
    with np.errstate(all="ignore"):
        out = primitive.array(*arrays)
        variables = dict(zip("xy", arrays, strict=False)) | {"out": out}
        slopes = [evaluate(parse(text, ("x", "y", "out"), True), variables) for text in primitive.derivatives]
    np.testing.assert_allclose(actual.detach(), out, rtol=1e-14)
    for slope, back in zip(slopes, torch.autograd.grad(actual.sum(), tensors), strict=True):
        np.testing.assert_allclose(back, np.broadcast_to(slope, back.shape), rtol=1e-12, atol=1e-14)


@every_dynamics
def test_records_that_are_chosen(dynamics):
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    inputs, goals = data_for(circuit.graph, 3)
    records = [pcn.Record("h1", "error", every=3.0, units=[0, 2]), pcn.Record("out", every=2.0, samples=[1])]
    for duration in (0.0, 7.0, 6.0):
        wanted = pcn.Simulator(circuit, dynamics=dynamics).run(duration, inputs=inputs, targets=goals, record=records)
        actual = by_torch(circuit, inputs, goals, duration, records, dynamics=dynamics)
        assert actual.records.equals(wanted.records.copy(data=actual.records.data_vars))
        for name in wanted.records.data_vars:
            close(actual.records[name], wanted.records[name], name)


def test_a_run_that_diverges_ends_there():
    graph = pcn.trace(lambda x, w: pcn.vertex(np.exp(x * w), "h") ** 3, x=pcn.Input(()), w=pcn.Parameter(1.5))
    circuit, records = pcn.build_circuit(graph), [pcn.Record("h", "value")]
    data = {"x": np.array(1.0)}, {"out": np.array(1e4)}
    wanted = pcn.Simulator(circuit, dynamics=pcn.Strict()).run(60.0, inputs=data[0], targets=data[1], record=records)
    actual = by_torch(circuit, *data, 60.0, records, dynamics=pcn.Strict())
    assert wanted.status == "diverged"
    assert actual.records.sizes == wanted.records.sizes
    assert actual.time == wanted.time


def test_it_is_found_by_its_name():
    assert targets()["torch"] is TorchTarget


def test_without_pytorch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    with pytest.raises(MissingExtraError, match=r"python -m pip install 'pcneuro\[torch\]'"):
        by_torch(circuit, *data_for(circuit.graph, 1), 1.0)


@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.RungeKutta4(0.5)], ids=repr)
def test_data_that_change_with_time(integrator):
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)), precision={"h1": 1.5})
    rng = np.random.default_rng(4)
    inputs = {"x": pcn.TimedArray(rng.normal(size=(4, 3, 5)), 2.0, periodic=True)}
    goals = {"out": pcn.TimedArray(rng.normal(size=(5, 3)), 3.0)}
    settings = {"dynamics": pcn.Strict(), "integrator": integrator}
    records = [pcn.Record("h1"), pcn.Record("out", "error"), pcn.Record("h2", "feedback")]
    wanted = pcn.Simulator(circuit, **settings).run(14.0, inputs=inputs, targets=goals, record=records)
    actual = by_torch(circuit, inputs, goals, 14.0, records, **settings)
    for name in wanted.records.data_vars:
        close(actual.records[name], wanted.records[name], name)
    for name, gradient in wanted.gradients.items():
        close(actual.gradients[name], gradient, name)
    with pytest.raises(ParameterError, match="new feedforward sweep"):
        by_torch(circuit, inputs, goals, 14.0, records)
