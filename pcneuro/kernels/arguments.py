"""The structures that compiled functions take: arrays and numbers by name, grouped by what they are.

A docstring says what stands in the fields, and which of them are written or added to; all others are only read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

# Columns of ``Updates.updates``: instructions from ... to, what it depends on in ``dependencies`` from ... to, the flag
# that says it ran, the vertex whose error it computes (-1: none), and whether it ends at the drive of one
CODE, CODE_END, DEPENDENCY, DEPENDENCY_END, RAN, VERTEX, DRIVES, UPDATE_COLUMNS = range(8)
# Columns of ``Updates.groups``: update steps from ... to, what they depend on outside in ``dependencies`` from ... to,
# and the flag that says that one of them ran (CODE, CODE_END, DEPENDENCY, DEPENDENCY_END, RAN)
BUSY, GROUP_COLUMNS = RAN, RAN + 1
# Columns of ``Updates.states``, a row of which is one row of the state of a vertex, those of values first: first unit
# among all units that are integrated, units; the flags that say that it changed, and changed for its readers; that its
# leak was computed (of values: their error), and changed for its readers; that its drive was computed; whether it
# moves; whether something predicts it; the first rows of ``Memory.buf`` of state, drive and leak, and of
# ``Memory.shared`` for the gain; the number in ``Dirty.largest`` that its changes are small or large beside
(
    FIRST,
    SIZE,
    MOVED,
    SENT_STATE,
    LEAKED,
    SENT_ERROR,
    DRIVEN,
    FREE,
    PREDICTED,
    STATE,
    DRIVE,
    LEAK,
    GAIN,
    BESIDE,
    STATE_COLUMNS,
) = range(15)
# Columns of ``Stimuli.table``: every so many steps it goes on by one value, the number of the last one, units, samples
# (1: the same for all), first row of ``Memory.buf``, the flags that say that it changed, and changed for its readers;
# where in ``Stimuli.values`` it begins, and the number of the value that stands there; whether the feedforward sweep
# depends on it
INTERVAL, LAST_TIME, UNITS, SAMPLES, FIRST_ROW, FLAG, FLAG_READ, NUMBERS, FIRST_TIME, SWEPT, STIMULUS_COLUMNS = range(
    11
)
# Columns of ``Stimuli.carried``: first rows of prediction, deviation, and of ``Stimuli.room`` for their sum; rows; and
# where a sweep reads the sum from (-1: nowhere)
PREDICTION, DEVIATION, KEPT, WIDTH, READ_FROM, CARRIED_COLUMNS = range(6)
# Columns of ``Noise.table``: where its units begin in ``Noise.amplitude``, and in ``Noise.eta`` (-1: it keeps none;
# ITSELF: the state is eta); and the stream of its numbers
FACTOR, ETA, STREAM, NOISE_COLUMNS = range(4)
ITSELF = -2
# Columns of ``Updates.rings``, a row of which is a leaf with the activity of a vertex some steps ago: the first rows of
# ``Memory.buf`` of the vertex' values, of the past, a part a step, and of the leaf; how many steps; units; and the flag
# that says that the leaf changed
PRESENT, PAST, RECALLED, DELAY, BREADTH, CHANGED, RING_COLUMNS = range(7)
# Columns of ``Learning.table``, a row of which is what one rule changes: first row of ``Memory.shared`` of the values,
# how many, and those of the drive and of what is kept in a step of several stages; the flag that says that it changed;
# where the drive is presynaptic times postsynaptic activity, summed over samples (-1: it is not), the first rows of
# ``Memory.buf`` of both, and how many there are behind; the first row of the precisions that follow from it (-1: none
# do)
(
    VALUE_ROW,
    COUNT,
    DRIVE_ROW,
    ROOM,
    FLAG_OF,
    PRE,
    POST,
    COLUMNS,
    VARIANCE_ROW,
    LEARNED_COLUMNS,
) = range(10)
# Columns of ``Learning.numbers``
RATE, DECAY, LOWEST, HIGHEST, LEARNED_NUMBERS = range(5)
# Columns of ``Learning.groups``: of what changes every so many steps (0: with the neurons), rows of ``Learning.table``
# from ... to, rows of ``Learning.sums`` from ... to, rows to begin at zero from ... to, and whether adjoints of what
# samples share are to be pulled back
(
    INTERVAL_STEPS,
    LEARNED_FROM,
    LEARNED_TO,
    SUMS_FROM,
    SUMS_TO,
    ZERO_FROM,
    ZERO_TO,
    BACKWARD,
    GROUP_OF_COLUMNS,
) = range(9)
# Columns of ``Learning.gains``: first rows of gain and precision in ``Memory.shared``, where ``Learning.taus`` has the
# time constants, units; whether precision multiplies these, and whether it is what units leak by
GAIN_ROW, PRECISION_ROW, TIME_CONSTANT, UNIT_COUNT, SCALED, LEAKS, GAIN_COLUMNS = range(7)
# The flags that are up in the first time step only: one that all update steps depend on but those of predictions, and
# theirs, which is down where the feedforward sweep has just computed them
FRESH, UNSWEPT = 0, 1
INPUTS = UNSWEPT + 1
"""The first of the flags of inputs, which are up where one has changed."""
# Columns of ``Records.table``: first row copied, number of rows, every so many steps, offset in the record buffer, and
# the first of the rows that are added to what is copied (-1: none)
SOURCE, ROWS, EVERY, TARGET, ADDED, RECORD_COLUMNS = range(6)


class Operators(NamedTuple):
    """What instructions, rows of (opcode, position of the arguments), refer to.

    ``table`` has the operator kernels by opcode: addresses, or functions where nothing is compiled. ``ints`` (int64)
    has the arguments of all instructions.
    """

    table: Any
    ints: np.ndarray


class Memory(NamedTuple):
    """What instructions work on: one block of samples.

    Writes and adds to ``buf``: activities, of which row r has ``lanes`` samples from ``r * lanes`` on. ``shared`` is
    what all samples share; instructions that sum over samples add to it. ``context`` (int64) has what operator kernels
    are told of the block, by LANES ... PANEL of ``dispatch``.
    """

    buf: np.ndarray
    shared: np.ndarray
    context: np.ndarray


class Blocks(NamedTuple):
    """All blocks of samples: ``bufs`` and ``contexts`` are those of ``Memory``, a row a block."""

    bufs: np.ndarray
    shared: np.ndarray
    contexts: np.ndarray


class Sums(NamedTuple):
    """Instructions that sum over samples, and the share of them that one thread does.

    Instruction i of ``code`` is done in ``parts[i] * shares`` parts, of which this is number ``share`` of the
    ``shares``; ``panel`` is the row of ``shared`` where this share has room of its own.
    """

    code: np.ndarray
    parts: np.ndarray
    share: int
    shares: int
    panel: int


class Updates(NamedTuple):
    """The update steps of a time step: ``code`` has their instructions, the others (int64) the columns above."""

    code: np.ndarray
    updates: np.ndarray
    groups: np.ndarray
    dependencies: np.ndarray
    states: np.ndarray
    rings: np.ndarray


class Layout(NamedTuple):
    """Where the loop keeps things: first rows of ``Memory.buf``.

    ``error`` is where the errors of all vertices stand; ``units`` are all that are integrated. Where there is more than
    one stage, the state at the beginning of a step and the slope of every stage stand from ``start`` on; where there is
    a tolerance, the states and the errors as they were sent last from ``sent`` on. ``inputs`` is how many inputs and
    currents there are, which have flags.
    """

    error: int
    units: int
    start: int
    sent: int
    inputs: int


class Dirty(NamedTuple):
    """Writes ``flags`` (int64), the dirty flags of a block, and ``largest``.

    What has changed by no more than ``tolerance`` times the largest there has been is not sent: by row of
    ``Updates.states`` the largest (of values), then the largest of all errors.
    """

    flags: np.ndarray
    largest: np.ndarray
    tolerance: Any


class Stimuli(NamedTuple):
    """What changes with time for a block of samples, the first of which has the number ``start``.

    ``table`` and ``carried`` (int64) have the columns above; ``values`` are those of the steps to come. ``sweep`` are
    the instructions of the feedforward sweep, which every change brings where predictions are ``held``. Before the
    steps ``restarts``, in their order, neurons go back to the sweep, and the rows ``zeroed`` (first row, rows; int64)
    to zero; leaves among them, ``begun`` (first rows of value and prior, rows; int64), to their priors. Writes
    ``played``, the number of the value that each has now, then that of the restart to come, and
    ``room``.
    """

    table: np.ndarray
    values: np.ndarray
    played: np.ndarray
    start: int
    carried: np.ndarray
    sweep: np.ndarray
    room: np.ndarray
    held: bool
    restarts: np.ndarray
    zeroed: np.ndarray
    begun: np.ndarray


class Noise(NamedTuple):
    """The noise of a block of samples, the first of which has the number ``start``.

    ``of`` (int64) has by row of ``Updates.states`` the row of ``table`` (int64, columns above), -1 where there is none.
    By unit ``persistence``, ``amplitude`` and ``gain`` say what a step does. Writes ``eta``, what persists, and
    ``drawn`` (float64), rows of ``width`` normal numbers.
    """

    of: np.ndarray
    table: np.ndarray
    persistence: np.ndarray
    amplitude: np.ndarray
    gain: np.ndarray
    eta: np.ndarray
    drawn: np.ndarray
    width: int
    start: int
    seed: int


class Learning(NamedTuple):
    """What changes while a circuit runs, and how; tables (int64) have the columns above.

    ``numbers`` has the settings of each rule. ``code`` are the instructions that sum drives over samples, each done in
    ``parts`` by each thread (0: whole, by one), with room for ``breadth`` numbers for each from row ``panel`` of
    ``Memory.shared`` on; of the rows of ``sums`` (instructions from ... to; int64), one after the other, all can be
    done side by side. ``zeroed`` (first row, rows; int64) is what they add to; ``tail`` what they need beside errors,
    block by block; ``backward`` what pulls adjoints of what samples share back, and ``refreshed`` what follows from
    parameters alone, both with ``context``. ``gains`` follow precisions, by steps of ``dt`` and time constants
    ``taus``, for the leak ``exact`` or by its slope. What is recorded of parameters is as ``Records`` has it. Writes,
    with a row a thread, ``contexts``, of blocks while they sum, and ``panels``, postsynaptic activity of all samples;
    ``fresh`` (int64) by block, and ``recorded``.
    """

    table: np.ndarray
    numbers: np.ndarray
    groups: np.ndarray
    code: np.ndarray
    parts: np.ndarray
    sums: np.ndarray
    zeroed: np.ndarray
    tail: np.ndarray
    backward: np.ndarray
    refreshed: np.ndarray
    gains: np.ndarray
    taus: np.ndarray
    dt: Any
    exact: bool
    panel: int
    breadth: int
    context: np.ndarray
    contexts: np.ndarray
    panels: np.ndarray
    samples: int
    fresh: np.ndarray
    records: np.ndarray
    recorded: np.ndarray


class Team(NamedTuple):
    """How threads share the phases of a step: ``board`` (int64) says what is to be done, in how many ``shares``.

    Writes ``board``, and ``outcomes`` (int64), what came of each share.
    """

    board: np.ndarray
    outcomes: np.ndarray
    shares: int


class Tableau(NamedTuple):
    """The tableau of an explicit Runge-Kutta method, A and b of Butcher (1964)."""

    matrix: np.ndarray
    weights: np.ndarray


class Rest(NamedTuple):
    """When a vertex is at rest, by ``Settled.limits``: looked for if ``watched``. Writes ``work``, rows of lanes.

    A block has settled when it has been at rest for ``steps``; writes ``quiet`` (int64, (1,)), for how many it has.
    """

    watched: bool
    relative: Any
    absolute: Any
    rounding: Any
    work: np.ndarray
    steps: int
    quiet: np.ndarray


class Records(NamedTuple):
    """What is recorded of a block: writes ``buf``, and in ``table`` (int64, columns above) the next offset in it."""

    table: np.ndarray
    buf: np.ndarray


class RowSums(NamedTuple):
    """The sums of ``tile.project_rows``: out[r] += sum over j < k of shared[w + w_rows[r] + w_table[j]] * a[j], r < n.

    ``out`` and ``a`` are rows of ``Memory.buf``, to which the offsets in ``out_table`` and ``a_table`` are added; these
    tables and the two of weights are positions in ``Operators.ints``. Where both ``a_table`` and ``w_table`` go up in
    equal steps, ``a_step`` and ``w_step`` are these, else 0. Where ``fresh`` is not 0, rows are written instead,
    whatever they hold.
    """

    out: int
    out_table: int
    n: int
    lanes: int
    a: int
    a_table: int
    w: int
    w_rows: int
    w_table: int
    k: int
    fresh: int
    a_step: int
    w_step: int


class PanelSums(NamedTuple):
    """The sums of ``hebbian.hebb_panel``: for r < rows and c < columns,

    shared[out + out_table[r] + c] += sum over l < k of buf[(a + a_table[r]) * lanes + l] * panel[l, c]

    The ``panel`` stands in ``Memory.shared``, a row of two vectors for each sample l; tables are positions in
    ``Operators.ints``.
    """

    out: int
    out_table: int
    rows: int
    columns: int
    a: int
    a_table: int
    lanes: int
    panel: int
    k: int


class TapSums(NamedTuple):
    """The sums of ``hebbian.hebb_taps``: for r < rows and j < taps, over p < places and samples i < active,

    shared[out + out_rows[r] + out_taps[j]] += sum of x * y

    where x is sample i of row a + a_rows[r] + a_places[p] of ``Memory.buf``, and y of row b + b_taps[j] + b_places[p];
    tables are positions in ``Operators.ints``.
    """

    out: int
    out_rows: int
    rows: int
    out_taps: int
    taps: int
    a: int
    a_rows: int
    b: int
    b_taps: int
    a_places: int
    b_places: int
    places: int
    lanes: int
    active: int


class Product(NamedTuple):
    """Weights that follow the product of presynaptic and postsynaptic activity, summed over samples.

    They stand from ``value`` on in ``Memory.shared``, ``rows`` of them, each so many ``columns`` behind the one before,
    of which the first ``breadth`` follow; ``pre`` is the row of activity of the first, of ``lanes`` samples a block.
    """

    value: int
    rows: int
    columns: int
    breadth: int
    pre: int
    lanes: int
    samples: int
