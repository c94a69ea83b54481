"""The backward graph of a circuit in single units, and the one walk over it: rows of errors back to all populations.

It is the list of ``circuit.feedback``, one level down. Back through synapses goes ``W^T adjoint``, back through a
function its derivative times the adjoint; and from a vertex its error, to what computes its prediction.

To walk it, give a ``UnitWalk`` the list of a unit graph, activities and errors:

    adjoints = UnitWalk(units.feedback, activity, errors).walk()    # one array (1, units) a population

or derive a final class from ``AbstractUnitWalk`` that says what goes back from a vertex (``error``) and what slopes
functions have (``slope``); and, where it differs, what weights are (``weights``), what a synapse that learns has seen
(``presynaptic``), and where what goes back is put (``deliver``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pcneuro.circuit.units.populations import Population, Source, SynapticSum, UnitFunction, summed


@dataclass(frozen=True, eq=False)
class SynapsePull:
    """Back through the synapses of population ``number``; ``learned`` is the population of their weights, if any."""

    number: int
    synapses: SynapticSum
    learned: int | None

    @property
    def source(self) -> int:
        """The population that it goes back to."""
        return self.synapses.source

    @property
    def place(self) -> tuple[int, None]:
        """Population and operand, as a ``SynapseGroup`` has them."""
        return self.number, None

    @property
    def entries(self) -> np.ndarray:
        """Synapse -> the entry of the learned population that is its weight."""
        weights = self.synapses.weights
        entries = np.arange(weights.values.size) if weights.index is None else weights.index
        return np.broadcast_to(entries, self.synapses.pre.shape)


@dataclass(frozen=True, eq=False)
class SlopePull:
    """Back through the function of population ``number``, by its ``derivative`` by one operand."""

    number: int
    function: UnitFunction
    operand: str
    source: int
    derivative: Any

    @property
    def place(self) -> tuple[int, str]:
        """Population and operand, as a ``SynapseGroup`` has them."""
        return self.number, self.operand


UnitPull = SynapsePull | SlopePull


@dataclass(frozen=True, eq=False)
class UnitStation:
    """A population on the way back, with the pulls that leave it.

    The value neurons of a vertex that has a ``prediction`` are where its error begins, which leaves for the population
    that computes the prediction.
    """

    number: int
    population: Population
    pulls: tuple[UnitPull, ...]
    prediction: int | None = None


def list_stations(
    populations: Sequence[Population], predictions: Mapping[str, int], learned: Mapping[str, int]
) -> tuple[UnitStation, ...]:
    """The backward graph: all populations, last to first. ``learned``: parameter -> its population, if it has one."""
    return tuple(
        UnitStation(
            number,
            population,
            _pulls(number, population, learned),
            predictions.get(population.name) if isinstance(population, Source) else None,
        )
        for number, population in reversed(list(enumerate(populations)))
    )


def _pulls(number: int, population: Population, learned: Mapping[str, int]) -> tuple[UnitPull, ...]:
    if isinstance(population, SynapticSum):
        parameter = population.table.parameter
        return (SynapsePull(number, population, None if parameter is None else learned.get(parameter)),)
    if isinstance(population, UnitFunction):
        read = ((k, population.operands[k], derivative) for k, derivative in population.derivatives.items())
        return tuple(SlopePull(number, population, k, x, slope) for k, x, slope in read if isinstance(x, int))
    return ()


def leading_to(stations: Sequence[UnitStation], wanted: Container[int]) -> list[UnitStation]:
    """The same way, without the pulls to other populations than those ``wanted``."""
    return [replace(s, pulls=tuple(pull for pull in s.pulls if pull.source in wanted)) for s in stations]


class AbstractUnitWalk(ABC):
    """One walk from errors back to all populations, for several rows at once: samples, or kinds of errors."""

    def __init__(self, stations: Sequence[UnitStation], rows: int) -> None:
        self.stations = stations
        self.adjoints = [np.zeros((rows, station.population.size)) for station in reversed(stations)]
        """What has come back to each population so far, (rows, units)."""

    def walk(self) -> list[np.ndarray]:
        """Add up what comes back to every population: ``adjoints``."""
        for station in self.stations:
            adjoint = self.adjoints[station.number]
            if station.prediction is not None:
                assert isinstance(station.population, Source)
                self.adjoints[station.prediction] += self.error(station.population.name, adjoint)
            for pull in station.pulls:
                if isinstance(pull, SynapsePull):
                    self._through_synapses(pull, adjoint[:, pull.synapses.post])
                else:
                    self.deliver(pull, self.slope(pull) * adjoint)
        return self.adjoints

    def _through_synapses(self, pull: SynapsePull, behind: np.ndarray) -> None:
        self.deliver(pull, self.weights(pull) * behind)
        if pull.learned is not None:
            before = self.presynaptic(pull)
            if before is not None:
                learned = self.adjoints[pull.learned]
                learned += summed(before * behind, pull.entries, learned.shape[1])

    @abstractmethod
    def error(self, vertex: str, adjoint: np.ndarray) -> np.ndarray:
        """What goes back from the error of a vertex, to whose value neurons ``adjoint`` has come back."""

    @abstractmethod
    def slope(self, pull: SlopePull) -> np.ndarray:
        """The derivative, (rows, units) or (units,)."""

    def weights(self, pull: SynapsePull) -> np.ndarray:
        """Weights of synapses, (synapses,) or one for all."""
        return pull.synapses.weights.values

    def presynaptic(self, pull: SynapsePull) -> np.ndarray | None:
        """What synapses that learn have seen, (rows, synapses) or (synapses,); None where nothing is learned."""
        return None

    def deliver(self, pull: UnitPull, back: np.ndarray) -> None:
        """Put what goes back, (rows, synapses) or for a function (rows, units), where it goes to: here at once."""
        adjoint = self.adjoints[pull.source]
        if isinstance(pull, SynapsePull):
            back = summed(back, pull.synapses.pre, adjoint.shape[1])
        adjoint += back


class UnitWalk(AbstractUnitWalk):
    """The exact way back of one sample, at the ``activity`` of its populations.

    An error that is not among ``errors`` (vertex -> (units,)) is at its equilibrium under fixed prediction: it is its
    vertex' feedback.
    """

    def __init__(
        self, stations: Sequence[UnitStation], activity: Sequence[np.ndarray], errors: Mapping[str, np.ndarray]
    ) -> None:
        super().__init__(stations, 1)
        self.activity, self.errors = activity, errors

    def error(self, vertex: str, adjoint: np.ndarray) -> np.ndarray:
        return self.errors.get(vertex, adjoint)

    def slope(self, pull: SlopePull) -> np.ndarray:
        return pull.function.evaluated(pull.derivative, self.activity, out=self.activity[pull.number])
