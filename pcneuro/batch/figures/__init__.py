"""Figures of a batch, one kind a file. A file put here is found by itself."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from pcneuro.batch.batch import open_batch
from pcneuro.batch.figures.abstract import PICTURES, AbstractPicture
from pcneuro.batch.figures.points import Points
from pcneuro.batch.making import patterns_of
from pcneuro.batch.store.checking import described
from pcneuro.errors import OutputError
from pcneuro.files import path_of, write_atomically
from pcneuro.studies.figures.style import save, style
from pcneuro.studies.task import TASKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

FIGURES = "figures"
"""Folder of a batch's figures, in its own."""

__all__ = ["FIGURES", "PICTURES", "AbstractPicture", "Points", "draw", "main_numbers", "write"]


def draw(folder: str | os.PathLike[str], numbers: Sequence[str] = ()) -> dict[str, Figure]:
    """Figures of the batch in a folder by their kind, as far as its runs are done.

    Parameters
    ----------
    numbers
        Patterns of names, such as ``"parameters.*"``. By default the main ones of its task; of a function all.

    Raises
    ------
    ParameterError
        Where no number matches, or that is no list of patterns.
    StoreError
        Where there is no batch, or it is damaged.
    """
    store, patterns = open_batch(folder), patterns_of("numbers", numbers, least=0)
    points = Points.of(store, patterns, main_numbers(described(store.folder)))
    if not points.numbers:  # no run has brought any
        return {}
    with style():
        return {kind: picture.draw(points) for kind, picture in PICTURES.items() if picture.fits(points)}


def write(folder: str | os.PathLike[str], numbers: Sequence[str] = ()) -> list[Path]:
    """Draw the figures of the batch in a folder into its folder ``figures``; the files. Raises OutputError, too."""
    place = path_of(folder, OutputError) / FIGURES
    written = []
    for kind, figure in draw(folder, numbers).items():
        place.mkdir(exist_ok=True)
        path = place / f"{kind}.png"
        with style():
            write_atomically(path, lambda file, figure=figure: save(figure, file, format="png"), overwrite=True)  # type: ignore[misc]
        written.append(path)
    return written


def main_numbers(settings: Mapping[str, Any]) -> Sequence[str]:
    """Patterns of the main numbers of a batch's task, in order; none where it is of a function."""
    study = settings.get("study")
    tables = study.get("tables") if isinstance(study, Mapping) else None
    task = TASKS.get(str(tables.get("task"))) if isinstance(tables, Mapping) else None
    return () if task is None else task.main
