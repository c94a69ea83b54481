"""Circuits that commands are about: a saved one, that of a simulation file, or a function in a file of Python."""

from __future__ import annotations

from pathlib import Path

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ConfigurationError
from pcneuro.files.toml import Problem
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.studies import Sources, read


def circuit_of(reference: str) -> Circuit:
    """The circuit that a command was given. Raises ConfigurationError for what is none."""
    if reference.endswith(".toml"):
        plan = read(reference)
        run = plan.run(0)
        try:
            return Sources(plan.folders).circuit(run.task.circuit, run.task.arguments)
        except Problem as problem:
            raise plan.error(problem, run.swept) from problem.__cause__
    try:
        return Sources([Path.cwd()]).circuit(reference, {})
    except Problem as problem:
        raise ConfigurationError(f"{reference}: {problem.text}") from problem.__cause__


def dynamics_of(reference: str) -> AbstractDynamics | None:
    """The dynamics of a simulation file; None of what is no such file, or does not say."""
    if not reference.endswith(".toml"):
        return None
    found = getattr(read(reference).run(0).task, "dynamics", None)
    return found if isinstance(found, AbstractDynamics) else None
