"""Where populations stand in a picture and how projections run between them, in inches; y grows downwards.

The method of Sugiyama, Tagawa & Toda (1981): a layer for each depth, projections over several layers broken into short
ones, crossings reduced by barycentres, heights by least squares. Wide pictures are broken into bands, like lines of
text, where few projections run from one to the next.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.optimize import isotonic_regression

RADIUS = 0.14
"""Of the neurons' symbols."""
HALF = 0.25
"""From the middle of a vertex to its error neurons on the left, and to its value neurons on the right."""
_ABOVE, _BELOW = 0.27, 0.52  # room for a vertex's symbols, and for these and its label
_WIRE = 0.13  # room on either side of a projection that passes
_GAP = 0.5  # between vertices of neighbouring layers, and more for each projection that climbs there
_CLIMB = 0.035
_LANE = 0.16  # for each projection that runs on to the next band
_SWEEPS = 24
COLUMNS = 8
"""Layers that a band has at most, where there are several."""
_MOST_COLUMNS = 10  # of a picture that is not broken into bands
_MOST_OVER_A_BREAK = 5

Pair = tuple[str, str]
Place = str | tuple[str, str, int]
"""A vertex, or where a projection (parent, child) passes a layer."""


@dataclass(frozen=True)
class Arrangement:
    """Middle of each vertex, points of the line along which each projection runs, and width and height of it all."""

    vertices: dict[str, tuple[float, float]]
    wires: dict[Pair, np.ndarray]
    size: tuple[float, float]


def depths(names: Sequence[str], pairs: Iterable[Pair]) -> dict[str, int]:
    """Layer of each vertex: behind all its parents, and, where it has none, just before the first of its children.

    ``names`` are in topological order, parents first.
    """
    parents: dict[str, list[str]] = {name: [] for name in names}
    children: dict[str, list[str]] = {name: [] for name in names}
    for parent, child in pairs:
        parents[child].append(parent)
        children[parent].append(child)
    depth_of: dict[str, int] = {}
    for name in names:
        depth_of[name] = 1 + max((depth_of[p] for p in parents[name]), default=-1)
    for name in names:
        if not parents[name] and children[name]:
            depth_of[name] = min(depth_of[c] for c in children[name]) - 1
    least = min(depth_of.values(), default=0)
    return {name: depth - least for name, depth in depth_of.items()}


def pieces(names: Sequence[str], pairs: Iterable[Pair]) -> int:
    """Number of lines from a layer to the next, of which all projections consist: the size of a picture."""
    pairs = list(pairs)
    depth = depths(names, pairs)
    return sum(depth[child] - depth[parent] for parent, child in pairs)


@dataclass
class _Grid:
    """Layers of places in their order, and the links from each layer to the next."""

    layers: list[list[Place]]
    links: list[list[tuple[Place, Place]]]
    chains: dict[Pair, list[Place]]

    @cached_property
    def neighbours(self) -> dict[int, dict[Place, list[Place]]]:
        """For each place those that it is linked to in the layer before (-1) or behind it (1)."""
        before: dict[Place, list[Place]] = {place: [] for layer in self.layers for place in layer}
        behind: dict[Place, list[Place]] = {place: [] for place in before}
        for links in self.links:
            for a, b in links:
                before[b].append(a)
                behind[a].append(b)
        return {-1: before, 1: behind}

    def crossings(self) -> int:
        """Number of pairs of links that cross."""
        total = 0
        for layer, links in enumerate(self.links):
            first = {place: i for i, place in enumerate(self.layers[layer])}
            second = {place: i for i, place in enumerate(self.layers[layer + 1])}
            ends: list[int] = []
            for _, end in sorted((first[p], second[q]) for p, q in links):
                # It crosses those that begin above it and end below it.
                total += len(ends) - bisect_right(ends, end)
                insort(ends, end)
        return total


def _grid(names: Sequence[str], pairs: Sequence[Pair]) -> _Grid:
    depth = depths(names, pairs)
    layers: list[list[Place]] = [[] for _ in range(1 + max(depth.values(), default=0))]
    for name in names:
        layers[depth[name]].append(name)
    links: list[list[tuple[Place, Place]]] = [[] for _ in layers[1:]]
    chains: dict[Pair, list[Place]] = {}
    for parent, child in pairs:
        chain: list[Place] = [(parent, child, layer) for layer in range(depth[parent] + 1, depth[child])]
        for place, layer in zip(chain, range(depth[parent] + 1, depth[child]), strict=True):
            layers[layer].append(place)
        chains[parent, child] = [parent, *chain, child]
        for layer, link in enumerate(pairwise(chains[parent, child]), depth[parent]):
            links[layer].append(link)
    return _Grid(layers, links, chains)


def _mean(numbers: list[float]) -> float:
    """Of a few numbers; NumPy's would take most of the time of a large picture."""
    return sum(numbers) / len(numbers)


