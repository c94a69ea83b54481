"""The pages of docs/, their blocks of code, and what a reader does who follows one from its first line on."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcneuro.cli.app import execute

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(
    r"^(?P<fence>```+)(?P<language>\{code-cell\}|\w+)[^\n]*\n(?P<text>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL
)
OPTIONS = re.compile(r"\A(:[\w-]+:.*\n)+")
FILE = re.compile(r"(?:# |%%writefile )([\w./-]+\.\w+)\n")
RUN = ("{code-cell}", "python", "sh", "toml")
"""Languages of what is followed. Commands that only some machines have stand in blocks of `bash`, which are not run."""


@dataclass(frozen=True)
class Block:
    """A block of code on a page: its language, and its text without the options of a cell."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The name that its first line gives it, as `# study.toml`: such a block is a file that the reader writes."""
        named = FILE.match(self.text)
        return named[1] if named else None

    @property
    def commands(self) -> list[str] | None:
        """Lines of a shell, which a notebook has behind exclamation marks."""
        lines = self.text.splitlines()
        if self.language == "sh":
            return lines
        return [line[1:] for line in lines] if lines and all(line.startswith("!") for line in lines) else None


def pages() -> list[str]:
    """All pages of the site, as `tutorials/first_circuit`."""
    found = (path.relative_to(DOCS) for path in DOCS.rglob("*.md"))
    return sorted(str(path.with_suffix("")) for path in found if not path.parts[0].startswith("_"))


def blocks(page: str) -> list[Block]:
    """The blocks of a page that are followed, in order."""
    return parsed((DOCS / f"{page}.md").read_text(encoding="utf-8"))


def parsed(text: str) -> list[Block]:
    """The blocks of a text that are followed, in order."""
    found = BLOCK.finditer(text)
    return [Block(each["language"], OPTIONS.sub("", each["text"])) for each in found if each["language"] in RUN]


def follow(page: str, folder: Path, capsys: Any) -> dict[str, str]:
    """Do in an empty folder all that a page says; returns what each command and script printed.

    Blocks with the name of a file in their first line are written there; other Python shares one namespace, as the
    cells of a notebook do.
    """
    names: dict[str, Any] = {"__name__": "__page__"}
    said: dict[str, str] = {}
    for number, block in enumerate(blocks(page)):
        carry_out(block, folder, names, f"block {number}", capsys, said)
    return said


def carry_out(block: Block, folder: Path, names: dict[str, Any], title: str, capsys: Any, said: dict[str, str]) -> None:
    """Do what one block says, with these names of Python; `said` gets what is printed, by command or title."""
    if block.file is not None:
        place = folder / block.file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(block.text.replace(f"%%writefile {block.file}\n", "", 1), encoding="utf-8")
    elif block.commands is not None:
        for line in block.commands:
            _command(line, capsys, said)
    elif block.language != "toml":
        exec(compile(block.text, title, "exec"), names)
        said[title] = capsys.readouterr().out


def _command(line: str, capsys: Any, said: dict[str, str]) -> None:
    """Carry out a line of a shell: `pcneuro ...`, `python FILE` or `cd DIR`, with `> FILE` behind it."""
    command, _, file = line.partition("  #")[0].partition(" > ")
    words = shlex.split(command, comments=True)
    if not words:
        return
    match words[0]:
        case "pcneuro":
            assert execute(words[1:]) == 0, line
        case "python":
            given, sys.argv = sys.argv, words[1:]
            try:
                runpy.run_path(words[1], run_name="__main__")
            finally:
                sys.argv = given
        case "cd":
            os.chdir(words[1])
        case _:
            raise AssertionError(f"{line}: not a command that is followed; a block of `bash` is not")
    said[line] = capsys.readouterr().out
    if file:
        Path(file).write_text(said[line], encoding="utf-8")
