"""Functions of one sample, the graphs made of them, and the independent answers that both are held against."""

from __future__ import annotations

import functools
import itertools
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import pcneuro as pcn
from tests.function_libraries import AUTOGRAD, OURS
from tests.single_units import check_units

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A function ``function(np, **operands)`` of one sample. ``np`` is one of the libraries above.

    ``operands`` are shapes; their values are drawn between ``low`` and ``high``. ``analytic`` tells that it can be
    evaluated on complex numbers; ``by_autograd`` that autograd knows all of it.
    """

    name: str
    function: Callable[..., Any]
    operands: dict[str, tuple[int, ...]]
    low: float = -1.5
    high: float = 1.5
    analytic: bool = True
    by_autograd: bool = True

    @property
    def seed(self) -> int:
        """A seed of the case's own."""
        return zlib.crc32(self.name.encode())


def case(name: str, function: Callable[..., Any], *shapes: tuple[int, ...], **settings: Any) -> Case:
    """A case whose operands are called a, b, c, ..."""
    return Case(name, function, dict(zip("abcd", shapes, strict=False)), **settings)


KINDS = ("shared", "data", "active")


@dataclass(frozen=True)
class Variant:
    """A case with a kind for each of its operands.

    ``shared`` operands are parameters, ``data`` operands inputs; ``active`` ones are inputs times a gain, so that they
    differ between samples and something learns from their derivative.
    """

    case: Case
    kinds: tuple[str, ...]
    parameters: Arrays = field(repr=False)
    shapes: dict[str, tuple[int, ...]] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.case.name}[{','.join(self.kinds)}]"

    def function(self, library: Any, **leaves: Any) -> Any:
        """The case's function of the variant's leaves."""
        operands = {}
        for name, kind in zip(self.case.operands, self.kinds, strict=True):
            operands[name] = leaves[name] * leaves[f"{name}_gain"] if kind == "active" else leaves[name]
        return self.case.function(library, **operands)

    @functools.cached_property
    def graph(self) -> pcn.Graph:
        """The graph of the variant."""
        inputs = {name: pcn.Input(shape) for name, shape in self.shapes.items()}
        parameters = {name: pcn.Parameter(value) for name, value in self.parameters.items()}
        return pcn.trace(functools.partial(self.function, OURS), **inputs, **parameters)

    def data(self, batch: int) -> Arrays:
        """Values of the inputs."""
        rng = np.random.default_rng(self.case.seed + batch)
        return {n: rng.uniform(self.case.low, self.case.high, (batch, *s)) for n, s in self.shapes.items()}

    def expected(self, inputs: Arrays, batch: int) -> Arrays:
        """Outputs for a batch: plain NumPy, sample by sample."""
        return plain(functools.partial(self.function, OURS), inputs, self.parameters, batch)


def variant(case: Case, *kinds: str) -> Variant:
    """The variant of a case with these kinds of operands."""
    rng = np.random.default_rng(case.seed)
    parameters: Arrays = {}
    shapes = {}
    for (name, shape), kind in zip(case.operands.items(), kinds, strict=True):
        if kind == "shared":
            parameters[name] = rng.uniform(case.low, case.high, shape)
        else:
            shapes[name] = shape
        if kind == "active":
            parameters[f"{name}_gain"] = rng.uniform(0.8, 1.2, shape)
    return Variant(case, kinds, parameters, shapes)


FEW = {
    1: [("active",), ("shared",)],
    2: [("active", "active"), ("active", "shared"), ("shared", "active"), ("data", "shared")],
}
"""By the number of operands: kinds of them after which everything has happened that depends on kinds."""


def few_variants(each: Case) -> list[Variant]:
    """The case with operands that all learn, with some that are shared, and with some that do not learn."""
    n = len(each.operands)
    rotated = [tuple(KINDS[(k + i) % 3] for i in range(n)) for k in range(3)]
    return [variant(each, *kinds) for kinds in FEW.get(n) or [("active",) * n, *rotated]]


def all_variants(each: Case) -> list[Variant]:
    """The case with every combination of kinds of operands."""
    return [variant(each, *kinds) for kinds in itertools.product(KINDS, repeat=len(each.operands))]


def learning(each: Case) -> list[Variant]:
    """The case with operands that all learn."""
    return [variant(each, *("active" for _ in each.operands))]


def every_case(cases: list[Case]) -> pytest.MarkDecorator:
    """Parametrise a test of an argument ``each`` by cases."""
    return pytest.mark.parametrize("each", cases, ids=lambda each: each.name)


def every_variant(cases: list[Case], variants: Callable[[Case], list[Variant]] = few_variants) -> pytest.MarkDecorator:
    """Parametrise a test of an argument ``v`` by variants of cases."""
    return pytest.mark.parametrize("v", [v for each in cases for v in variants(each)], ids=str)


def as_dict(returned: Any) -> dict[str, Any]:
    """What a function returned, by output."""
    return dict(returned) if isinstance(returned, Mapping) else {"out": returned}


