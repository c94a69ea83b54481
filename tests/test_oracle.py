"""The reference engine is an oracle: nothing else inherits from it, and only the settings of engines import it."""

from __future__ import annotations

import importlib
import pkgutil

import pcneuro
from pcneuro.engines.reference.engine import ReferenceEngine
from tests.test_imports import ROOT, import_graph

ORACLE = "pcneuro.engines.reference"
MAKER = "pcneuro.engines.settings"
"""What gives it to users."""


def descendants(kind: type) -> set[type]:
    below = kind.__subclasses__()
    return set(below).union(*(descendants(each) for each in below))


def test_nothing_else_is_a_kind_of_reference_engine():
    for module in pkgutil.walk_packages(pcneuro.__path__, "pcneuro."):
        # Optional libraries are imported inside functions, so that every module can be imported.
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    ours = {kind.__module__ for kind in descendants(ReferenceEngine) if kind.__module__.startswith("pcneuro.")}
    assert ours, "the walk has found the oracle's own kinds"
    assert {module for module in ours if not module.startswith(ORACLE)} == set()


def test_only_what_gives_it_to_users_imports_it():
    edges = import_graph(ROOT / "pcneuro").edges
    users = {module for module, other in edges if other.startswith(ORACLE) and not module.startswith(ORACLE)}
    # The audit changes the state of the reference simulator, and so holds what circuits say of themselves to it.
    assert users == {MAKER, "pcneuro.analysis.audit.states"}
