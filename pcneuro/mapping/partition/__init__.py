"""Neurons divided among the cores of a chip, one strategy a file."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.mapping.partition.abstract import STRATEGIES, AbstractStrategy
from pcneuro.mapping.partition.dividing import Candidate, Division, divide, started
from pcneuro.mapping.partition.greedy import Greedy
from pcneuro.mapping.partition.hypergraph_partitioner import HypergraphPartitioner
from pcneuro.mapping.partition.natural import NaturalOrder
from pcneuro.mapping.partition.random_order import RandomOrder

# A file that is put here is found by itself: its classes register where ``abstract`` keeps them.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "STRATEGIES",
    "AbstractStrategy",
    "Candidate",
    "Division",
    "Greedy",
    "HypergraphPartitioner",
    "NaturalOrder",
    "RandomOrder",
    "divide",
    "started",
]
