"""What tests need beside the `test` extra: where that is not there they are skipped, and only there.

Whatever `make test` installs is simply imported: a test of it that is skipped would hide that it is missing.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest

with_nest = pytest.mark.skipif(sys.platform != "linux", reason="NEST has wheels for Linux only")
with_sanafe = pytest.mark.skipif(sys.platform != "linux", reason="SANA-FE is tried on Linux only")
with_torch = pytest.mark.skipif(find_spec("torch") is None, reason="no PyTorch: `make test-long` installs it")
with_jax = pytest.mark.skipif(find_spec("jax") is None, reason="no JAX: `make test-long` installs it")

MARKS = {"nest": with_nest, "sanafe": with_sanafe, "torch": with_torch}
"""By the module of ``pcneuro.export`` that is tested."""
