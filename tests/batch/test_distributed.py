"""Learning over workers of Dask: the bits of one process, however many there are and whoever dies on the way."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import CircuitFileError, MissingExtraError, ParameterError, WorkerError
from pcneuro.learning.sources import AbstractSource, Gradients
from pcneuro.simulator.result import Status
from tests.learning.small import classifier, clusters
from tests.learning.sources_for_tests import SOURCES, with_noise

distributed = pytest.importorskip("distributed")

LATER = 0.3
"""Seconds after which something happens to a step that takes some seconds."""


def cluster_of(number, **settings):
    wanted = {"threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50} | settings
    return distributed.LocalCluster(n_workers=number, **wanted)


@pytest.fixture(scope="module")
def client():
    """Two processes."""
    with cluster_of(2) as cluster, distributed.Client(cluster) as made:
        yield made


def same(one: Gradients, other: Gradients) -> bool:
    """Bit for bit."""
    arrays = [np.array_equal(other.gradients[name], array) for name, array in one.gradients.items()]
    return all(arrays) and len(arrays) == len(other.gradients) and one.loss == other.loss


def slow() -> tuple[AbstractSource, pcn.Examples]:
    """Pieces of four of these samples take a tenth of a second or more each."""
    return pcn.PredictiveCoding(pcn.Simulator(classifier()), 30_000.0), clusters(90)


FEW = "fixed prediction", "noise", "backprop"
"""Kinds in every run of the suite, each of which takes seconds on busy workers."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in FEW else pytest.mark.long) for n in SOURCES])
def test_workers_find_the_bits_of_this_process(name, client):
    source, examples = SOURCES[name]()
    here, there = (pcn.Distributed(who, samples=7).of(source) for who in (None, client))
    for scale in (1.0, 1.5):
        parameters = {n: scale * a for n, a in source.circuit.parameters.items()}
        assert same(there.gradients(parameters, examples), here.gradients(parameters, examples))


def trainer(who, **settings):
    source, _ = with_noise(dynamics=pcn.Strict())
    gradients = pcn.Distributed(who, samples=8)
    return pcn.Trainer(source, pcn.Adam(0.01), clusters(50), clusters(9, 5), batch=20, gradients=gradients, **settings)


def test_learning_goes_on_wherever_it_was_begun(client, tmp_path):
    path = tmp_path / "checkpoint.pcn"
    alone = trainer(None).run(3)
    trainer(client, checkpoint=path).run(1)
    trainer(None, checkpoint=path, resume=True).run(2)
    last = trainer(client, checkpoint=path, resume=True).run(3)
    assert all(np.array_equal(last.parameters[n], a) for n, a in alone.parameters.items())
    assert [e.test for e in last.epochs] == [e.test for e in alone.epochs]


def test_ctrl_c_ends_a_step(client):
    source, examples = slow()
    there = pcn.Distributed(client, samples=1).of(source)
    there.gradients({}, examples.take(slice(0, 1)))
    threading.Timer(LATER, os.kill, (os.getpid(), signal.SIGINT)).start()
    begun = time.monotonic()
    ended = there.gradients({}, examples)
    assert (ended.status, ended.message) == (Status.INTERRUPTED, "interrupted while workers found gradients")
    assert time.monotonic() - begun < 10 * LATER


