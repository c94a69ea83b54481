"""Networks on the cores of a chip in SANA-FE (Boyle et al. 2025), which replays their events and prices what they do.

SANA-FE counts packets, hops and events at synapses, and adds up energies and times, on an architecture with the prices
that it is given: an independent count of a mapping. Each compartment is a neuron of SANA-FE whose soma, the model
``input``, fires in the steps in which its axon sent; whatever carries no event has no part in it, such as weights.

The extra ``sanafe`` brings the library, which is GPL and imported inside functions only. Its wheel puts folders called
``plugins`` and ``docs``, and two shared libraries, beside its own: a package of yours with such a name wins or loses by
the order of ``sys.path``.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np

from pcneuro.errors import DataError, unknown_name
from pcneuro.export.checked import imported
from pcneuro.files import write_folder

__all__ = ["ARCHITECTURE", "NETWORK", "Hardware", "Replay", "Replayed", "run", "write"]

ARCHITECTURE, NETWORK = "architecture.yaml", "network.yaml"
"""Names of the files that ``write`` makes."""
GROUP, SOMA, SYNAPSE, DENDRITE = "neurons", "replay", "synapse", "dendrite"
PICO, NANO = 1e-12, 1e-9
OPERATIONS = (
    "synapse",
    "neuron_access",
    "neuron_update",
    "spike",
    "message_out",
    "message_in",
    "hop_east_west",
    "hop_north_south",
)
"""What has an energy and a time: as ``pcneuro.mapping.chips`` calls it."""


@final
@dataclass(frozen=True)
class Hardware:
    """A chip: tiles on a mesh, numbered along columns, and what operations cost.

    ``energies`` are in pJ and ``times`` in ns, by ``OPERATIONS``; what is left out costs nothing. A core has room for
    so many ``compartments``.

    Raises UnknownNameError for another operation.
    """

    width: int
    height: int
    cores_a_tile: int
    compartments: int
    energies: Mapping[str, float]
    times: Mapping[str, float]

    def __post_init__(self) -> None:
        for name in (*self.energies, *self.times):
            if name not in OPERATIONS:
                raise unknown_name("operation", name, OPERATIONS)

    def document(self) -> dict[str, Any]:
        """The architecture as SANA-FE reads it."""
        tiles = self.width * self.height
        hops = {
            **self._costs("hop_north_south", "north_hop", "south_hop"),
            **self._costs("hop_east_west", "east_hop", "west_hop"),
        }
        soma = {
            "model": "input",
            **self._costs("neuron_access", "access_neuron"),
            **self._costs("neuron_update", "update_neuron"),
            **self._costs("spike", "spike_out"),
        }
        core = {
            "name": f"core[0..{self.cores_a_tile - 1}]",
            "attributes": {
                "buffer_position": "soma",
                "buffer_inside_unit": False,
                "max_neurons_supported": self.compartments,
            },
            "axon_in": [{"name": "in", "attributes": self._costs("message_in", "message_in")}],
            "synapse": [
                {
                    "name": SYNAPSE,
                    "attributes": {"model": "current_based", **self._costs("synapse", "process_spike")},
                }
            ],
            "dendrite": [
                {
                    "name": DENDRITE,
                    "attributes": {"model": "accumulator", "energy_update": 0.0, "latency_update": 0.0},
                }
            ],
            "soma": [{"name": f"{SOMA}[0..{self.compartments - 1}]", "attributes": soma}],
            "axon_out": [{"name": "out", "attributes": self._costs("message_out", "message_out")}],
        }
        mesh = {"topology": "mesh", "width": self.width, "height": self.height, "link_buffer_size": 1}
        return {
            "architecture": {
                "name": "chip",
                "attributes": {**mesh, "sync_model": "fixed", "latency_sync": 0.0},
                "tile": [{"name": f"tile[0..{tiles - 1}]", "attributes": hops, "core": [core]}],
            }
        }

    def _costs(self, operation: str, *names: str) -> dict[str, float]:
        energy, time = self.energies.get(operation, 0.0) * PICO, self.times.get(operation, 0.0) * NANO
        return {f"{what}_{name}": cost for name in names for what, cost in (("energy", energy), ("latency", time))}


@final
@dataclass(frozen=True, eq=False)
class Replay:
    """Compartments on the cores of a chip, their synapses, and the events that they send again.

    Raises DataError where these do not fit together.
    """

    slot: np.ndarray
    """(compartments,) int64: the core of each, core k % cores_a_tile of tile k // cores_a_tile."""
    first: np.ndarray
    """(compartments + 1,) int64: where the synapses of each begin in ``target``."""
    target: np.ndarray
    """(synapses,) int64: the compartment at which each ends."""
    step: np.ndarray
    """(events,) int64: the step of each event, from 0."""
    sender: np.ndarray
    """(events,) int64: the compartment that sends it."""
    steps: int

    def __post_init__(self) -> None:
        count = self.slot.size
        inside = (
            (self.target, count),
            (self.sender, count),
            (self.step, self.steps),
        )
        fits = all(not a.size or (0 <= a.min() and a.max() < most) for a, most in inside)
        if not fits or self.first.size != count + 1 or self.first[-1] != self.target.size:
            raise DataError("the compartments, synapses and events of a network for SANA-FE do not fit together")
        key = self.step * count + self.sender
        if np.unique(key).size != key.size:
            raise DataError("a compartment sends twice in one step: SANA-FE has one event a step")

    @property
    def source(self) -> np.ndarray:
        """(synapses,) int64: the compartment at which each begins."""
        return np.repeat(np.arange(self.slot.size), np.diff(self.first))

    @cached_property
    def rank(self) -> np.ndarray:
        """(compartments,) int64: which soma of its core each has."""
        order = np.argsort(self.slot, kind="stable")
        ranks = np.zeros(self.slot.size, dtype=np.int64)
        ends = np.cumsum(np.bincount(self.slot))
        begins = np.concatenate([[0], ends])[self.slot[order]]
        ranks[order] = np.arange(order.size) - begins
        return ranks

    def spikes(self) -> list[list[int]]:
        """Of each compartment, 1 in the steps in which it sends and 0 in others."""
        table = np.zeros((self.slot.size, self.steps), dtype=np.int8)
        table[self.sender, self.step] = 1
        rows: list[list[int]] = table.tolist()
        return rows

    def document(self, cores_a_tile: int) -> dict[str, Any]:
        """The network, and where it is, as SANA-FE reads it."""
        tile, core = (part.tolist() for part in np.divmod(self.slot, cores_a_tile))
        units = {"synapse_hw_name": SYNAPSE, "dendrite_hw_name": DENDRITE}
        return {
            "network": {
                "name": "replayed",
                "groups": [
                    {
                        "name": GROUP,
                        "attributes": [units],
                        "neurons": [{str(k): [{"spikes": row}]} for k, row in enumerate(self.spikes())],
                    }
                ],
                "edges": [
                    {f"{GROUP}.{a} -> {GROUP}.{b}": [{"weight": 0.0}]}
                    for a, b in zip(self.source.tolist(), self.target.tolist(), strict=True)
                ],
            },
            "mappings": [
                {f"{GROUP}.{k}": [{"core": f"{t}.{c}", "soma": f"{SOMA}[{rank}]"}]}
                for k, (t, c, rank) in enumerate(zip(tile, core, self.rank.tolist(), strict=True))
            ],
        }


