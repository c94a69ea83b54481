"""A recurrent network unrolled over time, which reads a sequence and says at its end what it was.

    h_t = tanh(x_t W + h_(t-1) U)        out = h_length V + b

with the same weights at all times (Elman 1990; the RNN of Millidge, Tschantz & Buckley 2020, which tells by its letters
from which of 18 languages a surname is).
"""

import numpy as np

import pcneuro as pcn


def rnn(
    length: int = 20,
    vocabulary: int = 58,
    hidden: int = 256,
    classes: int = 18,
    embedding: int | None = None,
    seed: int = 0,
    tau: float = 10.0,
) -> pcn.Circuit:
    """A circuit of the vertices h_1 ... h_length, and out, the logits of the classes; h_0 is zero.

    The input x has shape (length, vocabulary), a one-hot row a letter. There is no bias before the tanh, which one-hot
    rows do not need: it is part of W. So rows of zeros before a short word leave h at zero, and the circuit does to it
    exactly what one of the word's own length would. With ``embedding`` units x is (length,) numbers of letters instead,
    whose rows of a learned table E are a vertex ``embedded``; a short word then needs a letter to fill it up with.

    Weights and the bias are uniform within 1/sqrt(hidden), as in PyTorch, the table is normal with variance 1; ``tau``
    is in ms.
    """

    def forward(x, W, U, V, b, E=None):
        rows = x if E is None else pcn.vertex(pcn.ops.embedding(x, E), "embedded")
        h = pcn.vertex(np.tanh(rows[0] @ W), "h_1")
        for t in range(2, length + 1):
            h = pcn.vertex(np.tanh(rows[t - 1] @ W + h @ U), f"h_{t}")
        return pcn.vertex(h @ V + b, "out")

    generator = np.random.default_rng(seed)

    def weights(*shape):
        return pcn.Parameter(generator.uniform(-(hidden**-0.5), hidden**-0.5, shape))

    leaves = {
        "x": pcn.Input((length, vocabulary) if embedding is None else (length,)),
        "W": weights(embedding or vocabulary, hidden),
        "U": weights(hidden, hidden),
        "V": weights(hidden, classes),
        "b": weights(classes),
    }
    if embedding is not None:
        leaves["E"] = pcn.Parameter(generator.normal(size=(vocabulary, embedding)))
    return pcn.build_circuit(pcn.trace(forward, **leaves), tau=tau, energies={"out": pcn.SoftmaxCrossEntropy()})
