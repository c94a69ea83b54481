"""Stable step sizes: the largest rates of the linearised dynamics, by power iteration or Arnoldi's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.properties import number_range
from pcneuro.engines.abstract import AbstractEngine
from pcneuro.engines.data import RunData
from pcneuro.engines.settings import Reference
from pcneuro.errors import DataError, UnstableStepError
from pcneuro.model.dynamics import AbstractDynamics, StateRow
from pcneuro.model.integrators import AbstractIntegrator, Euler
from pcneuro.norms import norm

ITERATIONS = 20
HALVINGS = 60
"""After so many any step is short enough, and any interval of them."""
SAFETY = 0.8
Slope = Callable[[np.ndarray], np.ndarray]
"""The linearised dynamics: how fast a displacement of the state changes, per ms."""


def check_step(circuit: Circuit, integrator: AbstractIntegrator, dynamics: AbstractDynamics) -> None:
    """Raise UnstableStepError where some population alone is unstable: which, and a dt that works.

    It is for its leak, or by what value neurons and error neurons with a time constant make of each other.
    """
    dt, limit = integrator.dt, integrator.stability
    for name in circuit.leaky_errors:
        _check_pairs(circuit, integrator, dynamics, name)
    leak = {name: most for name, (_, most) in circuit.rates.items() if name not in circuit.leaky_errors}
    worst = max(leak, key=leak.__getitem__, default=None)
    if worst is not None and dt * leak[worst] >= limit:
        raise UnstableStepError(
            f"dt = {dt:g} ms is unstable for population {worst!r}, whose leak has a time constant of "
            f"{1 / leak[worst]:g} ms: {type(integrator).__name__} needs dt < {limit / leak[worst]:.6g} ms; "
            f"dt = {0.5 / leak[worst]:.3g} ms works"
        )


def _check_pairs(circuit: Circuit, integrator: AbstractIntegrator, dynamics: AbstractDynamics, vertex: str) -> None:
    """Raise UnstableStepError where a step is too long for value neurons with error neurons that integrate.

    tau dv/dt = -e and tau_e de/dt = v - Sigma e, which is an oscillator where Sigma^2 < 4 tau_e / tau.
    """
    neurons, values = circuit.properties[vertex], dynamics.rows[0]
    errors = next(row for row in dynamics.rows if row.variable == "error")

    def stable(dt: float) -> bool:
        shorter = replace(integrator, dt=dt)
        of_value, of_error = (dynamics.gain(row, shorter, neurons).ravel() for row in (values, errors))
        gains = np.zeros((of_value.size, 2, 2))
        gains[:, 0, 1], gains[:, 1, 0] = -of_value, of_error * neurons.precision.ravel()
        gains[:, 1, 1] = -of_error
        return bool((integrator.growth(gains) < 1).all())

    works = integrator.dt
    for _ in range(HALVINGS):
        if stable(works):
            break
        works /= 2
    if works < integrator.dt:
        low, high = (number_range(a.min(), a.max()) for a in (neurons.tau, neurons.error_tau))
        raise UnstableStepError(
            f"dt = {integrator.dt:g} ms is unstable for population {vertex!r}, whose value neurons have a time "
            f"constant of {low} ms and error neurons of {high} ms: dt = {SAFETY * works:.3g} ms works"
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
        about the feedforward sweep; where errors are integrated, too, and the state may oscillate, the rates are by
        Arnoldi's. It holds as far as the linearisation does.
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
            scale = 1e-6 * max(1.0, max(float(np.abs(base[key]).max()) for key in moving))

            def linear(direction: np.ndarray) -> np.ndarray:
                parts = np.split(direction, np.cumsum([base[key].size for key in moving])[:-1])
                displaced = {
                    key: base[key] + scale * part.reshape(base[key].shape)
                    for key, part in zip(moving, parts, strict=True)
                }
                return np.asarray((slope(displaced) - at_base) / scale)

            direction = generator.normal(size=at_base.size)
            if len(engine.dynamics.rows) > 1:
                return SAFETY * _longest_step(self.integrator, _rates_by_arnoldi(linear, direction))
            rate = _largest_rate(linear, direction)
        return SAFETY * min(self.integrator.stability, 2.0) / rate if np.isfinite(rate) and rate else np.inf


def _largest_rate(linear: Slope, direction: np.ndarray) -> float:
    """Power iteration: the largest rate of linear dynamics that do not oscillate; 0 or not finite where it fails."""
    rate = 0.0
    for _ in range(ITERATIONS):
        direction = linear(direction / (float(norm(direction)) or 1.0))
        rate = float(norm(direction))
        if not np.isfinite(rate) or rate == 0:
            break
    return rate


def _rates_by_arnoldi(linear: Slope, direction: np.ndarray) -> np.ndarray:
    """Ritz values, complex, of linear dynamics (Arnoldi 1951): those that are largest come out first."""
    size = min(2 * ITERATIONS, direction.size)
    basis = [direction / float(norm(direction))]
    projected = np.zeros((size + 1, size))
    for k in range(size):
        image = linear(basis[k])
        whole = float(norm(image))
        if not np.isfinite(whole):
            return np.zeros(0)
        for j, vector in enumerate(basis):
            projected[j, k] = vector @ image
            image = image - projected[j, k] * vector
        projected[k + 1, k] = float(norm(image))
        # What is left is the rounding of finite differences: the basis is complete.
        if projected[k + 1, k] <= 1e-8 * whole:
            size = k + 1
            break
        basis.append(image / projected[k + 1, k])
    return np.linalg.eigvals(projected[:size, :size])


def _longest_step(integrator: AbstractIntegrator, rates: np.ndarray) -> float:
    """dt (ms) up to which steps take what decays at these complex rates to no more than it was."""
    decaying = rates[rates.real < -1e-6 * np.abs(rates).max(initial=0.0)]
    if not decaying.size:
        return np.inf
    low, high = np.zeros(decaying.size), 2 * min(integrator.stability, 4.0) / np.abs(decaying)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        stable = np.abs(integrator.amplification(-middle * decaying)) <= 1
        low, high = np.where(stable, middle, low), np.where(stable, high, middle)
    return float(low.min())


def _key(vertex: str, row: StateRow) -> str:
    """Name of a row of a vertex in the reference engine's state."""
    return f"{row.variable}.{vertex}"


def _rates(engine: AbstractEngine, vertex: str, row: StateRow) -> np.ndarray:
    """How fast a row of a vertex moves for each unit of drive, per ms: what Euler's method takes in a step of 1 ms."""
    return engine.dynamics.gain(row, Euler(1.0), engine.circuit.properties[vertex])


def _displaceable(engine: AbstractEngine, data: RunData, state: Mapping[str, np.ndarray], keys: Sequence[str]) -> bool:
    """Whether these activities may be a little other than they are: not where one is read as a name, as tokens are."""
    try:
        engine.set_state(data, {**state, **{key: state[key] + 1e-6 for key in keys}})
    except DataError:
        return False
    return True
