"""Small synaptic networks and states for kernels of events, and dense NumPy twins that run them in bins.

Vertex a has value neurons, b has value and error neurons; a linear prediction of b and a transfer function::

    a (units 0 ... n-1)  --W-->  sum  -->  tanh  -->  prediction of b (units n ... n+m-1)

Populations are a, the sum, tanh and b, in this order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pcneuro.kernels.events.arrays import BLOCK, FUNCTION, SOURCE, SUM, Axons, FanOutTable, State, SynapticNetwork
from pcneuro.kernels.events.formulas import CODES, DEPTH, NUMBER, OPERAND, OUT

A, SUMS, TANH, B = range(4)


@dataclass
class Case:
    """Weights and parameters of units, from which both the network and its twin are made."""

    n: int
    m: int
    weights: np.ndarray
    precision: np.ndarray
    gain: np.ndarray
    tau: np.ndarray
    threshold: np.ndarray
    value_threshold: np.ndarray
    gate: float
    delays: np.ndarray
    """(n, m): of each synapse, both ways, in bins or ms."""
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.float64))
    quantum: float = 0.0
    """What messages of errors are multiples of, ``most`` times that at most; 0: any number."""
    most: float = 0.0

    @property
    def units(self) -> int:
        return self.n + self.m


def case(n: int = 40, m: int = 37, seed: int = 0, *, sparse: bool = False, delayed: bool = False, dtype=np.float64):
    """A random one; ``sparse`` leaves out four weights of five, ``delayed`` has delays of 0 to 3."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, n**-0.5, (n, m)) * (rng.random((n, m)) < 0.2 if sparse else 1)
    delays = rng.integers(0, 4, (n, m)).astype(float) if delayed else np.zeros((n, m))
    tau = rng.uniform(5, 20, n + m)
    precision = rng.uniform(0.5, 2, n + m)
    # Value neurons of a have no prior: nothing holds them but what they receive.
    precision[:n] = np.where(np.arange(n) % 5 == 0, 0, precision[:n])
    gain = np.where(np.arange(n + m) % 7 == 3, 0.0, 1 / tau)
    limits = rng.uniform(0.01, 0.05, (2, n + m))
    return Case(n, m, weights, precision, gain, tau, *limits, 0.02, delays, np.dtype(dtype))


def fan_out(sender, target, weight, delay, population, nodes, dtype) -> FanOutTable:
    """Synapses by the node that sends: groups of equal delay, as rows where targets follow one another."""
    order = np.lexsort((target, delay, sender))
    sender, target, weight, delay = (x[order] for x in (sender, target, weight, delay))
    first, begin, delays, base, to = [0], [], [], [], []
    for node in range(nodes):
        leaving = np.flatnonzero(sender == node)
        for d in np.unique(delay[leaving]):
            group = leaving[delay[leaving] == d]
            follow = group.size >= 2 and (np.diff(target[group]) == 1).all()
            begin.append(group[0])
            delays.append(d)
            base.append(target[group[0]] if follow else -1)
            to.append(population[target[group[0]]])
        first.append(len(begin))
    return FanOutTable(
        dtype, first=first, begin=[*begin, sender.size], delay=delays, base=base, to=to, target=target, weight=weight
    )