def plain(function: Callable[..., Any], inputs: Arrays, parameters: Arrays, batch: int) -> Arrays:
    """Outputs of a function of plain arrays for a batch, one sample after the other."""
    rows = [as_dict(function(**{n: x[i] for n, x in inputs.items()}, **parameters)) for i in range(batch)]
    return {name: np.stack([np.asarray(row[name]) for row in rows]) for name in rows[0]}


def loss(function: Callable[..., Any], inputs: Arrays, targets: Arrays, parameters: Any, batch: int) -> Any:
    """Squared errors of a function's outputs, summed over a batch; in terms of any numbers that the function takes."""
    total = 0.0
    for i in range(batch):
        returned = as_dict(function(**{n: x[i] for n, x in inputs.items()}, **parameters))
        for name, target in targets.items():
            deviation = target[i] - returned[name]
            total = total + 0.5 * anp.sum(deviation * deviation)
    return total


def autograd_gradients(
    function: Callable[..., Any], inputs: Arrays, targets: Arrays, parameters: Arrays, batch: int
) -> Arrays:
    """Gradients of ``loss`` by HIPS autograd; ``function`` computes with its NumPy."""
    if not parameters:
        return {}

    def total(p: Any) -> Any:
        # Autograd warns of a function that depends on none of its arguments.
        return loss(function, inputs, targets, p, batch) + 0.0 * sum(anp.sum(value) for value in p.values())

    return autograd.grad(total)(parameters)


def complex_step_gradients(
    function: Callable[..., Any], inputs: Arrays, targets: Arrays, parameters: Arrays, batch: int
) -> Arrays:
    """Gradients of ``loss`` by complex steps of 1e-30: exact to rounding, without any differentiation."""
    actual = {}
    for name, value in parameters.items():
        gradient = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            stepped = np.array(value, dtype=complex)
            stepped[index] += 1e-30j
            gradient[index] = loss(function, inputs, targets, parameters | {name: stepped}, batch).imag / 1e-30
        actual[name] = gradient
    return actual


def assert_close(got: Any, expected: Any, tolerance: float, what: str = "") -> None:
    """Equal up to ``tolerance`` times the largest value (or one, if that is larger), NaN where NaN is."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))))
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def assert_all_close(got: Mapping[str, Any], expected: Mapping[str, Any], tolerance: float, what: str = "") -> None:
    """``assert_close`` for each of two mappings' arrays; the keys must be the same."""
    assert got.keys() == expected.keys(), what
    for name in expected:
        assert_close(got[name], expected[name], tolerance, f"{what} {name}")


# The checks that every operator goes through


def check_case(each: Case) -> None:
    """``check_forward`` and ``check_gradients`` of some variants of a case: what is traced is the function.

    And ``check_units`` of the one in which all operands learn: its circuit in single units does the same.
    """
    for v in few_variants(each):
        check_forward(v)
        check_gradients(v)
    (learns,) = learning(each)
    inputs = learns.data(1)
    check_units(pcn.build_circuit(learns.graph), inputs, targets_near(learns.graph, inputs, 1, 0.1))


def check_forward(v: Variant) -> None:
    """The traced function gives what it gives on plain arrays, for a batch what it gives for each sample."""
    batch = 4 if v.shapes else 1
    inputs = v.data(batch)
    expected = v.expected(inputs, batch)
    values = pcn.backprop(v.graph, inputs).values
    assert v.graph.outputs.keys() == expected.keys()
    for name, node in v.graph.outputs.items():
        assert_close(values[node.name], expected[name], 1e-13, f"{v} {name}")


def check_gradients(v: Variant) -> None:
    """Backprop's gradients are autograd's, and those of complex steps."""
    batch = 3 if v.shapes else 1
    inputs = v.data(batch)
    rng = np.random.default_rng(7)
    targets = {name: rng.normal(size=(batch, *node.shape)) for name, node in v.graph.outputs.items()}
    got = pcn.backprop(v.graph, inputs, targets)
    own = functools.partial(v.function, OURS)
    assert_close(got.loss, loss(own, inputs, targets, v.parameters, batch), 1e-12, str(v))
    assert v.case.analytic or v.case.by_autograd
    if v.case.analytic:
        assert_all_close(
            got.gradients, complex_step_gradients(own, inputs, targets, v.parameters, batch), 1e-11, str(v)
        )
    if v.case.by_autograd:
        other = functools.partial(v.function, AUTOGRAD)
        assert_all_close(got.gradients, autograd_gradients(other, inputs, targets, v.parameters, batch), 1e-11, str(v))


def targets_near(graph: pcn.Graph, inputs: Arrays, batch: int, distance: float) -> Arrays:
    """Targets at some distance from the feedforward predictions, so that strict dynamics stay where they begin."""
    rng = np.random.default_rng(11)
    values = pcn.backprop(graph, inputs).values
    actual = {}
    for name, node in graph.outputs.items():
        value = np.broadcast_to(values[node.name], (batch, *node.shape))
        actual[name] = value + distance * rng.normal(size=value.shape)
    return actual


