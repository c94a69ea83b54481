"""The ways through the dendrite of one vertex: what lies between a node and the vertex, without going over it anew.

All ways from a node lead through its *gate*, the first node that none of them goes round (its immediate
post-dominator). What lies on them is what lies between the node and its gate, and what lies on the ways from the gate:
so a sum of a thousand terms is gone through once, and not once for each term.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from pcneuro.graph.graph import Node


@dataclass(frozen=True)
class Passed:
    """What the connections of some ways add up to.

    ``contracted`` is the number of pairs of units of those that contract, None where there is none, and ``largest`` the
    most of any other; ``weights`` are the parameters that multiply what passes.
    """

    contracted: int | None = None
    largest: int = 0
    weights: frozenset[str] = frozenset()

    def __add__(self, other: Passed) -> Passed:
        both = [n for n in (self.contracted, other.contracted) if n is not None]
        # A union of one set with nothing is that set, however large.
        weights = self.weights | other.weights if self.weights and other.weights else self.weights or other.weights
        return Passed(sum(both) if both else None, max(self.largest, other.largest), weights)


class Ways:
    """The dendrite of a vertex: its ``nodes`` in topological order, the vertex last, and all that they read.

    ``passed_by(node, k)`` tells what a connection, operand k of a node, adds to the ways that it lies on, and
    ``leads(node, k)`` whether it is one; of nodes that nothing leads on from to the vertex there are no ways.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        passed_by: Callable[[Node, int], Passed],
        leads: Callable[[Node, int], bool] = lambda node, k: True,
    ) -> None:
        self.end, self.passed_by = nodes[-1].name, passed_by
        self.users: dict[str, list[tuple[Node, int]]] = {}
        """Node, or what is read of a source or leaf -> the connections by which it is read here."""
        for node in reversed(nodes):
            if node.name == self.end or node.name in self.users:
                for k, operand in enumerate(node.operands):
                    if leads(node, k):
                        self.users.setdefault(operand, []).append((node, k))
        self.gates: dict[str, str] = {}
        self.depth = {self.end: 0}
        self.passed = {self.end: Passed()}
        self.straight: dict[str, bool] = {self.end: True}
        """Whether the vertex' prediction is linear in a node."""
        inside = [node.name for node in reversed(nodes[:-1]) if node.name in self.users]
        for name in [*inside, *(name for name in self.users if name not in set(inside))]:
            self._enter(name)

    def _enter(self, name: str) -> None:
        gate = self._gate([user.name for user, _ in self.users[name]])
        self.gates[name], self.depth[name] = gate, self.depth[gate] + 1
        between = self._between([name], gate)
        self.passed[name] = sum((self.passed_by(node, k) for node, k in between), self.passed[gate])

    def _gate(self, names: Collection[str]) -> str:
        """The first node that all ways from these lead through, which may be one of them."""
        first, *others = dict.fromkeys(names)
        for other in others:
            while first != other:
                if self.depth[first] >= self.depth[other]:
                    first = self.gates[first]
                else:
                    other = self.gates[other]
        return first

    def _between(self, names: Collection[str], gate: str) -> list[tuple[Node, int]]:
        """The connections on the ways from some nodes to a gate."""
        found: list[tuple[Node, int]] = []
        seen, stack = set(names), list(names)
        while stack:
            for node, k in self.users[stack.pop()]:
                found.append((node, k))
                if node.name != gate and node.name not in seen:
                    seen.add(node.name)
                    stack.append(node.name)
        return found

    def linear(self, names: Collection[str], position: Mapping[str, int]) -> bool:
        """Whether the vertex' prediction is linear in these leaves taken together, the parents' values held."""
        here = [name for name in names if name in self.users]
        if not here:
            return True
        gate = here[0] if len(here) == 1 else self._gate(here)
        if len(here) > 1 and not self._linear_between(here, gate, position):
            return False
        passed = []
        while gate not in self.straight:
            passed.append(gate)
            gate = self.gates[gate]
        for name in reversed(passed):
            gate = self.gates[name]
            self.straight[name] = self.straight[gate] and self._linear_between([name], gate, position)
        return self.straight[passed[0] if passed else gate]

    def _linear_between(self, names: Collection[str], gate: str, position: Mapping[str, int]) -> bool:
        """Whether a gate is linear in these nodes, taken together."""
        read: dict[str, tuple[Node, list[int]]] = {}
        for node, k in self._between([name for name in names if name != gate], gate):
            read.setdefault(node.name, (node, []))[1].append(k)
        return all(
            all(node.operator.linear_in(k) for k in operands)
            and not any(node.operator.description.multiplies(j, k) for j, k in combinations(operands, 2))
            for node, operands in (read[name] for name in sorted(read, key=position.__getitem__))
        )
