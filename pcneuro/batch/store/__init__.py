"""Stores of batches: rows of all runs in one zarr group, written block by block, and what is made of them."""

from pcneuro.batch.store.progress import Failure, Progress
from pcneuro.batch.store.store import Store

__all__ = ["Failure", "Progress", "Store"]
