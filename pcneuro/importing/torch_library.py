"""PyTorch itself, imported when a module is."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pcneuro.errors import MissingExtraError, PcneuroError, TraceError, shown


def library() -> Any:
    """PyTorch. Raises MissingExtraError with the command that installs it."""
    try:
        import torch
        import torch.export
    except ImportError as error:
        raise MissingExtraError(
            f"modules of PyTorch need its library ({error}): python -m pip install 'pcneuro[importing]'"
        ) from None
    return torch


@contextmanager
def calling(what: str, instead: str) -> Iterator[None]:
    """Whatever PyTorch raises in this context is a TraceError that says what failed; its warnings are not shown.

    Its generators of random numbers are left as they were.
    """
    torch = library()
    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")
            yield
    except PcneuroError:
        raise
    except Exception as error:
        raise TraceError(f"{what}: {type(error).__name__}: {shown(str(error))}; {instead}") from error
