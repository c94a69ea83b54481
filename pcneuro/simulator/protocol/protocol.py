"""Protocol: trials as a table, run in one simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import DataError, ParameterError, check_object, unknown_name
from pcneuro.model.timed import TimedArray
from pcneuro.quantities import NOT_NEGATIVE, by_name, flag, milliseconds, whole
from pcneuro.recording.record import Record
from pcneuro.simulator.perturbed import perturbations
from pcneuro.simulator.protocol import aligned as alignment
from pcneuro.simulator.protocol.between import AbstractBetween, ResetState
from pcneuro.simulator.protocol.courses import REST, Column, Course, intervals
from pcneuro.simulator.protocol.perturbing import PERTURB, TrialPerturbations
from pcneuro.simulator.protocol.reading import END, ONSET, SCHEDULED, read_table
from pcneuro.simulator.protocol.timing import Interval, in_steps, scheduled, warn_of_seconds
from pcneuro.simulator.result import Result
from pcneuro.simulator.simulator import Simulator

if TYPE_CHECKING:
    import xarray

_SHOWN = 20
"""Trials that a protocol prints."""


@dataclass(frozen=True, eq=False, repr=False)
class Protocol:
    """Trials: a table of when each is, for how long, and what is given to inputs and vertices meanwhile.

    Parameters
    ----------
    table
        A row a trial: a data frame of pandas, a dict of columns, a list of dicts, or the path of a CSV file. Columns:
        ``duration`` (ms), and ``onset`` (ms from the begin of the protocol) or ``delay`` (ms from the end of the trial
        before); ``block``, by which rows are shuffled; one for each input, output (its target) or vertex (a clamp) that
        changes. All others, such as ``condition``, are labels. A cell of a stimulus is a number, which all units have;
        or, where ``values`` has the column, an index or a name. One that is empty is ``rest``.
    values
        Column -> its stimuli: an array (stimuli, \\*shape), which may be a memory map, or a dict from names to arrays
        or to ``TimedArray`` objects, which begin with the trial. Each of a sample's shape, or with the batch in front.
    rest
        Input, output or vertex -> what it is given between trials, a number or an array of its shape: 0 where nothing
        is said. Targets and clamps are held at rest, too. A name without a column stays at that all the time.
    repeats
        How often all trials come.
    shuffle
        Whether rows are shuffled within each block, or all where there are no blocks, anew in each repeat.
    interval
        Time between trials, and before the first, in ms, where the table has neither ``onset`` nor ``delay``: a number,
        or (low, high), from which multiples of ``grid`` are drawn.
    tail
        How long to go on behind the last trial, in ms.
    between
        ``ResetState()`` (default): each trial begins in the feedforward sweep, as a simulation of its own, while time
        and parameters go on. ``KeepState()``: neurons go on from where they are.
    seed
        Of what is shuffled and drawn.
    perturbations
        Name -> perturbation, or a list of them, with times from the onset of a trial (without ``stop``: to its end).
        The column ``perturb`` names what is done in each trial.
    grid
        See ``interval``: the integrator's dt, or a multiple.

    Attributes
    ----------
    table : pandas.DataFrame
        All trials in the order of time, with ``onset``, ``end`` and ``duration`` in ms, and ``repeat``.

    Raises
    ------
    DataError
        For tables with times that are missing, negative or overlap, and cells that stand for no stimulus.
    ParameterError, ShapeError, CapacityError, UnknownNameError
        For other arguments that do not fit.

    Examples
    --------
    >>> import pandas
    >>> table = pandas.DataFrame({"x": [0, 1], "duration": [50.0, 50.0], "condition": ["a", "b"]})
    >>> trials = pcn.Protocol(table, values={"x": np.eye(3)[:2]}, interval=20.0)
    >>> trials.repeats
    1
    """

    table: Any
    values: Mapping[str, Any] = field(default_factory=dict)
    rest: Mapping[str, Any] = field(default_factory=dict)
    repeats: int = 1
    shuffle: bool = False
    interval: Any = None
    tail: Any = 0.0
    between: AbstractBetween = field(default_factory=ResetState)
    seed: int = 0
    grid: Any = 1.0
    perturbations: Mapping[str, Any] = field(default_factory=dict)
    _done: TrialPerturbations = field(init=False)
    _trials: Any = field(init=False)
    _columns: Mapping[str, Column] = field(init=False)

    def __post_init__(self) -> None:
        check_object("between", self.between, AbstractBetween)
        grid = milliseconds("grid", self.grid)
        interval = None if self.interval is None else Interval.of(self.interval, grid)
        repeats, seed = whole("repeats", self.repeats, 1), whole("seed", self.seed)
        values, rest = by_name("values", self.values), by_name("rest", self.rest)
        trials = scheduled(read_table(self.table), interval, repeats, flag("shuffle", self.shuffle), seed)
        labels = [name for name in trials.columns if name not in SCHEDULED]
        for name in values:
            if name not in labels:
                raise unknown_name("column in values=", name, labels)
        columns = {name: Column.of(name, trials[name], given) for name, given in values.items()}
        for name, value in (
            ("_trials", trials),
            ("table", trials.copy()),
            ("values", dict(values)),
            ("rest", dict(rest)),
            ("tail", milliseconds("tail", self.tail, NOT_NEGATIVE)),
            ("_columns", columns),
            ("_done", TrialPerturbations.of(self.perturbations, trials)),
        ):
            object.__setattr__(self, name, value)

    @property
    def duration(self) -> float:
        """How long it takes in ms, with its tail."""
        return float(self._trials[END].iloc[-1]) + float(self.tail)

    def __len__(self) -> int:
        return len(self._trials)

    def __repr__(self) -> str:
        return f"<Protocol of {len(self)} trials, {self.duration:g} ms, {self.between!r} between them>"

    def __str__(self) -> str:
        return f"{self!r}\n{self._trials.to_string(max_rows=_SHOWN)}"

    # Running

    def run(
        self,
        simulator: Simulator,
        *,
        record: Sequence[Record] = (),
        inputs: Mapping[str, Any] | None = None,
        targets: Mapping[str, Any] | None = None,
        clamp: Mapping[str, Any] | None = None,
        perturb: Any = (),
        **options: Any,
    ) -> Result:
        """All trials, in one run of a simulator from where it is.

        ``inputs``, ``targets`` and ``clamp`` are held all the time, beside those of the table; ``perturb`` are
        perturbations in ms of simulated time, beside those of trials; ``record`` and ``options`` are those of
        ``Simulator.run``. Stimuli are read as time goes on, so that memory does not grow with the number of trials but
        for what is recorded: let ``every`` of records divide the onsets.

        Raises
        ------
        ParameterError
            For times off the grid of the integrator, which nearest time works, and what seems to be in seconds.
        UnknownNameError, ShapeError, DataError
            For stimuli of what the circuit does not have, of other shapes, or that targets cannot be.
        """
        check_object("simulator", simulator, Simulator)
        given = {"inputs": inputs, "targets": targets, "clamp": clamp}
        data, begin = self._data(simulator, given), simulator.time
        done = self._done.at(simulator.circuit, begin, begin + self.duration, simulator.integrator.dt)
        done = [*done, *perturbations(perturb)]
        restarts = self.between.restarts(begin + self._trials[ONSET].to_numpy())
        return simulator.run(self.duration, **data, restarts=restarts.tolist(), perturb=done, record=record, **options)

    def _data(self, simulator: Simulator, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the run is given, by group: None where there is nothing."""
        circuit, dt = simulator.circuit, simulator.integrator.dt
        groups: dict[str, dict[str, Any]] = {
            group: {} if arrays is None else dict(by_name(f"values of {group}=", arrays))
            for group, arrays in given.items()
        }
        first, behind = in_steps(self._trials, dt)
        warn_of_seconds(self._trials, min(float(circuit.tau[name].min()) for name in circuit.vertices))
        begin = round(simulator.time / dt)
        columns = self._stimuli(circuit)
        moving = [intervals(each, dt) for each in columns.values()]
        every = int(np.gcd.reduce(np.concatenate([first, behind, [begin], *moving])))
        first, behind = (begin + first) // every, (begin + behind) // every
        times = -int(-(begin + round(self.duration / dt)) // every) + 1
        for name, column in columns.items():
            group, vertex, shape = _place(circuit, name)
            if name in groups[group]:
                raise ParameterError(f"{name!r} is a column of the protocol and in {group}=: give one of the two")
            course = Course(column, first, behind, self.rest.get(name, 0.0), shape, every * dt, times)
            if group != "inputs":
                _check_targets(circuit, name, vertex, course, self._rests or REST in column.picked)
            groups[group][name] = TimedArray(course, every * dt)
        return {group: arrays or given[group] for group, arrays in groups.items()}

    def _stimuli(self, circuit: Circuit) -> dict[str, Column]:
        """Columns that are stimuli of a circuit, and what has a rest only. Raises for names that it does not have."""
        graph = circuit.graph
        known = [*graph.inputs, *graph.outputs, *circuit.vertices]
        for what, names in (("values=", self.values), ("rest=", self.rest)):
            for name in names:
                if name not in known:
                    raise unknown_name(f"input, output or vertex in {what}", name, dict.fromkeys(known))
        named = [name for name in self._labels() if name in known]
        columns = {name: self._columns.get(name) or Column.of(name, self._trials[name], None) for name in named}
        if not columns and not self.rest:
            raise ParameterError(
                "no column of the protocol is an input, output or vertex of the circuit: its columns are "
                f"{', '.join(map(repr, self._labels())) or 'times alone'}, and the circuit has "
                f"{', '.join(map(repr, dict.fromkeys(known)))}"
            )
        return columns | {name: Column.empty(name, len(self)) for name in self.rest if name not in columns}

    @property
    def _rests(self) -> bool:
        """Whether there is time between trials."""
        onset, end = (self._trials[name].to_numpy() for name in (ONSET, END))
        return bool(self.tail) or bool(onset[0] > 0) or bool((onset[1:] > end[:-1]).any())

    def _labels(self) -> list[str]:
        """Columns that are stimuli or labels."""
        others = (*SCHEDULED, PERTURB) if self.perturbations else SCHEDULED
        return [name for name in self._trials.columns if name not in others]

    # What came of it

    def aligned(self, result: Result, before: Any = 0.0, after: Any = None) -> xarray.Dataset:
        """What a run of this protocol has recorded, trial by trial.

        Parameters
        ----------
        result
            From ``run``.
        before, after
            The window of each trial in ms, from so long before its onset to before so long behind it; None: to the end
            of the longest. What was recorded is taken as it is, also where another trial has begun; NaN where the run
            did not get to.

        Returns
        -------
        xarray.Dataset
            The variables of ``result.records`` with the dimensions ``trial``, ``time`` (ms from the onset), ``batch``
            where there are several samples, and ``<vertex>_unit``; the columns of ``table`` are coordinates of
            ``trial``. Raises ParameterError for a result without records, and for onsets that a record has no row of.
        """
        check_object("result", result, Result)
        return alignment.aligned(result, self._trials, before, after, self._done.marks())

    @staticmethod
    def mean(aligned: xarray.Dataset, by: str = "condition") -> xarray.Dataset:
        """Mean over the trials of each condition, and its standard error, as ``h.value`` and ``h.value.sem``.

        ``by`` is a coordinate of trials; in place of ``trial`` is a dimension of this name, and ``trials`` has how many
        there are. Raises UnknownNameError where there is no such column, ParameterError for what is not aligned.
        """
        return alignment.mean(aligned, by)


def _place(circuit: Circuit, name: str) -> tuple[str, str, tuple[int, ...]]:
    """The argument of a run that a stimulus belongs to, its vertex or leaf, and the shape of one sample."""
    graph = circuit.graph
    if name in graph.inputs:
        return "inputs", name, graph.inputs[name].shape
    if name in graph.outputs:
        return "targets", graph.outputs[name].name, graph.outputs[name].shape
    node = graph.nodes[name]
    target = next((output for output, each in graph.outputs.items() if each is node), None)
    return ("clamp" if target is None else "targets"), name, node.shape


def _check_targets(circuit: Circuit, name: str, vertex: str, course: Course, rests: bool) -> None:
    """Raise DataError for what a target cannot be, at rest too where it ever ``rests``."""
    energy = circuit.energies.get(vertex)
    if energy is None:
        return
    shape, precision = circuit.graph.nodes[vertex].shape, circuit.precision[vertex]
    rest, *others = (array.reshape(-1, *shape) for array in course.known())
    wrong = energy.check(rest, precision) if rests else None
    if wrong:
        raise DataError(f"what target {name!r} is between trials: {wrong}; give one in rest={{{name!r}: ...}}")
    for array in others:
        wrong = energy.check(array, precision)
        if wrong:
            raise DataError(f"a target of column {name!r}: {wrong}")
