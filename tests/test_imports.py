"""No file of the package imports another in a circle, not even inside a function or for annotations."""

import ast
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
