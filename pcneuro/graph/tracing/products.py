"""NumPy's products of arrays on traced ones: each is brought into einsum's form, and that into contractions of two."""

from __future__ import annotations

import operator
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing.array import Recorder, TracedArray, recorder_of
from pcneuro.graph.tracing.functions import moved
from pcneuro.graph.tracing.layout import lay_product
from pcneuro.graph.tracing.types import product_typed
from pcneuro.ops.base import Shape, unit_indices
from pcneuro.ops.contract import Contract
from pcneuro.ops.maps import Map
from pcneuro.ops.reduce import Sum
from pcneuro.ops.registry import answers, at_line, refuse


def _terms(subscripts: str, shapes: Sequence[Shape]) -> tuple[list[str], str]:
    """Terms and output of einsum subscripts, in lower-case letters. Raises ValueError where they do not fit."""
    inputs, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    letters = sorted(set("".join(terms)))
    if not all(c in string.ascii_letters for c in letters) or len(letters) > 26:
        raise ValueError("it needs letters as subscripts, 26 at most")
    if not arrow:
        out = "".join(c for c in letters if "".join(terms).count(c) == 1)
    if len(terms) != len(shapes):
        raise ValueError(f"{len(terms)} terms for {len(shapes)} operands")
    if len(set(out)) < len(out) or set(out) - set(letters):
        raise ValueError(f"the output {out!r} is none that the operands give")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if len(term) != len(shape):
            raise ValueError(f"{term!r} for an operand of shape {shape}")
        for letter, n in zip(term, shape, strict=True):
            if sizes.setdefault(letter, n) != n:
                raise ValueError(f"{letter!r} is {sizes[letter]} and {n}")
    free = [c for c in string.ascii_lowercase if c not in letters]
    lower = str.maketrans({c: c if c.islower() else free.pop() for c in letters})
    return [term.translate(lower) for term in terms], out.translate(lower)


def _tidy(x: TracedArray, term: str, needed: set[str]) -> tuple[TracedArray, str]:
    """Take diagonals for letters that repeat in a term, and sum over those that nothing else needs."""
    unique = "".join(dict.fromkeys(term))
    if unique != term:
        x = x.recorder.gather("diagonal", np.einsum(f"{term}->{unique}", unit_indices(x.shape)), [x])
    lonely = tuple(i for i, c in enumerate(unique) if c not in needed)
    if lonely:
        x = x.apply(Sum(lonely), x)
    return x, "".join(c for c in unique if c in needed)


def _contract(operands: Sequence[TracedArray], terms: Sequence[str], out: str) -> TracedArray:
    """The einsum of all operands, two at a time from the left."""
    result, term = _tidy(operands[0], terms[0], set(out).union(*terms[1:]))
    for k in range(1, len(operands)):
        after = set(out).union(*terms[k + 1 :])
        other, other_term = _tidy(operands[k], terms[k], after | set(term))
        # What only this term had in common with the one before may have gone just now.
        result, term = _tidy(result, term, after | set(other_term))
        joined = "".join(dict.fromkeys(c for c in term + other_term if c in after))
        if sorted(joined) == sorted(out):
            joined = out
        result = result.apply(Contract(f"{term},{other_term}->{joined}"), result, other)
        term = joined
    indices = unit_indices(result.shape).transpose([term.index(c) for c in out])
    return result.recorder.gather("transpose", indices, [result])


