"""Programs: a circuit as flat arrays that the one compiled loop works through."""

from pcneuro.program.compiler import lower
from pcneuro.program.program import Program

__all__ = ["Program", "lower"]
