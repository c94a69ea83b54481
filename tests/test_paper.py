"""The article about pcneuro: its length, references, commands and figures, and numbers that pages have measured."""

import re
from pathlib import Path

import pytest
import yaml

from pcneuro.cli.app import app
from pcneuro.studies import examples

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "paper"
_, HEAD, TEXT = (PAPER / "paper.md").read_text(encoding="utf-8").split("---\n", 2)
BIBLIOGRAPHY = (PAPER / "paper.bib").read_text(encoding="utf-8")
PAGES = " ".join((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("paper", "mapping"))
MOST_WORDS = 1000


def test_it_is_short_and_has_the_sections_that_the_journal_asks_for():
    assert len(TEXT.split()) <= MOST_WORDS
    sections = re.findall(r"^# (.*)$", TEXT, re.MULTILINE)
    assert sections[:4] == ["Summary", "Statement of need", "State of the field", "Functionality"]
    assert sections[-1] == "References"
    head = yaml.safe_load(HEAD)
    assert {"title", "tags", "authors", "affiliations", "date", "bibliography"} <= head.keys()
    assert (PAPER / head["bibliography"]).is_file()


def test_every_reference_is_cited_and_every_citation_is_there():
    cited = set(re.findall(r"@(\w+)", TEXT))
    assert cited == set(re.findall(r"^@\w+\{(\w+),", BIBLIOGRAPHY, re.MULTILINE))


def test_every_reference_says_where_it_is():
    for entry in re.split(r"^@", BIBLIOGRAPHY, flags=re.MULTILINE)[1:]:
        assert re.search(r"(doi = \{10\.\d{4,}/[^\s}]+\}|eprint = \{\d{4}\.\d{5}\})", entry), entry
        assert all(f"{field} = " in entry for field in ("author", "title", "year")), entry


def test_its_commands_and_figures_are_there():
    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    commands = re.findall(r"`pcneuro (\w+)(?: (\w+))?`", TEXT)
    assert len(commands) > 4
    for command, name in commands:
        assert command in known
        assert not name or examples.find(name), name
    figures = re.findall(r"\]\(([^)]+\.png)\)", TEXT)
    assert len(figures) == 2
    assert all((PAPER / figure).is_file() for figure in figures)
    for figure in figures:
        assert f"`pcneuro run {Path(figure).stem}`" in TEXT, "each is made by a command that the text names"


@pytest.mark.parametrize("number", ["96.49 ± 0.37 %", "96.43 ± 0.35 %", "9.811 ± 0.001", "less than 2e-6"])
def test_its_numbers_are_those_that_pages_have_measured(number):
    assert number in TEXT
    assert number in PAGES
