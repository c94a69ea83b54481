"""Circuits that a simulation file names: a function in a Python file, which is run, or a saved circuit."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pcneuro.circuit.building import build_circuit
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.loading import load_circuit
from pcneuro.errors import PcneuroError
from pcneuro.files.toml import Problem, nearest
from pcneuro.graph.graph import Graph

ARGUMENTS = "arguments"
PLACE: tuple[str, ...] = ("circuit",)


class Sources:
    """Finds circuits below ``folders``, in this order. A Python file is run once, whatever is asked of it."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders
        self.modules: dict[Path, ModuleType] = {}

    def circuit(self, reference: str, arguments: Mapping[str, Any]) -> Circuit:
        """The circuit of ``"circuits/mlp.py:mlp"``, called with ``arguments``, or one that ``Circuit.save`` wrote.

        Raises Problem at ``circuit`` or ``arguments``.
        """
        file, colon, function = reference.rpartition(":")
        if not colon or not file.endswith(".py"):
            return self._saved(reference, arguments)
        called = self._function(self._find(file), function)
        check_arguments(called, arguments)
        try:
            made = called(**arguments)
        except (Exception, SystemExit) as error:
            raise Problem(PLACE, f"{function}() raised {one_line(error)}") from error
        if isinstance(made, Graph):
            made = build_circuit(made)
        if not isinstance(made, Circuit):
            raise Problem(PLACE, f"{function}() returned a {type(made).__name__}; needed is a Graph or a Circuit")
        return made

    def check(self, reference: str, arguments: Mapping[str, Any]) -> None:
        """Raise Problem where there is no such circuit, or its function has no such arguments; it is not called."""
        file, colon, function = reference.rpartition(":")
        if not colon or not file.endswith(".py"):
            self._saved(reference, arguments)
            return
        check_arguments(self._function(self._find(file), function), arguments)

    def function(self, reference: str, options: Mapping[str, Any], given: int) -> Callable[..., Any]:
        """The function of ``"circuits/kalman.py:track"``, to be called with ``given`` arguments and these ``options``.

        Raises Problem as ``circuit`` does.
        """
        file, colon, name = reference.rpartition(":")
        if not colon or not file.endswith(".py"):
            raise Problem(PLACE, f"{reference!r} is no function of a file: write 'file.py:function'")
        called = self._function(self._find(file), name)
        known = list(inspect.signature(called).parameters.values())
        check_arguments(called, options, known[given:])
        return called

    def parameters(self, reference: str) -> Mapping[str, inspect.Parameter]:
        """The arguments that a circuit's function has; none of a saved circuit. Raises Problem at ``circuit``."""
        file, colon, function = reference.rpartition(":")
        if not colon or not file.endswith(".py"):
            return {}
        return inspect.signature(self._function(self._find(file), function)).parameters

    def _saved(self, reference: str, arguments: Mapping[str, Any]) -> Circuit:
        path = self._find(reference)
        if path.suffix == ".py":
            known = ", ".join(_functions(self.module(path))) or "none"
            raise Problem(PLACE, f"name the function too, as in '{reference}:function' (the file has: {known})")
        for name in arguments:
            raise Problem((ARGUMENTS, name), "a saved circuit takes no arguments")
        try:
            return load_circuit(path)
        except PcneuroError as error:
            raise Problem(PLACE, str(error)) from error

    def _find(self, file: str) -> Path:
        for folder in self.folders:
            path = folder / file
            if path.is_file():
                return path
            if path.exists():
                kind = "a folder" if path.is_dir() else "no regular file"
                raise Problem(PLACE, f"{path} is {kind}: name a saved circuit, or 'file.py:function'")
        looked = ", ".join(str(folder) for folder in self.folders)
        raise Problem(PLACE, f"there is no file {file!r} in {looked}")

    def module(self, path: Path) -> ModuleType:
        """The file as a module; as with ``python FILE``, what lies beside it can be imported."""
        path = path.resolve()
        if path not in self.modules:
            specification = importlib.util.spec_from_file_location(f"_pcneuro_circuits_{path.stem}", path)
            assert specification is not None
            assert specification.loader is not None
            module = importlib.util.module_from_spec(specification)
            if str(path.parent) not in sys.path:
                sys.path.insert(0, str(path.parent))
            try:
                specification.loader.exec_module(module)
            except (Exception, SystemExit) as error:
                raise Problem(PLACE, f"{path.name} does not run: {one_line(error)}") from error
            self.modules[path] = module
        return self.modules[path]

    def _function(self, path: Path, name: str) -> Callable[..., Any]:
        module = self.module(path)
        function = getattr(module, name, None)
        if not callable(function):
            raise Problem(PLACE, f"{path.name} has no function {name!r}; {nearest(name, _functions(module))}")
        return function


def _functions(module: ModuleType) -> list[str]:
    """Names of the functions that a module itself defines, without the private ones."""
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


def check_arguments(
    function: Callable[..., Any], arguments: Mapping[str, Any], known: Sequence[inspect.Parameter] | None = None
) -> None:
    """Raise Problem for arguments that a function does not have, or that are missing; it is not called."""
    listed = inspect.signature(function).parameters.values() if known is None else known
    parameters = {parameter.name: parameter for parameter in listed}
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    for name in arguments:
        if name not in parameters:
            raise Problem(
                (ARGUMENTS, name), f"unknown argument of {function.__name__}(); {nearest(name, parameters)}", False
            )
    for name, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and name not in arguments:
            raise Problem((ARGUMENTS, name), f"is missing: {function.__name__}() needs it")


def one_line(error: BaseException) -> str:
    """An exception in one line, with the place where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    line = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    try:
        text = " ".join(str(error).split())
    except Exception:  # in the text of an exception of a user's own
        text = ""
    return f"{type(error).__name__}{f': {text}' if text else ''}{line}"
