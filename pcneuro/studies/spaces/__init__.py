"""Spaces of runs, one kind a file, and the tables of files that stand for them."""

from pcneuro.studies.spaces.abstract import AbstractSpace
from pcneuro.studies.spaces.grid import Grid
from pcneuro.studies.spaces.joined import Joined

__all__ = ["AbstractSpace", "Grid", "Joined"]
