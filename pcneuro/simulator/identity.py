"""Which circuit a run was of, and with which weights: a digest, by which mappings tell runs of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pcneuro.circuit.circuit import Circuit

if TYPE_CHECKING:
    import xarray

CIRCUIT = "circuit"
"""The attribute of ``result.axons`` that has it."""


def with_circuit(
    axons: xarray.Dataset | None, circuit: Circuit, parameters: Mapping[str, np.ndarray]
) -> xarray.Dataset | None:
    """Counts of axons with the digest of the circuit that was run, whose ``parameters`` have these values now."""
    return None if axons is None else axons.assign_attrs({CIRCUIT: digest_of_run(circuit, parameters)})


def digest_of_run(circuit: Circuit, parameters: Mapping[str, np.ndarray]) -> str:
    """The digest of a circuit with the parameters that a simulation has, ``digest_float32`` where these are in float32.

    Parameters that plasticity changes count as the circuit has them: it is that circuit which was run.
    """
    given = {name: node.source.value for name, node in circuit.graph.parameters.items()}  # type: ignore[union-attr]
    other = {
        name: parameters[name]
        for name, value in given.items()
        if name not in circuit.plasticity
        and not np.array_equal(parameters[name], value.astype(parameters[name].dtype), equal_nan=True)
    }
    ran = circuit.with_parameters(other) if other else circuit
    single = any(array.dtype == np.float32 for array in parameters.values())
    return ran.digest_float32 if single else ran.digest
