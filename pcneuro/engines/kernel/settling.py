"""Settling one population after the other in the kernel engine: what ``Sequential`` asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pcneuro.engines.abstract import Stepped
from pcneuro.model.dynamics import masked
from pcneuro.program.lowering import Code, as_array
from pcneuro.recording.probe import Probe

if TYPE_CHECKING:
    from pcneuro.engines.kernel.blocks import AbstractBlocks


def settle(engine: AbstractBlocks, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
    """With what comes from downstream held, n steps of a population are one: the amplification to the n."""
    program = engine.program
    kept = {name: _settling(engine, name, steps) for name in program.first if name not in engine.data.clamped}
    before = {t.vertex: engine._read(program.slot("deviation", t.vertex), (-1,)) for t in probes}
    for name, (decay, growth) in kept.items():
        first = program.first[name]
        engine.shared[program.decay_row + first :][: decay.size] = decay
        engine.shared[program.growth_row + first :][: growth.size] = growth
    code: Code = []
    for name in reversed(list(engine.circuit.graph.nodes)):
        if name in kept:
            code += program.relax[name]
        code += program.node_feedback.get(name, [])
    energies = [c for name, c in program.energy.items() if name in engine.data.clamped]
    engine.execute("settle", as_array(program.code["error"], *energies, code))
    recorded = [_trajectory(engine, t, number, steps, before[t.vertex]) for t in probes]
    finite = all(
        (np.isfinite(value) | masked(engine.read(name, "prediction"), value)).all()
        for name, value in ((name, engine.read(name, "value")) for name in kept)
    )
    return Stepped(steps, finite, recorded)


def _settling(engine: AbstractBlocks, name: str, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Per unit: what n steps leave of a deviation, and what they make of a constant drive."""
    precision = engine.circuit.precision[name].ravel()
    gain = engine.integrator.gain(engine.circuit.tau[name], engine.circuit.precision[name]).ravel()
    decay = engine.integrator.amplification(gain * precision) ** steps
    leaky = precision > 0
    return decay, np.where(leaky, (1 - decay) / np.where(leaky, precision, 1.0), gain * steps)


def _trajectory(engine: AbstractBlocks, probe: Probe, number: int, steps: int, before: np.ndarray) -> np.ndarray:
    """What a probe records of a population that settles: (times, batch, units)."""
    count = probe.count(number, steps)
    slot = engine.program.slot("drive", probe.vertex)
    moving = probe.vertex not in engine.data.clamped and probe.variable in ("value", "error")
    if not moving:
        still = engine.read(probe.vertex, probe.variable).reshape(engine.data.batch, slot.units)
        return np.repeat(still[None], count, axis=0)
    drive = engine._read(slot, (slot.units,))
    prediction = engine._read(engine.program.slot("prediction", probe.vertex), (slot.units,))
    precision = engine.circuit.precision[probe.vertex].ravel()
    rows = []
    for k in range(count):
        decay, growth = _settling(engine, probe.vertex, probe.first(number) + k * probe.every - number)
        deviation = decay * before + growth * drive
        rows.append(precision * deviation if probe.variable == "error" else prediction + deviation)
    return np.array(rows, dtype=engine.dtype).reshape(count, engine.data.batch, slot.units)
