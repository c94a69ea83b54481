"""Structures of arrays without reference counting: what kernels pass on to the functions that they are made of.

Numba counts the references to an array wherever it is passed or taken from a tuple, each time with an atomic addition:
as much as a small update step takes. Whoever calls a kernel keeps its arrays anyway.
"""

from __future__ import annotations

import numba
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

if numba.config.DISABLE_JIT:

    def uncounted(structure):  # type: ignore[no-untyped-def]
        """The structure itself."""
        return structure
else:

    @intrinsic
    def uncounted(typingctx, structure):  # type: ignore[no-untyped-def]
        """The same NamedTuple, of whose arrays no references are counted."""

        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            (kind,), (whole,) = signature.args, args
            for i, field in enumerate(kind):
                if isinstance(field, types.Array):
                    array = context.make_array(field)(context, builder, builder.extract_value(whole, i))
                    array.meminfo = cgutils.get_null_value(array.meminfo.type)
                    array.parent = cgutils.get_null_value(array.parent.type)
                    whole = builder.insert_value(whole, array._getvalue(), i)
            return whole

        return structure(structure), codegen
