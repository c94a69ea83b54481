"""Tracing: an ordinary NumPy function of one sample is called once with arrays that record what is done to them."""

from __future__ import annotations

import functools
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import numpy as np

from pcneuro.errors import GraphError, PcneuroError, TraceError, told
from pcneuro.graph import tracing
from pcneuro.graph.arguments import Arguments, name_of
from pcneuro.graph.checking import Check, RandomStates, note_vertex, runs_on_plain_arrays
from pcneuro.graph.graph import Graph, Parameter, check_name
from pcneuro.graph.recorded import recorded_graph
from pcneuro.graph.tracing.array import Recorder, TracedArray
from pcneuro.graph.tracing.complex import TracedComplex
from pcneuro.graph.tracing.own import NO_INDEX
from pcneuro.graph.tracing.selecting import KEEP_THE_SHAPE, Selection
from pcneuro.graph.tracing.sparse import TracedSparse
from pcneuro.graph.tracing.standing_in import standing_in
from pcneuro.graph.tracing.writing import current
from pcneuro.ops.registry import noting_refusals, refuse, refuse_error

# The handlers of NumPy's functions register themselves where they are imported.
for _module in iter_modules(tracing.__path__):
    import_module(f"{tracing.__name__}.{_module.name}")


def vertex(x: Any, name: str) -> Any:
    """Give ``x`` value and error neurons of its own, under ``name``.

    Outside a trace, on plain arrays, it returns ``x`` as it is. Raises GraphError for a name used twice or one that is
    not made of letters, digits and underscores.

    Examples
    --------
    >>> gain = pcn.trace(lambda x: pcn.vertex(2.0 * x, "twice"), x=pcn.Input(()))
    >>> pcn.build_circuit(gain).vertices
    ('twice',)
    """
    if isinstance(x, TracedArray):
        return x.recorder.mark(x, name)
    if isinstance(x, TracedComplex):
        raise refuse(f"a vertex {name!r} of complex values", "mark .real, .imag or np.abs of it")
    if type(x) is Selection:
        raise refuse(f"a vertex {name!r} of what a mask selects that depends on the data", KEEP_THE_SHAPE)
    note_vertex(x, name)
    return x


def trace(function: Callable[..., Any], /, *places: Any, check: bool = True, **leaves: Any) -> Graph:
    """Call ``function`` once with traced arrays and return its computation graph.

    Parameters
    ----------
    function
        An ordinary NumPy function of one sample (no batch axis), which returns an array or a dict of arrays. A single
        array that is no marked vertex becomes the output ``"out"``.
    places, leaves
        For each of its arguments an ``Input(shape)``, a ``Parameter(array)`` or a ``Latent(shape)``; a list, tuple,
        dict, named tuple or dataclass of these, however deep; or ``Parameters(tree)`` for such a tree of arrays. They
        are given by name, or by place, and those of ``*args`` are a tuple. Leaves in a tree are called after their
        paths, ``params__0__W``; ``graph.trees`` has the trees. What is no leaf is given by ``functools.partial``.
    check
        Whether the function is then called once more, on plain arrays, and what it returns is held against the graph's
        values (relative 1e-9): on the parameters' values, and on drawn ones for inputs and latents. What it prints then
        is not shown, and the common generators of random numbers are left as they were. Where the function raises on
        every draw, nothing is checked.

    Returns
    -------
    Graph
        With ``nodes``, ``parameters``, ``inputs`` and ``outputs`` by name, in the order traced. An output that other
        nodes use, too, is read out through a vertex of its own, called ``<name>_readout`` where the name is taken.

    Raises
    ------
    TraceError
        For an operation that has no derivative or is not known: its name, the line, and what to write instead; where
        the function itself has caught such an error, too. For what a library's function raises of traced arrays, and
        not of plain ones. Where the graph is not what the function computes on plain arrays: the first operation or
        vertex whose values are not the same.
    ShapeError, GraphError, DataError
        For shapes that do not fit, a name used twice, and NaN or infinity in a parameter.

    Examples
    --------
    >>> square = pcn.trace(lambda x, w: pcn.vertex(w * x**2, "out"), x=pcn.Input((2,)), w=pcn.Parameter(3.0))
    >>> sorted(square.parameters)
    ['w']
    """
    if not callable(function):
        raise TraceError(
            f"the function to trace is {told(function)}; give a function of arrays, such as a def or lambda"
        )
    if not isinstance(check, bool | np.bool_):
        raise TraceError(f"check is a {type(check).__name__}: give True or False; no leaf can have this name")
    arguments = Arguments.of(function, places, leaves)
    before = RandomStates.now()
    try:
        recorder, outputs = _recorded(arguments)
    except (PcneuroError, MemoryError, Warning):
        raise
    except Exception as error:
        if _wants_memory(error) or (check and runs_on_plain_arrays(arguments, before)):
            raise refuse_error(error) from error
        raise
    after = RandomStates.now()
    graph = recorded_graph(recorder, outputs, arguments.trees)
    if check:
        whole = functools.partial(recorded_graph, recorder, outputs, arguments.trees, whole=True)
        again = functools.partial(_again, arguments)
        Check(arguments, recorder, graph, whole, again, before, after).run()
    return graph


