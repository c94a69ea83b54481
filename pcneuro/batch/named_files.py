"""Files that the settings of a batch name, by the digests of their contents."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pcneuro.studies.spaces import AbstractSpace

PYTHON = ".py"


def digests(texts: Iterable[str], folders: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of each file in ``folders`` that is named by a text, ``"circuits/mlp.py:mlp"`` among them.

    Of a Python file also those beside it that it imports, and what these import. Folders are for ``digests_in``.
    """
    found: dict[str, str] = {}
    for text in sorted(set(texts)):
        for name in dict.fromkeys((text, text.rpartition(":")[0])):
            path = _found(name, folders)
            if path is not None:
                found[name] = _digest(path)
                found |= {str(Path(name).parent / more): _digest(path.parent / more) for more in _imported(path)}
                break
    return found


def digests_in(names: Iterable[str], folders: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of each file below the folders of these names, which stand in ``folders`` or are paths."""
    found: dict[str, str] = {}
    for name in sorted(set(names)):
        path = Path(name).expanduser()
        for there in [place / path for place in folders if (place / path).is_dir()][:1]:
            for file in sorted(there.rglob("*")):
                if file.is_file():
                    found[f"{name}/{file.relative_to(there).as_posix()}"] = _digest(file)
    return found


def texts_of(value: Any) -> Iterator[str]:
    """All texts in tables and lists, without the tables' keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts_of(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts_of(each)


def texts_of_space(space: AbstractSpace, only: str | None = None) -> Iterator[str]:
    """All texts that the runs of a space set, or those that they set one key to."""
    for key, number in space.probes():
        if only in (None, key):
            yield from texts_of(space.values(number)[key])


def _found(name: str, folders: Sequence[Path]) -> Path | None:
    for folder in folders:
        try:
            if name and (folder / name).is_file():
                return folder / name
        except (OSError, ValueError):  # a text that no file can be called
            return None
    return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _imported(path: Path) -> list[str]:
    """Python files beside one that it imports, or that these import, from its folder on."""
    if path.suffix != PYTHON:
        return []
    folder, waiting, known = path.parent, [path.name], {path.name}
    while waiting:
        for file in _modules(folder, folder / waiting.pop()):
            if file not in known:
                known.add(file)
                waiting.append(file)
    return sorted(known - {path.name})


def _modules(folder: Path, path: Path) -> Iterator[str]:
    """Files in a folder that a Python file's imports may be of."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # it will be told where it is run
        return
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [module, *(f"{module}.{alias.name}".strip(".") for alias in node.names)]
        for name in names:
            parts = name.split(".")
            for depth in range(1, len(parts) + 1):
                stem = "/".join(parts[:depth])
                yield from (
                    file for file in (f"{stem}{PYTHON}", f"{stem}/__init__{PYTHON}") if (folder / file).is_file()
                )
