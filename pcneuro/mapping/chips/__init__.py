"""Neuromorphic chips: what their cores hold, how they are joined, and what is published of their energies and times."""

from pcneuro.mapping.chips.chip import Chip as Chip
from pcneuro.mapping.chips.prices import ENERGIES as ENERGIES
from pcneuro.mapping.chips.prices import LATENCIES as LATENCIES
from pcneuro.mapping.chips.prices import Price as Price
from pcneuro.mapping.chips.reading import CHIPS as CHIPS
from pcneuro.mapping.chips.reading import OWN as OWN
from pcneuro.mapping.chips.reading import chip_of as chip_of
from pcneuro.mapping.chips.table import chips_table as chips_table
from pcneuro.mapping.chips.table import keys_table as keys_table
