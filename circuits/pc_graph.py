"""A graph in which everything predicts everything learns digits, and answers what is asked by clamping a part of it.

Salvatori, Pinchetti, Millidge, Song, Bao, Bogacz & Lukasiewicz (2022), *Learning on arbitrary graph topologies via
predictive coding*. Each neuron is predicted by all others, and sends its error back to them. While an image and its
label are clamped, weights learn; then one part is clamped, and the others settle: the lower half of an image from the
upper one, a label from an image, an image from a label. Neurons are linear here, so that all of it has a closed form.
"""

import matplotlib.pyplot as plt
import networkx
import numpy as np
import xarray
from scipy import sparse

import pcneuro as pcn

SIZES = {"top": 32, "bottom": 32, "label": 10}
"""Neurons of the upper and the lower half of an image, and of its label."""
SIDE, DIGITS, INK = 8, 10, 16.0
"""Pixels of an image each way, labels, and the largest value of a pixel."""
TRAIN, ASKED = 1437, 360
"""Images to learn from, and those that are left to ask for."""
DECAYS = (5.0, 20.0, 50.0, 200.0, 1000.0)
"""Of weights, for which the error of completion is computed."""
SHOWN = 8
"""Images in the figure."""


def pc_graph(decay: float = 200.0, tau: float = 10.0, tau_plasticity: float = 5000.0) -> pcn.Circuit:
    """Three populations, each of which predicts all, itself too, but no neuron itself; times are in ms."""
    graph = networkx.DiGraph()
    for name, size in SIZES.items():
        graph.add_node(name, size=size, tau=tau)
    rule = pcn.Hebbian(tau=tau_plasticity, decay=decay)
    for source, before in SIZES.items():
        for target, behind in SIZES.items():
            weight = np.zeros((before, behind))
            if source == target:
                others = np.nonzero(~np.eye(before, dtype=bool))
                weight = sparse.coo_array((np.zeros(len(others[0])), others), shape=weight.shape)
            graph.add_edge(source, target, weight=weight, kind="prediction", plasticity=rule)
    return pcn.from_networkx(graph)


def by_population(neurons: np.ndarray) -> dict[str, np.ndarray]:
    """(samples, neurons) of the whole graph -> those of each population."""
    ends = np.cumsum(list(SIZES.values()))
    return dict(zip(SIZES, np.split(neurons, ends[:-1], axis=1), strict=True))


def numbers_of(*names: str) -> np.ndarray:
    """Which neurons of the whole graph those of some populations are."""
    return np.concatenate([np.arange(sum(SIZES.values()))[_place(name)] for name in names])


def _place(name: str) -> slice:
    first = sum(SIZES[each] for each in list(SIZES)[: list(SIZES).index(name)])
    return slice(first, first + SIZES[name])


def whole(parameters: dict[str, np.ndarray]) -> np.ndarray:
    """The weights of all edges as one matrix M, (from, to)."""
    M = np.zeros((sum(SIZES.values()),) * 2)
    for source in SIZES:
        for target in SIZES:
            learned = parameters[f"W_{source}_{target}"]
            if source == target:
                size = SIZES[source]
                # Weights of sparse edges are in the order of their targets.
                square = np.zeros((size, size))
                square[~np.eye(size, dtype=bool)] = learned
                learned = square.T
            M[_place(source), _place(target)] = learned
    return M


def regressions(seen: np.ndarray, decay: float) -> np.ndarray:
    """Where the weights settle: each neuron's ridge regression on all others, (C_oo + decay)^-1 C_oj, C = sum v v^T."""
    C = seen.T @ seen
    M = np.zeros_like(C)
    for j in range(len(C)):
        o = np.arange(len(C)) != j
        M[o, j] = np.linalg.solve(C[np.ix_(o, o)] + decay * np.eye(len(C) - 1), C[o, j])
    return M


