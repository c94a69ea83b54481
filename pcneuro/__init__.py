"""pcneuro: computation graphs become predictive-coding circuits that compute their gradients with local rules.

Implements Millidge, Tschantz & Buckley (2020), *Predictive Coding Approximates Backprop Along Arbitrary Computation
Graphs*.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pcneuro import ops
from pcneuro.analysis import plot
from pcneuro.analysis.audit import Audit, audit
from pcneuro.analysis.check import Check, check
from pcneuro.analysis.event_counts import events_per_neuron, events_per_unit, time_of_share
from pcneuro.analysis.experiment import Experiment
from pcneuro.analysis.lfp import csd, laminar_currents, laminar_records, lfp
from pcneuro.analysis.wavefront import Wavefront, wavefront
from pcneuro.circuit import passes
from pcneuro.circuit.backprop import backprop
from pcneuro.circuit.building import build_circuit
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.loading import load_circuit
from pcneuro.circuit.networks import from_networkx, from_sonata, from_tables
from pcneuro.engines import Absolute, EventDriven, Exact, Kernel, Reference, Share, TimeBinned
from pcneuro.errors import PcneuroError, PcneuroWarning
from pcneuro.graph.graph import Graph, Input, Latent, Parameter, Recurrent
from pcneuro.graph.planting import Parameters
from pcneuro.graph.trace import trace, vertex
from pcneuro.learning import (
    SGD,
    Adam,
    Backprop,
    CosineDecay,
    Examples,
    ExponentialDecay,
    PredictiveCoding,
    StepDecay,
    Trainer,
    load_parameters,
)
from pcneuro.model.delays import ConstantDelay, DistanceDelay, LognormalDelay, SynapticDelays, UniformDelay
from pcneuro.model.dynamics import FixedPrediction, Strict
from pcneuro.model.energies import Bernoulli, SoftmaxCrossEntropy, SquaredError
from pcneuro.model.integrators import Euler, ExponentialEuler, RungeKutta4
from pcneuro.model.noise import OrnsteinUhlenbeck, WhiteNoise
from pcneuro.model.perturbations import Inject
from pcneuro.model.plasticity import DeltaRule, Hebbian, Homeostasis, LearnedFeedback, LearnedVariance, Oja
from pcneuro.model.settled import Settled
from pcneuro.model.timed import TimedArray
from pcneuro.ops.custom import operator
from pcneuro.ops.maps import elementwise
from pcneuro.recording.events import RecordEvents
from pcneuro.recording.record import Record
from pcneuro.simulator.perturbations import Cut, SetPrecision, Silence
from pcneuro.simulator.protocol import KeepState, Protocol, ResetState
from pcneuro.simulator.result import Result, Status, compare
from pcneuro.simulator.schedules import FastForward, Parallel, Sequential
from pcneuro.simulator.simulator import Simulator
from pcneuro.version import __version__ as __version__

if TYPE_CHECKING:
    from pcneuro import batch, data, importing, mapping
    from pcneuro.batch import Batch, Distributed
    from pcneuro.mapping import map_circuit
    from pcneuro.studies import spaces

__all__ = [
    "Absolute",
    "Adam",
    "Audit",
    "Backprop",
    "Batch",
    "Bernoulli",
    "Check",
    "Circuit",
    "ConstantDelay",
    "CosineDecay",
    "Cut",
    "DeltaRule",
    "DistanceDelay",
    "Distributed",
    "Euler",
    "EventDriven",
    "Exact",
    "Examples",
    "Experiment",
    "ExponentialDecay",
    "ExponentialEuler",
    "FastForward",
    "FixedPrediction",
    "Graph",
    "Hebbian",
    "Homeostasis",
    "Inject",
    "Input",
    "KeepState",
    "Kernel",
    "Latent",
    "LearnedFeedback",
    "LearnedVariance",
    "LognormalDelay",
    "OrnsteinUhlenbeck",
    "Oja",
    "Parallel",
    "Parameter",
    "Parameters",
    "PcneuroError",
    "PcneuroWarning",
    "PredictiveCoding",
    "Protocol",
    "Record",
    "RecordEvents",
    "Recurrent",
    "Reference",
    "ResetState",
    "Result",
    "RungeKutta4",
    "SGD",
    "Share",
    "Sequential",
    "SetPrecision",
    "Settled",
    "Silence",
    "Simulator",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "Status",
    "StepDecay",
    "Strict",
    "SynapticDelays",
    "TimeBinned",
    "TimedArray",
    "Trainer",
    "UniformDelay",
    "Wavefront",
    "WhiteNoise",
    "audit",
    "backprop",
    "batch",
    "build_circuit",
    "check",
    "compare",
    "csd",
    "data",
    "elementwise",
    "events_per_neuron",
    "events_per_unit",
    "from_networkx",
    "from_sonata",
    "from_tables",
    "importing",
    "laminar_currents",
    "laminar_records",
    "lfp",
    "load_circuit",
    "load_parameters",
    "map_circuit",
    "mapping",
    "operator",
    "ops",
    "passes",
    "plot",
    "spaces",
    "time_of_share",
    "trace",
    "vertex",
    "wavefront",
]


_ROOMS = {name: f"pcneuro.{name}" for name in ("batch", "data", "importing", "mapping")} | {
    "spaces": "pcneuro.studies.spaces"
}
_FOUND = {"map_circuit": "pcneuro.mapping", "Batch": "pcneuro.batch", "Distributed": "pcneuro.batch"}


def __getattr__(name: str) -> Any:
    """Data, others' models, chips and batches are imported when asked for: they bring what nothing else needs."""
    if name in _ROOMS:
        return import_module(_ROOMS[name])
    if name in _FOUND:
        return getattr(import_module(_FOUND[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
