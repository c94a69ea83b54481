"""Messages of error neurons as a property of vertices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.circuit.abstract_property import AbstractProperty, is_predicted
from pcneuro.errors import ParameterError, told, unknown_name
from pcneuro.graph.graph import Graph
from pcneuro.model.payload import Payload


@dataclass(frozen=True)
class ErrorPayload(AbstractProperty):
    """A ``Payload``, or None, for each vertex that has error neurons."""

    def default(self, graph: Graph, vertex: str) -> None:
        return None

    def is_default(self, graph: Graph, vertex: str, value: Payload | None) -> bool:
        return value is None

    def from_argument(self, graph: Graph, vertices: Iterable[str], values: Any) -> dict[str, Payload | None]:
        vertices = dict.fromkeys(vertices)
        if not isinstance(values, Mapping):
            values = {name: values for name in vertices if is_predicted(graph.nodes[name])}
        for name, value in values.items():
            if name not in vertices:
                raise unknown_name(f"vertex in {self.keyword}", name, vertices)
            if value is None:
                continue
            if not isinstance(value, Payload):
                raise ParameterError(
                    f"{self.keyword} of vertex {name!r} is {told(value)}; use pcn.passes.QuantizeErrors"
                )
            if not is_predicted(graph.nodes[name]):
                raise ParameterError(f"{self.keyword} of {name!r}, a latent without a prior: it has no error neurons")
        return {name: values.get(name) for name in vertices}

    def save(self, name: str, values: Mapping[str, Any], facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        facts[name] = {vertex: value.described() for vertex, value in values.items()}

    def load(
        self, name: str, graph: Graph, vertices: Iterable[str], facts: Mapping[str, Any], arrays: Mapping[str, Any]
    ) -> dict[str, Payload | None]:
        payloads = {vertex: Payload.from_described(each) for vertex, each in dict(facts.get(name, {})).items()}
        return self.from_argument(graph, vertices, payloads)

    def attribute(self, value: Payload | None) -> str:
        return "" if value is None else self.text(value)

    def text(self, value: Payload | None) -> str:
        return "-" if value is None else str(value)
