"""What event-driven kernels work on: the synaptic network, which samples share, and the state of one sample.

Both are structures of named arrays (``kernels.structures``). A *unit* is a value neuron with its error neuron, a *node*
a unit of any population of the circuit in single units (see ``passes``); nodes of a population follow one another.
Times are in bins, or in ms where events are at exact times.
"""

from __future__ import annotations

from pcneuro.kernels.structures import AbstractStructure, Integers, Integers32, Reals, Times

BLOCK = 32
"""Units are stepped, and due, in blocks of so many consecutive ones: as vectors."""
PAUSE = 200_000
"""Events at exact times after which a kernel returns for a moment."""

SOURCE, SUM, FUNCTION = range(3)
"""Kinds of populations: value neurons, sums over synapses, functions."""
DONE, QUEUE_FULL, RECORD_FULL, PAUSED, NOT_FINITE = range(5)
"""Why a kernel returned: all is done, or there is no room for events under way, or for recorded ones, or so much was
done that somebody may want to interrupt it, or a unit has left all bounds."""


class FanOutTable(AbstractStructure):
    """Synapses in one direction by the node that sends, in groups of equal delay, the shortest first; kernels read it.

    A group has targets in one population. ``base`` is the first of them if they follow one another, or -1.
    """

    first: Integers
    """Node -> its first group (nodes + 1)."""
    begin: Integers
    """Group -> its first synapse (groups + 1)."""
    delay: Times
    base: Integers
    to: Integers
    """Group -> the population of its targets."""
    target: Integers32
    weight: Reals


class SynapticNetwork(AbstractStructure):
    """What all samples share: nodes and populations, synapses both ways, formulas, and parameters of units.

    Kernels read it. Where something does not exist there is -1.
    """

    strict: int
    """Whether value neurons send, too."""
    exact: int
    """Whether there are no bins, but times in ms."""
    nodes: int
    units: int
    populations: int
    room_up: int
    """The most events that one event or bin may put under way."""
    room_down: int
    offset: Integers
    """Population -> its first node (populations + 1)."""
    kind: Integers
    population: Integers
    """Node -> its population."""
    up: FanOutTable
    """Of what value neurons send, to predictions."""
    down: FanOutTable
    """Of what error neurons send, to value neurons."""
    operand_first: Integers
    """Population -> the first of its operands, if it is a function (populations + 1)."""
    operand_node: Integers
    """Operand -> its first node, or -1 where it does not change."""
    operand_weight: Integers
    """Operand -> the first of its ``constants``, or -1."""
    operand_slope: Integers
    """Operand -> the first of its derivatives in ``State.slopes``, or -1 where nothing goes back to it."""
    codes: Integers
    """Of all formulas (see ``formulas``)."""
    numbers: Times
    formula: Integers
    """Where the codes of each population's formula begin and end, two numbers a population."""
    derivative: Integers
    """The same for derivatives by operands, two numbers an operand."""
    constants: Reals
    user_first: Integers
    """Population -> the first of its ``users`` (populations + 1)."""
    users: Integers
    """Functions that a population is an operand of, unit by unit."""
    unit: Integers
    """Node -> the unit that it is the value neuron of."""
    mean: Integers
    """Node -> the unit whose prediction it is."""
    entry: Integers
    """Unit -> the node that its error goes down from."""
    exit: Integers
    """Unit -> the node that its value goes up from."""
    precision: Reals
    gain: Reals
    """Of units: what a value neuron's drive is multiplied by in a bin or a ms; 0 where it is clamped."""
    rate: Reals
    """Of units: precision / tau, 1/ms."""
    threshold: Reals
    quantum: Reals
    """Of units: what messages of errors are multiples of; 0 where they are any number."""
    most: Reals
    """Of units: the largest multiple."""
    value_threshold: Reals
    gate: Reals
    """Of nodes: what a sum has to change by before it is sent down an axon, under strict dynamics; negative inside of
    dendrites."""


class Axons(AbstractStructure):
    """Events under way in one direction: a heap by time of arrival; 24 bytes an event in float64."""

    queued: int
    most_queued: int
    """The most that ever were under way."""
    room: int
    time: Times
    """When an event arrives at the group of synapses that it reaches next."""
    change: Reals
    key: Integers
    """The node that sent it (upper 32 bits) and that group (lower ones)."""
    slope: Reals
    """Empty where events carry no slopes."""
    sends: Integers
    """Node -> how often it sent something along all its synapses."""


class State(AbstractStructure):
    """One sample; kernels change all of it. What a way of going on does not need is empty."""

    touched_count: int
    awake_count: int
    simple: int
    """Whether units at exact times are worked through as rows (``rows``)."""
    pending: int
    """Populations with input to take in, and the highest of them."""
    top: int
    recorded: int
    gates: int
    """Multiplications in dendrites."""
    changed_count: int
    records: int
    """Room for recorded events."""
    lines: int
    """Whether events carry slopes."""
    up: Axons
    down: Axons
    x: Reals
    """Of units, as are the next eight: the value, counted from where it was at the sweep."""
    received: Reals
    predicted: Reals
    sent: Reals
    """Errors and values as they were sent last."""
    sent_value: Reals
    residue: Reals
    """Sums over bins of what was not sent, of errors and values."""
    residue_value: Reals
    received_slope: Reals
    """Changes per ms."""
    sent_slope: Reals
    sent_at: Times
    """Of units: when slopes were sent."""
    at: Times
    """Of units: when x was brought up to date."""
    due: Times
    """Of units: when something will be sent."""
    arrival: Times
    """Of units: when something first came."""
    since: Integers
    """Of blocks: the bin since which they sleep, or -1."""
    awake: Integers
    """Blocks that are awake, ``awake_count`` of them."""
    heap: Integers
    """At exact times, all blocks: the one that is due next on top."""
    where: Integers
    """Block -> its place in the heap."""
    block_due: Times
    """Block -> when the first of its units is due."""
    change: Reals
    """Of units: in bins how far they are from what was sent, at exact times what touched ones receive."""
    work: Times
    touched: Integers
    """Unit -> whether it is listed in ``touched_units``."""
    touched_units: Integers
    activity: Reals
    """Of nodes: what dendrites know of values."""
    adjoint: Reals
    """Of nodes: what goes back, and what of that was sent."""
    known: Reals
    slopes: Reals
    """Derivatives of functions by operands, unit by unit."""
    contributions: Reals
    """What ``slopes`` made of what goes back."""
    incoming: Reals
    """Of nodes: input that they have not taken in, and its slope."""
    incoming_slope: Reals
    dirty: Integers
    """Node -> whether it has input to take in."""
    dirty_nodes: Integers
    """These nodes, listed by population from its first node on."""
    dirty_count: Integers
    """Population -> how many are listed; -1 are all."""
    changed: Integers
    """Node -> whether it is listed in ``changed_nodes``: functions whose derivatives changed."""
    changed_nodes: Integers
    operands: Times
    """Of one function at one unit."""
    stack: Times
    last_decay: Times
    """A time, a rate, and exp(-rate * time) of them."""
    events: Integers
    """Events sent: by value neurons, by error neurons, by nodes (units + units + nodes)."""
    record_time: Times
    record_code: Integers
    record_change: Reals
