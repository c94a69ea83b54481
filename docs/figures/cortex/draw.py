"""Draws the layers of docs/cortex.md into this folder, from the project's: python -m docs.figures.cortex.draw"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

import pcneuro as pcn
from circuits.mlp import mlp
from circuits.oddball import DEVIANT, PAUSE, STANDARD, TONE, TONES, oddball, sequence, trials_of

mpl.use("Agg")
HERE = Path(__file__).parent
LAYERS = pcn.passes.Laminar(pcn.passes.Scheme.named("bastos_2012"))

columns = pcn.passes.apply(mlp((64, 20, 20, 10)), [LAYERS, pcn.passes.SplitErrors()])
columns.draw().figure.savefig(HERE / "columns.png", dpi=130)

circuit = pcn.passes.apply(oddball(), LAYERS)
rows = [row for row in sequence(np.random.default_rng(1), 160) if row["heard"] in (STANDARD, DEVIANT, TONES)]
protocol = trials_of(rows)
result = protocol.run(pcn.Simulator(circuit, dynamics=pcn.Strict()), record=pcn.laminar_records(circuit, every=2.0))
trials = protocol.aligned(result, before=PAUSE / 2, after=TONE + PAUSE / 2).isel(trial=slice(40, None))
potential = pcn.lfp(pcn.laminar_currents(trials, circuit))
pcn.plot.layers(pcn.csd(potential), "heard")[0].figure.savefig(HERE / "csd.png", dpi=130)
