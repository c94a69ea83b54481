"""Surnames of 18 languages, the data of "Practical PyTorch" (Robertson 2017)."""

from __future__ import annotations

import string
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from pcneuro.data.abstract import LoadedDataset
from pcneuro.data.downloads import AbstractDownload, SingleFile
from pcneuro.data.files import AbstractFolderDataset, read_text, reading, root
from pcneuro.data.parts import Words, held_out
from pcneuro.data.vocabulary import Vocabulary
from pcneuro.errors import DataFileError, ParameterError

ADDRESS = "https://raw.githubusercontent.com/spro/practical-pytorch/master/data/names/"
LANGUAGES = {
    "Arabic": (13_190, "6f424a8dbe51cbbbabab7a57d38b617210125e4e3991f3c657cb79b8f104bafc"),
    "Chinese": (1_246, "09ba8f1f7e38dbc99372d461b26ad4433b811fc6bfa6a3ecca6fe11a9a777465"),
    "Czech": (3_916, "e17ab0ec47616a72c39cb85c783f70c3663ab64488721e5d8378f146d2226be7"),
    "Dutch": (2_351, "924f32b635170eae561f84538632138fc07d4c8bbd70ba3fb980de1ecc4d2af3"),
    "English": (27_125, "9cca037066d3d5989e24bc01801416162de506b5e28e15b7c092a47905d29bf2"),
    "French": (2_178, "81e65b36c60ed5b89a17422f6edcadbb89546f38ad69e960e64e7ba682012a95"),
    "German": (5_610, "7449cd590b97a733e18d613a4155decd77ec35dc5f8aadd7a82204dce4f051db"),
    "Greek": (1_981, "3555b5186de7f401e6d991b088e9e644ca3099116477818c25ab5793801389e6"),
    "Irish": (1_858, "cf8c7013256252a88d2503127b87282a11f21b2ff6db1bded68834c19a1ec058"),
    "Italian": (5_657, "f88414c27d0606a11a678b4859277828c2565d6cc4d9ee932deef6e94f3b35e4"),
    "Japanese": (7_622, "e0e717e114fec3e7eade4d9dabe0067c475f43147e36a22b47902ee76ad9e67f"),
    "Korean": (423, "cd54221ccb362a6cba4c78828838cf3268a0e59744767a37cf6ec4b74036b136"),
    "Polish": (1_165, "45bab898af2f60ed3a728bbf6980e28821011a7caa53227553b5785903a40826"),
    "Portuguese": (554, "50a8735f41f4f73757c8ce5b16cb0275cd86b2b214bcbc8c9805f508cb131c53"),
    "Russian": (85_168, "0cfe53ac18041e8f63666aa77313e0a3ff378facb132abee052d8ebdc8c3d62c"),
    "Scottish": (752, "78d0252711d87d948ea86fe34826c51d2d794a8e52d15b5d6f7b6244d45d62dd"),
    "Spanish": (2_284, "1bcb462ed3316756a85781d68232bddae04498fdddd5d9219c53fd1fbdeba7a7"),
    "Vietnamese": (339, "f3f9e4164ab47601178a6e45b216464a64122f49d05541f24bf18a757253281d"),
}
"""Of each file: bytes, SHA-256."""
NAMES = 20_050

VOCABULARY = Vocabulary(string.ascii_letters + " ',-./")
"""What is left of the official names when accents are taken off, and the punctuation of others."""
# Letters of the Latin alphabet that are no letter with an accent on it.
SPELT = str.maketrans(
    {"ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ı": "i", "æ": "ae", "Æ": "Ae", "œ": "oe"}
    | dict.fromkeys("’‘ʼ`´", "'")
)


def plain(name: str) -> str:
    """A name without accents: "Ślusàrski" is "Slusarski", "Strauß" is "Strauss"."""
    taken_apart = unicodedata.normalize("NFKD", name.translate(SPELT))
    return "".join(c for c in taken_apart if unicodedata.category(c) != "Mn")


@dataclass(frozen=True)
class Names(AbstractFolderDataset[Words]):
    """Surnames, one text file a language: the class of a name is its language.

    Every ``*.txt`` in the folder is a language, called as the file is. Names are written in the 58 characters of
    ``VOCABULARY``, accents taken off, padded in front to ``length`` characters, by default those of the longest. The
    share ``test``, drawn from ``seed``, is kept for testing; there is no official test, and some names stand several
    times in the files.

    Raises ParameterError for a length below 1, and when it is loaded for a share outside of (0, 1); DataFileError for a
    name that is longer than ``length``, VocabularyError for a character that is not in the vocabulary.

    Examples
    --------
    >>> pcn.data.Names(folder="data", test=0.2).test
    0.2
    """

    length: int | None = None
    test: float = 0.2
    seed: int = 0

    name: ClassVar[str] = "names"
    title: ClassVar[str] = "20,050 surnames of 18 languages"
    source: ClassVar[str] = "https://github.com/spro/practical-pytorch (data/names)"
    terms: ClassVar[str] = "MIT"
    places: ClassVar[tuple[str, ...]] = ("names",)
    files: ClassVar[dict[str, str]] = {f"{name}.txt": "a text in UTF-8, a name a line" for name in LANGUAGES}
    downloads: ClassVar[tuple[AbstractDownload, ...]] = tuple(
        SingleFile(f"{ADDRESS}{name}.txt", f"sha256:{checksum}", size, f"names/{name}.txt")
        for name, (size, checksum) in LANGUAGES.items()
    )

    def __post_init__(self) -> None:
        if self.length is not None and self.length < 1:
            raise ParameterError(
                f"length={self.length}: needed are 1 character or more, or None for the longest name's"
            )

    def home(self) -> Path:
        """As for others, and a folder of the official name may have other languages in it."""
        folder = root(self.folder) / self.places[0]
        with reading(folder):
            return folder if any(folder.glob("*.txt")) else super().home()

    def load(self) -> LoadedDataset[Words]:
        paths = sorted(self.home().glob("*.txt"))
        rows: list[list[int]] = []
        labels: list[int] = []
        for label, path in enumerate(paths):
            for line, word in enumerate(read_text(path).splitlines(), start=1):
                if tokens := self._tokens(word, f"{path}, line {line}"):
                    rows.append(tokens)
                    labels.append(label)
        lengths = np.array([len(tokens) for tokens in rows], dtype=np.int64)
        padded = np.full((len(rows), self.length or int(lengths.max())), VOCABULARY.padding, dtype=np.int64)
        for row, tokens in zip(padded, rows, strict=True):
            row[-len(tokens) :] = tokens
        if len(rows) < 2:
            raise self.wrong(paths[0], "the only name there is; needed are two or more, to learn from and to test with")
        everything = Words(padded, lengths, np.array(labels), tuple(path.stem for path in paths), VOCABULARY)
        train, test = held_out(len(rows), self.test, self.seed)
        return LoadedDataset(
            self.name, everything.take(train), everything.take(test), self._notes(len(rows), len(paths))
        )

    def _tokens(self, word: str, where: str) -> list[int]:
        """Tokens of a name as it stands in a file; none of a blank line."""
        name = plain(word.strip())
        if self.length is not None and len(name) > self.length:
            raise DataFileError(f"{where}: {name!r} has {len(name)} characters, more than length={self.length}")
        return VOCABULARY.encode(name, where).tolist()

    def _notes(self, names: int, languages: int) -> tuple[str, ...]:
        if (names, languages) == (NAMES, len(LANGUAGES)):
            return ()
        return (f"{names:,} names of {languages} languages instead of the official {NAMES:,} of {len(LANGUAGES)}",)
