"""Settings of a batch, as its folder has them: whatever runs it, there or elsewhere, reads them there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcneuro.batch.layout import SETTINGS, Layout
from pcneuro.batch.row import EVERYTHING
from pcneuro.batch.studies import STUDIES, AbstractStudy
from pcneuro.errors import ConfigurationError
from pcneuro.files import open_regular
from pcneuro.studies.spaces import AbstractSpace, space_of


@dataclass(frozen=True)
class Settings:
    """What a batch is: a study, a space, and which runs are written together."""

    study: AbstractStudy
    space: AbstractSpace
    layout: Layout
    keep: tuple[str, ...] = (EVERYTHING,)
    """Patterns of names of numbers and records: what matches none of them is not kept."""

    def described(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "study": {"kind": type(self.study).__name__, **self.study.described()},
            "content": self.study.content(),
            "space": self.space.described(),
            "layout": self.layout.described(),
            "keep": list(self.keep),
        }

    @classmethod
    def from_described(cls, described: Mapping[str, Any]) -> Settings:
        """The settings that were ``described``. Raises ConfigurationError."""
        study = STUDIES[described["study"]["kind"]].from_described(described["study"])
        layout, keep = Layout.from_described(described["layout"]), tuple(described["keep"])
        return cls(study, space_of(described["space"], Path()), layout, keep)

    @classmethod
    def read(cls, folder: Path) -> Settings:
        """Those of the batch in a folder. Raises ConfigurationError where there is none, or it is damaged."""
        path = folder / SETTINGS
        try:
            with open_regular(path) as file:
                return cls.from_described(json.loads(file.read()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"{folder} is no batch: {path.name}: {error}") from None
