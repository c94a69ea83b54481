"""The size of food, inferred from the light that it reflects: a tutorial's exercises, in the order in which they come.

Bogacz (2017), *A tutorial on the free-energy framework for modelling perception and learning*. An animal expects sizes
of N(3, 1), and sees light of N(size^2, 1). Times of the tutorial, which have no unit, are ms here; its fourth exercise
is one for paper.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray

import pcneuro as pcn

EXPECTED = 3.0
"""The size that is expected, v_p."""
LIGHT = 2.0
"""The light that is seen, u."""
SIZES = np.linspace(0.01, 5.0, 500)
"""Sizes of exercise 1."""
DT = 0.01
"""The tutorial's step."""
MEAN, SPREAD = 5.0, np.sqrt(2.0)
"""Of what the variance is learned of in exercise 5."""
RULE = 0.01
"""The learning rate of exercise 5: a trial changes the variance by this share of what is missing."""


def bogacz_tutorial(error_tau: float = 1.0, tau: float = 1.0) -> pcn.Circuit:
    """A size with a prior, and the light that it reflects; times in ms, and 0: error neurons are there at once."""
    graph = pcn.trace(lambda size: pcn.vertex(size**2, "light"), size=pcn.Latent((), prior=EXPECTED))
    return pcn.build_circuit(graph, tau=tau, error_tau=error_tau)


def learner(trial: float) -> pcn.Circuit:
    """One vertex of known mean, whose error neuron learns the variance, in trials of so many ms."""
    graph = pcn.trace(lambda mean: pcn.vertex(1.0 * mean, "phi"), mean=pcn.Parameter(MEAN))
    plasticity = {"phi": pcn.LearnedVariance(trial / RULE, every=trial)}
    return pcn.build_circuit(graph, tau=1.0, error_tau=1.0, plasticity=plasticity)


def exercises(laboratory, duration: float = 5.0, trials: int = 1000, trial: float = 20.0) -> pcn.Experiment:
    """Exercises 1, 2, 3 and 5, and how fast the network of exercise 3 settles; ``duration`` and ``trial`` are in ms."""
    posterior = posterior_of_sizes()
    descent = simulated(0.0, duration)
    network = simulated(1.0, duration)
    settled = simulated(1.0, 60.0).isel(time=-1)
    learned = variances(laboratory, trials, trial)
    records = xarray.merge(
        [
            posterior,
            descent.rename({name: f"descent.{name}" for name in descent.data_vars}),
            network.rename({name: f"network.{name}" for name in network.data_vars}),
            learned,
        ],
        compat="override",
    )
    mean = integral(posterior.probability * posterior.candidate)
    least = int(np.argmin(network["size"].values))
    numbers = {
        "posterior mean": mean,
        "posterior deviation": np.sqrt(integral(posterior.probability * (posterior.candidate - mean) ** 2)).item(),
        "most likely size after 1 step and after 100": descent["size"].values[[1, 100]].tolist(),
        "size and errors of the network at the end": [float(network[name][-1]) for name in network.data_vars],
        "least size of the network, and its time (ms)": [float(network["size"][least]), float(network.time[least])],
        "size and errors at equilibrium": [float(settled[name]) for name in network.data_vars],
        "eigenvalues of the network there (1/ms)": [str(np.round(each, 6)) for each in modes(float(settled["size"]))],
        "learned variance, mean of the last half": float(learned.variance[trials // 2 :].mean()),
        "mean square of what it was learned of": float(((learned.seen - MEAN) ** 2).mean()),
        "largest distance from its closed form": float(np.abs(learned.variance - learned.closed_form).max()),
    }
    return pcn.Experiment(numbers, records, lambda: {"exercises": figure(records)})


def integral(density) -> float:
    """Of a density over ``SIZES``, by trapezoids."""
    return float(np.trapezoid(density, SIZES))


def posterior_of_sizes() -> xarray.Dataset:
    """Exercise 1: exp(-F) of clamped sizes, a sample each, in which F is half of the squares of all errors."""
    simulator = pcn.Simulator(bogacz_tutorial(0.0), dynamics=pcn.Strict(), integrator=pcn.Euler(DT))
    light = np.full(SIZES.shape, LIGHT)
    errors = simulator.run(DT, targets={"light": light}, clamp={"size": SIZES}).errors
    density = np.exp(-(errors["size"] ** 2 + errors["light"] ** 2) / 2)
    probability = ("candidate", density / integral(density))
    return xarray.Dataset({"probability": probability}, {"candidate": SIZES})


def simulated(error_tau: float, duration: float) -> xarray.Dataset:
    """Exercises 2 (``error_tau`` 0) and 3 (1): the size over time, and both errors."""
    simulator = pcn.Simulator(bogacz_tutorial(error_tau), dynamics=pcn.Strict(), integrator=pcn.Euler(DT))
    kept = {"size": ("size", "value"), "error of size": ("size", "error"), "error of light": ("light", "error")}
    records = [pcn.Record(*each) for each in kept.values()]
    found = simulator.run(duration, targets={"light": LIGHT}, record=records).records
    variables = {name: ("time", found[".".join(each)].values.ravel()) for name, each in kept.items()}
    return xarray.Dataset(variables, {"time": found.time.values})


def modes(size: float) -> np.ndarray:
    """Eigenvalues of the equations of exercise 3, linearised where size and both errors stay."""
    light = (LIGHT - size**2) / 1.0
    jacobian = [[2 * light, -1.0, 2 * size], [1.0, -1.0, 0.0], [-2 * size, 0.0, -1.0]]
    return np.linalg.eigvals(np.array(jacobian))


def variances(laboratory, trials: int, trial: float) -> xarray.Dataset:
    """Exercise 5: the variance after each trial, in all of which another phi of N(5, 2) is seen."""
    seen = MEAN + SPREAD * laboratory.generator.normal(size=trials)
    simulator = laboratory.simulator(learner(trial))
    result = simulator.run(
        trials * trial,
        targets={"phi": pcn.TimedArray(seen, trial)},
        record=[pcn.Record("phi.variance", "parameter", every=trial)],
        report=lambda elapsed, share, *_: laboratory.progress(share),
    )
    closed = [1.0]
    for each in seen:
        closed.append(closed[-1] + RULE * ((each - MEAN) ** 2 - closed[-1]))
    return xarray.Dataset(
        {
            "variance": ("trial", result.records["phi.variance.parameter"].values.ravel()),
            "closed_form": ("trial", closed),
            "seen": ("example", seen),
        }
    )


def figure(records: xarray.Dataset):
    """A panel for each exercise."""
    drawn, axes = plt.subplots(2, 2, figsize=(7.2, 5.0), layout="constrained")
    first, second, third, fifth = axes.flat
    first.plot(records.candidate, records.probability, color="black")
    first.set(title="1: posterior", xlabel="size", ylabel="probability density")
    second.plot(records.time, records["descent.size"], color="black")
    second.set(title="2: most likely size", xlabel="time (ms)", ylabel="size")
    for name in ("size", "error of size", "error of light"):
        third.plot(records.time, records[f"network.{name}"], label=name)
    third.set(title="3: with error neurons of 1 ms", xlabel="time (ms)", ylabel="activity")
    third.legend()
    fifth.plot(records.variance, color="black", label="learned")
    fifth.axhline(SPREAD**2, color="C1", linestyle="--", label="that of the stimuli")
    fifth.set(title="5: variance", xlabel="trial", ylabel="variance")
    fifth.legend()
    return drawn
