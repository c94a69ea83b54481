"""A Python function as a study."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, final

import numpy as np

from pcneuro.batch.named_files import digests, texts_of_space
from pcneuro.batch.row import OF_RESULT, Row, RowStatus
from pcneuro.batch.studies.abstract import AbstractStudy, Values
from pcneuro.errors import ConfigurationError, PcneuroError, told
from pcneuro.files.toml import Problem
from pcneuro.simulator.progress import interruptible
from pcneuro.simulator.result import Result
from pcneuro.studies.sources import Sources, check_arguments, one_line
from pcneuro.studies.spaces import AbstractSpace

MAIN = "__main__"
NUMBERS, TEXTS = "biuf", "U"
"""Kinds of arrays, as ``dtype.kind`` has them."""
_importing: ContextVar[str] = ContextVar("_importing", default="")


def check_not_importing() -> None:
    """Raise ConfigurationError while the file of a study is imported: a batch that it runs then would begin again."""
    file = _importing.get()
    if file:
        raise ConfigurationError(
            f"{file} makes a batch where it is imported, as workers do: put that below if __name__ == '__main__':"
        )


@final
class FunctionStudy(AbstractStudy):
    """A function of a Python file, called with the values of a run by keyword.

    It returns a dict of numbers and arrays, an ``xarray.Dataset``, or the ``Result`` of a simulator. Another process
    finds it by its file and its name; it is not pickled. What it raises is the message of a run that failed.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        check_not_importing()
        self.file, self.module, self.function = _place(function)
        if self._found is not inspect.unwrap(function) and self._found is not function:
            raise ConfigurationError(
                f"{self.function} of {self.file.name} is another function than the one that is given: give it a "
                "name of its own"
            )

    @classmethod
    def _of(cls, file: Path, module: str, function: str) -> FunctionStudy:
        made = object.__new__(cls)
        made.file, made.module, made.function = file, module, function
        return made

    @property
    def name(self) -> str:
        return self.function.rpartition(".")[2]

    def __repr__(self) -> str:
        return f"{self.file.name}:{self.function}"

    @cached_property
    def _found(self) -> Callable[..., Any]:
        found: Any = _module(self.file, self.module)
        for part in self.function.split("."):
            found = getattr(found, part, None)
        if not callable(found):
            raise ConfigurationError(f"{self.file} has no function {self.function!r}")
        return found  # type: ignore[no-any-return]

    def check(self, values: Values) -> None:
        try:
            check_arguments(self._found, values)
        except Problem as problem:
            raise ConfigurationError(f"{self!r}: {problem.path[-1]}: {problem.text}") from None

    def check_names(self, values: Values) -> None:
        return None

    def perform(
        self,
        numbers: Sequence[int],
        values: Sequence[Values],
        scratch: Callable[[int], Path],
        stopped: Callable[[], bool],
    ) -> list[Row]:
        rows = []
        for number, each in zip(numbers, values, strict=True):
            if stopped():
                raise KeyboardInterrupt
            rows.append(self._row(number, each, stopped))
        return rows

    def _row(self, number: int, values: Values, stopped: Callable[[], bool]) -> Row:
        function, failure = self._found, ""
        # A simulator that is interrupted returns what it has by then, which the function takes for the whole.
        with interruptible() as noted:
            try:
                returned = function(**values)
            except PcneuroError as error:
                failure = str(error)
            except BaseException as error:
                failure = f"{self.function}() raised {one_line(error)}"
        if noted or stopped():
            raise KeyboardInterrupt
        if failure:
            return Row(number, RowStatus.FAILED, failure)
        try:
            return _row_of(number, returned)
        except ConfigurationError as error:
            return Row(number, RowStatus.FAILED, f"{self.function}() returned {error}")

    def described(self) -> dict[str, Any]:
        return {"file": str(self.file), "module": self.module, "function": self.function}

    @classmethod
    def from_described(cls, described: Mapping[str, Any]) -> FunctionStudy:
        return cls._of(Path(described["file"]), described["module"], described["function"])

    def identity(self) -> dict[str, Any]:
        return {"file": self.file.name, "function": self.function}

    def files(self, space: AbstractSpace) -> dict[str, str]:
        return digests([self.file.name, *texts_of_space(space)], (self.file.parent, Path.cwd()))


