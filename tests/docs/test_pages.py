"""Every page of the site is followed from its first line to its last in an empty folder, or has a test of its own."""

from __future__ import annotations

import pytest
from matplotlib import pyplot

from tests.docs.pages import DOCS, ROOT, blocks, follow, pages

HOW_TO = ("building", "changing", "exporting", "learning", "many_runs", "running", "trusting")
OWN = {
    "batch": "tests/batch/test_docs.py",
    "circuits": "tests/circuits/test_documentation.py",
    "cortex": "tests/circuit/passes/test_passes.py",
    "data": "tests/data/test_abstract.py",
    "exports": "tests/export/test_docs.py",
    **dict.fromkeys([f"how_to/{name}" for name in HOW_TO], "tests/docs/test_how_to.py"),
    "importing": "tests/importing/test_docs.py",
    "mapping": "tests/mapping/test_docs.py",
    "performance": "tests/test_benchmarks.py",
    "programs": "tests/graph/test_trees.py",
    "simulations": "tests/studies/test_docs.py",
    "time": "tests/test_time_docs.py",
}
"""Pages with tests of their own, which hold more against them than that they run."""
LONG = frozenset({"tutorials/thousand_runs"})
"""Pages that take more than some ten seconds."""
NEEDS = {"tutorials/from_pytorch": ["torch"], "tutorials/thousand_runs": ["zarr"]}
"""What pages import that not every environment for tests has."""

FOLLOWED = [page for page in pages() if page not in OWN and blocks(page)]


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")  # of what Brian2 imports
@pytest.mark.parametrize(
    "page", [pytest.param(each, marks=pytest.mark.long if each in LONG else ()) for each in FOLLOWED]
)
def test_a_page_does_what_it_says(page, folder, capsys):
    for name in NEEDS.get(page, ()):
        pytest.importorskip(name)
    follow(page, folder, capsys)
    pyplot.close("all")


@pytest.mark.parametrize("page", OWN)
def test_other_pages_have_a_test(page):
    assert f"{page}.md" in (ROOT / OWN[page]).read_text(encoding="utf-8")
    assert (DOCS / f"{page}.md").exists()
