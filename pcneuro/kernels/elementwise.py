"""Primitives applied to consecutive numbers of a buffer, in vectors as wide as the processor's.

What is left over at the end of a row goes through the same code in a vector that is not full, so that a result depends
on its operands only. Where nothing is compiled, NumPy's functions do the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing import signature
from numba.extending import intrinsic

from pcneuro.kernels.dispatch import IDENTITY, SCALAR
from pcneuro.kernels.host import fuses
from pcneuro.kernels.primitive import Primitive
from pcneuro.kernels.primitives import PRIMITIVES
from pcneuro.kernels.tile import vector_length
from pcneuro.kernels.vectors import Format, Real

_I64 = ir.IntType(64)


def _whole(value: int) -> ir.Constant:
    return ir.Constant(_I64, value)


@dataclass(frozen=True)
class _Source:
    """Where an operand is: its first number, and an index argument as in ``dispatch``, here of single numbers."""

    pointer: Any
    index: Any
    table: Any


class _Rows:
    """Code for one function over ``count`` numbers: vector by vector, the last one perhaps not full."""

    def __init__(self, context: Any, builder: Any, function: Primitive, dtype: np.dtype) -> None:
        self.context, self.b, self.function = context, builder, function
        self.form = Format(builder, dtype, vector_length(dtype), fuses())
        self.align = dtype.itemsize

    def _vector(self, pointer: Any) -> Any:
        return self.b.bitcast(pointer, self.form.real.as_pointer())

    def _full(self, pointer: Any) -> Any:
        return self.b.load(self._vector(pointer), align=self.align)

    def _broadcast(self, pointer: Any) -> Any:
        lanes = ir.VectorType(ir.IntType(32), self.form.length)
        undefined = ir.Constant(self.form.real, ir.Undefined)
        one = self.b.insert_element(undefined, self.b.load(pointer), ir.Constant(ir.IntType(32), 0))
        return self.b.shuffle_vector(one, undefined, ir.Constant(lanes, [0] * self.form.length))

    def _copy(self, source: Any, target: Any, count: Any, table: Any = None) -> None:
        with cgutils.for_range(self.b, count, intp=_I64) as loop:
            place = loop.index if table is None else self.b.load(self.b.gep(table, [loop.index]))
            self.b.store(self.b.load(self.b.gep(source, [place])), self.b.gep(target, [loop.index]))

    def _stage(self) -> Any:
        """A place for one vector, as a pointer to its first number."""
        place = cgutils.alloca_once(self.b, self.form.real)
        return self.b.bitcast(place, self.form.real.element.as_pointer())

    def _value(self, operands: Sequence[Any]) -> Any:
        if self.function.vector is None:
            return self._lane_by_lane(operands)
        y = self.function.vector(*(Real(self.form, x) for x in operands)).value
        if self.function.farthest is None:
            return y
        return self._with_far_ones(operands[0], y)

    def _with_far_ones(self, x: Any, y: Any) -> Any:
        """y, or where |x| is beyond the function's range what libm says."""
        assert self.function.farthest is not None
        b, length = self.b, self.form.length
        far = (abs(Real(self.form, x)) > self.function.farthest(self.form)).value
        some = b.bitcast(far, ir.IntType(length)) if length > 1 else b.extract_element(far, ir.Constant(_I64, 0))
        before, stages = b.block, [self._stage(), self._stage()]
        with b.if_then(b.icmp_unsigned("!=", some, ir.Constant(some.type, 0)), likely=False):
            for value, stage in zip((x, y), stages):
                b.store(value, self._vector(stage), align=self.align)
            real = types.float32 if self.form.single else types.float64
            libm = self.context.get_function(getattr(math, self.function.name), signature(real, real))
            with cgutils.for_range(b, _whole(length), intp=_I64) as loop:
                with b.if_then(b.extract_element(far, loop.index)):
                    each = libm(b, [b.load(b.gep(stages[0], [loop.index]))])
                    b.store(each, b.gep(stages[1], [loop.index]))
            corrected, inside = self._full(stages[1]), b.block
        result = b.phi(y.type)
        result.add_incoming(y, before)
        result.add_incoming(corrected, inside)
        return result

    def _lane_by_lane(self, operands: Sequence[Any]) -> Any:
        """The function's values at vectors, each number for itself, in float64."""
        b, lane = self.b, self.function.lane
        assert lane is not None
        arguments = {1: lambda x: lane(x), 2: lambda x, y: lane(x, y)}[len(operands)]
        kind = signature(*[types.float64] * (1 + len(operands)))
        stage = self._stage()
        with cgutils.for_range(b, _whole(self.form.length), intp=_I64) as loop:
            numbers = [b.extract_element(x, loop.index) for x in operands]
            if self.form.single:
                numbers = [b.fpext(x, ir.DoubleType()) for x in numbers]
            y = self.context.compile_internal(b, arguments, kind, numbers)
            if self.form.single:
                y = b.fptrunc(y, ir.FloatType())
            b.store(y, b.gep(stage, [loop.index]))
        return self._full(stage)

    def emit(self, out: Any, sources: Sequence[_Source], count: Any) -> None:
        """out[i] = f(sources[i]) for i < count. One copy of f's code serves all cases, unless f is cheap."""
        b, length = self.b, _whole(self.form.length)
        stages = [self._stage() for _ in sources]
        first = self._whole_vectors(out, sources, count) if self.function.cheap else _whole(0)
        head, body, done = (b.append_basic_block(f"rows.{name}") for name in ("head", "body", "done"))
        before = b.block
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(_I64)
        i.add_incoming(first, before)
        b.cbranch(b.icmp_signed("<", i, count), body, done)
        b.position_at_end(body)
        left = b.sub(count, i)
        y = self._value([self._load(source, i, left, stage) for source, stage in zip(sources, stages)])
        target = b.gep(out, [i])
        with b.if_else(b.icmp_signed(">=", left, length), likely=True) as (full, part):
            with full:
                b.store(y, self._vector(target), align=self.align)
            with part:
                b.store(y, self._vector(stages[0]), align=self.align)
                self._copy(stages[0], target, left)
        i.add_incoming(b.add(i, length), b.block)
        b.branch(head)
        b.position_at_end(done)

    def _whole_vectors(self, out: Any, sources: Sequence[_Source], count: Any) -> Any:
        """A loop without branches for each way in which operands lie that needs no table; returns how far they come."""
        b, length = self.b, _whole(self.form.length)
        done = cgutils.alloca_once_value(b, _whole(0))
        end = b.sub(count, b.srem(count, length))
        for kinds in product((IDENTITY, SCALAR), repeat=len(sources)):
            chosen = [b.icmp_signed("==", s.index, _whole(kind)) for s, kind in zip(sources, kinds)]
            with b.if_then(reduce(b.and_, chosen, b.icmp_signed(">", end, _whole(0)))):
                fixed = [self._broadcast(s.pointer) if kind == SCALAR else None for s, kind in zip(sources, kinds)]
                with cgutils.for_range_slice(b, _whole(0), end, length, intp=_I64) as (i, _):
                    x = [self._full(b.gep(s.pointer, [i])) if f is None else f for s, f in zip(sources, fixed)]
                    b.store(self._value(x), self._vector(b.gep(out, [i])), align=self.align)
                b.store(end, done)
        return b.load(done)

    def _load(self, source: _Source, i: Any, left: Any, stage: Any) -> Any:
        """The vector at i: one number for all lanes, consecutive ones, or those that a table tells."""
        b, length = self.b, _whole(self.form.length)
        cases = {n: b.append_basic_block(f"rows.{n}") for n in ("one", "several", "row", "full", "stage", "join")}
        branches = []

        def case(value: Any) -> None:
            branches.append((value, b.block))
            b.branch(cases["join"])

        b.cbranch(b.icmp_signed("==", source.index, _whole(SCALAR)), cases["one"], cases["several"])
        b.position_at_end(cases["one"])
        case(self._broadcast(source.pointer))
        b.position_at_end(cases["several"])
        full = b.icmp_signed(">=", left, length)
        b.cbranch(b.icmp_signed("==", source.index, _whole(IDENTITY)), cases["row"], cases["stage"])
        b.position_at_end(cases["row"])
        b.cbranch(full, cases["full"], cases["stage"])
        b.position_at_end(cases["full"])
        case(self._full(b.gep(source.pointer, [i])))
        b.position_at_end(cases["stage"])
        self._fill(source, i, b.select(full, length, left), stage)
        case(self._full(stage))
        b.position_at_end(cases["join"])
        value = b.phi(self.form.real)
        for each, block in branches:
            value.add_incoming(each, block)
        return value

    def _fill(self, source: _Source, i: Any, count: Any, stage: Any) -> None:
        """Put an operand's numbers from i on into ``stage``: consecutive ones, or those that a table tells."""
        b = self.b
        # Ones in the lanes that are not used: no function is slow there.
        b.store(self.form.number(1.0).value, self._vector(stage), align=self.align)
        with b.if_else(b.icmp_signed("==", source.index, _whole(IDENTITY))) as (consecutive, listed):
            with consecutive:
                self._copy(b.gep(source.pointer, [i]), stage, count)
            with listed:
                self._copy(source.pointer, stage, count, b.gep(source.table, [b.add(source.index, i)]))


