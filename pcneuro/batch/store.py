"""Store of a batch: one zarr group whose rows are runs, written block by block, each block's status last."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from pcneuro.batch.layout import RUNS, SETTINGS, Layout
from pcneuro.batch.row import Row

if TYPE_CHECKING:
    import xarray
    import zarr

RUN = "run"
STATUS, MESSAGE = "status", "message"


@final
class Store:
    """The rows of a batch, in ``folder``. Many processes may write to it, each to blocks of its own."""

    def __init__(self, folder: Path, group: zarr.Group, layout: Layout) -> None:
        self.folder, self.group, self.layout = folder, group, layout

    @classmethod
    def create(
        cls, folder: Path, described: Mapping[str, Any], layout: Layout, swept: Mapping[str, np.ndarray]
    ) -> Store:
        """Make the folder of a batch, which appears whole, under its name, or not at all; and open it."""
        import zarr

        new = folder.with_name(f".{folder.name}.{os.getpid()}.new")
        new.mkdir(parents=True)
        group = zarr.open_group(new / RUNS, mode="w", zarr_format=3)
        for name, dtype, fill in ((STATUS, "i1", 0), (MESSAGE, "str", "")):
            group.create_array(
                name, shape=(layout.runs,), chunks=(layout.block,), dtype=dtype, fill_value=fill, dimension_names=(RUN,)
            )
        for key, values in swept.items():
            group.create_array(key, data=values, dimension_names=(RUN,))
        group.attrs["coordinates"] = " ".join(swept)
        (new / SETTINGS).write_text(json.dumps(described, indent=1), encoding="utf-8")
        try:
            os.rename(new, folder)
        except OSError:
            shutil.rmtree(new)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> Store:
        """The store of the batch in a folder."""
        import zarr

        layout = Layout.from_described(json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["layout"])
        return cls(folder, zarr.open_group(folder / RUNS, mode="r+", use_consolidated=False), layout)

    def done(self) -> set[int]:
        """Blocks that are done: one listing, nothing is read."""
        chunks = self.folder / RUNS / STATUS / "c"
        return {int(name) for name in os.listdir(chunks) if name.isdigit()} if chunks.is_dir() else set()

    def is_done(self, block: int) -> bool:
        """Whether a block is done."""
        return (self.folder / RUNS / STATUS / "c" / str(block)).exists()

    def write(self, block: int, rows: Sequence[Row]) -> None:
        """Write the rows of a block, its status last."""
        numbers = self.layout.numbers(block)
        here = slice(numbers.start, numbers.stop)
        names = dict.fromkeys(name for row in rows for name in row.numbers)
        for name in names:
            self._array(name)[here] = np.array([row.numbers.get(name, np.nan) for row in rows])
        self._array(MESSAGE)[here] = np.array([row.message for row in rows], dtype=object)
        self._array(STATUS)[here] = np.array([row.status for row in rows], dtype=np.int8)

    def _array(self, name: str) -> Any:
        if name not in self.group:
            self.group.create_array(
                name,
                shape=(self.layout.runs,),
                chunks=(self.layout.block,),
                dtype="f8",
                fill_value=np.nan,
                dimension_names=(RUN,),
            )
        return self.group[name]

    def dataset(self) -> xarray.Dataset:
        """All of it, as it is by now; arrays are read when they are asked for."""
        import xarray

        return xarray.open_zarr(self.folder / RUNS, consolidated=False)

    def rest(self) -> Iterable[int]:
        """Blocks that are not done."""
        done = self.done()
        return [block for block in range(self.layout.blocks) if block not in done]
