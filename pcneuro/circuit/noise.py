"""Which populations of a circuit are noisy: how users say it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcneuro.circuit.abstract_property import ERROR, VALUE
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.errors import ParameterError, told, unknown_name
from pcneuro.model.noise import AbstractNoise


def noise_of(circuit: AbstractCircuit, noise: Any) -> dict[str, AbstractNoise]:
    """Population (``"h1.value"``) -> its noise, from what a user passed to ``build_circuit``.

    That is an object, for all value neurons, or a dict from vertices (their value neurons) and populations to objects.
    Raises what ``check_noise`` raises.
    """
    if noise is None:
        return {}
    if isinstance(noise, AbstractNoise):
        noise = dict.fromkeys(circuit.vertices, noise)
    if not isinstance(noise, Mapping):
        raise ParameterError(f"noise is {told(noise)}; give an object, such as pcn.WhiteNoise(0.1), or a dict of them")
    by_population: dict[str, AbstractNoise] = {}
    for name, each in noise.items():
        population = f"{name}.{VALUE}" if name in circuit.vertices else name
        if population in by_population:
            raise ParameterError(f"noise of {population!r} is given twice: once by its vertex, once by its population")
        by_population[population] = each
    check_noise(circuit, by_population)
    order = {f"{name}.{kind}": (i, kind) for i, name in enumerate(circuit.vertices) for kind in (VALUE, ERROR)}
    return dict(sorted(by_population.items(), key=lambda item: (order[item[0]][0], item[0].endswith(ERROR))))


def check_noise(circuit: AbstractCircuit, noise: Mapping[str, AbstractNoise]) -> None:
    """Raise for what is no noise or of no population, and for an array of another shape."""
    for population, each in noise.items():
        vertex, _, kind = str(population).rpartition(".")
        if vertex not in circuit.vertices or kind not in (VALUE, ERROR):
            known = [*circuit.vertices, *(f"{name}.{ERROR}" for name in circuit.vertices)]
            raise unknown_name("vertex or population in noise", population, known)
        if not isinstance(each, AbstractNoise):
            raise ParameterError(
                f"noise of {population!r} is {told(each)}; give an object, such as pcn.WhiteNoise(0.1)"
            )
        if kind == ERROR and not circuit.has_prediction(vertex):
            raise ParameterError(
                f"noise of {population!r}: a latent without a prior has no error neurons; give noise of {vertex!r}, "
                "its value neurons"
            )
        each.check(population, circuit.graph.nodes[vertex].shape)


def refuse_noise(circuit: AbstractCircuit, who: str, instead: str = "use Kernel() or Reference()") -> None:
    """Raise ParameterError, on behalf of ``who`` has no noise, where a population has some."""
    for population, each in circuit.noise.items():
        raise ParameterError(
            f"{who} has no noise, and {population!r} has {each!r}: {instead}, or build the circuit without noise"
        )
