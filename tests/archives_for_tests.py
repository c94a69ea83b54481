"""Archives that lie: well-formed files, digests included, whose contents nobody would have written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pcneuro.files import read_archive, write_archive

Change = Callable[[dict[str, Any], dict[str, np.ndarray]], Any]


def rewrite(path: Path, change: Change) -> None:
    """Change the facts and arrays of an archive in place, and write it as if it were right."""
    kind = next(kind for kind in ("circuit", "snapshot", "checkpoint") if _is(path, kind))
    facts, arrays = read_archive(path, kind)
    change(facts, arrays)
    name, version = facts.pop("format", None), facts.pop("version", None)
    given = {"format": name, "version": version}
    write_archive(path, kind, facts | {k: v for k, v in given.items() if v is not None}, arrays, overwrite=True)


def _is(path: Path, kind: str) -> bool:
    return f"pcneuro {kind}".encode() in path.read_bytes()
