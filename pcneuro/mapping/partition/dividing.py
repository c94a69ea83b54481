"""Neurons are divided among cores: several strategies, each improved, and the best of them is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from pcneuro.errors import CapacityError, ParameterError, check_object
from pcneuro.mapping.axons import Axons
from pcneuro.mapping.counting import destinations
from pcneuro.mapping.limit_words import APART, WORDS, beyond
from pcneuro.mapping.limits import Limits
from pcneuro.mapping.partition.abstract import STRATEGIES, AbstractStrategy
from pcneuro.mapping.partition.natural import natural_order
from pcneuro.mapping.partition.problem import Problem
from pcneuro.mapping.partition.refinement import Divided, refined

_HOT, _COLD = 0.3, 0.03
"""Temperatures from ... to, times the square root of a node's mean number of axons: by so much does a step's cost
vary."""
_ANNEALED = 10
"""Sweeps from which on some are at a temperature; fewer only go downhill."""


UNREFINED = "natural unrefined"
"""What natural order is called where nothing is improved in it."""


@final
@dataclass(frozen=True, eq=False)
class Candidate:
    """The best division that one strategy has come to."""

    strategy: str
    core: np.ndarray
    """(neurons,) int64: the core of each, all cores in use."""
    beyond: int
    """By how much it is beyond limits, summed over cores."""


@final
@dataclass(frozen=True, eq=False)
class Division:
    """Neurons among cores: the division that was chosen, and all that it was chosen among."""

    chosen: Candidate
    candidates: tuple[Candidate, ...]
    """Natural order as it is packed, and the best of each strategy that was tried."""
    strategies: tuple[AbstractStrategy, ...]
    """Those that were tried, or would have been, were there more than one core."""

    @property
    def core(self) -> np.ndarray:
        """(neurons,) int64: the core of each neuron."""
        return self.chosen.core


def divide(
    axons: Axons,
    limits: Limits,
    sends: np.ndarray,
    *,
    strategies: Sequence[AbstractStrategy] | None = None,
    cores: int | None = None,
    most: int | None = None,
    seed: int = 0,
    together: bool = True,
    sweeps: int | None = None,
) -> Division:
    """Divide neurons among cores so that few packets pass between cores.

    ``sends`` (axons,) says how often each axon sends. Each of the ``strategies`` (None: all that are worth their time)
    gives starts, which are improved by ``sweeps`` over all nodes (None: as many as their size allows; 0: none). The
    best is taken; it never has more packets than natural order, and no core is beyond a limit. Value and error neuron
    of a unit stay ``together``. There are as many cores as natural order takes, or ``cores`` at most; where a chip
    has ``most``, and natural order would take more, its populations follow each other without a gap. The same
    arguments and installed libraries give the same cores, in any number of threads.

    Raises CapacityError if natural order takes more than ``cores`` or ``most`` even so, or something is too much for
    any core, and ParameterError for what is no strategy.
    """
    for strategy in strategies or ():
        check_object("strategies", strategy, AbstractStrategy)
    if sends.shape != axons.neuron.shape:
        raise ParameterError(f"sends need a number for each of {axons.neuron.size} axons, got shape {sends.shape}")
    if not axons.neurons:
        nothing = Candidate(UNREFINED, np.zeros(0, dtype=np.int64), 0)
        return Division(nothing, (nothing,), tuple(strategies or ()))
    _check_fan_in(axons, limits)
    problem = Problem.of(axons, limits, sends, together)
    natural, taken = natural_order(problem, most if cores is None else cores)
    number = taken if cores is None else cores
    if strategies is None:
        strategies = [kind() for _, kind in sorted(STRATEGIES.items()) if kind().worthwhile(problem)]
    found = {UNREFINED: problem.divided(natural)}
    if number > 1 and strategies:
        temperatures = _cooling(problem, problem.sweeps if sweeps is None else sweeps)
        for strategy in strategies:
            for start in strategy.starts(problem, natural, number, seed):
                divided = refined(problem.nets, start, number, problem.limit, temperatures, seed=seed)
                found[strategy.name] = min(found.get(strategy.name, divided), divided, key=_rank)
    best = min(found, key=lambda name: found[name].rank)
    if found[best].beyond:
        raise _beyond(problem, found[best])
    candidates = {name: _candidate(problem, name, divided) for name, divided in found.items()}
    return Division(candidates[best], tuple(candidates.values()), tuple(strategies))


def _candidate(problem: Problem, strategy: str, divided: Divided) -> Candidate:
    # A core that has been emptied is none.
    _, core = np.unique(divided.core, return_inverse=True)
    return Candidate(strategy, core[problem.node], divided.beyond)


def started(
    axons: Axons,
    limits: Limits,
    sends: np.ndarray,
    strategy: AbstractStrategy,
    cores: int,
    *,
    most: int | None = None,
    seed: int = 0,
    together: bool = True,
) -> np.ndarray:
    """The first start of a strategy as it is, (neurons,) int64, to compare with; it may be beyond limits.

    There are so many ``cores``; natural order takes what it takes, up to ``most`` (None: up to ``cores``). Raises
    CapacityError where it takes more.
    """
    if not axons.neurons:
        return np.zeros(0, dtype=np.int64)
    problem = Problem.of(axons, limits, sends, together)
    natural, _ = natural_order(problem, cores if most is None else most)
    return next(strategy.starts(problem, natural, cores, seed))[problem.node]


def _rank(divided: Divided) -> tuple[int, float]:
    return divided.rank


def _cooling(problem: Problem, sweeps: int) -> np.ndarray:
    """The temperature of each sweep: none for the last."""
    if sweeps < _ANNEALED:
        return np.zeros(sweeps)
    downhill = sweeps // _ANNEALED
    scale = (problem.pins / problem.nodes) ** 0.5
    return np.append(np.geomspace(_HOT * scale, _COLD * scale, sweeps - downhill), np.zeros(downhill))


def _beyond(problem: Problem, best: Divided) -> CapacityError:
    """The error for limits that no division was found to be within."""
    axons, core = problem.axons, best.core[problem.node]
    at = destinations(axons, core)
    excess = problem.limits.excess(at)
    name = max(excess, key=lambda name: excess[name].max() / getattr(problem.limits, name))
    number, limit = int(problem.limits.used(at)[name].max()), getattr(problem.limits, name)
    if name == "destinations":
        where = axons.population[axons.neuron[np.diff(at.begin).argmax()]]
    else:
        where = np.bincount(axons.population[core == excess[name].argmax()]).argmax()
    apart = f"{APART}, " if problem.nodes < axons.neurons else ""
    return CapacityError(
        f"no division among cores was found within all limits: in the best, at {axons.populations[where]!r} are "
        f"{beyond(name, number, limit)}: {apart}{WORDS[name].circuit}"
    )


def _check_fan_in(axons: Axons, limits: Limits) -> None:
    if limits.fan_in is None:
        return
    neuron = int(np.argmax(axons.fan_in))
    if axons.fan_in[neuron] > limits.fan_in:
        raise CapacityError(
            f"a neuron of {axons.populations[axons.population[neuron]]!r} has "
            f"{beyond('fan_in', axons.fan_in[neuron], limits.fan_in)}: {WORDS['fan_in'].neuron}"
        )