def _data(context: Any, builder: Any, kind: Any, array: Any, first: Any = None) -> Any:
    pointer = context.make_array(kind)(context, builder, array).data
    return pointer if first is None else builder.gep(pointer, [first])


if numba.config.DISABLE_JIT:

    def apply_one(name, buf, out, source, count):  # type: ignore[no-untyped-def]
        """See below."""
        with np.errstate(all="ignore"):
            buf[out : out + count] = PRIMITIVES[name].array(buf[source : source + count])

    def apply_two(name, buf, shared, ints, out, a, a_shared, a_index, b, b_shared, b_index, count):  # type: ignore[no-untyped-def]
        """See below."""
        operands = []
        for first, is_shared, index in ((a, a_shared, a_index), (b, b_shared, b_index)):
            array = shared if is_shared == 1 else buf
            places = {IDENTITY: np.arange(count), SCALAR: np.zeros(1, dtype=np.int64)}
            operands.append(array[first + (ints[index : index + count] if index >= 0 else places[index])])
        with np.errstate(all="ignore"):
            buf[out : out + count] = PRIMITIVES[name].array(*operands)
else:

    @intrinsic(prefer_literal=True)
    def apply_one(typingctx, name, buf, out, source, count):  # type: ignore[no-untyped-def]
        """buf[out + i] = f(buf[source + i]) for i < count, f by its name, a constant; out may be the source."""
        if not isinstance(name, types.StringLiteral):
            return None
        function, n = PRIMITIVES[name.literal_value], types.int64

        def codegen(context, b, signature, args):  # type: ignore[no-untyped-def]
            _, array, out, source, count = args
            kind = signature.args[1]
            rows = _Rows(context, b, function, np.dtype(kind.dtype.name))
            nowhere = ir.Constant(_I64.as_pointer(), None)
            operand = _Source(_data(context, b, kind, array, source), _whole(IDENTITY), nowhere)
            rows.emit(_data(context, b, kind, array, out), [operand], count)
            return context.get_dummy_value()

        return types.void(name, buf, n, n, n), codegen

    @intrinsic(prefer_literal=True)
    def apply_two(typingctx, name, buf, shared, ints, out, a, a_shared, a_index, b, b_shared, b_index, count):  # type: ignore[no-untyped-def]
        """buf[out + i] = f(A[a + p(i)], B[b + q(i)]) for i < count; A is ``shared`` where a_shared is 1, else ``buf``.

        The indices tell p and q as those of rows do: i, or 0, or what stands in ``ints`` from there on.
        """
        if not isinstance(name, types.StringLiteral):
            return None
        function, n = PRIMITIVES[name.literal_value], types.int64

        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            _, array, common, tables, out, *places, count = args
            _, kind, _, table_kind = signature.args[:4]
            rows = _Rows(context, builder, function, np.dtype(kind.dtype.name))
            table = _data(context, builder, table_kind, tables)
            sources = []
            for first, is_shared, index in (places[:3], places[3:]):
                where = builder.icmp_signed("==", is_shared, _whole(1))
                pointers = (_data(context, builder, kind, x, first) for x in (common, array))
                sources.append(_Source(builder.select(where, *pointers), index, table))
            rows.emit(_data(context, builder, kind, array, out), sources, count)
            return context.get_dummy_value()

        return types.void(name, buf, shared, ints, *([n] * 8)), codegen
