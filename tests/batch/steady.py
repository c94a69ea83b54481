"""Runs of some 20 ms that compute next to nothing: what batches are made of that are killed."""

import time

import numpy as np


def steady(number, seconds=0.02):
    rng = np.random.default_rng(number)
    time.sleep(seconds)
    return {"mean": float(rng.normal()), "trace": rng.normal(size=40)}
