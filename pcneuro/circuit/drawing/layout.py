"""Where populations stand in a picture and how projections run between them, in inches; y grows downwards.

The method of Sugiyama, Tagawa & Toda (1981): a layer for each depth, projections over several layers broken into short
ones, crossings reduced by barycentres, heights by least squares. What closes a cycle is laid out as if it ran the other
way, and turns above the two vertices at its ends. Wide pictures are broken into bands, like lines of text, where few
projections run from one to the next.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.optimize import isotonic_regression

from pcneuro.circuit.drawing.depths import Pair, depths
from pcneuro.circuit.drawing.style import OUTLINE_OF_ERRORS, RADIUS

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

_TRACK = 0.12
"""From the vertex, or the turn below it, to a projection that turns above a vertex."""
_PORT = 0.05
"""From one of those to the next where they leave or reach a symbol, if there is room."""

Place = str | tuple[int, int]
"""A vertex, or where a projection passes a layer: their numbers."""


@dataclass(frozen=True)
class Arrangement:
    """Middle of each vertex, points of the line along which each projection runs, from the parent to the child, which
    of these ``turn`` above both, and width and height of it all."""

    vertices: dict[str, tuple[float, float]]
    wires: list[np.ndarray]
    turn: frozenset[int]
    size: tuple[float, float]


@dataclass
class _Grid:
    """Layers of places in their order, and the links from each layer to the next.

    ``chains`` are the places of each projection from left to right. Those that run from right to left, or back to the
    same vertex, are ``turning`` above these vertices.
    """

    layers: list[list[Place]]
    links: list[list[tuple[Place, Place]]]
    chains: list[list[Place]]
    turning: dict[str, list[int]] = field(default_factory=dict)

    def extent(self, place: Place) -> tuple[float, float]:
        """Room above and below a place."""
        if not isinstance(place, str):
            return _WIRE, _WIRE
        return _ABOVE + _TRACK * len(self.turning.get(place, ())), _BELOW

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
    chains: list[list[Place]] = []
    turning: dict[str, list[int]] = {}
    for number, pair in enumerate(pairs):
        first, last = sorted(pair, key=depth.__getitem__)
        turns = (first, last) != pair or first == last
        for name in {first, last} if turns else ():
            turning.setdefault(name, []).append(number)
        passed: list[Place] = [(number, layer) for layer in range(depth[first] + 1, depth[last])]
        for layer, place in enumerate(passed, depth[first] + 1):
            # What turns above its ends begins above what it passes.
            layers[layer].insert(0 if turns else len(layers[layer]), place)
        chains.append([first, *passed, *([last] if last != first else [])])
        for layer, link in enumerate(pairwise(chains[-1]), depth[first]):
            links[layer].append(link)
    return _Grid(layers, links, chains, turning)


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


def _heights(grid: _Grid) -> dict[Place, float]:
    """Heights near the mean of the neighbours', in the given order and with room for each place."""
    offsets = []
    height: dict[Place, float] = {}
    for layer in grid.layers:
        extents = [grid.extent(place) for place in layer]
        steps = [0.0, *(a[1] + b[0] for a, b in pairwise(extents))]
        offsets.append(np.cumsum(steps))
        height.update(zip(layer, offsets[-1], strict=True))
    # No layer leaves the height that the fullest one needs, or a picture of many steps would drift up or down.
    tallest = max(
        o[-1] + grid.extent(layer[0])[0] + grid.extent(layer[-1])[1]
        for o, layer in zip(offsets, grid.layers, strict=True)
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
            room = tallest - offsets[i][-1] - grid.extent(layer[-1])[1]
            fitted = np.clip(fitted, grid.extent(layer[0])[0], room)
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


def _rounded(corners: Sequence[tuple[float, float]] | np.ndarray, radius: float = 0.12) -> np.ndarray:
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
            top = min(height[p] - grid.extent(p)[0] for p in places)
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
            self.bottom += max(height[p] + grid.extent(p)[1] for p in places) - top
            for i, (a, b) in enumerate(sorted(over, key=lambda link: height[link[0]])):
                # Nested turns: what leaves highest turns last, runs lowest, and enters highest again.
                late = len(over) - 1 - i
                gutter = self.bottom + _LANE * (late + 0.5)
                self.lanes[a, b] = [(edge + _LANE * (late + 1), gutter), (left - _LANE * (i + 1), gutter)]
            self.bottom += _LANE * (len(over) + 1) if over else 0.0

    def _towards(self, number: int, side: int) -> float:
        """Height at which a projection goes on from its first place (0), or comes to its last (-1)."""
        chain = self.grid.chains[number]
        here, there = (chain[0], chain[1]) if side == 0 else (chain[-1], chain[-2])
        link = (here, there) if side == 0 else (there, here)
        if link in self.lanes:
            return self.lanes[link][0][1] if side == 0 else -1.0
        return self.at[there][1]

    def _ports(self, side: int, turning: frozenset[int]) -> dict[int, float]:
        """Height above or below the middle of a symbol where each projection leaves (0) or enters (-1) it."""
        offsets: dict[int, float] = {}
        groups: dict[Place, list[tuple[float, int]]] = {}
        for number, chain in enumerate(self.grid.chains):
            if number not in turning:
                groups.setdefault(chain[side], []).append((self._towards(number, side), number))
        for group in groups.values():
            step = min(0.12, 1.5 * RADIUS / len(group))
            for i, (_, number) in enumerate(sorted(group)):
                offsets[number] = (i - (len(group) - 1) / 2) * step
        return offsets

    def _turns(self, name: str) -> dict[int, np.ndarray]:
        """Of each projection that turns above a vertex its corners there, from left to right.

        Innermost are those back to the vertex itself; each of the others is above what it would cross.
        """
        x, y = self.at[name]
        found: list[tuple[bool, float, int]] = []
        for number in self.grid.turning.get(name, ()):
            chain = self.grid.chains[number]
            found.append(
                (len(chain) > 1, -self._towards(number, 0 if chain[0] == name else -1) if len(chain) > 1 else 0, number)
            )
        corners: dict[int, np.ndarray] = {}
        for track, (leaves, _, number) in enumerate(sorted(found)):
            spread = (track - (len(found) - 1) / 2) * min(_PORT, RADIUS / len(found))
            top = y - RADIUS - _TRACK * (track + 1)
            into = (x - HALF - spread, y - OUTLINE_OF_ERRORS + abs(spread))
            out = (x + HALF + spread, y - float(np.sqrt(RADIUS**2 - spread**2)))
            begins = not leaves or self.grid.chains[number][0] == name
            ends = not leaves or self.grid.chains[number][-1] == name
            left = [into, (into[0], top)] if begins else [(x - HALF - RADIUS, top)]
            right = [(out[0], top), out] if ends else [(x + HALF + RADIUS, top)]
            corners[number] = np.array([*left, *right])
        return corners

    def _passed(self, chain: list[Place], start: tuple[float, float], stop: tuple[float, float]) -> list[np.ndarray]:
        """A line from a point through the places of a chain, but for the first and the last, to another point."""
        parts = []
        for a, b in pairwise(chain):
            x, y = self.at[b]
            end = stop if b == chain[-1] else (x - HALF - RADIUS, y)
            if (a, b) in self.lanes:
                (right, gutter), (left, _) = self.lanes[a, b]
                parts.append(_rounded([start, (right, start[1]), (right, gutter), (left, gutter), (left, end[1]), end]))
            else:
                parts.append(_curve(start, end))
            start = (x + HALF + RADIUS, y)
        return parts

    def layout(self) -> Arrangement:
        """Coordinates of everything."""
        turning = frozenset(number for numbers in self.grid.turning.values() for number in numbers)
        out, into = self._ports(0, turning), self._ports(-1, turning)
        turns = {name: self._turns(name) for name in self.grid.turning}
        wires = []
        for number, chain in enumerate(self.grid.chains):
            if number in turning:
                # It runs from the last of these places to the first.
                first, last = (turns[str(place)][number] for place in (chain[0], chain[-1]))
                there = (
                    [] if len(chain) == 1 else [*self._passed(chain, tuple(first[-1]), tuple(last[0])), _rounded(last)]
                )
                wires.append(np.vstack([_rounded(first), *there])[::-1])
            else:
                (x, y), (end, low) = self.at[chain[0]], self.at[chain[-1]]
                start = (x + HALF + float(np.sqrt(RADIUS**2 - out[number] ** 2)), y + out[number])
                wires.append(np.vstack(self._passed(chain, start, (end - HALF - RADIUS, low + into[number]))))
        vertices = {place: xy for place, xy in self.at.items() if isinstance(place, str)}
        return Arrangement(vertices, wires, turning, (self.right, self.bottom))


def arrange(names: Sequence[str], pairs: Sequence[Pair], width: float) -> Arrangement:
    """Lay out a circuit.

    Parameters
    ----------
    names
        Vertices and inputs, in the order in which those of a cycle are to be read.
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
