"""Directives of the reference: commands, and keys of simulation files and of chips, as the package has them."""

from __future__ import annotations

import inspect
import re
import sys
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from pydantic.fields import FieldInfo

UNITS = {"Ge": "at least {ge}", "Gt": "above {gt}", "Le": "at most {le}"}


class Generated(Directive):
    """Lines of Markdown that a function makes."""

    def run(self) -> list[Any]:
        self.state.document.settings.env.note_reread()  # what it is made of is not the page
        lines = StringList(self.lines(), source=type(self).__name__)
        from docutils.nodes import section

        node = section()
        self.state.nested_parse(lines, self.content_offset, node, match_titles=True)
        return node.children

    @abstractmethod
    def lines(self) -> list[str]:
        """What it is made of, as lines of a page."""


class Commands(Generated):
    """Every command, with its arguments and options."""

    def lines(self) -> list[str]:
        import typer

        from pcneuro.cli.app import app

        return list(_command("pcneuro", typer.main.get_command(app)))


def _command(name: str, command: Any) -> Iterable[str]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield from (f"## {name}", "", " ".join((command.help or "").split()), "")
        rows = [row for parameter in command.params if (row := _option(parameter))]
        if rows:
            yield from ("| argument or option | without it | meaning |", "| --- | --- | --- |", *rows, "")
        return
    for key in inner:
        yield from _command(f"{name} {key}", inner[key])


def _option(parameter: Any) -> str | None:
    if getattr(parameter, "hidden", False):
        return None
    argument = parameter.param_type_name == "argument"
    written = parameter.metavar or parameter.name.upper() if argument else ", ".join(parameter.opts)
    if not argument and not getattr(parameter, "is_flag", False):
        written += f" {parameter.metavar or parameter.name.upper()}"
    default = "needed" if parameter.required else ("-" if parameter.default in (None, False, "") else parameter.default)
    return _row([f"`{written}`", str(default), getattr(parameter, "help", None) or "-"])


class SimulationKeys(Generated):
    """Every key of every task, and the keys of each kind of object that a key may hold."""

    def lines(self) -> list[str]:
        return list(simulation_keys())


class ChipKeys(Generated):
    """Every key of a chip's file."""

    def lines(self) -> list[str]:
        from pcneuro.mapping import keys_table

        return keys_table().splitlines()


def simulation_keys() -> Iterable[str]:
    """Sections of Markdown: keys of all tasks, of each task, and of the kinds that there are."""
    import pcneuro.studies.tasks  # noqa: F401
    from pcneuro.studies.task import TASKS, AbstractTask, DrivenTask

    common = [AbstractTask, DrivenTask]
    yield from _section("Every task", AbstractTask, AbstractTask.model_fields)
    own = {key: field for key, field in DrivenTask.model_fields.items() if key not in AbstractTask.model_fields}
    yield from _section("Tasks that simulate once", DrivenTask, own)
    for kind, task in sorted(TASKS.items()):
        base = next(each for each in reversed(common) if issubclass(task, each))
        fields = {key: f for key, f in task.model_fields.items() if key in task.__annotations__}
        more = [each for each in task.__mro__[1:] if getattr(each, "kind", None) in TASKS]
        kin = f"the keys of *task = `{more[0].kind}`*" if more else f"the keys of *{_TITLES[base.__name__]}*"
        yield from _section(f"task = `{kind}`", task, fields, f" It has {kin}, too.")
    from pcneuro.batch.table import BatchTable

    yield from _section("`[batch]`: many runs", BatchTable, BatchTable.model_fields)
    for title, registry in _registries().items():
        yield from (f"## {title}", "")
        rows = []
        for kind, made in registry.items():
            keys = ", ".join(f"`{key}` ({kind_of}, {default})" for key, kind_of, default in keys_of(made)) or "none"
            rows.append(_row([f"`{kind}`", keys, _first(made)]))
        yield from ("| kind | keys (type, without it) | meaning |", "| --- | --- | --- |", *rows, "")


_TITLES = {"AbstractTask": "every task", "DrivenTask": "tasks that simulate once"}


