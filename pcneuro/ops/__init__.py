"""Operators: one family a file. What NumPy has no name for is a function here, for traced and plain arrays alike."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.ops.convolution import conv1d, conv2d
from pcneuro.ops.dropout import dropout
from pcneuro.ops.elementwise import elementwise, gelu, relu, sigmoid, softplus
from pcneuro.ops.embedding import embedding
from pcneuro.ops.layer_norm import layer_norm
from pcneuro.ops.pooling import avg_pool2d, max_pool2d
from pcneuro.ops.softmax import log_softmax, softmax

# Discovery: an operator is known (by its kind, and its kernels by name) once its file is imported.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "avg_pool2d",
    "conv1d",
    "conv2d",
    "dropout",
    "elementwise",
    "embedding",
    "gelu",
    "layer_norm",
    "log_softmax",
    "max_pool2d",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
]
