"""What predictive coding asks of the cortex, taken away one by one: how much worse does it learn digits?

Millidge, Tschantz, Seth & Buckley (2020), *Relaxing the constraints on predictive coding models*: a network of ReLU
units learns without transported weights, without the derivative of its activation function, and with value and error
neurons that are not wired one to one. Each relaxation is a pass (``pcn.passes``).
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import xarray

import pcneuro as pcn
import pcneuro.data

DIGITS = 10
SPREAD = 0.5
"""Of drawn weights, as a share of what keeps the variance of activities (He et al. 2015)."""
SETTLING = 300.0
"""For how long, in ms, a circuit is shown an image that it is to tell, where it does not begin at its equilibrium."""


def relaxing_constraints(
    sizes: tuple[int, ...] = (784, 300, 100, 100, DIGITS), tau: float = 10.0, seed: int = 0
) -> pcn.Circuit:
    """The network that is relaxed: layers of ReLU units, and a linear one of digits; ``tau`` is in ms."""
    layers = range(1, len(sizes))

    def network(x, **theta):
        for k in layers:
            x = x @ theta[f"W{k}"] + theta[f"b{k}"]
            x = pcn.vertex(pcn.ops.relu(x), f"h{k}") if k < len(sizes) - 1 else pcn.vertex(x, "digit")
        return x

    generator = np.random.default_rng(seed)
    theta = {}
    for k in layers:
        gain = 2.0 if k < len(sizes) - 1 else 1.0
        deviation = SPREAD * np.sqrt(gain / sizes[k - 1])
        theta[f"W{k}"] = pcn.Parameter(generator.normal(0, deviation, (sizes[k - 1], sizes[k])))
        theta[f"b{k}"] = pcn.Parameter(np.zeros(sizes[k]))
    return pcn.build_circuit(pcn.trace(network, x=pcn.Input((sizes[0],)), **theta), tau=tau)


def relaxations(tau: float, mixed: float, seed: int) -> dict[str, list]:
    """Name -> passes. The weights that they add learn with the time constant ``tau`` in ms.

    Value neurons reach error neurons through 1 plus weights of deviation ``mixed`` / sqrt(neurons).
    """
    back = pcn.passes.LearnedFeedback(tau, seed=seed)
    straight = pcn.passes.NoDerivative(in_plasticity=False)
    through = pcn.passes.RandomErrorConnectivity(scale=mixed, diagonal=1.0, tau=tau, seed=seed)
    return {
        "predictive coding": [],
        "fixed feedback": [pcn.passes.LearnedFeedback(seed=seed)],
        "learned feedback": [back],
        "no derivative": [straight],
        "error connectivity": [through],
        "all": [back, straight, through],
    }


def images(dataset: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels and labels, to learn and to test."""
    loaded = pcneuro.data.load(dataset)
    parts = []
    for part in (loaded.train, loaded.test):
        parts += [part.images.reshape(len(part.labels), -1).astype(float), part.labels]
    return tuple(parts)


def batches(generator: np.random.Generator, samples: int, batch: int, epochs: int) -> np.ndarray:
    """Numbers of the samples of each batch; each epoch has all samples but the last few in a new order."""
    each = samples // batch
    return np.concatenate([generator.permutation(samples)[: each * batch].reshape(each, batch) for _ in range(epochs)])


def told_right(simulator: pcn.Simulator, pixels: np.ndarray, labels: np.ndarray, duration: float) -> float:
    """Share of images whose digit is the most active behind ``duration`` ms."""
    activity = simulator.run(duration, inputs={"x": pixels}).values["digit"]
    return float((activity.argmax(axis=1) == labels).mean())


def by_plasticity(laboratory, circuit, shown, data, presented: float, epochs: int) -> tuple[list[float], float]:
    """Learn in one run, one change of weights behind each batch: accuracy of the sweep by epoch, and of what settles.

    The sweep is the network's own, without what passes add, as in the paper; settled is the circuit as it is. Where
    the circuit diverges, it is what it was at the end of the last epoch before that.
    """
    pixels, labels, *test = data
    onsets = presented * np.arange(len(shown))
    epoch = presented * len(shown) / epochs
    result = laboratory.simulator(circuit).run(
        presented * len(shown),
        inputs={"x": pcn.TimedArray(pixels[shown], presented)},
        targets={"digit": pcn.TimedArray(np.eye(DIGITS)[labels[shown]], presented)},
        restarts=onsets,
        record=[pcn.Record(name, "parameter", every=epoch) for name in circuit.parameters],
    )
    network = laboratory.circuit
    weights = [
        {name: result.records[f"{name}.parameter"].values[k] for name in circuit.parameters}
        for k in range(1, len(result.records.time))
    ]
    curve = []
    for each in weights:
        own = network.with_parameters({name: each[name] for name in network.parameters})
        curve.append(told_right(laboratory.simulator(own), *test, 0.0))
    still = circuit.with_plasticity({}).with_parameters(weights[-1] if weights else {})
    return curve, told_right(laboratory.simulator(still), *test, SETTLING)