def _lettered(arguments: Sequence[Any]) -> tuple[str, list[Any]]:
    """Subscripts and operands of an einsum that is given as operands, each with a list of numbers behind it."""

    def text(numbers: Any) -> str:
        return "".join("..." if n is Ellipsis else string.ascii_letters[operator.index(n)] for n in numbers)

    operands, lists = list(arguments[: len(arguments) // 2 * 2 : 2]), arguments[1::2]
    out = f"->{text(arguments[-1])}" if len(arguments) % 2 else ""
    return ",".join(map(text, lists)) + out, operands


def _without_ellipsis(subscripts: str, ndims: Sequence[int]) -> str:
    """The subscripts with letters for the axes that ``...`` stands for. Raises ValueError where they do not fit."""
    inputs, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"{len(terms)} terms for {len(ndims)} operands")
    more = [ndim - len(term) + 3 if "..." in term else 0 for term, ndim in zip(terms, ndims, strict=True)]
    if min(more) < 0:
        raise ValueError("an operand has fewer axes than subscripts")
    free = [c for c in string.ascii_letters if c not in subscripts][: max(more)]
    if len(free) < max(more):
        raise ValueError("it needs letters as subscripts, 26 at most")
    # The axes of all ellipses are broadcast, aligned at the last one.
    letters = "".join(free)
    expanded = [term.replace("...", letters[len(letters) - n :]) for term, n in zip(terms, more, strict=True)]
    if not arrow:
        out = "..." + "".join(c for c in sorted(set(inputs) - set(".,")) if inputs.count(c) == 1)
    return f"{','.join(expanded)}->{out.replace('...', letters)}"


def _squeezed(subscripts: str, operands: Sequence[TracedArray]) -> tuple[str, list[TracedArray]]:
    """The same einsum without the axes of length 1 that broadcast: those whose letter has a longer axis elsewhere."""
    inputs, arrow, out = subscripts.partition("->")
    terms = inputs.split(",")
    longest: dict[str, int] = {}
    for term, x in zip(terms, operands, strict=True):
        for letter, n in zip(term, x.shape, strict=False):
            longest[letter] = max(n, longest.get(letter, n))
    kept_terms, kept = [], []
    for term, x in zip(terms, operands, strict=True):
        shared = [i for i, (c, n) in enumerate(zip(term, x.shape, strict=False)) if n == 1 < longest[c]]
        # An axis of length 1 does not broadcast to another of the same operand.
        if len(term) != x.ndim or any(term.count(term[i]) > 1 for i in shared):
            shared = []
        kept_terms.append("".join(c for i, c in enumerate(term) if i not in shared))
        kept.append(x.reshape(tuple(n for i, n in enumerate(x.shape) if i not in shared)))
    return ",".join(kept_terms) + arrow + out, kept


@answers(np.einsum)
def _einsum(*arguments: Any, optimize: Any = False) -> TracedArray:
    subscripts, operands = arguments[0], list(arguments[1:])
    if not isinstance(subscripts, str):
        try:
            subscripts, operands = _lettered(arguments)
        except (TypeError, IndexError):
            raise refuse("this form of np.einsum", 'write np.einsum("ij,jk->ik", a, b)') from None
    recorder = recorder_of(operands)
    traced = [recorder.lift(a) for a in operands]
    try:
        subscripts = _without_ellipsis(subscripts, [a.ndim for a in traced])
    except ValueError as error:
        shapes = " and ".join(str(a.shape) for a in traced)
        raise ShapeError(f"np.einsum ({subscripts}) of shapes {shapes}: {error}{at_line()}") from None
    inputs, _, out = subscripts.partition("->")
    if len(traced) == 1 and set(inputs) == set(out) and len(set(out)) == len(out):
        # NumPy makes a view, which may be written to.
        return moved("einsum", traced[0], lambda numbers: np.einsum(subscripts, numbers))  # type: ignore[no-any-return]
    fewer, squeezed = _squeezed(subscripts, traced)
    return lay_product(_named_einsum("np.einsum", fewer, *squeezed), subscripts, traced)  # type: ignore[no-any-return]


def _named_einsum(name: str, subscripts: str, *operands: Any) -> TracedArray:
    recorder = recorder_of(operands)
    traced = [recorder.lift(a) for a in operands]
    try:
        terms, out = _terms(subscripts, [a.shape for a in traced])
    except ValueError as error:
        shapes = " and ".join(str(a.shape) for a in traced)
        raise ShapeError(f"{name} ({subscripts}) of shapes {shapes}: {error}{at_line()}") from None
    result = product_typed(_contract(traced, terms, out), *traced)
    result.axes = None
    return result  # type: ignore[no-any-return]


def _lifted(a: Any, b: Any) -> tuple[Recorder, TracedArray, TracedArray]:
    recorder = recorder_of(a, b)
    return recorder, recorder.lift(a), recorder.lift(b)


def _shaped(array: TracedArray, shape: tuple[int, ...]) -> TracedArray:
    """An array of this shape: mostly the array itself, of which no view has to be made."""
    return array if array.shape == shape else array.reshape(shape)


@answers(np.matmul)
def _matmul(a: Any, b: Any) -> TracedArray:
    recorder, a, b = _lifted(a, b)
    what = f"matmul of shapes {a.shape} and {b.shape}"
    if not a.ndim or not b.ndim:
        raise ShapeError(f"{what}: a number has no axes; multiply with *{at_line()}")
    left, right = a.shape[:-2], b.shape[:-2]
    try:
        np.broadcast_shapes(left, right)
    except ValueError:
        raise ShapeError(f"{what}: the leading axes do not broadcast{at_line()}") from None
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else -1]:
        raise ShapeError(f"{what}: the inner axes do not fit{at_line()}")
    ndim = max(len(left), len(right))
    left, right = (1,) * (ndim - len(left)) + left, (1,) * (ndim - len(right)) + right
    # A leading axis of length 1 against a longer one is shared over it; where both have length 1 the first keeps it.
    of_a = [i for i in range(ndim) if left[i] > 1 or right[i] == 1]
    of_b = [i for i in range(ndim) if right[i] > 1]
    a_core, b_core = ("mk" if a.ndim > 1 else "k"), ("kn" if b.ndim > 1 else "k")
    a = _shaped(a, tuple(left[i] for i in of_a) + a.shape[-len(a_core) :])
    b = _shaped(b, tuple(right[i] for i in of_b) + b.shape[-len(b_core) :])
    letters = "abcdefgh"[:ndim]
    terms = ("".join(letters[i] for i in of_a) + a_core, "".join(letters[i] for i in of_b) + b_core)
    out = letters + (a_core + b_core).replace("k", "")
    return product_typed(recorder.apply(Contract(f"{terms[0]},{terms[1]}->{out}"), a, b), a, b)  # type: ignore[no-any-return]


