"""What does the accuracy of a gradient cost on a chip: by events of a threshold, and with a message of everyone a step?

A circuit is run by events for several thresholds, each mapped to each chip. Beside it stands a clocked implementation
on the same chip, whose error neurons all send in every step, until its gradient is as good.
"""

from collections.abc import Sequence

import numpy as np
import xarray

import pcneuro as pcn
import pcneuro.data

CLASSES = 10
LOOK = 5.0
"""Every so many ms a run by events is looked at, whether it is good enough."""
SLACK = 1.1
"""It is where its error is so many times that in the end."""


def shown_to(circuit: pcn.Circuit, generator: np.random.Generator, samples: int) -> dict[str, dict]:
    """Digits of 8 x 8 where the input has as many pixels, else drawn sequences of letters."""
    shape = circuit.graph.nodes["x"].shape
    digits = pcneuro.data.load("digits").train
    if np.prod(shape) == digits.images[0].size:
        x, labels = digits.images[:samples].reshape(samples, *shape).astype(float), digits.labels[:samples]
    else:
        length, letters = shape
        x = np.eye(letters)[generator.integers(letters, size=(samples, length))]
        labels = generator.integers(CLASSES, size=samples)
    return {"inputs": {"x": x}, "targets": {"out": np.eye(CLASSES)[labels]}}


def error_of(result, exact) -> float:
    """|gradient - exact| / |exact| over all parameters."""
    away = sum(np.sum((result.gradients[name] - array) ** 2) for name, array in exact.items())
    return float(np.sqrt(away / sum(np.sum(array**2) for array in exact.values())))


def clocked_errors(simulator: pcn.Simulator, data: dict, steps: int, exact: dict) -> list[float]:
    """Gradient error behind 0, 1, 2, ... steps in which all send."""
    result = simulator.run(0.0, **data)
    errors = [error_of(result, exact)]
    for _ in range(steps):
        result = simulator.run(simulator.integrator.dt)
        errors.append(error_of(result, exact))
    return errors


def by_events(circuit: pcn.Circuit, threshold: float, data: dict, duration: float, exact: dict):
    """A run by events that ends once its gradient is about as good as it becomes, and that gradient's error.

    A chip that waits for longer pays for neurons that have nothing more to send.
    """

    def simulator():
        return pcn.Simulator(circuit, engine=pcn.EventDriven(threshold), integrator=pcn.Euler(1.0))

    parts, errors = simulator(), []
    parts.run(0.0, **data)
    while parts.time < duration:
        errors.append(error_of(parts.run(LOOK), exact))
    good = int(np.flatnonzero(np.array(errors) <= SLACK * errors[-1])[0]) + 1
    result = simulator().run(good * LOOK, **data, events=pcn.RecordEvents(samples=[0]))
    return result, errors[good - 1]


def costs(
    laboratory,
    title: str = "MLP",
    chips: Sequence[str] = ("loihi", "spinnaker2"),
    thresholds: Sequence[float] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    samples: int = 4,
    duration: float = 250.0,
) -> pcn.Experiment:
    """Gradient error, energy of a gradient and time of a sample, by events and clocked, on each chip."""
    circuit = laboratory.circuit
    data = shown_to(circuit, laboratory.generator, samples)
    exact = pcn.backprop(circuit, **data).gradients
    clocked = pcn.Simulator(circuit, integrator=pcn.Euler(1.0))
    by_steps = clocked_errors(clocked, data, int(duration), exact)
    everyone = {f"{name}.error": 1.0 for name in circuit.vertices}
    shape = (len(chips), 2, len(thresholds))
    energy, time = (np.full((*shape, 2), np.nan) for _ in range(2))
    error, steps = np.full((2, len(thresholds)), np.nan), np.full(len(thresholds), np.nan)
    for n, threshold in enumerate(thresholds):
        result, error[0, n] = by_events(circuit, threshold, data, duration, exact)
        good = np.flatnonzero(np.array(by_steps) <= error[0, n])
        activities = [result]
        if good.size:
            steps[n], error[1, n] = good[0], by_steps[good[0]]
            activities.append(pcn.mapping.AssumedRate(everyone, max(float(good[0]), 1.0)))
        for c, chip in enumerate(chips):
            for way, activity in enumerate(activities):
                made = pcn.map_circuit(circuit, chip, activity, strategies=[pcn.mapping.NaturalOrder()])
                energy[c, way, n], time[c, way, n] = made.energy_gradient, made.time
        laboratory.progress((n + 1) / len(thresholds))
    records = xarray.Dataset(
        {
            "energy": (("chip", "way", "threshold", "price"), energy, {"units": "pJ"}),
            "time": (("chip", "way", "threshold", "price"), time, {"units": "ns"}),
            "error": (("way", "threshold"), error, {"long_name": "relative gradient error"}),
            "steps": (("threshold",), steps, {"long_name": "steps of the clocked implementation"}),
        },
        {"chip": list(chips), "way": ["events", "clocked"], "threshold": list(thresholds), "price": ["low", "high"]},
    )
    return pcn.Experiment(numbers(records), records, lambda: {"pareto": figure(records, title)})


def numbers(records: xarray.Dataset) -> dict[str, dict[str, float]]:
    """Of each chip and threshold: gradient error, and how many times as much the clocked implementation takes."""
    told: dict[str, dict[str, float]] = {}
    for chip in records.chip.values.tolist():
        for n, threshold in enumerate(records.threshold.values.tolist()):
            of = records.sel(chip=chip).isel(threshold=n)
            middle = {name: np.sqrt(of[name].prod("price", skipna=False)) for name in ("energy", "time")}
            told[f"{chip}, {threshold:g}"] = {
                "error": float(of.error.sel(way="events")),
                "clocked steps": float(of.steps),
                **{f"{name}, clocked / events": float(m[1] / m[0]) for name, m in middle.items()},
            }
    return told


def figure(records: xarray.Dataset, title: str):
    """Error against energy and time: a line for events on each chip, and open marks for the clocked implementation."""
    lines = []
    for chip in records.chip.values.tolist():
        for way in ("events", "clocked"):
            of = records.sel(chip=chip, way=way)
            points = of.threshold.values, of.error.values, of.energy.values, of.time.values
            lines.append(pcn.mapping.plot.ParetoLine(f"{way}, {chip}", *points, alone=way == "clocked"))
    drawn = pcn.mapping.plot.pareto(lines, "threshold")[0].figure
    drawn.suptitle(title, fontsize=10)
    return drawn
