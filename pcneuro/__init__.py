"""pcneuro: computation graphs become predictive-coding circuits that compute their gradients with local rules.

Implements Millidge, Tschantz & Buckley (2020), *Predictive Coding Approximates Backprop Along Arbitrary Computation
Graphs*.
"""

from pcneuro import ops, plot
from pcneuro.backprop import backprop
from pcneuro.checking import Check, check
from pcneuro.circuit import Circuit, build_circuit
from pcneuro.delays import ConstantDelay, LognormalDelay, SynapticDelays, UniformDelay
from pcneuro.dynamics import FixedPrediction, Strict
from pcneuro.energies import Bernoulli, SoftmaxCrossEntropy, SquaredError
from pcneuro.engines import Absolute, EventDriven, Exact, Kernel, Reference, Share, TimeBinned
from pcneuro.errors import PcneuroError, PcneuroWarning
from pcneuro.event_counts import events_per_neuron, events_per_unit, time_of_share
from pcneuro.event_log import RecordEvents
from pcneuro.graph import Graph, Input, Latent, Parameter
from pcneuro.integrators import Euler, ExponentialEuler, RungeKutta4
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
from pcneuro.ops import elementwise
from pcneuro.record import Record
from pcneuro.result import Result, Status, compare
from pcneuro.schedules import FastForward, Parallel, Sequential
from pcneuro.settled import Settled
from pcneuro.simulate import Simulator
from pcneuro.storage import load_circuit
from pcneuro.trace import trace, vertex
from pcneuro.wavefront import Wavefront, wavefront

__version__ = "0.1.0"

__all__ = [
    "Absolute",
    "Adam",
    "Backprop",
    "Bernoulli",
    "Check",
    "Circuit",
    "ConstantDelay",
    "CosineDecay",
    "Euler",
    "EventDriven",
    "Exact",
    "Examples",
    "ExponentialDecay",
    "ExponentialEuler",
    "FastForward",
    "FixedPrediction",
    "Graph",
    "Input",
    "Kernel",
    "Latent",
    "LognormalDelay",
    "Parallel",
    "Parameter",
    "PcneuroError",
    "PcneuroWarning",
    "PredictiveCoding",
    "Record",
    "RecordEvents",
    "Reference",
    "Result",
    "RungeKutta4",
    "SGD",
    "Share",
    "Sequential",
    "Settled",
    "Simulator",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "Status",
    "StepDecay",
    "Strict",
    "SynapticDelays",
    "TimeBinned",
    "Trainer",
    "UniformDelay",
    "Wavefront",
    "backprop",
    "build_circuit",
    "check",
    "compare",
    "elementwise",
    "events_per_neuron",
    "events_per_unit",
    "load_circuit",
    "load_parameters",
    "ops",
    "plot",
    "time_of_share",
    "trace",
    "vertex",
    "wavefront",
]
