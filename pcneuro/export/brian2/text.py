"""A circuit as a plain Brian2 script and a file of data, which run without pcneuro."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import OutputError, ParameterError
from pcneuro.export.checked import MEMORY
from pcneuro.export.rates import LAST_TIME, Rates, Variables
from pcneuro.export.spiking import Spiking
from pcneuro.files import place, write_atomically
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.simulator.run_data import whole_steps

STIMULUS = "stimulus"
"""Of data: what a group is given over time."""
_HEAD = '''\
"""A predictive-coding circuit as a Brian2 network of {neurons} neurons, {dynamics}.

Written by pcneuro; runs without it: python {script}. The numbers are in {data}, plain arrays.
Every group is a population: v are its value neurons, err its error neurons, I_... and v_... sums over the synapses of
one projection, f_... what comes back from one, g_... what is sent back through it.{more}
"""

import hashlib
from pathlib import Path

import numpy as np
from brian2 import Clock, Function, Hz, Network, NeuronGroup, Synapses, TimedArray, ms, prefs, second

prefs.codegen.target = "numpy"
path = Path(__file__).with_name({data!r})
if hashlib.sha256(path.read_bytes()).hexdigest() != {digest!r}:
    raise SystemExit(f"{{path}} is damaged, or not of this script: write both again")
data = np.load(path, allow_pickle=False)
clock = Clock({dt!r} * ms)
functions = {{}}
groups, synapses = {{}}, {{}}


def give(made, name, *variables):
    for variable in variables:
        made.variables[variable].set_value(data[f"{{name}}/{{variable}}"])


'''
_SPIKES = """
The groups ..._error are pairs of ON and OFF neurons that an error drives; received is what their spikes are to
others, mean and value_mean are means of that and of the values between begin and end.
"""
_ERF = """\
from scipy.special import erf

functions["erf"] = Function(erf, arg_units=[1], return_unit=1)

"""
_FOOT = """\
# Within a step one sum after the other: predictions along the graph, feedback the other way; then all neurons step.
sums = {sums}
for k, (name, variable) in enumerate(sums):
    synapses[name].summed_updaters[variable].order = k - len(sums) - 1

network = Network(*groups.values(), *synapses.values())

if __name__ == "__main__":
    network.run({duration!r} * ms)
    for name, group in groups.items():
        print(f"{{name:20}} v: norm {{np.linalg.norm(group.v[:]) if 'v' in group.variables else float('nan'):.12g}}")
