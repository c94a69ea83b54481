"""Linear algebra of each sample's matrices: what is traced, its derivatives, kernels, and what is refused."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
import scipy.linalg

import pcneuro as pcn
from pcneuro.errors import DataError, ParameterError
from pcneuro.ops.matrices import degenerate, indefinite, lu_numpy
from tests.function_libraries import AUTOGRAD, OURS, written_out
from tests.helpers import (
    ENGINE_RUNS,
    Case,
    assert_all_close,
    assert_close,
    autograd_gradients,
    case,
    check_engines,
    check_file,
    check_forward,
    check_gradients,
    every_case,
    every_variant,
    few_variants,
    targets_near,
)
from tests.ops.random_operators import at_random


def steady(np: Any, a: Any) -> Any:
    """Matrices that are far from singular."""
    return 0.3 * a + np.eye(a.shape[-1]) * (1.0 + a.shape[-1])


def definite(np: Any, a: Any) -> Any:
    """Symmetric, positive definite matrices."""
    return np.einsum("...ij,...kj->...ik", a, a) + np.eye(a.shape[-2])


def spread(np: Any, a: Any) -> Any:
    """Symmetric matrices whose eigenvalues are far from each other."""
    n = a.shape[-1]
    return 0.1 * (a + np.swapaxes(a, -1, -2)) + np.diag(2.0 * np.arange(n) - n)


def tall(np: Any, a: Any) -> Any:
    """Matrices with singular values far from each other and from 0."""
    m, n = a.shape[-2:]
    return 0.1 * a + np.eye(m, n) * (1.0 + np.arange(n))


def unsigned(v: Any) -> Any:
    """Eigenvectors whose signs do not matter: they are not the same in float32."""
    return v * v[..., :1, :]


def solved(np: Any, a: Any, b: Any) -> Any:
    """np.linalg.solve, whose stacks autograd does not broadcast."""
    return np.linalg.inv(steady(np, a)) @ b if np is AUTOGRAD else np.linalg.solve(steady(np, a), b)


CASES = [
    case("solve", solved, (3, 3), (3, 2)),
    case("solve, a vector", solved, (3, 3), (3,)),
    case("solve, stacks", solved, (2, 2, 2), (2, 1)),
    case("inverses", lambda np, a: np.linalg.inv(steady(np, a)), (2, 3, 3)),
    case("determinant", lambda np, a: np.linalg.det(a), (3, 3)),
    case("determinants", lambda np, a: np.linalg.det(a), (2, 2, 2)),
    case("log-determinant", lambda np, a: np.linalg.slogdet(steady(np, -a))[1], (2, 3, 3), analytic=False),
    case("signed", lambda np, a: np.prod(np.stack(np.linalg.slogdet(steady(np, a)))), (2, 2), analytic=False),
    case("cholesky", lambda np, a: np.linalg.cholesky(definite(np, a)), (2, 3, 2), analytic=False),
    case("eigenvalues", lambda np, a: np.linalg.eigh(spread(np, a))[0], (2, 3, 3), analytic=False),
    case("eigenvectors", lambda np, a: np.linalg.eigh(spread(np, a))[1], (2, 3, 3), analytic=False),
    case("upper triangle", lambda np, a: np.linalg.eigh(tall(np, a), "U")[1], (3, 3), analytic=False),
    case("singular values", lambda np, a: np.linalg.svd(tall(np, a), compute_uv=False), (2, 3, 4), analytic=False),
    case("of tall ones", lambda np, a: np.linalg.svd(tall(np, a), compute_uv=False), (4, 2), analytic=False),
    case("pseudo-inverse", lambda np, a: np.linalg.pinv(tall(np, a)), (2, 4, 2), analytic=False),
    case("of a wide one", lambda np, a: np.linalg.pinv(tall(np, a)), (2, 4), analytic=False),
    case("of a square one", lambda np, a: np.linalg.pinv(tall(np, a)), (2, 2), analytic=False),
]


@every_case(CASES)
def test_forward_and_gradients(each):
    for v in few_variants(each):
        check_forward(v)
        check_gradients(v)


@every_variant(CASES)
def test_kernel_is_the_reference(v):
    check_engines(v)


@written_out
def expm(a: Any) -> Any:
    """The series, of as many terms as matrices of these norms need."""
    result = term = anp.eye(a.shape[-1]) + 0.0 * a
    for k in range(1, 60):
        term = term @ a / k
        result = result + term
    return result


def exponential(np: Any, a: Any) -> Any:
    """Of matrices so small that strict dynamics do not blow up what rounding leaves."""
    return expm(0.3 * a) if np is AUTOGRAD else scipy.linalg.expm(0.3 * a)


EXPONENTIALS = [
    case("exponential", exponential, (3, 3), analytic=False),
    case("exponentials", exponential, (2, 2, 2), analytic=False),
]


@every_case(EXPONENTIALS)
def test_exponentials(each):
    for v in few_variants(each):
        check_forward(v)
        check_gradients(v)
        # Of operators that are tested by themselves in all kinds of runs.
        check_engines(v, ENGINE_RUNS[:2])


@dataclass(frozen=True)
class Random:
    """A function of matrices (*stack, m, n), and perhaps of others; ``wide`` that m and n may differ."""

    name: str
    function: Callable[..., Any]
    wide: bool = False
    columns: bool = False

    def __str__(self) -> str:
        return self.name

    def draw(self, rng: np.random.Generator) -> Case:
        """The function with operands of drawn shapes."""
        stack = tuple(rng.integers(1, 3, rng.integers(0, 3)))
        n = int(rng.integers(1, 6))
        m = int(rng.integers(1, 6)) if self.wide else n
        shapes: list[Any] = [(*stack, m, n)]
        if self.columns:
            # Leading axes that are missing, or have length 1, are broadcast.
            fewer = tuple(1 if rng.integers(2) else k for k in stack)[rng.integers(0, len(stack) + 1) :]
            shapes.append((*fewer, n, int(rng.integers(1, 4))))
        return case(self.name, self.function, *(tuple(map(int, shape)) for shape in shapes))


RANDOM = [
    Random("solve", solved, columns=True),
    Random("inv", lambda np, a: np.linalg.inv(steady(np, a))),
    Random("det", lambda np, a: np.linalg.det(a)),
    Random("slogdet", lambda np, a: np.linalg.slogdet(steady(np, a))[1]),
    Random("cholesky", lambda np, a: np.linalg.cholesky(definite(np, a)), wide=True),
    Random("eigenvalues", lambda np, a: np.linalg.eigh(spread(np, a))[0]),
    Random("eigenvectors", lambda np, a: unsigned(np.linalg.eigh(spread(np, a))[1])),
    Random("singular values", lambda np, a: np.linalg.svd(tall(np, a), compute_uv=False), wide=True),
    Random("pinv", lambda np, a: np.linalg.pinv(tall(np, a)), wide=True),
]


@every_case(CASES)
def test_what_is_computed_of_them_is_finite_in_lanes_without_a_sample(each):
    """Where there are fewer samples than lanes, those repeat the last sample: 0 / 0 would be said to have diverged."""

    def quotient(**operands):
        y = each.function(OURS, *operands.values())
        return y / np.sum(np.square(y))

    graph = pcn.trace(quotient, **{name: pcn.Input(shape) for name, shape in each.operands.items()})
    rng = np.random.default_rng(each.seed)
    inputs = {name: rng.uniform(each.low, each.high, (1, *shape)) for name, shape in each.operands.items()}
    result = pcn.Simulator(pcn.build_circuit(graph)).run(
        10.0, inputs=inputs, targets=targets_near(graph, inputs, 1, 0.1)
    )
    assert result.status == "completed"


@at_random
@pytest.mark.parametrize("kind", RANDOM, ids=str)
def test_any_shape(kind, seed):
    """Kernel = NumPy twin = autograd."""
    rng = np.random.default_rng([seed, RANDOM.index(kind)])
    each = kind.draw(rng)
    leaves = {name: rng.uniform(-1.5, 1.5, shape) for name, shape in each.operands.items()}
    batch = int(rng.integers(1, 4))
    inputs, parameters = {}, dict(leaves)
    if rng.integers(4):
        # The matrix differs between samples; otherwise all share it.
        parameters = {name: leaves[name] for name in each.operands if name != "a"}
        parameters["gain"] = rng.uniform(0.8, 1.2, leaves["a"].shape)
        inputs = {"a": rng.uniform(-1.5, 1.5, (batch, *leaves["a"].shape))}

    def function(library, a, gain=1.0, *, each=each, **others):
        return each.function(library, a * gain, **others)

    graph = pcn.trace(
        functools.partial(function, OURS),
        **{name: pcn.Input(x.shape[1:]) for name, x in inputs.items()},
        **{name: pcn.Parameter(x) for name, x in parameters.items()},
    )
    batch = batch if inputs else 1
    targets = targets_near(graph, inputs, batch, 1.0)
    expected = pcn.backprop(graph, inputs, targets)
    what = str(each.operands)
    own = autograd_gradients(functools.partial(function, AUTOGRAD), inputs, targets, parameters, batch)
    assert_all_close(expected.gradients, own, 1e-9, what)
    circuit = pcn.build_circuit(graph)
    for dtype, tolerance in ((np.float64, 1e-11), (np.float32, 2e-4))[: 1 + (seed % 4 == 0)]:
        sim = pcn.Simulator(circuit, integrator=pcn.Euler(10.0), dtype=dtype)
        result = sim.run(10.0 * (len(circuit.vertices) + 1), inputs=inputs, targets=targets)
        assert_close(result.predictions["out"], expected.values["out"], tolerance, what)
        assert_all_close(result.gradients, expected.gradients, tolerance, what)


def test_a_file_keeps_them(tmp_path):
    def function(x, w):
        a = definite(np, x * w)
        return {"x": np.linalg.solve(a, x), "l": np.linalg.cholesky(a), "p": np.linalg.pinv(x * w)}

    graph = pcn.trace(function, x=pcn.Input((3, 2)), w=pcn.Parameter(np.ones((3, 2))))
    inputs = {"x": np.random.default_rng(0).normal(size=(2, 3, 2))}
    check_file(graph, inputs, targets_near(graph, inputs, 2, 0.1), tmp_path / "c")


# Singular matrices have determinants, and those derivatives


def by_minors(a: np.ndarray) -> np.ndarray:
    """Cofactors as they are defined."""
    n = len(a)
    minors = [[np.delete(np.delete(a, i, 0), j, 1) for j in range(n)] for i in range(n)]
    return np.array([[(-1) ** (i + j) * np.linalg.det(minors[i][j]) for j in range(n)] for i in range(n)])


@pytest.mark.parametrize("rank", [4, 3, 2, 1, 0])
def test_the_derivative_of_a_determinant_needs_no_inverse(rank):
    rng = np.random.default_rng(rank)
    a = rng.normal(size=(4, rank)) @ rng.normal(size=(rank, 4))
    graph = pcn.trace(np.linalg.det, a=pcn.Parameter(a))
    targets = {"out": np.array(np.linalg.det(a) - 1.0)}
    expected = by_minors(a)
    assert_close(pcn.backprop(graph, {}, targets).gradients["a"], expected, 1e-13)
    result = pcn.Simulator(pcn.build_circuit(graph), integrator=pcn.Euler(10.0)).run(30.0, targets=targets)
    assert_close(result.gradients["a"], expected, 1e-13)


def test_equal_eigenvalues_and_singular_values_have_derivatives_together():
    """The sum of their squares is that of the entries' squares."""
    for function in (np.linalg.eigvalsh, np.linalg.svdvals):
        graph = pcn.trace(lambda a, f=function: np.sum(np.square(f(a))), a=pcn.Parameter(2 * np.eye(3)))
        targets = {"out": np.array(11.0)}
        assert_close(pcn.backprop(graph, {}, targets).gradients["a"], 4 * np.eye(3), 1e-14)
        result = pcn.Simulator(pcn.build_circuit(graph), integrator=pcn.Euler(10.0)).run(50.0, targets=targets)
        assert_close(result.gradients["a"], 4 * np.eye(3), 1e-14)


