"""Where neurons send from: the branches along which activities and errors leave, unit by unit, whatever is clamped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pcneuro.circuit.synapse_blocks import step_names
from pcneuro.circuit.units import Source, SynapticSum, UnitFunction, UnitGraph, sources_of

PREDICTION, FEEDBACK = "prediction", "feedback"
"""Kinds of branches, as those of edges in ``Circuit.nx``."""


@dataclass(frozen=True)
class Branch:
    """Units of a population of the unit graph, which send: each along all its synapses of one direction."""

    kind: str
    number: int
    """PREDICTION: the population whose activity is sent. FEEDBACK: the sum, or function, from which errors go back."""
    operand: str | None
    """Of a function: what it calls the value neurons that it reads, and that its errors go back to."""
    size: int
    name: str
    """``"prediction:x.value"``, ``"feedback:h1"``: with the name of the population's node, or of a step of it."""


@dataclass(frozen=True, eq=False)
class Branches:
    """The branches of a circuit in single units, by kind; those whose synapses do not count as such are left out."""

    units: UnitGraph
    names: list[str] = field(init=False)
    """Of populations."""

    def __post_init__(self) -> None:
        own = [p.name if isinstance(p, Source) else "" for p in self.units.populations]
        steps = step_names(self.units)
        names = [f"{source}.value" if source else step for source, step in zip(own, steps, strict=True)]
        object.__setattr__(self, "names", names)

    @cached_property
    def behind_sums(self) -> frozenset[int]:
        """Populations that sums read in the dendrite: what these read one to one are no synapses beside those."""
        populations = self.units.populations
        read: set[int] = set()
        for number in reversed(range(len(populations))):
            population = populations[number]
            if not isinstance(population, Source) and (number in read or isinstance(population, SynapticSum)):
                read.update(sources_of(population))
        return frozenset(read)

    def before(self, numbers: Iterable[int], back: bool = False) -> set[int]:
        """These populations and all that they depend on, or send errors ``back`` to."""
        reached: set[int] = set()
        open_ = list(numbers)
        while open_:
            number = open_.pop()
            if number in reached:
                continue
            reached.add(number)
            population = self.units.populations[number]
            if back and isinstance(population, UnitFunction):
                read = (population.operands[name] for name in population.derivatives)
                open_.extend(operand for operand in read if isinstance(operand, int))
            else:
                open_.extend(sources_of(population))
        return reached

    @cached_property
    def readers(self) -> list[list[tuple[int, str | None]]]:
        """Of each population, the sums that read it, and the functions that do, with the operand that it is."""
        readers: list[list[tuple[int, str | None]]] = [[] for _ in self.units.populations]
        for number, population in enumerate(self.units.populations):
            if isinstance(population, SynapticSum):
                readers[population.source].append((number, None))
            elif isinstance(population, UnitFunction):
                for name, operand in population.operands.items():
                    if isinstance(operand, int):
                        readers[operand].append((number, name))
        return readers

    def synapses_of(self, number: int) -> list[tuple[int, str | None]]:
        """The readers of a population by synapses: sums, and of value neurons functions that no sum is behind."""
        source = isinstance(self.units.populations[number], Source)
        return [
            (n, operand)
            for n, operand in self.readers[number]
            if operand is None or (source and n not in self.behind_sums)
        ]

    @cached_property
    def prediction(self) -> list[Branch]:
        """Populations whose activity is read by synapses."""
        populations = self.units.populations
        return [
            Branch(PREDICTION, number, None, populations[number].size, f"{PREDICTION}:{self.names[number]}")
            for number in range(len(populations))
            if self.synapses_of(number)
        ]

    @cached_property
    def returns(self) -> set[int]:
        """Populations through which errors go back, or to which, while no vertex is clamped."""
        return self.units.active() & self.before(self.units.predictions.values(), back=True)

    @cached_property
    def feedback(self) -> list[Branch]:
        """Sums and functions by whose synapses errors go back to what depends on a vertex."""
        returns, populations = self.returns, self.units.populations
        branches = []
        for number, population in enumerate(populations):
            if isinstance(population, SynapticSum) and number in returns:
                branches.append(Branch(FEEDBACK, number, None, population.size, f"{FEEDBACK}:{self.names[number]}"))
            elif isinstance(population, UnitFunction) and number in returns:
                for operand in population.derivatives:
                    source = population.operands[operand]
                    if isinstance(source, int) and source in returns and (number, operand) in self.synapses_of(source):
                        name = f"{FEEDBACK}:{self.names[number]}.{operand}"
                        branches.append(Branch(FEEDBACK, number, operand, population.size, name))
        return branches

    @cached_property
    def by_name(self) -> dict[str, Branch]:
        return {branch.name: branch for branch in (*self.prediction, *self.feedback)}

    @property
    def sizes(self) -> dict[str, int]:
        """Branch -> its units."""
        return {name: branch.size for name, branch in self.by_name.items()}

    @cached_property
    def of_values(self) -> Mapping[str, list[str]]:
        """Input, vertex or leaf -> the branches by which a change of its values goes on unit by unit: its own, and
        those of functions of it, once for each operand that leads to them."""
        names = {branch.number: branch.name for branch in self.prediction}
        leads: list[list[str]] = [[] for _ in self.units.populations]
        for number in reversed(range(len(self.units.populations))):
            own = [names[number]] if number in names else []
            leads[number] = own + [name for n, operand in self.readers[number] if operand for name in leads[n]]
        return {name: leads[number] for name, number in self.units.values.items()}
