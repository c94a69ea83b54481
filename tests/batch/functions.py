"""Functions that batches of tests are runs of."""

import functools
import os
import signal

import numpy as np
import xarray

import pcneuro as pcn


def area(width, height=2.0):
    if width < 0:
        raise ValueError("no such\nwidth")
    return {"area": width * height, "sides": np.array([width, height]), "nested": {"count": np.int64(2), "flag": True}}


def dataset(width):
    return xarray.Dataset({"trace": ("time", np.arange(3.0) * width), "sum": 3.0 * width}, {"time": [0.0, 1.0, 2.0]})


def line(x, w):
    return pcn.vertex(w * x, "y")


def result(target):
    circuit = pcn.build_circuit(pcn.trace(line, x=pcn.Input(()), w=pcn.Parameter(2.0)))
    sim = pcn.Simulator(circuit, engine=pcn.Reference())
    return sim.run(20.0, inputs={"x": 1.0}, targets={"y": target}, record=[pcn.Record("y", variable="error", every=10)])


def text(width):
    return {"answer": "text"}


def nothing(width):
    return None


def masked(width):
    return {"part": np.ma.masked_array([1.0, 2.0], [False, True])}


def vast(width):
    return {"trace": np.broadcast_to(1.0, (2**59 if width > 1 else 3,))}


def _decorated(function):
    @functools.wraps(function)
    def inner(**values):
        return function(**values)

    return inner


@_decorated
def decorated(width):
    return {"double": 2 * width}


class Study:
    @staticmethod
    def static(width):
        return {"half": width / 2}


def shadowed(width):
    return {}


first_shadowed = shadowed


def shadowed(width):
    return {"second": 2}


def seeded(seed=0):
    return {"seed": seed}


ctrl_c = set[float]()
"""Targets with which a simulation meets Ctrl-C, once."""


def interrupted(target):
    circuit = pcn.build_circuit(pcn.trace(line, x=pcn.Input(()), w=pcn.Parameter(2.0)))

    def report(elapsed, completed, start, duration):
        if target in ctrl_c:
            ctrl_c.remove(target)
            signal.raise_signal(signal.SIGINT)

    sim = pcn.Simulator(circuit, engine=pcn.Reference())
    done = sim.run(20.0, inputs={"x": 1.0}, targets={"y": target}, report=report)
    return {"loss": done.loss, "time": done.time}


class Unspeakable(BaseException):
    def __str__(self):
        raise RuntimeError("no text")


def raising(width):
    raise (KeyboardInterrupt, GeneratorExit, SystemExit, Unspeakable)[width]


def reading(width):
    return {"read": len(os.read(0, 100))}


def exiting(code):
    """Ends its process, unless the code is 0."""
    if code:
        os._exit(code)
    return {"code": code}