def _registries() -> dict[str, Mapping[str, type]]:
    from pcneuro.batch.runners.abstract import RUNNERS
    from pcneuro.data import DATASETS
    from pcneuro.learning import OPTIMIZERS, RATES
    from pcneuro.model.delays import DELAYS
    from pcneuro.model.dynamics.abstract import DYNAMICS
    from pcneuro.model.integrators.abstract import INTEGRATORS
    from pcneuro.simulator.schedules.abstract import SCHEDULES
    from pcneuro.studies.spaces import SPACES
    from pcneuro.studies.task import engines
    from pcneuro.studies.values import VALUES

    return {
        "Values: inputs, targets, clamp": VALUES,
        "dynamics": DYNAMICS,
        "integrator": INTEGRATORS,
        "schedule": SCHEDULES,
        "engine": engines(),
        "delays": {name: made for name, made in DELAYS.items() if name != "SynapticDelays"},
        "dataset": DATASETS,
        "optimizer": OPTIMIZERS,
        "rates": RATES,
        "Spaces: sweep": SPACES,
        "Runners: batch": RUNNERS,
    }


def keys_of(made: type) -> Iterable[tuple[str, str, str]]:
    """Key, type and default of each parameter with which an object is made."""
    if hasattr(made, "model_fields"):
        for key, field in made.model_fields.items():
            yield key, type_of(field.annotation), default_of(field)
        return
    if made.__init__ is object.__init__:
        return
    for key, parameter in inspect.signature(made).parameters.items():
        needed = parameter.default is inspect.Parameter.empty
        yield key, str(parameter.annotation).replace("|", "or"), "needed" if needed else _shown(parameter.default)


def _section(title: str, model: type, fields: Mapping[str, FieldInfo], more: str = "") -> Iterable[str]:
    yield from (f"## {title}", "", _first(model) + more, "")
    if fields:
        rows = [
            _row([f"`{key}`", type_of(each.annotation), default_of(each), meaning_of(each)])
            for key, each in fields.items()
        ]
        yield from ("| key | type | without it | meaning |", "| --- | --- | --- | --- |", *rows, "")


def meaning_of(field: FieldInfo) -> str:
    """What a key is for, and its limits."""
    limits = [UNITS[type(each).__name__].format(**vars(each) if hasattr(each, "__dict__") else _slots(each))
              for each in field.metadata if type(each).__name__ in UNITS]  # fmt: skip
    return "; ".join([" ".join((field.description or "").split()).rstrip("."), *limits]).strip("; ")


def _slots(bound: Any) -> dict[str, Any]:
    return {name: getattr(bound, name) for name in ("ge", "gt", "le") if hasattr(bound, name)}


def type_of(hint: Any) -> str:
    """A type in the words of TOML."""
    origin = get_origin(hint)
    if origin is Annotated:
        return type_of(get_args(hint)[0])
    if origin in (list, tuple):
        return f"list, each a {type_of(get_args(hint)[0])}" if get_args(hint) else "list"
    if origin is dict:
        return f"table by name, each a {type_of(get_args(hint)[1])}".replace("a any", "any")
    if origin is not None and origin.__name__ == "Literal":
        return " or ".join(f'`"{each}"`' for each in get_args(hint))
    if origin is Union or type(hint).__name__ == "UnionType":
        return " or ".join(dict.fromkeys(type_of(each) for each in get_args(hint) if each is not type(None)))
    plain = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "any value"}
    return plain.get(hint, "table")


def default_of(field: FieldInfo) -> str:
    """What is taken where the key is missing."""
    if field.is_required():
        return "needed"
    return _shown(field.get_default(call_default_factory=True))


def _shown(value: Any) -> str:
    if value is None or value == "" or value == [] or value == {}:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(_shown(each) for each in value)
    text = f"{value:g}" if isinstance(value, float) else re.sub(r"\(.*", "", str(value))
    return f"`{text}`"


def _first(made: type) -> str:
    return " ".join((inspect.getdoc(made) or "").split("\n\n")[0].split())


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    import pcneuro

    for room in ("passes", "plot", "spaces"):  # autosummary imports what a name begins with; these lie further in
        sys.modules.setdefault(f"pcneuro.{room}", getattr(pcneuro, room))
    app.add_directive("commands", Commands)
    app.add_directive("simulation-keys", SimulationKeys)
    app.add_directive("chip-keys", ChipKeys)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
