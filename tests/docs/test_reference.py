"""The reference has every public name, every key of simulation files with what it means, and names that exist."""

from __future__ import annotations

import doctest
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


def setting() -> dict:
    """What examples go on from: the lines that the first page of the reference has."""
    first = re.search(r"```python\n(.*?)```", (REFERENCE / "index.md").read_text(encoding="utf-8"), re.DOTALL)
    assert first
    there: dict = {}
    exec(first[1], there)
    return there


def on_pages() -> str:
    """Examples that stand on pages, of operators and energies, whose files are a part of kernels."""
    pages = "\n".join(path.read_text(encoding="utf-8") for path in sorted(REFERENCE.glob("*.md")))
    return "\n".join(re.findall(r"```pycon\n(.*?)```", pages, re.DOTALL))


def ran(text: str, name: str) -> str:
    """What a doctest prints where it fails; empty where all is as it says."""
    test = doctest.DocTestParser().get_doctest(text, setting(), name, None, 0)
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    return "".join(said)


WITHOUT = {"Batch", "Distributed", "from_sonata", "batch.Store", "batch.open", "batch.resume", "data.Words",
           "importing.OnnxModel", "importing.onnx", "plot.trials"}  # fmt: skip
"""Names that need files or other machines: the guides have examples of them."""


def documented() -> list[str]:
    """Public functions and classes."""
    return [name for name in public_names() if callable(resolved(name))]


@pytest.mark.parametrize("name", documented())
def test_the_example_of_a_name_runs(name):
    """Each in its docstring, or on its page."""
    if name in WITHOUT:
        pytest.skip("needs files or other machines")
    text = inspect.getdoc(resolved(name)) or ""
    if f"pcn.{name}(" in on_pages():
        return
    assert ">>> " in text.partition("Examples\n--------")[2], "has no example"
    if name.startswith("importing."):
        pytest.importorskip("torch")
    assert ran(text, name) == ""


def test_the_examples_of_pages_run():
    assert on_pages().count(">>>") > 20
    assert ran(on_pages(), "pages") == ""
