"""What came of learning, epoch by epoch: as columns, a dataset, and a table to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pcneuro.learning.epochs import Epoch
from pcneuro.learning.examples import Arrays
from pcneuro.simulator.result import Status
from pcneuro.tables import aligned, html

if TYPE_CHECKING:
    import xarray


def _percent(share: float) -> str:
    return "" if np.isnan(share) else f"{100 * share:.1f}"


@dataclass(frozen=True)
class _Column:
    """A column of the table that a ``Training`` prints as; the text of an epoch is empty where it has no number."""

    heading: str
    text: Callable[[Epoch], str]


_SHOWN = (
    _Column("epoch", lambda epoch: str(epoch.number)),
    _Column("train loss", lambda epoch: f"{epoch.train.loss:.4g}"),
    _Column("test loss", lambda epoch: f"{epoch.test.loss:.4g}"),
    _Column("train accuracy/%", lambda epoch: _percent(epoch.train.accuracy)),
    _Column("test accuracy/%", lambda epoch: _percent(epoch.test.accuracy)),
    _Column("rate", lambda epoch: f"{epoch.rate:.3g}"),
    _Column("seconds", lambda epoch: f"{epoch.seconds:.2f}"),
)
LONGEST = 20
"""Epochs that are printed at most."""


@dataclass(frozen=True)
class Training:
    """What came of learning; prints as a table with a row an epoch, the middle of many left out.

    ``parameters`` are those after the last epoch that was completed.
    """

    epochs: Sequence[Epoch]
    parameters: Arrays = field(repr=False)
    status: Status
    message: str

    @property
    def columns(self) -> dict[str, list[float]]:
        """The epochs' numbers by name."""
        return {
            "epoch": [e.number for e in self.epochs],
            "train_loss": [e.train.loss for e in self.epochs],
            "train_accuracy": [e.train.accuracy for e in self.epochs],
            "test_loss": [e.test.loss for e in self.epochs],
            "test_accuracy": [e.test.accuracy for e in self.epochs],
            "rate": [e.rate for e in self.epochs],
            "seconds": [e.seconds for e in self.epochs],
        }

    @property
    def heading(self) -> str:
        """One line: how learning ended and, where there are scores, how well the last epoch does."""
        if not self.epochs:
            return self.message
        test = self.epochs[-1].test
        accuracy = "" if np.isnan(test.accuracy) else f", accuracy {_percent(test.accuracy)} %"
        return f"{self.message}: test loss {test.loss:.4g}{accuracy}"

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """The table that it prints as: headings, and the texts of each epoch; accuracies only where there are some."""
        columns = [column for column in _SHOWN if any(column.text(epoch) for epoch in self.epochs)]
        return [c.heading for c in columns], [[c.text(epoch) or "-" for c in columns] for epoch in self.epochs]

    def __repr__(self) -> str:
        return f"<Training: {self.heading}>"

    def __str__(self) -> str:
        heads, rows = self.rows()
        table = ["", *aligned(heads, rows, "r" * len(heads), longest=LONGEST)] if rows else []
        return "\n".join([self.heading, *table])

    def _repr_html_(self) -> str:
        return html(self.heading, *self.rows(), longest=LONGEST)

    def dataset(self) -> xarray.Dataset:
        """The same with the dimension epoch; ``to_netcdf(path, engine="h5netcdf")`` writes it."""
        import xarray

        columns = self.columns
        units = {"seconds": {"units": "s"}}
        return xarray.Dataset(
            {name: ("epoch", values, units.get(name, {})) for name, values in columns.items() if name != "epoch"},
            {"epoch": columns["epoch"]},
            {"status": str(self.status), "message": self.message},
        )
