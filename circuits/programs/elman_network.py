"""A recurrent network whose parameters are a dict in a dict (Elman 1990)."""

import numpy as np

import pcneuro as pcn


def elman_network(x, params):
    h = np.zeros(params["cell"]["U"].shape[0])
    outputs = []
    for row in x:
        h = np.tanh(row @ params["cell"]["W"] + h @ params["cell"]["U"] + params["cell"]["b"])
        outputs.append(h @ params["readout"]["V"] + params["readout"]["c"])
    return np.stack(outputs)


def sample(seed: int = 1) -> dict:
    """A sequence."""
    return {"x": np.random.default_rng(seed).normal(size=(4, 3))}


def make(length: int = 4, hidden: int = 5, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output has a row a step."""
    rng = np.random.default_rng(seed)
    tree = {
        "cell": {
            "W": 0.5 * rng.normal(size=(3, hidden)),
            "U": 0.5 * rng.normal(size=(hidden, hidden)),
            "b": np.zeros(hidden),
        },
        "readout": {"V": rng.normal(size=(hidden, 2)), "c": np.zeros(2)},
    }
    return pcn.build_circuit(pcn.trace(elman_network, x=pcn.Input((length, 3)), params=pcn.Parameters(tree)))