"""


def write(
    circuit: Circuit,
    path: str | os.PathLike[str],
    duration: float,
    *,
    inputs: Mapping[str, Any] | None = None,
    targets: Mapping[str, Any] | None = None,
    clamp: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | None = None,
    dynamics: AbstractDynamics | None = None,
    integrator: AbstractIntegrator | None = None,
    spiking: Spiking | None = None,
    overwrite: bool = False,
    memory: float = MEMORY,
) -> None:
    """Write ``path``, a script that runs ``duration`` ms, and beside it its data, of the same name with ``.npz``.

    Neurons are graded, or spike as ``spiking`` says. Other arguments are those of ``brian2.rate``, and so are the
    errors raised; OutputError where a file exists (unless ``overwrite``) or cannot be written.
    """
    values = {"inputs": inputs, "targets": targets, "clamp": clamp, "initial": initial}
    rates = Rates(circuit, dynamics, integrator, values, spiking, memory)
    for one in rates.learnings:
        if one.every is not None:
            raise ParameterError(
                f"plasticity of {one.name!r} has every=, behind which sums are taken once more, and scripts have no "
                "such steps: leave every= out, or use brian2.rate"
            )
    script = place(path, overwrite=overwrite)
    data = script.with_suffix(".npz")
    if data == script:
        raise OutputError(f"{script} is the name of the data file, too: give the script another ending")
    place(data, overwrite=overwrite)
    numbers = rates.variables()
    steps = whole_steps(duration, rates.integrator.dt)
    if spiking is not None:
        times = rates.window(0, steps)
        for name in circuit.vertices:
            numbers[name] |= dict(zip(("begin", "end"), map(np.atleast_1d, times), strict=True))
    arrays: dict[str, Any] = dict(_arrays(rates, numbers))
    write_atomically(data, lambda file: np.savez_compressed(file, **arrays), overwrite=overwrite)
    with data.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    text = "".join(_text(rates, numbers, script.name, data.name, digest, steps * rates.integrator.dt))
    write_atomically(script, lambda file: _put(file, text), overwrite=overwrite)


def _put(file: Any, text: str) -> None:
    file.write(text.encode("utf-8"))


def _text(rates: Rates, numbers: Variables, script: str, data: str, digest: str, duration: float) -> Iterator[str]:
    spikes = rates.spiking is not None
    yield _HEAD.format(
        neurons="spiking" if spikes else "graded",
        dynamics=repr(rates.dynamics),
        script=script.replace('"', "'").replace("\\", "/"),
        data=data,
        digest=digest,
        dt=rates.integrator.dt,
        more=_SPIKES.rstrip() if spikes else "",
    )
    if any("erf(" in group.equations for group in rates.wiring.groups.values()):
        yield _ERF
    streams = rates.streams()
    for name, group in rates.wiring.groups.items():
        brian_name, variables = rates.names[name], numbers[name]
        yield f'groups[{brian_name!r}] = NeuronGroup(\n    {group.size},\n    """\n'
        yield "".join(f"    {line}\n" for line in group.lines)
        yield f'    """,\n    method={group.method!r},\n'
        if group.threshold is not None:
            yield f"    threshold={group.threshold!r},\n    reset={group.reset!r},\n"
        yield f"    clock=clock,\n    name={brian_name!r},\n    namespace=functions.copy(),\n)\n"
        if name in streams:
            stream, key = streams[name], f"{brian_name}/{STIMULUS}"
            yield "# What it is given changes with time, at the begin of a step.\n"
            yield f"values = TimedArray(data[{key!r}], dt={stream.dt!r} * ms)\n"
            yield f"groups[{brian_name!r}].namespace['stimulus'] = values\n"
            yield f"groups[{brian_name!r}].namespace[{LAST_TIME!r}] = np.inf * second\n"
            yield f"groups[{brian_name!r}].run_regularly({stream.update!r})\n"
        yield f"give(groups[{brian_name!r}], {', '.join(map(repr, (brian_name, *variables)))})\n\n"
    for projection in rates.wiring.projections:
        name, before, behind = projection.name, rates.names[projection.before], rates.names[projection.behind]
        yield f"synapses[{name!r}] = Synapses(\n    groups[{before!r}],\n    groups[{behind!r}],\n"
        yield '    """\n' + "".join(f"    {line}\n" for line in projection.equations) + '    """,\n'
        yield "" if projection.on_spike is None else f"    on_pre={projection.on_spike!r},\n"
        yield "" if projection.learning is None else "    method='euler',\n"
        yield f"    clock=clock,\n    name={name!r},\n    namespace=functions,\n)\n"
        yield f'synapses[{name!r}].connect(i=data["{name}/pre"], j=data["{name}/post"])\n'
        yield "" if projection.plain else f"give(synapses[{name!r}], {name!r}, 'w')\n"
        if projection.learning is not None and projection.learning.every is None:
            yield f"synapses[{name!r}].state_updater.order = -1\n"
        yield "\n"
    yield from _regular(rates)
    sums = "[\n" + "".join(f"    {entry!r},\n" for entry in rates.sums) + "]"
    yield _FOOT.format(sums=sums, duration=duration)


def _regular(rates: Rates) -> Iterator[str]:
    """Code that is run regularly for what learns. It belongs to no interval: these are refused."""
    for regular in rates.regulars:
        owner = f"synapses[{regular.owner!r}]" if regular.of_synapses else f"groups[{rates.names[regular.owner]!r}]"
        yield f"{owner}.run_regularly({regular.code!r}, dt=clock.dt, when={regular.when!r})\n"


def _arrays(rates: Rates, numbers: Variables) -> Iterator[tuple[str, np.ndarray]]:
    for name, variables in numbers.items():
        for variable, array in variables.items():
            yield f"{rates.names[name]}/{variable}", np.ascontiguousarray(array, dtype=np.float64)
    for name, stream in rates.streams().items():
        yield f"{rates.names[name]}/{STIMULUS}", np.ascontiguousarray(stream.values, dtype=np.float64)
    for projection in rates.wiring.projections:
        yield f"{projection.name}/pre", projection.pre
        yield f"{projection.name}/post", projection.post
    for name, weights in rates.weights().items():
        yield f"{name}/w", np.ascontiguousarray(weights, dtype=np.float64)
