"""Mapping to a chip: a million neurons on a thousand cores, and packets beside those of other partitioners.

    python benchmarks/mapping.py large [--neurons 1048576] [--fan-out 96] [--cores 1024] [--out results/benchmarks]
    python benchmarks/mapping.py peers [--runs 3] [--out results/benchmarks]

``large``: layers with local synapses, in natural order; counted and placed, then divided with improvement, counted and
placed. Memory is the peak of the process, less the wiring. ``peers``: 4,096 neurons in four layers, shuffled, on 64
cores, by our strategies and, where they are installed, Mt-KaHyPar, METIS (pymetis) and KaHIP (kahip).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from machine import median_and_spread, report
from worker import peak

from pcneuro.mapping.axons import Axons
from pcneuro.mapping.counting import destinations
from pcneuro.mapping.limits import Limits
from pcneuro.mapping.mesh import Mesh
from pcneuro.mapping.partition import Greedy, HypergraphPartitioner, NaturalOrder, RandomOrder, divide, started
from pcneuro.mapping.placement import hop_cost, place, snake

ROOT = Path(__file__).parent.parent
PRICES = 3.0, 4.2
"""pJ of a hop east or west, and north or south, on Loihi."""
SHARE = 0.05
"""Of synapses that end anywhere in a layer."""
PART = 2**16
"""Neurons whose synapses are made at a time."""
PEERS = {"neurons": 4096, "layers": 4, "fan_out": 60, "window": 64, "cores": 64}
EVENNESS = 0.03
"""How much fuller than the mean a core may be: what the other partitioners are told, too."""


def layered(neurons: int, layers: int, fan_out: int, window: int, seed: int = 0) -> Axons:
    """Layers of one size, each neuron with synapses in a window of the next and the last one, some anywhere there."""
    rng = np.random.default_rng(seed)
    size = neurons // layers
    target = np.empty(neurons * fan_out, dtype=np.int32)
    for begin in range(0, neurons, PART):
        neuron = np.arange(begin, min(begin + PART, neurons))[:, None]
        layer, place = np.divmod(neuron, size)
        step = np.where(np.arange(fan_out) % 2, 1, -1)
        there = np.where((layer + step < 0) | (layer + step >= layers), layer - step, layer + step)
        near = (place + rng.integers(-window // 2, window // 2, (neuron.size, fan_out), dtype=np.int32)) % size
        away = rng.random((neuron.size, fan_out), dtype=np.float32) < SHARE
        near[away] = rng.integers(size, size=int(away.sum()))
        target[begin * fan_out : (begin + neuron.size) * fan_out] = np.sort(there * size + near, axis=1).ravel()
    return Axons(
        tuple(f"layer{k}" for k in range(layers)),
        (size,) * layers,
        np.arange(neurons),
        np.arange(neurons),
        np.zeros(neurons, dtype=np.uint8),
        np.arange(neurons + 1) * fan_out,
        target,
    )


def shuffled(axons: Axons, sends: np.ndarray, seed: int = 0) -> tuple[Axons, np.ndarray]:
    """The same network with its neurons in random order, in one population."""
    order = np.random.default_rng(seed).permutation(axons.neurons)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    rows = rank[axons.target.reshape(axons.neurons, -1)][order]
    target = np.sort(rows, axis=1).ravel().astype(np.int32)
    mixed = Axons(("all",), (axons.neurons,), axons.unit, axons.neuron, axons.kind, axons.first, target)
    return mixed, sends[order]


def large(options: argparse.Namespace) -> None:
    """Count and place, divide, count and place."""
    # What is compiled is compiled before.
    small = layered(4096, 8, 8, 64)
    _steps(small, np.ones(4096), Limits(64), Mesh(8, 8))
    axons = layered(options.neurons, 8, options.fan_out, 256)
    sends = np.random.default_rng(1).poisson(5.0, options.neurons).astype(float)
    wiring = sum(array.nbytes for array in (axons.target, axons.first, axons.neuron, axons.unit, axons.kind))
    side = int(options.cores**0.5)
    limits = Limits(-(-options.neurons // options.cores))
    rows = _steps(axons, sends, limits, Mesh(options.cores // side, side))
    for row in rows:
        row[-1] = f"{(row[-1] - wiring) / 1e9:.2f}"
    header = [
        "",
        "neurons",
        "synapses",
        "cores",
        "s",
        "packets",
        "hop cost",
        "of the snake",
        "peak GB beside the wiring",
    ]
    report("Mapping, large", header, rows, options.out / "mapping_large.json")


def _steps(axons: Axons, sends: np.ndarray, limits: Limits, mesh: Mesh) -> list[list]:
    rows = []
    for what, division in (
        ("counted and placed", {"strategies": [], "sweeps": 0}),
        ("refined, counted and placed", {}),
    ):
        begun = time.perf_counter()
        core = divide(axons, limits, sends, cores=mesh.slots, **division).core
        at = destinations(axons, core, int(core.max()) + 1)
        slot = place(at, mesh, sends, *PRICES)
        seconds = time.perf_counter() - begun
        traffic = at.traffic(sends)
        cost, along = (hop_cost(mesh, slots[: at.cores], *traffic, *PRICES) for slots in (slot, snake(mesh)))
        packets = f"{at.packets(sends):,.0f}"
        facts = [f"{axons.neurons:,}", f"{axons.synapses:,}", at.cores, f"{seconds:.1f}", packets]
        rows.append([what, *facts, f"{cost:.4g}", f"{cost / along:.3f}", peak()])
    return rows


def peers(options: argparse.Namespace) -> None:
    """Divide the shuffled network by each strategy and each other partitioner."""
    cores = PEERS["cores"]
    ordered = layered(*(PEERS[name] for name in ("neurons", "layers", "fan_out", "window")))
    sends = np.random.default_rng(1).poisson(20.0, ordered.neurons).astype(float)
    room = int(np.ceil(ordered.neurons / cores * (1 + EVENNESS)))
    axons, mixed = shuffled(ordered, sends)
    limits = Limits(room)
    natural = np.arange(ordered.neurons) * cores // ordered.neurons
    least = destinations(ordered, natural, cores).packets(sends)

    def ours(*strategies, sweeps=None):
        return lambda: divide(axons, limits, mixed, strategies=strategies, cores=cores, sweeps=sweeps).core

    ways: dict[str, Callable[[], np.ndarray]] = {
        "random": lambda: started(axons, limits, mixed, RandomOrder(), cores),
        "greedy": lambda: started(axons, limits, mixed, Greedy(), cores),
        "greedy, refined (ours)": ours(Greedy()),
        "natural order shuffled, refined": ours(NaturalOrder()),
        "mtkahypar": lambda: started(axons, limits, mixed, HypergraphPartitioner(), cores),
        "mtkahypar, refined": ours(HypergraphPartitioner()),
        "METIS": lambda: _metis(axons, mixed, cores),
        "KaHIP": lambda: _kahip(axons, mixed, cores),
    }
    rows = [["natural order, not shuffled", f"{least:,.0f}", "1.000", int(np.bincount(natural).max()), "", ""]]
    for name, way in ways.items():
        try:
            core = way()
        except ImportError as error:
            print(f"{name}: skipped ({error})")
            continue
        times = []
        for _ in range(options.runs):
            begun = time.perf_counter()
            core = way()
            times.append(time.perf_counter() - begun)
        packets = destinations(axons, core, cores).packets(mixed)
        fullest = int(np.bincount(core).max())
        rows.append(
            [name, f"{packets:,.0f}", f"{packets / least:.3f}", fullest, median_and_spread(times), options.runs]
        )
    header = ["division", "packets", "of natural order", "fullest core", "s, median (range)", "runs"]
    title = f"Packets of {axons.neurons:,} neurons, {axons.synapses:,} synapses, {cores} cores of {room}"
    report(title, header, rows, options.out / "mapping_peers.json")


def _graph(axons: Axons, sends: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What partitioners of graphs take: an edge where there are synapses, either way, weighted by their sends."""
    from scipy.sparse import csr_matrix

    weights = np.repeat(sends, axons.fan_out)
    matrix = csr_matrix((weights, axons.target, axons.first), shape=(axons.neurons, axons.neurons))
    both = (matrix + matrix.T).tocsr()
    both.setdiag(0)
    both.eliminate_zeros()
    both.sort_indices()
    return both.indptr, both.indices, both.data.astype(np.int64)


def _metis(axons: Axons, sends: np.ndarray, cores: int) -> np.ndarray:
    import pymetis

    first, other, weights = _graph(axons, sends)
    options = pymetis.Options(ufactor=round(EVENNESS * 1000), seed=0)
    _, core = pymetis.part_graph(cores, xadj=first, adjncy=other, eweights=weights, options=options)
    return np.array(core)


def _kahip(axons: Axons, sends: np.ndarray, cores: int) -> np.ndarray:
    import kahip

    first, other, weights = _graph(axons, sends)
    lists = ([1] * axons.neurons, first.tolist(), weights.tolist(), other.tolist())
    eco = 1
    _, core = kahip.kaffpa(*lists, cores, EVENNESS, True, 0, eco)
    return np.array(core)


def main() -> None:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["large", "peers"])
    parser.add_argument("--neurons", type=int, default=2**20)
    parser.add_argument("--fan-out", type=int, default=96)
    parser.add_argument("--cores", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    options = parser.parse_args()
    {"large": large, "peers": peers}[options.what](options)


if __name__ == "__main__":
    main()