def _reduce_crossings(grid: _Grid) -> None:
    """Order every layer by the mean position of its neighbours, to and fro, and keep the best order that turns up."""
    best, order = grid.crossings(), [list(layer) for layer in grid.layers]
    before: list[list[list[Place]]] = [[], order]
    for sweep in range(_SWEEPS):
        step = 1 if sweep % 2 else -1
        for layer in range(len(grid.layers))[::-step]:
            near = grid.neighbours[step]
            there = grid.layers[layer + step] if 0 <= layer + step < len(grid.layers) else []
            position = {place: i / max(len(there) - 1, 1) for i, place in enumerate(there)}
            here = {place: i / max(len(grid.layers[layer]) - 1, 1) for i, place in enumerate(grid.layers[layer])}
            key = {p: _mean([position[q] for q in near[p]]) if near[p] else here[p] for p in here}
            grid.layers[layer].sort(key=key.__getitem__)
        count = grid.crossings()
        if count < best:
            best, order = count, [list(layer) for layer in grid.layers]
        if grid.layers == before[0]:
            break  # the same as two sweeps ago: from here on nothing new turns up
        before = [before[1], [list(layer) for layer in grid.layers]]
    grid.layers = order


def _extent(place: Place) -> tuple[float, float]:
    """Room above and below a place."""
    return (_ABOVE, _BELOW) if isinstance(place, str) else (_WIRE, _WIRE)


def _heights(grid: _Grid) -> dict[Place, float]:
    """Heights near the mean of the neighbours', in the given order and with room for each place."""
    offsets = []
    height: dict[Place, float] = {}
    for layer in grid.layers:
        extents = [_extent(place) for place in layer]
        steps = [0.0, *(a[1] + b[0] for a, b in pairwise(extents))]
        offsets.append(np.cumsum(steps))
        height.update(zip(layer, offsets[-1], strict=True))
    # No layer leaves the height that the fullest one needs, or a picture of many steps would drift up or down.
    tallest = max(
        o[-1] + _extent(layer[0])[0] + _extent(layer[-1])[1] for o, layer in zip(offsets, grid.layers, strict=True)
    )
    for sweep in range(_SWEEPS):
        # To and fro first, then in balance between both sides.
        steps_taken = ((-1,), (1,))[sweep % 2] if sweep < _SWEEPS // 2 else (-1, 1)
        layers = range(len(grid.layers))
        for i in layers if sweep % 2 == 0 else reversed(layers):
            layer = grid.layers[i]
            near = [grid.neighbours[step] for step in steps_taken]
            wanted, weights = [], []
            for place in layer:
                linked = [q for neighbours in near for q in neighbours[place]]
                wanted.append(_mean([height[q] for q in linked]) if linked else height[place])
                # Projections that pass many layers should run straight.
                weights.append((1.0 if isinstance(place, str) else 4.0) if linked else 0.1)
            fitted = isotonic_regression(np.array(wanted) - offsets[i], weights=np.array(weights)).x
            room = tallest - offsets[i][-1] - _extent(layer[-1])[1]
            fitted = np.clip(fitted, _extent(layer[0])[0], room)
            height.update(zip(layer, fitted + offsets[i], strict=True))
    return height


