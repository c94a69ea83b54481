"""Trees out of what users give: which values are leaves of the graph, and which are settings that stay as they are."""

from __future__ import annotations

import copy
import enum
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from pcneuro.errors import GraphError, PcneuroError, TraceError, told
from pcneuro.graph.graph import Leaf, Parameter
from pcneuro.graph.leaves import Given
from pcneuro.graph.trees import (
    BETWEEN,
    DEEPEST,
    AbstractBranch,
    AbstractPart,
    DictBranch,
    Key,
    ListBranch,
    RecordBranch,
    Setting,
    Tree,
    TreeLeaf,
    TupleBranch,
    fields_of,
    is_tree,
)


@final
@dataclass(frozen=True, eq=False)
class Parameters:
    """A tree of parameters as one argument: lists, tuples, dicts, named tuples and dataclasses of arrays, however deep.

    Arrays, sparse matrices and floats are parameters, copied as ``Parameter`` does. None, truth values, texts and
    functions are settings and stay as they are, and so do whole numbers in dataclasses and named tuples. ``tree``
    becomes the same tree of ``Parameter``.

    Raises TraceError for whatever else is in it, and DataError or ShapeError, with the path, for what is no parameter.

    Examples
    --------
    >>> layers = pcn.Parameters([{"W": np.ones((3, 2)), "b": np.zeros(2)}])
    >>> net = pcn.trace(lambda x, p: pcn.vertex(x @ p[0]["W"] + p[0]["b"], "out"), x=pcn.Input((3,)), p=layers)
    >>> sorted(net.parameters)
    ['p__0__W', 'p__0__b']
    """

    tree: Any

    def __post_init__(self) -> None:
        tree, leaves = planted("Parameters", self.tree, _parameter)
        object.__setattr__(self, "tree", tree.of(leaves))


def _parameter(path: str, value: Any) -> Leaf | None:
    """A Parameter of what is an array of real numbers or a float."""
    if isinstance(value, Given):
        return value
    if not (_has_numbers(value) or type(value).__module__.startswith("scipy.sparse")):
        return None
    try:
        return Parameter(value)
    except PcneuroError as error:
        raise type(error)(f"{path}: {error}") from None


def leaf_itself(path: str, value: Any) -> Leaf | None:
    """What is a leaf already; for trees of leaves. Raises TraceError for an array."""
    if isinstance(value, Given):
        return value
    if _has_numbers(value):
        raise TraceError(
            f"{path} is a {type(value).__name__}: wrap it as Parameter(array), or a tree of arrays as Parameters(tree)"
        )
    return None


def _has_numbers(value: Any) -> bool:
    """Whether something is an array or a float; a dict may have any attribute, and single integers do not count."""
    if isinstance(value, Mapping | np.integer | np.bool):
        return False
    return isinstance(value, float) or hasattr(value, "__array__")


def has_leaves(value: Any, depth: int = 0) -> bool:
    """Whether something is a leaf that users give, such as an Input, or a tree in which there is one."""
    if isinstance(value, Given | Parameters):
        return True
    parts = value if isinstance(value, list | tuple) else (fields_of(value) or {}).values()
    return depth < DEEPEST and any(has_leaves(part, depth + 1) for part in parts)


def planted(name: str, given: Any, leaf_of: Callable[[str, Any], Any]) -> tuple[Tree, dict[str, Any]]:
    """A tree of what was given, and its leaves by name.

    ``leaf_of(path, value)`` returns the leaf that a value is, or None. Raises TraceError for what is neither a leaf, a
    setting nor a branch, and GraphError for two leaves whose paths make the same name.
    """
    planter = _Planter(leaf_of)
    tree = Tree(name, planter.part(given, name, name, 0))
    if not planter.leaves:
        raise TraceError(f"{name} is {told(given)}, a tree without leaves: give one that has arrays, or leave it out")
    return tree, planter.leaves


class _Planter:
    """Walks through what was given, and collects its leaves."""

    def __init__(self, leaf_of: Callable[[str, Any], Any]) -> None:
        self.leaf_of = leaf_of
        self.leaves: dict[str, Any] = {}
        self.paths: dict[str, str] = {}

    def part(self, value: Any, path: str, name: str, depth: int, *, record: bool = False) -> AbstractPart:
        value = value.tree if isinstance(value, Parameters) else value
        leaf = self.leaf_of(path, value)
        if leaf is not None:
            if name in self.leaves:
                raise GraphError(f"{self.paths[name]} and {path} of a tree have the same name {name!r}: rename one")
            self.leaves[name], self.paths[name] = leaf, path
            return TreeLeaf(name)
        if _is_setting(value) or (record and isinstance(value, int | np.integer)):
            return Setting(value)
        fields = dict(enumerate(value)) if type(value) in (list, tuple) else fields_of(value)
        if fields is None:
            raise TraceError(f"{path} is {told(value)}: {_cure(value)}")
        if depth == DEEPEST:
            raise TraceError(f"{path[:DEEPEST]}... has more than {DEEPEST} branches one in the other: it has no end?")
        record = not isinstance(value, Mapping) and type(value) not in (list, tuple)
        parts = {
            _key(key, path): self.part(each, f"{path}/{key}", name + BETWEEN + _in_name(key), depth + 1, record=record)
            for key, each in fields.items()
        }
        return _branch(value, parts)


def _branch(value: Any, parts: Mapping[Key, AbstractPart]) -> AbstractBranch:
    if isinstance(value, Mapping):
        return RecordBranch(parts, type(value)) if _is_made_of_dicts(type(value), parts) else DictBranch(parts)
    if type(value) in (list, tuple):
        return (ListBranch if isinstance(value, list) else TupleBranch)(parts)
    if isinstance(value, tuple):
        return RecordBranch(parts, functools.partial(_named_tuple, type(value)))
    return RecordBranch(parts, functools.partial(_like, _like(value, dict.fromkeys(parts))))


def _is_made_of_dicts(kind: type, parts: Mapping[Key, AbstractPart]) -> bool:
    """Whether a class other than dict makes a mapping of these keys from a dict, as ``OrderedDict`` does."""
    if kind is dict or not issubclass(kind, dict):
        return False
    try:
        return list(kind(dict.fromkeys(parts))) == list(parts)
    except TypeError:
        return False


def _is_setting(value: Any) -> bool:
    if value is None or isinstance(value, bool | np.bool | str | type | enum.Enum | np.dtype):
        return True
    return callable(value) and not is_tree(value)


def _cure(value: Any) -> str:
    if isinstance(value, int | np.integer):
        return (
            "whole numbers are settings in dataclasses and named tuples only; write a float to have it learned, or "
            "give it outside of the tree, as by functools.partial"
        )
    return "give lists, tuples, dicts, named tuples and dataclasses of leaves"


def _key(key: Any, path: str) -> Key:
    if isinstance(key, str):
        return key
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        return int(key)
    raise TraceError(f"{path} has the key {told(key)}: give texts or whole numbers, of which names can be made")


def _in_name(key: Any) -> str:
    """A key as a part of a name: what names cannot have, such as dots, becomes an underscore."""
    return re.sub("[^A-Za-z0-9_]", "_", str(key))


def _named_tuple(kind: Callable[..., Any], fields: Mapping[Any, Any]) -> Any:
    return kind(*fields.values())


def _like(example: Any, fields: Mapping[Any, Any]) -> Any:
    """A dataclass with other fields, whose ``__init__`` is not asked: it might convert what it gets."""
    made = copy.copy(example)
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made