@final
@dataclass(frozen=True, eq=False)
class Replayed:
    """What SANA-FE has counted: by step, (steps,), and in all."""

    fired: np.ndarray
    synapses: np.ndarray
    """Events at synapses."""
    hops: np.ndarray
    energy: np.ndarray
    """In pJ."""
    time: np.ndarray
    """In ns, of the timing model ``simple``."""
    packets: int


def run(hardware: Hardware, replay: Replay) -> Replayed:
    """Let SANA-FE replay a network on a chip. Raises MissingExtraError where it is not installed."""
    sanafe = imported("sanafe", "SANA-FE", "sanafe")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ARCHITECTURE
        path.write_text(_text(hardware.document()), encoding="utf-8")
        architecture = sanafe.load_arch(str(path))
    network = sanafe.Network()
    group = network.create_neuron_group(
        GROUP, replay.slot.size, default_synapse_hw_name=SYNAPSE, default_dendrite_hw_name=DENDRITE
    )
    cores = architecture.cores()
    for k, (row, slot, rank) in enumerate(
        zip(replay.spikes(), replay.slot.tolist(), replay.rank.tolist(), strict=True)
    ):
        group[k].set_attributes(soma_hw_name=f"{SOMA}[{rank}]", model_attributes={"spikes": row})
        group[k].map_to_core(cores[slot])
    pairs = list(zip(replay.source.tolist(), replay.target.tolist(), strict=True))
    group.connect_neurons_sparse(group, {"weight": [0.0] * len(pairs)}, pairs)
    return replayed(sanafe, architecture, network, replay.steps)


def replayed(sanafe: Any, architecture: Any, network: Any, steps: int) -> Replayed:
    """What SANA-FE counts of a network that it has."""
    chip = sanafe.SpikingChip(architecture)
    chip.load(network)
    # It says on standard output how far it is.
    with redirect_stdout(io.StringIO()):
        result = chip.sim(steps, timing_model="simple", perf_trace=True)
    trace = result["perf_trace"]
    fired, synapses, hops = (np.array(trace[name], dtype=np.int64) for name in ("fired", "spikes", "hops"))
    energy, time = (np.array(trace[name], dtype=np.float64) for name in ("total_energy", "sim_time"))
    return Replayed(fired, synapses, hops, energy / PICO, time / NANO, int(result["packets_sent"]))


def write(
    hardware: Hardware, replay: Replay, folder: str | os.PathLike[str], *, overwrite: bool = False
) -> tuple[Path, Path]:
    """Write the architecture and the network to a folder, for ``sanafe.load_arch`` and ``sanafe.load_net``.

    Both are YAML (in the notation of JSON, which is part of it); returns their paths. The folder is made, if there is
    none; nothing needs to be installed.
    Raises OutputError where one of them exists, unless ``overwrite``, or cannot be written.
    """
    documents = {ARCHITECTURE: hardware.document(), NETWORK: replay.document(hardware.cores_a_tile)}
    contents = {name: _text(document).encode() for name, document in documents.items()}
    architecture, network = write_folder(folder, contents, overwrite=overwrite)
    return architecture, network


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1)
