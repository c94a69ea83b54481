"""Names of a store's variables: which are its own, which would stand for two things, and their folders."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

RUN = "run"
STATUS, MESSAGE, SCHEMA = "status", "message", "schema"
RESERVED = frozenset((RUN, STATUS, MESSAGE, SCHEMA))
"""The store's own: the dimension, how runs ended, and which records they have where those differ."""
NUMBER, RECORD, AXIS = "number.", "record.", "swept."
"""What goes before a name that would stand for two things."""
LONGEST = 200
"""Bytes of a name that every file system takes, with room for what is put behind it while it is written."""
_KEPT = 40
"""Characters of a longer one that are kept."""
OTHERS = "%records"
"""The group of groups of records of other schemas than the first. No variable's folder is called so."""


def free(name: str, taken: Collection[str], before: str) -> str:
    """The name, with ``before`` in front where it is taken, or begins like that: no two names become one."""
    if name in taken or name.startswith(before):
        name = before + name
    while name in taken:
        name = before + name
    return name


def folder_name(name: str) -> str:
    """What the folder of a variable is called: its name, but for what zarr and file systems keep to themselves."""
    text = name.encode(errors="backslashreplace").decode().replace("%", "%25").replace("/", "%2F").replace("\\", "%5C")
    text = "".join(f"%{ord(letter):02X}" if letter < " " else letter for letter in text)
    if not text:
        text = "%"
    if text.startswith((".", "__")) or text == "zarr.json":
        text = f"%{ord(text[0]):02X}{text[1:]}"
    if len(text.encode()) > LONGEST:
        text = f"{text[:_KEPT]}%{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:16]}"
    return text
