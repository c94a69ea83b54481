"""Random simulations of circuits in time: streams, plasticity, noise, perturbations, cycles and restarts together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import pcneuro as pcn

UNITS, OUT = 3, 2
STEPS = 24
TAU = 10.0


@dataclass(frozen=True)
class Part:
    """One run: so many steps, and what it is given beside."""

    steps: int
    data: Mapping[str, Any]
    others: Mapping[str, Any]


@dataclass(frozen=True)
class Program:
    """A circuit, how it is simulated, and the runs that follow each other.

    ``exact``: whether runs in pieces are to agree bit for bit, and not to rounding only.
    """

    circuit: pcn.Circuit
    settings: Mapping[str, Any]
    parts: Sequence[Part]
    exact: bool

    @property
    def dt(self) -> float:
        return self.settings["integrator"].dt

    def simulator(self, engine: Any) -> pcn.Simulator:
        return pcn.Simulator(self.circuit, engine=engine, **self.settings)

    def run(self, engine: Any, pieces: int = 1, store: Path | None = None) -> dict[str, np.ndarray]:
        """The whole state after each part and all that is recorded, each part in so many pieces.

        Where ``store`` is a place, each piece is by a simulator of its own, which goes on from a file there.
        """
        simulator, seen = self.simulator(engine), {}
        given: dict[str, Any] = {}
        for k, part in enumerate(self.parts):
            given |= part.data
            rows: dict[str, list[np.ndarray]] = {}
            ends = np.linspace(0, part.steps, pieces + 1).astype(int)
            for number, steps in enumerate(np.diff(ends).tolist()):
                if store is not None and simulator.time:
                    simulator.store(store, overwrite=True)
                    simulator = self.simulator(engine)
                    simulator.restore(store)
                fresh = store is not None or number == 0
                result = simulator.run(steps * self.dt, **(given if fresh else {}), **part.others)
                assert result.status is pcn.Status.COMPLETED, result.message
                for name, array in result.records.data_vars.items():
                    rows.setdefault(str(name), []).append(array.values[: steps if number < pieces - 1 else None])
            seen |= {f"{k} {name}": np.concatenate(parts) for name, parts in rows.items()}
            for what in ("values", "errors", "predictions", "gradients", "parameters"):
                seen |= {f"{k} {what} {name}": array for name, array in getattr(simulator, what).items()}
        return seen


@dataclass
class Drawn:
    """Draws the ingredients of a program. ``plain`` ones have no more than streams, and what every engine takes."""

    rng: np.random.Generator
    plain: bool
    batch: int = field(init=False)
    dt: float = field(init=False)
    strict: bool = field(init=False)

    def __post_init__(self) -> None:
        self.batch, self.dt = self.one_of(1, 3, 17), self.one_of(0.3, 0.5, 1.0)
        self.strict = self.chance(0.6)

    def one_of(self, *choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def graph(self) -> pcn.Graph:
        function = self.one_of(np.tanh, pcn.ops.relu, lambda a: a)
        leaves: dict[str, Any] = {"x": pcn.Input((UNITS,))}
        shapes = {"W1": (UNITS, UNITS), "b1": (UNITS,), "W2": (UNITS, UNITS), "B2": (UNITS, UNITS), "W3": (UNITS, OUT)}
        leaves |= {name: pcn.Parameter(0.5 * self.rng.normal(size=shape)) for name, shape in shapes.items()}
        if self.strict and not self.plain and self.chance(0.5):
            delay = int(self.rng.integers(4)) * self.dt
            leaves["past"] = pcn.Recurrent("h2", (UNITS,), delay=delay, feedback=self.chance(0.5), initial=0.1)

        def net(x: Any, W1: Any, b1: Any, W2: Any, B2: Any, W3: Any, past: Any = 0.0) -> Any:
            h1 = pcn.vertex(np.tanh(x @ W1 + b1 - 0.5 * past), "h1")
            h2 = pcn.vertex(function(pcn.ops.project(h1, W2, feedback=B2)), "h2")
            return pcn.vertex((h2 + x) @ W3, "y")

        return pcn.trace(net, **leaves)

    def circuit(self) -> pcn.Circuit:
        properties: dict[str, Any] = {"tau": TAU, "precision": {"h1": self.rng.uniform(0.5, 1.5, UNITS)}}
        if not self.plain:
            properties["error_tau"] = self.one_of(0.0, 0.0, 6.0)
            if self.chance(0.5):
                properties["noise"] = {"h1": pcn.WhiteNoise(0.05), "h1.error": pcn.OrnsteinUhlenbeck(0.02, 7.0)}
            if self.chance(0.6):
                properties["plasticity"] = self.rules()
        return pcn.build_circuit(self.graph(), **properties)

    def rules(self) -> dict[str, Any]:
        every = self.one_of(None, 2 * self.dt, 5 * self.dt)
        rules = {
            "W1": pcn.Oja(tau=2e3, every=every),
            "b1": pcn.Homeostasis("h1", 0.1, tau=900.0, bounds=(-1.0, 1.0)),
            "W3": pcn.Hebbian(tau=1e3, decay=0.1, every=every),
            "B2": pcn.LearnedFeedback("W2", tau=1e3),
            "W2": pcn.Hebbian(tau=1e3, bounds=(-2.0, 2.0)),
            "y": pcn.LearnedVariance(tau=500.0, bounds=(0.5, 2.0)),
        }
        return {name: rule for name, rule in rules.items() if self.chance(0.6)}

    def stimulus(self, *shape: int) -> Any:
        times, every = int(self.rng.integers(1, 9)), int(self.rng.integers(1, 4))
        values = self.rng.normal(size=(times, self.batch, *shape))
        if self.chance(0.2):
            return values[0]
        return pcn.TimedArray(values, every * self.dt, periodic=self.chance(0.5))

    def perturbations(self, begin: int, end: int) -> Iterator[Any]:
        kinds = (
            lambda **when: pcn.Inject("h1", self.rng.normal(size=UNITS), **when),
            lambda **when: pcn.Silence("h2", **when),
            lambda **when: pcn.Silence("h2.error", **when),
            lambda **when: pcn.Cut(("h1.value", "h2.error"), **when),
            lambda **when: pcn.SetPrecision("h1", self.rng.uniform(0.5, 1.5), **when),
        )
        for kind in kinds:
            first, last = sorted(self.rng.choice(np.arange(begin, end), 2, replace=False).tolist())
            if self.chance(0.4):
                yield kind(start=first * self.dt, stop=last * self.dt)

    def part(self, begin: int) -> Part:
        end = begin + STEPS
        data: dict[str, Any] = {}
        if begin == 0 or self.chance(0.6):
            data = {"inputs": {"x": self.stimulus(UNITS)}, "targets": {"y": self.stimulus(OUT)}}
        others: dict[str, Any] = {"learn": self.chance(0.8)}
        if not self.plain:
            data["perturb"] = list(self.perturbations(begin, end))
            steps = self.rng.choice(np.arange(begin, end), int(self.rng.integers(3)), replace=False)
            others["restarts"] = (self.dt * np.sort(steps)).tolist()
        others["record"] = [pcn.Record(v, w) for v in ("h1", "y") for w in ("value", "error")]
        return Part(STEPS, data, others)


def program(seed: int, plain: bool = False) -> Program:
    """The program of this number."""
    drawn = Drawn(np.random.default_rng(seed), plain)
    circuit = drawn.circuit()
    dynamics = pcn.Strict() if drawn.strict else pcn.FixedPrediction()
    integrator = pcn.Euler(drawn.dt) if plain else drawn.one_of(pcn.Euler, pcn.RungeKutta4)(drawn.dt)
    parts = [drawn.part(0), drawn.part(STEPS)]
    lasting = [each for part in parts for each in part.data.get("perturb", ()) if not isinstance(each, pcn.Inject)]
    settings = {"dynamics": dynamics, "integrator": integrator, "seed": seed}
    return Program(circuit, settings, parts, exact=drawn.strict or not lasting)
