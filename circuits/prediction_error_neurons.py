"""Neurons that fire where more is predicted than is seen, by inhibition that learns to balance excitation.

Hertäg & Sprekeler (2020), *Learning prediction error neurons in a canonical interneuron circuit*, eLife 9: e57541, with
all cells of a type alike. Excitatory cells see at their somata, and have what is predicted of it, from motor cortex, at
their apical dendrites. PV cells inhibit somata, SOM cells dendrites, and VIP cells SOM cells. Parameters are those of
the paper and of its published code, which has the weights before learning, too.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray

import pcneuro as pcn

GAIN, THRESHOLD = 0.07, 200.0
"""Of excitatory cells; stimuli of interneurons have the same gain."""
LEAVES, ARRIVES = 0.31, 0.27
"""Shares: of the soma's current that the dendrite takes, and of the dendrite's that comes to the soma."""
BACKGROUND = 400.0
"""Of somata; dendrites have none."""
RATE = 2.0
"""Of interneurons, by their background."""
FIXED = {"DE": 6.0, "PE": 2.5, "PP": -0.5, "SE": 1.0, "SV": -0.6, "VE": 1.0, "VS": -0.5}
"""Weights, to and from: excitatory cells E, their dendrites D, PV cells P, SOM cells S, VIP cells V."""
BEFORE = {"EP": -25.0, "DS": -5.0, "PS": -0.3, "PV": -0.6}
"""Weights that learn, before they do."""
TARGET, DENDRITIC_TARGET = 1.25, 0.1
"""What inhibition learns to hold somata and dendrites at."""
SYNAPSES = {"EP": 6, "DS": 6, "PS": 6, "PV": 5}
"""Of one of the paper's cells: a weight here is so many of its synapses, which learn together."""
CHANGE = {"EP": 1e-4, "DS": 1e-6, "PS": 1e-6, "PV": 1e-6}
"""Learning rates of one of the paper's synapses, in each step of 0.2 ms."""
STEP = 0.2
STIMULUS = 100.0
CONDITIONS = {"baseline": (0.0, 0.0), "feedback": (1.0, 1.0), "playback": (1.0, 0.0), "mismatch": (0.0, 1.0)}
"""Of what is seen and what is predicted, whether there is a stimulus."""
SETTLED = 1500.0
"""Milliseconds after which all rates stand."""


def prediction_error_neurons(
    tau: float = 60.0, tau_interneurons: float = 2.0, tau_dendrite: float = 1.0, faster: float = 1.0
) -> pcn.Circuit:
    """Excitatory cells E with dendrites D, and interneurons P, S and V; times are in ms.

    Plasticity is ``faster`` than the paper's so many times. Weights to P are written by their sizes: what they learn of
    E has the other sign than inhibition of E itself.
    """

    def cells(seen, predicted, E, D, P, S, V, **w):
        relu = pcn.ops.relu
        soma = BACKGROUND + seen + P @ w["wEP"]
        pcn.vertex(relu(predicted + E @ w["wDE"] + S @ w["wDS"]), "dendrite")
        pv = RATE + GAIN * seen + E @ w["wPE"] + P @ w["wPP"] - S @ w["wPS_size"] - V @ w["wPV_size"]
        pcn.vertex(relu(pv), "pv")
        pcn.vertex(relu(RATE + GAIN * seen + E @ w["wSE"] + V @ w["wSV"]), "som")
        pcn.vertex(relu(RATE + GAIN * predicted + E @ w["wVE"] + S @ w["wVS"]), "vip")
        rate = GAIN * ((1.0 - LEAVES) * soma + ARRIVES * D - THRESHOLD)
        return {"excitatory": pcn.vertex(relu(rate), "excitatory")}

    cells_of = {"E": "excitatory", "D": "dendrite", "P": "pv", "S": "som", "V": "vip"}
    graph = pcn.trace(
        cells,
        seen=pcn.Input((1,)),
        predicted=pcn.Input((1,)),
        **{letter: pcn.Recurrent(vertex, (1,), feedback=False) for letter, vertex in cells_of.items()},
        **{name: pcn.Parameter([[weight]]) for name, weight in written(FIXED | BEFORE).items()},
    )
    taus = dict.fromkeys(("pv", "som", "vip"), tau_interneurons) | {"excitatory": tau, "dendrite": tau_dendrite}
    return pcn.build_circuit(graph, tau=taus, plasticity=rules(faster))