# dtype, vertices, batch, whether dynamics are strict: any two of them in every combination
ENGINE_RUNS = (
    (np.float64, "all", 3, False),
    (np.float32, "auto", 3, True),
    (np.float64, "auto", 33, True),
    (np.float32, "all", 33, False),
    (np.float64, "auto", 1, False),
    (np.float32, "all", 1, True),
)


def run_both(
    graph: pcn.Graph, inputs: Arrays, targets: Arrays, dtype: Any, vertices: str, strict: bool
) -> tuple[pcn.Result, pcn.Result]:
    """The same run by the kernel and by the reference engine."""
    circuit = pcn.build_circuit(graph, vertices=vertices)
    dynamics = pcn.Strict() if strict else pcn.FixedPrediction()
    # With dt = tau, fixed prediction is at its equilibrium after as many steps as there are hops.
    dt, steps = (1.0, 3) if strict else (10.0, len(circuit.vertices) + 1)
    results = []
    for engine in (pcn.Kernel(threads=1), pcn.Reference()):
        sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=pcn.Euler(dt), dtype=dtype, engine=engine)
        results.append(sim.run(dt * steps, inputs=inputs, targets=targets))
    return results[0], results[1]


def check_engines_agree(
    graph: pcn.Graph,
    inputs: Arrays,
    targets: Arrays,
    dtype: Any,
    vertices: str,
    *,
    strict: bool,
    tolerance: float,
    what: str = "",
) -> None:
    """The kernel does what the reference engine does, and with fixed prediction arrives at backprop's gradients."""
    what = f"{what} {np.dtype(dtype)} {vertices} {'strict' if strict else 'fixed'}:"
    kernel, reference = run_both(graph, inputs, targets, dtype, vertices, strict)
    assert kernel.status == reference.status == "completed", what
    for part in ("values", "errors", "predictions"):
        assert_all_close(getattr(kernel, part), getattr(reference, part), tolerance, f"{what} {part}")
    # Gradients are sums over the batch.
    summed = tolerance * max((len(a) for a in targets.values()), default=1) ** 0.5
    assert_all_close(kernel.gradients, reference.gradients, summed, f"{what} gradients")
    if not strict:
        exact = pcn.backprop(graph, inputs, targets)
        assert_all_close(kernel.gradients, exact.gradients, 10 * summed, f"{what} against backprop")


def check_engines(v: Variant, runs: Any = ENGINE_RUNS) -> None:
    """``check_engines_agree`` for all kinds of runs of a variant."""
    for dtype, vertices, batch, strict in runs:
        tolerance = 1e-12 if dtype == np.float64 else 1e-5
        inputs = v.data(batch)
        targets = targets_near(v.graph, inputs, batch, 0.1)
        what = f"{v}, batch of {batch},"
        check_engines_agree(v.graph, inputs, targets, dtype, vertices, strict=strict, tolerance=tolerance, what=what)


def run_kernel(
    name: str, arguments: list[int], tables: list[Any], buf: np.ndarray, shared: np.ndarray, lanes: int, active: int
) -> int:
    """Run one operator kernel on buffers of rows; ``tables`` follow the arguments in ``ints``. Returns its status."""
    from pcneuro.kernels import dispatch, lists
    from pcneuro.kernels.arguments import Memory, Operators
    from pcneuro.kernels.hebbian import PANEL

    flat = [np.asarray(t, dtype=np.int64).ravel() for t in tables]
    ints = np.concatenate([np.array(arguments, dtype=np.int64), *flat])
    code = np.array([[dispatch.opcode(name), 0]], dtype=np.int64)
    wide = np.concatenate([shared, np.zeros(PANEL[buf.dtype], buf.dtype)])
    context = np.array([lanes, active, 0, 1, shared.size], dtype=np.int64)
    with np.errstate(all="ignore"):
        # Without flushing subnormal numbers, which is a setting of whole runs.
        status, _ = lists.run_list(Operators(dispatch.table(buf.dtype, code), ints), Memory(buf, wide, context), code)
    shared[...] = wide[: shared.size]
    return status


def check_file(graph: pcn.Graph, inputs: Arrays, targets: Arrays, path: Any) -> None:
    """A circuit that was saved and loaded does, bit for bit, what the circuit did."""
    circuit = pcn.build_circuit(graph)
    circuit.save(path)
    results = []
    for each in (circuit, pcn.load_circuit(path)):
        sim = pcn.Simulator(each, dynamics=pcn.Strict(), dtype=np.float64)
        results.append(sim.run(5.0, inputs=inputs, targets=targets))
    for part in ("values", "errors", "gradients"):
        assert_all_close(getattr(results[1], part), getattr(results[0], part), 0.0, part)
