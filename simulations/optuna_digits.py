"""Optuna searches for how a circuit reads digits best: a few points at a time are a batch, and Optuna is told of them.

``python simulations/optuna_digits.py`` goes on where it was killed: trials are in ``optuna.db``, their runs in batches.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna

import pcneuro as pcn
from pcneuro.batch.runners import AbstractRunner, Processes
from pcneuro.studies import read

FILE = Path(__file__).with_name("quickstart.toml")
SPACE = {
    "optimizer.rate": optuna.distributions.FloatDistribution(0.01, 3.0, log=True),
    "arguments.tau": optuna.distributions.FloatDistribution(5.0, 40.0),
    "batch_size": optuna.distributions.IntDistribution(8, 128, log=True),
}
GOAL = "difference.test_accuracy.predictive coding"
"""A number of its batches: the accuracy on the test set after the last epoch."""


def search(
    out: Path,
    trials: int = 40,
    together: int = 4,
    sets: Sequence[str] = ("epochs=2",),
    runner: AbstractRunner | None = None,
) -> optuna.Study:
    """Do so many trials, ``together`` of them as one batch in a folder of ``out``; ``sets`` are set in the file."""
    out.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{out / 'optuna.db'}",
        study_name="digits",
        sampler=optuna.samplers.TPESampler(seed=0),
        direction="maximize",
        load_if_exists=True,
    )
    file = read(FILE, sets)
    while (rest := trials - sum(trial.state.is_finished() for trial in study.trials)) > 0:
        # Those that it was killed in: the same points are the same batch, of which what is done is not done again.
        running = study.get_trials(states=[optuna.trial.TrialState.RUNNING])
        points: dict[int, dict[str, Any]] = {trial.number: trial.params for trial in running}
        while len(points) < min(together, rest):
            trial = study.ask(SPACE)
            points[trial.number] = trial.params
        batch = pcn.Batch(file, pcn.spaces.Listed(list(points.values())), keep=["difference.*"])
        rows = batch.run(out / f"trials-{'-'.join(map(str, points))}", runner).dataset()
        for row, number in enumerate(points):
            if rows["status"][row] == pcn.batch.RowStatus.DONE:
                study.tell(number, float(rows[GOAL][row]))
            else:
                study.tell(number, state=optuna.trial.TrialState.FAIL)
    return study


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/optuna_digits"))
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--together", type=int, default=4, help="trials in one batch")
    chosen = parser.parse_args()
    best = search(chosen.out, chosen.trials, chosen.together, runner=Processes()).best_trial
    print(f"trial {best.number}: test accuracy {best.value:.4f} with {best.params}")
