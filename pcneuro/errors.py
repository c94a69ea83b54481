"""The exceptions of the package. Each also is the builtin exception that it refines."""

from __future__ import annotations

import difflib
import inspect
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Number
from pathlib import Path
from typing import Any

PACKAGE = str(Path(__file__).parent)


class PcneuroError(Exception):
    """Whatever pcneuro raises by itself; its text is one line that says what was got, where, and what to do.

    Examples
    --------
    >>> try:
    ...     pcn.Euler(dt=-1.0)
    ... except pcn.PcneuroError as error:
    ...     print(type(error).__name__)
    ParameterError
    """


class PcneuroWarning(UserWarning):
    """Something was done other than literally asked for.

    Examples
    --------
    >>> issubclass(pcn.PcneuroWarning, UserWarning)
    True
    """


class TraceError(PcneuroError, TypeError):
    """The traced function does something that has no place in a computation graph."""


class GraphError(PcneuroError, ValueError):
    """A graph that is no graph: a cycle, a name used twice, an output that is missing."""


class ShapeError(PcneuroError, ValueError):
    """Shapes or batch sizes that do not fit together."""


class DataError(PcneuroError, ValueError):
    """Values that cannot be simulated: NaN, infinity, a target outside the range of its energy."""


class DataFileError(DataError):
    """A file of a data set that is missing, truncated or of another format."""


class ModelFileError(PcneuroError, ValueError):
    """A file of another library's model that is damaged, or that has what is not read."""


class VocabularyError(DataError):
    """A character that the vocabulary does not have, or a vocabulary that is none."""


class UnknownNameError(PcneuroError, LookupError):
    """A name that the graph, circuit or file does not know."""


class ParameterError(PcneuroError, ValueError):
    """An argument outside its range: a step size, a duration, a time constant, a precision."""


class UnstableStepError(ParameterError):
    """A time step with which the integrator cannot be stable."""


class TornStateError(PcneuroError, RuntimeError):
    """A simulator that was stopped in the midst of a step: its neurons and its clock do not belong together."""


class CapacityError(PcneuroError, MemoryError):
    """Something that would outgrow memory, and is stopped before."""


class ExpressionError(PcneuroError, ValueError):
    """An expression that does not parse, or that uses something outside the closed vocabulary."""


class CircuitFileError(PcneuroError, ValueError):
    """A saved circuit or snapshot that is damaged, or that belongs to something else."""


class ConfigurationError(PcneuroError, ValueError):
    """A simulation file, or a chip's, with an unknown key or a value that does not fit."""


class StoreError(PcneuroError, ValueError):
    """A batch's folder that is damaged, or that belongs to something else."""


class OutputError(PcneuroError, OSError):
    """A result that cannot be written: the place exists already, or the disk is full."""


class DownloadError(PcneuroError, OSError):
    """A download that did not arrive, or arrived as something else than was asked for."""


class LockedError(PcneuroError, RuntimeError):
    """A batch that somebody else works on at this moment."""


class WorkerError(PcneuroError, RuntimeError):
    """A worker of a batch that failed of something that is no fault of a run."""


class MissingExtraError(PcneuroError, ImportError):
    """An optional dependency that is not installed."""


def unknown_name(what: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Build the error for a name that is not known, with the nearest one that is."""
    names = list(known)
    lower = {known_name.lower(): known_name for known_name in names}
    near = difflib.get_close_matches(str(name)[:LONGEST].lower(), lower, n=1, cutoff=0.5)
    if near:
        hint = f"did you mean {lower[near[0]]!r}?"
    elif names:
        hint = f"known: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"
    else:
        hint = "there are none"
    return UnknownNameError(f"unknown {what} {shown(name)}: {hint}")


def class_of_kind(what: str, kind: Any, classes: Mapping[str, Any]) -> Any:
    """The class of a kind, as files name it. Raises UnknownNameError with all kinds: an older pcneuro knows fewer."""
    if not isinstance(kind, str) or kind not in classes:
        raise UnknownNameError(f"unknown {what} {kind!r}; this pcneuro knows {', '.join(sorted(classes))}")
    return classes[kind]


def check_object(what: str, got: Any, wanted: type) -> None:
    """Raise ParameterError for what is no object of a class."""
    if not isinstance(got, wanted):
        name = wanted.__name__.removeprefix("Abstract")
        article = "an" if name[0] in "AEIOU" else "a"
        raise ParameterError(f"{what} is {told(got)}; needed is {article} {name} object")


LONGEST = 60
"""Characters of a value in a message."""


def shown(value: Any) -> str:
    """A value as Python writes it, in one line and so many characters at most."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no number of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def told(value: Any) -> str:
    """What was given, for a message of one line: numbers and short text as they are, all else by its type."""
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of more than 30 digits"
    if value is None or isinstance(value, Number | str):
        return shown(value)
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def warn(text: str) -> None:
    """Give a PcneuroWarning at the line outside the package from which it was called into."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, PcneuroWarning, stacklevel=level)


_divergence_reported = ContextVar("_divergence_reported", default=False)


@contextmanager
def reporting_divergence() -> Iterator[None]:
    """Whatever runs in this context says itself, where it is seen, that a simulation diverged: no warning does."""
    token = _divergence_reported.set(True)
    try:
        yield
    finally:
        _divergence_reported.reset(token)


def warn_of_divergence(text: str) -> None:
    """Warn that a simulation diverged, unless who runs it reports that."""
    if not _divergence_reported.get():
        warn(text)
