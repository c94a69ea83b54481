"""What stands for plain data where it is asked whether two of them are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from numbers import Number
from typing import Any

import numpy as np

_DIGEST_BYTES = 16


def value_key(value: Any) -> Hashable:
    """A key of numbers, texts, arrays, and collections and dataclasses of these: equal for the same data only.

    Anything else stands for itself, or, where it has no hash, for nothing else.
    """
    if isinstance(value, np.ndarray):
        digest = hashlib.blake2b(np.ascontiguousarray(value).data, digest_size=_DIGEST_BYTES).digest()
        return value.dtype.str, value.shape, digest
    if value is None or isinstance(value, Number | str | bytes | np.generic):
        # 1, 1.0 and True are equal, and so are 0.0 and -0.0; what is written of them is not.
        return type(value), repr(value)
    if isinstance(value, tuple | list):
        return type(value), tuple(map(value_key, value))
    if isinstance(value, Mapping):
        return type(value), tuple((value_key(k), value_key(each)) for k, each in value.items())
    if is_dataclass(value) and not isinstance(value, type):
        return type(value), tuple(value_key(getattr(value, field.name)) for field in fields(value))
    return value if type(value).__hash__ is not None else object()
