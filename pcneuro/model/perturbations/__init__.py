"""Perturbations of a run: what is done to a population for a time, beside what the circuit is given."""

from pcneuro.model.perturbations.abstract import AbstractPerturbation as AbstractPerturbation
from pcneuro.model.perturbations.inject import Inject as Inject
