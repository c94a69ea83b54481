"""Worker of compare.py: the loops of loops.py in NumPy. OPENBLAS_NUM_THREADS sets its threads."""

from __future__ import annotations

import loops
import numpy as np
from peer import Problem, Step, main


def make(method: str, problem: Problem, threads: int) -> Step:
    """``strict`` or ``fixed``."""
    loop = {"strict": loops.strict, "fixed": loops.fixed}[method]
    rate = np.float32(problem.rate)
    return lambda: loop(np, problem.x, problem.y, problem.theta, problem.steps, rate)


if __name__ == "__main__":
    main(make, np.__version__)
