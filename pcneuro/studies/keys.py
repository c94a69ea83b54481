"""Dotted keys of a simulation file, such as ``integrator.dt``, as TOML has them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pcneuro.files.toml import Problem

Keys = tuple[str, ...]
NO_KEY = "is no key: write table.key"


_BARE = re.compile(r"[A-Za-z0-9_-]+")


@lru_cache(maxsize=1024)
def split(key: str) -> Keys:
    """``integrator.dt`` as its parts; raises Problem for what is no dotted key of TOML."""
    try:
        table: Any = tomllib.loads(f"{key} = 0")
    except (tomllib.TOMLDecodeError, RecursionError):
        raise Problem((key,), NO_KEY) from None
    parts = []
    while isinstance(table, dict):
        if len(table) != 1:
            raise Problem((key,), NO_KEY)
        name, table = next(iter(table.items()))
        parts.append(name)
    return tuple(parts)


def toml_value(text: str) -> Any:
    """The TOML value that a text stands for; a text that is none stands for itself."""
    try:
        return tomllib.loads(f"value = {text.strip()}")["value"]
    except (tomllib.TOMLDecodeError, KeyError, RecursionError):
        return text.strip()


def set_text(keys: Keys, value: Any) -> str:
    """Keys and a value as ``--set`` takes them: ``integrator.dt=0.5``."""
    return f"{'.'.join(map(_key_text, keys))}={_toml_text(value)}"


def _key_text(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string_text(key)


def _string_text(text: str) -> str:
    # JSON escapes all that TOML does, but DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key_text(key)} = {_toml_text(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_text, value))}]"
    if isinstance(value, str):
        return _string_text(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """Values of nested tables by dotted key. Raises Problem for a key that is there twice, in two spellings."""
    found: dict[str, Any] = {}
    for key, value in _flat(table):
        if key in found:
            raise Problem((key,), "is given twice: as a key in quotes, and in a table")
        found[key] = value
    return found


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
