"""The limits of a chip in words: what messages call what there is too much of, and what helps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class Wording:
    """How messages speak of a limit: what is counted, whose limit it is, and what helps a neuron, or a circuit."""

    what: str
    neuron: str
    circuit: str
    holder: str = "a core"


WORDS: Mapping[str, Wording] = {
    "compartments": Wording(
        "compartments",
        "each place that a neuron sends to takes one, so let it send to fewer, or take a chip with more neurons a core",
        "take a chip with more cores, or more neurons a core, or a smaller circuit",
    ),
    "axons_in": Wording(
        "axons in",
        "give it fewer inputs, or take a chip with more axons_in",
        "take a chip with more cores, or more axons_in, or a smaller circuit",
    ),
    "axons_out": Wording(
        "axons out",
        "let it reach fewer neurons, or take a chip with more axons_out",
        "take a chip with more cores, or more axons_out, or a smaller circuit",
    ),
    "synapses": Wording(
        "synapses",
        "give it fewer inputs, or take a chip with more synapse memory, or fewer bits a synapse",
        "take a chip with more cores, or more synapse memory, or a smaller or sparser circuit",
    ),
    "fan_in": Wording(
        "synapses",
        "give it fewer inputs, or take a chip with a larger fan_in",
        "take a chip with a larger fan_in",
        "a neuron",
    ),
    "destinations": Wording(
        "destinations of one axon",
        "let it reach fewer neurons, or take a chip with more destinations",
        "let neurons reach fewer others, or take a chip with more destinations, or more neurons a core",
        "an axon",
    ),
}
"""By the names of ``limits.Limits``."""
APART = "keep value and error neurons apart (together=False)"
"""What helps where units do not fit, or not well, as they are kept on one core."""
TOGETHER = f"{APART}, or take a chip with more of them a core"


def beyond(name: str, number: int, limit: int, *, of: str = "", together: str = "") -> str:
    """How much there is, and how much there may be: ``name`` is a limit, ``of`` whose it is, such as ``of loihi``."""
    words = WORDS[name]
    holder = f"{words.holder} {of}" if of else words.holder
    return f"{number:,} {words.what}{together and f' {together}'}, and {holder} at most {limit:,} ({name})"
