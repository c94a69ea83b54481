"""The report: whole, self-contained and safe; and tables as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from pcneuro.mapping.formatting import count, joule, second
from pcneuro.mapping.report import report
from tests.mapping.mappings_for_tests import NOTES, made_up

VOID = {"meta", "br", "path", "use", "rect", "image"}


class Checker(HTMLParser):
    """Notes tags that are open, ids, and what is referred to."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links = [], [], []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            elif name in ("href", "src", "xlink:href"):
                self.links.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()


@pytest.fixture(scope="module")
def page():
    return report(made_up(6, prefix="<b>&", vertices=2))


def test_the_page_is_well_formed_and_loads_nothing(page):
    checker = Checker()
    checker.feed(page)
    assert not checker.open
    assert len(set(checker.ids)) == len(checker.ids)
    for link in checker.links:
        assert link.startswith("data:image/png") or link[1:] in checker.ids, link
    used = re.findall(r"url\(#([^)]*)\)", page)
    assert used
    assert set(used) <= set(checker.ids)
    assert "<script" not in page
    assert "@import" not in page
    assert "<b>&0" not in page  # names of vertices are text


def test_the_page_has_what_is_asked_for(page):
    for text in (
        "prefers-color-scheme: dark",
        'name="viewport"',
        "What the numbers mean",
        "How to repeat it",
        "chip=&#x27;loihi&#x27;,",
        "Davies",  # who published the prices
        *NOTES,
    ):
        assert text in page, text
    assert page.count('<svg role="img" aria-label=') == page.count("<svg") == 4


def test_the_same_mapping_is_the_same_page(page):
    assert report(made_up(6, prefix="<b>&", vertices=2)) == page


def test_a_chip_without_prices_says_so():
    made = made_up(3, priced=False)
    assert "no energy of loihi is published: counts only" in report(made)
    assert "no energy of loihi is published: counts only" in str(made)


def test_sums_that_lack_a_price_say_so():
    made = made_up(3)
    made.data["energy_gradient"][2] = np.nan
    assert "energy of a gradient, of what is priced" in report(made)
    assert "energy of a gradient<" in report(made_up(3))


def test_the_text_has_the_numbers():
    made = made_up(6)
    text = str(made)
    for words in ("6 of 128 cores of loihi", "packets between cores", "15,000", "83 nJ", "natural", "75 %", "600 µs"):
        assert words in text, words
    assert repr(made).startswith("<Mapping of ")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (joule(1.5), "1.5 pJ"),
        (joule(2.5e6), "2.5 µJ"),
        (joule(float("nan")), "-"),
        (second(999.0), "999 ns"),
        (second(1e9), "1 s"),
        (count(1234567.0), "1,234,567"),
        (count(2.25), "2.25"),
    ],
)
def test_numbers_as_text(text, value):
    assert text == value
