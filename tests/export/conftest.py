"""What tests of exports share."""

import pytest


@pytest.fixture
def quickly_compiled(tmp_path):
    """Without optimisation, which takes longer than what is run, and apart from what others have compiled."""
    preferences = pytest.importorskip("brian2").prefs
    settings = {
        "codegen.cpp.extra_compile_args_gcc": ["-O0", "-w"],
        "codegen.runtime.cython.cache_dir": str(tmp_path / "cython"),
    }
    before = {name: preferences[name] for name in settings}
    for name, value in settings.items():
        preferences[name] = value
    yield
    for name, value in before.items():
        preferences[name] = value
