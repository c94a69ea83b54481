"""Data sets, one a file. A file that is put here is found by itself."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.data.sets.cifar10 import CIFAR10
from pcneuro.data.sets.cifar100 import CIFAR100
from pcneuro.data.sets.digits import Digits
from pcneuro.data.sets.mnist import MNIST
from pcneuro.data.sets.mnist5k import MNIST5k
from pcneuro.data.sets.names import Names
from pcneuro.data.sets.pendulum import Pendulum
from pcneuro.data.sets.shakespeare import Shakespeare
from pcneuro.data.sets.svhn import SVHN

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["CIFAR10", "CIFAR100", "MNIST", "MNIST5k", "SVHN", "Digits", "Names", "Pendulum", "Shakespeare"]
