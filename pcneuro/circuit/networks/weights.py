"""Weights of a connection: dense, or sparse by what is behind a synapse; checked, and of one sign where they have one.

A sum over incoming synapses is one row of the sparse form: the kernel keeps it in a register.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.errors import CapacityError, DataError, ParameterError, ShapeError, told
from pcneuro.quantities import plain_array

MOST_DENSE = 2**28
"""Weights of a connection that has one number for all of them."""
EXCITATORY, INHIBITORY = 1, -1


@dataclass(frozen=True, eq=False)
class DenseWeights:
    """``matrix`` (source units, target units): a synapse for each pair."""

    matrix: np.ndarray

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Units before and behind each synapse, in the order of the flattened weights."""
        n, m = self.matrix.shape
        return np.repeat(np.arange(n), m), np.tile(np.arange(m), n)

    @property
    def shape(self) -> tuple[int, int]:
        """Units before and behind."""
        return self.matrix.shape  # type: ignore[return-value]

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """Shape of the parameter that has them."""
        return self.matrix.shape

    @property
    def values(self) -> np.ndarray:
        """One a synapse."""
        return self.matrix.ravel()

    @property
    def parameter(self) -> Any:
        """What a ``Parameter`` is given."""
        return self.matrix

    def product(self, x: Any, parameter: Any) -> Any:
        """What comes in at the target of an activity x, with traced weights."""
        return x @ parameter