def test_the_triangle_that_is_not_read_learns_nothing():
    a = np.array([[3.0, 9.0], [1.0, 2.0]])
    for function in (np.linalg.cholesky, lambda a: np.linalg.eigh(a)[1], np.linalg.eigvalsh):
        graph = pcn.trace(lambda a, f=function: f(a), a=pcn.Parameter(a))
        target = pcn.backprop(graph, {}).values["out"][0] - np.arange(1.0, 1.0 + np.size(function(a))).reshape(
            np.shape(function(a))
        )
        gradient = pcn.backprop(graph, {}, {"out": target}).gradients["a"]
        numbers = np.arange(1.0, 1.0 + np.size(function(a))).reshape(np.shape(function(a)))
        for i in range(2):
            for j in range(2):
                step = np.zeros((2, 2))
                step[i, j] = 1e-6
                slope = np.sum(numbers * (function(a + step) - function(a - step))) / 2e-6
                assert abs(gradient[i, j] - slope) < 1e-8


# What is refused

ENGINES = pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference()], ids=str)
SAME = np.ones((3, 3))
REFUSED = {
    "solve": (lambda a: np.linalg.solve(a, np.ones(3)), SAME, "solve: the matrix of sample 37 is singular"),
    "inv": (np.linalg.inv, np.arange(9.0).reshape(3, 3), "inv: the matrix of sample 37 is singular"),
    "slogdet": (lambda a: np.linalg.slogdet(a)[1], SAME, "slogdet: the matrix of sample 37 is singular"),
    "sign": (lambda a: np.linalg.slogdet(a)[0], SAME, "slogdet: the matrix of sample 37 is singular"),
    "cholesky": (np.linalg.cholesky, SAME, "cholesky: the matrix of sample 37 is not positive definite"),
    "negative": (np.linalg.cholesky, -SAME, "cholesky: the matrix of sample 37 is not positive definite"),
    "eigh": (lambda a: np.linalg.eigh(a)[1], np.diag([1.0, 2, 2]), "eigh: the matrix of sample 37 is degenerate"),
    "pinv": (np.linalg.pinv, SAME, "pinv: the matrix of sample 37 is not of full rank"),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", REFUSED)
@ENGINES
def test_a_matrix_that_has_no_answer_is_named(engine, name, dtype):
    function, bad, message = REFUSED[name]
    graph = pcn.trace(lambda x, w: function(x * w), x=pcn.Input((3, 3)), w=pcn.Parameter(np.ones((3, 3))))
    good = np.broadcast_to(np.diag([1.0, 2.0, 4.0]) + 0.1, (40, 3, 3))
    wrong = good.copy()
    wrong[37] = bad
    sim = pcn.Simulator(pcn.build_circuit(graph), engine=engine, dtype=dtype)
    with pytest.raises(DataError, match=rf"^node '\w+': {message}.* in {np.dtype(dtype)}: "):
        sim.run(5.0, inputs={"x": wrong})
    with pytest.raises(DataError, match=rf"^node '\w+': {message}.* in float64: "):
        pcn.backprop(graph, {"x": wrong})
    # Nothing has happened to the simulator.
    assert sim.run(5.0, inputs={"x": good}).status == "completed"


def test_the_matrix_of_a_stack_is_named():
    graph = pcn.trace(lambda x, w: np.linalg.inv(x * w), x=pcn.Input((2, 2, 2)), w=pcn.Parameter(np.ones((2, 2, 2))))
    x = np.stack([np.eye(2), np.zeros((2, 2))])
    with pytest.raises(DataError, match=r"the matrix \(1,\) of sample 0 is singular"):
        pcn.Simulator(pcn.build_circuit(graph)).run(1.0, inputs={"x": x})


def test_what_is_not_finite_goes_on():
    """A matrix with NaN is no matrix that is refused: it is a run that diverged."""
    functions = (lambda a: np.linalg.cholesky(a), np.linalg.eigvalsh, np.linalg.svdvals, np.linalg.pinv, np.linalg.det)
    a = np.full((2, 3, 3), np.nan)
    a[1] = np.diag([1.0, 2.0, 3.0])
    for function in (*functions, np.linalg.inv, lambda a: np.linalg.eigh(a)[1], lambda a: np.linalg.slogdet(a)[1]):
        graph = pcn.trace(lambda a, f=function: f(a), a=pcn.Input((3, 3)))
        for node in graph.nodes.values():
            if not node.is_leaf and node.operator.kind != "take":
                with np.errstate(invalid="ignore"):
                    values = node.compute(a, *(np.eye(3)[None] for _ in node.operands[1:]))
                assert np.isnan(values[0]).any()
                assert np.isfinite(values[1]).all()


def test_scaling_makes_no_matrix_singular():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(50, 4, 4))
    assert not lu_numpy(a)[1].any()
    rows, columns = (10.0 ** rng.integers(-30, 30, (50, 4)) for _ in range(2))
    assert not lu_numpy(a * rows[:, :, None])[1].any()
    assert not lu_numpy(a * columns[:, None, :])[1].any()
    lost = np.round(8 * a)
    lost[:, 3] = lost[:, :3].sum(axis=1)
    assert lu_numpy(lost * columns[:, None, :])[1].mean() > 0.9


def test_what_is_nearly_refused_is_not():
    v = np.random.default_rng(1).normal(size=(5, 2))
    assert indefinite((v @ v.T)[None]).all()
    assert not indefinite((v @ v.T + 1e-12 * np.eye(5))[None]).any()
    assert degenerate(np.array([1.0, 1.0 + 1e-15, 2.0]))
    assert not degenerate(np.array([1.0, 1.0 + 1e-13, 2.0]))


def test_there_are_no_single_units_of_it():
    graph = pcn.trace(np.linalg.inv, a=pcn.Input((2, 2)))
    sim = pcn.Simulator(pcn.build_circuit(graph), engine=pcn.Kernel(), dynamics=pcn.FixedPrediction())
    assert sim.run(1.0, inputs={"a": np.eye(2)}).status == "completed"
    with pytest.raises(ParameterError, match="'inv' has no equivalent in single units"):
        pcn.Simulator(pcn.build_circuit(graph), engine=pcn.EventDriven()).run(1.0, inputs={"a": np.eye(2)})
