"""Instructions for the states of vertices, whatever their operators."""

from __future__ import annotations

from pcneuro.kernels.dispatch import IDENTITY
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.program.lowering import Lowering
from pcneuro.program.program import Program


def emit_states(low: Lowering, program: Program, dynamics: AbstractDynamics) -> None:
    """Add the instructions for the states of vertices to a program, those of the dynamics' own, too."""
    one = low.constant(1.0)
    program.vertex_code = {part: {} for part in ("deviate", "error", *dynamics.parts)}
    for name in program.circuit.vertices:
        v, p, d = (program.slot(r, name) for r in ("value", "prediction", "deviation"))
        computed = dynamics.error_region(name)
        e = program.slot(computed or "error", name)
        weight = program.precision_row + program.first[name]
        low.emit("deviate", d.row, v.row, p.row, v.units)
        program.vertex_code["deviate"][name] = low.taken()
        if computed is not None and (d != e or (program.circuit.precision[name] != 1.0).any()):
            low.emit("multiply", e.row, d.row, IDENTITY, 0, weight, IDENTITY, 1, v.units)
        program.vertex_code["error"][name] = low.taken()
        rows_of = {region: row + program.first[name] for region, row in program.regions.items()}
        for part in dynamics.parts:
            dynamics.emit(part, low, name, rows_of | {"value": v.row, "precision": weight}, v.units)
            program.vertex_code[part][name] = low.taken()
        if v != p:
            low.emit("combine", v.row, IDENTITY, v.units, 0, p.row, IDENTITY, 0, 0, IDENTITY, 2, one, v.units)
        program.settle[name] = low.taken()
        g = program.slot("drive", name)
        rows = (row + program.first[name] for row in (program.precision_row, program.decay_row, program.growth_row))
        low.emit("relax", d.row, e.row, g.row, *rows, v.units)
        program.relax[name] = low.taken()
        energy = program.circuit.energies.get(name)
        if energy is not None and energy.kernel is not None:
            classes = program.circuit.graph.nodes[name].shape[-1:] or (1,)
            low.emit(energy.kernel, v.row, p.row, e.row, program.precision_row + program.first[name], v.units, *classes)
            program.energy[name] = low.taken()
    for part, codes in program.vertex_code.items():
        program.code[part] = [instruction for code in codes.values() for instruction in code]
