"""Imports of the package: no circles, rooms as CONTRIBUTING.md has them, optional libraries where they are needed.

What a file imports inside a function or for annotations counts for circles, too.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import networkx as nx

ROOT = Path(__file__).parents[1]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(tree: ast.AST, modules: set[str]) -> Iterator[str]:
    """Modules that a file imports anywhere; a name out of a package is the package's, unless it is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in modules else str(node.module)


def import_graph(folder: Path) -> nx.DiGraph:
    files = {module_of(path): path for path in folder.rglob("*.py")}
    graph = nx.DiGraph()
    for module, path in files.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        graph.add_edges_from((module, other) for other in imported(tree, set(files)) if other in files)
    return graph


def test_no_module_imports_another_in_a_circle() -> None:
    graph = import_graph(ROOT / "pcneuro")
    assert graph.number_of_edges() > 500, "the walk has found the imports"
    assert list(nx.simple_cycles(graph)) == []


def test_a_circle_is_found_where_there_is_one(tmp_path: Path, monkeypatch) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "first.py").write_text("import package.second\n")
    (package / "second.py").write_text("def function():\n    from package import first\n")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert [sorted(circle) for circle in nx.simple_cycles(import_graph(package))] == [
        ["package.first", "package.second"]
    ]


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
INSTALLED = {"llvmlite", "cycler"}
"""What numba and matplotlib bring along."""


def test_contributing_has_the_rooms_in_the_order_of_the_layers() -> None:
    layers = next(c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "layers")["layers"]
    rooms = [re.findall(r"\w+", layer) for layer in layers if layer != "(__main__)"]
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("| room | holds |")[2].partition("\n\n")[0]
    rows = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in table.splitlines()[2:]]
    assert rows == rooms


def libraries(path: Path) -> Iterator[tuple[str, bool]]:
    """What a file imports that is neither Python's nor the package's, and whether when it is itself imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names and top != "pcneuro":
                yield top, node in tree.body


def test_optional_libraries_are_imported_inside_functions_of_four_rooms_only() -> None:
    required = {re.split(r"[^\w-]", line)[0] for line in PROJECT["project"]["dependencies"]} | INSTALLED
    optional = set()
    for path in (ROOT / "pcneuro").rglob("*.py"):
        for library, at_once in libraries(path):
            if library not in required:
                optional.add(library)
                assert not at_once, f"{path} imports {library} when it is imported itself"
                assert path.relative_to(ROOT / "pcneuro").parts[0] in ("batch", "importing", "export", "data"), (
                    path,
                    library,
                )
    assert "sklearn" in optional, "the walk has found the imports"
