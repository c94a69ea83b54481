"""Neurons first come to what they should do, and weights follow: prospective configuration, beside backprop.

Song, Millidge, Salvatori, Lukasiewicz, Xu & Bogacz (2024), *Inferring neural activity before plasticity as a foundation
for learning beyond backpropagation*, Nature Neuroscience 27: 348-358. In a linear network of L layers and a target y,

    r = y - W_L ... W_1 x,        D_k = W_L ... W_(k+1),        S = sum of D_k D_k^T, D_L = I

free neurons settle at errors e_k = D_k^T S^-1 r, where F = 1/2 r^T S^-1 r. Each weight matrix then changes by eta e_k
h_(k-1)^T: as backprop's does, but with activities and errors of neurons that know of the target.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray

import pcneuro as pcn

WIDTH = 8
"""Neurons of each layer of the networks whose depth is varied."""
RIVER, HEARS, SMELLS = 1.0, 0.0, 1.0
"""What a bear sees; and that it hears no water today, and smells the salmon as ever."""


def prospective_configuration(weights=((1.0,),), outputs=((1.0, 1.0),), tau: float = 10.0) -> pcn.Circuit:
    """The paper's bear: it sees a river, x, and expects by one neuron, h1, to hear water and to smell salmon."""
    return linear([np.array(weights), np.array(outputs)], tau)


def linear(weights: list[np.ndarray], tau: float = 10.0) -> pcn.Circuit:
    """Layers h_k = h_(k-1) W_k, the last one ``y``; ``weights`` are of shape (neurons before, behind)."""

    def layers(x, **w):
        for k in range(1, len(weights)):
            x = pcn.vertex(x @ w[f"W{k}"], f"h{k}")
        return {"y": pcn.vertex(x @ w[f"W{len(weights)}"], "y")}

    leaves = {f"W{k}": pcn.Parameter(w) for k, w in enumerate(weights, 1)}
    return pcn.build_circuit(pcn.trace(layers, x=pcn.Input((len(weights[0]),)), **leaves), tau=tau)


