"""How many bits does learning by predictive coding need: of weights, and of the messages of neurons?

Chips hold weights of few bits and carry messages of few bits. An MLP that reads digits learns with weights rounded to
the nearest level or stochastically (``pcn.passes.Quantize``), with messages of error neurons or of value neurons that
are so (``pcn.passes.QuantizeErrors``, ``pcn.passes.QuantizeValues``), and, beside these, with messages of errors that
are left out below a threshold.
"""

from collections.abc import Callable
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import xarray

import pcneuro as pcn
import pcneuro.data

DIGITS = 10
ROUNDED = "weights", "errors", "values"
"""What is rounded, to the nearest or stochastically."""
SHOWN = 150.0
"""For how long, in ms, a batch is shown: fifteen time constants, in which errors settle."""


def started(circuit: pcn.Circuit, seed: int) -> pcn.Circuit:
    """The circuit with weights drawn anew, of variance 1/inputs, and biases of zero."""
    generator = np.random.default_rng(seed)
    drawn = {
        name: generator.normal(0, len(value) ** -0.5, value.shape) if value.ndim == 2 else np.zeros(value.shape)
        for name, value in circuit.parameters.items()
    }
    return circuit.with_parameters(drawn)


def examples(train: int, test: int) -> tuple[pcn.Examples, pcn.Examples]:
    """The first digits to learn, and to test."""
    loaded = pcneuro.data.load("digits")
    parts = []
    for part, count in ((loaded.train, train), (loaded.test, test)):
        pixels = part.images[:count].reshape(-1, 64).astype(float)
        parts.append(pcn.Examples({"x": pixels}, {"out": np.eye(DIGITS)[part.labels[:count]]}))
    return parts[0], parts[1]


def relaxing(circuit: pcn.Circuit, engine: pcn.Kernel | pcn.EventDriven) -> pcn.PredictiveCoding:
    return pcn.PredictiveCoding(pcn.Simulator(circuit, engine=engine, integrator=pcn.Euler(2.0)), SHOWN)


def learners(circuit: pcn.Circuit, shown: pcn.Examples, seed: int) -> dict[str, Callable]:
    """Kind -> what makes a source of gradients of a number of bits, or of a threshold.

    Messages reach as far as the largest error, and the largest value, that the circuit has before it learns, population
    by population. Output neurons send no values.
    """
    weights = [name for name in circuit.parameters if name.startswith("W")]
    exact = pcn.backprop(circuit, shown.inputs, shown.targets)
    errors, values = (
        {name: float(np.abs(arrays[name]).max()) for name in circuit.vertices}
        for arrays in (exact.errors, exact.values)
    )
    hidden = {name: scale for name, scale in values.items() if name not in circuit.energies}

    def of_weights(bits, rounding):
        return pcn.Backprop(pcn.passes.apply(circuit, pcn.passes.Quantize(bits, weights, rounding=rounding)))

    def of_errors(bits, rounding):
        sent = pcn.passes.QuantizeErrors(bits, errors, rounding=rounding)
        return relaxing(pcn.passes.apply(circuit, sent), pcn.Kernel())

    def of_values(bits, rounding):
        sent = pcn.passes.QuantizeValues(bits, hidden, rounding=rounding)
        return relaxing(pcn.passes.apply(circuit, sent), pcn.Kernel())

    makers = dict(zip(ROUNDED, (of_weights, of_errors, of_values), strict=True))
    roundings = {"nearest": pcn.passes.Nearest(), "stochastic": pcn.passes.Stochastic(seed)}
    made = {
        f"{what}, {how}": partial(maker, rounding=rounding)
        for what, maker in makers.items()
        for how, rounding in roundings.items()
    }
    return made | {"threshold": lambda threshold: relaxing(circuit, pcn.EventDriven(threshold))}


def error_of(source, parameters, shown: pcn.Examples, exact: dict) -> float:
    """|gradient - exact| / |exact| over all parameters."""
    found = source.gradients(parameters, shown).gradients
    away = sum(np.sum((found[name] - exact[name]) ** 2) for name in exact)
    return float(np.sqrt(away / sum(np.sum(array**2) for array in exact.values())))


