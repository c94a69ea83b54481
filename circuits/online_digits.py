"""A circuit learns handwritten digits while it sees them, one after the other, in a single run.

Its weights follow tau_w dW/dt = -dL/dW together with the neurons, as Hebbian plasticity: postsynaptic error times
presynaptic activity, at all times, and neither batches nor phases. The equations are those of Whittington & Bogacz
(2017), *An approximation of the error backpropagation algorithm in a predictive coding network with local Hebbian
synaptic plasticity*; with ``every`` = dt they are incremental predictive coding (Salvatori et al. 2023).
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray

import pcneuro as pcn

PIXELS, DIGITS, INK = 64, 10, 16.0
"""Pixels of an image, kinds of digits, and the largest value of a pixel."""
PARAMETERS = "W1", "b1", "W2", "b2"


def online_digits(hidden: int = 64, tau: float = 2200.0, every: float | None = None, seed: int = 0) -> pcn.Circuit:
    """A network with one hidden layer, all of whose weights are plastic; ``tau`` and ``every`` are in ms."""
    generator = np.random.default_rng(seed)

    def network(x, W1, b1, W2, b2):
        h = pcn.vertex(np.tanh(x @ W1 + b1), "h")
        return pcn.vertex(h @ W2 + b2, "digit")

    graph = pcn.trace(
        network,
        x=pcn.Input((PIXELS,)),
        W1=pcn.Parameter(generator.normal(size=(PIXELS, hidden)) / np.sqrt(PIXELS)),
        b1=pcn.Parameter(np.zeros(hidden)),
        W2=pcn.Parameter(generator.normal(size=(hidden, DIGITS)) / (2 * np.sqrt(hidden))),
        b2=pcn.Parameter(np.zeros(DIGITS)),
    )
    plasticity = pcn.Hebbian(tau=tau, every=every)
    return pcn.build_circuit(graph, energies={"digit": pcn.SoftmaxCrossEntropy()}, plasticity=plasticity)


def accuracy(laboratory, parameters, images, labels) -> float:
    """Share of images that the feedforward sweep tells right, with weights as they are."""
    circuit = laboratory.circuit.with_plasticity({}).with_parameters(parameters)
    predicted = laboratory.simulator(circuit).run(0.0, inputs={"x": images}).predictions["digit"]
    return float((predicted.argmax(axis=1) == labels).mean())


def learn(laboratory, images: int = 1437, interval: float = 100.0, looks: int = 10) -> pcn.Experiment:
    """Show so many digits for ``interval`` ms each, once, in one run; the 360 that are left out test what was learned.

    The test is made with the weights of ``looks`` times on the way, too, which the run records.
    """
    from sklearn.datasets import load_digits

    digits, order = load_digits(), laboratory.generator.permutation(1797)
    seen, unseen = order[:images], order[1437:]
    pixels = digits.data / INK
    apart = max(images // looks, 1) * interval
    simulator = laboratory.simulator()
    result = simulator.run(
        images * interval,
        inputs={"x": pcn.TimedArray(pixels[seen], interval)},
        targets={"digit": pcn.TimedArray(np.eye(DIGITS)[digits.target[seen]], interval)},
        record=[pcn.Record(name, "parameter", every=apart) for name in PARAMETERS],
        report=lambda elapsed, share, *_: laboratory.progress(share),
    )
    test = pixels[unseen], digits.target[unseen]
    times = result.records.time.values
    weights = [{n: result.records[f"{n}.parameter"].values[k] for n in PARAMETERS} for k in range(len(times))]
    curve = [accuracy(laboratory, each, *test) for each in weights]
    records = xarray.Dataset({"accuracy": ("time", curve)}, {"time": ("time", times, {"units": "ms"})})
    numbers = {
        "images": images,
        "simulated time (s)": images * interval / 1000,
        "accuracy before": curve[0],
        "accuracy": accuracy(laboratory, result.parameters, *test),
    }
    return pcn.Experiment(numbers, records, lambda: {"online_digits": figure(records)})


def figure(records: xarray.Dataset):
    """The share of digits that are told right, over time."""
    drawn, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
    ax.plot(records.time / 1000, records.accuracy, marker="o")
    ax.axhline(1 / DIGITS, color="black", linewidth=0.8, linestyle=":", label="chance")
    ax.legend(loc="lower right")
    ax.set(xlabel="time (s)", ylabel="accuracy on unseen digits", ylim=(0, 1))
    return drawn
