"""Which neuron group each population of a unit graph belongs to, and the equations of every group in Brian2's syntax.

A vertex' value and error neurons, and what is computed for it alone, unit by unit, are one group; so is an input, and
whatever has units of its own in a dendrite. Between groups there are synapses, each with its own target variable: two
projections never write to the same one. Samples of a batch are copies of all that side by side.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from pcneuro.circuit.cycles import returning
from pcneuro.circuit.equations.dendrite import Block
from pcneuro.circuit.equations.expressions import brian2_text, is_taken, plus, times
from pcneuro.circuit.feedback import AbstractVisitor
from pcneuro.circuit.units import (
    SlopePull,
    Source,
    SynapsePull,
    SynapticSum,
    UnitFunction,
    UnitGraph,
    UnitPull,
    UnitStation,
    leading_to,
    sources_of,
)
from pcneuro.export.groups import MADE, TAKEN, Group, GroupSynapses
from pcneuro.export.spiking import Spiking
from pcneuro.export.vertex_equations import VertexEquations, error_pairs
from pcneuro.ops.base import Weights
from pcneuro.ops.formula import Formula, substitute


class Wiring:
    """Groups and projections of a circuit for these dynamics, with these vertices clamped.

    With ``spiking`` what others receive of errors, and it may be of values, is what comes of spikes.
    """

    def __init__(
        self, units: UnitGraph, clamped: set[str], held: bool, batch: int = 1, spiking: Spiking | None = None
    ) -> None:
        self.units, self.clamped, self.held, self.spiking = units, clamped, held, spiking
        self.error_variable = "err" if spiking is None else "received"
        """Variable of an error as others, and its own value neuron, receive it."""
        self.populations = units.populations
        self.learned = {units.parameters[name]: name for name in units.plastic}
        """Population of a parameter that neurons have and that changes -> its name."""
        plastic = bool(units.circuit.plasticity)
        self.active = units.active(inputs=plastic, past=plastic, more=self.learned)
        self.returned: dict[int, Formula] = {}
        """Population of a parameter -> what comes back to it, the drive of Hebbian plasticity."""
        self.groups: dict[str, Group] = {}
        self.projections: list[GroupSynapses] = []
        self.group_of: dict[int, str] = {}
        """Population -> its group."""
        self.copies: dict[str, dict[int, tuple[str, int]]] = {}
        """Group -> population of another one that it reads unit by unit -> variable, and the first that reads it."""
        self.named: dict[int, dict[str, Formula]] = {}
        """Function -> its operands as its group knows them."""
        self.shares: dict[tuple[str, int], list[Formula]] = {}
        """Group and population that it copies -> what goes back by the copy."""
        self._assign()
        self.variable: dict[int, str] = {}
        """Population -> its variable in its own group."""
        self.back: dict[int, list[Formula]] = {}
        """Population -> what comes back to it: terms in its own group."""
        self.closing: dict[str, str] = {}
        """Leaf that closes a cycle -> variable of its vertex that sums what comes back."""
        for number in range(len(self.populations)):
            self._forward(number)
        self._expect_cycles()
        _WayBack(self).visit(leading_to(units.feedback, self.active))
        if held:
            self._leave_out()
        self._repeat(batch)

    def _leave_out(self) -> None:
        """What is held and nothing reads, since what is computed of it is held, too."""
        sent = {(p.behind, p.backward[0]) for p in self.projections if p.backward is not None}
        for group in self.groups.values():
            for name in [*group.held, *group.constants]:
                read = any(re.search(rf"\b{name}\b", line.partition("=")[2]) for line in group.lines)
                if not read and name != "prediction" and (group.name, name) not in sent:
                    group.lines = [line for line in group.lines if line.split()[0] != name]
                    group.held.pop(name, None)
                    group.constants.pop(name, None)

    def _repeat(self, batch: int) -> None:
        """Copies of everything, side by side."""
        sizes = {name: group.size for name, group in self.groups.items()}
        for group in self.groups.values():
            group.constants = {name: np.tile(values, batch) for name, values in group.constants.items()}
            group.size *= batch
        for projection in self.projections:
            count = projection.pre.size
            copy = np.repeat(np.arange(batch), count)
            projection.pre = np.tile(projection.pre, batch) + copy * sizes[projection.before]
            projection.post = np.tile(projection.post, batch) + copy * sizes[projection.behind]
            if not projection.plain:
                weights = projection.weights.values
                projection.weights = projection.weights.take(np.tile(np.arange(count) % weights.size, batch))

    # Groups

    def _assign(self) -> None:
        readers: dict[int, list[int]] = {}
        for number, population in enumerate(self.populations):
            for source in sources_of(population):
                readers.setdefault(source, []).append(number)
        place = {number: name for name, number in self.units.predictions.items()}
        place |= {number: name for name, number in self.units.means.items() if number not in place}
        for number in reversed(range(len(self.populations))):
            population = self.populations[number]
            if isinstance(population, Source):
                self.group_of[number] = population.name
                continue
            used = {
                self.group_of[r] if isinstance(self.populations[r], UnitFunction) else None
                for r in readers.get(number, [])
            }
            owner = place.get(number)
            if owner is None:
                (owner,) = used if len(used) == 1 else (None,)
            # With a point in it, which no vertex or input has.
            self.group_of[number] = owner or f"{population.node}.{number}"
        for number, name in sorted(self.group_of.items()):
            if name not in self.groups:
                group = self.groups[name] = Group(name, self.populations[number].size, Block(name))
                group.block.taken |= TAKEN

    def name(self, number: int, wanted: str) -> str:
        """A free name in the group of a population."""
        return self.groups[self.group_of[number]].block.name(wanted)

    # Forward

    def _forward(self, number: int) -> None:
        population, group = self.populations[number], self.groups[self.group_of[number]]
        if isinstance(population, Source):
            self.variable[number] = "sent" if self.sends(population.name) else "v"
            if population.name not in self.units.circuit.vertices:
                group.lines.append("v : 1")
            return
        if number in self.learned:
            # Its equation is written when all that drives it is known.
            name = self.variable[number] = self.name(number, self.learned[number])
            group.constants[name] = self._own(population).values
            return
        prediction = self.units.predictions.get(self.group_of[number]) == number
        if isinstance(population, SynapticSum):
            name = "prediction" if prediction else self.name(number, f"I_{population.node}")
            self.variable[number] = self._summed(number, name, number)
        else:
            named = self.named[number] = {k: self._operand(number, x) for k, x in population.operands.items()}
            text = brian2_text(substitute(population.formula, named))
            name = self.variable[number] = "prediction" if prediction else self.name(number, population.node)
            if self.held:
                self._summed(number, name, number)
            else:
                group.lines.append(f"{name} = {text} : 1")

    @staticmethod
    def _own(population: SynapticSum | UnitFunction) -> Weights:
        """The numbers of a parameter that is a population."""
        assert isinstance(population, UnitFunction)
        (weights,) = population.operands.values()
        assert isinstance(weights, Weights)
        return weights

    def _summed(self, number: int, name: str, source: int) -> str:
        """Declare a variable that sums over synapses, or is held, in the group of a population."""
        group = self.groups[self.group_of[number]]
        group.lines.append(f"{name} : 1")
        if self.held:
            group.held[name] = source
        return name

    def _operand(self, number: int, operand: int | Weights) -> Formula:
        """An operand of a function as its group knows it."""
        group = self.groups[self.group_of[number]]
        if isinstance(operand, Weights):
            if operand.fixed and np.ptp(operand.values) == 0:
                return float(operand.values[0])
            name = self.name(number, operand.parameter or "constant")
            group.lines.append(f"{name} : 1 (constant)")
            group.constants[name] = operand.values
            return name
        if self.group_of[operand] == self.group_of[number] and not isinstance(self.populations[operand], Source):
            return self.variable[operand]
        copies = self.copies.setdefault(self.group_of[number], {})
        if operand not in copies:
            name = self.name(number, f"v_{self.group_of[operand]}".replace(".", "_"))
            copies[operand] = self._summed(number, name, operand), number
        return copies[operand][0]

    # Back

    def _expect_cycles(self) -> None:
        """Declare what comes back to vertices by cycles, since they are finished before all of that is known."""
        graph = self.units.circuit.graph
        pulled = {pull.source for station in leading_to(self.units.feedback, self.active) for pull in station.pulls}
        for leaf in returning(graph):
            if self.units.values[leaf] in pulled:
                sender = graph.sender(leaf)
                summed = self.closing[leaf] = self.groups[sender].block.name(f"f_{leaf}")
                self.groups[sender].lines.append(f"{summed} : 1")
                self.back.setdefault(self.units.values[sender], []).append(summed)

    def _close(self, number: int, leaf: Source, terms: list[Formula]) -> None:
        """The one-to-one synapses by which a leaf has the activity of its vertex, and errors come back."""
        group, sender = self.groups[leaf.name], self.units.circuit.graph.sender(leaf.name)
        backward = None
        if leaf.name in self.closing:
            total = plus(terms)
            behind = total if isinstance(total, str) else group.block.define("g_v", total, group.lines)
            backward = (behind, self.closing[leaf.name])
        every, one = np.arange(leaf.size), Weights(np.ones(1))
        forward = (self.variable[self.units.values[sender]], "v")
        name = f"{sender}_to_{leaf.name}_{len(self.projections)}"
        self.projections.append(GroupSynapses(name, sender, leaf.name, every, every, one, number, forward, backward))

    def behind(self, number: int) -> Formula | None:
        """What goes back from a population, by name; None where nothing does. Finishes vertices."""
        population, group = self.populations[number], self.groups[self.group_of[number]]
        terms = self.back.setdefault(number, [])
        if self.units.predictions.get(self.group_of[number]) == number:
            terms.append(self._sent(self.group_of[number]))
        if isinstance(population, Source):
            self._finish(population, terms)
            return None
        if number in self.learned:
            self.returned[number] = plus(terms)
            return None
        if number not in self.active or not terms:
            return None
        total = plus(terms)
        return total if isinstance(total, str) else group.block.define(f"g_{self.variable[number]}", total, group.lines)

    def _sent(self, vertex: str) -> str:
        """Variable of what others receive of the errors of a vertex."""
        payload, group = self.units.circuit.payloads.get(vertex), self.groups[vertex]
        if payload is None:
            return self.error_variable
        return group.block.define("message", substitute(payload.formula, {"x": self.error_variable}), group.lines)

    def slope_back(self, pull: SlopePull, behind: Formula) -> None:
        """What goes back through a function to one operand, which may be a copy."""
        owner = self.group_of[pull.number]
        named = self.named[pull.number] | {"out": self.variable[pull.number]}
        copied = pull.source in self.copies.get(owner, {})
        terms = self.shares.setdefault((owner, pull.source), []) if copied else self.back.setdefault(pull.source, [])
        terms.append(times(substitute(pull.derivative, named), behind))

    def copies_back(self, number: int) -> None:
        """A copy is made for the first reader, which comes last here: by now all others have known what goes back."""
        for operand, (name, first) in self.copies.get(self.group_of[number], {}).items():
            if first == number:
                self._copy_back(number, operand, name)

    def _copy_back(self, number: int, operand: int, name: str) -> None:
        """The one-to-one synapses of a copy, in both directions."""
        group = self.groups[self.group_of[number]]
        total = plus(self.shares.get((group.name, operand), ()))
        returned = None
        if total != 0.0:
            returned = total if isinstance(total, str) else group.block.define(f"g_{name}", total, group.lines)
        every = np.arange(group.size)
        copy = SynapticSum.of(group.name, group.size, operand, every, every, Weights(np.ones(1)))
        self.project(number, copy, name, returned)

    def project(self, number: int, synapses: SynapticSum, variable: str, behind: Any) -> None:
        """The synapses of a population: forward, and back where something stands ``behind`` them."""
        before, target = self.group_of[synapses.source], self.group_of[number]
        backward = None
        if behind is not None:
            summed = self.groups[before].block.name(f"f_{target}".replace(".", "_"))
            self.groups[before].lines.append(f"{summed} : 1")
            self.back.setdefault(synapses.source, []).append(summed)
            backward = (str(behind), summed)
        forward = None if self.held else (self.variable[synapses.source], variable)
        name = f"{before}_to_{target}_{len(self.projections)}".replace(".", "_")
        pre, post, weights = synapses.pre, synapses.post, synapses.weights
        if forward is not None:
            # Additions one behind the other to the same neuron wait for each other.
            order = np.lexsort((post, pre))
            pre, post = pre[order], post[order]
            weights = weights.take(order) if weights.values.size > 1 else weights
        self.projections.append(GroupSynapses(name, before, target, pre, post, weights, number, forward, backward))

    # Dynamics

    def sends(self, name: str) -> bool:
        """Whether others receive the spikes of its value neurons instead of their values."""
        free = name in self.units.circuit.vertices and name not in self.clamped
        return free and self.spiking is not None and self.spiking.values.least() is not None

    def _finish(self, source: Source, terms: list[Formula]) -> None:
        """A leaf that closes a cycle, or a vertex, whose feedback is complete now."""
        if source.name in self.units.circuit.graph.recurrent:
            self._close(self.units.values[source.name], source, terms)
        if source.name in self.units.circuit.vertices:
            self._neurons(source.name, terms)

    def _neurons(self, name: str, terms: list[Formula]) -> None:
        """The equations of a vertex, to which these terms come back."""
        group, circuit, clamped = self.groups[name], self.units.circuit, name in self.clamped
        mean = self.units.means.get(name)
        compared = self.variable[mean] if clamped and mean is not None else None
        sends, spiking = self.sends(name), self.spiking
        VertexEquations(group, circuit, clamped, self.held, compared, sends, spiking).write(terms)
        if spiking is not None and circuit.has_prediction(name):
            pairs, synapses = error_pairs(group, spiking, len(self.populations))
            self.groups[pairs.name] = pairs
            self.projections += synapses


class _WayBack(AbstractVisitor[UnitStation, Formula]):
    """Writes what goes back into a wiring, whose projections are made on the way."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring

    def arrive(self, station: UnitStation) -> Formula | None:
        return self.wiring.behind(station.number)

    def pull(self, station: UnitStation, pull: UnitPull, leaving: Formula) -> None:
        if isinstance(pull, SynapsePull):
            self.wiring.project(pull.number, pull.synapses, self.wiring.variable[pull.number], leaving)
        else:
            self.wiring.slope_back(pull, leaving)

    def depart(self, station: UnitStation, leaving: Formula | None) -> None:
        population, number = station.population, station.number
        if isinstance(population, UnitFunction):
            self.wiring.copies_back(number)
        elif isinstance(population, SynapticSum) and (leaving is None or not station.pulls):
            self.wiring.project(number, population, self.wiring.variable[number], None)


def checked_names(wiring: Wiring) -> dict[str, str]:
    """Group -> a name for it that means nothing else to Brian2, and is no other's."""
    names: dict[str, str] = {}
    # Vertices and inputs keep their names, what has a point in it gives way.
    for name in sorted(wiring.groups, key=lambda name: "." in name):
        plain = name.replace(".", "_")
        plain = f"{plain}_group" if is_taken(plain) or MADE.fullmatch(plain) else plain
        while plain in names.values():
            plain += "_"
        names[name] = plain
    return names