def accuracy_of(source, circuit, parts, epochs: int, seed: int) -> float:
    """Share of unseen digits that are told right behind learning from the circuit's own weights."""
    trainer = pcn.Trainer(source, pcn.Adam(0.02), *parts, batch=32, seed=seed, parameters=circuit.parameters)
    trainer.run(epochs)
    return trainer.epochs[-1].test.accuracy


def compare(
    laboratory,
    bits: tuple[int, ...] = (1, 2, 3, 4, 6, 8),
    thresholds: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
    train: int = 256,
    test: int = 360,
    epochs: int = 6,
    seeds: int = 2,
) -> pcn.Experiment:
    """Gradient errors at the weights that learning begins with, and accuracies behind it, from ``seeds`` starts."""
    kinds = [f"{what}, {how}" for what in ROUNDED for how in ("nearest", "stochastic")] + ["threshold"]
    settings = np.array([*[bits] * (len(kinds) - 1), thresholds], dtype=float)
    error, accuracy = (np.zeros((*settings.shape, seeds)) for _ in range(2))
    full = np.zeros(seeds)
    parts = examples(train, test)
    shown = parts[0].take(slice(0, 32))
    for s in range(seeds):
        circuit = started(laboratory.circuit, laboratory.seed + s)
        exact = pcn.backprop(circuit, shown.inputs, shown.targets).gradients
        full[s] = accuracy_of(pcn.Backprop(circuit), circuit, parts, epochs, s)
        for k, (name, make) in enumerate(learners(circuit, shown, s).items()):
            for n, setting in enumerate(settings[k]):
                source = make(float(setting) if name == "threshold" else int(setting))
                error[k, n, s] = error_of(source, circuit.parameters, shown, exact)
                accuracy[k, n, s] = accuracy_of(source, circuit, parts, epochs, s)
                laboratory.progress((s + (k + (n + 1) / len(bits)) / len(kinds)) / seeds)
    dimensions = ("kind", "setting", "seed")
    records = xarray.Dataset(
        {
            "error": (dimensions, error, {"long_name": "relative gradient error"}),
            "accuracy": (dimensions, accuracy, {"long_name": "accuracy on unseen digits"}),
            "value": (dimensions[:2], settings, {"long_name": "bits, or the threshold"}),
            "full": (("seed",), full, {"long_name": "accuracy of exact gradients of weights in full precision"}),
        },
        {"kind": kinds},
    )
    return pcn.Experiment(numbers(records), records, lambda: {"quantisation": figure(records)})


def numbers(records: xarray.Dataset) -> dict[str, dict[str, float]]:
    """Of each kind and setting: mean gradient error and accuracy."""
    told = {"full precision": {"accuracy": float(records.full.mean())}}
    for kind in records.kind.values.tolist():
        of = records.sel(kind=kind)
        for n, value in enumerate(of.value.values.tolist()):
            means = {name: float(of[name][n].mean()) for name in ("error", "accuracy")}
            told[f"{kind}, {value:g}"] = means
    return told


def figure(records: xarray.Dataset):
    """Gradient error and accuracy against bits, and against the threshold; bars are standard deviations of seeds."""
    drawn, axes = plt.subplots(2, 2, figsize=(7.6, 5.2), sharex="col", sharey="row", layout="constrained")
    for k, kind in enumerate(records.kind.values.tolist()):
        of, column = records.sel(kind=kind), int(kind == "threshold")
        for axis, name in zip(axes[:, column], ("error", "accuracy"), strict=True):
            spread = of[name].std("seed")
            # One colour for what is rounded, and broken lines where that is drawn.
            style = {"color": f"C{k // 2}", "linestyle": ":" if kind.endswith("stochastic") else "-"}
            axis.errorbar(of.value, of[name].mean("seed"), spread, **style, marker="o", markersize=3, label=kind)
    for axis in axes[1]:
        axis.axhline(float(records.full.mean()), color="black", linestyle="--", linewidth=0.9, label="full precision")
    axes[0, 0].set(yscale="log", ylabel="relative gradient error")
    axes[1, 0].set(xlabel="bits", ylabel="accuracy on unseen digits", xticks=records.value[0].values)
    axes[1, 1].set(xlabel="threshold (share of a population's errors)", xscale="log")
    axes[0, 0].legend(frameon=False, fontsize=8)
    axes[1, 1].legend(frameon=False, fontsize=8)
    return drawn
