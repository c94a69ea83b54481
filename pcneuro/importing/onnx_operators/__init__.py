"""ONNX's operators, one family a file, as NumPy functions of their inputs, with their attributes as keywords."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.importing.onnx_operators.table import ONNX

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["ONNX"]
