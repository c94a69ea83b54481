"""Words of the generator, one counter at a time, beside those of arrays; and numbers between 0 and 1 made of them."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from pcneuro.kernels.draws import philox_words
from pcneuro.kernels.philox import philox, uniforms

python = philox_words if numba.config.DISABLE_JIT else philox_words.py_func


@pytest.mark.parametrize("counter", [(0, 0, 0), (7, 3, 5), (2**32 + 9, 2**31, 2**32 - 1)], ids=str)
@pytest.mark.parametrize("key", [(0, 0), (5, 2**32 - 1)], ids=str)
def test_words_of_one_counter_are_those_of_arrays(counter, key):
    step, block, sample = counter
    words = philox(np.array([step % 2**32, step >> 32, block, sample], dtype=np.uint64), key)
    assert [int(word) for word in python(step, block, sample, *key)] == words.tolist()


def test_numbers_are_evenly_spread_and_do_not_depend_on_what_else_is_drawn():
    numbers = uniforms(3, 4, 5, 10, 4000)
    assert numbers.shape == (4000, 10)
    assert 0 < numbers.min() < numbers.max() < 1
    # A standard deviation of 1 / sqrt(12) each.
    assert abs(numbers.mean() - 0.5) < 5 / np.sqrt(12 * numbers.size)
    np.testing.assert_array_equal(uniforms(3, 4, 5, 3, 7), numbers[:7, :3])
