"""PyTorch's operators (ATen), one family a file, as NumPy functions with the arguments of PyTorch's schemas."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.importing.aten.table import ATEN

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["ATEN"]
