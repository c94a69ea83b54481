"""The state of a simulation: a circuit's engine, the step that it has come to, and the data that it runs on."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from pcneuro.circuit.batches import sample_labels
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.parameters import check_parameters
from pcneuro.circuit.plasticity import VARIANCE
from pcneuro.circuit.saving import fingerprint
from pcneuro.engines import AbstractEngine, Engine, RunData
from pcneuro.errors import ParameterError, TornStateError
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.model.perturbations import AbstractPerturbation
from pcneuro.simulator.identity import with_circuit
from pcneuro.simulator.result import Result, Status, free_energy, not_finite, not_finite_message
from pcneuro.simulator.run_data import warn_of_latents
from pcneuro.simulator.schedules import AbstractSchedule
from pcneuro.simulator.snapshot import read_snapshot, write_snapshot
from pcneuro.simulator.stability import Stability


class UnderWay(Protocol):
    """A run that has begun and not ended."""

    def supersede(self) -> None:
        """End it: something else goes on with the simulation."""


class SimulationState:
    """What a ``Simulator`` holds.

    ``step`` is the number of the next step; ``chunk`` the number of steps that the engine is next asked for, what it
    has been able to do between two looks at it; ``first_sample`` the number that the first has in the whole batch.
    """

    def __init__(
        self,
        circuit: Circuit,
        dynamics: AbstractDynamics,
        integrator: AbstractIntegrator,
        schedule: AbstractSchedule,
        settings: Engine,
        dtype: np.dtype,
        seed: int,
    ) -> None:
        self.circuit, self.dynamics, self.integrator, self.schedule = circuit, dynamics, integrator, schedule
        self.settings, self.dtype, self.seed = settings, dtype, seed
        self.engine = self.unperturbed = self._made()
        self.given: RunData | None = None
        """Data of the present run as they were given, where a perturbation makes others of them."""
        self.perturbations: tuple[AbstractPerturbation, ...] = ()
        """Those of the last run, which go on."""
        self.step, self.chunk, self.first_sample = 0, 1, 0
        self.data: RunData | None = None
        self.labels: np.ndarray | None = None
        """Labels of the samples, where the data has been given with some."""
        self._started = True  # of no data there is nothing to start
        self._evaluated = True
        # Whether it may still have to be said that a latent is not inferred.
        self._watched = dynamics.holds_predictions and bool(circuit.graph.latents)
        self._run: UnderWay | None = None
        self._user = threading.RLock()
        """Held by the thread that simulates."""
        self._torn: str | None = None
        """What stopped a change of the state that was not completed."""
        self._before: dict[str, np.ndarray] = {}
        """Parameters as they were before they were last changed, where that was not completed."""

    def _made(self) -> AbstractEngine:
        return self.made(self.circuit, self.dynamics)

    def made(self, circuit: Circuit, dynamics: AbstractDynamics) -> AbstractEngine:
        """An engine with the settings of the simulation, of a circuit and its dynamics."""
        engine: AbstractEngine = self.settings.make(circuit, dynamics, self.integrator, self.dtype)
        engine.separate_errors, engine.seed = self.schedule.separate_errors, self.seed
        return engine

    @property
    def time(self) -> float:
        """Simulated time in ms."""
        return self.step * self.integrator.dt

    @property
    def elsewhere(self) -> bool:
        """Whether another thread simulates now."""
        if not self._user.acquire(blocking=False):
            return True
        self._user.release()
        return False

    # One run at a time, and all of a change or none

    @contextmanager
    def used(self) -> Iterator[None]:
        """While it holds, only this thread uses the state; raises ParameterError where another one simulates."""
        if not self._user.acquire(blocking=False):
            raise ParameterError(
                "this simulator is being run in another thread: wait until that has ended, or make a simulator of the "
                "same circuit for each thread"
            )
        try:
            yield
        finally:
            self._user.release()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """While it holds, neurons and clock need not belong together; what ends it by an exception leaves them so."""
        self._torn = "an exception"
        try:
            yield
        except BaseException as error:
            self._torn = type(error).__name__
            raise
        self._torn = None

    def check(self) -> None:
        """Raise ParameterError where another thread simulates, TornStateError where a change was not completed."""
        with self.used():
            if self._torn is not None:
                raise TornStateError(
                    f"this simulator was stopped by {self._torn} in the midst of a step or change: its neurons and its "
                    "clock do not belong together; call reset(), or restore() a state that was stored"
                )

    def claim(self, run: UnderWay | None) -> None:
        """Let a run (None: what is no run) have the state; one that is under way is ended."""
        with self.used():
            if self._run is not None and self._run is not run:
                self._run.supersede()
            self._run = run

    def release(self, run: UnderWay) -> None:
        """A run has ended."""
        if self._run is run:
            self._run = None

    # What it stands at

    def ready(self) -> None:
        """Start the engine, where data or parameters have changed, and bring errors up to date.

        Raises as ``check`` does. Stopped on the way, it does the same again when it is next called; but where what was
        under way is to go on, it is lost with the state that is made anew, which is torn.
        """
        self.check()
        self.engine.next_step, self.engine.first_sample = self.step, self.first_sample
        if self.data is None:
            self.engine.start(RunData.silent(self.circuit))
        elif not self._started:
            with self.changing() if self.data.continues else nullcontext():
                self.engine.start(self.data)
                self._started = self._evaluated = True
        elif not self._evaluated:
            self.evaluate()

    def evaluate(self) -> None:
        """Bring errors up to date with the activities."""
        self.engine.evaluate()
        self._evaluated = True

    def advanced(self, steps: int) -> None:
        """The engine has done so many steps, in which it may have let data change."""
        self.data = self.engine.data
        self.step += steps
        self._evaluated = False

    @property
    def next_change(self) -> int | None:
        """The step at whose begin data may next change; None where it does not any more."""
        return None if self.data is None else self.data.next_change(self.step)

    def labels_with(self, changes: Mapping[str, Any], batch: int) -> np.ndarray | None:
        """Labels of the samples with the data of a run: those of before where the inputs stay."""
        labels = sample_labels(changes, batch)
        before = self.labels if changes["inputs"] is None else None
        return before if labels is None and before is not None and len(before) == batch else labels

    def read(self, variable: str) -> dict[str, np.ndarray]:
        """A variable of every vertex and output that has it, (batch, \\*shape)."""
        self.ready()
        arrays = {}
        for name in self.circuit.vertices:
            if variable == "value" or self.circuit.has_prediction(name):
                arrays[name] = self.engine.read(name, variable)
        for name, node in self.circuit.graph.outputs.items():
            arrays.setdefault(name, arrays[node.name])
        return self.circuit.graph.by_leaf(arrays)

    def _carried(self) -> Mapping[str, np.ndarray]:
        """Values of all vertices, that those which are free go on from when something else changes."""
        assert self.data is not None
        if not self._started:
            return {**self.data.initial, **self.data.clamped}
        return {n: self.engine.read(n, "value") for n in self.circuit.vertices}

    def _carried_to(self, data: RunData) -> RunData:
        """Data that all which is free there goes on with from where it is."""
        initial = {n: a for n, a in self._carried().items() if n not in data.clamped}
        return replace(data, initial=initial, rows=self._carried_rows(), continues=True)

    def _carried_rows(self) -> Mapping[str, Mapping[str, np.ndarray]]:
        """What the dynamics integrate beside values, which goes on, too."""
        assert self.data is not None
        if not self._started:
            return self.data.rows
        predicted = [n for n in self.circuit.vertices if self.circuit.has_prediction(n)]
        rows = self.engine.dynamics.rows[1:]
        return {row.variable: {n: self.engine.integrated(n, row) for n in predicted} for row in rows}

    # Changes of it

    def take(self, data: RunData, engine: AbstractEngine | None = None) -> None:
        """Let the next step be on this data, and by another engine where one is given; past time zero all goes on."""
        engine = self.engine if engine is None else engine
        same = data.same_as(self.data) and engine is self.engine
        if not same and self.step > 0:
            data = self._carried_to(data)
        with self.changing():
            if engine is not self.engine:
                engine.take_over(self.engine)
                self.engine = engine
            self._started = self._started and same
            self.data = data
            if self._started:
                self._follow(data)

    def _follow(self, data: RunData) -> None:
        assert self.engine.data is not None
        self._evaluated = self._evaluated and data.currents is self.engine.data.currents
        self.engine.follow(data)
        self.data = data

    def turn_to(self, step: int) -> None:
        """Let what changes with time be what it is in a step, as new data of a run would be."""
        assert self.data is not None
        data = self.data.at(step)
        if data.restarts_at(step):
            with self.changing():
                self.data = replace(data, initial={}, rows={}, continues=False)
                self._started = False
            self.ready()
        elif data.same_as(self.data):
            self._follow(data)
        else:
            self.take(data)
            self.ready()

    def perturb(self, data: RunData, given: RunData | None, engine: AbstractEngine) -> None:
        """Let the next step be on other data, or by the engine of another circuit, while a perturbation lasts.

        What the run was ``given`` is kept for its end; None where there is no perturbation now.
        """
        self.take(data, engine)
        self.given = given

    def unperturb(self) -> None:
        """A run has ended: what is perturbed still is so no more."""
        given, self.given = self.given, None
        if given is None:
            return
        if self._torn is None:
            self.perturb(given.at(max(self.step - 1, given.step)), None, self.unperturbed)
        else:
            self.data, self.engine, self._started = given, self.unperturbed, False

    def load(self, values: Mapping[str, Any]) -> None:
        """New values of parameters; raises for those that do not fit."""
        self.check()
        weights, variances = self.circuit.split_parameters(values)
        checked = check_parameters(self.circuit.graph, weights)
        checked |= {f"{vertex}{VARIANCE}": array for vertex, array in variances.items()}
        before = {name: self.engine.parameters[name].copy() for name in checked}
        with self.used():
            self.claim(None)
            with self.changing():
                self._before = before
                if self.data is not None:
                    if self.step > 0:
                        self.data = self._carried_to(self.data)
                    self._started = False
                self.engine.load(checked)
                self._before = {}

    def reset(self, first_sample: int) -> None:
        """Back to time zero, with the present data; a state that is torn is made anew."""
        with self.used():
            self.claim(None)
            torn = self._torn is not None
            with self.changing():
                if torn:
                    parameters = {n: a.copy() for n, a in (self.engine.parameters | self._before).items()}
                    self.engine = self.unperturbed = self._made()
                    self.engine.load(parameters)
                    self._before = {}
                if self.data is not None:
                    self.data = replace(self.data.at(0), initial={}, rows={}, continues=False)
                    self._started = False
                self.step, self.first_sample = 0, first_sample

    # The end of a run

    def stability(self) -> Stability:
        """How long steps may be of what is simulated now."""
        assert self.data is not None
        engine = self.engine
        return Stability(engine.circuit, engine.dynamics, self.integrator, self.data, engine.parameters)

    def _or_shorter_steps(self) -> str:
        """What to try besides where numbers grew so large because of the step."""
        if not self.schedule.stepped:
            return ""
        shorter = self.stability().shorter_step()
        return f"; or {shorter}" if shorter else ""

    def watch(self, data: RunData) -> None:
        """Warn, once, of latents that the dynamics do not infer from the data of a run."""
        if self._watched:
            self._watched = not warn_of_latents(self.circuit, self.dynamics, data.clamped)

    def result(self, records: Any, status: Status, message: str, stats: dict[str, Any], events: Any) -> Result:
        """All that is read of the state at the end of a run, which diverged where any of that is not finite."""
        assert self.data is not None
        values, errors, predictions = (self.read(v) for v in ("value", "error", "prediction"))
        with np.errstate(all="ignore"):
            precision = {name: self.engine.precision(name) for name in self.circuit.vertices}
            loss, rest = free_energy(self.circuit, self.data.clamped, values, errors, predictions, precision)
            gradients = self.engine.gradients()
            if status is Status.COMPLETED:
                groups = {"prediction": predictions, "error": errors, "value": values, "gradient": gradients}
                bad = not_finite(groups, predictions)
                if bad is not None:
                    status, message = Status.DIVERGED, not_finite_message(*bad, self.time, self.dtype)
                    message += self._or_shorter_steps()
        return Result(
            self.circuit.graph.by_leaf(gradients),
            values,
            errors,
            predictions,
            records,
            loss,
            rest + loss,
            status,
            message,
            self.time,
            stats,
            events,
            self.engine.activity(),
            with_circuit(self.engine.axons(), self.circuit, self.unperturbed.parameters),
            self.circuit.graph.by_leaf({name: array.copy() for name, array in self.engine.parameters.items()}),
        )

    # Snapshots

    def store(self, path: str | os.PathLike[str], *, overwrite: bool) -> None:
        """Write all of it to a file; raises OutputError, and ParameterError in the midst of a perturbation."""
        if self.given is not None:
            raise ParameterError(
                f"store() at {self.time:g} ms, while a perturbation lasts: take the stream to its end first, or store "
                "before it begins"
            )
        self.ready()
        write_snapshot(path, self.engine, self.step, self.data, self._identity(), overwrite=overwrite)

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Take up what ``store`` wrote; raises CircuitFileError, and stays as it is then."""
        engine = self._made()
        step, data = read_snapshot(path, engine, self._identity())
        with self.used():
            self.claim(None)
            with self.changing():
                self.step, self.data, self.engine = step, data, engine
                self.unperturbed, self.perturbations = engine, ()
                self._started = self._evaluated = True
                self._before = {}

    def _identity(self) -> dict[str, str]:
        return {
            "circuit": fingerprint(self.circuit),
            "dynamics": repr(self.dynamics),
            "integrator": repr(self.integrator),
            "schedule": repr(self.schedule),
            "dtype": self.dtype.name,
            "engine": self.engine.identity,
            # Where nothing is noisy it does not matter.
            **({"seed": str(self.seed)} if self.circuit.noise else {}),
            **({"first sample": str(self.first_sample)} if self.circuit.draws else {}),
        }
