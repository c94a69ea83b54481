"""Settings of all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Examples are the same in every run, and the first may wait for kernels to be compiled.
settings.register_profile(
    "pcneuro",
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("pcneuro")
