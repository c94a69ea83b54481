"""Tables that stand for spaces, in files and as spaces describe themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pcneuro.errors import PcneuroError
from pcneuro.files.toml import Problem, nearest
from pcneuro.studies.spaces.abstract import SPACES, AbstractSpace
from pcneuro.studies.spaces.axes import AxisError
from pcneuro.studies.tables import KIND

DEFAULT = "grid"
NEEDED = 'needs keys and their values, such as "integrator.dt" = [0.5, 1.0]'


def space_of(table: Any, folder: Path) -> AbstractSpace:
    """The space of a table, whose paths begin at ``folder``. Raises Problem, with the path from this table.

    Examples
    --------
    >>> from pathlib import Path
    >>> len(pcn.spaces.space_of({"kind": "grid", "seed": [0, 1]}, Path()))
    2
    """
    if not isinstance(table, Mapping) or not table:
        raise Problem((), NEEDED)
    kind = table.get(KIND, DEFAULT)
    if not isinstance(kind, str) or kind not in SPACES:
        raise Problem((KIND,), f"unknown kind; {nearest(str(kind), SPACES)}")
    rest = {key: value for key, value in table.items() if key != KIND}
    if not rest:
        raise Problem((), NEEDED)
    try:
        return SPACES[kind].from_table(rest, folder)
    except AxisError as error:
        raise Problem((error.key,), error.text) from None
    except PcneuroError as error:
        raise Problem((), str(error)) from None
