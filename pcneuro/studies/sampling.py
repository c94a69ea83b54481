"""Text that a circuit writes: character after character, each drawn from what it predicts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import softmax

from pcneuro.circuit.circuit import Circuit
from pcneuro.data import Passages
from pcneuro.errors import ParameterError
from pcneuro.graph.forward import forward_pass


def sample_text(
    circuit: Circuit,
    parameters: Mapping[str, np.ndarray],
    passages: Passages,
    characters: int,
    temperature: float,
    generator: np.random.Generator,
) -> str:
    """Continue the second half of the first passage by so many ``characters``.

    The circuit reads as many of the last characters as it has places for. It must be causal, as an LSTM is: what it
    predicts at a place depends on no later one. Raises ParameterError for one that is not.
    """
    (entry,), (leave,) = circuit.graph.inputs, circuit.graph.outputs.values()
    length = circuit.graph.inputs[entry].shape[0]
    vocabulary = passages.vocabulary
    leaves = {name: np.asarray(value, dtype=np.float64)[None] for name, value in parameters.items()}

    def predicted(tokens: np.ndarray) -> np.ndarray:
        read = np.full(length, vocabulary.padding)
        read[: len(tokens)] = tokens
        inputs = vocabulary.one_hot(read)[None].astype(np.float64)
        return forward_pass(circuit.graph, {entry: inputs, **leaves})[leave.name][0]

    text = list(passages.tokens[0][:length])
    half = len(text) // 2
    if half and not np.allclose(predicted(np.array(text[:half]))[:half], predicted(np.array(text))[:half]):
        raise ParameterError(
            "sample_length: the circuit's predictions depend on later characters; it cannot write text"
        )
    window, written = text[half:], []
    for _ in range(characters):
        logits = predicted(np.array(window))[len(window) - 1]
        written.append(int(generator.choice(len(vocabulary), p=softmax(logits / temperature))))
        window.append(written[-1])
        if len(window) > length:
            window = window[-max(1, length // 2) :]
    return vocabulary.decode(np.array(written))
