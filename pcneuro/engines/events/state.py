"""The state of one sample in the event-driven engine."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np

from pcneuro.kernels.events.arrays import BLOCK, Axons, State, SynapticNetwork
from pcneuro.kernels.events.formulas import DEPTH
from pcneuro.kernels.events.queue import reschedule

KEPT = (
    "x received predicted sent sent_value residue residue_value received_slope sent_slope sent_at at due since awake "
    "arrival activity adjoint known slopes contributions events sends_down sends_up"
).split()
"""Arrays of a state that a snapshot has, of fixed sizes."""
COUNTS = "touched_count awake_count simple pending top recorded gates changed_count records lines".split()
"""Numbers of a state that a snapshot has, in this order."""
RECORDS = ("record_time", "record_code", "record_change")
WAYS = ("down", "up")
QUEUE = ("time", "change", "key", "slope")
"""Arrays of events under way."""
LEAST_RECORDS = 65_536
"""There is room for so many recorded events, or more."""


class Sample:
    """Arrays of one sample, which kernels change."""

    def __init__(
        self, network: SynapticNetwork, slopes: np.ndarray, activity: np.ndarray, operands: int, lines: bool
    ) -> None:
        self.network, self.dtype, self.lines = network, slopes.dtype, lines
        self.units, self.nodes, self.blocks = network.units, network.nodes, -(-network.units // BLOCK)
        self.state = self._state(slopes, activity, operands)

    def _state(self, slopes: np.ndarray, activity: np.ndarray, operands: int) -> State:
        """All arrays at the sweep, with room for the events of one bin."""
        network, strict, lines = self.network, bool(self.network.strict), self.lines
        units, nodes, blocks = self.units, self.nodes, self.blocks
        in_strict = nodes if strict else 0
        zeros = dict.fromkeys("x received predicted sent sent_value residue residue_value change".split(), units)
        zeros |= dict.fromkeys("sent_at at work touched touched_units".split(), units)
        zeros |= dict.fromkeys(("received_slope", "sent_slope"), units if lines else 0)
        zeros |= dict.fromkeys("adjoint known changed changed_nodes".split(), in_strict)
        zeros |= dict.fromkeys("incoming dirty dirty_nodes".split(), nodes)
        zeros |= {"incoming_slope": nodes if lines else 0, "contributions": slopes.size if strict else 0}
        zeros |= {"dirty_count": network.populations, "events": 2 * units + in_strict}
        zeros |= {"operands": operands, "stack": DEPTH, "last_decay": 3}
        zeros |= dict.fromkeys(RECORDS, 0)
        counts = dict.fromkeys(COUNTS, 0) | {"awake_count": blocks, "lines": int(lines)}
        counts["simple"] = int(network.exact and not strict and not lines)
        rooms = {"down": network.room_down + 1, "up": network.room_up + 1}
        return State(
            self.dtype,
            **counts,
            **{name: np.zeros(size) for name, size in zeros.items()},
            **{way: self._axons(rooms[way], np.zeros(nodes)) for way in WAYS},
            due=np.full(units, np.inf),
            arrival=np.full(units, np.inf),
            block_due=np.full(blocks, np.inf),
            since=np.full(blocks, -1),
            **{name: np.arange(blocks) for name in ("awake", "heap", "where")},
            activity=activity if strict else np.zeros(0),
            slopes=slopes,
        )

    def _axons(self, room: int, sends: np.ndarray) -> Axons:
        """Nothing under way, and room for so many events."""
        sizes = {name: 0 if name == "slope" and not self.lines else room for name in QUEUE}
        arrays = {name: np.zeros(size) for name, size in sizes.items()}
        return Axons(self.dtype, queued=0, most_queued=0, room=room, sends=sends, **arrays)

    def __getitem__(self, name: str) -> np.ndarray:
        """An array of the state by its name, such as "received": what kernels read and write."""
        kind, _, way = name.partition("_")
        array: np.ndarray = self._way(way).sends if kind == "sends" else getattr(self.state, name)
        return array

    def _way(self, way: str) -> Axons:
        """What is under way in one direction, "up" or "down"."""
        axons: Axons = getattr(self.state, way)
        return axons

    def _need(self, way: str) -> int:
        """The most events that one event or bin may put under way."""
        need: int = getattr(self.network, f"room_{way}")
        return need

    def _queue(self, way: str, name: str) -> np.ndarray:
        array: np.ndarray = getattr(self._way(way), name)
        return array

    def shift(self, time: float) -> None:
        """Let all times of a state at its begin be so many ms later."""
        for name in ("at", "due", "block_due", "sent_at"):
            self[name][:] += time

    @property
    def bytes(self) -> int:
        """What it takes."""
        return self.state.nbytes

    @property
    def under_way(self) -> int:
        """Events that are on their way."""
        return sum(self._way(way).queued for way in WAYS)

    @property
    def most_under_way(self) -> int:
        """The most that have ever been in each direction, together."""
        return sum(self._way(way).most_queued for way in WAYS)

    @property
    def queue_bytes(self) -> int:
        """What places for events under way take."""
        return sum(self._queue(way, name).nbytes for way in WAYS for name in QUEUE)

    def _make_room(self, way: str, room: int) -> None:
        """Have room for so many events under way in one direction."""
        old = self._way(way)
        new = self._axons(room, old.sends)
        for name in QUEUE:
            kept = getattr(old, name)[: old.queued]
            getattr(new, name)[: kept.size] = kept
        new.queued, new.most_queued = old.queued, old.most_queued
        self.state = self.state.replaced(**{way: new})

    def _tight(self, way: str) -> bool:
        """Whether there may be too little room for what one event or bin puts under way."""
        axons = self._way(way)
        return axons.queued + self._need(way) >= axons.room

    def grow(self) -> None:
        """Have twice the room for events under way, where there may be too little."""
        for way in WAYS:
            if self._tight(way):
                self._make_room(way, 2 * self._way(way).room + 1)

    def copied(self) -> Sample:
        """A copy to look ahead with: it has room for what one bin sends, and records nothing."""
        self.grow()
        twin = copy.copy(self)
        twin.state = self.state.copied()
        twin.state.records = 0
        return twin

    @property
    def records(self) -> int:
        """Room for recorded events."""
        return self.state.records

    def keep_events(self, keep: bool) -> None:
        """Have places in which events are recorded, or none."""
        if keep != (self.records > 0):
            room = max(4 * (2 * self.units + self.nodes), LEAST_RECORDS) if keep else 0
            places = {name: np.zeros(room) for name in RECORDS}
            self.state = self.state.replaced(recorded=0, records=room, **places)

    def taken(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Recorded events, which are then forgotten: times, codes, changes."""
        n, self.state.recorded = self.state.recorded, 0
        time, code, change = (self[name][:n].copy() for name in RECORDS)
        return time, code, change

    def kept(self) -> dict[str, np.ndarray]:
        """What a snapshot needs, of sizes that are those of the synaptic network."""
        return {name: self[name] for name in KEPT} | {"counts": self._counts()}

    def _counts(self) -> np.ndarray:
        return np.array([getattr(self.state, name) for name in COUNTS])

    def queued(self) -> dict[str, np.ndarray]:
        """Events under way, for a snapshot."""
        events: dict[str, np.ndarray] = {}
        for way in WAYS:
            axons = self._way(way)
            events |= {f"{way}.{name}": self._queue(way, name)[: axons.queued] for name in QUEUE}
            events[f"{way}.most"] = np.array([axons.most_queued])
        return events

    def take_up(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take up a state from a snapshot, which anybody may have written. Raises ValueError for what cannot be one."""
        for name, place in self.kept().items():
            array = arrays[name]
            if place.shape != array.shape or place.dtype != array.dtype:
                raise ValueError(f"its {name} has another size")
            if name != "counts":
                place[...] = array
        counts = dict(zip(COUNTS, arrays["counts"].tolist(), strict=True))
        awake = counts["awake_count"]
        listed, since = self["awake"][:awake], self["since"]
        if not 0 <= awake <= self.blocks or ((self["awake"] < 0) | (self["awake"] >= self.blocks)).any():
            raise ValueError("its list of units that are awake is none")
        if np.unique(listed).size != awake or (since[listed] != -1).any() or np.sum(since >= 0) != self.blocks - awake:
            raise ValueError("its list of units that are awake is none")
        self.state.awake_count, self.state.gates = awake, counts["gates"]
        for block in range(self.blocks):
            reschedule(self.state, block, self.units)
        self._take_up_queues(arrays)

    def _take_up_queues(self, arrays: Mapping[str, np.ndarray]) -> None:
        for way in WAYS:
            queue = {name: arrays[f"{way}.{name}"] for name in QUEUE}
            key, most = queue["key"], arrays[f"{way}.most"]
            sizes = {a.shape for name, a in queue.items() if name != "slope" or self.lines}
            if sizes != {(key.size,)} or key.dtype != np.int64 or most.shape != (1,) or (key < 0).any():
                raise ValueError("its events under way are none")
            node, group = key >> 32, key & 0xFFFFFFFF
            if (node >= self.nodes).any() or np.isnan(queue["time"]).any():
                raise ValueError("its events under way are none")
            first = getattr(self.network, way).first
            if ((group < first[node]) | (group >= first[node + 1])).any():
                raise ValueError("its events under way lead nowhere")
            self._fill(way, queue, int(most[0]))

    def _fill(self, way: str, queue: Mapping[str, np.ndarray], most: int) -> None:
        count = queue["key"].size
        self._make_room(way, count + self._need(way) + 1)
        for name, array in queue.items():
            if array.size:
                self._queue(way, name)[:count] = array
        self._way(way).queued, self._way(way).most_queued = count, most

    def put_under_way(self, way: str, queue: Mapping[str, np.ndarray]) -> None:
        """Have these events under way in one direction, and no others: arrays by the names in ``QUEUE``."""
        order = np.lexsort((queue["key"], queue["time"])) if queue["key"].size else np.zeros(0, dtype=np.int64)
        kept = {name: array[order] if array.size else array for name, array in queue.items()}
        self._fill(way, kept, order.size)
