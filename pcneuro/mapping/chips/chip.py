"""A neuromorphic chip: its mesh, what a core holds, its messages, and its prices."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, final

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from pcneuro.errors import unknown_name
from pcneuro.files.toml import Problem, Table, checked
from pcneuro.mapping.chips.prices import ENERGIES, LATENCIES, Energies, Latencies, Price, Source, printable
from pcneuro.mapping.limits import Limits
from pcneuro.mapping.mesh import Mesh

MOST = 1 << 40
"""No capacity is larger: a chip with more of anything is a slip of the pen."""
MOST_SLOTS = 1 << 24
"""Cores of a chip at most: there are arrays with a number for each."""

LONGEST_NAME, LONGEST_TITLE, LONGEST_NOTES = 100, 1000, 20_000
"""Letters at most, so that a chip fits into the file of a mapping."""
MOST_SOURCES = 20

Whole = Annotated[int, Field(ge=1, le=MOST)]
Printable = Annotated[str, AfterValidator(printable)]


@final
class MeshTable(Table):
    """Tiles on a rectangle, and how many cores each has."""

    width: Whole = Field(description="tiles from west to east")
    height: Whole = Field(description="tiles from north to south")
    cores_a_tile: Whole = Field(default=1, description="cores of a tile")

    @model_validator(mode="after")
    def _has_so_many_cores(self) -> MeshTable:
        slots = self.width * self.height * self.cores_a_tile
        if slots > MOST_SLOTS:
            raise Problem((), f"has {slots:,} cores; {MOST_SLOTS:,} is the most")
        return self


def _mesh(raw: Any) -> Mesh:
    """The mesh that a table stands for."""
    table = checked(MeshTable, asdict(raw) if isinstance(raw, Mesh) else raw)
    return Mesh(table.width, table.height, table.cores_a_tile)


@final
class CoreTable(Table):
    """What one core holds at most; what is left out has no limit, or none that is published."""

    neurons: Whole = Field(description="compartments: one for each axon of a neuron, and one of a neuron without")
    axons_in: Whole | None = Field(default=None, description="axons that have synapses on the core")
    axons_out: Whole | None = Field(default=None, description="pairs of an axon of the core and a core that it reaches")
    destinations: Whole | None = Field(default=None, description="cores that one axon reaches")
    fan_in: Whole | None = Field(default=None, description="synapses that end at one neuron")
    synapse_memory_bits: Whole | None = Field(default=None, description="memory for synapses")
    bits_a_synapse: Whole | None = Field(default=None, description="of this memory, what one synapse takes")
    weight_bits: Whole | None = Field(default=None, description="bits of a weight at most")
    delay_steps: Whole | None = Field(default=None, description="steps by which a synapse delays an event at most")

    @model_validator(mode="after")
    def _holds_synapses(self) -> CoreTable:
        memory, bits = self.synapse_memory_bits, self.bits_a_synapse
        if (memory is None) != (bits is None):
            missing = "bits_a_synapse" if bits is None else "synapse_memory_bits"
            raise Problem((missing,), "is missing: bits of memory and bits of a synapse are given together, or neither")
        if memory is not None and bits is not None and bits > memory:
            raise Problem(("bits_a_synapse",), f"is more than the synapse_memory_bits of a core, {memory:,}")
        return self


@final
class MessagesTable(Table):
    """What an event is, on its way from core to core."""

    graded: bool = Field(description="whether an event carries a number; else graded events are priced as binary ones")
    binary_bits: Whole | None = Field(default=None, description="bits of a packet of a binary event")
    graded_bits: Whole | None = Field(default=None, description="bits of a packet of an event with its payload")
    payload_bits: Whole | None = Field(default=None, description="of these, the payload")
    packets_a_graded_event: Whole = Field(default=1, description="packets that an event with its payload takes")

    @model_validator(mode="after")
    def _has_room_for_the_payload(self) -> MessagesTable:
        if not self.graded and (self.graded_bits or self.payload_bits or self.packets_a_graded_event > 1):
            raise Problem(("graded",), "is false, and bits or packets of graded events are given: leave these out")
        if self.payload_bits and self.graded_bits and self.payload_bits > self.graded_bits:
            raise Problem(("payload_bits",), f"is more than the graded_bits of a packet, {self.graded_bits:,}")
        return self


@final
class Chip(Table):
    """A chip, or a board of chips that are one mesh, as one TOML file has it.

    Examples
    --------
    >>> pcn.mapping.chip_of("loihi").core.neurons
    1024
    """

    name: str = Field(min_length=1, max_length=LONGEST_NAME, description="a short name")
    title: Printable = Field(max_length=LONGEST_TITLE, description="the name in full")
    notes: Printable = Field(
        default="",
        max_length=LONGEST_NOTES,
        description="how it is modelled: what the numbers stand for, and what is left out",
    )
    sources: Annotated[tuple[Source, ...], Field(strict=False, max_length=MOST_SOURCES)] = Field(
        default=(), description="where the limits are published: a list of texts"
    )
    mesh: Annotated[Mesh, BeforeValidator(_mesh)] = Field(description="the mesh: width, height, cores_a_tile")
    core: CoreTable = Field(description="what one core holds")
    messages: MessagesTable = Field(description="what an event is on its way")
    energy: Energies = Field(default=Energies(), description="prices in pJ")
    latency: Latencies = Field(default=Latencies(), description="times in ns")

    @field_validator("name")
    @classmethod
    def _is_one_word(cls, name: str) -> str:
        if not name.isprintable() or any(c.isspace() or c in "/\\" for c in name):
            raise Problem((), "has blanks, slashes or control characters in it: it is one word")
        return name

    @property
    def limits(self) -> Limits:
        """What one core holds at most."""
        core = self.core
        synapses = None
        if core.synapse_memory_bits is not None and core.bits_a_synapse is not None:
            synapses = core.synapse_memory_bits // core.bits_a_synapse
        return Limits(core.neurons, core.axons_in, core.axons_out, synapses, core.fan_in, core.destinations)

    @property
    def packets_an_event(self) -> int:
        """Packets that an event takes to each core that it reaches."""
        return self.messages.packets_a_graded_event if self.messages.graded else 1

    @property
    def bits_a_packet(self) -> int | None:
        """Bits of a packet as events are sent, with a payload where the chip has one; None where that is not known."""
        return self.messages.graded_bits if self.messages.graded else self.messages.binary_bits

    def price(self, operation: str) -> Price | None:
        """The energy of an operation in pJ, of ``ENERGIES``; None where it is not known.

        Raises UnknownNameError.
        """
        if operation not in ENERGIES:
            raise unknown_name("operation", operation, ENERGIES)
        price: Price | None = getattr(self.energy, operation)
        return price

    def time(self, operation: str) -> Price | None:
        """The time of an operation in ns, of ``LATENCIES``; None where it is not known. Raises UnknownNameError."""
        if operation not in LATENCIES:
            raise unknown_name("operation", operation, LATENCIES)
        price: Price | None = getattr(self.latency, operation)
        return price

    @property
    def hop_weights(self) -> tuple[float, float]:
        """What a hop east or west, and one north or south, weighs where ways are made short.

        That is the middle of its energy; of its time where the energies of hops are not known; else all hops are alike.
        """
        for prices in (self.energy, self.latency):
            east_west, north_south = prices.hop_east_west, prices.hop_north_south
            if east_west is not None and north_south is not None and east_west.high > 0 and north_south.high > 0:
                return east_west.middle, north_south.middle
        return 1.0, 1.0

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Operations whose energy is not known."""
        return tuple(operation for operation in ENERGIES if self.price(operation) is None)

    @property
    def counts_only(self) -> bool:
        """Whether no energy is known at all."""
        return len(self.unpriced) == len(ENERGIES)
