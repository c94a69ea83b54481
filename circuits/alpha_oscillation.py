"""Predictions that take time to come and go ring at 10 Hz: alpha oscillations, and perceptual echoes.

Alamia & VanRullen (2019), *Alpha oscillations and traveling waves: Signatures of predictive coding?*, PLoS Biology 17:
e3000487. What is not predicted of a stimulus s comes to an estimate y after the transport delay D, and what y predicts
takes as long to come back,

    tau dy/dt = s(t - D) - y(t - 2 D)

Its modes exp(l t) have l = W(-2 D / tau) / 2 D, with Lambert's W (Corless et al. 1996): a ringing at 10 Hz.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray
from scipy.special import lambertw

import pcneuro as pcn

DELAY, TAU = 12.0, 17.0
"""The paper's, in ms."""
SECOND = 1000.0
COARSE, FINE = 0.1, 0.05
"""Steps in ms, from which Euler's method is extrapolated."""
ALONE = 400.0
"""Milliseconds after which the slowest mode is all that there is."""
NEWTON = 20
"""Iterations."""
ALPHA = (7.0, 14.0)
"""Hz."""


def alpha_oscillation(tau: float = TAU, delay: float = DELAY) -> pcn.Circuit:
    """An estimate y of the stimulus ``s``, which is given as it arrives, ``delay`` late. Times are in ms."""
    graph = pcn.trace(
        lambda s, now, past: {"y": pcn.vertex(now + (s - past), "y")},
        s=pcn.Input((1,)),
        now=pcn.Recurrent("y", (1,), feedback=False),
        past=pcn.Recurrent("y", (1,), delay=2 * delay, feedback=False),
    )
    return pcn.build_circuit(graph, tau=tau)


def ringing(dt: float = 0.0) -> tuple[float, float]:
    """Frequency in Hz and time constant in ms of the slowest mode, in closed form; or that of Euler's steps of dt.

    A mode z^n of these has tau (z - 1) / dt = -z^-k, where k steps are 2 D.
    """
    mode = lambertw(-2 * DELAY / TAU) / (2 * DELAY)
    if dt:
        k, z = round(2 * DELAY / dt), np.exp(dt * mode)
        for _ in range(NEWTON):
            z -= (TAU / dt * (z - 1) + z**-k) / (TAU / dt - k * z ** (-k - 1))
        mode = np.log(z) / dt
    return SECOND * abs(mode.imag) / (2 * np.pi), -1 / mode.real


def rung(y: np.ndarray, dt: float) -> tuple[float, float]:
    """Frequency and time constant of r^n cos(w n + phase), for which y[n+1] = 2 r cos(w) y[n] - r^2 y[n-1].

    It is looked at each millisecond: neighbouring steps hardly differ.
    """
    y = y[:: round(1.0 / dt)]
    (first, second), *_ = np.linalg.lstsq(np.stack([y[1:-1], y[:-2]], axis=1), y[2:], rcond=None)
    r = np.sqrt(-second)
    return SECOND * np.arccos(first / (2 * r)) / (2 * np.pi), -1 / np.log(r)


def impulse(duration: float, dt: float) -> np.ndarray:
    """What y does after a stimulus of 1 in one step, by Euler's steps written out."""
    back = round(2 * DELAY / dt)
    y = np.zeros(round(duration / dt) + 1)
    for n in range(len(y) - 1):
        y[n + 1] = y[n] + dt / TAU * ((n == 0) - (y[n - back] if n >= back else 0.0))
    return y


def flash(simulator: pcn.Simulator, duration: float) -> np.ndarray:
    """What y does after a stimulus of 1 in one step."""
    dt = simulator.integrator.dt
    shown = np.zeros((round(duration / dt), 1))
    shown[0] = 1.0
    start = {"inputs": {"s": pcn.TimedArray(shown, dt)}, "initial": {"y": np.zeros((1, 1))}}
    return simulator.run(duration, **start, record=pcn.Record("y")).records["y.value"].values.ravel()


