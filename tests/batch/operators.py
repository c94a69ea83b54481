"""An operator of a user in a module that workers can import."""

import pcneuro as pcn


def _doubled(x):
    return 2.0 * x


def _vjp(gradient, output, x):
    return (2.0 * gradient,)


doubled = pcn.operator(_doubled, _vjp, name="doubled_for_tests", compiled=False)
