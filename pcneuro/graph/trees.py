"""Trees: lists, tuples, dicts, named tuples and dataclasses of leaves, however deep, as one argument of a function.

A leaf of the graph is called after its path: ``W`` of the first element of the argument ``params`` has the path
``params/0/W`` and the name ``params__0__W``, which all formats can carry.
"""

from __future__ import annotations

import dataclasses
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, final

import numpy as np

from pcneuro.errors import ParameterError, UnknownNameError, told, unknown_name

BETWEEN = "__"
"""Stands in a leaf's name where "/" stands in its path."""

DEEPEST = 50
"""Branches one in the other; those of names of at most 100 letters are fewer."""

Key = int | str


class AbstractPart(ABC):
    """A part of a tree: a leaf, a setting, or a branch with parts of its own."""

    @abstractmethod
    def of(self, values: Mapping[str, Any]) -> Any:
        """This part as users have it, with ``values[name]`` in place of each leaf."""

    @abstractmethod
    def found(self, given: Any, path: str, wanted: Collection[str]) -> Iterator[tuple[str, Any]]:
        """Name of each leaf, and what ``given``, of the same structure, has there.

        Of leaves that are not wanted there may be nothing, or None. Raises ParameterError.
        """

    @abstractmethod
    def leaves(self, path: str) -> Iterator[tuple[str, str]]:
        """Path and name of each leaf."""

    @abstractmethod
    def described(self) -> Any:
        """It as plain values, for a file."""


@final
@dataclass(frozen=True)
class TreeLeaf(AbstractPart):
    """A leaf of the graph, by name."""

    name: str

    def of(self, values: Mapping[str, Any]) -> Any:
        return values[self.name]

    def found(self, given: Any, path: str, wanted: Collection[str]) -> Iterator[tuple[str, Any]]:
        if given is not None or self.name in wanted:
            yield self.name, given

    def leaves(self, path: str) -> Iterator[tuple[str, str]]:
        yield path, self.name

    def described(self) -> Any:
        return {"leaf": self.name}


@final
@dataclass(frozen=True)
class Setting(AbstractPart):
    """What is nothing to be learned, as None, a text or a function: it stays as it is."""

    value: Any

    def of(self, values: Mapping[str, Any]) -> Any:
        return self.value

    def found(self, given: Any, path: str, wanted: Collection[str]) -> Iterator[tuple[str, Any]]:
        yield from ()

    def leaves(self, path: str) -> Iterator[tuple[str, str]]:
        yield from ()

    def described(self) -> Any:
        value = self.value.item() if isinstance(self.value, np.generic) else self.value
        if not isinstance(value, str | int | None):
            # The text of an object may have its address, which differs from run to run.
            value = getattr(value, "__name__", None) or getattr(value, "name", type(value).__name__)
        return {"setting": value}


@dataclass(frozen=True, eq=False)
class AbstractBranch(AbstractPart):
    """Parts by key. ``kind`` names the branch in files."""

    kind: ClassVar[str]
    parts: Mapping[Key, AbstractPart]

    @abstractmethod
    def make(self, values: Mapping[Key, Any]) -> Any:
        """The branch of these values by key."""

    @abstractmethod
    def entries(self, given: Any) -> Mapping[Any, Any] | None:
        """What was given in this branch's place, by key; None where that is nothing of the kind."""

    def of(self, values: Mapping[str, Any]) -> Any:
        return self.make({key: part.of(values) for key, part in self.parts.items()})

    def found(self, given: Any, path: str, wanted: Collection[str]) -> Iterator[tuple[str, Any]]:
        entries = self.entries(given)
        needed = [key for key, part in self.parts.items() if any(name in wanted for _, name in part.leaves(""))]
        if entries is None or not entries.keys() >= set(needed) or not self.parts.keys() >= entries.keys():
            got = told(given) if entries is None else f"a {self.kind} of {', '.join(map(str, entries)) or 'nothing'}"
            raise ParameterError(
                f"{path} is {got}; needed is a {self.kind} of {', '.join(map(str, needed))}, as the tree was traced: "
                "values of some leaves only are given by name or path"
            )
        for key, part in self.parts.items():
            if key in needed or entries.get(key) is not None:
                yield from part.found(entries[key], f"{path}/{key}", wanted)

    def leaves(self, path: str) -> Iterator[tuple[str, str]]:
        for key, part in self.parts.items():
            yield from part.leaves(f"{path}/{key}")

    def described(self) -> Any:
        return {self.kind: [[key, part.described()] for key, part in self.parts.items()]}


