"""What a mapping has: a dataset, the chip, and the numbers that are asked for most."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pcneuro.errors import unknown_name
from pcneuro.mapping.chips import Chip
from pcneuro.mapping.formatting import counts_only
from pcneuro.mapping.schema import BOUND, BOUNDS, PART

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, eq=False)
class AbstractMapping(ABC):
    """A circuit on a chip: where every neuron is, and what it sends from there costs (see ``Mapping``)."""

    data: xarray.Dataset
    chip: Chip

    @property
    def packets(self) -> float:
        """Packets between cores in a sample."""
        return float(self.data["packets"])

    @property
    def hops(self) -> float:
        """Hops of all packets of a sample."""
        return float(self.data["hops_east_west"] + self.data["hops_north_south"])

    @property
    def synops(self) -> float:
        """Synaptic operations of a sample."""
        return float(self.data["synops"])

    @property
    def energy(self) -> tuple[float, float]:
        """Of a sample in pJ, by the lowest and the highest prices: of what is priced; NaN where nothing is."""
        return self._total("energy")

    @property
    def energy_gradient(self) -> tuple[float, float]:
        """The same of a gradient: a sample, and one update of the weights."""
        return self._total("energy_gradient")

    @property
    def time(self) -> tuple[float, float]:
        """Of a sample in ns, lowest and highest; NaN where it is not known."""
        low, high = self.data["time"].values.tolist()
        return low, high

    def core(self, population: str) -> np.ndarray:
        """(units,) int64: the core of each unit of a population. Raises UnknownNameError."""
        names = [str(name) for name in self.data["population_name"].values]
        if population not in names:
            raise unknown_name("population of the mapping", population, names)
        return self.data["core_of"].values[self.data["population"].values == names.index(population)]

    def _total(self, name: str) -> tuple[float, float]:
        energies = self.data[name]
        low, high = (float(energies.sel({BOUND: bound}).sum(PART)) for bound in BOUNDS)
        return (float("nan"), float("nan")) if counts_only(self.data) else (low, high)