def written(weights: dict) -> dict:
    """Weights by the names that they have in the circuit."""
    return {f"w{k}_size" if k in ("PS", "PV") else f"w{k}": -w if k in ("PS", "PV") else w for k, w in weights.items()}


def rules(faster: float) -> dict[str, pcn.DeltaRule]:
    """tau dw/dt = pre (target - post): post is E for synapses to E and, of the other sign, to P; D for those to D."""
    taus = {name: STEP / (CHANGE[name] * SYNAPSES[name] * faster) for name in BEFORE}
    below, above = (-np.inf, 0.0), (0.0, np.inf)
    return {
        "wEP": pcn.DeltaRule("excitatory", taus["EP"], TARGET, bounds=below),
        "wDS": pcn.DeltaRule("dendrite", taus["DS"], DENDRITIC_TARGET, bounds=below),
        "wPS_size": pcn.DeltaRule("excitatory", taus["PS"], TARGET, bounds=above),
        "wPV_size": pcn.DeltaRule("excitatory", taus["PV"], TARGET, bounds=above),
    }


def balanced() -> dict[str, float]:
    """Weights with which E is at its target at baseline, at feedback and at playback, in closed form.

    The dendrite is then just silent at feedback; what is left are three equations, linear in 1 / wEP, wPS and wPV.
    """
    rows, sides = [], []
    for shown in (CONDITIONS["baseline"], CONDITIONS["feedback"], CONDITIONS["playback"]):
        seen, predicted = STIMULUS * np.array(shown)
        som, vip = interneurons(seen, predicted)
        inhibition = BACKGROUND + seen - (THRESHOLD + TARGET / GAIN) / (1 - LEAVES)  # -wEP P, where D is silent
        rows.append([inhibition * (1 - FIXED["PP"]), -som, -vip])
        sides.append(RATE + GAIN * seen + FIXED["PE"] * TARGET)
        if predicted:
            dendritic = -(predicted + FIXED["DE"] * TARGET) / som
    inverse, som_to_pv, vip_to_pv = np.linalg.solve(rows, sides)
    return {"EP": -1 / inverse, "DS": dendritic, "PS": som_to_pv, "PV": vip_to_pv}


def interneurons(seen: float, predicted: float) -> tuple[float, float]:
    """Rates of SOM and VIP cells where E is at its target."""
    driven = RATE + TARGET + GAIN * np.array([seen, predicted])
    som, vip = np.linalg.solve([[1.0, -FIXED["SV"]], [-FIXED["VS"], 1.0]], driven)
    return (som, vip) if vip > 0 else (driven[0], 0.0)


def responses(simulator: pcn.Simulator) -> dict[str, float]:
    """Rates of E when all has settled, by condition."""
    shown = STIMULUS * np.array(list(CONDITIONS.values()))
    data = {"seen": shown[:, :1], "predicted": shown[:, 1:]}
    rates = simulator.run(SETTLED, inputs=data, learn=False).values["excitatory"]
    return dict(zip(CONDITIONS, rates[:, 0].tolist(), strict=True))