class AbstractSequence(AbstractBranch):
    """Parts one after the other; a list may be given for a tuple, and a tuple for a list."""

    def entries(self, given: Any) -> Mapping[Any, Any] | None:
        return dict(enumerate(given)) if isinstance(given, list | tuple) else None


@final
class ListBranch(AbstractSequence):
    """A list."""

    kind = "list"

    def make(self, values: Mapping[Key, Any]) -> Any:
        return list(values.values())


@final
class TupleBranch(AbstractSequence):
    """A tuple."""

    kind = "tuple"

    def make(self, values: Mapping[Key, Any]) -> Any:
        return tuple(values.values())


class AbstractKeyed(AbstractBranch):
    """Parts by name; a mapping may be given for a named tuple or dataclass, and these for a mapping."""

    kind = "dict"

    def entries(self, given: Any) -> Mapping[Any, Any] | None:
        return fields_of(given)


@final
class DictBranch(AbstractKeyed):
    """A dict, and any other mapping."""

    def make(self, values: Mapping[Key, Any]) -> Any:
        return dict(values)


@final
@dataclass(frozen=True, eq=False)
class RecordBranch(AbstractKeyed):
    """A named tuple or a dataclass, which ``make_record`` makes of its fields; a dict once it comes out of a file."""

    make_record: Callable[[Mapping[Any, Any]], Any]

    def make(self, values: Mapping[Key, Any]) -> Any:
        return self.make_record(values)