@dataclass(frozen=True, eq=False)
class SparseWeights:
    """``by_target``, a CSR array (target units, source units): a synapse for each stored weight."""

    by_target: Any

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Units before and behind each synapse, in the order of the stored weights."""
        rows = self.by_target
        return rows.indices, np.repeat(np.arange(rows.shape[0], dtype=np.int32), np.diff(rows.indptr))

    @property
    def shape(self) -> tuple[int, int]:
        """Units before and behind."""
        m, n = self.by_target.shape
        return n, m

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """Shape of the parameter that has them."""
        return (self.by_target.nnz,)

    @property
    def values(self) -> np.ndarray:
        """One a synapse."""
        return self.by_target.data  # type: ignore[no-any-return]

    @property
    def parameter(self) -> Any:
        """What a ``Parameter`` is given."""
        return self.by_target

    def product(self, x: Any, parameter: Any) -> Any:
        """What comes in at the target of an activity x, with traced weights."""
        return x @ parameter.T


Weights = DenseWeights | SparseWeights


def is_sparse(value: Any) -> bool:
    """Whether something is a matrix of SciPy that stores some weights only."""
    return type(value).__module__.startswith("scipy.sparse")


def weights_of(what: str, value: Any, shape: tuple[int, int], sign: int, name: str) -> Weights:
    """Weights (source units, target units) as users have them: one number for all, an array, a sparse matrix.

    With a ``sign``, that of the neurons of population ``name``, they are magnitudes, and get it. Raises ShapeError for
    weights of another shape, DataError for NaN and infinity, ParameterError for negative magnitudes, CapacityError
    where one number stands for too many.
    """
    if is_sparse(value):
        # Before those between the same two units are added up, which would hide a negative one.
        _check_sign(what, _stored(value), sign, name)
        made: Weights = SparseWeights(by_target(what, value, shape))
    else:
        array = plain_array(what, value)
        array = array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)
        if not array.ndim:
            array = _for_all(what, array, shape)
        if array.shape != shape:
            raise ShapeError(f"{what} are of shape {array.shape}; needed is {shape}, units before by units behind")
        _check_sign(what, array, sign, name)
        made = DenseWeights(array)
    _check_values(what, made.values)
    return made if sign >= 0 else _with_values(made, lambda values: -values)


def _for_all(what: str, number: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if shape[0] * shape[1] > MOST_DENSE:
        raise CapacityError(
            f"{what} are one number for {shape[0]:,} by {shape[1]:,} synapses; {MOST_DENSE:,} are the most: give a "
            "sparse matrix"
        )
    return np.full(shape, number)


def by_target(what: str, matrix: Any, shape: tuple[int, int]) -> Any:
    """A sparse matrix (source units, target units) as CSR array by target, of float32 or float64."""
    from scipy.sparse import csr_array

    if matrix.ndim != 2 or matrix.shape != shape:
        raise ShapeError(f"{what} are of shape {matrix.shape}; needed is {shape}, units before by units behind")
    if matrix.dtype.kind not in "fiub":
        raise DataError(f"{what} have dtype {matrix.dtype}; real numbers are needed")
    if not matrix.nnz:
        raise ShapeError(f"{what} have no stored weight: leave the edge out")
    if matrix.dtype not in (np.float32, np.float64):
        matrix = matrix.astype(np.float64)
    _check_places(what, matrix)
    rows = csr_array(matrix.T)
    # Of a matrix by columns the transposed one has the very arrays that the user has.
    rows = rows.copy() if not rows.has_canonical_format else rows
    rows.sum_duplicates()
    return rows


def _check_places(what: str, matrix: Any) -> None:
    """Raise DataError for places that are none of the matrix: SciPy converts without a look at them."""
    try:
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
        elif hasattr(matrix, "coords"):
            for places, size in zip(matrix.coords, matrix.shape, strict=True):
                if places.size and not 0 <= places.min() <= places.max() < size:
                    raise ValueError(f"indices have to be in 0 to {size - 1}")
    except ValueError as error:
        raise DataError(f"{what} are a damaged sparse matrix, {error}: make it from rows, columns and values") from None


def _check_values(what: str, values: np.ndarray) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        wrong = values[~finite][0]
        raise DataError(
            f"{what} have {int((~finite).sum())} of {values.size} values that are NaN or infinite, such as {wrong:g}"
        )


def _stored(matrix: Any) -> np.ndarray:
    """All numbers that a sparse matrix has, in whatever order."""
    data = getattr(matrix, "data", None)
    # Some kinds have lists, or room for places that there are not.
    plain = isinstance(data, np.ndarray) and data.dtype != object and matrix.format != "dia"
    return np.asarray(data if plain else matrix.tocoo().data)


def _check_sign(what: str, values: np.ndarray, sign: int, name: str) -> None:
    """Raise ParameterError for negative magnitudes, of neurons that have a sign."""
    if not sign or not values.size or values.dtype.kind not in "fiub":
        return
    least = float(np.nanmin(values)) if not np.isnan(values).all() else 0.0
    if least < 0:
        kind = "inhibitory" if sign < 0 else "excitatory"
        raise ParameterError(
            f"{what} are negative, {least:g} as their least, and {name!r} is {kind}: give magnitudes, which get its "
            "sign, or leave out the sign"
        )


def _with_values(weights: Weights, change: Callable[[np.ndarray], np.ndarray]) -> Weights:
    if isinstance(weights, DenseWeights):
        return DenseWeights(change(weights.matrix))
    from scipy.sparse import csr_array

    rows = weights.by_target
    return SparseWeights(csr_array((change(rows.data), rows.indices, rows.indptr), shape=rows.shape))


def sign_of(what: str, value: Any) -> int:
    """The sign of a population's weights: 1, -1, or 0 where they may have any.

    Raises ParameterError for what is no sign.
    """
    names = {"excitatory": EXCITATORY, "inhibitory": INHIBITORY, "": 0, "mixed": 0}
    if value is None:
        return 0
    if isinstance(value, str) and value in names:
        return names[value]
    if (
        isinstance(value, int | float | np.integer | np.floating)
        and not isinstance(value, bool)
        and value in (1, -1, 0)
    ):
        return int(value)
    raise ParameterError(f"{what} is {told(value)}; give 'excitatory', 'inhibitory', 1, -1, or None for any")
