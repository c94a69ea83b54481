"""Data sets: official files in a folder that the user names, what packages ship, and motions that are computed.

    cifar = pcneuro.data.load("cifar10", folder="~/data")       # or the environment variable PCNEURO_DATA
    cifar.train.images, cifar.train.labels, cifar.train.classes

One data set a file, in ``sets/``: a file that is put there is found by itself. Nothing is downloaded unless ``fetch``
is called, and nothing is ever unpickled.
"""

from pcneuro.data.abstract import DATASETS, AbstractDataset, LoadedDataset, load, named
from pcneuro.data.fetch import Fetched, fetch
from pcneuro.data.files import ENVIRONMENT, AbstractFolderDataset
from pcneuro.data.parts import AbstractPart, Images, Passages, Trajectories, Words
from pcneuro.data.sets import CIFAR10, CIFAR100, MNIST, SVHN, Digits, MNIST5k, Names, Pendulum, Shakespeare
from pcneuro.data.vocabulary import Vocabulary

__all__ = [
    "load",
    "fetch",
    "named",
    "DATASETS",
    "ENVIRONMENT",
    "CIFAR10",
    "CIFAR100",
    "MNIST",
    "MNIST5k",
    "SVHN",
    "Digits",
    "Names",
    "Pendulum",
    "Shakespeare",
    "LoadedDataset",
    "Images",
    "Passages",
    "Trajectories",
    "Words",
    "Vocabulary",
    "Fetched",
    "AbstractDataset",
    "AbstractFolderDataset",
    "AbstractPart",
]
