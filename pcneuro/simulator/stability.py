"""Stable step sizes: the largest rate of the linearised dynamics, by power iteration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines.abstract import AbstractEngine, RunData
from pcneuro.engines.settings import Reference
from pcneuro.errors import DataError, UnstableStepError
from pcneuro.model.dynamics import AbstractDynamics, StateRow
from pcneuro.model.integrators import AbstractIntegrator, Euler
from pcneuro.norms import norm

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


@dataclass(frozen=True)
class Stability:
    """A circuit with what it is simulated by and on: how long its steps may be, and what to do where it diverged."""

    circuit: Circuit
    dynamics: AbstractDynamics
    integrator: AbstractIntegrator
    data: RunData
    parameters: Mapping[str, np.ndarray]

    def advice(self) -> str:
        """What to do about a simulation that diverged."""
        at_once = replace(self, circuit=self.circuit.with_delays(0.0))
        edge = at_once._infinite_feedback()
        if edge is not None:
            return (
                f"what is fed back to {edge!r} is not finite at the feedforward sweep already: look behind it for a "
                "root, power, quotient or logarithm whose derivative is infinite there, as that of np.sqrt(x) is at "
                "x = 0"
            )
        shorter = at_once.shorter_step()
        if shorter:
            return shorter
        # It cannot be what is used already, and it does not infer latents.
        other = "" if self.dynamics.holds_predictions or self.circuit.graph.latents else ", or use FixedPrediction"
        if self.circuit.delayed:
            return f"without conduction delays it might not: try shorter ones, or a larger tau{other}"
        return f"the equations themselves grow without bound here: scale the weights{other}"

    def shorter_step(self) -> str:
        """The advice to take a shorter step, with one that works; empty where that is not the cure."""
        works = replace(self, circuit=self.circuit.with_delays(0.0)).stable_dt()
        return f"try dt = {works:.3g} ms (now {self.integrator.dt:g} ms)" if works < self.integrator.dt else ""

    def _engine(self) -> AbstractEngine:
        engine = Reference().make(self.circuit, self.dynamics, self.integrator, np.dtype(np.float64))
        engine.load(self.parameters)
        return engine

    def _infinite_feedback(self) -> str | None:
        """The last vertex to which something comes back that is not finite at the sweep, where no error has moved."""
        engine = self._engine()
        with np.errstate(all="ignore"):
            engine.start(self.data)
            fed = {name: engine.read(name, "feedback") for name in self.circuit.vertices}
            errors = [engine.read(name, "error") for name in self.circuit.vertices if self.circuit.has_prediction(name)]
        if not all(np.isfinite(error).all() for error in errors):
            return None
        return next((name for name in reversed(self.circuit.vertices) if not np.isfinite(fed[name]).all()), None)

    def stable_dt(self) -> float:
        """A dt in ms with which the integrator is stable near the start, for the first sample.

        The largest rate of the state, dv/dt = (feedback - e)/tau, is found by power iteration on finite differences
        about the feedforward sweep. It holds as far as the linearisation does.
        """
        first = self.data.sample(0)
        engine = self._engine()
        generator = np.random.default_rng(0)
        with np.errstate(all="ignore"):
            engine.start(first)
            base = engine.state()
            moving = {_key(n, row): (n, row) for n, row in engine.moving()}
            if not _displaceable(engine, first, base, list(moving)):
                moving = {key: one for key, one in moving.items() if _displaceable(engine, first, base, [key])}
            if not moving:
                return np.inf
            rates = {key: _rates(engine, *one) for key, one in moving.items()}

            def slope(displaced: Mapping[str, np.ndarray]) -> np.ndarray:
                engine.set_state(first, {**base, **displaced})
                return np.concatenate(
                    [
                        ((engine.region(n, row.drive) - engine.region(n, row.leak)) * rates[key]).ravel()
                        for key, (n, row) in moving.items()
                    ]
                )

            at_base = slope({})
            direction = generator.normal(size=at_base.size)
            rate = 0.0
            scale = 1e-6 * max(1.0, max(float(np.abs(base[key]).max()) for key in moving))
            for _ in range(ITERATIONS):
                direction /= float(norm(direction)) or 1.0
                parts = np.split(direction, np.cumsum([base[key].size for key in moving])[:-1])
                displaced = {
                    key: base[key] + scale * part.reshape(base[key].shape)
                    for key, part in zip(moving, parts, strict=True)
                }
                direction = (slope(displaced) - at_base) / scale
                rate = float(norm(direction))
                if not np.isfinite(rate) or rate == 0:
                    return np.inf
        limit = min(self.integrator.stability, 2.0)
        return SAFETY * limit / rate


def _key(vertex: str, row: StateRow) -> str:
    """Name of a row of a vertex in the reference engine's state."""
    return f"{row.variable}.{vertex}"


def _rates(engine: AbstractEngine, vertex: str, row: StateRow) -> np.ndarray:
    """How fast a row of a vertex moves for each unit of drive, per ms: what Euler's method takes in a step of 1 ms."""
    return engine.dynamics.gain(row, Euler(1.0), engine.circuit.tau[vertex], engine.circuit.precision[vertex])


def _displaceable(engine: AbstractEngine, data: RunData, state: Mapping[str, np.ndarray], keys: Sequence[str]) -> bool:
    """Whether these activities may be a little other than they are: not where one is read as a name, as tokens are."""
    try:
        engine.set_state(data, {**state, **{key: state[key] + 1e-6 for key in keys}})
    except DataError:
        return False
    return True
