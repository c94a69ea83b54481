"""Errors as potentials of apical dendrites: a microcircuit learns to be silent there, and then to tell digits.

Sacramento, Ponte Costa, Bengio & Senn (2018), *Dendritic cortical microcircuits approximate the backpropagation
algorithm*: interneurons learn to predict the pyramidal cells of the layer above, and to cancel what comes down from
these; what a target adds there is not cancelled, and teaches. There are no phases: all synapses learn at all times.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray

import pcneuro as pcn
import pcneuro.data

DIGITS, PIXELS = 10, 64
SHARE = 0.5
"""Of apical potentials in somas, of the layer above in interneurons, and of the target in the output."""


def network(hidden: int = 30, tau: float = 3.0, seed: int = 0) -> pcn.Circuit:
    """The network whose layers become microcircuits: one hidden layer of tanh units; ``tau`` is in ms."""
    generator = np.random.default_rng(seed)

    def layers(x, W1, b1, W2, b2):
        h = pcn.vertex(np.tanh(x @ W1 + b1), "h")
        return pcn.vertex(h @ W2 + b2, "digit")

    graph = pcn.trace(
        layers,
        x=pcn.Input((PIXELS,)),
        W1=pcn.Parameter(generator.normal(size=(PIXELS, hidden)) / np.sqrt(PIXELS)),
        b1=pcn.Parameter(np.zeros(hidden)),
        W2=pcn.Parameter(generator.normal(size=(hidden, DIGITS)) / np.sqrt(hidden)),
        b2=pcn.Parameter(np.zeros(DIGITS)),
    )
    return pcn.build_circuit(graph, tau=tau)


def dendritic(hidden: int = 30, tau: float = 3.0, tau_plasticity: float = 800.0, seed: int = 0) -> pcn.Circuit:
    """Its microcircuits, whose synapses all learn, with drawn weights of interneurons; times are in ms."""
    return microcircuits(network(hidden, tau, seed), tau_plasticity, tau_plasticity / 2, seed)


def microcircuits(circuit: pcn.Circuit, tau: float | None, tau_interneurons: float, seed: int) -> pcn.Circuit:
    rules = {"tau": tau, "tau_interneurons": tau_interneurons, "self_predicting": False, "seed": seed}
    return pcn.passes.apply(circuit, pcn.passes.Dendritic(SHARE, SHARE, SHARE, **rules))


def learn(
    laboratory,
    tau_plasticity: float = 800.0,
    presented: float = 30.0,
    batch: int = 32,
    alone: int = 300,
    epochs: int = 16,
) -> pcn.Experiment:
    """Show ``alone`` batches of digits without a target, then all digits ``epochs`` times with it, in two runs.

    A batch is shown for ``presented`` ms. Weights of the network learn in the second run only.
    """
    loaded, seed = pcneuro.data.load("digits"), laboratory.seed
    pixels, labels = loaded.train.images.reshape(-1, PIXELS).astype(float), loaded.train.labels
    test = loaded.test.images.reshape(-1, PIXELS).astype(float), loaded.test.labels
    hidden, tau = laboratory.circuit.graph.nodes["h"].size, float(laboratory.circuit.tau["h"].flat[0])
    plain = network(hidden, tau, seed)

    looked = laboratory.generator.integers(len(labels), size=(alone, batch))
    silencing = microcircuits(plain, None, tau_plasticity / 2, seed)
    first = laboratory.simulator(silencing).run(
        alone * presented,
        inputs={"x": pcn.TimedArray(pixels[looked], presented)},
        record=[pcn.Record("h_apical", every=presented)],
    )
    laboratory.progress(0.2)

    each = len(labels) // batch
    shown = np.concatenate(
        [laboratory.generator.permutation(len(labels))[: each * batch].reshape(each, batch) for _ in range(epochs)]
    )
    learning = microcircuits(plain, tau_plasticity, tau_plasticity / 2, seed).with_parameters(first.parameters)
    second = laboratory.simulator(learning).run(
        len(shown) * presented,
        inputs={"x": pcn.TimedArray(pixels[shown], presented)},
        targets={"digit": pcn.TimedArray(np.eye(DIGITS)[labels[shown]], presented)},
        record=[pcn.Record("h_apical", every=presented)]
        + [pcn.Record(name, "parameter", every=each * presented) for name in learning.parameters],
    )
    laboratory.progress(0.8)

    at = [
        {name: second.records[f"{name}.parameter"].values[k] for name in learning.parameters} for k in range(epochs + 1)
    ]
    curve = [told_right(plain, weights, *test) for weights in at]
    angles = [angle(laboratory, learning, plain, weights, *test) for weights in at]
    apical = [np.abs(run.records["h_apical.value"].values).mean(axis=(1, 2)) for run in (first, second)]
    records = xarray.Dataset(
        {
            "apical_alone": ("batch_alone", apical[0][1:]),
            "apical_taught": ("batch_taught", apical[1][1:]),
            "accuracy": ("epoch", curve),
            "backprop": ("epoch", by_backprop(plain, pixels, labels, shown, presented / tau_plasticity, epochs, test)),
            "angle": ("epoch", angles),
        },
        {"epoch": np.arange(epochs + 1)},
    )
    few = max(min(alone, each) // 10, 1)
    numbers = {
        "apical potential, drawn weights": float(apical[0][1 : few + 1].mean()),
        "apical potential, self-predicting": float(apical[0][-few:].mean()),
        "apical potential, first targets": float(apical[1][1 : few + 1].mean()),
        "apical potential, last targets": float(apical[1][-few:].mean()),
        "accuracy": curve[-1],
        "accuracy of backprop": float(records.backprop[-1]),
        "angle to backprop before (degrees)": angles[0],
        "angle to backprop (degrees)": angles[-1],
    }
    return pcn.Experiment(numbers, records, lambda: {"dendritic": figure(records)})


def own(plain: pcn.Circuit, weights: dict) -> pcn.Circuit:
    """The network with the weights that its microcircuits have."""
    return plain.with_parameters({name: weights.get(name, value) for name, value in plain.parameters.items()})


def told_right(plain: pcn.Circuit, weights: dict, pixels: np.ndarray, labels: np.ndarray) -> float:
    """Share of images that the network tells right."""
    activity = pcn.Simulator(own(plain, weights)).run(0.0, inputs={"x": pixels}).predictions["digit"]
    return float((activity.argmax(axis=1) == labels).mean())


def angle(laboratory, circuit, plain, weights: dict, pixels: np.ndarray, labels: np.ndarray) -> float:
    """Mean angle between differences at basal dendrites of h, settled with a target, and f' times backprop's errors."""
    targets = {"digit": np.eye(DIGITS)[labels]}
    still = laboratory.simulator(circuit.with_plasticity({}).with_parameters(weights))
    basal = -still.run(SETTLED, inputs={"x": pixels}, targets=targets).values["h_basal"]
    exact = pcn.backprop(own(plain, weights), {"x": pixels}, targets)
    wanted = exact.errors["h"] * (1 - exact.values["h"] ** 2)
    cosine = (basal * wanted).sum(axis=1) / np.linalg.norm(basal, axis=1) / np.linalg.norm(wanted, axis=1)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())


SETTLED = 100.0
"""Behind so many ms, a few dozen time constants, all potentials have settled."""


def by_backprop(plain, pixels, labels, shown, rate: float, epochs: int, test) -> list[float]:
    """The same batches, with exact gradients: accuracy before the first epoch and behind each."""
    theta = dict(plain.parameters)
    curve = [told_right(plain, theta, *test)]
    for number, samples in enumerate(shown, start=1):
        found = pcn.backprop(plain, {"x": pixels[samples]}, {"digit": np.eye(DIGITS)[labels[samples]]}, theta)
        theta = {name: value - rate / len(samples) * found.gradients[name] for name, value in theta.items()}
        if number % (len(shown) // epochs) == 0:
            curve.append(told_right(plain, theta, *test))
    return curve


def figure(records: xarray.Dataset):
    """Apical potentials over both runs, accuracy, and the angle to backprop."""
    drawn, (potentials, accuracy, angles) = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    alone = records.sizes["batch_alone"]
    potentials.plot(np.arange(alone), records.apical_alone, color="C0", label="no target")
    potentials.plot(alone + np.arange(records.sizes["batch_taught"]), records.apical_taught, color="C1", label="target")
    potentials.set(xlabel="batch", ylabel="mean |apical potential|", yscale="log")
    potentials.legend()
    accuracy.plot(records.epoch, records.accuracy, marker="o", color="C1", label="microcircuits")
    accuracy.plot(records.epoch, records.backprop, color="black", linestyle="--", label="backprop")
    accuracy.set(xlabel="epoch", ylabel="accuracy on unseen digits", ylim=(0, 1))
    accuracy.legend(loc="lower right")
    angles.plot(records.epoch, records.angle, marker="o", color="C1")
    angles.axhline(90, color="0.5", linestyle=":", linewidth=0.8)
    angles.set(xlabel="epoch", ylabel="angle to backprop's errors (degrees)", ylim=(0, 100))
    return drawn