def network_of(of: Case, *, strict: bool, exact: bool) -> SynapticNetwork:
    """The case as kernels have it."""
    n, m = of.n, of.m
    offset = np.cumsum([0, n, m, m, m])
    population = np.repeat(np.arange(4), [n, m, m, m])
    pre, post = np.nonzero(of.weights)
    synapses = of.weights[pre, post], of.delays[pre, post], population, offset[-1], of.dtype
    nobody, room = np.zeros(0, dtype=np.int64), 3 * of.units + 9
    up = (pre, offset[SUMS] + post, *synapses) if strict else (nobody, nobody, np.zeros(0), np.zeros(0), *synapses[2:])
    unit, mean = np.full(offset[-1], -1), np.full(offset[-1], -1)
    unit[:n], unit[offset[B] :] = np.arange(n), n + np.arange(m)
    entry, exits = np.full(of.units, -1), np.full(of.units, -1)
    entry[n:] = offset[TANH] + np.arange(m)
    gate = np.zeros(0)
    if strict:
        mean[offset[TANH] : offset[B]] = n + np.arange(m)
        exits[:n] = np.arange(n)
        gate = np.full(offset[-1], of.gate)
    value, slope = [OPERAND, 0, CODES["tanh"]], [NUMBER, 0, OUT, 0, CODES["square"], CODES["subtract"]]
    return SynapticNetwork(
        of.dtype,
        strict=int(strict),
        exact=int(exact),
        nodes=offset[-1],
        units=of.units,
        populations=4,
        room_up=room,
        room_down=room,
        offset=offset,
        kind=[SOURCE, SUM, FUNCTION, SOURCE],
        population=population,
        up=fan_out(*up),
        down=fan_out(offset[SUMS] + post, pre, *synapses),
        operand_first=[0, 0, 0, 1, 1],
        operand_node=[offset[SUMS]],
        operand_weight=[-1],
        operand_slope=[0],
        codes=value + slope,
        numbers=[1.0],
        formula=[0, 0, 0, 0, 0, 3, 0, 0],
        derivative=[3, 3 + len(slope)],
        constants=[],
        user_first=[0, 0, 1, 1, 1],
        users=[TANH],
        unit=unit,
        mean=mean,
        entry=entry,
        exit=exits,
        precision=of.precision,
        gain=of.gain,
        rate=of.precision / of.tau * (of.gain > 0),
        threshold=of.threshold,
        quantum=np.full(of.units, of.quantum),
        most=np.full(of.units, of.most),
        value_threshold=of.value_threshold,
        gate=gate,
    )


def axons(of: Case, nodes: int, room: int, *, lines: bool = False) -> Axons:
    """Nothing under way."""
    arrays = {name: np.zeros(room) for name in ("time", "change", "key")}
    slope, sends = np.zeros(room if lines else 0), np.zeros(nodes)
    return Axons(of.dtype, queued=0, most_queued=0, room=room, slope=slope, sends=sends, **arrays)


