"""An engine that has events, slow and obvious, and logs that were filled with drawn ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import pcneuro as pcn
from pcneuro.engines.abstract import Engine
from pcneuro.engines.reference.engine import ReferenceEngine
from pcneuro.recording.event_log import EventLog
from pcneuro.recording.events import RecordEvents


class TellingEngine(ReferenceEngine):
    """The reference, which after each step tells of every error that is a threshold away from what it last told."""

    log: EventLog | None = None

    def record_events(self, log):
        self.log = log

    def start(self, data):
        super().start(data)
        self.sent = {name: np.zeros_like(self.error[name]) for name in self.predicted}

    @property
    def predicted(self):
        return [name for name in self.circuit.vertices if self.circuit.has_prediction(name)]

    def step(self, number, steps, probes):
        for k in range(number, number + steps):
            stepped = super().step(k, 1, ())
            if k == self.fails_at:
                raise RuntimeError("the machine is on fire")
            self.evaluate()
            for name in self.predicted:
                self._tell(name, (k + 1) * self.integrator.dt)
        return stepped.__class__(steps, stepped.finite, [])

    def _tell(self, name, now):
        error = self.read(name, "error")
        for sample in range(self.data.batch):
            present, sent = error[sample].ravel(), self.sent[name][sample].reshape(-1)
            units = np.flatnonzero(np.abs(present - sent) >= self.threshold)
            if self.log is not None and len(units):
                number = np.full(len(units), self.log.populations[f"{name}.error"], dtype=np.int32)
                self.log.append(sample, np.full(len(units), now), number, units, (present - sent)[units])
            sent[units] = present[units]


@dataclass(frozen=True)
class Telling(Engine):
    threshold: float = 1e-3
    fails_at: int = -1

    def make(self, circuit, dynamics, integrator, dtype):
        engine = TellingEngine(circuit, dynamics, integrator, dtype, type(self).__name__)
        engine.threshold, engine.fails_at = self.threshold, self.fails_at
        return engine


def drawn(circuit: pcn.Circuit, number: int, batch: int = 3, seed: int = 0, span: float = 50.0):
    """Arguments of ``EventLog.append``, about ``number`` events in several calls, in the order of time by sample."""
    generator = np.random.default_rng(seed)
    sizes = pcn.recording.events.population_sizes(circuit)
    for begin in np.arange(5) * span / 5:
        for sample in range(batch):
            n = generator.poisson(number / 5 / batch)
            populations = generator.integers(0, len(sizes), n).astype(np.int32)
            units = generator.integers(0, np.array([*sizes.values()])[populations]).astype(np.int32)
            times = np.sort(begin + generator.integers(0, 40, n) * span / 200)
            yield sample, times, populations, units, generator.normal(size=n)


def filled(circuit, number, events=None, batch=3, span=50.0, **settings):
    """A closed log of drawn events."""
    log = EventLog(events or RecordEvents(), circuit, batch)
    with log:
        for part in drawn(circuit, number, batch, span=span, **settings):
            log.append(*part)
            log.flush(float(part[1].max(initial=0.0)))
        log.flush(span)
    return log


def in_order(events):
    """Columns as one structured array, sorted by time, sample, population and unit, and then by what is left."""
    names = ("time", "sample", "population", "unit", "change")
    order = np.lexsort([events[name].values for name in reversed(names)])
    return {name: events[name].values[order] for name in names}
