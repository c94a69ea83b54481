"""Users' own operators: a function of arrays and its derivative, which Numba compiles, or which stay NumPy's."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NoReturn, final

import numba
import numpy as np
from numba.core.errors import NumbaError

from pcneuro.errors import DataError, ParameterError, ShapeError, TraceError, UnknownNameError, told, warn
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Slot,
    Units,
    apply,
    size,
)
from pcneuro.ops.custom_checking import Checked, check_derivative
from pcneuro.ops.custom_kernels import make_kernel, room
from pcneuro.ops.registry import at_line, without_stand_ins
from pcneuro.ops.rows import lower_combine, promoted
from pcneuro.quantities import flag, index_tuple

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")

_NUMBERS = itertools.count()
"""Of kernels: definitions may have the same name."""

DEFINITIONS: dict[str, Definition] = {}
"""Name -> the last operator that was defined under it; circuits from files are given their operators by it."""


@final
@dataclass(frozen=True, eq=False)
class Definition:
    """A user's operator, before it is applied: its functions, and what is known of it by the shapes of operands.

    ``given_shape`` is the output's shape, a function of the operands' shapes that returns it, or None.
    """

    name: str
    forward: Callable[..., Any]
    vjp: Callable[..., Any]
    given_shape: Any
    compiled: bool
    checked: bool
    shapes: dict[tuple[Shape, ...], Shape] = field(default_factory=dict)
    kernels: dict[Any, str] = field(default_factory=dict)

    def call(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call one of the functions. Raises DataError with what it raised, TraceError where Numba cannot compile it."""
        try:
            with np.errstate(all="ignore"):
                return function(*(np.array(a)[()] for a in arguments))
        except NumbaError as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise TraceError(
                f"operator {self.name!r}: Numba cannot compile {what} for operands of shapes "
                f"{', '.join(str(np.shape(a)) for a in arguments)} ({' '.join(lines[:3])[:_SHORT]}); write it for "
                f"Numba, or give compiled=False{at_line()}"
            ) from None
        except Exception as error:
            text = " ".join(str(error).split())
            raise DataError(
                f"operator {self.name!r}: {what} raised {type(error).__name__}: {text}{at_line()}"
            ) from None

    def shape_of(self, *shapes: Shape) -> Shape:
        """Shape of the output, as given or of what the function returns for zeros; checked when it is first asked."""
        if shapes not in self.shapes:
            with without_stand_ins():
                self.shapes[shapes] = self._shape(shapes)
                if self.checked:
                    check_derivative(Checked(self.name, self.output, self.gradients), shapes, self.shapes[shapes])
        return self.shapes[shapes]

    def _shape(self, shapes: tuple[Shape, ...]) -> Shape:
        given = self.given_shape
        if callable(given) and not isinstance(given, type):
            try:
                given = given(*shapes)
            except Exception as error:
                text = f"{type(error).__name__}: {' '.join(str(error).split())}"
                raise ShapeError(f"operator {self.name!r}: its function shape raised {text}{at_line()}") from None
        if given is None:
            try:
                given = np.shape(self.call("forward", self.forward, *(np.zeros(s) for s in shapes)))
            except DataError as error:
                raise DataError(f"{error}; where zeros are no operands of it, give shape=") from None
        try:
            return index_tuple("shape", given)
        except ParameterError as error:
            raise ShapeError(f"operator {self.name!r}: {error}") from None

    def output(self, *operands: np.ndarray) -> np.ndarray:
        """What forward returns for one sample. Raises DataError or ShapeError for what it raises or returns."""
        with without_stand_ins():
            result = self.call("forward", self.forward, *operands)
        return self._array("forward", result, self.shape_of(*(a.shape for a in operands)))

    def gradients(self, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> list[np.ndarray]:
        """What vjp returns for one sample, an array of each operand's shape."""
        with without_stand_ins():
            returned = self.call("vjp", self.vjp, gradient, output, *operands)
        if not isinstance(returned, tuple) or len(returned) != len(operands):
            got = f"{len(returned)} of them" if isinstance(returned, tuple) else f"a {type(returned).__name__}"
            raise ShapeError(
                f"operator {self.name!r}: vjp returned {got}; needed is a tuple of {len(operands)} gradients, one for "
                "each operand"
            )
        return [
            self._array(f"vjp for operand {k}", g, a.shape)
            for k, (g, a) in enumerate(zip(returned, operands, strict=True))
        ]

    def _array(self, what: str, value: Any, shape: Shape) -> np.ndarray:
        array = np.asarray(value)
        if array.shape != shape:
            raise ShapeError(f"operator {self.name!r}: {what} returned shape {array.shape}; needed is {shape}")
        if array.dtype.kind not in "fiub":
            raise TraceError(f"operator {self.name!r}: {what} returned dtype {array.dtype}; real numbers are needed")
        return array

    def kernel(self, shapes: tuple[Shape, ...], pick: int | None) -> str:
        """Name of the kernel for operands of these shapes: of the output (None), or of an operand's gradient."""
        if (shapes, pick) not in self.kernels:
            if not self.compiled and not self.kernels:
                warn(f"operator {self.name!r} stays in NumPy (compiled=False): it runs slower, on one thread at a time")
            out = self.shape_of(*shapes)
            part = "forward" if pick is None else f"vjp {pick}"
            name = f"{self.name} {part} of {' and '.join(map(str, shapes))}, {next(_NUMBERS)}"
            function, result = (self.forward, out) if pick is None else (self.vjp, shapes[pick])
            arguments = shapes if pick is None else (out, out, *shapes)
            make_kernel(name, function, arguments, result, pick, compiled=self.compiled)
            self.kernels[shapes, pick] = name
        return self.kernels[shapes, pick]

    @cached_property
    def digest(self) -> str:
        """A digest of the source of both functions, or of their code where there is no source."""
        total = hashlib.sha256()
        for function in (self.forward, self.vjp):
            plain = getattr(function, "py_func", function)
            try:
                total.update(inspect.getsource(plain).encode())
            except (OSError, TypeError):
                code = getattr(plain, "__code__", None)
                total.update(b"" if code is None else code.co_code + repr(code.co_consts).encode())
        return total.hexdigest()


_SHORT = 300
"""Letters of a compiler's message that are shown."""


@final
@dataclass(frozen=True)
class Custom(AbstractOperator):
    """A user's operator, by ``name``: y = f(x, ...), (dy/dx)^T g as the user's vjp has it.

    In files it is its name, and the ``digest`` of its source; without a ``definition`` that of the name is taken.
    """

    kind: ClassVar[str] = "custom"
    name: str
    digest: str
    definition: Definition | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.definition is None:
            known = DEFINITIONS.get(self.name)
            if known is None:
                raise UnknownNameError(
                    f"operator {self.name!r} is code, which files do not hold: define it first, with "
                    f"pcn.operator(forward, vjp, name={self.name!r})"
                )
            if known.digest != self.digest:
                raise ParameterError(
                    f"operator {self.name!r} is defined otherwise than when the circuit was saved: define it as it was"
                )
            object.__setattr__(self, "definition", known)

    def __reduce__(self) -> tuple[Any, ...]:
        return Custom, (self.name, self.digest)

    @property
    def _own(self) -> Definition:
        assert self.definition is not None
        return self.definition

    @property
    def label(self) -> str:
        return self.name

    def attributes(self) -> dict[str, Any]:
        return {"name": self.name, "digest": self.digest}

    def key(self) -> Hashable:
        # Functions of the same source may differ in what they close over.
        return Custom, self._own

    def shape(self, *shapes: Shape) -> Shape:
        return self._own.shape_of(*shapes)

    def linear_in(self, k: int) -> bool:
        return False

    def connections(self, k: int, *shapes: Shape) -> int:
        return size(shapes[k]) * size(self.shape(*shapes))

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        raise ParameterError(
            f"operator {self.label!r} has no equivalent in single units and synapses, since it is a user's own: "
            "it is neither exported nor run by events"
        )

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        samples = [self._own.output(*(a[i if len(a) > 1 else 0] for a in operands)) for i in range(_batch(*operands))]
        return np.stack(samples).astype(np.result_type(*operands), copy=False)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        arrays = gradient, output, *operands
        samples = [self._own.gradients(*(a[i if len(a) > 1 else 0] for a in arrays))[k] for i in range(_batch(*arrays))]
        return np.stack(samples).astype(gradient.dtype, copy=False)

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        operands = [promoted(low, slot, at.out.laned) for slot in at.operands]
        scratch = low.temporary(room(at.shapes, at.shape), at.out.laned)
        kernel = self._own.kernel(at.shapes, None)
        low.emit(kernel, at.out.row, scratch.row, *(slot.row for slot in operands))

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> list[Slot]:
        return [promoted(low, slot, at.out.laned) for slot in at.operands]

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        result = at.shapes[pull.k]
        out = low.temporary(size(result), at.out.laned)
        scratch = low.temporary(room((at.shape, at.shape, *at.shapes), result), at.out.laned)
        kernel = self._own.kernel(at.shapes, pull.k)
        rows = (slot.row for slot in (pull.gradient, at.out, *at.linearised))
        low.emit(kernel, out.row, scratch.row, *rows)
        every = np.arange(out.units)
        lower_combine(low, pull.target, every, out, every, pull.accumulate)


def _batch(*arrays: np.ndarray) -> int:
    return max(len(a) for a in arrays)


@final
@dataclass(frozen=True, eq=False)
class CustomFunction:
    """What ``pcn.operator`` returns: a function of traced or plain arrays of one sample."""

    definition: Definition

    def __call__(self, *operands: Any) -> Any:
        """The operator applied. Raises ShapeError, DataError or TraceError where its functions do not take these."""
        own = self.definition
        if not operands:
            raise ParameterError(f"operator {own.name!r} is called without operands: give one at least")
        return apply(Custom(own.name, own.digest, own), *operands)

    def __reduce__(self) -> NoReturn:
        raise ParameterError(
            f"operator {self.definition.name!r} is code, which is not pickled: define it in each process"
        )

    def __repr__(self) -> str:
        return f"<operator {self.definition.name}>"


def operator(
    forward: Callable[..., Any],
    vjp: Callable[..., Any],
    *,
    name: str | None = None,
    shape: Any = None,
    compiled: bool = True,
    check: bool = True,
) -> CustomFunction:
    """Make an operator of a function and its derivative, to be used in functions that are traced.

    Parameters
    ----------
    forward
        ``forward(*operands)`` returns an array, or a number, of those of one sample: arrays of float64 or float32, C
        order; operands without axes are numbers. It must depend on nothing else that changes.
    vjp
        ``vjp(gradient, output, *operands)`` returns a tuple: for each operand the transposed derivative of ``forward``
        times ``gradient`` (of the output's shape), of the operand's shape.
    name
        How messages, circuits and files call it: by default the name of ``forward``.
    shape
        Shape of the output, or a function of the operands' shapes that returns it. By default that of what ``forward``
        returns for zeros.
    compiled
        Whether Numba compiles both (functions that already are ``numba.njit`` stay as they are). With False they stay
        Python's, which any library can be used in; they are slower, and a warning says so once.
    check
        Whether ``vjp`` is held against central differences of ``forward`` for each combination of shapes that it is
        first used with, at positive and at any numbers.

    Returns
    -------
    CustomFunction
        To be called with arrays, traced or plain, in all engines but events; it is not exported.

    Raises
    ------
    ParameterError
        For what are no functions, or no name. When it is used: TraceError where Numba cannot compile a function, or vjp
        is not the derivative, with the numbers; ShapeError and DataError for what the functions return or raise.
    """
    for what, function in (("forward", forward), ("vjp", vjp)):
        if not callable(function):
            raise ParameterError(f"{what} is {told(function)}; give a function of arrays")
    called = getattr(forward, "__name__", type(forward).__name__) if name is None else name
    if not isinstance(called, str) or not _NAME.match(called):
        raise ParameterError(f"{told(called)} is no name for an operator: give name=, of letters, digits and _")
    if flag("compiled", compiled):
        forward, vjp = _compiled(forward), _compiled(vjp)
    definition = Definition(called, forward, vjp, shape, bool(compiled), flag("check", check))
    DEFINITIONS[called] = definition
    return CustomFunction(definition)


def _compiled(function: Callable[..., Any]) -> Any:
    if hasattr(function, "py_func") or numba.config.DISABLE_JIT:
        return function
    return numba.njit(error_model="numpy", nogil=True)(function)
