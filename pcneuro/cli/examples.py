"""The commands ``pcneuro examples``: what comes with the package, and copies of it to change."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from pcneuro.batch.named_files import digests, texts_of
from pcneuro.cli.codes import SUCCESS
from pcneuro.errors import OutputError
from pcneuro.files import write_folder
from pcneuro.files.toml import read_toml
from pcneuro.studies import examples


def list_them() -> int:
    """Print all examples, a line each: the name, and what it is; returns the exit code."""
    known = examples.simulations()
    rows = [*known, *(name for name in examples.names() if name not in known.values())]
    width = max(map(len, rows), default=0)
    for name in rows:
        print(f"{name:<{width}}  {_title(examples.example(name))}")
    return SUCCESS


def _title(path: Path) -> str:
    """The description of a simulation file, the first line of a module's docstring."""
    if path.suffix == examples.TOML:
        return str(read_toml(path).get("description", ""))
    return (ast.get_docstring(ast.parse(path.read_bytes())) or "").partition("\n")[0]


def copy(name: str, folder: Path) -> int:
    """Copy an example, and the files that it names, into a folder; returns the exit code.

    A file that is there already is left alone where it is the same; where it differs, nothing is copied.
    """
    path = examples.example(name)
    contents = {file: (examples.root() / file).read_bytes() for file in needed(path)}
    new = {file: content for file, content in contents.items() if not _same(folder / file, content)}
    for written in write_folder(folder, new, overwrite=False):
        print(written)
    if path.suffix == examples.TOML:
        print(f"to run it: pcneuro run {folder / path.relative_to(examples.root())}")
    return SUCCESS


def _same(target: Path, content: bytes) -> bool:
    """Whether a file is there with these contents. Raises OutputError where it has others."""
    if not target.is_file():
        return False
    if target.read_bytes() != content:
        raise OutputError(f"{target} exists already, and differs from the example: choose another folder")
    return True


def needed(path: Path) -> list[str]:
    """An example and what it names or imports, and what these do, by name."""
    home = examples.root()
    waiting, found = [path], dict.fromkeys([path.relative_to(home).as_posix()])
    while waiting:
        current = waiting.pop()
        for folder in (home, current.parent):
            for file in digests([*_texts(current), current.name], [folder]):
                named = (folder / file).relative_to(home).as_posix()
                if named not in found:
                    found[named] = None
                    waiting.append(home / named)
    return list(found)


def _texts(path: Path) -> Iterator[str]:
    """All texts in a TOML file, or in a Python file."""
    if path.suffix == examples.TOML:
        yield from texts_of(read_toml(path))
    else:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
