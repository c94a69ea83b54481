"""Tables of another library's operators as NumPy functions, and what is said where one is not there or does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pcneuro.errors import CapacityError, PcneuroError, TraceError, shown

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


class Table:
    """Name of an operator -> the NumPy function that it is, with the library's own names of arguments."""

    def __init__(self, library: str) -> None:
        self.library = library
        self.functions: dict[str, Callable[..., Any]] = {}

    def __call__(self, *names: str) -> Callable[[AnyFunction], AnyFunction]:
        """Register the decorated function under these names. Raises ValueError for a name that is taken."""

        def register(function: AnyFunction) -> AnyFunction:
            for name in names:
                if self.functions.setdefault(name, function) is not function:
                    raise ValueError(f"two functions are the operator {name!r} of {self.library}")
            return function

        return register

    def find(self, operator: str) -> Callable[..., Any]:
        """The function of an operator. Raises TraceError where it is not known."""
        if operator not in self.functions:
            raise TraceError(
                f"this operator of {self.library} is not known here: docs/importing.md lists those that are; put them "
                "in its place, or compute it outside and give the result as an input"
            )
        return self.functions[operator]


@contextmanager
def inside(node: str, operator: str) -> Iterator[None]:
    """Errors in this context name the node and its operator; whatever arrays that do not fit raise is a TraceError."""
    where = f"node {shown(node)} ({operator})"
    try:
        yield
    except PcneuroError as error:
        raise type(error)(f"{where}: {error}") from None
    except MemoryError:
        raise CapacityError(f"{where}: it asks for more memory than there is") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        text = " ".join(str(error).split())
        raise TraceError(f"{where} does not fit what it is given: {type(error).__name__}: {shown(text)}") from error
