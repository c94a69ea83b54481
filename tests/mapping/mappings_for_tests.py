"""Mappings that are made up, of any size: for pictures and files, whose numbers mean nothing."""

from __future__ import annotations

import json

import numpy as np

from pcneuro.mapping.chips import chip_of
from pcneuro.mapping.result import Mapping
from pcneuro.mapping.schema import dataset_of

NOTES = ["events on this chip are binary"]


def links_of(width, height):
    """Column and row where each link of a mesh begins and ends."""
    ends = [
        (x, y, x + dx, y + dy)
        for x in range(width)
        for y in range(height)
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
        if 0 <= x + dx < width and 0 <= y + dy < height
    ]
    return np.array(ends, dtype=np.int64).reshape(-1, 4).T


def made_up(cores=4, vertices=3, chip="loihi", prefix="h", suffix="", priced=True, seed=0) -> Mapping:
    """A mapping to so many cores, of vertices that are called ``<prefix><number><suffix>``."""
    generator, kind = np.random.default_rng(seed), chip_of(chip)
    mesh, most = kind.mesh, kind.limits.compartments
    names = [f"{prefix}{k}{suffix}.{what}" for k in range(vertices) for what in ("value", "error")]
    parts = generator.integers(1, 4, len(names))
    sizes = np.maximum(parts * cores * most * 4 // (5 * parts.sum()), 1)
    neurons = int(sizes.sum())
    core = np.minimum(np.arange(neurons) * cores // neurons, cores - 1)
    slot = generator.permutation(mesh.slots)[:cores]
    limits = ["compartments", "axons_in", "axons_out", "synapses"]
    held = np.stack([np.bincount(core, minlength=cores), *generator.integers(1, 4000, (3, cores))])
    x, y, to_x, to_y = links_of(mesh.width, mesh.height)
    loads = generator.gamma(0.5, 1000.0, x.size) * (generator.random(x.size) < 0.7)
    energy = np.array([[2e4, 3e4], [1e4, 2e4], [5e4, 5e4], [3e3, 3e3], [0.0, 0.0]]) * (1.0 if priced else np.nan)
    gradient = energy + np.array([0.0, 0.0, 0.0, 0.0, 5e3])[:, None]
    by_core = {
        f"core_{what}": generator.random(cores) * 1e3 for what in ("events", "synops", "packets_out", "packets_in")
    }
    values = by_core | {
        "population": np.repeat(np.arange(len(names)), sizes),
        "unit": np.concatenate([np.arange(size) for size in sizes]),
        "core_of": core,
        "population_size": sizes,
        "population_name": names,
        "slot": slot,
        "x": mesh.x[slot],
        "y": mesh.y[slot],
        "limit": limits,
        "held": held,
        "most": [most, 4096, 4096, np.nan],
        "limiting_core": 1 if cores > 1 else 0,
        "limiting_share": 0.75,
        "limiting_packets": 1,
        "step_time": [1e3, 1.5e3],
        "longest_step": [2e3, 3e3],
        "link_x": x,
        "link_y": y,
        "link_to_x": to_x,
        "link_to_y": to_y,
        "link_packets": loads,
        "delay_from": [0],
        "delay_to": [1],
        "delay_from_core": [0],
        "delay_to_core": [cores - 1],
        "delay": [[1.0, 2.5]],
        "part": ["synapses", "neurons", "messages", "hops", "plasticity"],
        "bound": ["low", "high"],
        "energy": energy,
        "energy_gradient": gradient,
        "order": ["natural", "random"],
        "order_packets": [2e4, 4e4],
        "candidate": ["natural unrefined", "natural"],
        "candidate_packets": [2e4, 1.5e4],
        "candidate_plasticity_packets": [4e3, 3e3],
        "candidate_beyond": [0, 0],
        "events": 1e4,
        "synops": 2e5,
        "packets": 1.5e4,
        "packets_within": 5e3,
        "plasticity_packets": 3e3,
        "hops_east_west": 2e4,
        "hops_north_south": 1e4,
        "longest": 9,
        "steps": 600.0,
        "time": [6e5, 9e5],
    }
    attributes = {
        "chip": kind.name,
        "circuit": "0" * 64,
        "circuit_digest": "1" * 64,
        "clamped": json.dumps(["h2"]),
        "inputs": 1,
        "given": "result",
        "libraries": json.dumps([]),
        "activity": "made up",
        "division": "natural",
        "strategies": json.dumps(["natural"]),
        "unpriced": json.dumps([] if priced else ["synapse"]),
        "notes": json.dumps(NOTES),
        "pcneuro": "0",
        "mesh_width": mesh.width,
        "mesh_height": mesh.height,
        "cores_a_tile": mesh.cores_a_tile,
        "seed": 0,
        "together": 1,
        "synapses": 12345,
        "axons": 1234,
        "samples": 4,
    }
    return Mapping(dataset_of(values, attributes), kind)