def test_the_example_of_the_page_runs(client, capsys):
    text = (Path(__file__).parents[2] / "docs" / "batch.md").read_text(encoding="utf-8")
    section = text.partition("## Learning over many workers")[2].partition("\n## ")[0]
    (example,) = re.findall(r"^```python\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    own = "Client(n_workers=2, threads_per_worker=1)"
    assert own in example
    example = example.replace(own, f"Client({client.scheduler.address!r})")
    names = {"__name__": "__main__"}
    exec(compile(example, "docs/batch.md", "exec"), names)
    losses = names["learned"].columns["train_loss"]
    assert str(losses) in capsys.readouterr().out
    assert losses[-1] < losses[0]


def using(operator) -> tuple[AbstractSource, pcn.Examples]:
    weights = pcn.Parameter(np.ones((4, 3)) / 3)
    graph = pcn.trace(lambda x, W: pcn.vertex(operator(x @ W), "out"), x=pcn.Input((4,)), W=weights)
    return pcn.PredictiveCoding(pcn.Simulator(pcn.build_circuit(graph)), 5.0), clusters(6)


@pytest.mark.filterwarnings("ignore:operator .* stays in NumPy")
def test_operators_of_users_are_imported_by_workers(client):
    from tests.batch.operators import doubled

    source, examples = using(doubled)
    here, there = (pcn.Distributed(who, samples=2).of(source) for who in (None, client))
    assert same(there.gradients({}, examples), here.gradients({}, examples))

    def tripled(x):
        return 3.0 * x

    tripled.__module__ = "__main__"
    source, examples = using(pcn.operator(tripled, lambda g, y, x: (3.0 * g,), name="tripled", compiled=False))
    with pytest.raises(CircuitFileError, match=r"operator 'tripled' is code.* in a module that workers import"):
        pcn.Distributed(client, samples=2).of(source).gradients({}, examples)


def test_what_is_wrong_with_examples_is_told_as_ever(client):
    source, _ = slow()
    there = pcn.Distributed(client).of(source)
    with pytest.raises(pcn.PcneuroError, match="input 'x'"):
        there.gradients({}, pcn.Examples({"x": np.ones((5, 3))}, {"out": np.eye(3)[[0, 1, 2, 0, 1]]}))


def test_a_client_that_is_closed_or_none(client):
    with distributed.Client(client.scheduler.address) as second:
        there = pcn.Distributed(second).of(pcn.Backprop(classifier()))
        there.gradients({}, clusters(5))
    with pytest.raises(WorkerError, match="its client is closed: make a new client, and learn on from the checkpoint"):
        there.gradients({}, clusters(5))
    with pytest.raises(ParameterError, match=r"client is .*; give a distributed.Client, such as"):
        pcn.Distributed("tcp://127.0.0.1:8786")


def test_what_a_worker_comes_to_is_told_in_one_line(client):
    there = pcn.Distributed(client).of(pcn.Backprop(classifier()))
    there.gradients({}, clusters(5))
    found = []
    for error in (OSError("no space left"), MemoryError("of 3 GB"), KeyError("libzstd")):
        future = client.submit(_raised, error, pure=False)
        with pytest.raises(WorkerError, match="a worker ended with") as caught:
            there._awaited(future, [])
        found.append(str(caught.value).partition(" (")[0])
    assert found == [
        "a worker ended with OSError: no space left",
        "a worker ended with MemoryError: of 3 GB",
        "a worker ended with KeyError: 'libzstd'",
    ]


def _raised(error):
    raise error


@pytest.mark.long
def test_a_piece_that_kills_its_workers_is_told_in_one_line(client):
    there = pcn.Distributed(client, samples=7).of(pcn.Backprop(classifier()))
    there.gradients({}, clusters(5))
    with pytest.raises(WorkerError, match="all workers that tried a piece of 7 samples have died: give them more"):
        there._awaited(client.submit(os._exit, 1, pure=False), [])
    client.wait_for_workers(2)


@pytest.mark.long
def test_no_worker_comes():
    with cluster_of(0, processes=False) as cluster, distributed.Client(cluster) as made:
        there = pcn.Distributed(made, patience=0.1).of(pcn.Backprop(classifier()))
        with pytest.raises(WorkerError, match=r"no worker has come to the scheduler inproc://.* for 0.1 s: start some"):
            there.gradients({}, clusters(5))


class Unknown(AbstractSource):
    """A source of a user."""

    circuit = classifier()

    def gradients(self, parameters, examples, first=0):
        return Gradients({}, 0.0)

    def settings(self):
        return "Unknown()"


def test_what_is_not_sent_is_refused(client):
    with pytest.raises(ParameterError, match="Unknown finds gradients in this process only"):
        pcn.Distributed(client).of(Unknown())
    simulator = pcn.Simulator(classifier())
    simulator.run(1.0, inputs=clusters(3).inputs, perturb=[pcn.Silence("h", start=0.0, stop=5.0)])
    with pytest.raises(ParameterError, match=r"perturbations of this simulator's last run would go on .*Silence"):
        pcn.Distributed(client).of(pcn.PredictiveCoding(simulator, 5.0))


def test_without_dask_there_is_a_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pcneuro\[batch\]'"):
        pcn.Distributed("client")


def test_a_worker_that_dies_in_a_step_is_replaced(client):
    source, examples = slow()
    here, there = (pcn.Distributed(who, samples=4).of(source) for who in (None, client))
    wanted = here.gradients({}, examples)
    victim = next(iter(client.run(os.getpid).values()))
    killing = threading.Timer(LATER, os.kill, (victim, signal.SIGKILL))
    killing.start()
    assert same(there.gradients({}, examples), wanted)
    killing.join()
    assert same(there.gradients({}, examples), wanted)  # also where the kill came behind the first step


@pytest.mark.long
@pytest.mark.parametrize("workers", [{"number": 1}, {"number": 3}, {"number": 1, "threads_per_worker": 2}], ids=str)
def test_any_number_of_workers_and_threads(workers):
    with cluster_of(**workers) as cluster, distributed.Client(cluster) as made:
        for kind in SOURCES.values():
            source, examples = kind()
            here, there = (pcn.Distributed(who, samples=3).of(source) for who in (None, made))
            assert same(there.gradients({}, examples), here.gradients({}, examples))


@pytest.mark.long
def test_workers_that_die_over_and_over(client):
    source, examples = slow()
    here, there = (pcn.Distributed(who, samples=4).of(source) for who in (None, client))
    wanted = here.gradients({}, examples)
    generator = np.random.default_rng(1)
    for _ in range(10):
        client.wait_for_workers(2)
        victims = generator.permutation([*client.run(os.getpid).values()])[: generator.integers(1, 3)]
        for victim in victims:
            threading.Timer(generator.uniform(0.0, 1.0), os.kill, (int(victim), signal.SIGKILL)).start()
        assert same(there.gradients({}, examples), wanted)


@pytest.mark.long
def test_a_scheduler_that_dies_in_a_step_is_told_in_one_line(tmp_path):
    place = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    module = [sys.executable, "-m"]
    told = ["--scheduler-file", str(place), "--no-dashboard"]
    scheduler = subprocess.Popen([*module, "distributed.cli.dask_scheduler", "--port", "0", *told], **quiet)
    worker = subprocess.Popen([*module, "distributed.cli.dask_worker", "--nthreads", "1", *told], **quiet)
    try:
        made = distributed.Client(scheduler_file=str(place), timeout=60)
        source, examples = slow()
        there = pcn.Distributed(made, samples=4).of(source)
        there.gradients({}, examples.take(slice(0, 4)))
        threading.Timer(LATER, scheduler.kill).start()
        with pytest.raises(WorkerError, match="is gone, or its client is closed"):
            there.gradients({}, examples)
        made.close(timeout=1)
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
