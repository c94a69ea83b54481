"""The arrays of event-driven kernels: a few buffers, and where in them each array begins.

Numba counts references of every array that a function is given, and so a function is given four or three, in which all
others are: ``net.index[net.index[ENTRY] + u]`` is entry[u]. The beginning of ``index`` has numbers (flags, counts) and
then the places of all arrays, those of the net and of a state in the order of these constants. ``target`` is int32,
other indices int64, ``time`` float64, ``real`` what the simulation is in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

STRICT, EXACT, NODES, UNITS, POPULATIONS, ROOM_UP, ROOM_DOWN = range(7)
"""Numbers of a net: whether value neurons send, too; whether there are no bins, but times in ms; sizes; most events
that one event or bin may put under way, up and down."""
OFFSET, KIND, POPULATION = range(8, 11)
"""Population -> its first node (populations + 1), and its kind; node -> its population."""
DOWN = 11
FIRST, BEGIN, DELAY, BASE, TO, TARGET, WEIGHT = range(7)
UP = DOWN + 7
"""Synapses in one direction, counted from ``DOWN`` or ``UP`` on, by the node that sends, in groups of equal delay, the
shortest first: node -> its first group (nodes + 1); group -> its first synapse (groups + 1), its delay in bins or ms
(time), the first of its targets if these follow one another, or -1, and their population; synapse -> target, weight."""
OPERAND_FIRST, OPERAND_NODE, OPERAND_WEIGHT, OPERAND_SLOPE = range(UP + 7, UP + 11)
"""Function -> its operands (populations + 1); of each the first node and the first of ``CONSTANTS``, one of them -1,
and the first of ``SLOPES``, or -1 where nothing goes back to it."""
CODES, FORMULA, DERIVATIVE, NUMBERS, CONSTANTS = range(UP + 11, UP + 16)
"""Formulas (``kernels.formulas``); their begins and ends, two for each population, and two for each operand's
derivative; numbers in them (time), and operands that do not change (real)."""
USER_FIRST, USERS = UP + 16, UP + 17
"""Population -> functions that it is an operand of, unit by unit."""
UNIT, MEAN, ENTRY, EXIT = range(UP + 18, UP + 22)
"""Node -> the unit that it is the value neuron of, and that whose prediction it is, or -1; unit -> the node that its
error goes down from, and that its value goes up from, or -1."""
PRECISION, GAIN, RATE, THRESHOLD, VALUE_THRESHOLD, GATE = range(UP + 22, UP + 28)
"""Of units (real); of nodes: what a sum has to change by before it is sent down an axon, under strict dynamics;
negative inside of dendrites."""
NET = UP + 28

TOUCHED_COUNT, AWAKE_COUNT, SIMPLE, PENDING, TOP, RECORDED, GATES, CHANGED_COUNT, RECORDS, LINES = range(10)
"""Numbers of a state: units touched; blocks of units awake; whether units are rows at exact times (``event_rows``);
populations with something to hear of, and the highest of them; events recorded; multiplications in dendrites; functions
whose derivatives changed; room for recorded events; whether events carry slopes."""
QUEUED, MOST_QUEUED, ROOM = range(3)
QUEUE_DOWN, QUEUE_UP = 10, 16
"""Events under way in one direction: their number, the most there ever were, room for them."""
QUEUE_TIME, QUEUE_CHANGE, QUEUE_KEY = range(3, 6)
"""A heap by time of arrival (time), of changes (real), and of the node that sent and the group of synapses that is
reached next, as one number: 24 bytes an event in float64. ``SLOPES_UNDER_WAY`` has their slopes (real)."""
X, RECEIVED, PREDICTED, SENT, SENT_VALUE, RESIDUE, RESIDUE_VALUE, RECEIVED_SLOPE, SENT_SLOPE = range(22, 31)
"""Of units (real). Residues are sums over bins of what was not sent; slopes are changes per ms."""
SENT_AT, AT, DUE, ARRIVAL = range(31, 35)
"""Of units (time): when slopes were sent, when x was brought up to date, when something is due, when something first
came."""
SINCE, AWAKE, HEAP, WHERE, TOUCHED, TOUCHED_UNITS = range(35, 41)
"""Of blocks of units: in bins since which they sleep, or -1, and those that are awake; at exact times a heap of
all, the one that is due next on top, and where each is in it. Of units: whether they are touched, and which ones."""
ACTIVITY, ADJOINT, KNOWN, INCOMING, INCOMING_SLOPE, SLOPES, CONTRIBUTIONS = range(41, 48)
"""Of nodes (real): what dendrites know of values, what goes back, what of that was sent, what is still to be heard of;
of operands: derivatives, and what they made of what goes back."""
DIRTY, DIRTY_NODES, DIRTY_COUNT, CHANGED, CHANGED_NODES = range(48, 53)
"""Nodes that have something to hear of, listed by population from its first node on; -1 is the number of all."""
OPERANDS, STACK = 53, 54
RECORD_TIME, RECORD_CODE, RECORD_CHANGE = range(55, 58)
EVENTS, SENDS_DOWN, SENDS_UP = 58, 59, 60
"""Events sent: by value neurons, by error neurons, by nodes (units + units + nodes); and how often each node sent
something along all its synapses."""
SLOPES_UNDER_WAY_DOWN, SLOPES_UNDER_WAY_UP = 61, 62
LAST_DECAY = 63
"""A time, a rate, and exp(-rate * time) of them (time)."""
CHANGE, WORK, BLOCK_DUE = 64, 65, 66
"""Of units: in bins by how much they are away from what was sent, at exact times what touched ones receive (real);
numbers to work with (time). Of blocks: when the first of their units is due (time)."""
STATE = 67

BLOCK = 32
"""Units are stepped, and due, in blocks of so many consecutive ones: as vectors."""
PAUSE = 200_000
"""Events at exact times after which a kernel returns for a moment."""

SOURCE, SUM, FUNCTION = range(3)
"""Kinds of populations."""
DONE, QUEUE_FULL, RECORD_FULL, PAUSED, NOT_FINITE = range(5)
"""Why a kernel returned: all is done, or there is no room for events under way, or for recorded ones, or so much was
done that somebody may want to interrupt it, or a unit has left all bounds."""


class Net(NamedTuple):
    """What all samples share."""

    index: Any
    real: Any
    time: Any
    target: Any


class State(NamedTuple):
    """One sample; all of it changes."""

    index: Any
    real: Any
    time: Any


def packed(
    numbers: Mapping[int, int], arrays: Mapping[int, tuple[str, np.ndarray]], header: int, dtype: np.dtype
) -> dict[str, np.ndarray]:
    """Buffers by name of these arrays, each given with the buffer it goes to: "index", "real", "time" or "target"."""
    kinds: dict[str, Any] = {"index": np.int64, "real": dtype, "time": np.float64, "target": np.int32}
    parts: dict[str, list[np.ndarray]] = {kind: [] for kind in kinds}
    index = np.zeros(header, dtype=np.int64)
    sizes = dict.fromkeys(kinds, 0) | {"index": header}
    for place, number in numbers.items():
        index[place] = number
    parts["index"].append(index)
    for place, (kind, array) in arrays.items():
        index[place] = sizes[kind]
        parts[kind].append(array)
        sizes[kind] += array.size
    return {k: np.concatenate([np.zeros(0, kinds[k]), *v]).astype(kinds[k], copy=False) for k, v in parts.items()}
