"""Links of pages lead somewhere: to a file that is there, and to a heading that it has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, pages

LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(#[^)\s]*)?\)")
TARGET = re.compile(r"^\(([\w-]+)\)=$", re.MULTILINE)
CODE = re.compile(r"^(```+).*?^\1$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(DOCS / f"{page}.md" for page in pages())]


def anchors(path: Path) -> set[str]:
    """The headings of a page as parts of addresses, by GitHub's rule, which is that of the site, too."""
    text = path.read_text(encoding="utf-8")
    headings = re.findall(
        r"^#{1,6} (.*)$", re.sub(r"^(```+).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings} | set(TARGET.findall(text))


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for file, anchor in LINK.findall(CODE.sub("", path.read_text(encoding="utf-8"))):
        target = (path.parent / file) if file else path
        assert target.exists(), f"{path.name}: {file}"
        if anchor and target.suffix == ".md":
            assert anchor[1:] in anchors(target), f"{path.name}: {file}{anchor}"
