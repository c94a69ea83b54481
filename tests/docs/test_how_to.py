"""Each recipe of the how-to pages runs by itself, with what its page has as files and nothing of the recipe before."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest
from matplotlib import pyplot

from tests.docs.pages import DOCS, Block, carry_out, parsed

PAGES = (
    "how_to/building.md",
    "how_to/changing.md",
    "how_to/exporting.md",
    "how_to/learning.md",
    "how_to/many_runs.md",
    "how_to/running.md",
    "how_to/trusting.md",
)
NEEDS = {"export import brian2": "brian2", "export import nest": "nest", "export import nir": "nir"} | {
    "export import sonata": "libsonata",
    "import torch": "torch",
    "batch={}": "zarr",
    "pcn.Batch": "zarr",
}
"""What a recipe needs that not every environment for tests has, by words in it."""
LONG = {"Run them in parallel, and resume", "Read a store with xarray", "Do runs again that failed"}
"""Recipes whose batches start processes of their own."""


def recipes(page: str) -> dict[str, tuple[list[Block], list[Block]]]:
    """For each heading the files of the page that come before its end, and the other blocks below it."""
    head, *sections = re.split(r"^## ", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    files = [block for block in parsed(head) if block.file]
    found = {}
    for section in sections:
        title = section.partition("\n")[0]
        own = parsed(section)
        found[title] = ([*files, *(each for each in own if each.file)], [each for each in own if not each.file])
    return found


RECIPES = [(page, title) for page in PAGES for title in recipes(page)]
RUN = [pytest.param(*each, marks=pytest.mark.long if each[1] in LONG else (), id=each[1]) for each in RECIPES]


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")  # of what Brian2 imports
@pytest.mark.parametrize(("page", "title"), RUN)
def test_a_recipe_runs_by_itself(page, title, folder, capsys):
    files, blocks = recipes(page)[title]
    assert blocks, "a recipe without code"
    text = "".join(block.text for block in [*files, *blocks])
    for words, library in NEEDS.items():
        if words in text and find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    for block in [*files, *blocks]:
        carry_out(block, folder, {"__name__": "__page__"}, f"{page}, {title}", capsys, {})
    pyplot.close("all")


def test_there_are_enough():
    assert len(RECIPES) >= 30
    assert len({title for _, title in RECIPES}) == len(RECIPES)


@pytest.mark.parametrize(("page", "title"), RECIPES, ids=[title for _, title in RECIPES])
def test_a_recipe_is_short(page, title):
    _, blocks = recipes(page)[title]
    assert sum(len(block.text.splitlines()) for block in blocks if block.language == "python") <= 18


def test_pages_share_one_circuit():
    """A recipe runs with the `net.py` of any page."""
    texts = {
        block.text for page in PAGES for files, _ in recipes(page).values() for block in files if block.file == "net.py"
    }
    assert len(texts) == 1
