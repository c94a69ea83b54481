"""The command ``pcneuro audit``: what every update of a circuit reads, and whether it is local."""

from __future__ import annotations

import sys
from pathlib import Path

from pcneuro.analysis.audit import Audit, audit
from pcneuro.cli.circuits import circuit_of, dynamics_of
from pcneuro.cli.codes import DISAGREES, SUCCESS
from pcneuro.errors import class_of_kind
from pcneuro.files.writing import place
from pcneuro.model.dynamics.abstract import DYNAMICS


def audit_it(
    reference: str,
    dynamics: str | None,
    json: Path | None,
    interventions: int,
    singles: int,
    seed: int,
    overwrite: bool,
) -> int:
    """Print an audit, and write it; returns the exit code: 1 where an update is not local, or not certified."""
    if json is not None:
        place(json, overwrite=overwrite)
    chosen = dynamics_of(reference) if dynamics is None else class_of_kind("dynamics", dynamics, DYNAMICS)()
    circuit = circuit_of(reference)
    made = audit(circuit, dynamics=chosen, interventions=interventions, singles=singles, seed=seed, report=True)
    print(made)
    if json is not None:
        made.to_json(json, overwrite=overwrite)
        print(f"\nwritten to {json}")
    return _code(made)


def _code(made: Audit) -> int:
    found = [row.name for row in made.rows if not (row.local and row.interventions.holds)]
    if not found:
        return SUCCESS
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    what = "is not local" if not made.local else "has something adjacent that changes nothing"
    print(f"pcneuro: the update of {found[0]}{more} {what}: see the table", file=sys.stderr)
    return DISAGREES