def echoes(laboratory, samples: int = 64, duration: float = 8000.0, lags: float = 1000.0) -> pcn.Experiment:
    """How y rings after a flash; and its echo of white noise, by cross-correlation, which is the same."""
    found, off = {}, 0.0
    for dt in (COARSE, FINE):
        finer = pcn.Simulator(laboratory.circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(dt))
        y = flash(finer, lags)
        off = max(off, float(np.abs(y - impulse(lags, dt)).max()))
        found[dt] = rung(y[round(ALONE / dt) :], dt)
    extrapolated = 2 * found[FINE][0] - found[COARSE][0], 1 / (2 / found[FINE][1] - 1 / found[COARSE][1])
    simulator = laboratory.simulator()
    dt = simulator.integrator.dt
    steps, reach = round(duration / dt), round(lags / dt)
    noise = laboratory.generator.normal(size=(steps, samples, 1))
    result = simulator.run(
        duration,
        inputs={"s": pcn.TimedArray(noise, dt)},
        initial={"y": np.zeros((samples, 1))},
        record=pcn.Record("y"),
        report=lambda elapsed, share, *_: laboratory.progress(share),
    )
    y = result.records["y.value"].values[:, :, 0]
    s = noise[:, :, 0]
    # y of k steps after what is shown in step n; the same number of steps n for all lags.
    used = steps - reach
    echo = np.array([np.mean(s[:used] * y[k : used + k]) for k in range(reach + 1)])
    exact = impulse(lags, dt)
    error = np.sqrt((y**2).mean() / (used * samples))
    power = np.abs(np.fft.rfft(echo, len(echo) * 16)) ** 2
    hertz = np.fft.rfftfreq(len(echo) * 16, dt / SECOND)
    records = xarray.Dataset(
        {"echo": ("lag", echo), "impulse": ("lag", exact), "power": ("frequency", power / power.max())},
        {"lag": dt * np.arange(reach + 1), "frequency": hertz},
    )
    frequency, decay = ringing()
    numbers = {
        "ringing (Hz)": float(extrapolated[0]),
        "its closed form (Hz)": float(frequency),
        "its decay (ms)": float(extrapolated[1]),
        "the closed form of that (ms)": float(decay),
        "largest distance from the equations": off,
        "ringing and decay at each step": {f"{dt:g} ms": list(map(float, pair)) for dt, pair in found.items()},
        "these of Euler's steps in closed form": {f"{dt:g} ms": list(map(float, ringing(dt))) for dt in found},
        "peak of the echo's spectrum (Hz)": float(hertz[power.argmax()]),
        "correlation of the echo and the response to a flash": float(np.corrcoef(echo, exact)[0, 1]),
        "root mean square of their distance, in standard errors": float(np.sqrt(np.mean((echo - exact) ** 2)) / error),
    }
    return pcn.Experiment(numbers, records, lambda: {"alpha_oscillation": figure(records)})


def figure(records: xarray.Dataset):
    """The echo of white noise beside the response to a flash, and its spectrum."""
    drawn, axes = plt.subplots(1, 2, figsize=(7.2, 2.7), layout="constrained", width_ratios=[1.6, 1])
    axes[0].plot(records.lag, records.echo, label="echo of white noise")
    axes[0].plot(records.lag, records.impulse, "k:", linewidth=1.0, label="response to a flash")
    axes[0].set(title="echo", xlabel="time from the stimulus (ms)", ylabel="y")
    axes[0].legend(fontsize=7)
    shown = records.frequency <= 30.0
    axes[1].axvspan(*ALPHA, color="0.93", zorder=0)
    axes[1].plot(records.frequency[shown], records.power[shown])
    axes[1].set(title="its spectrum (grey: alpha)", xlabel="frequency (Hz)", ylabel="power, of the largest")
    return drawn
