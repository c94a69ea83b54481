"""NIR as a target of checks: a circuit's graph is written, read back and integrated, and compared with the kernel."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.units import UnitGraph
from pcneuro.engines import RunData
from pcneuro.errors import ParameterError
from pcneuro.export import nir
from pcneuro.export.checked import checked_circuit, checked_run_data, settings, without_extras
from pcneuro.export.frozen import sweep
from pcneuro.export.nir_steps import Executed
from pcneuro.export.targets import AbstractTarget, Exported, RunRequest, hebbian
from pcneuro.files import scratch
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import Euler
from pcneuro.recording.record import dataset, listed
from pcneuro.simulator.run_data import whole_steps


class NirTarget(AbstractTarget):
    """A graph that was written, read back, and integrated by ``nir_steps``, sample after sample."""

    name = "nir"

    def run(self, request: RunRequest) -> Exported:
        circuit, (dynamics, integrator) = request.circuit, settings(request.dynamics, request.integrator, None)
        if not isinstance(integrator, Euler):
            raise ParameterError(f"NIR has no time steps, and ours of its graphs are Euler's: not {integrator!r}")
        values = request.keywords
        without_extras(checked_circuit(circuit), "NIR")
        data = checked_run_data(circuit, dynamics, {**values, "initial": None})
        records = listed(request.records)
        probes = [r.resolve(circuit, data.batch, integrator.dt) for r in records]
        steps = whole_steps(request.duration, integrator.dt)
        samples = [self._states(circuit, data, values, dynamics, s, integrator.dt, steps) for s in range(data.batch)]
        states = {k: {n: np.stack([f[k][n] for f in samples], axis=1) for n in samples[0][k]} for k in samples[0]}
        rows = []
        for record, probe in zip(records, probes, strict=True):
            if probe.variable not in states:
                raise ParameterError(f"NIR's graphs have no {probe.variable} of {probe.vertex!r} to record")
            array = states[probe.variable][probe.vertex][:: probe.every]
            rows.append(record.choose(array.reshape(*array.shape[:2], -1), probe))
        last = {kind: {name: array[-1] for name, array in arrays.items()} for kind, arrays in states.items()}
        gradients = hebbian(circuit, dynamics, data, last["value"], last["error"])
        for arrays in last.values():
            for name, node in circuit.graph.outputs.items():
                arrays.setdefault(name, arrays[node.name])
        kept = dataset(records, probes, rows, 0, integrator.dt, data.batch)
        return Exported(gradients, last["value"], last["error"], last["prediction"], kept, steps * integrator.dt)

    def _states(
        self,
        circuit: Circuit,
        data: RunData,
        values: Mapping[str, Any],
        dynamics: AbstractDynamics,
        sample: int,
        dt: float,
        steps: int,
    ) -> dict[str, dict[str, np.ndarray]]:
        """value, error and prediction of every vertex at every step, (steps + 1, \\*shape)."""
        with scratch(Path(tempfile.gettempdir()), "pcneuro-", ".nir") as path:
            nir.write(circuit, path, **values, dynamics=dynamics, sample=sample)
            read = nir.library().read(path)
        states = Executed(read, dt * nir.MS, nir.drives(read), nir.states(read)).run(steps)
        swept = sweep(UnitGraph(circuit), data, sample)
        trajectories: dict[str, dict[str, np.ndarray]] = {"value": {}, "error": {}, "prediction": {}}
        for name in circuit.vertices:
            shape = circuit.graph.nodes[name].shape
            if name not in swept.predictions:
                raise ParameterError(f"latent {name!r} has no prior: its value is no error, and not checked in NIR")
            # What has no output in the graph has no error at any time.
            error = states.get(name, np.zeros((steps + 1, int(np.prod(shape)))))
            prediction = np.broadcast_to(swept.predictions[name], error.shape)
            value = prediction + error / circuit.precision[name].ravel()
            if name in data.clamped:
                value = np.broadcast_to(data.clamped[name][sample].ravel(), error.shape)
            for kind, array in (("value", value), ("error", error), ("prediction", prediction)):
                trajectories[kind][name] = array.reshape(steps + 1, *shape)
        return trajectories
