"""Many runs: a plan of them, workers that do them, and a store that ends as one labelled dataset."""

from pcneuro.batch.batch import Batch, resume
from pcneuro.batch.batch import open_batch as open
from pcneuro.batch.distributed import Distributed
from pcneuro.batch.row import RowStatus
from pcneuro.batch.store import Store

__all__ = ["Batch", "Distributed", "RowStatus", "Store", "open", "resume"]
