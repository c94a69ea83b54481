"""How functions are compiled: what may be called from Python, and what Numba would compile beside what is wanted."""

import importlib
import pkgutil

import numba
import numpy as np
import pytest
from numba.core.compiler_lock import global_compiler_lock

import pcneuro
from pcneuro.kernels import cache
from pcneuro.kernels.bitcode import BitcodeCacheImpl, without_machine_code
from pcneuro.kernels.compiling import callback, inner, kernel

compiled = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")


def dispatchers():
    """All functions of the package that Numba compiles when they are called."""
    by_name = {}
    for module in pkgutil.walk_packages(pcneuro.__path__, "pcneuro."):
        if module.name.startswith(("pcneuro.kernels", "pcneuro.ops", "pcneuro.model")):
            for each in vars(importlib.import_module(module.name)).values():
                if hasattr(each, "py_func"):
                    by_name[f"{each.py_func.__module__}.{each.py_func.__name__}"] = each
    return by_name


@compiled
def test_python_is_told_what_it_cannot_call():
    functions = dispatchers()
    only_for_kernels = {n: f for n, f in functions.items() if f.targetoptions.get("no_cpython_wrapper")}
    assert 20 < len(only_for_kernels) < len(functions)
    for name, function in only_for_kernels.items():
        with pytest.raises(TypeError, match=f"{name} is called by kernels only"):
            function(*[0] * function.py_func.__code__.co_argcount)


@compiled
def test_a_version_is_compiled_for_types_not_for_constants():
    @inner(cache=False)
    def _scaled(x, factor, flag):
        return x * factor if flag else x

    @kernel(cache=False)
    def scaled(x):
        return _scaled(x, 2, True) + _scaled(x, 3, False)

    assert scaled(1.5) == 4.5
    assert len(_scaled.signatures) == 1
    with pytest.raises(TypeError, match="_scaled is called by kernels only"):
        _scaled(1.5, 2, True)


@compiled
def test_what_kernels_contain_has_no_machine_code_before_and_after_the_cache():
    contained = without_machine_code(_doubled, cache=False)
    contained.compile((numba.types.float64,))
    (result,) = contained.overloads.values()
    with global_compiler_lock:
        read = BitcodeCacheImpl(_doubled).rebuild(result.target_context, result._reduce())
    assert read.target_context is result.target_context
    for library in (result.library, read.library):
        assert [f.name for f in library.get_defined_functions()] == [result.fndesc.llvm_func_name]
        assert library.get_pointer_to_function(result.fndesc.llvm_func_name) == 0


def _doubled(x):
    return 2 * x


def test_options_are_those_of_numba():
    @kernel(cache=False, fastmath={"reassoc"})
    def total(values):
        added = 0.0
        for value in values:
            added += value
        return added

    assert total(np.arange(4.0)) == 6.0


@compiled
def test_a_function_is_called_by_its_address():
    made = callback("answer", lambda x: 42 + x, numba.types.int64(numba.types.int64))
    assert made.ctypes(1) == 43


@compiled
def test_processes_keep_what_they_compile_one_after_the_other(monkeypatch):
    turns, saved = [], []
    monkeypatch.setattr(cache, "_turn", lambda: Turn(turns))

    kept = cache.FunctionCache(Turn.__enter__)
    monkeypatch.setattr(kept, "save_overload", lambda signature, result: saved.append((signature, list(turns))))
    cache.guard(kept)
    kept.save_overload("signature", None)
    assert saved == [("signature", ["taken"])]
    assert turns == ["taken", "left"]


class Turn:
    """Notes when it is taken and left."""

    def __init__(self, notes):
        self.notes = notes

    def __enter__(self):
        self.notes.append("taken")

    def __exit__(self, *error):
        self.notes.append("left")
