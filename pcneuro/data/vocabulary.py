"""Characters as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.errors import VocabularyError


@dataclass(frozen=True)
class Vocabulary:
    """Characters in a fixed order: the token of a character is its place.

    ``padding``, the number of characters, is the token of no character: it stands where a sequence is shorter than
    others, and its one-hot row is zero.

    Raises VocabularyError where a character stands twice, or where there is none.

    Examples
    --------
    >>> pcn.data.Vocabulary("abc").characters
    'abc'
    """

    characters: str

    def __post_init__(self) -> None:
        if not self.characters:
            raise VocabularyError("a vocabulary needs at least one character, got none")
        twice = [c for k, c in enumerate(self.characters) if c in self.characters[:k]]
        if twice:
            raise VocabularyError(
                f"the vocabulary {self.characters!r} has {twice[0]!r} twice; give each character once"
            )

    @classmethod
    def of(cls, text: str) -> Vocabulary:
        """The characters of a text, by code point. Raises VocabularyError for an empty one."""
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        return len(self.characters)

    @property
    def padding(self) -> int:
        """The token of no character."""
        return len(self.characters)

    def encode(self, text: str, where: str = "") -> np.ndarray:
        """Tokens of a text: int64, shape (len(text),).

        Raises VocabularyError for a character that is not in the vocabulary; the message begins with ``where``.
        """
        order = np.argsort(known := _codes(self.characters))
        codes = _codes(text)
        places = order[np.minimum(np.searchsorted(known, codes, sorter=order), len(self) - 1)]
        if (unknown := known[places] != codes).any():
            first = int(unknown.argmax())
            raise VocabularyError(
                f"{where}{': ' if where else ''}character {text[first]!r} (U+{ord(text[first]):04X}), number "
                f"{first + 1} of {len(text)}, is not in the vocabulary of {len(self)}: {self.characters!r}"
            )
        return places.astype(np.int64)

    def decode(self, tokens: np.ndarray) -> str:
        """The text of tokens of shape (length,), without padding. Raises VocabularyError for a token out of range."""
        tokens = np.asarray(tokens)
        self._check(tokens)
        return "".join(self.characters[token] for token in tokens.ravel() if token != self.padding)

    def one_hot(self, tokens: np.ndarray) -> np.ndarray:
        """Float32 of the shape of ``tokens`` with one axis more, of the vocabulary's size; zeros for padding.

        Raises VocabularyError for a token out of range.
        """
        tokens = np.asarray(tokens)
        self._check(tokens)
        return np.eye(len(self) + 1, len(self), dtype=np.float32)[tokens]

    def _check(self, tokens: np.ndarray) -> None:
        if tokens.size and not (0 <= tokens.min() and tokens.max() <= self.padding):
            raise VocabularyError(
                f"tokens from {tokens.min()} to {tokens.max()}; needed are 0 to {len(self) - 1}, or {self.padding} "
                "for padding"
            )


def _codes(text: str) -> np.ndarray:
    """Code points, lone surrogates included."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
