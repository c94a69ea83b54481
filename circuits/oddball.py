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
SCHEMES = {"bastos_2012": "error neurons in L2/3", "errors_in_layer_5": "error neurons in L5"}
"""Where layers are from, and what they say."""
DIFFERENCES = (("deviant", "standard"), ("deviant", "control"), ("omission", "standard"))
"""Conditions, the second of which is subtracted from the first."""


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


def by_layer(laboratory, trials: int = 400, learned: int = 40, every: float = 1.0) -> pcn.Experiment:
    """The same sequences of a circuit with pairs of error neurons, seen through the layers of both schemes."""
    passes = {name: [pcn.passes.SplitErrors(), pcn.passes.Laminar(pcn.passes.Scheme.named(name))] for name in SCHEMES}
    circuits = {name: pcn.passes.apply(laboratory.circuit, each) for name, each in passes.items()}
    potentials, off = {name: [] for name in SCHEMES}, 0.0
    for number, table in enumerate((sequence, control)):
        protocol = trials_of(table(laboratory.generator, trials))
        # Layers change nothing of what a circuit does: one run is for all schemes.
        simulator = laboratory.simulator(circuits["bastos_2012"])
        result = protocol.run(
            simulator,
            record=pcn.laminar_records(simulator.circuit, every),
            report=lambda elapsed, share, *_, number=number: laboratory.progress((number + share) / 2),
        )
        aligned = protocol.aligned(result, before=PAUSE / 2, after=TONE + PAUSE / 2).isel(trial=slice(learned, None))
        errors = np.abs(aligned["heard.error"]).sum("heard_unit")
        for name, circuit in circuits.items():
            potential = pcn.lfp(pcn.laminar_currents(aligned, circuit)).sel(area="heard", drop=True)
            of_values = potential.sel(layer=circuit.nx.nodes["heard.value"]["layer"])
            off = max(off, float(np.abs(of_values - errors).max()))
            potentials[name].append(potential.groupby("condition").mean("trial"))
    means = xarray.concat([xarray.concat(each, "condition") for each in potentials.values()], "scheme")
    means = means.sel(condition=list(SHOWN)).assign_coords(scheme=list(SCHEMES))
    means = means.rename({name: "time" for name in means.dims if name.startswith("time")})
    waves = xarray.concat(
        [means.sel(condition=a, drop=True) - means.sel(condition=b, drop=True) for a, b in DIFFERENCES], "difference"
    )
    waves = waves.assign_coords(difference=[f"{a} - {b}" for a, b in DIFFERENCES])
    density = pcn.csd(waves)
    dims = ("scheme", "condition", "layer", "time")
    records = xarray.Dataset(
        {
            "potential": means.transpose(*dims),
            "wave": waves.transpose("difference", *dims[:1], *dims[2:]),
            "density": density.transpose("difference", *dims[:1], *dims[2:]).drop_vars("thickness"),
        }
    )
    values = {name: circuit.nx.nodes["heard.value"]["layer"] for name, circuit in circuits.items()}
    numbers = {
        "peak of difference waves: ms, and potential": {name: peaks(records.wave.sel(scheme=name)) for name in SCHEMES},
        "latency of errors (closed form, ms)": latency(laboratory.circuit),
        "mean potential while a tone is heard": {
            values[name]: while_heard(records.potential.sel(scheme=name, layer=values[name])) for name in SCHEMES
        },
        "largest distance of the potential of value neurons from the sum of absolute errors": off,
    }
    return pcn.Experiment(numbers, records, lambda: {"mismatch_negativity": waves_figure(records)})


def while_heard(potential: xarray.DataArray) -> dict[str, float]:
    """Means over a tone, by condition."""
    heard = potential.sel(time=(potential.time >= 0) & (potential.time < TONE)).mean("time")
    return {name: float(heard.sel(condition=name)) for name in SHOWN}


def peaks(waves: xarray.DataArray) -> dict[str, dict[str, list[float]]]:
    """Where each difference wave is the farthest from zero while there is a tone, and what it is there, by layer."""
    heard = waves.sel(time=(waves.time >= 0) & (waves.time < TONE))
    found = {}
    for difference in waves.difference.values:
        by_layer = {}
        for layer in waves.layer.values:
            wave = heard.sel(difference=difference, layer=layer)
            if (wave != 0).any():
                peak = wave[int(np.abs(wave.values).argmax())]
                by_layer[str(layer)] = [float(peak.time), float(peak)]
        found[str(difference)] = by_layer
    return found


def latency(circuit: pcn.Circuit) -> float:
    """When an error is the largest, in ms: of e'' error_tau + e' + e / tau_W = 0, e(0) = 0, as the memory learns."""
    error_tau, tau = float(circuit.error_tau["heard"].flat[0]), circuit.plasticity["W"].tau
    slow, fast = np.sort(np.abs(np.roots([error_tau, 1.0, 1.0 / tau])))
    return float(np.log(fast / slow) / (fast - slow))


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


def waves_figure(records: xarray.Dataset):
    """For each scheme the potentials of its two layers, and the density of the difference wave over depth."""
    drawn, axes = plt.subplots(len(SCHEMES), 3, figsize=(7.2, 4.6), layout="constrained", sharex=True)
    largest = float(np.abs(records.density.sel(difference="deviant - control")).max())
    for row, (name, what) in zip(axes, SCHEMES.items(), strict=True):
        for ax, layer in zip(row, ("L2/3", "L5"), strict=False):
            for condition in SHOWN:
                potential = records.potential.sel(scheme=name, layer=layer, condition=condition)
                # Two lines may be one: the wider is below.
                width = 2.4 if condition in ("standard", "control") else 1.0
                ax.plot(records.time, potential, label=condition, linewidth=width)
            ax.axvspan(0.0, TONE, color="0.92", zorder=0)
            ax.set(title=f"potential in {layer}", ylim=(-0.2, 1.15 * float(records.potential.max())))
        row[0].set_ylabel(what)
        shown = records.density.sel(scheme=name, difference="deviant - control").dropna("layer", how="all")
        depths = np.arange(shown.sizes["layer"])
        mesh = row[2].pcolormesh(
            records.time, depths, shown, cmap="RdBu_r", vmin=-largest, vmax=largest, shading="nearest"
        )
        row[2].set(
            title="CSD, deviant - control",
            yticks=depths,
            yticklabels=shown.layer.values,
            ylim=(len(depths) - 0.5, -0.5),
        )
        drawn.colorbar(mesh, ax=row[2])
    for ax in axes[-1]:
        ax.set_xlabel("time from the tone (ms)")
    axes[0, 1].legend(loc="upper right", fontsize=7)
    return drawn
