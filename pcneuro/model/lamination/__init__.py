"""Lamination: in which layer populations are, of which cells, and what their projections are in the cortex."""

from pcneuro.model.lamination.rows import SchemeRow as SchemeRow
from pcneuro.model.lamination.scheme import Scheme as Scheme
