"""What every benchmark reports about where it ran, and how it writes its table."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path


def machine() -> dict[str, object]:
    """Processor, number of processors, and versions."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = {name: version(name) for name in ("pcneuro", "numpy", "numba", "llvmlite")}
    return {"cpu": model, "cores": cores, "python": platform.python_version(), **packages}


def seconds(function: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def report(title: str, header: Sequence[str], rows: Sequence[Sequence[object]], path: Path, **more: object) -> None:
    """Print an aligned table with the machine below it, and write the same as JSON."""
    texts = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[k]) for row in texts) for k in range(len(header))]
    print(title)
    for row in texts:
        print(
            "  ".join(
                cell.ljust(w) if k == 0 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
        )
    facts = machine()
    print(", ".join(f"{k} {v}" for k, v in facts.items()))
    path.parent.mkdir(parents=True, exist_ok=True)
    table = [dict(zip(header, row, strict=True)) for row in rows]
    path.write_text(json.dumps({"title": title, "machine": facts, "rows": table, **more}, indent=1))
    print(f"written: {path}")


def median_and_spread(values: Sequence[float]) -> str:
    """Median, with the least and the largest."""
    return f"{statistics.median(values):.3f} ({min(values):.3f}-{max(values):.3f})"
