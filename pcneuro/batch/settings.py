"""Settings of a batch, as its folder has them: whatever runs it, there or elsewhere, reads them there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pcneuro.batch.identity import check_files, check_same, digest
from pcneuro.batch.layout import SETTINGS, Layout
from pcneuro.batch.row import EVERYTHING
from pcneuro.batch.store.checking import described as described_in
from pcneuro.batch.studies import STUDIES, AbstractStudy
from pcneuro.errors import ConfigurationError
from pcneuro.studies.spaces import AbstractSpace, space_of
from pcneuro.studies.surroundings import versions


@dataclass(frozen=True)
class Settings:
    """What a batch is: a study, a space, and which runs are written together."""

    study: AbstractStudy
    space: AbstractSpace
    layout: Layout
    keep: tuple[str, ...] = (EVERYTHING,)
    """Patterns of names of numbers and records: what matches none of them is not kept."""
    runner: Mapping[str, Any] = field(default_factory=dict)
    """The runner that it began with, as a file has it. Another one may go on: no row depends on it."""

    @cached_property
    def files(self) -> dict[str, str]:
        """Digests of the files that it names, as they are now."""
        return self.study.files(self.space)

    @cached_property
    def content(self) -> str:
        """Hash of what results depend on beside the values of a run: settings, and the contents of files."""
        return digest([type(self.study).__name__, self.study.identity(), self.files])

    def hash_of(self, number: int) -> str:
        """Hash of what a run's results depend on: the content, and its values. Raises IndexError."""
        return digest([self.content, self.space.values(number)])

    def described(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "study": {"kind": type(self.study).__name__, **self.study.described()},
            "content": self.content,
            "files": self.files,
            "versions": versions(),
            "space": self.space.described(),
            "layout": self.layout.described(),
            "keep": list(self.keep),
            "runner": dict(self.runner),
        }

    @classmethod
    def from_described(cls, described: Mapping[str, Any]) -> Settings:
        """The settings that were ``described``. Raises ConfigurationError."""
        study = STUDIES[described["study"]["kind"]].from_described(described["study"])
        layout, keep = Layout.from_described(described["layout"]), tuple(described["keep"])
        return cls(study, space_of(described["space"], Path()), layout, keep, described["runner"])

    @classmethod
    def read(cls, folder: Path) -> Settings:
        """Those of the batch in a folder.

        Raises ConfigurationError where there is none, it is damaged, or files that it names have changed since.
        """
        described = described_in(folder)
        try:
            settings = cls.from_described(described)
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(folder, error) from None
        check_files(folder, described["files"], settings.files)
        return settings

    def check_same(self, folder: Path) -> None:
        """Raise ConfigurationError where the batch in a folder is another one, and say what differs."""
        described = described_in(folder)
        try:
            there = Settings.from_described(described)._compared()
            check_same(folder, {**described, **there}, {**self.described(), **self._compared()})
        except (KeyError, TypeError, AttributeError) as error:
            raise _damaged(folder, error) from None

    def _compared(self) -> dict[str, Any]:
        """What two batches are held against one another by, as JSON has it."""
        study = {"kind": type(self.study).__name__, **self.study.identity()}
        return {"study": json.loads(json.dumps(study)), "space": json.loads(json.dumps(self.space.described()))}


def _damaged(folder: Path, error: Exception) -> ConfigurationError:
    if isinstance(error, ConfigurationError):
        return error
    return ConfigurationError(f"{folder} is no batch: {SETTINGS}: {error}")
