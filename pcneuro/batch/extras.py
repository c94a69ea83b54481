"""Libraries of the extra ``batch``, which are imported where they are needed."""

from __future__ import annotations

import importlib
from typing import Any

from pcneuro.errors import MissingExtraError


def needed(library: str) -> Any:
    """A library of the extra. Raises MissingExtraError where it is not installed."""
    try:
        return importlib.import_module(library)
    except ImportError:
        raise MissingExtraError(f"batches need {library.partition('.')[0]}: pip install 'pcneuro[batch]'") from None
