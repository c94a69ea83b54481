"""The cache of compiled kernels: no older than its sources, and done without where it cannot be written."""

import errno
import json
import os
import runpy
import shutil
import subprocess
import sys

import pytest

from pcneuro.kernels import cache

ROOMS = ("kernels", "kernels/events", "model/energies", "ops")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with one source in each room, as it might lie on another machine."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(cache.numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(cache, "PACKAGE", tmp_path)
    for room in ROOMS:
        (tmp_path / room).mkdir(parents=True)
        (tmp_path / room / "__init__.py").write_text("")
        (tmp_path / room / "code.py").write_text("from numba import njit\nx = 1\n")
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "other.py").write_text("import numba\nprint(numba.config.DISABLE_JIT)\n")
    cache._folders.cache_clear()
    yield tmp_path
    cache._folders.cache_clear()


def compiled(package, room="ops", module="code"):
    folder = package / room / "__pycache__"
    folder.mkdir(exist_ok=True)
    files = [folder / f"{module}.f-1.py311.nbi", folder / f"{module}.f-1.py311.1.nbc"]
    for file in files:
        file.write_bytes(b"0123456789")
    return files


def test_each_room_has_its_folder(package):
    assert [folder for _, folder in cache.locations()] == [package / room / "__pycache__" for room in ROOMS]
    assert cache.usable()


def test_what_was_compiled_from_other_sources_is_removed(package):
    cache.refresh()
    files = compiled(package)
    cache.refresh()
    assert all(file.exists() for file in files)
    # The file that changes is not the one that holds the compiled function: Numba itself would not notice.
    (package / "kernels" / "code.py").write_text("x = 2\n")
    cache.refresh()
    assert not any(file.exists() for file in files)


def test_without_a_stamp_nothing_is_trusted(package):
    files = compiled(package)
    cache.refresh()
    assert not any(file.exists() for file in files)


def test_only_compiled_kernels_are_removed(package):
    folder = package / "ops" / "__pycache__"
    compiled(package)
    kept = [folder / "code.cpython-311.pyc", folder / "other.f-1.py311.nbi"]
    for file in kept:
        file.write_bytes(b"")
    assert cache.clear() == (2, 20)
    assert all(file.exists() for file in kept)


def test_state_tells_what_is_there(package):
    assert cache.state() == cache.CacheState(tuple(f for _, f in cache.locations()), 0, 0, ())
    cache.refresh()
    compiled(package)
    cache.mark_warm("float32")
    assert cache.state().warm == ("float32",)
    assert (cache.state().files, cache.state().size) == (2, 20)
    (package / "ops" / "code.py").write_text("x = 3\n")
    assert cache.state().warm == ()


def test_another_processor_is_cold(package, monkeypatch):
    cache.refresh()
    compiled(package)
    cache.mark_warm("float64")
    monkeypatch.setattr(cache, "cpu_name", lambda: "another")
    assert cache.state().warm == ()


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"sources": 5}', '{"warm": 1}', "\x00"])
def test_a_damaged_stamp_counts_as_none(package, text):
    files = compiled(package)
    (package / "kernels" / "__pycache__").mkdir(exist_ok=True)
    (package / "kernels" / "__pycache__" / cache.STAMP).write_text(text)
    assert cache.state().warm == ()
    cache.refresh()
    assert not any(file.exists() for file in files)
    assert json.loads((package / "kernels" / "__pycache__" / cache.STAMP).read_text())["sources"] == cache.digest()


def test_where_no_folder_can_be_written_the_package_works_without(package, monkeypatch):
    def none(function):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(cache, "FunctionCache", none)
    cache._locations.cache_clear()
    assert not cache.usable()
    assert cache.state() == cache.CacheState((), 0, 0, ())
    cache.refresh()
    cache.mark_warm("float64")
    assert cache.clear() == (0, 0)


@pytest.mark.skipif(not hasattr(cache.numba.config, "CACHE_LOCATOR_CLASSES"), reason="needs a newer Numba")
def test_the_package_is_imported_where_the_cache_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    code = (
        "import pcneuro; from pcneuro.kernels import cache, loop; print(cache.usable(), loop.advance.stats.cache_path)"
    )
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(tmp_path / "file" / "below"),
        "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator",
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False", "None"], done.stderr


@pytest.mark.parametrize("room", ROOMS)
def test_the_digest_covers_every_file_with_kernels(package, room):
    before = cache.digest()
    (package / room / "more.py").write_text("")
    assert cache.digest() != before


NEW_KERNELS = """
from pcneuro.kernels.compiling import kernel
from pcneuro.model.sound.helper import helper

@kernel
def new(x):
    return helper(x)
"""
HELPER = """
import numba

@numba.njit
def helper(x):
    return x + {}
"""


