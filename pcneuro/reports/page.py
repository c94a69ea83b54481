"""The page of a report: its head, its style, and the scripts that its parts need."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import BinaryIO

from pcneuro.files import place, write_atomically

ASSETS = "pcneuro.reports.assets"
PLOTTING = 'class="course"'
"""What parts have in them that need uPlot."""
INTERACTIVE = 'class="circuit"'
"""What parts have in them that need our own script."""


def asset(name: str) -> str:
    """The text of a file that reports have within."""
    return resources.files("pcneuro.reports").joinpath("assets", name).read_text(encoding="utf-8")


def heading(title: str, sentence: str = "", quiet: str = "") -> str:
    """What a report begins with: its title, a sentence of what it is, and a line that says how it was made."""
    below = f'<br><span class="quiet">{escape(quiet)}</span>' if quiet else ""
    return f"<h1>{escape(title)}</h1>" + (f"<p>{escape(sentence)}{below}</p>" if sentence or quiet else "")


def document(title: str, parts: Sequence[str]) -> str:
    """A page of HTML of parts, which are HTML; scripts and styles that they need are within."""
    body = "\n".join(part for part in parts if part)
    styles, scripts = [asset("report.css")], []
    if PLOTTING in body:
        styles.append(asset("uPlot.min.css"))
        scripts.append(asset("uPlot.iife.min.js"))
    if PLOTTING in body or INTERACTIVE in body:
        scripts.append(asset("report.js"))
    run = "".join(f"<script>\n{script}\n</script>\n" for script in scripts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>\n<style>\n{''.join(styles)}</style></head>\n"
        f"<body><main>\n{body}\n</main>\n{run}</body></html>\n"
    )


def write_page(text: str, path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Write a page. Raises OutputError."""
    place(path, overwrite=overwrite)

    def write(file: BinaryIO) -> None:
        file.write(text.encode())

    write_atomically(path, write, overwrite=overwrite)
