"""The seed of a simulation file: all that is drawn is drawn from it, unless a seed of its own is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel

SEED = "seed"
"""The key, in the file and in every table of something that is drawn; and the argument that weights are drawn from."""
T = TypeVar("T", bound=BaseModel)


def seeded(task: T, raw: Mapping[str, Any]) -> T:
    """The task with the file's ``seed`` in all that is drawn; as it is where the file gives none.

    ``raw`` is the file's table: what has a seed of its own there keeps it.
    """
    if SEED not in raw:
        return task
    seed = getattr(task, SEED)
    drawn = {name: _seeded(getattr(task, name), raw.get(name), seed) for name in type(task).model_fields}
    return task.model_copy(update={name: made for name, made in drawn.items() if made is not getattr(task, name)})


def _seeded(made: Any, raw: Any, seed: int) -> Any:
    """An object of settings with the seed, in what it holds, too."""
    if not is_dataclass(made) or isinstance(made, type):
        return made
    table = raw if isinstance(raw, Mapping) else {}
    changes = {}
    for field in fields(made):
        if not field.init:
            continue
        value = getattr(made, field.name)
        changed = seed if field.name == SEED and SEED not in table else _seeded(value, table.get(field.name), seed)
        if changed is not value:
            changes[field.name] = changed
    return replace(made, **changes) if changes else made


def own_seeds(raw: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Dotted keys of a file that give something a seed of its own."""
    for key, value in raw.items() if isinstance(raw, Mapping) else ():
        if key == SEED and path:
            yield ".".join((*path, key))
        elif isinstance(value, Mapping):
            yield from own_seeds(value, (*path, key))


def not_swept(raw: Mapping[str, Any], swept: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where runs differ in ``seed``: keys of seeds that stay what they are in all of them."""
    if len({values[SEED] for values in swept if SEED in values}) < 2:
        return []
    keys = {key for values in swept for key in values}
    kept = own_seeds({key: value for key, value in raw.items() if key != "sweep"})
    return [key for key in kept if not any(key == each or key.startswith(f"{each}.") for each in keys)]
