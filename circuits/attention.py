"""Attention is precision: a cue lets errors at one place count for more, and what is seen there is known sooner.

Feldman & Friston (2010), *Attention, uncertainty, and free-energy*; the task is from Posner (1980). A cue tells where
a target will be seen, mostly rightly: it raises the precision of what is seen there and lowers that of the other place.
Errors at the place that is attended have a higher gain, and the neuron that infers the target reaches a threshold
earlier; where the cue was wrong it does so later than without any.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray

import pcneuro as pcn

PLACES = ("left", "right")
NEUTRAL, ATTENDED, OTHER = 2.0, 4.0, 1.0
"""Precisions of what is seen: with no cue, at the place of the cue, and at the other place."""
KINDS = {"valid": ATTENDED, "neutral": NEUTRAL, "invalid": OTHER}
"""Of cues, and the precision that each brings to where the target is."""
THRESHOLD = 0.4
"""Activity at which there is a response."""
CUE, TARGET, PAUSE = 200.0, 300.0, 100.0
"""From cue to target, of the target, and from there to the next cue, in ms."""


def attention(tau: float = 100.0, sigma: float = 0.1) -> pcn.Circuit:
    """What is inferred of two places, with the prior N(0, 1) and noise of deviation ``sigma``; ``tau`` is in ms."""
    graph = pcn.trace(lambda places: pcn.vertex(1.0 * places, "seen"), places=pcn.Latent((2,), prior=0.0))
    noise = {"places": pcn.WhiteNoise(sigma)} if sigma else None
    return pcn.build_circuit(graph, tau=tau, precision={"seen": NEUTRAL}, noise=noise)


def trials(generator: np.random.Generator, repeats: int) -> tuple[pcn.Protocol, pcn.TimedArray]:
    """Targets, two after a right cue for each after a wrong one or none; and precisions over time, (times, places)."""
    kinds = np.repeat(["valid", "invalid", "neutral"], [4 * repeats, 2 * repeats, 2 * repeats])
    order = generator.permutation(len(kinds))
    kinds, places = kinds[order], np.arange(len(kinds))[order] % 2
    protocol = pcn.Protocol(
        {"condition": kinds, "seen": np.array(PLACES)[places], "duration": np.full(len(kinds), TARGET)},
        values={"seen": dict(zip(PLACES, np.eye(2), strict=True))},
        interval=PAUSE + CUE,
        tail=PAUSE,
        between=pcn.KeepState(),
    )
    precision = np.full((round(protocol.duration / PAUSE), 2), NEUTRAL)
    for kind, place, (onset, end) in zip(kinds, places, protocol.table[["onset", "end"]].to_numpy(), strict=True):
        if kind != "neutral":
            cued = np.arange(2) == (place if kind == "valid" else 1 - place)
            precision[round((onset - CUE) / PAUSE) : round(end / PAUSE)] = np.where(cued, ATTENDED, OTHER)
    return protocol, pcn.TimedArray(precision, PAUSE)


def respond(laboratory, repeats: int = 16) -> pcn.Experiment:
    """One run of ``8 repeats`` trials with noise, and one without."""
    protocol, precision = trials(laboratory.generator, repeats)
    tau = float(laboratory.circuit.tau["places"].flat[0])
    courses, off = {}, 0.0
    for number, (name, circuit) in enumerate({"quiet": attention(tau, 0.0), "noisy": laboratory.circuit}.items()):
        simulator = laboratory.simulator(circuit)
        result = protocol.run(
            simulator,
            record=[pcn.Record("places"), pcn.Record("seen", "error")],
            perturb=[pcn.SetPrecision("seen", precision)],
            report=lambda elapsed, share, *_, number=number: laboratory.progress((number + share) / 2),
        )
        courses[name] = at_target(protocol.aligned(result, before=CUE + PAUSE / 2, after=TARGET))
        if name == "quiet":
            wanted = by_equations(protocol, precision.values, simulator.integrator.dt, tau)
            off = float(np.abs(result.records["places.value"].values.reshape(wanted.shape) - wanted).max())
    quiet, noisy = (protocol.mean(each) for each in courses.values())
    records = xarray.Dataset(
        {
            "activity": quiet["activity"],
            "error": quiet["error"],
            "noisy_activity": noisy["activity"],
            "noisy_activity_sem": noisy["activity.sem"],
            "response_time": ("trial", response_times(courses["noisy"])),
        },
        {"kind": ("trial", courses["noisy"].condition.values)},
    )
    exact = dict(zip(courses["quiet"].condition.values, response_times(courses["quiet"]), strict=True))
    times = records.response_time
    numbers = {
        "response time (ms), mean with noise": {k: float(times[records.kind.values == k].mean()) for k in KINDS},
        "response time (ms) without noise": {kind: float(exact[kind]) for kind in KINDS},
        "its closed form": {kind: closed_form(pi, tau) for kind, pi in KINDS.items()},
        "error at the onset of a target": {k: float(quiet.error.sel(condition=k, time=0.0)) for k in KINDS},
        "largest distance from the equations": off,
    }
    return pcn.Experiment(numbers, records, lambda: {"attention": figure(records)})


def at_target(aligned: xarray.Dataset) -> xarray.Dataset:
    """Activity and error of the place where the target is, (trial, time)."""
    place = (aligned.seen.values == PLACES[1]).astype(int)
    rows = np.arange(len(place))
    kept = {"activity": aligned["places.value"], "error": aligned["seen.error"]}
    return aligned.drop_vars(list(aligned.data_vars)).assign(
        {name: (("trial", "time"), each.values[rows, :, place]) for name, each in kept.items()}
    )


def response_times(course: xarray.Dataset) -> np.ndarray:
    """From onset to the threshold, in ms; where it is not reached, the duration of a target."""
    behind = course.activity.values[:, course.time.values >= 0] >= THRESHOLD
    time = course.time.values[course.time.values >= 0]
    return np.where(behind.any(axis=1), time[behind.argmax(axis=1)], TARGET)


def closed_form(precision: float, tau: float) -> float:
    """When pi / (1 + pi) (1 - exp(-(1 + pi) t / tau)) reaches the threshold."""
    return float(-tau / (1 + precision) * np.log(1 - THRESHOLD * (1 + precision) / precision))


def by_equations(protocol: pcn.Protocol, precision: np.ndarray, dt: float, tau: float) -> np.ndarray:
    """Activity at the begin and after each of Euler's steps of tau dx/dt = -x + pi (seen - x), without noise."""
    steps = round(protocol.duration / dt)
    seen = np.zeros((steps, 2))
    for onset, end, name in protocol.table[["onset", "end", "seen"]].itertuples(index=False):
        seen[round(onset / dt) : round(end / dt), PLACES.index(name)] = 1.0
    x = [np.zeros(2)]
    for s, pi in zip(seen, np.repeat(precision, round(PAUSE / dt), axis=0), strict=True):
        x.append(x[-1] + dt / tau * (pi * (s - x[-1]) - x[-1]))
    return np.array(x)


