"""A noisy circuit samples the posterior: what it does over time is what it is uncertain of.

Langevin dynamics (Rossky, Doll & Friedman 1978; Neal 2011, section 5) with the free energy of predictive coding, as in
Oliviers, Bogacz & Meulemans (2024), *Learning probability distributions of sensory inputs with Monte Carlo predictive
coding*: with noise of deviation 1 value neurons have exp(-F) for their stationary distribution.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray
from matplotlib.patches import Ellipse

import pcneuro as pcn

W = np.array([[1.0, 0.5, -0.5], [0.2, 1.0, 1.0]])
"""How two causes are seen by three senses."""
SEEN = np.array([1.0, -0.5, 2.0])
"""What the senses see."""
PRECISION = 2.0
"""Of the senses."""
FAR = 5.0
"""Standard errors that a statistic of a fixed seed may be off."""


def sampling(tau: float = 10.0, sigma: float = 1.0) -> pcn.Circuit:
    """Two causes with the prior N(0, 1), whose mixtures three senses see with noise; ``tau`` is in ms."""
    graph = pcn.trace(lambda x, W: pcn.vertex(x @ W, "y"), x=pcn.Latent((2,), prior=0.0), W=pcn.Parameter(W))
    noise = {"x": pcn.WhiteNoise(sigma)} if sigma else None
    return pcn.build_circuit(graph, tau=tau, precision={"y": PRECISION}, noise=noise)


def posterior() -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the causes: S = (I + pi W W^T)^-1, and pi S W y."""
    covariance = np.linalg.inv(np.eye(2) + PRECISION * W @ W.T)
    return PRECISION * covariance @ W @ SEEN, covariance


def of_steps(step: float) -> np.ndarray:
    """Covariance that Euler's steps of dt / tau = ``step`` have: [L (I - step L / 2)]^-1, L = I + pi W W^T."""
    curvature = np.eye(2) + PRECISION * W @ W.T
    return np.linalg.inv(curvature @ (np.eye(2) - step / 2 * curvature))


def sample(laboratory, samples: int = 1000, duration: float = 2000.0, settling: float = 100.0, every: float = 2.0):
    """Let ``samples`` of one circuit run for so many ms; what they do behind ``settling`` is beside the posterior.

    Samples are independent of each other. Within one, the slowest mode forgets at the rate l / tau of the least
    eigenvalue l of L, which tells how much what is recorded ``every`` so many ms is worth.
    """
    simulator = laboratory.simulator()
    result = simulator.run(
        duration,
        targets={"y": np.tile(SEEN, (samples, 1))},
        record=[pcn.Record("x", every=every)],
        report=lambda elapsed, share, *_: laboratory.progress(share),
    )
    x = result.records["x.value"].values
    time = result.records.time.values
    kept = x[time >= settling]
    mean, covariance = kept.mean(axis=(0, 1)), np.cov(kept.reshape(-1, 2).T)
    wanted, exact = posterior()
    step = simulator.integrator.dt / float(simulator.circuit.tau["x"].flat[0])
    steps = of_steps(step)
    least = np.linalg.eigvalsh(np.eye(2) + PRECISION * W @ W.T)[0]
    forgets = (1 - step * least) ** (every / simulator.integrator.dt)
    count = samples * len(kept)
    # Means of rows with the correlation r^k vary as those of count (1 - r) / (1 + r) independent ones; squares, r^2.
    of_mean = np.sqrt(np.diag(steps) * (1 + forgets) / (1 - forgets) / count)
    spread = steps**2 + np.outer(np.diag(steps), np.diag(steps))
    of_covariance = np.sqrt(spread * (1 + forgets**2) / (1 - forgets**2) / count)
    records = xarray.Dataset(
        {
            "x": (("time", "circuit_shown", "cause"), x[:, :1]),
            "last": (("circuit", "cause"), x[-1]),
            "variance": (("time", "cause"), x.var(axis=1)),
            "mean": ("cause", mean),
            "covariance": (("cause", "other"), covariance),
            "posterior_mean": ("cause", wanted),
            "posterior_covariance": (("cause", "other"), exact),
        },
        {"time": time},
    )
    numbers = {
        "mean": mean.tolist(),
        "posterior mean": wanted.tolist(),
        "covariance": covariance.tolist(),
        "posterior covariance": exact.tolist(),
        "covariance of Euler's steps": steps.tolist(),
        "mean off by, in standard errors": (np.abs(mean - wanted) / of_mean).tolist(),
        "covariance off that of steps by, in standard errors": (np.abs(covariance - steps) / of_covariance).tolist(),
        "bound on the error of the mean": (FAR * of_mean).tolist(),
        "bound on the error of the covariance": (FAR * of_covariance + np.abs(steps - exact)).tolist(),
    }
    return pcn.Experiment(numbers, records, lambda: {"sampling": figure(records)})


def figure(records: xarray.Dataset):
    """One circuit over time, what all circuits are at the end, and how the variance between them grows."""
    drawn, axes = plt.subplot_mosaic(
        [["time", "cloud"], ["variance", "cloud"]], figsize=(7.2, 4.4), layout="constrained"
    )
    shown = records.time <= records.time[0] + 300.0
    for k in range(2):
        axes["time"].plot(records.time[shown], records.x[shown, 0, k], linewidth=0.8, label=f"cause {k + 1}")
        axes["time"].axhline(float(records.posterior_mean[k]), color=f"C{k}", linestyle="--", linewidth=0.8)
        axes["variance"].plot(records.time[shown], records.variance[shown, k], color=f"C{k}")
        exact = float(records.posterior_covariance[k, k])
        axes["variance"].axhline(exact, color=f"C{k}", linestyle="--", linewidth=0.8)
    axes["time"].set(title="one circuit", ylabel="activity", xlabel="time (ms)")
    axes["time"].legend(ncols=2, loc="lower right")
    axes["variance"].set(title="variance over circuits (dashed: posterior)", xlabel="time (ms)", ylabel="variance")
    axes["variance"].set_ylim(bottom=0)
    cloud = axes["cloud"]
    cloud.plot(*records["last"].values.T, ".", markersize=2, color="0.6", label="circuits, at the end")
    sizes, directions = np.linalg.eigh(records.posterior_covariance.values)
    angle = float(np.degrees(np.arctan2(*directions[::-1, 1])))
    for deviations in (1, 2):
        width, height = 2 * deviations * np.sqrt(sizes[::-1])
        label = "posterior, 1 and 2 deviations" if deviations == 1 else None
        where = records.posterior_mean.values
        cloud.add_patch(Ellipse(where, width, height, angle=angle, fill=False, color="C1", label=label))
    cloud.set(xlabel="cause 1", ylabel="cause 2", title="many circuits")
    cloud.set_aspect("equal", adjustable="datalim")
    cloud.legend(loc="upper right")
    return drawn
