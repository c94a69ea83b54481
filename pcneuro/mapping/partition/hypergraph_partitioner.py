"""Mt-KaHyPar, a hypergraph partitioner: its objective (KM1) is the packets between cores."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from pcneuro.errors import MissingExtraError
from pcneuro.kernels.mapping.structures import COMPARTMENTS
from pcneuro.mapping.partition.abstract import AbstractStrategy
from pcneuro.mapping.partition.problem import Problem

_LIBRARY = "mtkahypar"
_LARGEST = 1e6
"""Pins of what it is given unless asked for: they pass through lists of Python."""
_EVENNESS = 0.03
"""As in its papers; what counts are the cores' compartments, which are told apart from it."""
_STEPS = 2**20
"""The largest number of sends of an axon becomes this whole number, if numbers of sends are not whole or larger."""


class HypergraphPartitioner(AbstractStrategy):
    """Mt-KaHyPar (Gottesbüren et al. 2021): a division of its own, and the natural one improved by it.

    Nets are axons that send, with the node where they begin as a pin. Its deterministic preset repeats to the byte; the
    default one does not, in one thread either.

    Examples
    --------
    >>> pcn.mapping.HypergraphPartitioner().name
    'mtkahypar'
    """

    name = "mtkahypar"

    def starts(self, problem: Problem, natural: np.ndarray, cores: int, seed: int) -> Iterator[np.ndarray]:
        nets = problem.nets
        used = np.flatnonzero((nets.sends > 0) & (np.diff(nets.first) > 1))
        if cores < 2 or cores >= problem.nodes or not used.size:
            return
        library = _initialized()
        module = importlib.import_module(_LIBRARY)
        module.set_seed(seed)
        context = library.context_from_preset(module.PresetType.DETERMINISTIC)
        context.set_partitioning_parameters(cores, _EVENNESS, module.Objective.KM1)
        context.set_individual_target_block_weights([int(problem.limit[COMPARTMENTS])] * cores)
        context.logging = False
        pins = [nets.pin[nets.first[e] : nets.first[e + 1]].tolist() for e in used]
        hypergraph = library.create_hypergraph(
            context, problem.nodes, used.size, pins, nets.size.tolist(), _whole(nets.sends[used]).tolist()
        )
        yield np.array(hypergraph.partition(context).get_partition(), dtype=np.int64)
        given = hypergraph.create_partitioned_hypergraph(context, cores, natural.tolist())
        given.improve_partition(context, 1)
        yield np.array(given.get_partition(), dtype=np.int64)

    def worthwhile(self, problem: Problem) -> bool:
        return problem.pins <= _LARGEST and importlib.util.find_spec(_LIBRARY) is not None


@cache
def _initialized() -> Any:
    """The library, once in a process, with one thread. Raises MissingExtraError with the command that installs it."""
    try:
        return importlib.import_module(_LIBRARY).initialize(1)
    except ImportError as error:
        raise MissingExtraError(
            f"the strategy mtkahypar needs its library ({error}): python -m pip install 'pcneuro[mapping]'"
        ) from None


def _whole(sends: np.ndarray) -> np.ndarray:
    """Whole numbers from 1 up in proportion to the sends, the same ones where these are whole already."""
    if sends.max() <= _STEPS and (sends == np.rint(sends)).all():
        return sends.astype(np.int64)
    return np.maximum(np.rint(sends * (_STEPS / sends.max())), 1).astype(np.int64)
