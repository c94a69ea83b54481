"""Stores for tests: rows as studies make them, written block by block."""

import numpy as np
import xarray

from pcneuro.batch.layout import Layout
from pcneuro.batch.row import Row, RowStatus
from pcneuro.batch.store import Store


def records(length=4, seed=0, **more):
    """Records as runs have them: a trace in time, and what else is given."""
    trace = np.random.default_rng(seed).normal(size=(length, 2))
    made = xarray.Dataset({"h.error": (("time", "h_unit"), trace, {"units": "1"})})
    return made.assign(more).assign_coords(time=("time", np.arange(length) * 0.5, {"units": "ms"}))


def done(number, found=None, **numbers):
    return Row(
        number, RowStatus.DONE, "", {"loss": number / 3, **numbers}, records(seed=number) if found is None else found
    )


def made(folder, rows, block=2, swept=None, order=None, first=...):
    """A store of these rows, written block by block."""
    layout = Layout(len(rows), block)
    swept = {"tau": [10.0 * (number % 2) for number in range(len(rows))]} if swept is None else swept
    store = Store.create(
        folder, {"layout": layout.described(), "content": "c"}, layout, swept, rows[0] if first is ... else first
    )
    for number in range(layout.blocks) if order is None else order:
        numbers = layout.numbers(number)
        store.write(number, rows[numbers.start : numbers.stop], {"seconds": 1.0})
    return store


def files(folder):
    """Path -> bytes of all that is there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
