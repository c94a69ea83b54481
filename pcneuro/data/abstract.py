"""Data sets by name: what each offers, and how it is loaded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, ClassVar, Generic

from pcneuro.data.parts import P
from pcneuro.errors import ParameterError, unknown_name

_FOUND: dict[str, type[AbstractDataset[Any]]] = {}
DATASETS: Mapping[str, type[AbstractDataset[Any]]] = MappingProxyType(_FOUND)
"""Data sets by name."""


@dataclass(frozen=True, eq=False)
class LoadedDataset(Generic[P]):
    """A data set in memory: a part to learn from, and one to test with.

    ``notes`` list what is not as in the official data set, such as files that are not there. ``truth`` has
    the values of parameters that are to be learned, by name, where they are known.

    Examples
    --------
    >>> digits = pcn.data.Digits().load()
    >>> digits.name
    'digits'
    """

    name: str
    train: P
    test: P
    notes: tuple[str, ...] = ()
    truth: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        counts = f"{len(self.train):,} to learn from and {len(self.test):,} to test with"
        return "; ".join([f"{self.name}: {counts}: {self.train.describe()}", *self.notes])


@dataclass(frozen=True)
class AbstractDataset(ABC, Generic[P]):
    """A data set, with the choices that it offers as fields; ``load`` reads it.

    Examples
    --------
    >>> issubclass(pcn.data.Digits, pcn.data.AbstractDataset)
    True
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """What it is, in a few words."""
    source: ClassVar[str]
    """Where it comes from."""
    terms: ClassVar[str]
    """Its licence, or what is known about it."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in vars(cls):
            _FOUND[cls.name] = cls

    @abstractmethod
    def load(self) -> LoadedDataset[P]:
        """Read it. Raises DataError for files that are missing or wrong, MissingExtraError for a missing package."""

    @abstractmethod
    def status(self) -> str:
        """Whether it can be loaded, in a few words."""


def named(name: str) -> type[AbstractDataset[Any]]:
    """The data set of this name. Raises UnknownNameError.

    Examples
    --------
    >>> pcn.data.named("digits").__name__
    'Digits'
    """
    if name not in DATASETS:
        raise unknown_name("data set", name, DATASETS)
    return DATASETS[name]


def load(name: str, **choices: Any) -> LoadedDataset[Any]:
    """Read the data set ``name``.

    Parameters
    ----------
    name
        One of ``DATASETS``: "cifar10", "cifar100", "svhn", "mnist", "names", "shakespeare", "digits", "mnist5k",
        "pendulum".
    choices
        Fields of the data set's class, such as ``folder``, which is PCNEURO_DATA by default.

    Raises
    ------
    UnknownNameError
        For a name that is not known.
    ParameterError
        For a choice that the data set does not offer, or that is out of range.
    DataError
        For files that are missing, truncated, or of another format.
    MissingExtraError
        Where the package that ships the data is not installed.

    Examples
    --------
    >>> digits = pcn.data.load("digits")
    >>> digits.train.images.shape[1:]
    (1, 8, 8)
    """
    dataset = named(name)
    offered = [choice.name for choice in fields(dataset)]
    for choice in choices:
        if choice not in offered:
            raise ParameterError(f"data set {name!r} has no choice {choice!r}; it has {', '.join(offered) or 'none'}")
    return dataset(**choices).load()
