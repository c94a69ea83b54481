"""``pcneuro info``, ``pcneuro cache``, the version, and what each start costs."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.cli import info as info_command
from pcneuro.cli import warming
from pcneuro.kernels import cache, host


def test_info_has_versions_processor_threads_blas_and_cache(pcneuro):
    code, out, _ = pcneuro("info")
    assert code == 0
    rows = dict(line.split("  ", 1) for line in out.splitlines() if not line.startswith("warning"))
    assert rows["pcneuro"].strip() == pcn.__version__
    assert rows["Python"].strip().startswith(platform.python_version())
    assert rows["numpy"].strip() == np.__version__
    assert host.cpu_name() in rows["processor"]
    assert "available" in rows["threads"]
    assert rows["BLAS"].strip()
    assert str(cache.locations()[0][1]) in rows["kernel cache"]


@pytest.mark.parametrize(
    ("target", "value", "expected"),
    [
        ("numba.config.DISABLE_JIT", 1, "NUMBA_DISABLE_JIT is set"),
        ("numba.config.OPT", 1, "NUMBA_OPT is 1"),
        ("numba.config.BOUNDSCHECK", 1, "NUMBA_BOUNDSCHECK is set"),
        ("pcneuro.kernels.host.simd_features", lambda: ("sse2",), "the processor has no AVX2"),
        ("pcneuro.cli.info.available_threads", lambda: 1, "one processor is available"),
        ("pcneuro.kernels.cache.usable", lambda: False, "no folder for compiled kernels can be written"),
        ("pcneuro.kernels.cache.passed_over", lambda: "/none", "NUMBA_CACHE_DIR is /none, where nothing can be"),
        ("pcneuro.kernels.cache.state", lambda: cache.CacheState((), 0, 0, ()), "first runs compile the kernels"),
    ],
)
def test_info_warns_of_what_will_be_slow(monkeypatch, target, value, expected):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    before = info_command.slow()
    monkeypatch.setattr(target, value)
    added = [text for text in info_command.slow() if text not in before]
    assert any(text.startswith(expected) for text in [*added, *before])
    assert len(added) == 1 or any(text.startswith(expected) for text in before)


def test_cache_info_tells_where_and_whether(pcneuro, monkeypatch, tmp_path):
    code, out, _ = pcneuro("cache", "info")
    assert code == 0
    for _, place in cache.locations():
        assert str(place) in out
    assert "float64: " in out
    monkeypatch.setattr(cache, "locations", lambda: ())
    assert "no folder can be written" in pcneuro("cache", "info")[1]


def test_a_folder_that_is_not_used_is_told_of(pcneuro, monkeypatch):
    monkeypatch.setattr(cache, "passed_over", lambda: "/none")
    # What there is to compile is compiled by the next test but one.
    monkeypatch.setattr(warming, "portions", list)
    text = "warning: NUMBA_CACHE_DIR is /none, where nothing can be written: it is not used; name another folder"
    for command in (["cache", "info"], ["cache", "warm"], ["info"]):
        assert text in pcneuro(*command)[1].splitlines()


def test_cache_clear_removes_what_is_there(pcneuro, monkeypatch):
    monkeypatch.setattr(cache, "clear", lambda: (3, 2_500_000))
    assert pcneuro("cache", "clear")[1] == "removed 3 files, 2.5 MB\n"


def test_cache_warm_leaves_nothing_to_compile(pcneuro):
    if len(cache.state().warm) < 2:
        pcneuro("cache", "warm")
    code, out, err = pcneuro("cache", "warm")
    assert (code, err) == (0, "")  # there is no progress of what is done
    assert "float64: compiled\nfloat32: compiled\n" in out
    assert cache.state().warm == ("float32", "float64")


def test_cache_warm_without_compiler(pcneuro, monkeypatch):
    monkeypatch.setattr("numba.config.DISABLE_JIT", 1)
    assert pcneuro("cache", "warm")[1] == "nothing to compile: NUMBA_DISABLE_JIT is set\n"


def test_version_and_help(pcneuro):
    assert pcneuro("--version") == (0, f"pcneuro {pcn.__version__}\n", "")
    code, out, err = pcneuro("run", "--help")
    assert (code, err) == (0, "")
    for word in ("--out", "--set", "--overwrite", "--traceback", "--threads", "trust", "130"):
        assert word in out
    assert "default: the next free one in" in " ".join(out.replace("│", " ").split())  # no markup
    code, out, err = pcneuro()
    assert code in (0, 2)  # as the version of Click has it
    assert err == ""
    assert "cache" in out


def test_an_unknown_command_is_one_line(refused):
    assert refused("rum").startswith("No such command 'rum'")


def test_the_start_is_light():
    code = "import sys, pcneuro, pcneuro.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    heavy = {"xarray", "sympy", "matplotlib", "scipy.special", "pydantic", "typer", "rich", "pandas", "h5netcdf"}
    assert heavy & set(done.stdout.split()) == set()


def test_python_m_pcneuro_is_the_command():
    done = subprocess.run([sys.executable, "-m", "pcneuro", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"pcneuro {pcn.__version__}\n"
