"""What an electrode through the layers of a cortical area would see: synaptic currents by layer, LFP and CSD proxies.

No extracellular medium is simulated: these are proxies, sums of currents (Mazzoni, Lindén, Cuntz, Lansner, Panzeri &
Einevoll 2015, PLoS Comput Biol 11: e1004584), whose shape over time and layers is meant, not their unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.structure import HALVES, ErrorHalf
from pcneuro.errors import CapacityError, ParameterError, check_object, unknown_name
from pcneuro.quantities import FINITE, NOT_NEGATIVE, milliseconds, name_tuple, number
from pcneuro.recording.record import Record, interval_in_steps

if TYPE_CHECKING:
    import xarray

AREA, LAYER, PROJECTION, DEPTH, THICKNESS = "area", "layer", "projection", "depth", "thickness"
_CURRENTS = {
    "excite": ("value", 1),
    "prediction": ("prediction", -1),
    "inhibit": ("error", -1),
    "feedback": ("feedback", 1),
}
"""Kind of an edge -> the variable of the vertex that its synapses together bring, and with which sign."""
MOST_BYTES = 8e9
"""Of currents by area, layer and projection."""


@dataclass(frozen=True)
class _Current:
    """What one kind of synapses brings a population: of which record, where, and the rates of pairs where it is one."""

    vertex: str
    variable: str
    sign: int
    half: ErrorHalf | None
    area: str
    layer: str
    projection: str

    def signed(self, recorded: np.ndarray) -> np.ndarray:
        """The currents of units, from what was recorded."""
        return self.sign * (recorded if self.half is None else self.half.rate(recorded))


def _currents_of(circuit: Circuit, vertices: Sequence[str] | None) -> list[_Current]:
    """All currents of a circuit, or those into some vertices."""
    check_object("circuit", circuit, Circuit)
    if circuit.scheme is None:
        raise ParameterError(
            "the circuit has no layers, in which there could be currents: give it some, as by "
            "pcn.passes.Laminar(pcn.passes.Scheme.named('bastos_2012'))"
        )
    chosen = circuit.vertices if vertices is None else name_tuple("vertices", vertices)
    for name in chosen:
        if name not in circuit.vertices:
            raise unknown_name("vertex", name, circuit.vertices)
    graph = circuit.nx
    grouped: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for source, target, edge in graph.edges(data=True):
        if graph.nodes[target]["vertex"] in chosen:
            # Those of a pair are told apart; of all others only the sum is recorded.
            own = source if edge["kind"] == "inhibit" else ""
            grouped.setdefault((target, edge["kind"], own), []).append(edge)
    return [_current(circuit, *key, edges) for key, edges in grouped.items()]


def _current(circuit: Circuit, target: str, kind: str, source: str, edges: Sequence[Mapping[str, Any]]) -> _Current:
    node = circuit.nx.nodes[target]
    vertex, (variable, sign) = node["vertex"], _CURRENTS[kind]
    layers = list(dict.fromkeys(edge[LAYER] for edge in edges))
    if len(layers) > 1:
        raise ParameterError(
            f"currents of kind {kind} reach {target} in {' and '.join(layers)}, and only their sum is recorded: give "
            "the projections one layer in the scheme, or leave the vertex out (vertices=[...])"
        )
    ways = dict.fromkeys(edge[PROJECTION] for edge in edges)
    half = None
    pair = HALVES.get(source.rpartition(".")[2])
    if pair is not None:
        half, sign = ErrorHalf(pair, circuit.baselines[vertex]), sign * pair
    return _Current(vertex, variable, sign * node.get("sign", 1), half, node[AREA], layers[0], ", ".join(ways))


def laminar_records(
    circuit: Circuit, every: float | None = None, vertices: Sequence[str] | None = None
) -> list[Record]:
    """What has to be recorded for ``laminar_currents``: ``simulator.run(..., record=pcn.laminar_records(circuit))``.

    Parameters
    ----------
    circuit
        With layers, as ``pcn.passes.Laminar`` gives it some.
    every
        Interval in ms, a multiple of dt; None for every step.
    vertices
        Which vertices; None: all.

    Raises ParameterError for a circuit without layers, UnknownNameError for a vertex that there is not.

    Examples
    --------
    >>> scheme = pcn.passes.Scheme.named("bastos_2012")
    >>> cortex = pcn.passes.apply(circuit, pcn.passes.Laminar(scheme))
    >>> [record.vertex for record in pcn.laminar_records(cortex, every=5.0)][:1]
    ['h']
    """
    wanted = dict.fromkeys((c.vertex, c.variable) for c in _currents_of(circuit, vertices))
    return [Record(vertex, variable, every=every) for vertex, variable in wanted]


def laminar_currents(
    records: xarray.Dataset, circuit: Circuit, vertices: Sequence[str] | None = None
) -> xarray.Dataset:
    """Synaptic currents by area, layer and projection, summed over neurons.

    They are the terms of the circuit's equations, on their scale: into error neurons v of their own value neurons
    (excitatory where positive) and -prediction; into value neurons -e of their own error neurons (of pairs -ON and
    +OFF), and what comes back. A term is in the layer of its synapses, which is that of the population that it reaches,
    unless the scheme says otherwise.

    Parameters
    ----------
    records
        ``result.records`` of a run with ``record=pcn.laminar_records(circuit)``, or ``protocol.aligned(result)``.
    circuit
        The circuit, with its layers.
    vertices
        Which vertices; None: all.

    Returns
    -------
    A dataset with the dimensions ``area``, ``layer``, ``projection`` (as the scheme calls them; where several bring one
    sum their names are joined) and those of the records but units: ``excitatory``, the sum of positive currents, and
    ``inhibitory``, minus that of negative ones, float64. ``depth`` of layers is in mm, NaN outside the cortex.

    Raises ParameterError for a circuit without layers, and for what is not recorded, or not of all units;
    UnknownNameError for a vertex that there is not; CapacityError for what would not find room in memory.

    Examples
    --------
    >>> cortex = pcn.passes.apply(circuit, pcn.passes.Laminar(pcn.passes.Scheme.named("bastos_2012")))
    >>> records = pcn.laminar_records(cortex, every=5.0)
    >>> result = pcn.Simulator(cortex).run(100.0, **data, record=records)
    >>> sorted(pcn.laminar_currents(result.records, cortex).dims)
    ['area', 'batch', 'layer', 'projection', 'time']
    """
    import xarray

    check_object("records", records, xarray.Dataset)
    currents = _currents_of(circuit, vertices)
    if not currents:
        raise ParameterError("no synapses reach these vertices: give some that have error neurons, or that are read")
    layers = circuit.scheme.layers if circuit.scheme is not None else {}
    labels = {
        AREA: list(dict.fromkeys(c.area for c in currents)),
        LAYER: list(layers),
        PROJECTION: list(dict.fromkeys(c.projection for c in currents)),
    }
    excitatory, inhibitory, rest = _sums(records, circuit, currents, labels)
    dims = (*labels, *rest)
    depths = [np.nan if depth is None else depth for depth in layers.values()]
    kept = {name: each for name, each in records.coords.items() if set(each.dims) <= set(rest)}
    return xarray.Dataset(
        {
            "excitatory": (dims, excitatory, {"long_name": "sum of excitatory currents"}),
            "inhibitory": (dims, inhibitory, {"long_name": "sum of inhibitory currents, positive"}),
        },
        {**kept, **labels, DEPTH: (LAYER, depths, {"units": "mm", "long_name": "depth below the pia"})},
        dict(records.attrs),
    )


def _sums(
    records: xarray.Dataset, circuit: Circuit, currents: Sequence[_Current], labels: Mapping[str, list[str]]
) -> tuple[np.ndarray, np.ndarray, tuple[Any, ...]]:
    """Sums of positive and of negative currents by area, layer and projection, and the dimensions behind these."""
    first = _recorded(records, circuit, currents[0])
    rest = first.dims[:-1]
    shape = (*map(len, labels.values()), *first.shape[:-1])
    if 2 * 8 * float(np.prod(shape)) > MOST_BYTES:
        raise CapacityError(
            f"currents of {len(labels[AREA])} areas would take {16 * float(np.prod(shape)) / 1e9:.3g} GB, of at most "
            f"{MOST_BYTES / 1e9:g}: give vertices=[...], or record less often"
        )
    excitatory, inhibitory = np.zeros(shape), np.zeros(shape)
    for current in currents:
        array = _recorded(records, circuit, current)
        if array.dims[:-1] != rest:
            raise ParameterError(
                f"{array.name} has the dimensions {array.dims}, and {first.name} {first.dims}: record all with one "
                "interval and the same samples, as pcn.laminar_records(circuit, every) does"
            )
        signed = current.signed(array.values.astype(np.float64))
        at = tuple(each.index(getattr(current, name)) for name, each in labels.items())
        excitatory[at] += np.maximum(signed, 0.0).sum(axis=-1)
        inhibitory[at] += np.maximum(-signed, 0.0).sum(axis=-1)
    return excitatory, inhibitory, rest


def _recorded(records: xarray.Dataset, circuit: Circuit, current: _Current) -> xarray.DataArray:
    """What was recorded of a vertex, under its name or that of an output."""
    vertex, variable = current.vertex, current.variable
    outputs = [name for name, node in circuit.graph.outputs.items() if node.name == vertex]
    found = [records[n] for name in (vertex, *outputs) if (n := f"{name}.{variable}") in records]
    if not found:
        raise ParameterError(
            f"{vertex}.{variable} is not among the records: run with record=pcn.laminar_records(circuit), or give the "
            "vertices that are recorded (vertices=[...])"
        )
    size = circuit.graph.nodes[vertex].size
    if found[0].shape[-1] != size:
        raise ParameterError(f"{found[0].shape[-1]} of the {size} units of {found[0].name} are recorded: record all")
    return found[0]


def lfp(currents: xarray.Dataset, *, inhibition: float = 1.0, delay: float = 0.0) -> xarray.DataArray:
    """A proxy of the local field potential by layer: excitatory(t - delay) + inhibition * inhibitory(t).

    1 and 0 ms, the defaults, are the sum of absolute currents (Mazzoni, Panzeri, Logothetis & Brunel 2008); 1.65 and
    6 ms the reference weighted sum of Mazzoni et al. (2015); -1 and 0 ms the sum of signed currents.

    Parameters
    ----------
    currents
        From ``laminar_currents``.
    inhibition
        Weight of inhibitory currents.
    delay
        Of excitatory currents in ms, a multiple of the interval in which they are recorded.

    Returns
    -------
    The sums over projections, with the other dimensions of ``currents``; NaN before ``delay`` has passed. Raises
    ParameterError for values out of range and for what has no currents.

    Examples
    --------
    >>> cortex = pcn.passes.apply(circuit, pcn.passes.Laminar(pcn.passes.Scheme.named("bastos_2012")))
    >>> records = pcn.laminar_records(cortex, every=5.0)
    >>> result = pcn.Simulator(cortex).run(100.0, **data, record=records)
    >>> pcn.lfp(pcn.laminar_currents(result.records, cortex)).dims
    ('area', 'layer', 'time', 'batch')
    """
    import xarray

    check_object("currents", currents, xarray.Dataset)
    if not {"excitatory", "inhibitory"} <= set(currents) or PROJECTION not in currents.dims:
        raise ParameterError("currents has no excitatory and inhibitory: give what pcn.laminar_currents returned")
    weight = number("inhibition", inhibition, FINITE)
    delay = milliseconds("delay", delay, NOT_NEGATIVE)
    excitatory, inhibitory = (currents[name].sum(PROJECTION) for name in ("excitatory", "inhibitory"))
    if delay:
        time = time_of(currents)
        every = _interval(currents[time].values, delay)
        shifted = interval_in_steps("delay", delay, every)
        if shifted >= currents.sizes[time]:
            raise ParameterError(
                f"delay is {delay:g} ms, and {currents.sizes[time]} times are recorded, {every:g} ms apart: give less"
            )
        excitatory = excitatory.shift({time: shifted})
    potential = excitatory + weight * inhibitory
    name = f"LFP proxy: excitatory(t - {delay:g} ms) {weight:+g} inhibitory"
    return potential.rename("lfp").assign_attrs({**currents.attrs, "long_name": name})


def time_of(data: xarray.Dataset | xarray.DataArray) -> str:
    """The dimension of time of what is recorded. Raises ParameterError where there is none."""
    times = [str(name) for name in data.dims if str(name).startswith("time")]
    if not times:
        names = ", ".join(map(str, data.dims)) or "none"
        raise ParameterError(f"there is no dimension of time among those there are ({names}): give what keeps it")
    return times[0]


def _interval(times: np.ndarray, single: float) -> float:
    """Between times in ms that follow each other at one distance; of one time alone it is ``single``."""
    steps = np.diff(times)
    if not len(steps):
        return single
    every = float(steps[0])
    if every <= 0 or not np.allclose(steps, every):
        raise ParameterError(
            f"the times of currents are from {steps.min():g} to {steps.max():g} ms apart: a delay needs all that were "
            "recorded, in their order; choose among what pcn.lfp returns"
        )
    return every


def csd(potential: xarray.DataArray) -> xarray.DataArray:
    """Current source density, minus the second derivative of a potential over depth (Nicholson & Freeman 1975).

        csd_i = ((phi_i - phi_{i-1}) / (z_i - z_{i-1}) - (phi_{i+1} - phi_i) / (z_{i+1} - z_i)) / thickness_i

    with the thickness (z_{i+1} - z_{i-1}) / 2. Above the first layer and below the last the potential stays as it is
    there (Vaknin, DiScenna & Teyler 1988), so that nothing leaves the cortex: ``(csd * csd.thickness).sum("layer")`` is
    zero. Sources are positive, sinks negative.

    Parameters
    ----------
    potential
        From ``lfp``; or another labelled array with a dimension ``layer`` and ``depth`` of layers in mm.

    Returns
    -------
    The density of the layers that have a depth, per mm^2 of the potential's unit. Raises ParameterError for what has no
    layers, and for less than two with a depth, or depths that do not increase.

    Examples
    --------
    >>> import xarray
    >>> depth = {"depth": ("layer", [0.1, 0.4, 0.7])}  # mm
    >>> potential = xarray.DataArray(np.zeros((4, 3)), dims=("time", "layer"), coords=depth)
    >>> pcn.csd(potential).dims
    ('time', 'layer')
    """
    import xarray

    check_object("potential", potential, xarray.DataArray)
    if LAYER not in potential.dims or DEPTH not in potential.coords:
        raise ParameterError("potential has no dimension 'layer' with 'depth' in mm: give what pcn.lfp returned")
    inside = potential.isel({LAYER: np.flatnonzero(np.isfinite(potential[DEPTH].values))})
    depth = inside[DEPTH].values
    if len(depth) < 2 or (np.diff(depth) <= 0).any():
        raise ParameterError(
            f"layers are at {depth.tolist()} mm: a density needs two of them, each below the one before"
        )
    across, density = _second_difference(depth)
    values = np.moveaxis(inside.values, inside.dims.index(LAYER), 0)
    made = np.moveaxis(np.tensordot(density, values, axes=1), 0, inside.dims.index(LAYER))
    result = inside.copy(data=made).rename("csd")
    result = result.assign_coords({THICKNESS: (LAYER, across, {"units": "mm"})})
    return result.assign_attrs({"long_name": "CSD: minus the second derivative over depth", "units": "1/mm^2"})


def _second_difference(depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Thickness of each layer, and the matrix that takes a potential to its density."""
    steps = np.diff(depth)
    around = np.concatenate([steps[:1], steps, steps[-1:]])
    across = (around[1:] + around[:-1]) / 2
    slopes = np.diff(np.eye(len(depth)), axis=0) / steps[:, None]
    none = np.zeros((1, len(depth)))
    flow = np.concatenate([none, slopes, none])
    return across, -np.diff(flow, axis=0) / across[:, None]
