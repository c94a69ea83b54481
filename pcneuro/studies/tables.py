"""Tables of a simulation file as objects: pydantic checks each, and a wrong key becomes one clear line."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache, partial
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, create_model

from pcneuro.errors import PcneuroError, told

Path = tuple[str, ...]
KIND = "kind"


class Table(BaseModel):
    """A table of a file: unknown keys are refused, and nothing is converted from one type to another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


T = TypeVar("T", bound=BaseModel)


class Problem(ValueError):
    """What is wrong with the value at ``path``, in words; ``known`` is False where the key itself is unknown."""

    def __init__(self, path: Path, text: str, known: bool = True) -> None:
        super().__init__(text)
        self.path, self.text, self.known = path, text, known

    def below(self, *prefix: str) -> Problem:
        """The same problem, seen from a table further up."""
        return Problem((*prefix, *self.path), self.text, self.known)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the name that was meant."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(names)}" if names else "there are none"


def checked(model: type[T], raw: Any) -> T:
    """An instance of ``model`` from a table. Raises Problem, with the path from this table."""
    if not isinstance(raw, Mapping):
        raise Problem((), "needs a table")
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        raise _problem(model, error) from None


def _problem(model: type[BaseModel], error: ValidationError) -> Problem:
    """The first problem; unknown keys come first, since a key that is missing is often one of them, misspelt."""
    details = sorted(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    first = details[0]
    path = tuple(str(part) for part in first["loc"])
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, Problem):
        return cause.below(*path)
    if first["type"] == "extra_forbidden":
        return Problem(path, f"unknown key; {nearest(path[-1], model.model_fields)}", known=False)
    if first["type"] == "missing":
        meaning = model.model_fields[path[0]].description if path[0] in model.model_fields else None
        return Problem(path, f"is missing{f': {meaning}' if meaning else ''}")
    return Problem(path, str(cause or first["msg"]).replace("Input should", "should"))


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
