"""Programs: a circuit as flat arrays of instructions and arguments, which the kernels work through."""

from pcneuro.program.compiler import lower
from pcneuro.program.program import Program

__all__ = ["Program", "lower"]
