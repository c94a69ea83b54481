"""Arrays without an owner: Numba counts no references of them, which costs as much as a row of synapses."""

from __future__ import annotations

import numba
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

if numba.config.DISABLE_JIT:

    def borrowed(array):  # type: ignore[no-untyped-def]
        """See below."""
        return array
else:

    @intrinsic
    def borrowed(typingctx, array):  # type: ignore[no-untyped-def]
        """The same array, whose memory somebody else keeps for as long as this is used."""
        if not isinstance(array, types.Array):
            return None

        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            found = context.make_array(signature.args[0])(context, builder, args[0])
            found.meminfo = cgutils.get_null_value(found.meminfo.type)
            found.parent = cgutils.get_null_value(found.parent.type)
            return found._getvalue()

        return array(array), codegen
