"""Arrays from MATLAB files, which a damaged file cannot end the process with: another one reads them."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from pcneuro.files import npy_array, open_regular

SECONDS = 300.0
"""What reading may take: some hundred times what the largest official file does."""
BEGINNING = b"MATLAB 5.0 MAT-file"
"""Of every file of level 5, the only one that the data sets are in."""
SCRIPT = Path(__file__).with_name("matlab_script.py")


def read_matlab(path: Path, names: tuple[str, ...], seconds: float = SECONDS) -> dict[str, np.ndarray]:
    """The arrays of numbers of these names in a MATLAB file, as far as they are there.

    Raises OSError where there is no file that can be read, and ValueError, in a line, where it is none of MATLAB's.
    """
    with open_regular(path) as file:
        if not file.read(len(BEGINNING)) == BEGINNING:
            raise ValueError(f"it does not begin with {BEGINNING.decode()!r}")
    # Without the folder of the user in its path (-P), and without threads, which would take room of its own each.
    command = [sys.executable, "-P", os.fspath(SCRIPT), os.fspath(path.absolute()), *names]
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"reading it takes more than {seconds:g} s") from None
    if ended.returncode:
        said = " ".join(ended.stderr.decode(errors="replace").split())
        raise ValueError(said if ended.returncode == 1 and said else _cause(ended.returncode))
    stream, arrays = io.BytesIO(ended.stdout), {}
    for name, size in json.loads(stream.readline()).items():
        arrays[name] = npy_array(stream, size)
    return arrays


def _cause(code: int) -> str:
    """Why the process that read it ended."""
    name = f"exit code {code}"
    with suppress(ValueError):
        name = signal.Signals(-code).name
    return f"SciPy's reader of MATLAB files ends in {name}"
