"""``pcneuro run --dry-run``: what a simulation file would do, how long it would take, and how large it would be."""

from __future__ import annotations

import math

from pcneuro.batch.blocks import untimed_block
from pcneuro.batch.layout import Layout
from pcneuro.batch.runners import Here, Processes, Shard
from pcneuro.batch.store.room import said
from pcneuro.batch.table import batch_table
from pcneuro.cli.codes import SUCCESS
from pcneuro.cli.terminal import Terminal
from pcneuro.errors import reporting_divergence
from pcneuro.simulator.progress import clock
from pcneuro.studies import Plan
from pcneuro.studies.estimate import Estimate, estimate
from pcneuro.studies.file import BATCH
from pcneuro.studies.spaces import Replicated


def dry_run(plan: Plan, shard: str | None) -> int:
    """Print what a plan would do; nothing is written. Returns the exit code."""
    table = batch_table(plan)
    with Terminal(plan.name) as terminal, reporting_divergence():
        terminal.progress(0.0, "a piece of the first run")
        known = estimate(plan)
    runs, who, workers = known.runs, "", 1
    if BATCH in plan.raw or shard is not None:
        runs *= table.replicates if not isinstance(plan.space, Replicated) else 1
        layout = Layout(runs, table.block or untimed_block(runs))
        runner = table.runner
        if shard is not None:
            runner = Shard.from_text(shard, Here() if isinstance(runner, Processes) else runner)
            blocks = runner.share(range(layout.blocks))
            runs = sum(len(layout.numbers(block)) for block in blocks)
        workers, who = runner.workers, f" by {runner.workers} workers ({runner.kind})"
    for what, text in _lines(plan, known, runs, who, workers):
        print(f"{what:<8}  {text}")
    print("Nothing was written.")
    return SUCCESS


def _lines(plan: Plan, known: Estimate, runs: int, who: str, workers: int) -> list[tuple[str, str]]:
    graph, task = known.circuit.nx, plan.run(0).task
    neurons = sum(data["size"] for _, data in graph.nodes(data=True))
    synapses = sum(data["synapses"] for *_, data in graph.edges(data=True))
    steps = "" if known.steps is None else f", {known.steps:,} steps each time that it is simulated"
    made = [
        ("file", f"{plan.path}: {task.task}"),
        ("circuit", f"{task.circuit}: {neurons:,} neurons of {len(graph):,} populations, {synapses:,} synapses"),
        ("runs", f"{runs:,}{who}{steps}"),
    ]
    if known.seconds is None:
        made.append(("time", "not known: the first run did not say how far it came"))
    else:
        whole = known.seconds * math.ceil(runs / workers)
        how = "the first run" if known.share == 1.0 else f"{known.share:.1%} of the first run"
        made.append(("time", f"about {clock(whole)}, by the pace of {how}"))
    size = said(known.records * runs)
    memory = said(known.records + sum(value.nbytes for value in known.circuit.parameters.values()))
    made.append(("disk", f"about {size} of records"))
    made.append(("memory", f"at least {memory} for records and parameters of a run"))
    return made
