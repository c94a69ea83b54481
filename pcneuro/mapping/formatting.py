"""Numbers of mappings as text: energies and times with a unit that fits, counts, and what has no price."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pcneuro.mapping.schema import PART

if TYPE_CHECKING:
    import xarray

_JOULES = ((1e12, "J"), (1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ"), (1.0, "pJ"))
"""Picojoules in each."""
_SECONDS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
"""Nanoseconds in each."""
UNKNOWN = "-"


def _scale(units: tuple[tuple[float, str], ...], largest: float) -> tuple[float, str]:
    size, unit = next((each for each in units if largest >= each[0]), units[-1])
    return 1.0 / size, unit


def joule_scale(largest: float) -> tuple[float, str]:
    """The unit in which so many pJ are a number from 1 to 1000, and what pJ are multiplied with."""
    return _scale(_JOULES, largest)


def second_scale(largest: float) -> tuple[float, str]:
    """The same for so many ns."""
    return _scale(_SECONDS, largest)


def joule(pj: float) -> str:
    """An energy in pJ, as text with a unit."""
    return _with_unit(pj, joule_scale)


def second(ns: float) -> str:
    """A time in ns, as text with a unit."""
    return _with_unit(ns, second_scale)


def _with_unit(value: float, scale: object) -> str:
    if not np.isfinite(value):
        return UNKNOWN
    factor, unit = scale(value)  # type: ignore[operator]
    return f"{value * factor:.4g} {unit}"


def count(number: float) -> str:
    """A count, or a mean of counts: with commas, and a digit behind the point where it is not whole."""
    if not np.isfinite(number):
        return UNKNOWN
    return f"{number:,.0f}" if float(number).is_integer() or abs(number) >= 1000 else f"{number:,.4g}"


def share(part: float, whole: float) -> str:
    """A share in percent."""
    return UNKNOWN if not whole else f"{100 * part / whole:.4g} %"


def counts_only(data: xarray.Dataset) -> bool:
    """Whether nothing that costs energy has a price on this chip."""
    return bool(not_priced(data)) and not np.nansum(data["energy_gradient"].values)


def not_priced(data: xarray.Dataset) -> list[str]:
    """Parts of the energy that have no price on this chip, though there is something to pay for."""
    energy = data["energy_gradient"].values
    return [str(part) for part, row in zip(data[PART].values, energy, strict=True) if not np.isfinite(row).all()]


def no_energy(data: xarray.Dataset) -> str:
    """What is said of a chip without prices."""
    return f"no energy of {data.attrs['chip']} is published: counts only"


def of_what(data: xarray.Dataset) -> str:
    """What a sum of energies is called after, where not all is in it."""
    return ", of what is priced" if not_priced(data) else ""