def _recorded(arguments: Arguments) -> tuple[Recorder, dict[str, int]]:
    """What was done to traced arrays in one call of the function, and the numbers of its outputs."""
    recorder = Recorder()
    arrays: dict[str, TracedArray | TracedSparse] = {}
    for name, leaf in arguments.leaves.items():
        array = recorder.add(leaf, (), leaf.shape)
        recorder.name(array, name)
        pattern = leaf.pattern if isinstance(leaf, Parameter) else None
        arrays[name] = array if pattern is None else TracedSparse(array, pattern)
    for name in arguments.trees:
        recorder.reserve(name)
    with noting_refusals() as refusals, standing_in(arguments.function):
        returned = _call(arguments, arrays, refusals)
        if refusals:
            raise TraceError(f"{refusals[0]} ({_CAUGHT})")
        return recorder, _outputs(recorder, returned)


def _again(arguments: Arguments) -> Recorder:
    return _recorded(arguments)[0]


_CAUGHT = "an except of the function, or of a library, has caught this error"


def _call(arguments: Arguments, arrays: Mapping[str, Any], refusals: Sequence[TraceError]) -> Any:
    try:
        return arguments.call(arrays)
    except UnboundLocalError as error:
        # As of h in h = np.tanh(x @ W + h @ U): what it was before is no variable of the function.
        name = next(iter(re.findall(r"'(\w+)'", str(error))), "h")
        raise TraceError(
            f"{name_of(arguments.function)} reads {name!r} before it is computed: its activity of before is an "
            f"argument of the function, with a leaf {name}_before=pcn.Recurrent({name!r}, shape)"
        ) from error
    except PcneuroError:
        raise
    except Exception as error:
        if isinstance(error.__cause__, TraceError):
            # NumPy puts an error of its own in front of ours where an element of an array is written.
            raise error.__cause__ from None
        if refusals:
            raise TraceError(f"{refusals[0]} ({_CAUGHT})") from error
        if isinstance(error, IndexError) and str(NO_INDEX) in str(error):
            raise _outside_index(error) from None
        raise


def _outside_index(error: Exception) -> TraceError:
    line = traceback.extract_tb(error.__traceback__)[-1]
    return TraceError(
        f"an index of traced whole numbers into an array from outside of the function cannot be traced "
        f"({Path(line.filename).name}:{line.lineno}: {line.line}): write np.take(a, i)"
    )


_MEMORY = (TracedArray.__name__, TracedComplex.__name__, "__array_interface__")
"""What compiled functions of libraries name, that look for the memory of an array."""


def _wants_memory(error: Exception) -> bool:
    return any(name in str(error) for name in _MEMORY)


def _outputs(recorder: Recorder, returned: Any) -> dict[str, int]:
    """Output -> number of its entry: one that nothing else uses, and that has a name."""
    single = not isinstance(returned, Mapping)
    by_name: Mapping[Any, Any] = {"out": returned} if single else returned
    if not by_name:
        raise GraphError("the function returned an empty dict: there is no output")
    by_name = {name: current(array) for name, array in by_name.items()}
    for name, array in by_name.items():
        check_name(name, "an output")
        if type(array) is Selection:
            raise refuse(f"output {name!r}, selected by a mask that depends on the data,", KEEP_THE_SHAPE)
        if isinstance(array, TracedComplex):
            raise refuse(f"output {name!r}, which is complex,", "return .real, .imag or np.abs of it")
        if not isinstance(array, TracedArray):
            raise TraceError(
                f"output {name!r} is a {type(array).__name__}, not an array that depends on the leaves; return one "
                "such array, or a dict of them by name"
            )
        recorder.lift(array)
    used = {operand for _, operands, _, _ in recorder.entries for operand in operands}
    numbers = [array.number for array in by_name.values()]
    numbers_by_name: dict[str, int] = {}
    for name, array in by_name.items():
        computed = recorder.is_computed(array)
        if single and computed:
            name = recorder.names.get(array.number, name)
        if not computed or array.number in used or numbers.count(array.number) > 1:
            array = recorder.copy(array)
        if array.number not in recorder.names:
            recorder.name(array, f"{name}_readout" if name in recorder.taken else name)
        numbers_by_name[name] = array.number
    return numbers_by_name
