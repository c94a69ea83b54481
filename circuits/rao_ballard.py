"""Two levels of predictive coding learn pictures, and their error neurons answer to short bars more than to long ones.

Rao & Ballard (1999), *Predictive coding in the visual cortex: a functional interpretation of some extra-classical
receptive-field effects*. Three modules of the first level see parts of a picture beside each other; the second level
predicts all three. Long bars are common in pictures, so that the second level predicts the middle of one, and errors
of the first level are small; of a short bar they are not: end-stopping, which goes with the feedback.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import xarray
from scipy.ndimage import gaussian_filter

import pcneuro as pcn

SIDE = 12
"""Pixels of a part of the picture, each way."""
SHIFT = 6
"""Pixels from one part to the next one: they overlap."""
PARTS = 3
WIDTH = SIDE + (PARTS - 1) * SHIFT
PIXELS = np.arange(SIDE) - (SIDE - 1) / 2
WINDOW = np.exp(-(PIXELS[:, None] ** 2 + PIXELS**2) / (2 * (SIDE / 4) ** 2)).ravel()
"""How much of each pixel is seen by a module of the first level."""
CENTRE, SURROUND = 0.8, 2.4
"""Deviations in pixels of the difference of Gaussians by which the retina sees."""
LENGTHS = np.arange(1, WIDTH + 1)
"""Of bars, in pixels."""
DECAY = 0.02
"""Of weights: lambda of the paper."""
BATCH = 128
CURVE = 0.2
"""Of predictions where they are curved."""
INTERNEURONS = 0.5
"""Time constant of interneurons in ms."""
NEAR = 0.3
"""Deviation of what is drawn beside one-to-one connections, as a share."""


def rao_ballard(
    units: int = 32, causes: int = 8, precision: float = 4.0, tau: float = 10.0, seed: int = 0, curve: float = 0.0
):
    """``causes`` of the second level, which predict ``units`` in each module of the first, which predict pixels.

    ``precision`` is that of the second level's predictions; ``tau`` is in ms. Predictions are f(x) = tanh(curve x) /
    curve of sums, or where ``curve`` is 0 linear.
    """
    generator = np.random.default_rng(seed)
    U = generator.normal(size=(causes, PARTS * units)) / np.sqrt(causes)
    W = generator.normal(size=(units, SIDE**2)) / np.sqrt(units * SIDE)

    def f(x):
        return np.tanh(curve * x) / curve if curve else x

    def model(r2, U, W):
        r1 = pcn.vertex(f((r2 @ U).reshape(PARTS, units)), "r1")
        return pcn.vertex(f(r1 @ W), "picture")

    graph = pcn.trace(model, r2=pcn.Latent((causes,), prior=0.0), U=pcn.Parameter(U), W=pcn.Parameter(W))
    return pcn.build_circuit(graph, tau=tau, precision={"r1": precision})


@cache
def pictures() -> tuple[np.ndarray, ...]:
    """Photographs in grey, or where there is no scikit-learn random pictures with amplitudes of 1 / frequency."""
    try:
        from sklearn.datasets import load_sample_images

        grey = [picture.mean(axis=-1) for picture in load_sample_images().images]
    except ImportError:
        grey = [_of_one_over_f(np.random.default_rng(0), 400)]
    filtered = [gaussian_filter(each, CENTRE) - gaussian_filter(each, SURROUND) for each in grey]
    return tuple(each / each.std() for each in filtered)


def _of_one_over_f(generator: np.random.Generator, side: int) -> np.ndarray:
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))
    frequency[0, 0] = np.inf
    return np.fft.ifft2(np.fft.fft2(generator.normal(size=(side, side))) / frequency).real


def parts(seen: np.ndarray) -> np.ndarray:
    """What each module sees of pictures (samples, SIDE, WIDTH): (samples, PARTS, SIDE^2)."""
    cut = [seen[:, :, k * SHIFT : k * SHIFT + SIDE].reshape(len(seen), -1) for k in range(PARTS)]
    return np.stack(cut, axis=1) * WINDOW


def patches(generator: np.random.Generator, count: int) -> np.ndarray:
    """Parts of pictures, half of them turned by a right angle, of the same contrast each."""
    seen = []
    for number in range(count):
        chosen = pictures()[generator.integers(len(pictures()))]
        chosen = chosen.T if number % 2 else chosen
        row, column = generator.integers(chosen.shape[0] - SIDE), generator.integers(chosen.shape[1] - WIDTH)
        seen.append(chosen[row : row + SIDE, column : column + WIDTH])
    return parts(np.array(seen))


def bar(length: int) -> np.ndarray:
    """A light bar in the middle, two pixels wide, as the retina sees it: (SIDE, WIDTH)."""
    margin = 10
    drawn = np.zeros((SIDE + 2 * margin, WIDTH + 2 * margin))
    left = margin + (WIDTH - length) // 2
    drawn[margin + SIDE // 2 - 1 : margin + SIDE // 2 + 1, left : left + length] = 1.0
    seen = gaussian_filter(drawn, CENTRE) - gaussian_filter(drawn, SURROUND)
    return seen[margin:-margin, margin:-margin]


def equilibrium(circuit: pcn.Circuit, seen: np.ndarray) -> np.ndarray:
    """Errors of the first level where all activity stays, (samples, PARTS, units), by linear algebra.

    Of all modules r1 has the prior N(0, S), S = I / pi_1 + U^T U, and its errors are pi_1 (r1 - r2 U) = S^-1 r1.
    """
    U, W = circuit.parameters["U"], circuit.parameters["W"]
    pixels, first = (float(circuit.precision[name].flat[0]) for name in ("picture", "r1"))
    prior = np.linalg.inv(np.eye(U.shape[1]) / first + U.T @ U)
    driven = pixels * (seen @ W.T).reshape(len(seen), -1)
    r1 = np.linalg.solve(prior + pixels * np.kron(np.eye(PARTS), W @ W.T), driven.T)
    return (prior @ r1).T.reshape(len(seen), PARTS, -1)


def learn(
    laboratory, samples: int = 2048, epochs: int = 15, rate: float = 0.02, settling: float = 40.0, shown: float = 1000.0
) -> pcn.Experiment:
    """Learn ``samples`` of pictures, ``settling`` ms each, then show bars of all lengths for ``shown`` ms."""
    simulator = laboratory.simulator()
    train, test = (patches(laboratory.generator, count) for count in (samples, BATCH))
    learned = pcn.Trainer(
        pcn.PredictiveCoding(simulator, settling),
        pcn.SGD(rate, weight_decay=DECAY),
        train=pcn.Examples({}, {"picture": train}),
        test=pcn.Examples({}, {"picture": test}),
        batch=min(BATCH, samples),
        seed=laboratory.seed,
        measure=lambda parameters: laboratory.progress(0.5),
    ).run(epochs)
    parameters = learned.parameters
    alone = {**parameters, "U": np.zeros_like(parameters["U"])}
    without = pcn.Cut(("r2.value", "r1.error"))
    seen = parts(np.array([bar(length) for length in LENGTHS]))
    errors, off = [], 0.0
    simulator.set_parameters(parameters)
    for weights, perturb in ((parameters, []), (alone, [without])):
        simulator.reset()
        errors.append(simulator.run(shown, targets={"picture": seen}, perturb=perturb).errors["r1"])
        closed = equilibrium(simulator.circuit.with_parameters(weights), seen)
        off = max(off, float(np.abs(errors[-1] - closed).max() / np.abs(closed).max()))
    middle = np.array(errors)[:, :, PARTS // 2]
    unit = int(np.abs(middle[0]).max(axis=0).argmax())
    records = xarray.Dataset(
        {
            "field": (("unit", "row", "column"), parameters["W"].reshape(-1, SIDE, SIDE)),
            "error": (("feedback", "length", "unit"), middle),
            "bar": (("length", "row", "across"), np.array([bar(length) for length in LENGTHS])),
            "shown_unit": unit,
        },
        {"feedback": ["with", "without"], "length": LENGTHS},
    )
    strength = np.abs(middle[:, :, unit])
    everyone = np.linalg.norm(middle, axis=-1)
    loss = learned.columns["test_loss"]
    numbers = {
        "loss of other pictures before and after learning": [float(loss[0]), float(loss[-1])],
        "best length (pixels)": int(LENGTHS[strength[0].argmax()]),
        "error at full length, of the largest, with feedback and without": (
            strength[:, -1] / strength.max(axis=1)
        ).tolist(),
        "that of all units of the module": (everyone[:, -1] / everyone.max(axis=1)).tolist(),
        "largest distance from the closed form, of the largest error": off,
    }
    return pcn.Experiment(
        numbers, records, lambda: {"receptive_fields": fields(records), "end_stopping": tuning(records)}
    )


def relaxed(linear: pcn.Circuit, rule: pcn.Hebbian, begin: float) -> dict[str, pcn.Circuit]:
    """The circuit under each pass, with weights that learn by ``rule`` from a share of what was drawn.

    From large ones feedback that does not fit them would let activity grow without bound.
    """
    tau, decay, one = rule.tau, rule.decay, ("r1",)
    passes: Mapping[str, Sequence] = {
        "none": [],
        "SplitErrors": [pcn.passes.SplitErrors()],
        "Dale": [pcn.passes.Dale(tau=INTERNEURONS)],
        "LearnedFeedback": [pcn.passes.LearnedFeedback(tau=tau, decay=decay)],
        "RandomErrorConnectivity": [pcn.passes.RandomErrorConnectivity(one)],
        "the same, near 1-to-1": [pcn.passes.RandomErrorConnectivity(one, scale=NEAR, diagonal=1.0)],
        "none, tanh": [],
        "NoDerivative, tanh": [pcn.passes.NoDerivative()],
    }
    curved = rao_ballard(curve=CURVE).with_parameters(linear.parameters)
    made = {}
    for name, each in passes.items():
        circuit = curved if name.endswith("tanh") else linear
        small = circuit.with_parameters({which: begin * value for which, value in circuit.parameters.items()})
        made[name] = pcn.passes.apply(small.with_plasticity({"U": rule, "W": rule}), each)
    return made


def answers(laboratory, circuit: pcn.Circuit, seen: np.ndarray, shown: float) -> np.ndarray:
    """Errors of the first level to ``seen``, with feedback and with the predictions of the second level cut."""
    edges = circuit.with_signed_errors.nx.edges(data="kind")
    ends = [(a, b) for a, b, kind in edges if b == "r1.error" and kind == "prediction" and a != "r1.value"]
    simulator, errors = laboratory.simulator(circuit), []
    for perturb in ([], [pcn.Cut(edge) for edge in ends]):
        simulator.reset()
        errors.append(simulator.run(shown, targets={"picture": seen}, perturb=perturb).errors["r1"])
    return np.array(errors)


def under_passes(
    laboratory,
    samples: int = 512,
    epochs: int = 12,
    rate: float = 0.05,
    settling: float = 40.0,
    shown: float = 400.0,
    begin: float = 0.2,
) -> pcn.Experiment:
    """Learn the same pictures in the loop under each pass, then show bars, with feedback and without."""
    train, test = (patches(laboratory.generator, count) for count in (samples, BATCH))
    batches = samples * epochs // BATCH
    order = np.concatenate([laboratory.generator.permutation(samples) for _ in range(epochs)])[: batches * BATCH]
    stream = pcn.TimedArray(train[order].reshape(batches, BATCH, PARTS, SIDE**2), settling)
    rule = pcn.Hebbian(tau=settling * BATCH / rate, decay=DECAY * BATCH, every=settling)
    seen = parts(np.array([bar(length) for length in LENGTHS]))
    circuits = relaxed(laboratory.circuit, rule, begin)
    middle, loss, learned = {}, {}, {}
    for number, (name, circuit) in enumerate(circuits.items()):
        result = laboratory.simulator(circuit).run(batches * settling, targets={"picture": stream})
        laboratory.progress((number + 0.8) / len(circuits))
        learned[name] = circuit.with_plasticity({}).with_parameters(result.parameters)
        middle[name] = answers(laboratory, learned[name], seen, shown)
        wrong = laboratory.simulator(learned[name]).run(shown, targets={"picture": test}).errors["picture"]
        loss[name] = float((wrong**2).sum() / 2 / BATCH)
        laboratory.progress((number + 1) / len(circuits))
    linear = {name: _as_one(laboratory.circuit, learned[name]) for name in ("none", "SplitErrors", "Dale")}
    off = {
        name: float(np.abs(middle[name][0] - equilibrium(circuit, seen)).max() / np.abs(middle[name][0]).max())
        for name, circuit in linear.items()
    }
    errors = np.array([each[:, :, PARTS // 2] for each in middle.values()])
    records = xarray.Dataset(
        {"error": (("under", "feedback", "length", "unit"), errors)},
        {"under": list(middle), "feedback": ["with", "without"], "length": LENGTHS},
    )
    back = learned["LearnedFeedback"].parameters
    numbers = {
        "error of the module at full length, of the largest, with feedback and without": at_full_length(records),
        "loss of other pictures": loss,
        "loss of a prediction of zero": float((test**2).sum() / 2 / BATCH),
        "cosine of weights and feedback weights": {
            name: float((back[name] * back[f"{name}_feedback"]).sum())
            / float(np.linalg.norm(back[name]) * np.linalg.norm(back[f"{name}_feedback"]))
            for name in ("U", "W")
        },
        "largest distance from the closed form, of the largest error": off,
    }
    return pcn.Experiment(numbers, records, lambda: {"end_stopping": by_pass(records)})


def _as_one(circuit: pcn.Circuit, learned: pcn.Circuit) -> pcn.Circuit:
    """The circuit with the weights of one that has them as a whole, or in two parts by sign."""
    has = learned.parameters
    one = {
        name: has[name] if name in has else has[f"{name}_excitatory"] - has[f"{name}_inhibitory"]
        for name in circuit.parameters
    }
    return circuit.with_parameters(one)


def at_full_length(records: xarray.Dataset) -> dict[str, list[float]]:
    """Errors of all units of the module to the longest bar, as a share of those to the best one."""
    strength = np.sqrt((records.error**2).sum("unit"))
    share = strength.isel(length=-1) / strength.max("length")
    return {str(name): share.sel(under=name).values.tolist() for name in records.under.values}


def by_pass(records: xarray.Dataset):
    """Errors of the middle module against the length of bars, under each pass."""
    drawn, axes = plt.subplots(2, 4, figsize=(7.2, 4.0), layout="constrained", sharex=True, sharey=True)
    for ax, name in zip(axes.flat, records.under.values, strict=True):
        for feedback, line in (("with", "-"), ("without", "--")):
            strength = np.sqrt((records.error.sel(under=name, feedback=feedback) ** 2).sum("unit"))
            ax.plot(LENGTHS, strength / strength.max(), line, label=f"{feedback} feedback")
        ax.axvline(SIDE, color="0.7", linewidth=0.8)
        ax.set_title(name.replace("RandomError", "RandomError-\n"), fontsize=8)
    axes[0, 0].set_ylim(0.0, 1.05)
    axes[0, 0].legend(loc="lower right", fontsize=7)
    drawn.supxlabel("length of the bar (pixels)", fontsize="medium")
    drawn.supylabel("errors of the module (of the largest)", fontsize="medium")
    return drawn


def fields(records: xarray.Dataset):
    """What each unit of the first level predicts of its part of a picture."""
    columns = 8
    drawn, axes = plt.subplots(
        -(-records.sizes["unit"] // columns), columns, figsize=(7.2, 3.8), layout="constrained", squeeze=False
    )
    for ax in axes.flat:
        ax.axis("off")
    for ax, field in zip(axes.flat, records.field.values, strict=False):
        largest = np.abs(field).max()
        ax.imshow(field, cmap="gray", vmin=-largest, vmax=largest)
    drawn.suptitle("weights of the units of the first level")
    return drawn


def tuning(records: xarray.Dataset):
    """Bars, and errors of the first level against their length."""
    drawn = plt.figure(figsize=(7.2, 3.6), layout="constrained")
    grid = drawn.add_gridspec(3, 3)
    for row, length in enumerate((LENGTHS[3], SIDE, WIDTH)):
        ax = drawn.add_subplot(grid[row, 0])
        ax.imshow(records.bar.sel(length=length), cmap="gray")
        ax.axvspan(SHIFT - 0.5, SHIFT + SIDE - 0.5, fill=False, edgecolor="C4")
        ax.set(xticks=[], yticks=[], title=f"bar of {length} pixels")
    one, every = drawn.add_subplot(grid[:, 1]), drawn.add_subplot(grid[:, 2])
    unit = int(records.shown_unit)
    for feedback, line in (("with", "-"), ("without", "--")):
        error = records.error.sel(feedback=feedback)
        for ax, strength in ((one, np.abs(error[:, unit])), (every, np.sqrt((error**2).sum("unit")))):
            ax.plot(LENGTHS, strength / strength.max(), line, label=f"{feedback} feedback")
    one.set(title="one error neuron", ylabel="error (of the largest)")
    every.set(title="all of the middle module")
    for ax in (one, every):
        ax.axvline(SIDE, color="0.7", linewidth=0.8)
        ax.set(xlabel="length of the bar (pixels)", ylim=(0.0, 1.05))
    one.legend(loc="lower right")
    return drawn
