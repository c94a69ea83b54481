"""Start of a worker, run by its path: ``python begin.py FOLDER``. What ends it when its parent is gone comes first.

So a worker that is still importing, which takes seconds, does not outlive its parent either.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

GRACE = 1.0
"""Seconds after the end of the input in which what is being written is finished."""


class Input:
    """Standard input of a worker, read in a thread of its own. At its end the process ends, whatever it does.

    For everything else, as for what runs read, standard input is empty from then on.
    """

    def __init__(self) -> None:
        self.take: Callable[[str], None] = lambda line: None
        """Is given each line. The parent sends none before the worker is ready."""
        self.end: Callable[[], None] = lambda: None
        """Is called at the end."""
        self._told = os.fdopen(os.dup(sys.stdin.fileno()), encoding="utf-8")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, sys.stdin.fileno())
        os.close(nothing)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for line in self._told:
                self.take(line)
            self.end()
            time.sleep(GRACE)
        finally:
            os._exit(1)


if __name__ == "__main__":
    given = Input()
    from pcneuro.batch.runners.worker import main

    main(given, Path(sys.argv[1]))