def fields_of(value: Any) -> Mapping[Any, Any] | None:
    """Parts by name of a mapping, named tuple or dataclass; None of all else."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    return None


def is_tree(value: Any) -> bool:
    """Whether something is a list, tuple, mapping, named tuple or dataclass."""
    return isinstance(value, list | tuple) or fields_of(value) is not None


@final
@dataclass(frozen=True, eq=False)
class Tree:
    """What an argument of a traced function is made of; ``graph.trees["params"]``.

    Attributes
    ----------
    name : str
        The argument.
    paths : mapping
        Path of each leaf, ``"params/0/W"`` -> its name in the graph, ``"params__0__W"``.
    """

    name: str
    part: AbstractPart

    @functools.cached_property
    def paths(self) -> Mapping[str, str]:
        """Path -> name of each leaf, in the tree's order."""
        return MappingProxyType(dict(self.part.leaves(self.name)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Tree, (self.name, self.part)

    def of(self, values: Mapping[str, Any]) -> Any:
        """The tree with ``values[name]`` in place of each leaf, such as gradients or parameters of a run.

        Raises UnknownNameError where ``values`` lack a leaf.
        """
        try:
            return self.part.of(values)
        except KeyError as error:
            raise UnknownNameError(f"the tree {self.name!r} has a leaf {error}, of which there is no value") from None

    def leaves(self, tree: Any, wanted: Collection[str] | None = None) -> dict[str, Any]:
        """Name of each leaf -> what ``tree``, of the structure that was traced, has there.

        Lists and tuples stand for each other, and so do mappings, named tuples and dataclasses of the same fields.
        Where ``wanted`` names some leaves, the others may be None or left out. Raises ParameterError for any other
        structure: where, what was got and what is needed.
        """
        return dict(self.part.found(tree, self.name, set(self.paths.values()) if wanted is None else wanted))


@final
class ByLeaf(dict[str, Any]):
    """Values by the names of leaves, which has those of a tree, too, under the argument's name and under paths.

    Where a tree has leaves that have no value here, as inputs have no gradient, it has None in their places.
    """

    def __init__(self, values: Mapping[str, Any], trees: Mapping[str, Tree]) -> None:
        super().__init__(values)
        self.trees = dict(trees)

    def __missing__(self, key: Any) -> Any:
        tree = tree_of(key, self.trees)
        if tree is None or key not in self:
            raise KeyError(key)
        if key == tree.name:
            return tree.of({name: dict.get(self, name) for name in tree.paths.values()})
        return self[tree.paths[key]]

    def __contains__(self, key: Any) -> bool:
        if super().__contains__(key):
            return True
        tree = tree_of(key, self.trees)
        return tree is not None and (key == tree.name or super().__contains__(tree.paths.get(key)))

    def get(self, key: Any, default: Any = None) -> Any:
        return self[key] if key in self else default

    def copy(self) -> ByLeaf:
        return ByLeaf(self, self.trees)


def tree_of(key: Any, trees: Mapping[str, Tree]) -> Tree | None:
    """The tree that a key names, or of which it would be a path."""
    return trees.get(key.partition("/")[0]) if isinstance(key, str) else None


def by_leaf(values: Mapping[str, Any], trees: Mapping[str, Tree]) -> dict[str, Any]:
    """The values by leaf, with what ``ByLeaf`` adds where there are trees."""
    some = {name: tree for name, tree in trees.items() if not values.keys().isdisjoint(tree.paths.values())}
    return ByLeaf(values, some) if some else dict(values)


def expanded(
    what: str, values: Mapping[str, Any], trees: Mapping[str, Tree], wanted: Collection[str]
) -> dict[str, Any]:
    """Values by the names of leaves, where some stand under the name of a tree or a path.

    Leaves of a tree that are not ``wanted`` may be None or left out. Raises ParameterError for a tree of another
    structure, and where a leaf is given twice; UnknownNameError for a path that is none.
    """
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        tree = tree_of(key, trees)
        if tree is None:
            found = {key: value}
        elif key == tree.name:
            found = tree.leaves(value, wanted)
        elif key in tree.paths:
            found = {tree.paths[key]: value}
        else:
            raise unknown_name(f"path in {what}", key, tree.paths)
        twice = [name for name in found if name in leaves]
        if twice:
            raise ParameterError(f"{what} have {twice[0]!r} twice, by its tree and by itself: give one of the two")
        leaves |= found
    return leaves


# Trees in files

_BRANCHES: Mapping[str, Callable[[Mapping[Key, AbstractPart]], AbstractBranch]] = MappingProxyType(
    {branch.kind: branch for branch in (ListBranch, TupleBranch, DictBranch)}
)


def part_from(description: Any, depth: int = 0) -> AbstractPart:
    """The part that ``described`` gave, which anybody may have written. Raises ValueError for what is none."""
    if not isinstance(description, dict) or len(description) != 1:
        raise ValueError("a part of a tree is none")
    ((kind, value),) = description.items()
    if kind == "leaf" and isinstance(value, str):
        return TreeLeaf(value)
    if kind == "setting" and isinstance(value, str | int | None):
        return Setting(value)
    if kind not in _BRANCHES or not isinstance(value, list) or depth == DEEPEST:
        raise ValueError(f"a part of a tree is a {kind!r}")
    parts: dict[Key, AbstractPart] = {}
    for position, (key, part) in enumerate(value):
        wanted = type(key) in (str, int) if kind == DictBranch.kind else key == position
        if not wanted or key in parts:
            raise ValueError(f"a {kind} of a tree has the key {key!r}")
        parts[key] = part_from(part, depth + 1)
    return _BRANCHES[kind](parts)
