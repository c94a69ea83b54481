"""A step size that works: the largest rate of the linearised dynamics, by power iteration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines.abstract import RunData
from pcneuro.engines.reference.engine import ReferenceEngine
from pcneuro.engines.settings import Reference
from pcneuro.errors import DataError, UnstableStepError
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator

ITERATIONS = 20
SAFETY = 0.8


def check_step(circuit: Circuit, integrator: AbstractIntegrator) -> None:
    """Raise UnstableStepError where the leak of some population alone is unstable: which, and a dt that works."""
    dt, limit = integrator.dt, integrator.stability
    leak = {name: most for name, (_, most) in circuit.rates.items()}
    worst = max(leak, key=leak.__getitem__, default=None)
    if worst is not None and dt * leak[worst] >= limit:
        raise UnstableStepError(
            f"dt = {dt:g} ms is unstable for population {worst!r}, whose leak has a time constant of "
            f"{1 / leak[worst]:g} ms: {type(integrator).__name__} needs dt < {limit / leak[worst]:.6g} ms; "
            f"dt = {0.5 / leak[worst]:.3g} ms works"
        )


def advice(
    circuit: Circuit,
    dynamics: AbstractDynamics,
    integrator: AbstractIntegrator,
    data: RunData,
    parameters: Mapping[str, np.ndarray],
) -> str:
    """What to do about a simulation that diverged."""
    dt, works = integrator.dt, stable_dt(circuit.with_delays(0.0), dynamics, integrator, data, parameters)
    if works < dt:
        return f"try dt = {works:.3g} ms (now {dt:g} ms)"
    if circuit.delayed:
        return "without conduction delays it might not: try shorter ones, a larger tau, or FixedPrediction"
    return "the equations themselves grow without bound here: scale the weights, or use FixedPrediction"


def stable_dt(
    circuit: Circuit,
    dynamics: AbstractDynamics,
    integrator: AbstractIntegrator,
    data: RunData,
    parameters: Mapping[str, np.ndarray],
) -> float:
    """A dt in ms with which the integrator is stable near the start, for the first sample.

    The largest rate of dv/dt = (feedback - e)/tau is found by power iteration on finite differences about the
    feedforward sweep. It holds as far as the linearisation does.
    """
    engine = Reference().make(circuit, dynamics, integrator, np.dtype(np.float64))
    assert isinstance(engine, ReferenceEngine)
    engine.load(parameters)
    first = RunData(1, *({n: a[:1] for n, a in part.items()} for part in (data.inputs, data.clamped)))
    generator = np.random.default_rng(0)

    def slope() -> np.ndarray:
        engine.evaluate()
        return np.concatenate([((engine.feedback[n] - engine.error[n]) / circuit.tau[n]).ravel() for n in free])

    with np.errstate(all="ignore"):
        engine.start(first)
        free = [n for n in circuit.vertices if n not in first.clamped]
        if not _displaceable(engine, free):
            free = [n for n in free if _displaceable(engine, [n])]
        if not free:
            return np.inf
        base = {n: engine.value[n].copy() for n in free}
        at_base = slope()
        direction = generator.normal(size=at_base.size)
        rate = 0.0
        scale = 1e-6 * max(1.0, max((float(np.abs(a).max()) for a in base.values()), default=1.0))
        for _ in range(ITERATIONS):
            direction /= np.linalg.norm(direction) or 1.0
            position = 0
            for n in free:
                size = base[n].size
                engine.value[n] = base[n] + scale * direction[position : position + size].reshape(base[n].shape)
                position += size
            direction = (slope() - at_base) / scale
            rate = float(np.linalg.norm(direction))
            if not np.isfinite(rate) or rate == 0:
                return np.inf
    limit = min(integrator.stability, 2.0)
    return SAFETY * limit / rate


def _displaceable(engine: ReferenceEngine, vertices: Sequence[str]) -> bool:
    """Whether these activities may be a little other than they are: not where one is read as a name, as tokens are."""
    values = {n: engine.value[n] for n in vertices}
    engine.value |= {n: value + 1e-6 for n, value in values.items()}
    try:
        engine.evaluate()
    except DataError:
        return False
    finally:
        engine.value |= values
    return True
