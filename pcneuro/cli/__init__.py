"""The command line: ``pcneuro run``, ``check``, ``show``, ``batch``, ``data``, ``cache``. It parses, calls, prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code.

    0: done. 1: an error in pcneuro itself. 2: bad input, or results that cannot be written. 3: the simulation diverged.
    4: it did not settle within its limit. 130: interrupted. What went wrong is one line on standard error, with
    ``--traceback`` all of it.
    """
    from pcneuro.cli.app import execute

    return execute(list(sys.argv[1:] if arguments is None else arguments))
