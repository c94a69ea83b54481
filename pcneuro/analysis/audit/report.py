"""What an audit returns: a row for each class of neurons and of synapses, and what interventions came to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, BinaryIO

from pcneuro.errors import DataError, unknown_name
from pcneuro.files import write_atomically
from pcneuro.tables import aligned

if TYPE_CHECKING:
    import pandas

WIDEST = 60
"""Letters of a cell that are shown."""
OTHER = "other"
"""Class of what an update reads and that is not adjacent to it."""


@dataclass(frozen=True)
class Interventions:
    """What interventions on a simulator's state came to, for one update.

    ``made`` times all that is not adjacent was changed at once, and ``unchanged`` times the update stayed the same bit
    for bit. ``answered`` tells of each class of what is adjacent whether a change of it changed the update. For
    ``singles``, neurons or entries, all units that they have nothing to do with were changed, too, and
    ``singles_unchanged`` of them stayed the same.
    """

    made: int = 0
    unchanged: int = 0
    answered: Mapping[str, bool] = field(default_factory=dict)
    singles: int = 0
    singles_unchanged: int = 0

    @property
    def holds(self) -> bool:
        """Whether nothing that is not adjacent mattered, and all that is adjacent did. True where none were made."""
        quiet = self.unchanged == self.made and self.singles_unchanged == self.singles
        return quiet and all(self.answered.values())


@dataclass(frozen=True)
class AuditRow:
    """One class of neurons (a population) or of synapses (a parameter), and what its update needs.

    Attributes
    ----------
    name
        ``"h1.value"``, ``"h1.error"``, or the parameter's name.
    kind
        ``"value"``, ``"error"``, ``"synapse"``, or ``"variance"`` of a vertex' errors.
    size
        Neurons, or entries.
    reads
        Class -> what of it the update reads: ``own``, ``pre``, ``post``, ``weights`` (of the synapses that its inputs
        come by), ``derivative`` and ``gate`` (the state of a dendrite that an error comes back through), ``other``.
    rule
        What changes the parameter.
    local
        Whether it reads nothing but what is at its own place.
    hebbian
        Of synapses: whether they change by activity before and error, or activity, behind alone.
    transported
        Weights of other synapses that it needs: feedback through the transpose of forward weights.
    one_to_one
        Whether each value neuron has one error neuron of its own, and this one value neuron.
    derivative
        Whether the derivative of an activation function is needed; a threshold (``gate``) is none.
    phase
        What it waits for: ``"held sweep"``, ``"after settling"``, ``"every 10 ms"``; empty where for nothing.
    negative
        Whether rates may be below zero.
    one_sign
        Whether each neuron acts on others by weights of one sign, and rules of plasticity keep it (Dale's law). Of
        value neurons by predictions, of error neurons by what comes back, their own value neurons included.
    units
        Whether other units of the same population matter, as behind a softmax, or where a rule takes a mean.
    interventions
        The empirical certificate.
    """

    name: str
    kind: str
    size: int
    reads: Mapping[str, tuple[str, ...]]
    rule: str = ""
    local: bool = True
    hebbian: bool = False
    transported: tuple[str, ...] = ()
    one_to_one: bool = False
    derivative: bool = False
    phase: str = ""
    negative: bool = False
    one_sign: bool = True
    units: bool = False
    interventions: Interventions = field(default_factory=Interventions)

    @property
    def others(self) -> tuple[str, ...]:
        """What it reads and that is not local to it."""
        return self.reads.get(OTHER, ())

    @property
    def text(self) -> str:
        """What it reads, in words."""
        parts = [f"{name} {', '.join(names)}" for name, names in self.reads.items()]
        return "; ".join([*parts, *(["other units of its own"] if self.units else [])]) or "nothing"


@dataclass(frozen=True)
class Audit:
    """What ``pcn.audit`` returns; prints as tables, and is written and read as JSON.

    ``neurons`` and ``synapses`` have a row for each class; ``dynamics`` are those that it was made for, ``seed`` that
    of the interventions.

    Examples
    --------
    >>> report = pcn.audit(circuit)
    >>> isinstance(report, pcn.Audit)
    True
    """

    neurons: tuple[AuditRow, ...]
    synapses: tuple[AuditRow, ...]
    dynamics: str
    seed: int

    @property
    def rows(self) -> tuple[AuditRow, ...]:
        """All rows."""
        return (*self.neurons, *self.synapses)

    def __getitem__(self, name: str) -> AuditRow:
        """The row of a population or parameter. Raises UnknownNameError, with the nearest one that there is."""
        for row in self.rows:
            if row.name == name:
                return row
        raise unknown_name("population or parameter of the audit", name, [row.name for row in self.rows])

    @property
    def local(self) -> bool:
        """Whether every update reads only what is at its own place, in structure and by interventions."""
        return all(row.local for row in self.rows)

    @property
    def certified(self) -> bool:
        """Whether all interventions came out as they have to; of none nothing is certified."""
        return any(row.interventions.made for row in self.rows) and all(row.interventions.holds for row in self.rows)

    @property
    def transported(self) -> tuple[str, ...]:
        """Weights that are needed at two places."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.transported))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in JSON."""
        return {"local": self.local, "certified": self.certified, **asdict(self)}

    def to_json(self, path: str | os.PathLike[str] | None = None, *, overwrite: bool = False) -> str:
        """As JSON; written to a file, too, where a path is given.

        Raises OutputError where the file exists, unless ``overwrite``, or cannot be written.
        """
        text = json.dumps(self.to_dict(), indent=1)
        if path is not None:

            def write(file: BinaryIO) -> None:
                file.write(f"{text}\n".encode())

            write_atomically(path, write, overwrite=overwrite)
        return text

    @classmethod
    def from_json(cls, text: str) -> Audit:
        """The audit that ``to_json`` wrote. Raises DataError for text that is none."""
        from pydantic import TypeAdapter, ValidationError

        try:
            return TypeAdapter(cls).validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the text"
            raise DataError(f"this is no audit in JSON, as Audit.to_json writes it: {place}: {first['msg']}") from None

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each class, with what it reads in a column for each class of that, names with commas between."""
        import pandas

        table = []
        for row in self.rows:
            facts = {f.name: getattr(row, f.name) for f in fields(row) if f.name not in ("reads", "interventions")}
            facts["transported"] = ", ".join(row.transported)
            facts |= {f"reads_{name}": ", ".join(names) for name, names in row.reads.items()}
            table.append(facts | {"certified": row.interventions.holds})
        frame = pandas.DataFrame(table).set_index("name")
        texts = [column for column in frame.columns if column.startswith("reads_")]
        return frame.fillna(dict.fromkeys(texts, ""))

    def __str__(self) -> str:
        lines = [f"Audit under {self.dynamics}: {'' if self.local else 'not '}every update is local"]
        for row in self.rows:
            if not row.local:
                what = ", ".join(row.others) or "units that it has nothing to do with"
                lines.append(f"  {row.name} reads {what}")
        lines += [*self._interventions(), "", *self._neurons()]
        if self.synapses:
            lines += ["", *self._synapses()]
        return "\n".join(lines)

    def _interventions(self) -> list[str]:
        done = [row.interventions for row in self.rows if row.interventions.made]
        made, unchanged = sum(i.made for i in done), sum(i.unchanged for i in done)
        classes = [answer for i in done for answer in i.answered.values()]
        singles, quiet = sum(i.singles for i in done), sum(i.singles_unchanged for i in done)
        if not done:
            return ["  no interventions were made"]
        lines = [
            f"  {made} interventions on all that is not adjacent, in {len(done)} of {len(self.rows)} updates: "
            f"{unchanged} changed no bit",
            f"  {len(classes)} classes of what is adjacent: {sum(classes)} changed the update",
            f"  {singles} single neurons and synapses, with all other units changed: {quiet} changed no bit",
        ]
        dumb = [f"{row.name} ({name})" for row in self.rows for name, a in row.interventions.answered.items() if not a]
        return lines + ([f"  without an answer: {', '.join(dumb)}"] if dumb else [])

    def _neurons(self) -> list[str]:
        heads = (
            "population",
            "units",
            "reads",
            "local",
            "transported",
            "1-to-1",
            "derivative",
            "phase",
            "negative",
            "one sign",
        )
        rows = [
            [
                *(row.name, f"{row.size:,}", row.text, _yes(row.local), ", ".join(row.transported) or "-"),
                *(_yes(row.one_to_one), _yes(row.derivative), row.phase or "-", _yes(row.negative), _yes(row.one_sign)),
            ]
            for row in self.neurons
        ]
        return aligned(heads, rows, "lrllllllll", widest=WIDEST)

    def _synapses(self) -> list[str]:
        heads = ("synapses", "entries", "rule", "reads", "local", "Hebbian", "transported", "derivative", "phase")
        rows = [
            [
                *(row.name, f"{row.size:,}", row.rule, row.text, _yes(row.local), _yes(row.hebbian)),
                *(", ".join(row.transported) or "-", _yes(row.derivative), row.phase or "-"),
            ]
            for row in self.synapses
        ]
        return aligned(heads, rows, "lrlllllll", widest=WIDEST)


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"
