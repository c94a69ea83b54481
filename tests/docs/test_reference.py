"""The reference has every public name, every key of simulation files with what it means, and names that exist."""

from __future__ import annotations

import inspect
import re
import sys
from functools import reduce
from types import ModuleType

import pytest

import pcneuro as pcn
from tests.docs.pages import DOCS

REFERENCE = DOCS / "reference"
sys.path.insert(0, str(DOCS / "_extensions"))


def public_names() -> list[str]:
    """Names of the package and of its public rooms, dotted, each once."""
    found = {}
    for name in pcn.__all__:
        value = getattr(pcn, name)
        inner = [f"{name}.{each}" for each in value.__all__] if inspect.ismodule(value) else [name]
        for dotted in inner:
            what = resolved(dotted)
            if not isinstance(what, ModuleType):
                found.setdefault(id(what) if callable(what) else dotted, dotted)
    return list(found.values())


def resolved(dotted: str):
    """What a name such as `Simulator.run` stands for."""
    return reduce(getattr, dotted.split("."), pcn)


def listed() -> list[str]:
    """Names that the pages list."""
    pages = "\n".join(path.read_text(encoding="utf-8") for path in sorted(REFERENCE.glob("*.md")))
    return re.findall(r"^   pcneuro\.([\w.]+)$", pages, re.MULTILINE)


def test_every_public_name_is_on_one_page():
    names = listed()
    assert len(names) == len(set(names))
    there = {id(resolved(name)) for name in names} | set(names)
    assert [name for name in public_names() if id(resolved(name)) not in there and name not in there] == []


def test_names_of_the_table_for_other_tools_exist():
    text = (REFERENCE / "coming_from.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+\| ([^|]+)\|[^|]*\|$", text, re.MULTILINE)
    rows = [row for row in rows if row.strip() not in ("here", "---")]
    assert len(rows) > 30
    for row in rows:
        names = re.findall(r"`pcn\.([\w.]+)`", row)
        assert names, row
        for name in names:
            assert resolved(name) is not None


def test_every_key_of_simulation_files_says_what_it_means():
    pytest.importorskip("docutils")
    import reference

    import pcneuro.studies.tasks  # noqa: F401
    from pcneuro.batch.table import BatchTable
    from pcneuro.studies.task import TASKS

    tables = {**TASKS, "batch": BatchTable}
    silent = [f"{kind}: {key}" for kind, task in tables.items() for key, field in task.model_fields.items()
              if not reference.meaning_of(field)]  # fmt: skip
    assert silent == []
    text = "\n".join(reference.simulation_keys())
    for task in tables.values():
        assert all(f"| `{key}` |" in text for key in task.model_fields)
