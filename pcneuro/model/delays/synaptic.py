"""A delay of its own for each synapse, or each weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.errors import ParameterError, ShapeError, told
from pcneuro.model.delays.abstract import AbstractDelay, DelaysInTurn, Places, edge_text
from pcneuro.quantities import in_ms, plain


@dataclass(frozen=True, eq=False)
class SynapticDelays(AbstractDelay):
    """A delay for each synapse.

    Parameters
    ----------
    values
        Delays in ms, none negative. Of the shape of a projection's weights: ``values[i, j]`` is the delay of the
        synapse that has the weight ``W[i, j]``, for ``h @ W`` that from unit i to unit j, whichever direction it is
        for; synapses that share a weight, as those of a convolution do, share its delay. Of the shape of a population
        that is read one to one: a delay for each of its units. Else a vector with one for each synapse, in the order
        of ``pcneuro.circuit.synapses.synapse_groups``.

    Raises ParameterError for what is no array of finite numbers that are not negative, and where there are none;
    ShapeError for a single number.

    Examples
    --------
    >>> pcn.SynapticDelays(np.array([[1.0, 2.0], [3.0, 4.0]])).values.max()  # ms
    np.float64(4.0)
    """

    values: np.ndarray

    def __post_init__(self) -> None:
        values = plain("SynapticDelays", in_ms("SynapticDelays", self.values))
        try:
            array = np.array(values)
        except ValueError:
            array = np.array(None)
        if array.dtype.kind not in "iuf":
            raise ParameterError(f"SynapticDelays of {told(self.values)}; give an array of numbers, in ms")
        if not array.ndim:
            raise ShapeError(f"SynapticDelays of the one number {array}; for all synapses alike use ConstantDelay")
        array = array.astype(np.float64)
        if not array.size:
            raise ParameterError(f"SynapticDelays of an empty array, of shape {array.shape}; give at least one delay")
        if not (np.isfinite(array).all() and (array >= 0).all()):
            wrong = array[~(np.isfinite(array) & (array >= 0))][0]
            raise ParameterError(f"SynapticDelays has a delay of {wrong:g} ms; give finite ones, not negative")
        array.flags.writeable = False
        object.__setattr__(self, "values", array)

    @property
    def rounds(self) -> bool:
        return False

    @property
    def zero(self) -> bool:
        return not self.values.any()

    def of(self, synapses: int, key: str) -> np.ndarray:
        if self.values.shape != (synapses,):
            raise ShapeError(f"{edge_text(key)}: its delays have shape {self.values.shape}; needed is {(synapses,)}")
        return self.values

    def at(self, places: Places, key: str) -> np.ndarray:
        if self.values.shape == places.shape:
            return self.values.ravel()[slice(None) if places.index is None else places.index]
        if self.values.shape != (places.count,):
            more = "" if places.shape in (None, (places.count,)) else f", or {places.shape} as its weights"
            raise ShapeError(
                f"{edge_text(key)}: its delays have shape {self.values.shape}; needed is {(places.count,)}{more}"
            )
        return self.values

    def in_turn(self, places: Places, key: str) -> DelaysInTurn:
        in_order = super().in_turn(Places(places.count, places.shape), key)
        if self.values.shape != places.shape:
            return in_order
        flat = self.values.ravel()
        return lambda count, index: in_order(count, None) if index is None else flat[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SynapticDelays) and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((self.values.shape, self.values.tobytes()))

    def __repr__(self) -> str:
        low, high = self.values.min(), self.values.max()
        return f"SynapticDelays(<{low:g} to {high:g} ms, of shape {self.values.shape}>)"
