"""What tracing knows about NumPy's names: what only moves units, what has no derivative, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

# Functions that only copy units to other places. The traced array (or lists of them) is their first argument.
STRUCTURAL = (
    "reshape transpose swapaxes moveaxis rollaxis squeeze expand_dims broadcast_to ravel concatenate stack hstack "
    "vstack dstack column_stack block split array_split hsplit vsplit dsplit flip fliplr flipud roll rot90 tile repeat "
    "diagonal delete permute_dims matrix_transpose unstack"
).split()

# Methods of arrays that are the functions of the same name.
METHODS = frozenset(
    "sum mean prod dot swapaxes squeeze ravel take repeat diagonal trace clip max min ptp std var "
    "round argmax argmin argsort argpartition cumsum cumprod any all searchsorted".split(),
)

UFUNC_ALIASES = {"fabs": "absolute", "float_power": "power"}
UFUNC_ALIASES |= {"conjugate": "positive", "deg2rad": "radians", "rad2deg": "degrees"}

_COUNT = "how many there are would depend on the data: keep the shape, by np.where(mask, x, 0) or mask * x"

_NO_VALUES = "leave it out: a traced array has no values"

_INSTEAD = {
    **dict.fromkeys(("unique", "argwhere", "nonzero", "flatnonzero"), _COUNT),
    **dict.fromkeys(("setdiff1d", "union1d", "intersect1d", "setxor1d"), _COUNT),
    **dict.fromkeys("save savetxt savez savez_compressed tofile tobytes dump dumps data ctypes".split(), _NO_VALUES),
    **dict.fromkeys(("isin", "in1d"), "write np.any(x[..., np.newaxis] == values, axis=-1)"),
    "beta": "write it by scipy.special.gammaln: exp(gammaln(a) + gammaln(b) - gammaln(a + b)) of positive numbers",
    "resize": "use np.resize",
    "eig": "the spectrum of a matrix that is not symmetric may be complex; np.linalg.eigh takes those that are",
    "eigvals": "the spectrum of a matrix that is not symmetric may be complex; np.linalg.eigvalsh takes those that are",
    "matrix_rank": "a rank has no derivative; compute that of constants outside the function, and give it as an Input",
    "qr": "it has no operator here; to solve with it, np.linalg.lstsq and np.linalg.solve have",
    "view": "leave it out; in place of a np.matrix write np.asarray(M), and @",
    "astype": "leave it out: a traced array is an array of float64",
    "flags": "it has no memory; of a function that Numba has compiled, f.py_func can be traced",
    "array": "use np.stack",
    "trim_zeros": "which units stay would depend on their values: give a constant slice",
    "copyto": "build arrays with np.broadcast_to, np.stack or np.concatenate",
    "full": "use np.broadcast_to",
    "shape": "use a.reshape(...)",
}


def instead_of(name: str) -> str:
    """What to write instead of a NumPy function that has no operator here."""
    return _INSTEAD.get(
        name,
        "it has no operator here; write it with arithmetic, np.einsum, np.where on a constant mask, the elementwise "
        "functions of NumPy, or pcn.elementwise; or make it a pcn.operator",
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


def is_basic(key: Any) -> bool:
    """Whether an index makes a view in NumPy: of whole numbers of Python's, slices, new axes and ``...``."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(part is None or part is ... or isinstance(part, slice | int | np.integer) for part in parts)
