"""Circuits in time, with all that they may have at once: engines agree, neither threads nor pieces change a bit."""

import numpy as np
import pytest

import pcneuro as pcn
from tests.simulator.random_programs import program

pytestmark = pytest.mark.filterwarnings("ignore::pcneuro.errors.PcneuroWarning")
SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 300))]
every_program = pytest.mark.parametrize("seed", SEEDS)


def agree(got, wanted, atol=0.0):
    assert got.keys() == wanted.keys()
    for name, array in wanted.items():
        if atol:
            np.testing.assert_allclose(got[name], array, rtol=atol, atol=atol, err_msg=name)
        else:
            np.testing.assert_array_equal(got[name], array, err_msg=name)


@every_program
def test_programs(seed, tmp_path):
    made = program(seed)
    whole, rounding = made.run(pcn.Kernel(threads=1)), 0.0 if made.exact else 1e-12
    agree(made.run(pcn.Reference()), whole, 1e-9)
    agree(made.run(pcn.Kernel(threads=3)), whole)
    agree(made.run(pcn.Kernel(), pieces=3), whole, rounding)
    agree(made.run(pcn.Kernel(), pieces=2, store=tmp_path / "state"), whole, rounding)
    agree(made.run(pcn.Reference(), pieces=2), made.run(pcn.Reference()), rounding)


@every_program
def test_streams_in_every_engine(seed):
    """What all engines take: streams without plasticity, noise, cycles and perturbations."""
    made = program(seed, plain=True)
    whole = made.run(pcn.Kernel())
    for engine in (pcn.Reference(), pcn.EventDriven(threshold=0.0), pcn.Kernel(tolerance=1e-13)):
        agree(made.run(engine), whole, 1e-9)
