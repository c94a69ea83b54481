"""Gives each tutorial out as a Jupyter notebook, beside its page: `tutorials/first_circuit.ipynb`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

FOLDER = "tutorials/"


def write_notebooks(app: Any, error: Exception | None) -> None:
    """Write notebooks into the site that was made."""
    if error is not None or app.builder.format != "html":
        return
    import jupytext

    for name in app.env.found_docs:
        if name.startswith(FOLDER) and name != f"{FOLDER}index":
            notebook = jupytext.read(os.fspath(app.env.doc2path(name)), fmt="md:myst")
            jupytext.write(notebook, os.fspath(Path(app.outdir) / f"{name}.ipynb"))


def link(app: Any, name: str, source: list[str]) -> None:
    """Say under the title of a tutorial where its notebook is."""
    if not name.startswith(FOLDER) or name == f"{FOLDER}index":
        return
    head, title, rest = source[0].partition("\n# ")
    heading, _, text = rest.partition("\n")
    file = name.removeprefix(FOLDER)
    place = f'<p class="notebook"><a href="{file}.ipynb" download>Download this page as a notebook</a></p>'
    source[0] = f"{head}{title}{heading}\n\n```{{raw}} html\n{place}\n```\n{text}"


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", link)
    app.connect("build-finished", write_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
