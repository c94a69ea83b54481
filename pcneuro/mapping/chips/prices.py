"""What operations of a chip cost, in pJ and in ns: what is published, as a range with its source."""

from __future__ import annotations

import re
from typing import Annotated, final

from pydantic import AfterValidator, Field, field_validator, model_validator

from pcneuro.files.toml import Problem, Table

MOST = 1e15
"""No operation costs more, a kilojoule or twelve days: such a price is a slip of the pen."""
LONGEST_SOURCE = 2000
"""Letters."""
Amount = Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False)]


def printable(text: str) -> str:
    """Text of a chip, which is shown on terminals and in pages: lines without control characters."""
    if not all(line.isprintable() for line in re.split(r"[\n\t]", text)):
        raise Problem((), "has control characters in it: leave these out")
    return text


Source = Annotated[str, Field(max_length=LONGEST_SOURCE), AfterValidator(printable)]


@final
class Price(Table):
    """What one operation costs: from ``low`` to ``high``, and who says so."""

    low: Amount = Field(description="the lowest that is published; as high where there is one number")
    high: Amount = Field(description="the highest that is published; as low where there is one number")
    source: Source = Field(description="where the price is published, or what it is derived from: no price without one")

    @property
    def middle(self) -> float:
        """Half way between them."""
        return (self.low + self.high) / 2

    @field_validator("source")
    @classmethod
    def _says_something(cls, source: str) -> str:
        if not source.strip():
            raise Problem((), "is empty: say where the price is published")
        return source

    @model_validator(mode="after")
    def _is_a_range(self) -> Price:
        if self.low > self.high:
            raise Problem(("low",), f"is more than high = {self.high!r}: exchange them")
        return self


class AbstractPrices(Table):
    """Prices by operation; None where none is known."""

    synapse: Price | None = Field(default=None, description="an event at one synapse")
    neuron_access: Price | None = Field(default=None, description="a compartment in a step, whether it fires or not")
    neuron_update: Price | None = Field(default=None, description="what is added in a step in which it fires")
    spike: Price | None = Field(default=None, description="generating an event")
    message_out: Price | None = Field(default=None, description="a packet, to another core or the same")
    message_in: Price | None = Field(default=None, description="a packet that a core receives")
    hop_east_west: Price | None = Field(default=None, description="a packet from tile to tile along a row")
    hop_north_south: Price | None = Field(default=None, description="a packet from tile to tile along a column")
    plasticity: Price | None = Field(default=None, description="one update of one weight")


@final
class Energies(AbstractPrices):
    """Energies in pJ."""


@final
class Latencies(AbstractPrices):
    """Times in ns."""


ENERGIES = tuple(Energies.model_fields)
LATENCIES = tuple(Latencies.model_fields)
"""The operations that have prices."""
