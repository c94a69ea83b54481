"""Passes: a circuit in, a more cortical circuit out, for all that a circuit is for.

``pcn.passes.apply(circuit, [pcn.passes.LearnedFeedback(tau=1000.0), pcn.passes.NoDerivative()])``
"""

from pcneuro.circuit.passes.abstract import AbstractPass, apply
from pcneuro.circuit.passes.dale import Dale
from pcneuro.circuit.passes.dendritic import Dendritic
from pcneuro.circuit.passes.laminar import Laminar
from pcneuro.circuit.passes.learned_feedback import LearnedFeedback
from pcneuro.circuit.passes.no_derivative import NoDerivative
from pcneuro.circuit.passes.quantize import Quantize
from pcneuro.circuit.passes.quantize_errors import QuantizeErrors
from pcneuro.circuit.passes.quantize_values import QuantizeValues
from pcneuro.circuit.passes.random_error_connectivity import RandomErrorConnectivity
from pcneuro.circuit.passes.split_errors import SplitErrors
from pcneuro.model.lamination import Scheme, SchemeRow
from pcneuro.model.rounding import Nearest, Stochastic

__all__ = [
    "AbstractPass",
    "Dale",
    "Dendritic",
    "Laminar",
    "LearnedFeedback",
    "Nearest",
    "NoDerivative",
    "Quantize",
    "QuantizeErrors",
    "QuantizeValues",
    "RandomErrorConnectivity",
    "Scheme",
    "SchemeRow",
    "SplitErrors",
    "Stochastic",
    "apply",
]
