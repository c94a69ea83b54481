"""Tables of a simulation file as objects, such as ``{kind = "Euler", dt = 0.5}``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache, partial
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import BaseModel, BeforeValidator, create_model

from pcneuro.errors import PcneuroError, told
from pcneuro.files.toml import Problem, Table, checked, nearest

KIND = "kind"


@cache
def settings_of(made: type) -> type[BaseModel]:
    """Model of the keys that an object is made with: the type itself, or its constructor's parameters."""
    if issubclass(made, BaseModel):
        return made
    # A dataclass may inherit fields whose annotations only the module of its base can resolve.
    hints = get_type_hints(made if is_dataclass(made) else made.__init__)  # type: ignore[misc]
    fields: dict[str, Any] = {}
    if made.__init__ is not object.__init__:  # type: ignore[misc]
        for name, parameter in list(inspect.signature(made).parameters.items()):
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            fields[name] = (_made(hints.get(name, Any), default), default)
    return create_model(made.__name__, __base__=Table, **fields)


def _made(hint: Any, default: Any) -> Any:
    """The annotation of a key that holds an object: a table with its kind, by default that of the key's default."""
    if get_origin(hint) in (Union, UnionType):
        return Annotated[hint, BeforeValidator(partial(_one_of, get_args(hint)))]
    if hint is np.ndarray:
        return Annotated[hint, BeforeValidator(_array)]
    if not _is_object(hint):
        return hint
    kind = None if default is ... else type(default).__name__
    return Annotated[hint, kind_table(lambda: {made.__name__: made for made in _kinds(hint)}, kind)]


def _array(raw: Any) -> Any:
    """The array of numbers that a list stands for."""
    if not isinstance(raw, list):
        return raw
    try:
        return np.array(raw, dtype=np.float64)
    except (TypeError, ValueError):
        raise Problem((), "is no array of numbers; give a list of numbers, or of lists of as many numbers") from None


def _one_of(hints: Sequence[Any], raw: Any) -> Any:
    """What a value stands for that may be one of several types: a table with a kind, tables by name, an array."""
    objects = [kind for hint in hints if _is_object(hint) for kind in _kinds(hint)]
    named = [get_args(hint)[1] for hint in hints if get_origin(hint) in (dict, Mapping)]
    if isinstance(raw, Mapping) and KIND in raw and objects:
        return made_from({made.__name__: made for made in objects}, None, raw)
    if isinstance(raw, Mapping) and named:
        parts = get_args(named[0]) or (named[0],)
        objects_by_name = {}
        for name, value in raw.items():
            try:
                objects_by_name[name] = _one_of(parts, value)
            except Problem as problem:
                raise problem.below(str(name)) from None
        return objects_by_name
    if np.ndarray in hints:
        raw = _array(raw)
    plain = tuple(hint for hint in hints if isinstance(hint, type))
    number = isinstance(raw, int | float) and not isinstance(raw, bool) and float in hints
    if objects and not number and not isinstance(raw, plain):
        raise Problem((), f"is {told(raw)}; give a number, or a table with a kind: one of {_listed(objects)}")
    return raw


def _listed(objects: Iterable[type]) -> str:
    return ", ".join(made.__name__ for made in objects)


def _is_object(hint: Any) -> bool:
    return isinstance(hint, type) and hint is not np.ndarray and (inspect.isabstract(hint) or is_dataclass(hint))


def _kinds(made: type) -> list[type]:
    """A type and all that inherit from it, without abstract ones."""
    subclasses: list[type] = made.__subclasses__()
    below = [kind for each in subclasses for kind in _kinds(each)]
    return below if inspect.isabstract(made) else [made, *below]


def made_from(registry: Mapping[str, type], default: str | None, raw: Any) -> Any:
    """The object that a table such as ``{kind = "Euler", dt = 0.5}`` stands for.

    ``registry`` maps kinds to types, and ``default`` is the kind where the table has none. An object that is made
    already stays as it is. Raises Problem.
    """
    if isinstance(raw, tuple(registry.values())):
        return raw
    if not isinstance(raw, Mapping):
        raise Problem((), "needs a table")
    rest = {str(key): value for key, value in raw.items()}
    kind = rest.pop(KIND, default)
    if kind is None:
        raise Problem((KIND,), f"is missing: one of {', '.join(registry)}")
    if not isinstance(kind, str) or kind not in registry:
        raise Problem((KIND,), f"unknown kind; {nearest(str(kind), registry)}")
    made = registry[kind]
    values = checked(settings_of(made), rest)
    if isinstance(values, made):
        return values
    try:
        return made(**{name: getattr(values, name) for name in type(values).model_fields})
    except PcneuroError as error:
        raise Problem((), str(error)) from None


def kind_table(registry: Callable[[], Mapping[str, type]], default: str | None = None) -> BeforeValidator:
    """Validator of a field that holds an object, which the file gives as a table with a ``kind``."""
    return BeforeValidator(lambda raw: made_from(registry(), default, raw))
