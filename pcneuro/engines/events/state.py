"""The state of one sample in the event-driven engine."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np

from pcneuro.kernels.events import arrays
from pcneuro.kernels.events.arrays import Net, State, packed
from pcneuro.kernels.events.formulas import DEPTH
from pcneuro.kernels.events.queue import reschedule

KEPT = (
    "x received predicted sent sent_value residue residue_value received_slope sent_slope sent_at at due since awake "
    "arrival activity adjoint known slopes contributions events sends_down sends_up"
).split()
"""Arrays of a state that a snapshot has, of fixed sizes."""
QUEUES = {"down": arrays.QUEUE_DOWN, "up": arrays.QUEUE_UP}
NEEDS = {"down": arrays.ROOM_DOWN, "up": arrays.ROOM_UP}
QUEUE = {"time": "time", "change": "real", "key": "index", "slope": "real"}
"""Arrays of events under way, and the buffers that they are in."""


class Sample:
    """Arrays of one sample, which kernels change."""

    def __init__(self, net: Net, slopes: np.ndarray, activity: np.ndarray, operands: int, lines: bool) -> None:
        self.net, self.dtype, self.lines = net, slopes.dtype, lines
        units, nodes, populations, strict = (
            int(net.index[k]) for k in (arrays.UNITS, arrays.NODES, arrays.POPULATIONS, arrays.STRICT)
        )
        self.units, self.nodes, self.blocks = units, nodes, -(-units // arrays.BLOCK)

        def real(n: int, there: bool = True) -> tuple[str, np.ndarray]:
            return "real", np.zeros(n if there else 0, dtype=self.dtype)

        def whole(n: int, there: bool = True, value: int = 0) -> tuple[str, np.ndarray]:
            return "index", np.full(n if there else 0, value, dtype=np.int64)

        def time(n: int, value: float = 0.0) -> tuple[str, np.ndarray]:
            return "time", np.full(n, value)

        parts = {name: real(units) for name in "x received predicted sent sent_value residue residue_value".split()}
        parts |= {name: real(units, lines) for name in ("received_slope", "sent_slope")}
        parts |= {name: time(units) for name in ("sent_at", "at")}
        parts |= {name: time(units, np.inf) for name in ("due", "arrival")}
        parts |= {"since": whole(self.blocks, value=-1), "awake": ("index", np.arange(self.blocks))}
        parts |= {name: ("index", np.arange(self.blocks)) for name in ("heap", "where")}
        parts |= {"block_due": time(self.blocks, np.inf), "change": real(units), "work": time(units)}
        parts |= {name: whole(units) for name in ("touched", "touched_units")}
        parts["activity"] = ("real", activity) if strict else real(0)
        parts |= {name: real(nodes, bool(strict)) for name in ("adjoint", "known")}
        parts |= {"slopes": ("real", slopes), "contributions": real(slopes.size, bool(strict))}
        parts |= {"incoming": real(nodes), "incoming_slope": real(nodes, lines)}
        parts |= {"dirty": whole(nodes), "dirty_nodes": whole(nodes), "dirty_count": whole(populations)}
        parts |= {name: whole(nodes, bool(strict)) for name in ("changed", "changed_nodes")}
        parts |= {"operands": time(operands), "stack": time(DEPTH), "last_decay": time(3)}
        parts |= {
            "events": whole(2 * units + (nodes if strict else 0)),
            "sends_down": whole(nodes),
            "sends_up": whole(nodes),
        }
        self._names = list(parts)
        exact = bool(net.index[arrays.EXACT])
        numbers = {
            arrays.AWAKE_COUNT: self.blocks,
            arrays.SIMPLE: int(exact and not strict and not lines),
            arrays.LINES: int(lines),
        }
        rooms = {way: int(net.index[need]) + 1 for way, need in NEEDS.items()}
        self._place(numbers, parts, rooms, 0)

    def _place(
        self,
        numbers: Mapping[int, int],
        parts: Mapping[str, tuple[str, np.ndarray]],
        rooms: Mapping[str, int],
        records: int,
    ) -> None:
        """Put all arrays into buffers, with so much room for events under way and recorded ones."""
        kept = "record_time", "record_code", "record_change"
        whole: dict[str, tuple[str, np.ndarray]] = dict(parts)
        for name, kind in zip(kept, ("time", "index", "real"), strict=True):
            whole[name] = (kind, np.zeros(records))
        known = {getattr(arrays, name.upper()): part for name, part in whole.items()}
        for way, queue in QUEUES.items():
            for name, kind in QUEUE.items():
                there = name != "slope" or self.lines
                known[self._of_queue(queue, name)] = (kind, np.zeros(rooms[way] if there else 0))
        rest = {QUEUES[way] + arrays.ROOM: room for way, room in rooms.items()} | {arrays.RECORDS: records}
        found = packed(dict(numbers) | rest, known, arrays.STATE, self.dtype)
        self.state = State(found["index"], found["real"], found["time"])
        self._rooms = {k: (kind, int(self.state.index[k]), a.size) for k, (kind, a) in known.items()}

    def _of_queue(self, queue: int, name: str) -> int:
        if name == "slope":
            down = queue == arrays.QUEUE_DOWN
            return arrays.SLOPES_UNDER_WAY_DOWN if down else arrays.SLOPES_UNDER_WAY_UP
        return queue + getattr(arrays, f"QUEUE_{name.upper()}")

    def _view(self, place: int) -> np.ndarray:
        buffer, first, size = self._rooms[place]
        return getattr(self.state, buffer)[first : first + size]

    def __getitem__(self, name: str) -> np.ndarray:
        """An array of the state by its name, such as "received": what kernels read and write."""
        return self._view(getattr(arrays, name.upper()))

    def _queue(self, way: str, name: str) -> np.ndarray:
        return self._view(self._of_queue(QUEUES[way], name))

    def _count(self, way: str, which: int = arrays.QUEUED) -> int:
        return int(self.state.index[QUEUES[way] + which])

    def shift(self, time: float) -> None:
        """Let all times of a state at its begin be so many ms later."""
        for name in ("at", "due", "block_due", "sent_at"):
            self[name][:] += time

    @property
    def bytes(self) -> int:
        """What it takes."""
        return sum(buffer.nbytes for buffer in self.state)

    @property
    def under_way(self) -> int:
        """Events that are on their way."""
        return sum(self._count(way) for way in QUEUES)

    @property
    def most_under_way(self) -> int:
        """The most that have ever been in each direction, together."""
        return sum(self._count(way, arrays.MOST_QUEUED) for way in QUEUES)

    @property
    def queue_bytes(self) -> int:
        """What places for events under way take."""
        return sum(self._queue(way, name).nbytes for way in QUEUES for name in QUEUE)

    def _resize(self, rooms: Mapping[str, int], records: int) -> None:
        """Have so much room for events under way and recorded ones; the latter are forgotten."""
        queues = {way: {name: self._queue(way, name)[: self._count(way)] for name in QUEUE} for way in QUEUES}
        numbers = {k: int(n) for k, n in enumerate(self.state.index[: arrays.QUEUE_UP + arrays.QUEUE_TIME])}
        parts = {name: (self._rooms[getattr(arrays, name.upper())][0], self[name]) for name in self._names}
        self._place(numbers | {arrays.RECORDED: 0}, parts, rooms, records)
        for way, own in queues.items():
            for name, array in own.items():
                self._queue(way, name)[: array.size] = array

    def _room(self) -> dict[str, int]:
        return {way: self._count(way, arrays.ROOM) for way in QUEUES}

    def grow(self) -> None:
        """Have twice the room for events under way, where there may be too little."""
        tight = {way: self._count(way) + int(self.net.index[need]) >= self._room()[way] for way, need in NEEDS.items()}
        self._resize({way: 2 * room + 1 if tight[way] else room for way, room in self._room().items()}, self.records)

    def copied(self) -> Sample:
        """A copy to look ahead with: it has room for what one bin sends, and records nothing."""
        if any(self._count(way) + int(self.net.index[need]) >= self._room()[way] for way, need in NEEDS.items()):
            self.grow()
        found = copy.copy(self)
        found.state = State(*(buffer.copy() for buffer in self.state))
        found.state.index[arrays.RECORDS] = 0
        return found

    @property
    def records(self) -> int:
        """Room for recorded events."""
        return int(self.state.index[arrays.RECORDS])

    def keep_events(self, keep: bool) -> None:
        """Have places in which events are recorded, or none."""
        if keep != (self.records > 0):
            self._resize(self._room(), max(4 * (2 * self.units + self.nodes), 65_536) if keep else 0)

    def taken(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Recorded events, which are then forgotten: times, codes, changes."""
        n = int(self.state.index[arrays.RECORDED])
        self.state.index[arrays.RECORDED] = 0
        time, code, change = (self[name][:n].copy() for name in ("record_time", "record_code", "record_change"))
        return time, code, change

    def kept(self) -> dict[str, np.ndarray]:
        """What a snapshot needs, of sizes that are those of the net."""
        return {name: self[name] for name in KEPT} | {"counts": self.state.index[: arrays.QUEUE_DOWN]}

    def queued(self) -> dict[str, np.ndarray]:
        """Events under way, for a snapshot."""
        found = {}
        for way in QUEUES:
            for name in QUEUE:
                found[f"{way}.{name}"] = self._queue(way, name)[: self._count(way)]
            found[f"{way}.most"] = np.array([self._count(way, arrays.MOST_QUEUED)])
        return found

    def take_up(self, given: Mapping[str, np.ndarray]) -> None:
        """Take up a state from a snapshot, which anybody may have written. Raises ValueError for what cannot be one."""
        for name, own in self.kept().items():
            array = given[name]
            if own.shape != array.shape or own.dtype != array.dtype:
                raise ValueError(f"its {name} has another size")
            if name != "counts":
                own[...] = array
        awake, gates = (int(given["counts"][k]) for k in (arrays.AWAKE_COUNT, arrays.GATES))
        listed, since = self["awake"][:awake], self["since"]
        if not 0 <= awake <= self.blocks or ((self["awake"] < 0) | (self["awake"] >= self.blocks)).any():
            raise ValueError("its list of units that are awake is none")
        if np.unique(listed).size != awake or (since[listed] != -1).any() or np.sum(since >= 0) != self.blocks - awake:
            raise ValueError("its list of units that are awake is none")
        self.state.index[arrays.AWAKE_COUNT], self.state.index[arrays.GATES] = awake, gates
        for block in range(self.blocks):
            reschedule(self.state, block, self.units)
        self._take_up_queues(given)

    def _take_up_queues(self, given: Mapping[str, np.ndarray]) -> None:
        for way, fan in (("down", arrays.DOWN), ("up", arrays.UP)):
            own = {name: given[f"{way}.{name}"] for name in QUEUE}
            key, most = own["key"], given[f"{way}.most"]
            sizes = {a.shape for name, a in own.items() if name != "slope" or self.lines}
            if sizes != {(key.size,)} or key.dtype != np.int64 or most.shape != (1,) or (key < 0).any():
                raise ValueError("its events under way are none")
            node, group = key >> 32, key & 0xFFFFFFFF
            if (node >= self.nodes).any() or np.isnan(own["time"]).any():
                raise ValueError("its events under way are none")
            first = self.net.index[self.net.index[fan + arrays.FIRST] :]
            if ((group < first[node]) | (group >= first[node + 1])).any():
                raise ValueError("its events under way lead nowhere")
            room = key.size + int(self.net.index[NEEDS[way]]) + 1
            self._resize(self._room() | {way: room}, self.records)
            for name, array in own.items():
                if array.size:
                    self._queue(way, name)[: key.size] = array
            self.state.index[QUEUES[way] + arrays.QUEUED] = key.size
            self.state.index[QUEUES[way] + arrays.MOST_QUEUED] = int(most[0])
