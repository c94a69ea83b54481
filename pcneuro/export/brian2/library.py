"""Brian2 itself: where it is imported, and what is set there while a network is made or run."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pcneuro.errors import ParameterError, shown
from pcneuro.export.checked import imported
from pcneuro.files import finished, unfinished

RUNTIME = ("numpy", "cython")
STANDALONE = "cpp_standalone"
PRIVATE = 0o700
"""Who may look into the folder of a program: its user."""


def library() -> Any:
    """Brian2. Raises MissingExtraError with the command that installs it."""
    return imported("brian2", "Brian2", "brian2")


def check_target(target: str) -> None:
    """Raises ParameterError unless it is one of Brian2's ways to run."""
    if not isinstance(target, str) or target not in (*RUNTIME, STANDALONE):
        known = ", ".join(map(repr, (*RUNTIME, STANDALONE)))
        raise ParameterError(f"target is {shown(target)}; choose one of {known}")


class Runtime:
    """Brian2 in this process, by NumPy or Cython."""

    def __init__(self, target: str) -> None:
        self.b2, self.target = library(), target

    @contextmanager
    def active(self) -> Iterator[None]:
        """Brian2's code generation set to the target, and as it was afterwards."""
        before = self.b2.prefs.codegen.target
        self.b2.prefs.codegen.target = self.target
        try:
            yield
        finally:
            self.b2.prefs.codegen.target = before


class Standalone:
    """A C++ program, built once in a folder of its own, which goes with this object."""

    def __init__(self) -> None:
        library()
        from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

        self.b2 = library()
        self.device = CPPStandaloneDevice()
        folder = unfinished(Path(tempfile.gettempdir()), "pcneuro-brian2-")
        weakref.finalize(self, finished, folder)
        folder.mkdir(PRIVATE)
        self.folder = str(folder)
        self.steps: int | None = None
        """Steps that the program makes, once it has been built."""

    @contextmanager
    def active(self) -> Iterator[None]:
        """The device of all that is made meanwhile."""
        self.b2.set_device(self.device, directory=self.folder, build_on_run=False)
        try:
            yield
        finally:
            from brian2.devices.device import reset_device

            reset_device()

    def build(self, steps: int) -> None:
        """Compile what the network of a run of so many steps is."""
        try:
            self.device.build(directory=self.folder, compile=True, run=False, with_output=False)
        except RuntimeError as error:
            raise ParameterError(f"target {STANDALONE!r} needs a C++ compiler, and Brian2 says: {error}") from None
        self.steps = steps

    def run(self, arguments: Mapping[Any, Any]) -> None:
        """Run the program, with these values of variables instead of those that it was built with."""
        self.device.run(run_args=dict(arguments), with_output=False)
        # One file a value, which nobody reads again.
        for name in self.device.run_args_arrays:
            for ending in ("", ".lock"):
                (Path(self.folder) / "static_arrays" / f"{name}{ending}").unlink(missing_ok=True)
