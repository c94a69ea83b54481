"""What was counted before a state was made, and what value neurons send where data change.

An engine whose data change makes its samples anew, and counts on: by population, as synapses that a neuron has need not
be the same before and after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pcneuro.circuit.units import Source, SynapticSum, UnitFunction, UnitGraph
from pcneuro.model.dynamics import deviation
from pcneuro.recording.events import population_sizes

if TYPE_CHECKING:
    from pcneuro.engines.data import RunData
    from pcneuro.engines.events.branches import Branches
    from pcneuro.recording.event_log import EventLog

Arrays = Mapping[str, np.ndarray]

COLUMNS = ("events", "effective", "synaptic")
"""What is counted by neuron: events, and operations of synapses with a weight other than 0, and of all."""
GATES, SWEEPS, MOST = "gates", "sweeps", "most"
TOTALS = (GATES, SWEEPS, MOST)
"""What is counted of all samples together: products in dendrites, new sweeps, the most events that were under way."""
SENDS = "sends/"
"""What names of branches begin with in a snapshot."""


class Synapses(NamedTuple):
    """Of each of a population's value neurons how many synapses it has, (units,): all, and those of weights but 0."""

    all: np.ndarray
    effective: np.ndarray


def value_synapses(units: UnitGraph) -> dict[str, Synapses]:
    """Input or vertex -> the synapses of its value neurons; those behind functions unit by unit are theirs, too."""
    populations = units.populations
    readers: list[list[int]] = [[] for _ in populations]
    for number, population in enumerate(populations):
        if isinstance(population, SynapticSum):
            readers[population.source].append(number)
        elif isinstance(population, UnitFunction):
            for operand in population.operands.values():
                if isinstance(operand, int):
                    readers[operand].append(number)
    behind: dict[int, Synapses] = {}
    for number in reversed(range(len(populations))):
        counts = np.zeros((2, populations[number].size), dtype=np.int64)
        for reader in readers[number]:
            target = populations[reader]
            if isinstance(target, SynapticSum):
                there = np.broadcast_to(target.weights.values, target.pre.shape) != 0
                counts[0] += np.bincount(target.pre, minlength=counts.shape[1])
                counts[1] += np.bincount(target.pre[there], minlength=counts.shape[1])
            elif behind[reader].all.any():
                counts += np.stack(behind[reader])
            elif isinstance(populations[number], Source):
                # What is read one to one, and goes through no other synapses.
                counts += 1
        behind[number] = Synapses(*counts)
    return {name: behind[number] for name, number in units.values.items()}


@dataclass
class Tally:
    """Counts of a simulation before its present state, which ``count_jumps`` and engines add to."""

    by_population: dict[str, np.ndarray] = field(default_factory=dict)
    """Population -> int64 (COLUMNS, batch, units)."""
    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOTALS, 0))
    sends: dict[str, np.ndarray] = field(default_factory=dict)
    """Branch -> how often each of its units sent, int64 (batch, units)."""

    def add(self, population: str, counts: np.ndarray) -> None:
        """Add counts (COLUMNS, batch, units) of a population."""
        before = self.by_population.get(population)
        self.by_population[population] = counts.astype(np.int64) if before is None else before + counts

    def expect(self, data: RunData, units: UnitGraph) -> None:
        """Count inputs that change with time among those that send, before they do."""
        for group, name in data.stimuli:
            if group == "inputs":
                size = units.populations[units.values[name]].size
                self.add(f"{name}.value", np.zeros((len(COLUMNS), data.batch, size), dtype=np.int64))

    def count_jumps(
        self, jumps: Arrays, synapses: Mapping[str, Synapses], branches: Mapping[str, Sequence[str]]
    ) -> None:
        """Count that value neurons have sent ``jumps`` (batch, units), those that are not zero, along ``branches``."""
        for name, jump in jumps.items():
            sent = (jump != 0) & (synapses[name].all > 0)
            if sent.any():
                self.add(f"{name}.value", np.stack([sent, sent * synapses[name].effective, sent * synapses[name].all]))
                for branch in branches[name]:
                    self.sends[branch] = self.sends.get(branch, 0) + sent.astype(np.int64)

    # Snapshots

    def state(self) -> dict[str, np.ndarray]:
        """All of it, as arrays by name; ``of_state`` takes it up."""
        totals = {name: np.array(count) for name, count in self.totals.items()}
        return {**self.by_population, **totals, **{f"{SENDS}{name}": array for name, array in self.sends.items()}}

    @classmethod
    def of_state(cls, arrays: Arrays, branches: Branches, batch: int) -> Tally:
        """What ``state`` gave, of a circuit of these branches. Raises ValueError for what cannot be one."""
        sizes = population_sizes(branches.units.circuit)
        sends = {name.removeprefix(SENDS): array for name, array in arrays.items() if name.startswith(SENDS)}
        for name, array in sends.items():
            if array.shape != (batch, branches.sizes.get(name, -1)) or array.dtype != np.int64:
                raise ValueError(f"what was sent along {name!r} has another size")
        by_population = {n: a for n, a in arrays.items() if n not in TOTALS and not n.startswith(SENDS)}
        for name, array in by_population.items():
            if array.shape != (len(COLUMNS), batch, sizes.get(name, -1)) or array.dtype != np.int64:
                raise ValueError(f"what was counted of {name!r} has another size")
        totals = {name: array for name, array in arrays.items() if name in TOTALS}
        if totals.keys() != set(TOTALS) or any(a.shape or a.dtype.kind != "i" for a in totals.values()):
            raise ValueError("what was counted in all is missing")
        return cls(by_population, {name: int(array) for name, array in totals.items()}, sends)


def jumps_of(before: Arrays, now: Arrays) -> dict[str, np.ndarray]:
    """By how much value neurons have changed at once, (batch, units), of those that are in both."""
    return {name: deviation(now[name], a).reshape(len(a), -1) for name, a in before.items() if name in now}


def log_jumps(log: EventLog, jumps: Arrays, synapses: Mapping[str, Synapses], time: float) -> None:
    """Let a log have what value neurons have sent at a time in ms."""
    for name, jump in jumps.items():
        for sample in np.flatnonzero(log.samples):
            units = np.flatnonzero((jump[sample] != 0) & (synapses[name].all > 0))
            population = np.full(units.size, log.populations[f"{name}.value"])
            log.append(int(sample), np.full(units.size, time), population, units, jump[sample][units])