def state(of: Case, network: SynapticNetwork, x: np.ndarray, activity: np.ndarray, *, lines: bool = False) -> State:
    """A sample whose value neurons are at ``x``, where nothing has been sent, and dendrites know ``activity``."""
    units, nodes, blocks = of.units, network.nodes, -(-of.units // BLOCK)
    sizes = dict.fromkeys(
        "received predicted sent sent_value residue residue_value received_slope sent_slope sent_at at change work "
        "touched touched_units".split(),
        units,
    )
    sizes |= dict.fromkeys(
        "adjoint known incoming incoming_slope dirty dirty_nodes changed changed_nodes".split(), nodes
    )
    sizes |= {"contributions": of.m, "dirty_count": 4, "operands": 1, "stack": DEPTH, "last_decay": 3}
    sizes |= {"events": 2 * units + nodes, "record_time": 0, "record_code": 0, "record_change": 0}
    counts = dict.fromkeys("touched_count pending top recorded gates changed_count records".split(), 0)
    return State(
        of.dtype,
        **counts,
        awake_count=blocks,
        simple=int(network.exact and not network.strict and not lines),
        lines=int(lines),
        up=axons(of, nodes, 4 * network.room_up, lines=lines),
        down=axons(of, nodes, 4 * network.room_down, lines=lines),
        **{name: np.zeros(size) for name, size in sizes.items()},
        x=x.copy(),
        due=np.full(units, np.inf),
        arrival=np.full(units, np.inf),
        block_due=np.full(blocks, np.inf),
        since=np.full(blocks, -1),
        **{name: np.arange(blocks) for name in ("awake", "heap", "where")},
        activity=activity.copy(),
        slopes=1 - activity[of.n + of.m : of.n + 2 * of.m] ** 2,
    )


def start(of: Case, seed: int = 1, *, strict: bool, exact: bool, lines: bool = False) -> tuple[SynapticNetwork, State]:
    """The network, and a state that has much to send."""
    rng = np.random.default_rng(seed)
    network = network_of(of, strict=strict, exact=exact)
    a = rng.normal(size=of.n)
    sums = a @ of.weights
    activity = np.concatenate([a, sums, np.tanh(sums), np.zeros(of.m)])
    return network, state(
        of, network, rng.normal(0, 0.5, of.units) * (np.arange(of.units) >= of.n), activity, lines=lines
    )


class Bins:
    """The twin in bins: dense arrays, every unit stepped in every bin, events on their way in a list of lists."""

    def __init__(self, of: Case, begin: State, *, strict: bool) -> None:
        self.of, self.strict = of, strict
        n, m = of.n, of.m
        self.x = begin.x.astype(float)
        self.known_sum = begin.activity[n : n + m].astype(float)
        self.predicted, self.received = np.zeros(of.units), np.zeros(of.units)
        self.sent, self.sent_value = np.zeros(of.units), np.zeros(of.units)
        self.residue, self.residue_value = np.zeros(of.units), np.zeros(of.units)
        self.back = np.zeros(m)
        """Of tanh: errors of b as they were sent, and what sums sent of them."""
        self.back_sent = np.zeros(m)
        self.late: dict[tuple[str, int], np.ndarray] = {}
        """(Direction, bin) -> what arrives then."""
        self.events = np.zeros(2 * of.units + n + 3 * m, dtype=int)

    def _sends(self, change: np.ndarray, residue: np.ndarray, limit: np.ndarray, cumulative: bool) -> np.ndarray:
        if cumulative:
            residue += change
        return (change != 0) & ((abs(change) >= limit) | (cumulative & (abs(residue) >= limit)))

    def _travel(self, way: str, n: int, changes: np.ndarray) -> np.ndarray:
        """What arrives in bin n of what was sent up to it: ``changes`` (senders,) pass all synapses."""
        weights, delays = self.of.weights, self.of.delays
        for delay in np.unique(delays):
            chosen = weights * (delays == delay)
            sums = changes @ chosen if way == "up" else chosen @ changes
            self.late[way, n + int(delay)] = self.late.get((way, n + int(delay)), 0.0) + sums
        return self.late.pop((way, n))

    def bin(self, number: int, cumulative: bool) -> None:
        """One bin."""
        of, n, units = self.of, self.of.n, self.of.units
        if self.strict:
            change = self.x - self.sent_value
            sends = self._sends(change, self.residue_value, of.value_threshold, cumulative) & (np.arange(units) < n)
            self.events[:units][sends] += 1
            self.sent_value[sends], self.residue_value[sends] = self.x[sends], 0
            sums = self._travel("up", number, np.where(sends, change, 0)[:n])
            self.predicted[n:] += np.tanh(self.known_sum + sums) - np.tanh(self.known_sum)
            self.known_sum += sums
        error = of.precision * (self.x - self.predicted)
        change = error - self.sent
        sends = self._sends(change, self.residue, of.threshold, cumulative)
        if of.quantum:
            multiples = np.rint(change / of.quantum)
            change = of.quantum * np.clip(multiples, -of.most, of.most)
            self.sent[sends] += change[sends]
        else:
            self.sent[sends] = error[sends]
        self.residue[sends] = 0
        sent_now = np.where(sends, change, 0)[n:]
        if not self.strict:
            self.events[units : 2 * units][n:][sends[n:]] += 1
        self.back += sent_now
        slopes = 1 - np.tanh(self.known_sum) ** 2
        passed = slopes * self.back - self.back_sent
        if self.strict:
            passed[(passed == 0) | (abs(passed) < of.gate)] = 0
            self.events[2 * units + n :][: of.m][passed != 0] += 1
        self.back_sent += passed
        self.received[:n] += self._travel("down", number, passed)
        error = of.precision * (self.x - self.predicted)
        self.x = self.x + of.gain * (self.received - error)
