"""The command ``pcneuro data``: data sets, and their download."""

from __future__ import annotations

from pathlib import Path

from pcneuro.cli.codes import SUCCESS
from pcneuro.cli.terminal import Terminal
from pcneuro.data import DATASETS, AbstractFolderDataset, fetch


def list_them(folder: Path | None) -> int:
    """Print all data sets, a line each: name, what it is, its download, whether it is here; returns the exit code."""
    rows = []
    for name, dataset in DATASETS.items():
        if issubclass(dataset, AbstractFolderDataset):
            size = sum(download.size for download in dataset.downloads)
            rows.append((name, dataset.title, f"{size / 1e6:.1f} MB", dataset(folder=folder).status()))
        else:
            rows.append((name, dataset.title, f"with {dataset.source}", dataset().status()))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return SUCCESS


def fetch_it(name: str, folder: Path | None) -> int:
    """Download a data set; returns the exit code."""
    with Terminal(f"downloading {name}") as terminal:
        fetched = fetch(name, folder, terminal.progress)
    for path in fetched.new:
        print(path)
    if fetched.kept:
        print(f"{fetched.kept} of {fetched.kept + len(fetched.new)} there already")
    return SUCCESS