def test_kernels_in_a_folder_of_their_own_are_never_older_than_their_sources(tmp_path):
    """Numba looks at the file of a cached function only, not at the helper from another file of a new folder."""
    copied, places = tmp_path / "pcneuro", tmp_path / "cache"
    shutil.copytree(cache.PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
    folder = copied / "model" / "sound"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""New."""\n')
    (folder / "code.py").write_text(NEW_KERNELS)
    script = "from pcneuro.model.sound.code import new; print(new(1), new.stats.cache_hits)"

    def printed(added):
        (folder / "helper.py").write_text(HELPER.format(added))
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env=os.environ | {"NUMBA_CACHE_DIR": str(places), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()[0], "compiling kernels" in done.stderr

    assert printed(1) == ("2", True)
    assert printed(1) == ("2", False)
    assert printed(10) == ("11", True)


DOUBLED = """
from pcneuro.kernels.compiling import inner, kernel

@inner
def plus(x):
    return x + x

@kernel
def doubled(x):
    return plus(x)
"""


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """A kernel of a module of its own as a new process has it, and the folder of its cache."""
    source = tmp_path / "doubling.py"
    source.write_text(DOUBLED)
    cache.refresh_once()  # in the folders that this process has
    monkeypatch.setattr(cache.numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    cache._say.cache_clear()
    yield lambda: runpy.run_path(str(source))["doubled"], tmp_path / "cache"
    cache._say.cache_clear()


def emptied(content):
    return b""


def truncated(content):
    return content[: len(content) // 2]


def garbled(content):
    return b"\x00" * 500


def zeroed(content):
    """As after a loss of power: of the right length, but a block was never written."""
    middle = len(content) // 2
    return content[:middle] + bytes(min(64, len(content) - middle)) + content[middle + 64 :]


@pytest.mark.skipif(bool(cache.numba.config.DISABLE_JIT), reason="compiles")
@pytest.mark.parametrize(
    ("ending", "damage"),
    [
        *((ending, damage) for ending in ("nbi", "nbc") for damage in (emptied, truncated, garbled)),
        ("nbc", zeroed),
    ],
)
def test_a_damaged_file_is_removed_with_a_warning_and_compiled_again(loaded, ending, damage):
    fresh, folder = loaded
    assert fresh()(3) == 6
    function = fresh()
    assert (function(3), sum(function.stats.cache_hits.values())) == (6, 1)
    files = list(folder.rglob(f"*.{ending}"))
    assert len(files) == 2  # of the kernel, and of what it contains
    for file in files:
        file.write_bytes(damage(file.read_bytes()))
    function = fresh()
    with pytest.warns(RuntimeWarning, match="damaged file of compiled kernels in .* was removed: .* again") as warned:
        assert (function(3), sum(function.stats.cache_hits.values())) == (6, 0)
    assert len(warned) == 1
    function = fresh()
    assert (function(3), sum(function.stats.cache_hits.values())) == (6, 1)


@pytest.mark.skipif(bool(cache.numba.config.DISABLE_JIT), reason="compiles")
def test_a_full_disk_keeps_nothing_and_stops_nothing(loaded, monkeypatch):
    fresh, _ = loaded

    def full(self, path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache._CheckedFiles, "_open_for_write", full)
    with pytest.warns(RuntimeWarning, match="cannot be kept in .*No space left"):
        assert fresh()(3) == 6


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for chosen, expected in (("", None), (tmp_path / "good", None), (tmp_path / "file", str(tmp_path / "file"))):
        monkeypatch.setattr(cache.numba.config, "CACHE_DIR", str(chosen))
        cache._locations.cache_clear()
        assert cache.passed_over() == expected
    cache._locations.cache_clear()


SIDE_BY_SIDE = """
import pathlib, sys, time
from doubling import doubled
here = pathlib.Path(sys.argv[1])
(here / sys.argv[2]).touch()
while not all((here / name).exists() for name in "ab"):
    time.sleep(0.001)
doubled(3)
print(sum(doubled.stats.cache_hits.values()), sum(doubled.stats.cache_misses.values()))
"""


@pytest.mark.skipif(bool(cache.numba.config.DISABLE_JIT) or cache.fcntl is None, reason="compiles, under locks")
def test_processes_that_need_the_same_kernel_compile_it_once(tmp_path):
    """One compiles it, and the other one, which begins at the same moment, waits and loads it."""
    (tmp_path / "doubling.py").write_text(DOUBLED)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": f"{cache.PACKAGE.parent}"}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", SIDE_BY_SIDE, str(tmp_path), name],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "ab"
    ]
    assert sorted(process.communicate()[0].split() for process in both) == [["0", "1"], ["1", "0"]]