def learn(laboratory, samples: int = 32, pairs: int = 120, interval: float = 1000.0, every: float = 20.0):
    """E before and after learning, and with weights in closed form.

    ``samples`` of the circuit, which share weights and add up what these learn, see ``pairs`` of a baseline and a
    stimulus of a size that is drawn, each for ``interval`` ms; every other one is predicted.
    """
    generator = laboratory.generator
    seen, predicted = np.zeros((2, 2 * pairs, samples, 1))
    seen[1::2] = np.round(generator.uniform(0.0, STIMULUS, (pairs, samples, 1)))
    predicted[1::2] = seen[1::2] * generator.integers(0, 2, (pairs, samples, 1))
    simulator = laboratory.simulator()
    names = list(written(BEFORE))
    result = simulator.run(
        2 * pairs * interval,
        inputs={"seen": pcn.TimedArray(seen, interval), "predicted": pcn.TimedArray(predicted, interval)},
        record=[pcn.Record(name, "parameter", every=2 * interval) for name in names],
        report=lambda elapsed, share, *_: laboratory.progress(share),
    )
    weights = {name: {"before": BEFORE[name], "balanced": weight} for name, weight in balanced().items()}
    for name, inside in zip(BEFORE, names, strict=True):
        weights[name]["learned"] = (-1 if inside.endswith("size") else 1) * float(result.parameters[inside].item())
    rates, courses = {}, {}
    for when in ("before", "learned", "balanced"):
        of = written({name: weights[name][when] for name in BEFORE})
        circuit = laboratory.circuit.with_parameters({name: [[weight]] for name, weight in of.items()})
        rates[when] = responses(laboratory.simulator(circuit))
        courses[when] = course(laboratory.simulator(circuit), interval, every)
    learned = np.stack([np.abs(result.records[f"{name}.parameter"].values.ravel()) for name in names])
    records = xarray.Dataset(
        {
            "rate": (("when", "time"), np.stack(list(courses.values()))),
            "weight": (("name", "learned"), learned / np.abs([[weights[name]["balanced"]] for name in BEFORE])),
        },
        {
            "when": list(courses),
            "time": every * np.arange(len(courses["before"])),
            "name": list(BEFORE),
            "learned": np.arange(pairs + 1),
        },
    )
    numbers = {"rate of E " + when: rates[when] for when in rates} | {"weight " + k: w for k, w in weights.items()}
    return pcn.Experiment(numbers, records, lambda: {"prediction_error_neurons": figure(records, interval)})


SEQUENCE = ("baseline", "feedback", "baseline", "mismatch", "baseline", "playback", "baseline")
"""In which the paper shows stimuli."""


def course(simulator: pcn.Simulator, interval: float, every: float) -> np.ndarray:
    """The rate of E over time, as stimuli come one after the other."""
    shown = STIMULUS * np.array([CONDITIONS[name] for name in ("baseline", *SEQUENCE)])
    streams = {name: pcn.TimedArray(shown[:, [k]], interval) for k, name in enumerate(("seen", "predicted"))}
    record = pcn.Record("excitatory", every=every)
    result = simulator.run(len(shown) * interval, inputs=streams, record=record, learn=False)
    return result.records["excitatory.value"].values[round(interval / every) :, 0, 0]


def figure(records: xarray.Dataset, interval: float):
    """Rates in a sequence of stimuli, before and after learning, and weights over learning."""
    drawn, axes = plt.subplots(1, 2, figsize=(7.2, 2.9), layout="constrained", width_ratios=[1.6, 1])
    seconds = records.time / 1000
    for when, style in {"before": "0.6", "learned": "C0", "balanced": "k:"}.items():
        axes[0].plot(seconds, records.rate.sel(when=when), style, linewidth=1.2, label=when)
    top = 1.25 * float(records.rate.max())
    for k, name in enumerate(SEQUENCE):
        if name != "baseline":
            axes[0].axvspan(k * interval / 1000, (k + 1) * interval / 1000, color="0.93", zorder=0)
            axes[0].text((k + 0.5) * interval / 1000, 0.97 * top, name, ha="center", va="top", fontsize=8)
    axes[0].set(title="excitatory cells", xlabel="time (s)", ylabel="rate", ylim=(0, top))
    axes[0].legend(fontsize=7, loc="center right")
    for name in records.name.values:
        axes[1].plot(records.learned, records.weight.sel(name=name), label=f"w{name}")
    axes[1].axhline(1.0, color="k", linestyle=":", linewidth=0.8)
    axes[1].set(title="weights, of the balanced ones", xlabel="stimuli", ylabel="share", ylim=(0, None))
    axes[1].legend(fontsize=7)
    return drawn
