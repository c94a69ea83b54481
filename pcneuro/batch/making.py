"""What a batch is made of, from what users give: a study, a space, and that the two fit together."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pcneuro.batch.studies import AbstractStudy, FileStudy, FunctionStudy
from pcneuro.errors import ConfigurationError, ParameterError, told, warn
from pcneuro.files.toml import Problem
from pcneuro.studies.file import ONE_RUN, Plan, check_swept, opened, planned
from pcneuro.studies.spaces import AbstractSpace, Grid, Replicated
from pcneuro.studies.spaces.axes import AxisError, plain_value

TABLES = Path("tables")
"""What messages call tables that are given as a dict; paths in them begin at the working folder."""


def study_of(given: Any, pack: bool = True) -> tuple[AbstractStudy, AbstractSpace | None]:
    """The study that is given, and the space of its file, if it has one. Raises ConfigurationError.

    ``pack``: whether runs of a file that differ in data only are simulated side by side.
    """
    if isinstance(given, AbstractStudy):
        return given, None
    if isinstance(given, Mapping):
        given = planned(TABLES, {str(key): plain_value(str(key), value) for key, value in given.items()}, {})
    elif isinstance(given, str | os.PathLike):
        given = opened(os.fspath(given))
    if isinstance(given, Plan):
        return FileStudy(replace(given, space=None), pack), given.space
    return FunctionStudy(given), None


def space_for(study: AbstractStudy, given: Any, of_file: AbstractSpace | None, replicates: int) -> AbstractSpace:
    """The space that is given, as one or as a dict, else that of the file; each run so often. Raises ParameterError."""
    if given is None:
        space = of_file or ONE_RUN
    elif isinstance(given, AbstractSpace):
        space = given
    elif isinstance(given, Mapping):
        space = Grid(given)
    else:
        raise ParameterError(f"space is {told(given)}; needed is one of pcn.spaces, or a dict of keys and values")
    if given is not None:
        for note in space.notes:
            warn(note)
    if replicates == 1:
        return space
    try:
        return Replicated(space, replicates, first=study.seed)
    except AxisError as error:
        raise ParameterError(
            f"replicates is {replicates}, and the space sets {error.key} itself: leave one of the two out"
        ) from None


def check(study: AbstractStudy, space: AbstractSpace) -> None:
    """Raise ConfigurationError for a key that the study has not, and for a value that fits with nothing.

    Each value of a key is tried once, in a run that has it, and by itself: combinations that do not fit are rows that
    failed.
    """
    if isinstance(study, FileStudy):
        try:
            check_swept(space)
        except Problem as problem:
            raise ConfigurationError(f"{'.'.join(problem.path)}: {problem.text}") from None
    first: dict[str, int] = {}
    for key, number in space.probes():
        values = space.values(number)
        first.setdefault(key, number)
        try:
            study.check(values)
        except ConfigurationError as error:
            try:
                study.check({key: values[key]})
            except ConfigurationError:
                raise error from None
    for number in sorted({0, *first.values()}):
        try:
            study.check(space.values(number))
        except ConfigurationError:
            if len(space.keys) <= 1:
                raise
            continue
        study.check_names(space.values(number))


def patterns_of(what: str, given: Any, *, least: int = 1) -> tuple[str, ...]:
    """Patterns of names, at ``least`` so many, that are given as ``what``. Raises ParameterError."""
    listed = isinstance(given, Sequence) and not isinstance(given, str)
    if not listed or len(given) < least or not all(isinstance(each, str) for each in given):
        raise ParameterError(f"{what} is {told(given)}; needed is a list of names, or patterns such as 'parameters.*'")
    return tuple(given)
