"""Tiny Shakespeare, the text of Karpathy's char-rnn (2015)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from pcneuro.data.abstract import LoadedDataset
from pcneuro.data.downloads import AbstractDownload, SingleFile
from pcneuro.data.files import AbstractFolderDataset, read_text
from pcneuro.data.parts import Passages
from pcneuro.data.vocabulary import Vocabulary
from pcneuro.errors import ParameterError

TEXT = "input.txt"
CHARACTERS = 1_115_394


@dataclass(frozen=True)
class Shakespeare(AbstractFolderDataset[Passages]):
    """A text in passages of ``length`` characters, one after another without overlap, each with what follows.

    The last share ``test`` of the text is kept for testing. The vocabulary is that of the whole text, by code point, or
    the characters in ``vocabulary``.

    Raises ParameterError for a length below 1 or a share outside of (0, 1); VocabularyError, when it is loaded, for a
    character that is not in ``vocabulary``.

    Examples
    --------
    >>> pcn.data.Shakespeare(folder="data", length=50).length
    50
    """

    length: int = 50
    test: float = 0.1
    vocabulary: str | None = None

    name: ClassVar[str] = "shakespeare"
    title: ClassVar[str] = "1,115,394 characters from Shakespeare's plays"
    source: ClassVar[str] = "https://github.com/karpathy/char-rnn (data/tinyshakespeare)"
    terms: ClassVar[str] = "public domain"
    places: ClassVar[tuple[str, ...]] = ("shakespeare", "tinyshakespeare")
    files: ClassVar[dict[str, str]] = {TEXT: f"a text of {CHARACTERS:,} characters in UTF-8"}
    downloads: ClassVar[tuple[AbstractDownload, ...]] = (
        SingleFile(
            "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
            "sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            CHARACTERS,
            f"shakespeare/{TEXT}",
        ),
    )

    def __post_init__(self) -> None:
        if self.length < 1 or not 0 < self.test < 1:
            raise ParameterError(
                f"length={self.length}, test={self.test}: needed are a length of 1 or more, and a share between 0 and 1"
            )

    def load(self) -> LoadedDataset[Passages]:
        path = self.need(self.home(), TEXT)
        text = read_text(path)
        vocabulary = Vocabulary.of(text) if self.vocabulary is None else Vocabulary(self.vocabulary)
        tokens = vocabulary.encode(text, str(path))
        cut = len(tokens) - round(self.test * len(tokens))
        train, test = self._passages(path, tokens[:cut], vocabulary), self._passages(path, tokens[cut:], vocabulary)
        other = len(text) != CHARACTERS
        notes = (f"{len(text):,} characters instead of the official {CHARACTERS:,}",) if other else ()
        return LoadedDataset(self.name, train, test, notes)

    def _passages(self, path: Path, tokens: np.ndarray, vocabulary: Vocabulary) -> Passages:
        """Tokens in rows. What does not fill a row at the end is left out."""
        count = (len(tokens) - 1) // self.length
        if count < 1:
            raise self.wrong(
                path,
                f"too short: {len(tokens)} characters to learn from or to test with, needed are at least "
                f"{self.length + 1}, a passage of {self.length} and one that follows",
            )
        size = count * self.length
        shape = (count, self.length)
        return Passages(tokens[:size].reshape(shape), tokens[1 : size + 1].reshape(shape), vocabulary)
