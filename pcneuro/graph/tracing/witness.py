"""Plain arrays that note what NumPy makes of them: they tell where a function and the graph traced from it part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.ops.registry import where


@dataclass(frozen=True, eq=False)
class Noted:
    """What a function of NumPy made of a leaf or of what came from one: its name, the user's line, and the array."""

    name: str
    where: str
    array: np.ndarray


class Witness(np.ndarray):
    """A plain array; whatever is computed from it is one, too, and is added to ``notes``."""

    notes: list[Noted]

    def __array_finalize__(self, other: Any) -> None:
        self.notes = getattr(other, "notes", [])

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        into = {} if out is None else {"out": tuple(_bare(part) for part in out)}
        result = getattr(ufunc, method)(*_bare(inputs), **_bare(kwargs), **into)
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        noted = self._note(f"np.{name}", result)
        return noted if out is None or out[0] is None else out[0]

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        name = f"{function.__module__.replace('numpy', 'np', 1)}.{function.__name__}"
        return self._note(name, function(*_bare(args), **_bare(kwargs)))

    def __getitem__(self, key: Any) -> Any:
        return self._note("an index", np.asarray(self)[_bare(key)])

    def _note(self, name: str, result: Any) -> Any:
        if isinstance(result, list | tuple):
            return type(result)(self._note(name, part) for part in result)
        if not isinstance(result, np.ndarray | np.floating) or result.dtype.kind != "f":
            return result
        array = np.asarray(result)
        self.notes.append(Noted(name, where(), array.copy()))
        return witness(array, self.notes)


def witness(array: np.ndarray, notes: list[Noted]) -> Witness:
    """A witness of an array, which adds to these notes."""
    result = np.asarray(array).view(Witness)
    result.notes = notes
    return result


def _bare(value: Any) -> Any:
    """Plain arrays in place of witnesses, in lists, tuples and dicts, too."""
    if isinstance(value, Witness):
        return value.view(np.ndarray)
    if type(value) in (list, tuple):
        return type(value)(_bare(part) for part in value)
    return {k: _bare(part) for k, part in value.items()} if type(value) is dict else value
