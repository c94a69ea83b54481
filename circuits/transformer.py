"""One block of a transformer, which predicts the next character at every place of a text.

    tokens = x E + P                                      attended = tokens + attention(norm(tokens))
    transformed = attended + MLP(norm(attended))          out = transformed V + b

where attention is softmax(q k^T / sqrt(d)) v, for each head, over the characters so far (Vaswani et al. 2017, with the
norm before as in GPT-2). Attention multiplies activities with activities, so errors pass each way through the other
factor; every weight serves all places of the text.
"""

import numpy as np

import pcneuro as pcn


def transformer(
    length: int = 32,
    vocabulary: int = 65,
    width: int = 64,
    heads: int = 4,
    hidden: int = 256,
    seed: int = 0,
    tau: float = 10.0,
) -> pcn.Circuit:
    """A circuit of the vertices tokens, normed1, query, key, value, attention, mixed, attended, normed2, hidden,
    transformed and out.

    The input x has shape (length, vocabulary), a one-hot row a character; so has the output, the logits of the
    character that comes next, compared with it by softmax cross-entropy at every place. ``width`` is a multiple of
    ``heads``. Matrices are uniform within sqrt(6 / (inputs + outputs)) (Glorot), biases zero, gains one; ``tau`` is in
    ms.
    """
    each = width // heads
    so_far = np.tri(length, dtype=bool)

    def attend(query, key):
        scores = np.einsum("ihd,jhd->hij", query, key) / np.sqrt(each)
        return pcn.ops.softmax(np.where(so_far, scores, -np.inf))

    def forward(x, E, P, g1, a1, Wq, Wk, Wv, Wo, g2, a2, W1, b1, W2, b2, V, b):
        tokens = pcn.vertex(x @ E + P, "tokens")
        normed = pcn.vertex(pcn.ops.layer_norm(tokens, g1, a1), "normed1")
        projected = {"query": normed @ Wq, "key": normed @ Wk, "value": normed @ Wv}
        by_head = {name: pcn.vertex(y.reshape(length, heads, each), name) for name, y in projected.items()}
        attention = pcn.vertex(attend(by_head["query"], by_head["key"]), "attention")
        mixed = pcn.vertex(np.einsum("hij,jhd->ihd", attention, by_head["value"]).reshape(length, width), "mixed")
        attended = pcn.vertex(tokens + mixed @ Wo, "attended")
        normed = pcn.vertex(pcn.ops.layer_norm(attended, g2, a2), "normed2")
        inner = pcn.vertex(pcn.ops.gelu(normed @ W1 + b1), "hidden")
        transformed = pcn.vertex(attended + inner @ W2 + b2, "transformed")
        return pcn.vertex(transformed @ V + b, "out")

    generator = np.random.default_rng(seed)

    def matrix(n, m):
        bound = np.sqrt(6 / (n + m))
        return pcn.Parameter(generator.uniform(-bound, bound, (n, m)))

    zeros, ones = (lambda n: pcn.Parameter(np.zeros(n))), pcn.Parameter(np.ones(width))
    theta = {"E": matrix(vocabulary, width), "P": matrix(length, width)}
    theta |= {"g1": ones, "a1": zeros(width), "g2": ones, "a2": zeros(width)}
    theta |= {name: matrix(width, width) for name in ("Wq", "Wk", "Wv", "Wo")}
    theta |= {"W1": matrix(width, hidden), "b1": zeros(hidden), "W2": matrix(hidden, width), "b2": zeros(width)}
    theta |= {"V": matrix(width, vocabulary), "b": zeros(vocabulary)}
    graph = pcn.trace(forward, x=pcn.Input((length, vocabulary)), **theta)
    return pcn.build_circuit(graph, tau=tau, energies={"out": pcn.SoftmaxCrossEntropy()})
