"""Tables of TOML files, checked: pydantic checks each, and a wrong key becomes one clear line."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from pcneuro.errors import ConfigurationError, shown
from pcneuro.files.reading import open_regular
from pcneuro.files.writing import path_of

Path = tuple[str, ...]
MOST_BYTES = 1 << 26
"""No TOML file that is read has more: it holds settings, and arrays are in files of their own."""

DEEPEST = 100
"""Parts of a key, such as ``a.b.c``, at most: the time to read them grows with their square."""
_DOTTED = re.compile(r"(?<![\w\"'-])(?:[\w\"'-]++[ \t]*+\.[ \t]*+)++")
"""Words with dots between them, each once."""
_NEEDED = {
    "model_type": "needs a table",
    "dict_type": "needs a table",
    "list_type": "needs a list",
    "tuple_type": "needs a list",
}
"""What a value has to be, in the words of TOML, by pydantic's name of what is wrong with it."""


class Table(BaseModel):
    """A table of a file: unknown keys are refused, and nothing is converted from one type to another.

    A text below a key is its description.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True
    )


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
        return Problem(path, f"unknown key; {nearest(path[-1], _fields(model, path[:-1]))}", known=False)
    if first["type"] == "missing":
        field = _fields(model, path[:-1]).get(path[-1])
        meaning = field.description if field else None
        return Problem(path, f"is missing{f': {meaning}' if meaning else ''}")
    if first["type"] in _NEEDED:
        return Problem(path, _NEEDED[first["type"]])
    return Problem(path, str(cause or first["msg"]).replace("Input should", "should"))


def _fields(model: type[BaseModel], path: Path) -> Mapping[str, FieldInfo]:
    """The fields of the table at ``path`` below a model's; of the last one on the way that is a table of known keys."""
    for name in path:
        field = model.model_fields.get(name)
        hints = (field.annotation, *get_args(field.annotation)) if field else ()
        inner = [hint for hint in hints if isinstance(hint, type) and issubclass(hint, BaseModel)]
        model = inner[0] if inner else model
    return model.model_fields


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The tables of a TOML file. Raises ConfigurationError where it cannot be read, or is none."""
    place = path_of(path, ConfigurationError)
    try:
        with open_regular(place) as file:
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ConfigurationError(f"{path} has more than {MOST_BYTES:,} bytes: no file of settings is that large")
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror or error}") from None
    try:
        return _parsed(text.decode())
    except (
        ValueError,
        RecursionError,
    ) as error:  # of which some are no errors of tomllib
        raise ConfigurationError(f"{path} is no TOML: {error}") from None


def _parsed(text: str) -> dict[str, Any]:
    if any(dotted[0].count(".") > DEEPEST for dotted in _DOTTED.finditer(text)):
        raise ValueError(f"a key has more than {DEEPEST} parts")
    return tomllib.loads(text)


def get(raw: Any, keys: Path) -> Any:
    """The value at ``keys``; KeyError where there is none."""
    for key in keys:
        if isinstance(raw, list) and key.isdigit() and int(key) < len(raw):
            raw = raw[int(key)]
        elif isinstance(raw, Mapping):
            raw = raw[key]
        else:
            raise KeyError(key)
    return raw


def shown_at(raw: Any, keys: Path) -> str:
    """The value at ``keys`` as messages have it after the key, such as `` = 0.5``; empty for tables and nothing."""
    try:
        value = get(raw, keys)
    except KeyError:
        return ""
    if value is None or isinstance(value, Mapping):
        return ""
    return f" = {shown(value)}"


def located(source: object, problem: Problem, raw: Mapping[str, Any]) -> str:
    """One line about a problem in the tables of a file: the file, the table, the key, its value, and what is wrong."""
    keys = problem.path
    if not keys:
        return f"{source}: {problem.text}"
    try:
        is_table = isinstance(get(raw, keys), Mapping)
    except KeyError:
        is_table = False
    if is_table:
        text = problem.text.replace("unknown key", "unknown table") if not problem.known else problem.text
        return f"{source}: [{'.'.join(keys)}]: {text}"
    table = f"[{'.'.join(keys[:-1])}] " if len(keys) > 1 else ""
    return f"{source}: {table}{keys[-1]}{shown_at(raw, keys)}: {problem.text}"
