"""A memory of what is usual answers to what is not: mismatch responses of error neurons to deviants and omissions.

The auditory oddball paradigm (Näätänen, Gaillard & Mäntysalo 1978), by predictive coding (Wacongne, Changeux & Dehaene
2012; Garrido, Kilner, Stephan & Friston 2009). Synapses from a cue that comes with each tone learn to predict the tone
while the circuit runs; what is not predicted excites error neurons. In the control of many standards (Schröger & Wolff
1996; Ruhnau, Herrmann & Schröger 2012) the same tone is as rare, among others that are as rare, and none is expected.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray

import pcneuro as pcn

TONES = 8
"""Units of frequencies, and tones of the control."""
STANDARD, DEVIANT = 2, 5
"""Numbers of tones."""
TONE, PAUSE = 80.0, 80.0
"""Of a tone and of the silence after it, in ms."""
SHARE = 1 / TONES
"""Of trials that are deviants, which are then as rare as in the control; as many are omissions."""


SHOWN = ("standard", "deviant", "omission", "control")
"""Conditions."""


def oddball(tau: float = 10.0, tau_plasticity: float = 1000.0, error_tau: float = 10.0) -> pcn.Circuit:
    """Neurons that hear tones, and a memory: synapses W from a cue that something comes; times are in ms."""
    graph = pcn.trace(
        lambda cue, W: pcn.vertex(cue @ W, "heard"), cue=pcn.Input((1,)), W=pcn.Parameter(np.zeros((1, TONES)))
    )
    return pcn.build_circuit(graph, tau=tau, error_tau=error_tau, plasticity={"W": pcn.Hebbian(tau_plasticity)})


def tones() -> np.ndarray:
    """What neurons of each frequency hear of each tone: neighbours a little. The last row is silence."""
    apart = np.arange(TONES)[:, None] - np.arange(TONES)
    return np.vstack([np.exp(-(apart**2) / (2 * 0.5**2)), np.zeros(TONES)])


def sequence(generator: np.random.Generator, trials: int) -> list[dict]:
    """Standards, with deviants and omissions among them, never two rare ones in a row."""
    rare = round(SHARE * trials)
    table = []
    kinds = np.repeat(["deviant", "omission"], rare)
    # Each rare trial has a standard before it; the other standards fall anywhere between.
    pairs = [[("standard", STANDARD), (kind, DEVIANT if kind == "deviant" else TONES)] for kind in kinds]
    pairs += [[("standard", STANDARD)]] * (trials - 2 * len(kinds))
    for k in generator.permutation(len(pairs)):
        table += [{"condition": kind, "heard": tone} for kind, tone in pairs[k]]
    return table


def control(generator: np.random.Generator, trials: int) -> list[dict]:
    """All tones, each as often as the others, in a random order."""
    order = generator.permutation(np.arange(trials) % TONES)
    return [{"condition": "control" if tone == DEVIANT else "other", "heard": tone} for tone in order]


def mismatch(laboratory, trials: int = 400, learned: int = 40, every: float = 2.0) -> pcn.Experiment:
    """One run of ``trials`` of the oddball sequence, one of the control; means leave out the first ``learned``."""
    means, memory, off = [], {}, 0.0
    for number, (name, table) in enumerate({"oddball": sequence, "control": control}.items()):
        protocol = trials_of(table(laboratory.generator, trials))
        simulator = laboratory.simulator()
        result = protocol.run(
            simulator,
            record=[pcn.Record("heard", "error", every=every), pcn.Record("W", "parameter", every=TONE)],
            report=lambda elapsed, share, *_, number=number: laboratory.progress((number + share) / 2),
        )
        aligned = protocol.aligned(result, before=PAUSE / 2, after=TONE + PAUSE / 2).isel(trial=slice(learned, None))
        aligned["population"] = np.abs(aligned["heard.error"]).sum("heard_unit")
        means.append(protocol.mean(aligned[["population"]]))
        memory[name] = result.records["W.parameter"].values[:, 0]
        integrated = by_equations(protocol, simulator)
        off = max(off, float(np.abs(memory[name][-1] - integrated).max()))
    means = xarray.concat(means, "condition")
    records = xarray.Dataset(
        {
            "response": (("condition", "time"), means["population"].values),
            "response_sem": (("condition", "time"), means["population.sem"].values),
            "memory": (("sequence", "recorded", "tone"), np.array(list(memory.values()))),
        },
        {
            "condition": means.condition.values,
            "time": means[means["population"].dims[-1]].values,
            "recorded": TONE * np.arange(len(memory["oddball"])),
            "sequence": list(memory),
        },
    )
    heard = records.response.sel(time=(records.time >= 0) & (records.time <= TONE)).mean("time")
    numbers = {
        "mean error while a tone is heard": {str(name): float(heard.sel(condition=name)) for name in SHOWN},
        "deviant - standard": float(heard.sel(condition="deviant") - heard.sel(condition="standard")),
        "deviant - control": float(heard.sel(condition="deviant") - heard.sel(condition="control")),
        "largest distance of the memory from its equations": off,
    }
    return pcn.Experiment(numbers, records, lambda: {"oddball": figure(records)})


def trials_of(rows: list[dict]) -> pcn.Protocol:
    """The protocol of a sequence: a tone, or its omission, whose time the cue tells."""
    table = {name: [row[name] for row in rows] for name in ("condition", "heard")}
    return pcn.Protocol(
        {**table, "cue": 1.0, "duration": TONE},
        values={"heard": tones()},
        interval=PAUSE,
        tail=PAUSE,
        between=pcn.KeepState(),
    )


def by_equations(protocol: pcn.Protocol, simulator: pcn.Simulator) -> np.ndarray:
    """The memory at the end, by Euler's steps of error_tau de/dt = heard - cue W - e and tau_W dW/dt = cue e."""
    dt, circuit = simulator.integrator.dt, simulator.circuit
    error_tau, tau = float(circuit.error_tau["heard"].flat[0]), circuit.plasticity["W"].tau
    e, W = np.zeros(TONES), np.zeros(TONES)
    heard = np.zeros((round(protocol.duration / dt), TONES))
    cue = np.zeros(len(heard))
    for onset, end, tone in protocol.table[["onset", "end", "heard"]].itertuples(index=False):
        heard[round(onset / dt) : round(end / dt)] = tones()[tone]
        cue[round(onset / dt) : round(end / dt)] = 1.0
    for h, c in zip(heard, cue, strict=True):
        e, W = e + dt / error_tau * (h - c * W - e), W + dt / tau * c * e
    return W


