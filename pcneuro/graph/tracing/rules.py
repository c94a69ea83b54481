"""What tracing knows about NumPy's names: what only moves units, what has no derivative, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Functions that only copy units to other places. The traced array (or lists of them) is their first argument.
STRUCTURAL = (
    "reshape transpose swapaxes moveaxis rollaxis squeeze expand_dims broadcast_to ravel concatenate stack hstack "
    "vstack dstack column_stack block split array_split hsplit vsplit dsplit flip fliplr flipud roll rot90 tile repeat "
    "take diagonal delete take_along_axis permute_dims matrix_transpose unstack"
).split()

# Methods of arrays that are the functions of the same name.
METHODS = frozenset(
    "sum mean prod dot swapaxes squeeze ravel copy take repeat diagonal clip conj conjugate".split(),
)

UFUNC_ALIASES = {"fabs": "absolute", "float_power": "power", "conjugate": "positive"}

# Ways of np.pad that copy units; the others compute something.
PADDINGS = frozenset(("edge", "reflect", "symmetric", "wrap"))

NO_COMPARISON = "use np.where on a constant mask, np.maximum or np.minimum, or pcn.ops.relu"
COMPARISONS = frozenset(
    "less less_equal greater greater_equal equal not_equal logical_and logical_or logical_not logical_xor isnan isinf "
    "isfinite signbit".split(),
)

_INSTEAD = {
    "sort": "an order is no smooth function; use pcn.ops.softmax weights over the values",
    "argsort": "an order is no smooth function; use pcn.ops.softmax weights over the values",
    "argmax": "use pcn.ops.softmax, and read the index off the result",
    "argmin": "use pcn.ops.softmax of the negative, and read the index off the result",
    "max": "use np.maximum of slices, or np.logaddexp for a smooth one",
    "amax": "use np.maximum of slices, or np.logaddexp for a smooth one",
    "min": "use np.minimum of slices",
    "amin": "use np.minimum of slices",
    "std": "write np.sqrt(np.mean(np.square(x - np.mean(x))))",
    "var": "write np.mean(np.square(x - np.mean(x)))",
    "norm": "write np.sqrt(np.sum(np.square(x)))",
    "cumsum": "multiply by a triangular matrix of ones",
    "cumprod": "write the products out, or take np.exp of a triangular matrix times np.log",
    "tril": "multiply by a constant mask, np.tril(np.ones(shape))",
    "triu": "multiply by a constant mask, np.triu(np.ones(shape))",
    "diag": "use np.diagonal to read one, and multiply by np.eye(n) to make one",
    "trace": "write np.sum(np.diagonal(x))",
    "inv": "solve by an unrolled iteration, or invert the constant part outside the function",
    "solve": "solve by an unrolled iteration, or solve the constant part outside the function",
    "sign": "it has no derivative; use np.tanh of a multiple",
    "floor": "it has no derivative; leave the value continuous",
    "ceil": "it has no derivative; leave the value continuous",
    "rint": "it has no derivative; leave the value continuous",
    "round": "it has no derivative; leave the value continuous",
    "trunc": "it has no derivative; leave the value continuous",
    "heaviside": "it has no derivative; use pcn.ops.sigmoid of a multiple",
    "remainder": "it has no derivative at its jumps; use np.sin or np.cos for something periodic",
    "fmod": "it has no derivative at its jumps; use np.sin or np.cos for something periodic",
    "floor_divide": "it has no derivative; divide with /",
    "fmax": "use np.maximum",
    "fmin": "use np.minimum",
    "arctan2": "use np.arctan of the quotient",
    "logaddexp2": "use np.logaddexp",
    "astype": "leave it out: a traced array is a floating-point array",
    "item": "keep the array; a number cannot be read while tracing",
    "tolist": "keep the array; a number cannot be read while tracing",
    "fill": "build the array with np.broadcast_to",
    "convolve": "write the sum of shifted slices, or an einsum over np.stack of them",
    "interp": "use a sum of pcn.ops.relu pieces",
    "cross": "write the components out and np.stack them",
    "kron": "use np.einsum and reshape",
    "insert": "use np.concatenate",
    "array": "use np.stack",
    "nan_to_num": "keep NaN out by construction, for instance with np.maximum(x, 1e-9) before np.log",
    "sinc": "write np.sin(np.pi * x) / (np.pi * x)",
    "diff": "subtract slices, x[1:] - x[:-1]",
    "trapezoid": "write the weighted sum of the values",
    "average": "write np.sum(weights * x) / np.sum(weights)",
    "copyto": "build arrays with np.broadcast_to, np.stack or np.concatenate",
    "full": "use np.broadcast_to",
    "expit": "use pcn.ops.sigmoid",
    "erf": 'use pcn.elementwise("erf(x)")',
    "deg2rad": "multiply by np.pi / 180",
    "radians": "multiply by np.pi / 180",
    "rad2deg": "multiply by 180 / np.pi",
    "degrees": "multiply by 180 / np.pi",
    "shape": "use a.reshape(...)",
    "flat": "use np.ravel",
    "median": "it has no derivative almost anywhere; use np.mean",
}


def instead_of(name: str) -> str:
    """What to write instead of a NumPy function that has no operator here."""
    return _INSTEAD.get(
        name,
        "it has no operator here; write it with arithmetic, np.einsum, np.where on a constant mask, the elementwise "
        "functions of NumPy, or pcn.elementwise",
    )


def flattened(value: Any) -> Iterator[Any]:
    """What is in lists, tuples and dicts, however deep."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from flattened(part)
    else:
        yield value