def _place(function: Any) -> tuple[Path, str, str]:
    """The file, the module and the qualified name by which another process finds a function."""
    named = inspect.unwrap(function) if callable(function) else function
    if not inspect.isfunction(named):
        raise ConfigurationError(
            f"study is {told(function)}; needed is a simulation file, its tables, or a function defined in a file"
        )
    name = named.__qualname__
    if "<lambda>" in name:
        raise ConfigurationError(
            "study is a lambda, which no worker can find: define it in a file, with def and a name"
        )
    if "<locals>" in name:
        raise ConfigurationError(
            f"study is {named.__name__}() within another function, where no worker can find it: move it to the top of "
            "its file"
        )
    file = inspect.getsourcefile(named) or ""
    module = sys.modules.get(named.__module__)
    if not Path(file).is_file() or getattr(module, "__file__", None) is None:
        raise ConfigurationError(
            f"study is {name}() of a notebook or a prompt, where no worker can find it: write it to a file (in a "
            "notebook with %%writefile study.py above it), and import it from there"
        )
    return Path(file).resolve(), named.__module__, name


def _module(file: Path, name: str) -> ModuleType:
    """A file as a module: the one that is loaded already, if any, else one of its package, or by itself."""
    for known in (sys.modules.get(name), sys.modules.get(MAIN)):
        loaded = getattr(known, "__file__", None)
        if known is not None and loaded and Path(loaded).resolve() == file:
            return known
    if not file.is_file():
        raise ConfigurationError(f"there is no file {file}, which the batch's function is in")
    with _marked(file.name):
        if "." in name:
            root = str(file.parents[name.count(".")] if file.stem != "__init__" else file.parents[name.count(".") + 1])
            if root not in sys.path:
                sys.path.insert(0, root)
            try:
                return importlib.import_module(name)
            except PcneuroError:
                raise
            except (Exception, SystemExit) as error:
                raise ConfigurationError(f"{file.name} does not run: {one_line(error)}") from error
        try:
            return Sources((file.parent,)).module(file)
        except Problem as problem:
            cause = problem.__cause__
            raise cause if isinstance(cause, ConfigurationError) else ConfigurationError(problem.text) from cause


@contextmanager
def _marked(file: str) -> Iterator[None]:
    token = _importing.set(file)
    try:
        yield
    finally:
        _importing.reset(token)


def _row_of(number: int, returned: Any) -> Row:
    """What a function has returned, as a row. Raises ConfigurationError for what is none."""
    import xarray

    if isinstance(returned, Result):
        status = OF_RESULT.get(returned.status, RowStatus.FAILED)
        message = "" if status is RowStatus.DONE else returned.message
        numbers = {"loss": returned.loss, "energy": returned.energy, "time": returned.time}
        gradients = {f"{name}.gradient": value for name, value in returned.gradients.items()}
        return Row(number, status, message, numbers, returned.records.assign(_variables(gradients)))
    if isinstance(returned, xarray.Dataset):
        single = {name: each for name, each in returned.data_vars.items() if each.ndim == 0}
        scalars = [name for name, each in single.items() if each.dtype.kind in NUMBERS]
        found = {str(name): float(returned[name]) for name in scalars}
        return Row(number, RowStatus.DONE, "", found, returned.drop_vars(scalars))
    if not isinstance(returned, Mapping):
        raise ConfigurationError(f"{told(returned)}; needed is a dict of numbers and arrays, a Dataset, or a Result")
    flat = dict(_flat(returned))
    numbers = {name: float(value) for name, value in flat.items() if value.ndim == 0 and not _is_array(value)}
    arrays = {name: value for name, value in flat.items() if name not in numbers}
    return Row(number, RowStatus.DONE, "", numbers, xarray.Dataset(_variables(arrays)) if arrays else None)


def _is_array(value: Any) -> bool:
    import xarray

    return isinstance(value, xarray.DataArray)


def _variables(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of a dataset, each with dimensions of its own unless it has names of them."""
    return {
        name: value if _is_array(value) else ([f"{name}_{n}" for n in range(value.ndim)], value)
        for name, value in arrays.items()
    }


def _flat(table: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Numbers and arrays of nested dicts, under dotted names. Raises ConfigurationError for what is neither."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            try:
                made = value if _is_array(value) else np.asarray(value)
            except ValueError:  # lists of different lengths
                made = np.array(None)
            if np.ma.is_masked(value):
                raise ConfigurationError(f"{prefix}{name} with values under a mask: give NaN for what there is not")
            if made.dtype.kind not in (NUMBERS if made.ndim == 0 else NUMBERS + TEXTS):
                raise ConfigurationError(f"{prefix}{name} = {told(value)}, which is neither a number nor an array")
            yield f"{prefix}{name}", made