def figure(records: xarray.Dataset):
    """Mean responses of all error neurons, and the memory over time."""
    drawn, axes = plt.subplots(1, 3, figsize=(7.2, 2.9), layout="constrained", width_ratios=[1.5, 1, 1])
    for name in SHOWN:
        response, sem = records.response.sel(condition=name), records.response_sem.sel(condition=name)
        axes[0].plot(records.time, response, label=name)
        axes[0].fill_between(records.time, response - sem, response + sem, alpha=0.3, linewidth=0)
    axes[0].axvspan(0.0, TONE, color="0.92", zorder=0)
    axes[0].set(title="responses to tones (grey)", xlabel="time from the tone (ms)", ylabel="sum of |errors|")
    axes[0].legend(loc="upper right", fontsize=7)
    axes[0].set_ylim(top=1.5 * float(records.response.max()))
    seconds = records.recorded / 1000
    for ax, name in zip(axes[1:], records.sequence.values, strict=True):
        for tone in range(TONES):
            label = {STANDARD: "standard", DEVIANT: "deviant"}.get(tone) if name == "oddball" else None
            colour = {STANDARD: "C0", DEVIANT: "C1"}.get(tone, "0.75")
            ax.plot(seconds, records.memory.sel(sequence=name)[:, tone], color=colour, linewidth=1.0, label=label)
        ax.set(title=f"memory: {name}", xlabel="time (s)", ylabel="weight", ylim=(-0.05, 1.0))
    axes[1].legend(loc="center right", fontsize=7)
    return drawn