def conditional(A: np.ndarray, given: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What is free where v^T A v is least: v_f = -A_ff^-1 A_fc v_c, for each row of ``values``."""
    free = np.setdiff1d(np.arange(len(A)), given)
    return -np.linalg.solve(A[np.ix_(free, free)], A[np.ix_(free, given)] @ values.T).T


def energy(M: np.ndarray) -> np.ndarray:
    """A of the free energy v^T A v / 2, all precisions 1: (I - M) (I - M)^T."""
    return (np.eye(len(M)) - M) @ (np.eye(len(M)) - M).T


def complete(
    laboratory, train: int = TRAIN, asked: int = ASKED, learned: float = 1000.0, settling: float = 3000.0
) -> pcn.Experiment:
    """Learn ``train`` images for so many ms, all at once; then ask for ``asked`` others, ``settling`` ms a question."""
    from sklearn.datasets import load_digits

    digits, order = load_digits(), laboratory.generator.permutation(TRAIN + ASKED)
    neurons = np.hstack([digits.data / INK, np.eye(DIGITS)[digits.target]])[order]
    mean = neurons[:train].mean(axis=0)
    seen, unseen = neurons[:train] - mean, neurons[TRAIN : TRAIN + asked] - mean
    result = laboratory.simulator().run(
        learned, clamp=by_population(seen), report=lambda elapsed, share, *_: laboratory.progress(share / 2)
    )
    circuit = laboratory.circuit.with_plasticity({}).with_parameters(result.parameters)
    decay = float(laboratory.circuit.plasticity["W_top_label"].decay)
    M = whole(result.parameters)
    answers, off = {}, 0.0
    for number, (name, (given, values)) in enumerate(questions(unseen, mean).items()):
        parts, clamped = by_population(values), numbers_of(*given)
        settled = laboratory.simulator(circuit).run(settling, clamp={each: parts[each] for each in given}).values
        answers[name] = np.hstack([settled[each] for each in SIZES])
        closed = conditional(energy(M), clamped, values[:, clamped])
        off = max(off, float(np.abs(np.delete(answers[name], clamped, axis=1) - closed).max()))
        laboratory.progress((number + 4) / 6)
    records = _records(seen, unseen, mean, answers)
    numbers = {
        "error of the completed half, a pixel": errors_of(records),
        "error by decay (closed form)": dict(
            zip(map(str, DECAYS), records.error_by_decay.values.tolist(), strict=True)
        ),
        "accuracy of labels": float((records.told.argmax("digit") == records.label).mean()),
        "generated images whose nearest mean image is theirs": float(
            (_nearest(records.generated.values, records.of_digit.values) == np.arange(DIGITS)).mean()
        ),
        "largest distance of weights from regressions": float(np.abs(M - regressions(seen, decay)).max()),
        "largest distance of what settled from the closed form": off,
    }
    return pcn.Experiment(numbers, records, lambda: {"pc_graph": figure(records)})


def questions(unseen: np.ndarray, mean: np.ndarray) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Name of an answer -> what is clamped for it, and the values of all neurons, of which those clamped are taken."""
    labels = np.zeros((DIGITS, len(mean)))
    labels[:, numbers_of("label")] = np.eye(DIGITS)
    return {
        "completed": (("top",), unseen),
        "told": (("top", "bottom"), unseen),
        "generated": (("label",), labels - mean),
    }


def _records(seen, unseen, mean, answers) -> xarray.Dataset:
    """All halves and images that the figure and the numbers are of."""
    top, bottom = numbers_of("top"), numbers_of("bottom")
    pixels, label = np.concatenate([top, bottom]), numbers_of("label")
    nearest = _nearest(unseen[:, top], seen[:, top])
    C = seen.T @ seen
    gaussian = unseen[:, top] @ np.linalg.pinv(C[np.ix_(top, top)], hermitian=True) @ C[np.ix_(top, bottom)]
    by_decay = []
    for decay in DECAYS:
        half = conditional(energy(regressions(seen, decay)), top, unseen[:, top])[:, : len(bottom)]
        by_decay.append(float(((half - unseen[:, bottom]) ** 2).mean()))
    labels = (seen + mean)[:, label].argmax(axis=1)
    return xarray.Dataset(
        {
            "image": (("sample", "pixel"), (unseen + mean)[:, pixels]),
            "label": ("sample", (unseen + mean)[:, label].argmax(axis=1)),
            "completed": (("sample", "half"), answers["completed"][:, bottom] + mean[bottom]),
            "nearest": (("sample", "half"), (seen + mean)[nearest][:, bottom]),
            "gaussian": (("sample", "half"), gaussian + mean[bottom]),
            "mean": ("pixel", mean[pixels]),
            "told": (("sample", "digit"), answers["told"][:, label] + mean[label]),
            "generated": (("digit", "pixel"), answers["generated"][:, pixels] + mean[pixels]),
            "of_digit": (
                ("digit", "pixel"),
                np.array([(seen + mean)[labels == k][:, pixels].mean(axis=0) for k in range(DIGITS)]),
            ),
            "error_by_decay": ("decay", by_decay),
        },
        {"decay": list(DECAYS)},
    )


def _nearest(rows: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Which row of ``among`` is the nearest to each row."""
    return ((rows[:, None] - among) ** 2).sum(axis=-1).argmin(axis=1)


def errors_of(records: xarray.Dataset) -> dict[str, float]:
    """Mean squared error of the lower half by each way to complete it."""
    lower = records.image.values[:, SIZES["top"] :]
    ways = {
        "the circuit": records.completed.values,
        "the mean image": records["mean"].values[SIZES["top"] :],
        "the nearest neighbour": records.nearest.values,
        "a Gaussian with the covariance of the images": records.gaussian.values,
    }
    return {name: float(((guess - lower) ** 2).mean()) for name, guess in ways.items()}


def figure(records: xarray.Dataset):
    """Images and how they are completed; images that labels bring; errors against the decay of weights."""
    drawn = plt.figure(figsize=(7.2, 5.6), layout="constrained")
    above, below = drawn.subfigures(2, 1, height_ratios=[4, 2.6])
    upper = records.image.values[:SHOWN, : SIZES["top"]]
    lower = {
        "given": np.full_like(upper, np.nan),
        "circuit": records.completed.values[:SHOWN],
        "neighbour": records.nearest.values[:SHOWN],
        "image": records.image.values[:SHOWN, SIZES["top"] :],
    }
    for row, (name, halves) in zip(above.subplots(len(lower), SHOWN), lower.items(), strict=True):
        for k, ax in enumerate(row):
            _image(ax, np.concatenate([upper[k], halves[k]]))
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    left, right = below.subfigures(1, 2, width_ratios=[1.2, 1])
    left.suptitle("images of a label", fontsize="medium")
    for k, ax in enumerate(left.subplots(2, DIGITS // 2).flat):
        _image(ax, records.generated.values[k])
    ax = right.subplots()
    ax.semilogx(records.decay, records.error_by_decay, "o-", label="graph, closed form")
    errors = errors_of(records)
    for number, (name, label) in enumerate(
        {
            "the mean image": "mean image",
            "the nearest neighbour": "nearest neighbour",
            "a Gaussian with the covariance of the images": "Gaussian",
        }.items()
    ):
        ax.axhline(errors[name], color=f"C{number + 1}", linestyle="--", linewidth=0.9, label=label)
    ax.set(xlabel="decay of weights", ylabel="squared error a pixel", ylim=(0, None))
    ax.legend(fontsize=7)
    return drawn


def _image(ax, pixels: np.ndarray) -> None:
    shown = plt.get_cmap("gray_r").with_extremes(bad="#cfe2f3")
    ax.imshow(pixels.reshape(SIDE, SIDE), cmap=shown, vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
