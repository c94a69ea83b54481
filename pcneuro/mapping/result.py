"""Mapping: where every neuron of a circuit is on a chip, and what it sends from there costs."""

from __future__ import annotations

import os
from typing import final

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.saving import fingerprint
from pcneuro.errors import CircuitFileError, check_object
from pcneuro.mapping import files, frames, report, tables
from pcneuro.mapping.abstract_mapping import AbstractMapping
from pcneuro.mapping.formatting import count
from pcneuro.tables import html


@final
class Mapping(AbstractMapping):
    """What ``pcn.map_circuit`` returns; prints as tables.

    Attributes
    ----------
    data
        All of it as a dataset: of every neuron its ``population``, ``unit`` and core (``core_of``); of every core its
        ``slot`` on the chip, what it holds (``held``, by ``limit``, beside the ``most``) and what goes through it; of
        every link between tiles its packets; energies in pJ and times in ns, ``low`` and ``high``. Counts are of one
        sample, and means over several. What is not priced is NaN.
    chip
        The chip, with the sources of its prices.

    Examples
    --------
    >>> mapped = pcn.map_circuit(circuit, "loihi", pcn.mapping.AssumedRate(0.1, steps=100))
    >>> isinstance(mapped, pcn.mapping.Mapping)
    True
    """

    def check(self, circuit: Circuit) -> None:
        """Raise CircuitFileError where this is the mapping of another circuit, or of this one with other weights."""
        check_object("circuit", circuit, Circuit)
        if self.data.attrs["circuit_digest"] == circuit.digest:
            return
        if self.data.attrs["circuit"] == fingerprint(circuit):
            raise CircuitFileError(
                f"this mapping to {self.chip.name} is of this circuit with other weights, which have other synapses "
                "and events: map it as it is now with pcn.map_circuit"
            )
        raise CircuitFileError(
            f"this mapping to {self.chip.name} is of another circuit, with {self.data.sizes['neuron']:,} neurons: "
            "map this circuit with pcn.map_circuit"
        )

    def to_netcdf(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write it to one file, which ``Mapping.read`` and ``xarray.open_dataset`` read.

        Raises OutputError where the file exists, unless ``overwrite``, or cannot be written.
        """
        files.write(self, path, overwrite=overwrite)

    def to_csv(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> list[str]:
        """Write tables of all that ``data`` has to a folder (pJ, ns), a file each; returns the names of the files.

        Raises OutputError where one exists, unless ``overwrite``, or cannot be written.
        """
        return frames.write_csv(self, folder, overwrite=overwrite)

    def to_html(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write a report: one page with tables and pictures, what the numbers mean, and sources. It loads nothing.

        Raises OutputError where the file exists, unless ``overwrite``, or cannot be written.
        """
        report.write_report(self, path, overwrite=overwrite)

    @classmethod
    def read(cls, path: str | os.PathLike[str], circuit: Circuit | None = None) -> Mapping:
        """The mapping that ``to_netcdf`` wrote; ``circuit`` is the one that it has to be of. No code is run.

        Raises CircuitFileError for what is none, is damaged, or is of another circuit.
        """
        made = cls(*files.read(path))
        if circuit is not None:
            made.check(circuit)
        return made

    def __str__(self) -> str:
        return tables.text(self)

    def _repr_html_(self) -> str:
        first = tables.tables(self)[0]
        return html(repr(self)[1:-1], first.columns, first.rows)

    def __repr__(self) -> str:
        sizes, slots, division = self.data.sizes, self.chip.mesh.slots, self.data.attrs["division"]
        return (
            f"<Mapping of {sizes['neuron']:,} neurons to {sizes['core']:,} of {slots:,} cores of {self.chip.name}, "
            f"division: {division}, {count(self.packets)} packets>"
        )