def figure(records: xarray.Dataset):
    """Errors and activity at the target's place, and response times."""
    drawn, axes = plt.subplots(1, 3, figsize=(7.2, 2.8), layout="constrained")
    for kind in KINDS:
        at = {"condition": kind}
        axes[0].plot(records.time, records.error.sel(at), label=kind)
        mean, sem = records.noisy_activity.sel(at), records.noisy_activity_sem.sel(at)
        axes[1].plot(records.time, mean)
        axes[1].fill_between(records.time, mean - sem, mean + sem, alpha=0.3, linewidth=0)
    for ax in axes[:2]:
        ax.axvspan(-CUE, TARGET, color="0.92", zorder=0, linewidth=0)
        ax.axvline(0.0, color="0.6", linewidth=0.8)
        ax.set_xlabel("time from the target (ms)")
    axes[0].set(title="error neurons (grey: cue)", ylabel="error, no noise")
    axes[0].legend(loc="upper left", title="cue")
    axes[1].axhline(THRESHOLD, color="black", linestyle=":", linewidth=1.0)
    axes[1].set(title="value neurons", ylabel="activity")
    times = [records.response_time.values[records.kind.values == kind] for kind in KINDS]
    boxes = axes[2].boxplot(times, patch_artist=True, medianprops={"color": "black"}, flierprops={"markersize": 3})
    for number, box in enumerate(boxes["boxes"]):
        box.set_facecolor(f"C{number}")
    axes[2].set_xticks(range(1, len(KINDS) + 1), list(KINDS))
    axes[2].set(title="responses", ylabel="response time (ms)", ylim=(0.0, None))
    return drawn
