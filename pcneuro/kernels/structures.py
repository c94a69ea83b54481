"""Structures of named arrays and whole numbers, which kernels take as one argument.

Numba passes an array as seven numbers and counts references to it wherever it goes, which costs as much as a row of
synapses. A structure is passed as one pointer, to a table of where its arrays are and how long; ``state.x`` in a kernel
loads these two, without reference counting: whoever calls a kernel keeps the structure for as long as it runs.

For a handful of arrays NamedTuples do (``kernels.arguments``). Without compilation a structure is an ordinary object
with NumPy arrays as attributes.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, ClassVar, get_type_hints

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.imputils import lower_getattr_generic, lower_setattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, models, register_model, typeof_impl, unbox
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import from_dtype

Reals = Annotated[np.ndarray, None]
"""Numbers of the type that the simulation is in."""
Times = Annotated[np.ndarray, np.dtype(np.float64)]
Integers = Annotated[np.ndarray, np.dtype(np.int64)]
Integers32 = Annotated[np.ndarray, np.dtype(np.int32)]

_SLOT = ir.IntType(64)


class StructureType(types.Type):
    """The Numba type of a structure in one floating-point type: name -> (its first slot in the table, its type)."""

    def __init__(self, name: str, fields: dict[str, tuple[int, types.Type]]) -> None:
        super().__init__(name=name)
        self.fields = fields


def _width(kind: Any) -> int:
    """Slots of a field: an array has its address and its length."""
    return 1 if isinstance(kind, type) else 2


def _number(slot: int) -> property:
    def read(self: Any) -> int:
        return int(self.table[slot])

    def write(self: Any, value: int) -> None:
        self.table[slot] = value

    return property(read, write)


class AbstractStructure:
    """Arrays, whole numbers and other structures by name; a subclass lists them as annotations.

    Arrays are of one dimension. Which arrays there are stays; kernels change numbers, and what is in arrays.
    """

    kinds: ClassVar[dict[str, Any]]
    """Field of a subclass -> its annotation."""
    slots: ClassVar[dict[str, int]]
    """Field of a subclass -> its first slot in the table."""
    dtype: np.dtype
    """Of ``Reals``."""
    table: np.ndarray
    """What compiled code has of it: numbers, and addresses."""
    address: int
    type: StructureType

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls, include_extras=True)
        cls.kinds = {name: hints[name] for name in cls.__annotations__}
        cls.slots, end = {}, 0
        for name, kind in cls.kinds.items():
            cls.slots[name] = end
            end += _width(kind)
            if kind is int:
                setattr(cls, name, _number(cls.slots[name]))

    def __init__(self, dtype: np.dtype, **values: Any) -> None:
        """All fields, arrays in the types of their annotations. Raises TypeError for other fields than there are."""
        if values.keys() != self.kinds.keys():
            odd = sorted(values.keys() ^ self.kinds.keys())
            raise TypeError(f"{type(self).__name__} takes {', '.join(self.kinds)}: {', '.join(odd)} is missing or odd")
        table = np.zeros(sum(map(_width, self.kinds.values())), dtype=np.int64)
        made: dict[str, Any] = {"dtype": np.dtype(dtype), "table": table, "address": table.ctypes.data}
        nested: list[StructureType] = []
        for name, kind in self.kinds.items():
            value, slot = values[name], self.slots[name]
            if kind is int:
                table[slot] = value
            elif isinstance(kind, type):
                made[name], table[slot] = value, value.address
                nested.append(value.type)
            else:
                array = made[name] = np.ascontiguousarray(value, kind.__metadata__[0] or made["dtype"])
                table[slot : slot + 2] = array.ctypes.data, array.size
        made["type"] = _type_of(type(self), made["dtype"], tuple(nested))  # type: ignore[arg-type]
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if self.kinds.get(name) is not int:
            raise AttributeError(f"{type(self).__name__}.{name} stays: only what is in it can be changed")
        object.__setattr__(self, name, value)

    def values(self) -> dict[str, Any]:
        """Field -> array, number or structure."""
        return {name: getattr(self, name) for name in self.kinds}

    def replaced(self, **values: Any) -> Any:
        """A structure of the same arrays, but for these fields."""
        return type(self)(self.dtype, **(self.values() | values))

    def copied(self) -> Any:
        """A structure of copies of all arrays."""
        copies = {n: v.copied() if isinstance(v, AbstractStructure) else np.copy(v) for n, v in self.values().items()}
        return type(self)(self.dtype, **copies)

    @property
    def nbytes(self) -> int:
        """Bytes of arrays and tables."""
        return self.table.nbytes + sum(v.nbytes for v in self.values().values() if not isinstance(v, int))


# Structures are made for every sample of every run; Numba takes half a millisecond to make the types of one.
@cache
def _type_of(structure: type[AbstractStructure], dtype: np.dtype, nested: tuple[StructureType, ...]) -> StructureType:
    """Numba's type of a structure; ``nested`` are those of the structures in it, in their order."""
    fields: dict[str, tuple[int, types.Type]] = {}
    inner = iter(nested)
    for name, kind in structure.kinds.items():
        numba_type = types.int64
        if isinstance(kind, type) and kind is not int:
            numba_type = next(inner)
        elif kind is not int:
            numba_type = types.Array(from_dtype(np.dtype(kind.__metadata__[0] or dtype)), 1, "C")
        fields[name] = structure.slots[name], numba_type
    return StructureType(f"{structure.__name__}({dtype.name})", fields)