def _bands(grid: _Grid) -> list[range]:
    """Layers of each band: as few bands as needed, broken where few projections run, of about the same width."""
    count = len(grid.layers)
    if count <= _MOST_COLUMNS:
        return [range(count)]
    wanted = -(-count // COLUMNS)
    mean = count / wanted
    best: dict[int, tuple[float, list[int]]] = {0: (0.0, [0])}
    for _ in range(wanted):
        reached: dict[int, tuple[float, list[int]]] = {}
        for start, (cost, breaks) in best.items():
            for end in range(start + 1, min(start + COLUMNS, count) + 1):
                over = len(grid.links[end - 1]) if end < count else 0
                total = cost + 2.0 * over**2 + (end - start - mean) ** 2
                if over <= _MOST_OVER_A_BREAK and total < reached.get(end, (np.inf, []))[0]:
                    reached[end] = (total, [*breaks, end])
        best = reached
    if count not in best:
        return [range(count)]
    return [range(a, b) for a, b in pairwise(best[count][1])]


def _curve(a: tuple[float, float], b: tuple[float, float]) -> np.ndarray:
    """Points of a cubic that leaves a and reaches b horizontally."""
    t = np.linspace(0, 1, 24)
    x = a[0] + (b[0] - a[0]) * (1.5 * t * (1 - t) + t**3)
    return np.column_stack([x, a[1] + (b[1] - a[1]) * t**2 * (3 - 2 * t)])


def _rounded(corners: Sequence[tuple[float, float]], radius: float = 0.12) -> np.ndarray:
    """Points of a line through corners that are cut by parabolas."""
    t = np.linspace(0, 1, 8)[:, None]
    points = [np.array(corners[:1])]
    for a, b, c in zip(*(np.array(corners)[i:] for i in range(3)), strict=False):
        before, behind = np.linalg.norm(a - b), np.linalg.norm(c - b)
        if before and behind:
            start, end = b + (a - b) * min(radius / before, 0.5), b + (c - b) * min(radius / behind, 0.5)
            points.append((1 - t) ** 2 * start + 2 * t * (1 - t) * b + t**2 * end)
    return np.vstack([*points, np.array(corners[-1:])])


class _Router:
    """Gives layers, bands and ports their coordinates, and draws the wires through them."""

    def __init__(self, grid: _Grid, width: float) -> None:
        self.grid, self.bands, height = grid, _bands(grid), _heights(grid)
        self.at: dict[Place, tuple[float, float]] = {}
        self.lanes: dict[tuple[Place, Place], list[tuple[float, float]]] = {}
        self.right = self.bottom = 0.0
        broken = [grid.links[band[-1]] if band[-1] < len(grid.links) else [] for band in self.bands]
        left = _LANE * (max(map(len, broken)) + 0.5) if any(broken) else 0.0
        for band, over in zip(self.bands, broken, strict=True):
            places = [place for layer in band for place in grid.layers[layer]]
            top = min(height[p] - _extent(p)[0] for p in places)
            x = left + width / 2
            for layer in band:
                for place in grid.layers[layer]:
                    self.at[place] = (x, self.bottom + height[place] - top)
                climbing = (
                    [1 for a, b in grid.links[layer] if abs(height[a] - height[b]) > 0.3] if layer < band[-1] else []
                )
                x += width + _GAP + _CLIMB * max(len(climbing) - 2, 0)
            edge = x - _GAP - width / 2
            self.right = max(self.right, edge + _LANE * (len(over) + 0.5 if over else 0))
            self.bottom += max(height[p] + _extent(p)[1] for p in places) - top
            for i, (a, b) in enumerate(sorted(over, key=lambda link: height[link[0]])):
                # Nested turns: what leaves highest turns last, runs lowest, and enters highest again.
                late = len(over) - 1 - i
                gutter = self.bottom + _LANE * (late + 0.5)
                self.lanes[a, b] = [(edge + _LANE * (late + 1), gutter), (left - _LANE * (i + 1), gutter)]
            self.bottom += _LANE * (len(over) + 1) if over else 0.0

    def _ports(self, side: int) -> dict[Pair, float]:
        """Height above or below the middle of a symbol where each projection leaves (0) or enters (-1) it."""
        offsets: dict[Pair, float] = {}
        groups: dict[Place, list[tuple[float, Pair]]] = {}
        for pair, chain in self.grid.chains.items():
            here, there = (chain[0], chain[1]) if side == 0 else (chain[-1], chain[-2])
            link = (here, there) if side == 0 else (there, here)
            y = self.lanes[link][0][1] if link in self.lanes else self.at[there][1]
            groups.setdefault(here, []).append((y if side == 0 or link not in self.lanes else -1.0, pair))
        for group in groups.values():
            step = min(0.12, 1.5 * RADIUS / len(group))
            for i, (_, pair) in enumerate(sorted(group)):
                offsets[pair] = (i - (len(group) - 1) / 2) * step
        return offsets

    def layout(self) -> Arrangement:
        """Coordinates of everything."""
        out, into = self._ports(0), self._ports(-1)
        wires = {}
        for pair, chain in self.grid.chains.items():
            x, y = self.at[chain[0]]
            end = (x + HALF + float(np.sqrt(RADIUS**2 - out[pair] ** 2)), y + out[pair])
            parts = []
            for a, b in pairwise(chain):
                x, y = self.at[b]
                last = b == chain[-1]
                start = (x - HALF - RADIUS, y + into[pair]) if last else (x - HALF - RADIUS, y)
                if (a, b) in self.lanes:
                    (right, gutter), (left, _) = self.lanes[a, b]
                    parts.append(
                        _rounded([end, (right, end[1]), (right, gutter), (left, gutter), (left, start[1]), start])
                    )
                else:
                    parts.append(_curve(end, start))
                end = (x + HALF + RADIUS, y)
            wires[pair] = np.vstack(parts)
        vertices = {place: xy for place, xy in self.at.items() if isinstance(place, str)}
        return Arrangement(vertices, wires, (self.right, self.bottom))


def arrange(names: Sequence[str], pairs: Sequence[Pair], width: float) -> Arrangement:
    """Lay out a circuit.

    Parameters
    ----------
    names
        Vertices and inputs in topological order.
    pairs
        (parent, child) of each projection.
    width
        Room for a vertex with its label, in inches.
    """
    grid = _grid(names, pairs)
    _reduce_crossings(grid)
    return _Router(grid, max(width, 2 * (HALF + RADIUS))).layout()


def shifted(wire: np.ndarray, distance: float) -> np.ndarray:
    """A wire beside a wire: its points moved by ``distance`` to the right of the direction in which it runs."""
    along = np.gradient(wire, axis=0)
    length = np.hypot(*along.T)
    length[length == 0] = 1.0
    return wire + distance * np.column_stack([-along[:, 1], along[:, 0]]) / length[:, None]


def halfway(wire: np.ndarray) -> np.ndarray:
    """The point in the middle of a wire."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(wire, axis=0).T))])
    return np.array([np.interp(length[-1] / 2, length, wire[:, i]) for i in (0, 1)])
