"""What a function is traced with: its leaves by name, and how arrays in their places become its arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from pcneuro.errors import PcneuroError, TraceError
from pcneuro.graph.graph import Leaf, Parameter, check_finite
from pcneuro.graph.leaves import Given
from pcneuro.graph.planting import Parameters, has_leaves, leaf_itself, planted
from pcneuro.graph.trees import Tree

_BY_PLACE = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
_REST = inspect.Parameter.VAR_POSITIONAL


def name_of(function: Callable[..., Any]) -> str:
    """What a message calls a function; ``functools.partial`` goes by the name of what it calls."""
    inner = getattr(function, "func", function)
    return str(getattr(function, "__name__", getattr(inner, "__name__", type(function).__name__)))


@final
@dataclass(frozen=True, eq=False)
class Arguments:
    """The arguments of a function that is traced.

    ``leaves`` has the graph's leaves by name, those of trees, too; ``trees`` the arguments that are trees.
    """

    function: Callable[..., Any]
    names: tuple[str, ...]
    leaves: Mapping[str, Leaf]
    trees: Mapping[str, Tree]

    @classmethod
    def of(cls, function: Callable[..., Any], places: Sequence[Any], named: Mapping[str, Any]) -> Arguments:
        """Arguments as ``pcn.trace`` gets them, by place and by name. Raises TraceError for what is no leaf or tree."""
        _check_given_before(function)
        given = dict(_by_name(function, places))
        twice = [name for name in named if name in given]
        if twice:
            raise TraceError(f"{name_of(function)} is given {twice[0]!r} twice, by place and by name")
        given |= named
        leaves: dict[str, Leaf] = {}
        trees = {}
        for name, value in given.items():
            value = value.tree if isinstance(value, Parameters) else value
            if has_leaves(value) and leaf_itself(name, value) is None:
                trees[name], found = planted(name, value, leaf_itself)
            else:
                found = {name: value}
            for leaf_name, leaf in found.items():
                _check_leaf(leaf_name, leaf)
                if leaf_name in leaves:
                    raise TraceError(f"two leaves are called {leaf_name!r}: rename one")
                leaves[leaf_name] = leaf
        arguments = cls(function, tuple(given), leaves, trees)
        arguments.check()
        return arguments

    def check(self) -> None:
        """Raise TraceError where the function does not take these arguments."""
        signature = _signature(self.function)
        if signature is None:
            return
        args, kwargs = self._laid_out(dict.fromkeys(self.leaves))
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TraceError(
                f"calling {name_of(self.function)} with leaves {', '.join(self.names)}: {error}; an argument that is "
                "no leaf is given by functools.partial"
            ) from None

    def call(self, values: Mapping[str, Any]) -> Any:
        """Call the function with a value in place of each leaf."""
        args, kwargs = self._laid_out(values)
        try:
            return self.function(*args, **kwargs)
        except TypeError as error:
            if _signature(self.function) is not None or isinstance(error, PcneuroError) or error.__cause__ is not None:
                raise
            raise TraceError(
                f"calling {name_of(self.function)} with leaves {', '.join(self.names)}: {error}; it does not say what "
                "its arguments are called: trace a lambda that calls it"
            ) from error

    def _laid_out(self, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Arguments by place, where the function takes them so only or has ``*args``, and by name."""
        by_name = {name: self.trees[name].of(values) if name in self.trees else values[name] for name in self.names}
        signature = _signature(self.function)
        parameters = {} if signature is None else signature.parameters
        rest = next((p.name for p in parameters.values() if p.kind is _REST and p.name in by_name), None)
        args: list[Any] = []
        for name, parameter in parameters.items():
            if parameter.kind in _BY_PLACE and (rest is not None or parameter.kind is _BY_PLACE[0]):
                if name in by_name:
                    args.append(by_name.pop(name))
                elif rest is not None and parameter.default is not parameter.empty:
                    args.append(parameter.default)
                else:
                    break
        if rest is not None:
            args.extend(by_name.pop(rest))
        return args, by_name


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    if isinstance(function, np.ufunc):
        # Some versions of NumPy tell one, of arguments that can be given by place only.
        return None
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _by_name(function: Callable[..., Any], places: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Names of arguments that were given by place; those of ``*args`` make one tree, a tuple."""
    if not places:
        return
    signature = _signature(function)
    if signature is None:
        raise TraceError(
            f"{name_of(function)} does not say what its arguments are called: trace a lambda that calls it"
        )
    left = list(places)
    for parameter in signature.parameters.values():
        if parameter.kind is _REST and left:
            yield parameter.name, tuple(left)
            left = []
        elif parameter.kind in _BY_PLACE and left:
            yield parameter.name, left.pop(0)
    if left:
        raise TraceError(
            f"{name_of(function)} takes {len(places) - len(left)} arguments by place, {len(places)} are given"
        )


def _check_given_before(function: Callable[..., Any]) -> None:
    """Raise TraceError for a leaf that ``functools.partial`` gives: the function would get it and no array."""
    if isinstance(function, functools.partial):
        for name, value in [*enumerate(function.args), *function.keywords.items()]:
            if has_leaves(value):
                raise TraceError(
                    f"functools.partial gives {name_of(function)} a leaf or a tree of leaves, at {name!r}: give it to "
                    "pcn.trace instead, which makes an array of it"
                )


def _check_leaf(name: str, leaf: Any) -> None:
    if not isinstance(leaf, Given):
        raise TraceError(
            f"leaf {name!r} is a {type(leaf).__name__}: wrap it as "
            "Input(shape), Parameter(array), Latent(shape) or Recurrent(vertex, shape), a tree of arrays as "
            "Parameters(tree); what is no leaf is "
            f"given by functools.partial(f, {name}=...)"
        )
    if isinstance(leaf, Parameter):
        check_finite(f"parameter {name!r}", leaf.value)
