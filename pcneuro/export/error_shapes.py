"""In which shape errors go back through a circuit where synapses are convolutions, flat or as maps of channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.circuit.units import SynapticSum, UnitFunction, UnitGraph, sources_of
from pcneuro.export.sketch import Dense
from pcneuro.ops.base import Shape, size


@dataclass(frozen=True, eq=False)
class SynapticConvolution:
    """Synapses that are a convolution of stride 1 with a square kernel: (outputs, channels, k, k), groups spelled out.

    ``x`` and ``out`` are the shapes of what it reads and gives, (channels, height, width).
    """

    kernel: np.ndarray
    x: Shape
    out: Shape
    padding: Shape
    dilation: Shape

    @property
    def transposed(self) -> dict[str, Any]:
        """The convolution that goes the other way: the kernel turned round, channels and outputs exchanged."""
        reach = self.kernel.shape[-1] - 1
        return conv2d(
            np.ascontiguousarray(self.kernel.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]),
            self.out,
            tuple(d * reach - p for d, p in zip(self.dilation, self.padding, strict=True)),
            self.dilation,
        )


def conv2d(weight: np.ndarray | Dense, x: Shape, padding: Shape = (0, 0), dilation: Shape = (1, 1)) -> dict[str, Any]:
    """Fields of a Conv2d that reads x, of shape (channels, height, width)."""
    return {
        "input_shape": x[1:],
        "weight": weight,
        "stride": (1, 1),
        "padding": padding,
        "dilation": dilation,
        "groups": 1,
        "bias": np.zeros(weight.shape[0]),
    }


def convolution(units: UnitGraph, synapses: SynapticSum) -> SynapticConvolution | None:
    """The convolution that these synapses are, if its transpose is one of stride 1 over square maps."""
    graph = units.circuit.graph
    node = graph.nodes[synapses.node]
    settings = None if node.is_leaf else node.operator.description.convolution
    if settings is None or len(node.shape) != 3:
        return None
    x, w = (graph.nodes[o].shape for o in node.operands)
    padding, dilation, reach = settings["padding"], settings["dilation"], w[-1] - 1
    square = w[2] == w[3] and node.shape[1] == node.shape[2]
    fits = all(p <= d * reach for p, d in zip(padding, dilation, strict=True))
    if not square or not fits or settings["stride"] != (1, 1) or units.populations[synapses.source].size != size(x):
        return None
    o, *position = np.unravel_index(synapses.post, node.shape)
    c, *place = np.unravel_index(synapses.pre, x)
    taps = []
    for at, of, p, d in zip(position, place, padding, dilation, strict=True):
        tap, beside = np.divmod(of - at + p, d)
        if beside.any() or (tap < 0).any() or (tap > reach).any():
            return None
        taps.append(tap)
    weights = np.broadcast_to(synapses.weights.values, o.shape)
    kernel = np.zeros((w[0], x[0], *w[2:]))
    kernel[o, c, taps[0], taps[1]] = weights
    whole = synapses.pre.size == node.operator.connections(0, x, w)
    same = whole and np.array_equal(kernel[o, c, taps[0], taps[1]], weights)
    return SynapticConvolution(kernel, x, node.shape, padding, dilation) if same else None


class ErrorShapes:
    """The shape in which errors go through each population: (units,), or (channels, height, width).

    Populations that are joined unit by unit have one shape. It is a map where a convolution reads errors; then all that
    leads there from other errors must come as a map, too, since no primitive makes one of what is flat: a population
    that is none stands as (units, 1, 1), and dense synapses from there are a convolution with a kernel as large as the
    map. All else is flat.
    """

    def __init__(self, units: UnitGraph, active: set[int]) -> None:
        self.joined = list(range(len(units.populations)))
        synapses = []
        for number in sorted(active):
            population = units.populations[number]
            if isinstance(population, SynapticSum):
                synapses.append(number)
            for source in sources_of(population):
                if isinstance(population, UnitFunction) and source in active:
                    self._join(number, source)
        for name, number in units.predictions.items():
            self._join(number, units.values[name])
        self.shapes: dict[int, Shape] = {}
        self.convolutions: dict[int, SynapticConvolution] = {}
        for number in synapses:
            population = units.populations[number]
            assert isinstance(population, SynapticSum)
            synaptic = convolution(units, population)
            if synaptic is not None and self.shapes.setdefault(self._root(number), synaptic.out) == synaptic.out:
                self.convolutions[number] = synaptic
        self._lead(units, synapses)

    def _lead(self, units: UnitGraph, synapses: Sequence[int]) -> None:
        """Make maps of whatever leads to one."""
        before = -1
        while before < len(self.shapes):
            before = len(self.shapes)
            for number in synapses:
                population = units.populations[number]
                if self._root(next(sources_of(population))) in self.shapes:
                    self.shapes.setdefault(self._root(number), (population.size, 1, 1))

    def _root(self, number: int) -> int:
        while self.joined[number] != number:
            # Every way is halved while it is gone: long chains would take the square of their length.
            self.joined[number] = self.joined[self.joined[number]]
            number = self.joined[number]
        return number

    def _join(self, a: int, b: int) -> None:
        self.joined[self._root(a)] = self._root(b)

    def of(self, number: int, units: int) -> Shape:
        """Of a population of so many units."""
        return self.shapes.get(self._root(number), (units,))
