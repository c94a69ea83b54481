"""Keys of the tables that stand for spaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcneuro.files.toml import Problem, nearest


def only(table: Mapping[str, Any], *needed: str, **defaults: Any) -> dict[str, Any]:
    """The table, with defaults for what it leaves out. Raises Problem for other keys, and for those it needs."""
    known = (*needed, *defaults)
    for key in table:
        if key not in known:
            raise Problem((key,), f"unknown key; {nearest(key, known)}", known=False)
    for key in needed:
        if key not in table:
            raise Problem((key,), "is missing")
    return {**defaults, **table}
