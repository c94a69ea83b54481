"""Chunks: parts of a run, with what was recorded in their steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.recording.probe import Probe
from pcneuro.recording.record import Record, dataset
from pcneuro.simulator.perturbations.plan import marked
from pcneuro.simulator.result import Status

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, eq=False)
class Recorded:
    """What a chunk has of one ``Record``: ``rows`` (times, batch, units), of every so many steps from ``first`` on."""

    record: Record
    probe: Probe
    first: int
    rows: np.ndarray

    @property
    def steps(self) -> np.ndarray:
        """Number of the step before which each row was so, (times,)."""
        return self.first + self.probe.every * np.arange(len(self.rows))


@dataclass(frozen=True, eq=False)
class Chunk:
    """A part of a run.

    Attributes
    ----------
    first, steps : int
        Number of its first step, counted from time zero, and how many steps it has.
    dt : float
        Length of a step in ms.
    batch : int
        Samples.
    recorded : tuple of Recorded
        What was recorded in these steps, by record in their order. The last chunk has the state at the end of the run.
    status : Status, optional
        How the run ended, as in ``Result``: of the last chunk, which has no steps. None in all others.
    message : str
        What happened and, where the run did not complete, what to do.
    events : xarray.Dataset, optional
        The events of these steps that ``RecordEvents`` asked for, in memory, as in ``Result.events``.
    activity : xarray.Dataset, optional
        Events and operations by neuron in these steps, from engines that have events. Over all chunks they add up to
        ``Result.activity``, but for what was counted before the run.
    stats : dict
        Of the last chunk, as in ``Result``: of the whole run. Empty in all others.
    labels : ndarray, optional
        Labels of the samples, of shape (batch,), where the data has been given with some.
    marks : str
        The perturbations of the run, as ``records`` have them among their attributes.
    """

    first: int
    steps: int
    dt: float
    batch: int
    recorded: tuple[Recorded, ...] = field(repr=False)
    status: Status | None = None
    message: str = ""
    events: xarray.Dataset | None = field(default=None, repr=False)
    activity: xarray.Dataset | None = field(default=None, repr=False)
    stats: Mapping[str, Any] = field(default_factory=dict, repr=False)
    labels: np.ndarray | None = field(default=None, repr=False)
    marks: str = field(default="", repr=False)

    @property
    def start(self) -> float:
        """Simulated time at its begin, in ms."""
        return self.first * self.dt

    @property
    def time(self) -> float:
        """Simulated time at its end, in ms."""
        return (self.first + self.steps) * self.dt

    @property
    def records(self) -> xarray.Dataset:
        """What was recorded, with the dimensions of ``Result.records``."""
        records, probes, rows = (
            [getattr(part, what) for part in self.recorded] for what in ("record", "probe", "rows")
        )
        return marked(dataset(records, probes, rows, self.first, self.dt, self.batch, self.labels), self.marks)
