"""Compiled functions without machine code of their own, for kernels to contain.

A kernel contains all that it calls, in LLVM's notation (bitcode), and is optimised and translated into machine code as
a whole. Numba does both to each function that is called as well, and again wherever that is called by another one: a
third of all compiling, for code that nothing jumps to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import binding
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompileResult


class _Codegen:
    """Numba's code generator, but for the one thing that it does to machine code that is there already."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        """Nothing: there is no machine code that holds the address of its Python objects."""

    def unserialize_library(self, saved: tuple[str, bytes]) -> BitcodeLibrary:
        """A library as ``BitcodeLibrary.serialize_using_object_code`` left it."""
        name, code = saved
        library = BitcodeLibrary(self._codegen, name)
        library._final_module = binding.parse_bitcode(code)
        library._finalize_final_module()
        return library


class BitcodeLibrary(JITCodeLibrary):
    """Code of a function and of what it calls, to be linked into other functions."""

    @property
    def codegen(self) -> Any:
        """The code generator."""
        return _Codegen(self._codegen)

    def _optimize_final_module(self) -> None:
        """Nothing: each function is optimised, and what it calls is put into it where the whole kernel is optimised."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """No function has an address."""
        return 0

    def serialize_using_object_code(self) -> tuple[str, bytes]:
        """What the cache keeps: Numba asks for it by this name."""
        self._ensure_finalized()
        return self.name, self._final_module.as_bitcode()


class BitcodeCompiler(Compiler):
    """Numba's compiler, without its last step."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile ``func``; Numba calls this."""
        self.state.library = BitcodeLibrary(self.state.targetctx.codegen(), func.__qualname__)
        return super().compile_extra(func)


class _Target:
    """Numba's target, but for the code generator."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def codegen(self) -> _Codegen:
        """The code generator."""
        return _Codegen(self._target.codegen())


class BitcodeCacheImpl(CompileResultCacheImpl):
    """How such a function is written to the cache, beside the version of it that Python calls, and read."""

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        """Where it is kept, in the folder of its module."""
        return f"{super().get_filename_base(fullname, abiflags)}.bitcode"

    def rebuild(self, target_context: Any, payload: tuple[Any, ...]) -> CompileResult:
        """The compiled function as it was."""
        made = CompileResult._rebuild(_Target(target_context), *payload)
        return made._replace(target_context=target_context)


class _Cache(FunctionCache):
    _impl_class = BitcodeCacheImpl


def without_machine_code(function: Callable[..., Any], *, cache: bool, **options: Any) -> Any:
    """``function``, compiled for other functions to call; options are those of ``numba.njit``."""
    dispatcher = numba.njit(pipeline_class=BitcodeCompiler, no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)(
        function
    )
    if cache:
        dispatcher._cache = _Cache(function)
    return dispatcher
