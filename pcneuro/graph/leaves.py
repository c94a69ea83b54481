"""The leaves of a graph: what a traced function is given in place of arrays."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np

from pcneuro.errors import DataError, GraphError, ParameterError, ShapeError, told
from pcneuro.model.rounding import Levels
from pcneuro.ops.base import Shape
from pcneuro.quantities import NOT_NEGATIVE, flag, index_tuple, milliseconds, plain_array

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


LONGEST_NAME = 100
"""Letters of a name, so that files and folders called after it have names that all systems take."""


def check_name(name: Any, what: str = "a vertex") -> None:
    """Raise GraphError where this is no name for a vertex, or what else has one.

    Names are carried by netCDF, GraphML, SONATA, NIR, equations of Brian2 and file systems: what all of them take.
    """
    if not isinstance(name, str) or not _NAME.match(name):
        raise GraphError(
            f"{told(name)} is no name for {what}: give letters (a to z, A to Z), digits and _, a letter first"
        )
    if len(name) > LONGEST_NAME:
        raise GraphError(f"the name {name[:20]}... for {what} has {len(name)} letters; {LONGEST_NAME} are the most")


def all_finite(array: np.ndarray) -> bool:
    """Whether nothing is NaN or infinite."""
    return bool(np.isfinite(array).all())


def check_finite(what: str, array: np.ndarray) -> None:
    """Raise DataError where an array has NaN or infinity: which array, how many, and where the first is."""
    if not all_finite(array):
        bad = ~np.isfinite(array)
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"{what} has {int(bad.sum())} of {array.size} values that are NaN or infinite, the first at {first}"
        )


def real_array(what: str, value: Any) -> np.ndarray:
    """A float64 array of what was given (float32 stays).

    Raises DataError where that is no array of real numbers, has a unit, or has values under a mask.
    """
    array = plain_array(what, value)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def cast(what: str, array: np.ndarray, dtype: Any) -> np.ndarray:
    """Finite numbers as those of another dtype. Raises DataError where they are too large for it."""
    with np.errstate(over="ignore"):
        made = array.astype(dtype)
    if made.dtype.itemsize < array.dtype.itemsize and not all_finite(made):
        raise DataError(
            f"{what} has values too large for {made.dtype}, up to {np.abs(array).max():g}: give smaller ones"
        )
    return made


_MOST_UNITS = 2**48
"""Of an array, far beyond what memory holds, and with room to spare in 64 bits."""


_SHORT = 40
"""Letters of a shape that are shown in a message."""


def _shape(what: str, shape: Any) -> Shape:
    axes = (shape,) if isinstance(shape, Integral) and not isinstance(shape, bool) else shape
    try:
        result = index_tuple(what, axes)
    except ParameterError:
        got = shape if isinstance(shape, tuple) and len(str(shape)) < _SHORT else told(shape)
        raise ShapeError(f"{what} needs a shape, a tuple of whole numbers; got {got}") from None
    if any(abs(n) > _MOST_UNITS for n in result) or math.prod(result) > _MOST_UNITS:
        raise ShapeError(f"{what} needs a shape of at most {_MOST_UNITS:.2g} units; got {told(shape)} with more")
    if any(n < 1 for n in result):
        raise ShapeError(f"{what} of shape {result}: every axis needs at least one unit")
    return result


def _spread(what: str, array: np.ndarray, shape: Shape) -> np.ndarray:
    """An array of its own of this shape, not to be written to. Raises ShapeError where it does not broadcast to it."""
    try:
        result = np.broadcast_to(array, shape).copy()
    except ValueError:
        raise ShapeError(f"{what} of shape {array.shape}") from None
    result.flags.writeable = False
    return result


@dataclass(frozen=True)
class Input:
    """Leaf clamped to data: ``shape`` is that of one sample.

    Examples
    --------
    >>> pcn.Input((3,)).shape
    (3,)
    """

    shape: Shape

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _shape("Input", self.shape))


@dataclass(frozen=True, eq=False)
class Pattern:
    """Which synapses a sparse matrix has, by rows: ``starts`` (int64, rows + 1), ``columns`` (int32), and its width."""

    starts: np.ndarray
    columns: np.ndarray
    width: int


@dataclass(frozen=True, eq=False)
class Parameter:
    """Leaf whose value is learned: synaptic weights, biases, gains. ``value`` is copied, as float64 unless float32.

    A ``scipy.sparse`` matrix becomes the vector of its stored weights, row by row (duplicates summed), and ``pattern``
    says where they stand; its gradient is a vector over the same synapses. ``levels`` are those that its values are
    rounded to, if any.

    Examples
    --------
    >>> pcn.Parameter([[0.5, -0.5]]).value.dtype
    dtype('float64')
    """

    value: np.ndarray
    pattern: Pattern | None = field(default=None, init=False)
    levels: Levels | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        raw: Any = self.value
        if type(raw).__module__.startswith("scipy.sparse"):
            raw, pattern = _by_rows(raw)
            object.__setattr__(self, "pattern", pattern)
        value = real_array("Parameter", raw).copy()
        _shape("Parameter", value.shape)
        value.flags.writeable = False
        object.__setattr__(self, "value", value)

    @property
    def shape(self) -> Shape:
        """Shape of the value."""
        return self.value.shape

    def on(self, levels: Levels | None) -> Parameter:
        """The same values, which are on these levels; None: on none."""
        made = Parameter(self.value)
        object.__setattr__(made, "pattern", self.pattern)
        object.__setattr__(made, "levels", levels)
        return made


@dataclass(frozen=True, eq=False)
class Latent:
    """Leaf that is free: a root whose activity is inferred.

    ``prior`` is the mean of a Gaussian prior, a number or an array of ``shape``; None leaves the root without a
    prediction and without error neurons.

    Examples
    --------
    >>> pcn.Latent((2,), prior=0.0).shape
    (2,)
    """

    shape: Shape
    prior: np.ndarray | float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _shape("Latent", self.shape))
        if self.prior is not None:
            prior = real_array("prior of a Latent", self.prior)
            prior = _spread(f"Latent of shape {self.shape} has a prior", prior, self.shape)
            check_finite("prior of a Latent", prior)
            object.__setattr__(self, "prior", prior)


@dataclass(frozen=True, eq=False)
class Recurrent:
    """Leaf that closes a cycle: the activity of a vertex as it is, or as it was ``delay`` ms ago.

    Parameters
    ----------
    vertex
        Name of a vertex, or of an output.
    shape
        That vertex's.
    delay
        In ms, a multiple of the integrator's dt. 0: the present activity, in a cycle without delay.
    feedback
        Whether errors come back to the vertex from what reads the leaf, at once and with the derivatives at what was
        read. Without, the past is not revised (temporal predictive coding).
    initial
        What is read while there is no activity yet: by the feedforward sweep, which no cycle has, and where there is a
        delay until that has passed. A number or an array of ``shape``.

    Raises
    ------
    GraphError, ShapeError, ParameterError, DataError
        For what is no name, no shape, no delay or no finite array that fits.

    Examples
    --------
    >>> loop = pcn.Recurrent("h", (2,), delay=5.0)  # the activity of h, 5 ms ago
    >>> loop.delay
    5.0
    """

    vertex: str
    shape: Shape
    delay: float = 0.0
    feedback: bool = True
    initial: np.ndarray | float = 0.0

    def __post_init__(self) -> None:
        check_name(self.vertex, "the vertex of a Recurrent")
        what = f"Recurrent of {self.vertex!r}"
        object.__setattr__(self, "shape", _shape(what, self.shape))
        object.__setattr__(self, "delay", milliseconds(f"delay of the {what}", self.delay, NOT_NEGATIVE))
        object.__setattr__(self, "feedback", flag(f"feedback of the {what}", self.feedback))
        initial = real_array(f"initial of the {what}", self.initial).astype(np.float64)
        check_finite(f"initial of the {what}", initial)
        object.__setattr__(
            self, "initial", _spread(f"{what} of shape {self.shape} has an initial", initial, self.shape)
        )


@dataclass(frozen=True, eq=False)
class Constant:
    """Leaf that never changes: a number or array that stands in the traced function."""

    value: np.ndarray

    @property
    def shape(self) -> Shape:
        """Shape of the value."""
        return self.value.shape


Given = Input | Parameter | Latent | Recurrent
"""What users give in place of arrays."""

Leaf = Given | Constant


def _by_rows(matrix: Any) -> tuple[np.ndarray, Pattern]:
    """Stored weights of a sparse matrix of two axes, row by row, and where they stand."""
    if matrix.ndim != 2 or not matrix.nnz or matrix.shape[1] > np.iinfo(np.int32).max:
        raise ShapeError(f"sparse Parameter of shape {matrix.shape} with {matrix.nnz} weights: give one that has some")
    rows = matrix.tocsr()
    if not rows.has_canonical_format:
        rows = rows.copy() if rows is matrix else rows
        rows.sum_duplicates()
    return rows.data, Pattern(rows.indptr.astype(np.int64), rows.indices.astype(np.int32), int(matrix.shape[1]))
