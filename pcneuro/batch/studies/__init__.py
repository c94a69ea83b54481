"""Studies, which batches are runs of: one kind a file."""

from pcneuro.batch.studies.abstract import STUDIES, AbstractStudy
from pcneuro.batch.studies.file import FileStudy
from pcneuro.batch.studies.function import FunctionStudy

__all__ = ["STUDIES", "AbstractStudy", "FileStudy", "FunctionStudy"]