@typeof_impl.register(AbstractStructure)
def _typeof(structure: AbstractStructure, context: Any) -> StructureType:
    return structure.type


@register_model(StructureType)
class _Pointer(models.PrimitiveModel):
    """To the first slot of the table."""

    def __init__(self, manager: Any, kind: StructureType) -> None:
        super().__init__(manager, kind, _SLOT.as_pointer())


@unbox(StructureType)
def _unbox(kind: StructureType, structure: Any, c: Any) -> NativeValue:
    attribute = c.pyapi.object_getattr_string(structure, "address")
    address = c.unbox(types.int64, attribute)
    c.pyapi.decref(attribute)
    return NativeValue(c.builder.inttoptr(address.value, _SLOT.as_pointer()), is_error=address.is_error)


@infer_getattr
class _Fields(AttributeTemplate):
    """What attributes of a structure are."""

    key = StructureType

    def generic_resolve(self, kind: StructureType, name: str) -> types.Type | None:
        return kind.fields[name][1] if name in kind.fields else None


@lower_getattr_generic(StructureType)
def _read(context: Any, builder: Any, kind: StructureType, table: Any, name: str) -> Any:
    slot, field = kind.fields[name]
    first = builder.load(builder.gep(table, [_SLOT(slot)]))
    if isinstance(field, types.Integer):
        return first
    # Where an array is does not change while a kernel runs, whatever the kernel writes.
    unchanging = builder.module.add_metadata([])
    first.set_metadata("invariant.load", unchanging)
    if isinstance(field, StructureType):
        return builder.inttoptr(first, _SLOT.as_pointer())
    length = builder.load(builder.gep(table, [_SLOT(slot + 1)]))
    length.set_metadata("invariant.load", unchanging)
    array = context.make_array(field)(context, builder)
    size = context.get_constant(types.intp, field.dtype.bitwidth // 8)
    data = builder.inttoptr(first, array.data.type)
    populate_array(array, data=data, shape=[length], strides=[size], itemsize=size, meminfo=None)
    return array._getvalue()


@lower_setattr_generic(StructureType)
def _write(context: Any, builder: Any, signature: Any, arguments: Any, name: str) -> None:
    kind, value_type = signature.args
    table, value = arguments
    slot, field = kind.fields[name]
    number = context.cast(builder, value, value_type, field)
    builder.store(number, builder.gep(table, [_SLOT(slot)]))
