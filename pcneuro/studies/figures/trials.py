"""Figure of trials: a row for each record, a column for each run, means and standard errors by condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from pcneuro.analysis.plot import trials
from pcneuro.studies.figures.style import WIDTH, first_panels

if TYPE_CHECKING:
    import xarray

_ROW = 2.4  # inches


def trials_figure(panels: Sequence[tuple[str, xarray.Dataset, str | None]]) -> Figure:
    """Means over trials by condition, as ``pcn.plot.trials`` has them. ``panels`` are labels, data and column."""
    panels, left_out = first_panels(panels)
    names = list(dict.fromkeys(str(name) for _, aligned, _ in panels for name in aligned.data_vars))
    figure = Figure(figsize=(max(WIDTH, 3.0 * len(panels)), max(_ROW * len(names), 2.6)))
    figure.supxlabel(left_out, fontsize=8)
    axes = figure.subplots(len(names), len(panels), squeeze=False)
    for column, (title, aligned, by) in enumerate(panels):
        for row, name in enumerate(names):
            if name in aligned:
                trials(aligned, name, by=by, ax=axes[row, column])
                # Conditions are the same in all rows.
                axes[row, column].get_legend().set_visible(name == next(iter(aligned.data_vars)))
        axes[0, column].set_title(title.replace(", ", "\n"))
    return figure
