"""Operators: one family a file. What NumPy has no name for is a function here, for traced and plain arrays alike.

A file that is put here is found by itself: its operators by their kind, its kernels by their names, and what it
registers (``pcneuro.ops.registry``) as a function of this module, or as the traced form of NumPy's.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from pcneuro.ops.registry import PUBLIC

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

# No function has the name of its file: a name would mean two things, and type checkers take it for the module.
globals().update(PUBLIC)
__all__ = sorted(PUBLIC)


def __getattr__(name: str) -> Any:
    """Tell type checkers that there are functions which they do not see; all that there are have been set above."""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