def settled(weights: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> tuple[list[np.ndarray], float]:
    """In closed form: how each weight matrix changes at a rate of 1, and the free energy that is left."""
    ahead = [np.eye(len(y))]
    for w in reversed(weights[1:]):
        ahead.insert(0, w @ ahead[0])
    rest = y - x @ weights[0] @ ahead[0]
    pulled = np.linalg.solve(sum(a.T @ a for a in ahead), rest)
    changes = []
    for w, a in zip(weights, ahead, strict=True):
        error = a @ pulled
        changes.append(np.outer(x, error))
        x = x @ w + error
    return changes, 0.5 * float(rest @ pulled)


def predicted(weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """The output without a target."""
    for w in weights:
        x = x @ w
    return x


def alignment(before: np.ndarray, after: np.ndarray, y: np.ndarray) -> float:
    """The paper's target alignment: the cosine of what the output changes by, and of what it should change by."""
    change, wanted = after - before, y - before
    return float(change @ wanted / (np.linalg.norm(change) * np.linalg.norm(wanted)))


def settling(simulator: pcn.Simulator, weights: list[np.ndarray], x, y, duration: float):
    """What ``settled`` says, of a circuit that settles for so many ms."""
    simulator.set_parameters({f"W{k}": w for k, w in enumerate(weights, 1)})
    simulator.reset()
    result = simulator.run(duration, inputs={"x": x}, targets={"y": y})
    return [-result.gradients[f"W{k}"] for k in range(1, len(weights) + 1)], float(result.energy)


def backprop(circuit: pcn.Circuit, weights: list[np.ndarray], x, y) -> list[np.ndarray]:
    """How weights change at a rate of 1 by backprop."""
    circuit = circuit.with_parameters({f"W{k}": w for k, w in enumerate(weights, 1)})
    found = pcn.backprop(circuit, inputs={"x": x}, targets={"y": y}).gradients
    return [-found[f"W{k}"] for k in range(1, len(weights) + 1)]


def changed(weights: list[np.ndarray], changes: list[np.ndarray], rate: float) -> list[np.ndarray]:
    return [w + rate * change for w, change in zip(weights, changes, strict=True)]


def learn(
    laboratory, depths=(1, 2, 4, 6), rates=(1e-4, 0.01, 0.1), networks: int = 20, duration: float = 8000.0, trials=60
) -> pcn.Experiment:
    """Target alignment of one change of weights in drawn networks, by depth and rate, and the bear's trials."""
    generator, off = laboratory.generator, 0.0
    aligned = np.zeros((2, len(depths), networks, len(rates)))
    for d, depth in enumerate(depths):
        for n in range(networks):
            bound = np.sqrt(6 / (2 * WIDTH))  # Glorot & Bengio (2010)
            weights = [generator.uniform(-bound, bound, (WIDTH, WIDTH)) for _ in range(depth)]
            x, y = generator.normal(size=(2, WIDTH))
            circuit, before = linear(weights), predicted(weights, x)
            found, energy = settling(laboratory.simulator(circuit), weights, x, y, duration)
            exact, least = settled(weights, x, y)
            off = max(off, abs(energy / least - 1), *(np.abs(f - e).max() for f, e in zip(found, exact, strict=True)))
            for rule, changes in enumerate((found, backprop(circuit, weights, x, y))):
                for r, rate in enumerate(rates):
                    after = predicted(changed(weights, changes, rate), x)
                    aligned[rule, d, n, r] = alignment(before, after, y)
            laboratory.progress((d + (n + 1) / networks) / (len(depths) + 1))
    expects, off_bear = bear(laboratory, trials, duration)
    records = xarray.Dataset(
        {
            "alignment": (("rule", "depth", "network", "rate"), aligned),
            "expected": (("rule", "trial", "sense"), expects),
        },
        {
            "rule": ["predictive coding", "backprop"],
            "depth": list(depths),
            "rate": list(rates),
            "sense": ["water", "salmon"],
        },
    )
    numbers = {
        f"target alignment of {rule}, rate {rate:g}": {
            f"{depth} layers": float(records.alignment.sel(rule=rule, rate=rate, depth=depth).mean())
            for depth in depths
        }
        for rule in records.rule.values
        for rate in rates
    }
    for rule, expected in zip(records.rule.values, expects, strict=True):
        numbers[f"least that {rule} expects of salmon"] = float(expected[:, 1].min())
        numbers[f"what {rule} expects of water and salmon at the end"] = expected[-1].tolist()
    numbers["largest distance from the closed form"] = float(max(off, off_bear))
    return pcn.Experiment(numbers, records, lambda: {"prospective_configuration": figure(records)})


BEAR_RATE = 0.1
"""Of learning."""


def bear(laboratory, trials: int, duration: float) -> tuple[np.ndarray, float]:
    """What the bear expects, (rule, trial, sense), as it hears no water; and how far that is from the closed form."""
    circuit = laboratory.circuit
    x, y = np.array([RIVER]), np.array([HEARS, SMELLS])
    begun = [np.asarray(circuit.parameters[name]) for name in ("W1", "W2")]
    settles, teaches, exact = begun, begun, begun
    expected = [[predicted(begun, x)], [predicted(begun, x)]]
    off, simulator = 0.0, laboratory.simulator()
    for _ in range(trials):
        settles = changed(settles, settling(simulator, settles, x, y, duration)[0], BEAR_RATE)
        teaches = changed(teaches, backprop(circuit, teaches, x, y), BEAR_RATE)
        exact = changed(exact, settled(exact, x, y)[0], BEAR_RATE)
        for course, weights in zip(expected, (settles, teaches), strict=True):
            course.append(predicted(weights, x))
        off = max(off, float(np.abs(expected[0][-1] - predicted(exact, x)).max()))
    return np.array(expected), off


def figure(records: xarray.Dataset):
    """Target alignment by depth, and what the bear expects."""
    drawn, axes = plt.subplots(1, 2, figsize=(7.2, 2.9), layout="constrained")
    rates = records.rate.values[[0, -1]]
    for k, rule in enumerate(records.rule.values):
        for rate, style in zip(rates, ("-", "--"), strict=True):
            values = records.alignment.sel(rule=rule, rate=rate)
            sem = values.std("network", ddof=1) / np.sqrt(values.sizes["network"])
            label = f"{rule}, rate {rate:g}"
            axes[0].errorbar(records.depth, values.mean("network"), sem, color=f"C{k}", linestyle=style, label=label)
        for sense, style in zip(records.sense.values, ("--", "-"), strict=True):
            line = records.expected.sel(rule=rule, sense=sense)
            axes[1].plot(line, color=f"C{k}", linestyle=style, label=f"{rule}: {sense}")
    axes[0].set(title="target alignment", xlabel="layers", ylabel="cosine", ylim=(0, 1.05))
    axes[0].legend(fontsize=7, loc="lower left")
    axes[1].set(title="a bear that hears no water", xlabel="trials", ylabel="expected", ylim=(0, 1.05))
    axes[1].legend(fontsize=7, loc="center right")
    return drawn
