"""How far the compiled functions are from the true values, in units in the last place, and the points to look at.

float32 is held against NumPy in float64, float64 against long double where that has more digits, erf against mpmath.
"""

from __future__ import annotations

import numpy as np
from mpmath import mp

from pcneuro.kernels.dispatch import IDENTITY
from pcneuro.ops.primitives import PRIMITIVES
from tests.helpers import run_kernel

WIDE = np.finfo(np.longdouble).nmant >= 63
"""Whether long double has digits to spare."""


def applied(name: str, *operands: np.ndarray, lanes: int = 1) -> np.ndarray:
    """The kernel's results on arrays."""
    n, dtype = operands[0].size, operands[0].dtype
    rows = n // lanes
    buf = np.concatenate([*operands, np.zeros(n, dtype)])
    arguments = [len(operands) * rows]
    for k in range(len(operands)):
        arguments += [k * rows, IDENTITY, 0]
    assert run_kernel(name, [*arguments, rows], [], buf, np.zeros(1, dtype), lanes, lanes) == 1
    return buf[-n:]


def _erf(x):
    if x.dtype == np.float64:
        return PRIMITIVES["erf"].array(x)
    with mp.workdps(30):
        values = np.array([np.longdouble(mp.nstr(mp.erf(mp.mpf(float(v))), 25)) for v in x])
    return np.copysign(values, x)


# What the twins do in several steps.
_DEFINED = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "logaddexp": lambda x, y: np.where(x == y, x + np.log(x.dtype.type(2)), np.logaddexp(x, y)),
    "erf": _erf,
}


def exact(name: str, *operands: np.ndarray) -> np.ndarray:
    """The functions with more digits than those of the operands."""
    wide = np.float64 if operands[0].dtype == np.float32 else np.longdouble
    with np.errstate(all="ignore"):
        return _DEFINED.get(name, PRIMITIVES[name].array)(*(x.astype(wide) for x in operands))


def ulps(got: np.ndarray, expected: np.ndarray, scale: np.ndarray | None = None) -> np.ndarray:
    """Distance in units in the last place of what is expected, or of ``scale`` where that is larger.

    Infinite where one of the two is NaN and the other is not, or is infinite and does not round to the other.
    """
    dtype, wide = got.dtype, expected.dtype.type
    with np.errstate(all="ignore"):
        rounded = expected.astype(dtype)
        size = abs(rounded) if scale is None else np.fmax(abs(rounded), scale)
        unit = np.spacing(np.minimum(size, np.finfo(dtype).max)).astype(wide)
        # What lies beyond the largest number rounds to it, or to infinity.
        near = np.where(np.isinf(got), np.copysign(wide(2.0) ** np.finfo(dtype).maxexp, got), got)
        distance = (abs(near.astype(wide) - expected) / unit).astype(np.float64)
    distance[~np.isfinite(distance)] = np.inf
    distance[((got == rounded) & np.isinf(got)) | (np.isnan(got) & np.isnan(rounded))] = 0
    return distance


def points(dtype: type[np.floating], count: int, seed: int = 0) -> np.ndarray:
    """Numbers of all signs and sizes, subnormal ones included, most of them around 1, and the edges of everything."""
    rng = np.random.default_rng(seed)
    bits = np.uint32 if dtype == np.float32 else np.uint64
    info = np.finfo(dtype)
    everywhere = rng.integers(0, np.iinfo(bits).max, count // 3, dtype=bits, endpoint=True).view(dtype)
    ordinary = (2.0 ** rng.uniform(-12, 12, 2 * count // 3) * rng.normal(size=2 * count // 3)).astype(dtype)
    edges = [
        [
            0,
            1,
            np.inf,
            np.e,
            info.tiny,
            info.smallest_subnormal,
            info.max,
            info.eps,
            info.maxexp,
            info.minexp,
            1e5,
            1e9,
        ],
        np.log([float(info.max), float(info.tiny), float(info.smallest_subnormal)]),
        np.pi / 4 * np.concatenate([np.arange(1, 400), [10**5, 10**8]]),
        2.0 ** np.arange(-140, 128),
        np.linspace(0, 2, 801),
    ]
    positive = np.concatenate(edges).astype(dtype)
    with np.errstate(all="ignore"):
        positive = np.concatenate([positive, *(np.nextafter(positive, dtype(s)) for s in (-np.inf, np.inf))])
    return np.concatenate([everywhere, ordinary, positive, -positive, [dtype(np.nan)]]).astype(dtype)
