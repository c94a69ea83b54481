"""Which batch it is: what tells two batches apart, and whether a folder's is the one that is to go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pcneuro.errors import ConfigurationError, shown, warn

PACKAGE = "pcneuro"
FROM_HERE = "go on with what it was begun with, or choose another folder"


def digest(value: Any) -> str:
    """SHA-256 of what JSON makes of a value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def check_same(folder: object, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise ConfigurationError where the batch in a folder is another than the one ``here``, and say what differs.

    Rows of two versions of pcneuro are not mixed. Of other versions of NumPy and the like it warns: these may round
    otherwise in the last digit.
    """
    for part in ("study", "space", "keep"):
        found = difference(there[part], here[part])
        if found is not None:
            name, a, b = found
            raise ConfigurationError(
                f"{folder} is another batch: {'.'.join((part, *name))} is {a} there, and {b} here: {FROM_HERE}"
            )
    check_files(folder, there["files"], here["files"])
    old, new = there["versions"], here["versions"]
    if old[PACKAGE] != new[PACKAGE]:
        raise ConfigurationError(
            f"{folder} was begun with {PACKAGE} {old[PACKAGE]}, and this is {new[PACKAGE]}: {FROM_HERE}"
        )
    others = [f"{name} {old[name]}, now {new[name]}" for name in new if name in old and old[name] != new[name]]
    if others:
        warn(f"{folder} was begun with {'; '.join(others)}: rows may differ in the last digits")


def check_files(folder: object, there: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Raise ConfigurationError where files have other contents than a batch was begun with."""
    for name in {**there, **here}:
        if there.get(name) != here.get(name):
            how = "is missing now" if name not in here else "has changed since" if name in there else "has come to it"
            raise ConfigurationError(f"{folder} is a batch of other files: {name} {how}: {FROM_HERE}")


def difference(there: Any, here: Any) -> tuple[tuple[str, ...], str, str] | None:
    """The first place where two tables differ: its keys, and both values as messages have them; None for the same."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for key in {**there, **here}:
            if key not in there or key not in here:
                values = (shown(side[key]) if key in side else "not given" for side in (there, here))
                return ((key,), *values)  # type: ignore[return-value]
            found = difference(there[key], here[key])
            if found is not None:
                return ((key, *found[0]), *found[1:])  # type: ignore[return-value]
        return None
    return None if there == here and type(there) is type(here) else ((), shown(there), shown(here))
