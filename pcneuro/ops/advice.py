"""What to write instead of functions that cannot be traced: by the library that has them, and by the call in a line."""

from __future__ import annotations

import ast
import builtins
import itertools
import linecache
from collections.abc import Mapping
from dataclasses import dataclass
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np

_OPERATOR = "make it a pcn.operator(forward, vjp, compiled=False)"
_NO_VALUES = "leave it out: a traced array has no values"
_NOISE = (
    "draw outside of the function, give what was drawn as an argument (pcn.Input), and scale it: mean + scale * noise"
)

_LIBRARIES = {
    "decimal": "use floats, and np. functions of them",
    "fractions": "use floats, and np. functions of them",
    "jax": "write np. instead of jnp.",
    "json": _NO_VALUES,
    "matplotlib": _NO_VALUES,
    "numba": "of a function that Numba has compiled, f.py_func can be traced",
    "numpy.ma": "use plain arrays, and np.where(mask, x, 0) with the mask as a constant",
    "numpy.matrixlib": "in place of a np.matrix write np.asarray(M), and @",
    "numpy.random": _NOISE,
    "numpy.testing": _NO_VALUES,
    "pandas": "take arrays out before, by .to_numpy(), and compute by np. functions",
    "pickle": _NO_VALUES,
    "random": _NOISE,
    "scipy.integrate": (
        f"unroll a fixed number of steps in a loop, as the solver of docs/programs.md, or {_OPERATOR} with the "
        "derivative of the solution"
    ),
    "scipy.interpolate": (
        f"np.interp takes traced places, and values at constant places are a constant matrix @ those at the knots; or "
        f"{_OPERATOR}"
    ),
    "scipy.linalg": f"docs/programs.md has those of linear algebra that can; else {_OPERATOR}",
    "scipy.ndimage": f"docs/programs.md has those of scipy.ndimage that can; else {_OPERATOR}",
    "scipy.optimize": (
        f"unroll a fixed number of steps in a loop, as Newton's, or {_OPERATOR} with the derivative of the solution"
    ),
    "scipy.signal": f"docs/programs.md has those of scipy.signal that can; else {_OPERATOR}",
    "scipy.sparse": "make the matrix a plain one, M.toarray()",
    "scipy.spatial": f"write distances by np.sqrt(np.sum((x[:, None] - y) ** 2, axis=-1)); else {_OPERATOR}",
    "scipy.special": f"docs/programs.md has those of scipy.special that can; else {_OPERATOR}",
    "scipy.stats": "write the density or the statistic by np. functions and scipy.special (gammaln, xlogy, ndtr)",
    "statistics": "use np. functions: np.mean, np.median, np.std",
    "struct": _NO_VALUES,
    "sympy": "make a NumPy function of the expression before, by sympy.lambdify, and call that",
    "torch": "pcneuro.importing.torch makes a graph of a module of PyTorch",
}
"""Library, or a part of it -> what to write instead."""

_BUILTINS = {
    "all": "combine conditions by &, or by np.all, and choose by np.where",
    "any": "combine conditions by |, or by np.any, and choose by np.where",
    "bool": "keep the condition as it is, and choose by np.where",
    "complex": "write a + 1j * b",
    "float": "leave float() out, or write x.astype(float)",
    "hex": _NO_VALUES,
    "int": "for numbers write np.trunc(x), for an index x.astype(int); sizes are constants",
    "max": "write np.max(x) for a whole array, and np.maximum(x, y) for two",
    "memoryview": _NO_VALUES,
    "min": "write np.min(x) for a whole array, and np.minimum(x, y) for two",
    "pow": "write x**n, and % for a remainder",
    "range": "loop over a constant number, range(n), and choose by np.where what counts",
    "sorted": "write np.sort(x), and np.argsort for the order",
}

_MATH = {
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "dist": "linalg.norm(x - y)",
    "fsum": "sum",
    "phase": "angle",
    "pow": "power",
    "remainder": "remainder",
    "sumprod": "dot",
}
"""Function of ``math`` and ``cmath`` -> NumPy's, where it has another name."""

_MATH_SPECIAL = {"erf": "erf", "erfc": "erfc", "gamma": "gamma", "lgamma": "gammaln", "comb": "comb"}
"""Function of ``math`` -> that of ``scipy.special``."""


def of_library(module: str) -> str:
    """What to write instead of a library's functions; empty where nothing is known of it."""
    parts = module.split(".")
    names = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((_LIBRARIES[name] for name in names if name in _LIBRARIES), "")


@dataclass(frozen=True)
class Called:
    """A function that a line calls and that is not written in Python: its text there, its module, and its name."""

    text: str
    module: str
    name: str

    @property
    def instead(self) -> str:
        """What to write instead; empty where nothing is known of it."""
        if self.module in ("math", "cmath"):
            if self.name in _MATH_SPECIAL:
                return f"write scipy.special.{_MATH_SPECIAL[self.name]}"
            name = _MATH.get(self.name, self.name)
            return f"write np.{name}" if hasattr(np, name.partition(".")[0]) else ""
        if self.module == "builtins":
            return _BUILTINS.get(self.name, "")
        kind = getattr(np, self.name, None) if self.module == "numpy" else None
        if isinstance(kind, type) and issubclass(kind, np.generic):
            return "leave it out, or write x.astype(float) or x.astype(int)"
        return of_library(self.module)


def called_at(code: CodeType, instruction: int, names: Mapping[str, Any]) -> Called | None:
    """What is called by an instruction of a function's code; None where it is no call, or has no source.

    ``names`` are the variables of the function, as they are at the time.
    """
    node = _expression(code, instruction)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
        return None
    text = ast.unparse(node.func)
    if isinstance(node.func, ast.Name):
        found = names.get(text, getattr(builtins, text, None))
        return None if found is None else Called(text, _module_of(found), getattr(found, "__name__", text))
    owner = _module(node.func.value, names)
    if isinstance(owner, ModuleType):
        return Called(text, owner.__name__, node.func.attr)
    return None if owner is None else Called(text, type(owner).__module__, node.func.attr)


def _expression(code: CodeType, instruction: int) -> ast.expr | None:
    """The expression of an instruction, by the places in the source that Python keeps for each."""
    places = next(itertools.islice(code.co_positions(), instruction // 2, None), (None,) * 4)
    first, last, start, end = places
    if first is None or last is None or start is None or end is None:
        return None
    lines = [linecache.getline(code.co_filename, n).encode() for n in range(first, last + 1)]
    # Columns are those of bytes.
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    try:
        return ast.parse(f"({b''.join(lines).decode()})", mode="eval").body
    except (SyntaxError, UnicodeDecodeError):
        return None


def _module(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """What an expression of names and dots is, or the module that makes it; None where that is not known.

    Only modules are asked for what they have.
    """
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _module(node.value, names)
        return getattr(owner, node.attr, None) if isinstance(owner, ModuleType) else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        # What a module's function makes, such as a generator of random numbers, is taken for the module's.
        owner = _module(node.func.value, names)
        return owner if isinstance(owner, ModuleType) else None
    return None


def _module_of(function: Any) -> str:
    """The module of a function; of methods that a module has as functions, that of their object's class."""
    module = getattr(function, "__module__", None)
    return module or type(getattr(function, "__self__", function)).__module__


def variables(frame: FrameType) -> dict[str, Any]:
    """The variables that a frame sees."""
    return {**frame.f_globals, **frame.f_locals}
