"""A long short-term memory unrolled over time, which predicts the next character at every step.

    input, forget, output = sigmoid(x_t W + h_(t-1) U + b)        candidate = tanh(x_t W + h_(t-1) U + b)
    c_t = forget * c_(t-1) + input * candidate                    h_t = output * tanh(c_t)
    out_t = h_t V + b

with a W, U and b of its own for each gate, the same at all times (Hochreiter & Schmidhuber 1997; Gers et al. 2000; the
LSTM of Millidge, Tschantz & Buckley 2020). Gates multiply: what is fed back to them is an error times the activity that
they gate.
"""

import numpy as np

import pcneuro as pcn

GATES = {"input": pcn.ops.sigmoid, "forget": pcn.ops.sigmoid, "candidate": np.tanh, "output": pcn.ops.sigmoid}


def lstm(length: int = 50, vocabulary: int = 65, hidden: int = 1056, seed: int = 0, tau: float = 10.0) -> pcn.Circuit:
    """A circuit of the vertices input_t, forget_t, candidate_t, output_t, c_t, h_t (t = 1 ... ``length``), and out.

    The input x has shape (length, vocabulary), a one-hot row a character; so has the output, the logits of the
    character that comes next, compared with it by softmax cross-entropy at every step. c_0 and h_0 are zero, so that
    there is no forget_1. Weights and biases are uniform within 1/sqrt(hidden), as in PyTorch; ``tau`` is in ms.
    """

    def forward(x, V, b, **theta):
        c = h = None
        states = []
        for t in range(1, length + 1):
            gates = {}
            for name, squash in GATES.items():
                if name == "forget" and c is None:
                    continue
                drive = x[t - 1] @ theta[f"W_{name}"] + theta[f"b_{name}"]
                if h is not None:
                    drive = drive + h @ theta[f"U_{name}"]
                gates[name] = pcn.vertex(squash(drive), f"{name}_{t}")
            taken_in = gates["input"] * gates["candidate"]
            c = pcn.vertex(taken_in if c is None else gates["forget"] * c + taken_in, f"c_{t}")
            h = pcn.vertex(gates["output"] * np.tanh(c), f"h_{t}")
            states.append(h)
        return pcn.vertex(np.stack(states) @ V + b, "out")

    generator = np.random.default_rng(seed)

    def weights(*shape):
        return pcn.Parameter(generator.uniform(-(hidden**-0.5), hidden**-0.5, shape))

    theta = {}
    for name in GATES:
        theta[f"W_{name}"] = weights(vocabulary, hidden)
        theta[f"U_{name}"] = weights(hidden, hidden)
        theta[f"b_{name}"] = weights(hidden)
    theta |= {"V": weights(hidden, vocabulary), "b": weights(vocabulary)}
    graph = pcn.trace(forward, x=pcn.Input((length, vocabulary)), **theta)
    return pcn.build_circuit(graph, tau=tau, energies={"out": pcn.SoftmaxCrossEntropy()})
