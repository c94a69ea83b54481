"""A mapping as data frames, and as a folder of CSV files with these."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pcneuro.files import write_folder
from pcneuro.mapping.abstract_mapping import AbstractMapping
from pcneuro.mapping.schema import BOUNDS, CANDIDATE, LIMIT, ORDER, PART

if TYPE_CHECKING:
    import pandas

TIMES = {"time": "sample", "step_time": "step", "longest_step": "longest step"}
"""Variables of times, and what rows are called after."""


def frames(mapping: AbstractMapping) -> Mapping[str, pandas.DataFrame]:
    """Name of a file -> its table: all numbers of a mapping, energies in pJ and times in ns."""
    import pandas

    data = mapping.data
    names = data["population_name"].values
    core = data["core_of"].values
    neurons = pandas.DataFrame(
        {
            "population": names[data["population"].values],
            "unit": data["unit"].values,
            "core": core,
            "slot": data["slot"].values[core],
        }
    )
    held = {str(name): row for name, row in zip(data[LIMIT].values, data["held"].values, strict=True)}
    counts = {name: data[f"core_{name}"].values for name in ("events", "synops", "packets_out", "packets_in")}
    place = {name: data[name].values for name in ("slot", "x", "y")}
    cores = pandas.DataFrame({"core": np.arange(data.sizes["core"]), **place, **held, **counts})
    limits = pandas.DataFrame({"limit": data[LIMIT].values, "most": data["most"].values})
    links = pandas.DataFrame({n: data[f"link_{n}"].values for n in ("x", "y", "to_x", "to_y", "packets")})
    energies = pandas.DataFrame({"part": data[PART].values})
    for what, name in (("sample", "energy"), ("gradient", "energy_gradient")):
        for bound in BOUNDS:
            energies[f"{what}_pj_{bound}"] = data[name].sel(bound=bound).values
    times = pandas.DataFrame({"time": list(TIMES.values())})
    for bound in BOUNDS:
        times[f"ns_{bound}"] = [float(data[name].sel(bound=bound)) for name in TIMES]
    single = [str(name) for name, variable in data.data_vars.items() if not variable.dims]
    places = {f"{end}_population": names[data[f"delay_{end}"].values] for end in ("from", "to")}
    places |= {f"{end}_core": data[f"delay_{end}_core"].values for end in ("from", "to")}
    delays = pandas.DataFrame(places | {f"ms_{b}": data["delay"].sel(bound=b).values for b in BOUNDS})
    numbers = pandas.DataFrame({"name": single, "number": [float(data[name]) for name in single]})
    orders = pandas.DataFrame({"order": data[ORDER].values, "packets": data["order_packets"].values})
    tried = {name: data[f"candidate_{name}"].values for name in ("packets", "plasticity_packets", "beyond")}
    candidates = pandas.DataFrame({"strategy": data[CANDIDATE].values, **tried})
    candidates["chosen"] = candidates["strategy"] == data.attrs["division"]
    return {
        "neurons.csv": neurons,
        "cores.csv": cores,
        "limits.csv": limits,
        "links.csv": links,
        "energies.csv": energies,
        "times.csv": times,
        "delays.csv": delays,
        "numbers.csv": numbers,
        "orders.csv": orders,
        "candidates.csv": candidates,
    }


def write_csv(mapping: AbstractMapping, folder: str | os.PathLike[str], *, overwrite: bool) -> list[str]:
    """Write the frames to a folder, which is made. Raises OutputError, before anything is written where one exists."""
    texts = {name: frame.to_csv(index=False, lineterminator="\n") for name, frame in frames(mapping).items()}
    write_folder(folder, {name: text.encode() for name, text in texts.items()}, overwrite=overwrite)
    return list(texts)