@answers(np.dot)
def _dot(a: Any, b: Any) -> TracedArray:
    recorder, a, b = _lifted(a, b)
    if not a.ndim or not b.ndim:
        return recorder.apply(Map("multiply"), a, b)
    if b.ndim <= 2 and a.ndim <= 2:
        return _matmul(a, b)
    left = "abcdefgh"[: a.ndim - 1]
    right = "ijklmnop"[: b.ndim - 1]
    inner = right[:-1] + "z" + right[-1:] if b.ndim > 1 else "z"
    return _named_einsum("np.dot", f"{left}z,{inner}->{left}{right}", a, b)


@answers(np.inner)
def _inner(a: Any, b: Any) -> TracedArray:
    recorder, a, b = _lifted(a, b)
    if not a.ndim or not b.ndim:
        return recorder.apply(Map("multiply"), a, b)
    left, right = "abcdefgh"[: a.ndim - 1], "ijklmnop"[: b.ndim - 1]
    return _named_einsum("np.inner", f"{left}z,{right}z->{left}{right}", a, b)


@answers(np.outer)
def _outer(a: Any, b: Any) -> TracedArray:
    return _named_einsum("np.outer", "i,j->ij", np.ravel(a), np.ravel(b))


@answers(np.vdot)
def _vdot(a: Any, b: Any) -> TracedArray:
    return _named_einsum("np.vdot", "i,i->", np.ravel(a), np.ravel(b))


@answers(np.tensordot)
def _tensordot(a: Any, b: Any, axes: Any = 2) -> TracedArray:
    _, a, b = _lifted(a, b)
    if np.ndim(axes) == 0:
        axes = operator.index(axes)
        axes = (list(range(a.ndim - axes, a.ndim)), list(range(axes)))
    left = list("abcdefghijkl"[: a.ndim])
    right = list("mnopqrstuvwx"[: b.ndim])
    try:
        pairs = [[int(i) for i in np.atleast_1d(part)] for part in axes]
        for i, j in zip(*pairs, strict=True):
            right[j] = left[i]
    except (ValueError, IndexError) as error:
        shapes = f"{a.shape} and {b.shape}"
        raise ShapeError(f"np.tensordot of shapes {shapes} over axes {axes}: {error}{at_line()}") from None
    out = [c for c in left if c not in right] + [c for c in right if c not in left]
    return _named_einsum("np.tensordot", f"{''.join(left)},{''.join(right)}->{''.join(out)}", a, b)