def by_backprop(circuit, shown, data, rate: float, epochs: int) -> list[float]:
    """The same batches and rates with exact gradients of the squared error: accuracy of each epoch."""
    pixels, labels, *test = data
    theta, curve = dict(circuit.parameters), []
    for number, samples in enumerate(shown, start=1):
        found = pcn.backprop(circuit, {"x": pixels[samples]}, {"digit": np.eye(DIGITS)[labels[samples]]}, theta)
        theta = {name: value - rate * found.gradients[name] for name, value in theta.items()}
        if number % (len(shown) // epochs) == 0:
            curve.append(told_right(pcn.Simulator(circuit.with_parameters(theta)), *test, 0.0))
    return curve


def compare(
    laboratory,
    dataset: str = "mnist5k",
    rate: float = 0.003,
    epochs: int = 5,
    batch: int = 32,
    presented: float = 20.0,
    mixed: float = 0.1,
    seeds: int = 5,
) -> pcn.Experiment:
    """Let the network learn with each relaxation, with all, and by backprop, from ``seeds`` starts.

    Each batch is shown for ``presented`` ms from its feedforward sweep; then each weight changes by ``rate`` times what
    drives it. Sizes of the network have to be those of the images of ``dataset``, without ``seed`` in the file.
    """
    data, tau = images(dataset), presented / rate
    sizes = tuple(laboratory.circuit.graph.nodes[name].size for name in ("x", *laboratory.circuit.vertices))
    names = ["backprop", *relaxations(tau, mixed, 0)]
    curves, settled = np.full((len(names), seeds, epochs), np.nan), np.full((len(names), seeds), np.nan)
    for seed in range(seeds):
        circuit = relaxing_constraints(sizes, float(laboratory.circuit.tau["digit"].flat[0]), laboratory.seed + seed)
        shown = batches(np.random.default_rng(laboratory.seed + seed), len(data[1]), batch, epochs)
        curves[0, seed] = by_backprop(circuit, shown, data, rate, epochs)
        settled[0, seed] = curves[0, seed, -1]
        plastic = circuit.with_plasticity(dict.fromkeys(circuit.parameters, pcn.Hebbian(tau, every=presented)))
        for k, passes in enumerate(relaxations(tau, mixed, seed).values(), start=1):
            relaxed = pcn.passes.apply(plastic, passes)
            # What passes add learns behind each batch, too.
            rules = {name: replace(rule, every=presented) for name, rule in relaxed.plasticity.items()}
            curve, settled[k, seed] = by_plasticity(
                laboratory, relaxed.with_plasticity(rules), shown, data, presented, epochs
            )
            curves[k, seed, : len(curve)] = curve
            laboratory.progress((seed + k / len(names)) / seeds)
    records = xarray.Dataset(
        {"accuracy": (("relaxation", "seed", "epoch"), curves), "settled": (("relaxation", "seed"), settled)},
        {"relaxation": names, "epoch": np.arange(1, epochs + 1)},
    )
    return pcn.Experiment(numbers(records), records, lambda: {"relaxing_constraints": figure(records)})


def standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def last(records: xarray.Dataset, name: str) -> np.ndarray:
    """Accuracy behind the last epoch from each start; of a circuit that has diverged, behind the last before that."""
    curves = records.accuracy.sel(relaxation=name).values
    return np.array([([0.0, *curve[np.isfinite(curve)]])[-1] for curve in curves])


def numbers(records: xarray.Dataset) -> dict[str, dict[str, float]]:
    """Of each relaxation: mean accuracy, its standard error, and what it costs beside predictive coding."""
    plain, told = last(records, "predictive coding"), {}
    for name in records.relaxation.values.tolist():
        final = last(records, name)
        settled = records.settled.sel(relaxation=name).values
        told[name] = {
            "accuracy": float(final.mean()),
            "standard error": standard_error(final),
            "cost": float((plain - final).mean()),
            "standard error of the cost": standard_error(plain - final),
            "diverged": int(np.isnan(records.accuracy.sel(relaxation=name).values[:, -1]).sum()),
            "best epoch": float(np.nanmax(records.accuracy.sel(relaxation=name).mean("seed").values)),
            "settled": float(settled.mean()),
            "standard error, settled": standard_error(settled),
        }
    return told


def figure(records: xarray.Dataset):
    """Accuracy by epoch, with bands of standard errors, and behind the last."""
    drawn, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.6), layout="constrained")
    names = records.relaxation.values.tolist()
    for k, name in enumerate(names):
        curve = records.accuracy.sel(relaxation=name)
        mean = curve.mean("seed")
        error = curve.std("seed", ddof=1) / np.sqrt(records.sizes["seed"]) if records.sizes["seed"] > 1 else 0 * mean
        color = "black" if name == "backprop" else f"C{k - 1}"
        left.plot(records.epoch, mean, color=color, linestyle="--" if name == "backprop" else "-")
        left.fill_between(records.epoch, mean - error, mean + error, alpha=0.2, color=color, linewidth=0)
        right.barh(k, last(records, name).mean(), xerr=standard_error(last(records, name)), color=color, height=0.6)
        right.plot(records.settled.sel(relaxation=name).mean(), k, "|", color="red", markersize=14)
    for axis, line in ((left, left.axhline), (right, right.axvline)):
        line(1 / DIGITS, color="0.5", linewidth=0.8, linestyle=":")
        axis.margins(x=0.02)
    left.set(xlabel="epoch", ylabel="accuracy on unseen digits", ylim=(0, 1))
    right.set(xlabel="behind the last epoch (red: the settled circuit)", xlim=(0, 1), yticks=range(len(names)))
    right.set_yticklabels(names)
    right.invert_yaxis()
    return drawn
