"""Install pcneuro from its folder by pip, and say meanwhile how far that is: `make` runs it in .venv.

    python tools/install.py '.[data]'

pip downloads everything first and then unpacks it; of the second it says nothing while it lasts, so packages that have
arrived are counted. Python files are compiled when they are first imported: to compile all of them takes as long as the
rest, and few are used.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

PIP = (sys.executable, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-color")
OPTIONS = ("--progress-bar", "off", "--no-compile", "-e")
PACKAGES = Path(sysconfig.get_path("purelib"))
PERIODS = {True: 0.3, False: 5.0}
"""Seconds between lines, on a terminal, where they are written over each other, and elsewhere."""


class Progress:
    """What pip has said so far, and what that means."""

    def __init__(self, packages: Path) -> None:
        self.packages = packages
        self.before = self.count()
        self.text: list[str] = []
        self.found, self.total = 0, 0
        """Packages that are needed, as far as pip has looked; and all of them, once it knows."""
        self.done = False

    def count(self) -> int:
        """Packages that are installed."""
        return len(list(self.packages.glob("*.dist-info")))

    def read(self, line: str) -> None:
        """Take a line of pip's."""
        self.text.append(line)
        if line.startswith("Collecting "):
            self.found += 1
        listed = re.match(r"Installing collected packages: (.*)", line)
        if listed:
            self.total = len(listed[1].split(","))

    def __str__(self) -> str:
        if self.total:
            # One that takes the place of an older one is not counted before the end.
            arrived = self.total if self.done else min(max(self.count() - self.before, 0), self.total)
            return f"packages installed: {arrived} of {self.total}"
        return f"packages downloaded: {self.found}" if self.found else "asking what is needed"


def install(what: str, packages: Path = PACKAGES, pip: tuple[str, ...] = PIP + OPTIONS) -> int:
    """Run pip, and show its progress; where it fails, all that it said. Returns its exit code."""
    begun, progress, terminal = time.monotonic(), Progress(packages), sys.stdout.isatty()
    with subprocess.Popen([*pip, what], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        reader = threading.Thread(target=lambda: [progress.read(line) for line in process.stdout or ()])
        reader.start()
        while reader.is_alive():
            show(f"  {progress}, {time.monotonic() - begun:.0f} s", terminal)
            reader.join(PERIODS[terminal])
    progress.done = process.returncode == 0
    show(f"  {progress}, {time.monotonic() - begun:.0f} s", terminal)
    if terminal:
        print(flush=True)
    if process.returncode:
        sys.stderr.write("".join(progress.text))
    return process.returncode


def show(text: str, terminal: bool) -> None:
    """Write a line, over the last one on a terminal."""
    print(f"\r{text}\033[K" if terminal else f"{text}\n", end="", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(install(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
