"""Protocols: tables of trials, run in one simulation, and what was recorded by trial."""

from pcneuro.simulator.protocol.between import KeepState as KeepState
from pcneuro.simulator.protocol.between import ResetState as ResetState
from pcneuro.simulator.protocol.protocol import Protocol as Protocol
