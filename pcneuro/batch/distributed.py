"""Learning on many machines: the samples of each batch over the workers of a Dask cluster."""

from __future__ import annotations

import pickle
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, final

from pcneuro.batch.extras import needed
from pcneuro.errors import ParameterError, PcneuroError, WorkerError, reporting_divergence, told
from pcneuro.learning.examples import Arrays, Examples
from pcneuro.learning.pieces import AbstractDivision, AbstractPieces, InTurn, joined, summed
from pcneuro.learning.sources import AbstractRecipe, AbstractSource, Gradients
from pcneuro.quantities import seconds, whole
from pcneuro.simulator.progress import interruptible
from pcneuro.simulator.result import Status
from pcneuro.studies.surroundings import versions

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")

SAMPLES = 32
"""Of a piece: as many as the kernels step together in float32, and twice as many as in float64."""
POLL = 0.2
"""Seconds between looks at whether Ctrl-C was pressed, and whether there is somebody who works."""
_ROUNDING = "pcneuro", "numpy", "numba", "llvmlite"
"""Libraries whose versions decide on bits."""
_KEPT = 2
"""Sources that each thread of a worker keeps at hand, with what they have lowered."""


@final
@dataclass(frozen=True)
class Distributed(AbstractDivision):
    """Gradients found by the workers of a Dask cluster, for ``Trainer(..., gradients=Distributed(client))``.

    Each batch is cut into pieces of ``samples``, whose gradients and losses are found by any worker, and added up pair
    by pair in a tree that their number alone decides on: the bits are the same for any number of workers, whichever of
    them die on the way, and without any. (They are those of processors of one kind: kernels are compiled for each, and
    round as its instructions do.) Against the batch in one piece they are other sums of the same numbers. The noise of
    a sample is as in one piece. Thresholds of events that are shares, and a tolerance of ``Kernel``,
    are of a piece. What each worker keeps is the circuit, lowered; parameters are sent with each batch.

    Parameters
    ----------
    client
        A ``distributed.Client`` whose workers import the same version of pcneuro; None: pieces one after the other, in
        this process.
    samples
        Of a piece; a checkpoint goes on with the same number only.
    patience
        Seconds to wait for a worker where there is none, as after all have died.

    Raises
    ------
    ParameterError
        For what is no client, or no number.
    MissingExtraError
        Where Dask is not installed.
    WorkerError
        In learning, where the scheduler is gone, no worker has come in time, or those that tried a piece have died.
    """

    client: Client | None
    samples: int = SAMPLES
    patience: float = 60.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", whole("samples", self.samples, 1))
        object.__setattr__(self, "patience", seconds("patience", self.patience))
        if self.client is None:
            return
        known = isinstance(self.client, needed("distributed").Client)
        if not known or self.client.asynchronous:
            what = "asynchronous" if known else told(self.client)
            raise ParameterError(
                f"client is {what}; give a distributed.Client, such as Client(n_workers=2, threads_per_worker=1) or "
                "Client('tcp://host:8786'), or None for this process"
            )

    def of(self, source: AbstractSource) -> AbstractSource:
        if self.client is None:
            return InTurn(source, self.samples)
        return _OnWorkers(source, self.samples, self.client, self.patience)


