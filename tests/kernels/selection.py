"""A few graphs that use every kind of kernel. Run as a script, it writes what the kernel engine makes of them.

``NUMBA_DISABLE_JIT=1 python -m tests.kernels.selection out.npz`` does so without compiling anything.
"""

from __future__ import annotations

import sys

import numpy as np
import scipy.linalg

import pcneuro as pcn
from pcneuro.kernels import dispatch, lists
from pcneuro.kernels.arguments import Memory, Operators
from tests.helpers import Arrays, case, targets_near, variant

BATCHES = {"float64": (3, 16), "float32": (1,)}


def _everything(np, a, b):
    """One of each family of operators, on arrays of shape (3, 4) and (4,)."""
    layer = np.tanh(a @ b) + np.einsum("ij,kj->ik", a, a)[:, 0]
    softened = np.softmax(np.stack([layer, layer[::-1] ** 2]), axis=0)
    parts = np.concatenate([softened.ravel(), np.prod(a * b, axis=0)]) / (2 + np.mean(b))
    return np.elementwise("x*tanh(x/2) + maximum(x, 0.1)")(parts)


def _matrices(np, a, b):
    """Linear algebra of arrays of shape (3, 3) and (3,), far from singular, whatever the signs of vectors."""
    near = 0.1 * a + np.diag(np.arange(1.0, 4.0))
    (sign, logarithm), vectors = np.linalg.slogdet(near), np.linalg.eigh(near)[1]
    numbers = np.stack([sign * logarithm, np.linalg.det(near)])
    matrices = [np.linalg.cholesky(near), vectors * vectors, np.linalg.pinv(near[:, :2]), scipy.linalg.expm(0.1 * near)]
    parts = [m.ravel() for m in matrices] + [np.linalg.svdvals(near), np.linalg.eigvalsh(near), numbers]
    return 0.1 * np.concatenate([np.linalg.solve(near, b), *parts])


def _ordered(np, a, b):
    """Order, statistics and indices of arrays of shape (4, 3) and (4,)."""
    places = np.argsort(b)
    picked = [np.take_along_axis(a, np.argsort(a, axis=0), axis=0), b[places] * a[:, 1], np.take(b, np.argmax(a, 0))]
    known = [np.sort(a, axis=1), np.cumsum(a, axis=0), np.cumprod(b), np.max(a, axis=0) * np.min(b)]
    knots = 0.1 * b * np.searchsorted([-0.5, 0.0, 0.5], b) - 0.1 * np.argmin(a, axis=1)
    return np.concatenate([part.ravel() for part in (*picked, *known, knots)])


CASES = [
    case("ordered", _ordered, (4, 3), (4,)),
    case("everything", _everything, (3, 4), (4,)),
    case("matrices", _matrices, (3, 3), (3,)),
    case("layer and back", lambda np, a, b: np.sigmoid(a @ b) @ b.T, (5,), (5, 9)),
    case(
        "functions",
        lambda np, a, b: sum(f(a) for f in _functions(np)) + np.hypot(a, b) ** np.logaddexp(b, a),
        (3,),
        (),
        low=0.4,
        high=1.2,
    ),
]


def _functions(np):
    return [
        getattr(np, name)
        for name in "absolute sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arctan sinh cosh arcsinh relu "
        "softplus gelu square reciprocal negative".split()
    ]


def results() -> Arrays:
    """Values, errors and gradients of all cases, for both dynamics and dtypes, and what is learned in the loop."""
    arrays: Arrays = {}
    for dtype in BATCHES:
        for batch in (1, 3, 21):
            arrays |= {f"learned {dtype} {batch} {k}": a for k, a in _learned(np.dtype(dtype), batch).items()}
    for each in CASES:
        for kinds in (("active", "shared"), ("shared", "active")):
            v = variant(each, *kinds)
            for dtype, batches in BATCHES.items():
                for batch in batches:
                    arrays |= {f"{v} {dtype} {batch} {k}": a for k, a in _run(v, np.dtype(dtype), batch).items()}
    return arrays


def _run(v, dtype, batch) -> Arrays:
    inputs = v.data(batch)
    circuit = pcn.build_circuit(v.graph, vertices="all")
    targets = targets_near(v.graph, inputs, batch, 0.1)
    arrays = {}
    for dynamics in (pcn.FixedPrediction(), pcn.Strict()):
        sim = pcn.Simulator(
            circuit, dynamics=dynamics, integrator=pcn.RungeKutta4(1.0), dtype=dtype, engine=pcn.Kernel(threads=1)
        )
        result = sim.run(1.0, inputs=inputs, targets=targets)
        assert result.status == "completed"
        for part in ("values", "errors", "gradients"):
            arrays |= {f"{dynamics} {part} {n}": a for n, a in getattr(result, part).items()}
    return arrays


def _learned(dtype, batch) -> Arrays:
    """Weights that change with the neurons and at intervals, of layers wider and narrower than vectors."""
    draw = np.random.default_rng(batch)
    weights = {name: pcn.Parameter(draw.normal(size=size)) for name, size in (("W", (7, 19)), ("V", (19, 2)))}
    graph = pcn.trace(
        lambda x, W, V: pcn.vertex(pcn.vertex(np.tanh(x @ W), "h") @ V, "y"), x=pcn.Input((7,)), **weights
    )
    rules = {"W": pcn.Hebbian(tau=300.0, decay=0.1, bounds=(-1.0, 1.0)), "V": pcn.Hebbian(tau=200.0, every=2.0)}
    sim = pcn.Simulator(
        pcn.build_circuit(graph, plasticity=rules), dynamics=pcn.Strict(), dtype=dtype, engine=pcn.Kernel(threads=1)
    )
    data = {"inputs": {"x": draw.normal(size=(batch, 7))}, "targets": {"y": draw.normal(size=(batch, 2))}}
    result = sim.run(5.0, **data)
    return {**result.parameters, **{f"value of {name}": values for name, values in result.values.items()}}


def failing_kernel() -> Arrays:
    """Status, and number of the instruction that failed, where the second of three kernels fails. Not compiled."""
    log = []

    def kernel(buf, shared, ints, at, context):
        log.append(at)
        return dispatch.OK if at != 1 else 7

    code = np.array([[0, 0], [0, 1], [0, 2]])
    memory = Memory(np.zeros(1), np.zeros(1), np.array([1, 1, 0, 1]))
    status = lists.execute(Operators([kernel], np.zeros(1, dtype=np.int64)), memory, code)
    return {"status": np.array(status), "run": np.array(log)}


if __name__ == "__main__":
    np.savez(sys.argv[1], **results(), **(failing_kernel() if "failing" in sys.argv else {}))
