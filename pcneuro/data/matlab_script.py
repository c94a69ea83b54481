"""A script that reads arrays from a MATLAB file, in the process that it is run by: ``pcneuro.data.matlab`` runs it.

SciPy's reader of such files is compiled code that a damaged file can make read outside of its memory. It imports
nothing of the package. On standard output it writes a line of JSON, name -> number of bytes, and as many bytes of each
array in NumPy's .npy format; where the file cannot be read it ends with a line on standard error and exit code 1.
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import suppress

import numpy as np

NUMBERS = "biuf"
"""Kinds of arrays that are written."""
MEMORY = 8 * 1024**3
"""Bytes that the process may take, some thirty times those of the largest official file."""


def main(path: str, *names: str) -> int:
    """Write the arrays of these names."""
    with suppress(ImportError, ValueError, OSError):  # of systems that have no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    try:
        from scipy.io import loadmat

        contents = loadmat(path, variable_names=list(names))
        members: dict[str, bytes] = {}
        for name in names:
            if isinstance(contents.get(name), np.ndarray):
                if contents[name].dtype.kind not in NUMBERS:
                    raise TypeError(f"{name} is {contents[name].dtype}, and no numbers")
                member = io.BytesIO()
                np.save(member, contents.pop(name), allow_pickle=False)
                members[name] = member.getvalue()
    except Exception as error:  # SciPy raises whatever its parsing stumbles over
        sys.stderr.write(" ".join(f"{type(error).__name__}: {error}".split()))
        return 1
    sys.stdout.buffer.write(json.dumps({name: len(member) for name, member in members.items()}).encode() + b"\n")
    for array_bytes in members.values():
        sys.stdout.buffer.write(array_bytes)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
