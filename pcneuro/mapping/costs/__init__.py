"""What a mapping costs: counts, which are exact, and energies and times, as exact as the prices of the chip."""

from pcneuro.mapping.costs.counts import Counts as Counts
from pcneuro.mapping.costs.counts import Packets as Packets
from pcneuro.mapping.costs.counts import counts_of as counts_of
from pcneuro.mapping.costs.energy import Energy as Energy
from pcneuro.mapping.costs.energy import energy_of as energy_of
from pcneuro.mapping.costs.latency import Latency as Latency
from pcneuro.mapping.costs.latency import latency_of as latency_of
from pcneuro.mapping.costs.links import Links as Links
from pcneuro.mapping.costs.links import links_of as links_of
from pcneuro.mapping.costs.ranges import Range as Range