@final
class _OnWorkers(AbstractPieces):
    """Gradients of the pieces of a batch, each found by a worker, and added up by workers."""

    def __init__(self, source: AbstractSource, samples: int, client: Client, patience: float) -> None:
        super().__init__(source, samples)
        self.client, self.patience = client, patience
        # By Python's own pickle, which has classes by name only; Dask's has code of those in scripts.
        self.packed = _libraries(), _pickled(source.recipe())
        self.sent: Future | None = None
        """The recipe, where workers have it from."""
        self.begun = False

    def of_pieces(self, parameters: Arrays, pieces: Sequence[tuple[int, Examples]]) -> Gradients:
        if not self.begun:
            # What is wrong with data or settings is said here, and kernels are compiled before many need them at once.
            first = self.source.gradients(parameters, pieces[0][1], pieces[0][0])
            if first.status is not Status.COMPLETED:
                return first
            self.begun = True
        with interruptible() as noted:
            try:
                return self._awaited(self._submitted(parameters, pieces), noted)
            except PcneuroError:
                raise
            except Exception as error:
                # Dask has many errors for one that is no longer there.
                if self.client.status == "running" and not isinstance(error, CancelledError | OSError):
                    raise
                raise self._gone() from error

    def _submitted(self, parameters: Arrays, pieces: Sequence[tuple[int, Examples]]) -> Future:
        """What all gradients add up to, to be found by workers."""
        with warnings.catch_warnings():
            # Weights are as large as they are.
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            if self.sent is None or self.sent.cancelled():
                self.sent = self._task(_same, self.packed)
            # Not scattered: Dask makes the results of tasks again where a worker dies, and loses what was scattered.
            present = self._task(_same, dict(parameters))
            found = [
                self._task(_gradients, self.sent, present, first, piece.inputs, piece.targets)
                for first, piece in pieces
            ]
            return summed(found, partial(self._task, joined))

    def _task(self, function: Callable[..., Any], *arguments: Any) -> Future:
        return self.client.submit(function, *arguments, pure=False)

    def _awaited(self, future: Future, noted: Sequence[int]) -> Gradients:
        """The result, once it is there. Workers drop what is not begun, where nobody waits for it any more."""
        seen = time.monotonic()
        while not future.done():
            with suppress(TimeoutError):
                needed("distributed").wait([future], timeout=POLL)
            if noted:
                return Gradients({}, 0.0, Status.INTERRUPTED, "interrupted while workers found gradients")
            if self.client.status != "running":
                raise self._gone()
            now = time.monotonic()
            if self.client.nthreads():
                seen = now
            elif now - seen > self.patience:
                raise WorkerError(
                    f"no worker has come to the scheduler {self._address} for {self.patience:g} s: start some, or give "
                    "Distributed(client, patience=...) more seconds to wait for them"
                )
        if future.status == "error":
            error = future.exception()
            raise self._failure(error) from error
        return future.result()  # type: ignore[no-any-return]

    @property
    def _address(self) -> str:
        return str(getattr(self.client.scheduler, "address", "of this client"))

    def _failure(self, error: Exception) -> PcneuroError:
        """What is said of an error that a worker came to."""
        if isinstance(error, PcneuroError):
            return error
        if isinstance(error, needed("distributed").KilledWorker):
            return WorkerError(
                f"all workers that tried a piece of {self.samples} samples have died: give them more memory, or "
                "Distributed(client, samples=...) fewer samples a piece"
            )
        return WorkerError(
            f"a worker ended with {type(error).__name__}: {' '.join(str(error).split())} (it needs the same libraries "
            "as this process)"
        )

    def _gone(self) -> WorkerError:
        return WorkerError(
            f"the scheduler {self._address} is gone, or its client is closed: make a new client, and learn on from the "
            "checkpoint with resume=True"
        )


def _pickled(recipe: AbstractRecipe) -> bytes:
    try:
        return pickle.dumps(recipe)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ParameterError(
            f"this source is not sent to workers ({' '.join(str(error).split())}): define its classes in a module"
        ) from None


# What workers do

_made = threading.local()
"""Sources that a thread has, as a simulator is used by one at a time: what they were made of -> the source."""


def _same(value: T) -> T:
    """The value: as the result of a task it is made again where a worker dies."""
    return value


def _gradients(
    sent: tuple[Mapping[str, str], bytes], parameters: Arrays, first: int, inputs: Arrays, targets: Arrays
) -> Gradients:
    """Gradients of one piece."""
    with reporting_divergence():
        found = _source(*sent).gradients(parameters, Examples(inputs, targets), first)
    return replace(found, gradients=dict(found.gradients))


def _libraries() -> dict[str, str]:
    """Those that the bits of gradients depend on."""
    return {name: version for name, version in versions().items() if name in _ROUNDING}


def _source(libraries: Mapping[str, str], recipe: bytes) -> AbstractSource:
    """The source that was sent, made once in a thread. Raises WorkerError where this worker would find other bits."""
    for name, version in _libraries().items():
        if version != libraries[name]:
            raise WorkerError(
                f"a worker has {name} {version}, and learning was begun with {libraries[name]}: install the same there"
            )
    if not hasattr(_made, "sources"):
        _made.sources = {}
    sources: dict[bytes, AbstractSource] = _made.sources
    if recipe not in sources:
        made = pickle.loads(recipe).make()
        while len(sources) >= _KEPT:
            del sources[next(iter(sources))]
        sources[recipe] = made
    return sources[recipe]
