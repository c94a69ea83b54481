"""Measuring a wavefront: the run is made twice, since what a share is a share of is known at its end only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pcneuro.analysis.wavefront.distance import NONE, Clock, least_ways
from pcneuro.analysis.wavefront.passes import Arrivals, GradientShares, Passes
from pcneuro.analysis.wavefront.report import Front, Wavefront
from pcneuro.circuit.noise import refuse_noise
from pcneuro.errors import ParameterError, check_object, told
from pcneuro.model.timed import TimedArray
from pcneuro.quantities import Range, milliseconds, number
from pcneuro.recording.record import interval_in_steps
from pcneuro.simulator.progress import Report, interruptible, reporter
from pcneuro.simulator.result import Result, Status
from pcneuro.simulator.run_data import steps_of
from pcneuro.simulator.simulator import Simulator

SHARES = (0.01, 0.1, 0.5)
"""Of the final gradient."""


def wavefront(
    simulator: Simulator,
    duration: float,
    *,
    inputs: Mapping[str, Any] | None = None,
    targets: Mapping[str, Any] | None = None,
    clamp: Mapping[str, Any] | None = None,
    every: float | None = None,
    shares: Sequence[float] = SHARES,
    report: Report = None,
    report_period: float = 10.0,
) -> Wavefront:
    """How errors travel back through a circuit: when they arrive at every population, and when its gradient is there.

    Goes back to time zero (``reset()``) and simulates ``duration`` twice: for arrivals and for the errors at the end
    e_end, and again for the share of them that each population has at each time,

        share(t) = <e(t), e_end> / <e_end, e_end>, over all samples and units,

    which is the share of its parameters' gradients, as these are linear in e. A time to a share is that of the first
    sample at or beyond it, without interpolation; a share that is overshot and comes back is crossed once. Memory does
    not grow with the duration, but for one number a population at some 500 times. The simulator is left at the end.

    An error below the smallest number of the dtype is zero: at dt/tau = 0.1 the first to arrive has 0.1^(k - 1) of its
    size k projections on, which float32 no longer holds after some 38 of them, and float64 after some 300. Arrivals
    beyond are later than what the bound allows.

    Parameters
    ----------
    simulator
        Any dynamics, integrator and engine; its schedule must have all populations step together (not ``Sequential``).
    duration
        In ms, a multiple of ``every``.
    inputs, targets, clamp
        As for ``Simulator.run``.
    every
        Interval in ms at which the run is looked at, a multiple of dt; dt by default. Times are as fine as that, but
        for arrivals at engines that know theirs.
    shares
        Of the final gradient, above 0 and up to 1.
    report, report_period
        As for ``Simulator.run``; both runs together are the whole.

    Returns
    -------
    Wavefront
        Ctrl-C returns what is known by then, with status ``"interrupted"``: in the first run arrivals alone. A run that
        diverges has status ``"diverged"`` and arrivals until then: there is no final gradient.

    Raises
    ------
    ParameterError
        For a duration, interval or shares that do not fit, for a schedule without a common time, and for error neurons
        with a time constant, and for plasticity.

    Examples
    --------
    >>> report = pcn.wavefront(pcn.Simulator(circuit), 200.0, **data)
    >>> report.time  # ms
    200.0
    """
    check_object("simulator", simulator, Simulator)
    for name in simulator.circuit.leaky_errors:
        raise ParameterError(
            f"error neurons of {name!r} have a time constant: no error is there at the start, whose way could be "
            "followed; build the circuit without error_tau"
        )
    refuse_noise(simulator.circuit, "a wavefront", "look at records instead")
    simulator.circuit.only_fixed_weights("the measurement of a wavefront", "make the simulator of a circuit without")
    for group in (inputs, targets, clamp):
        for name, value in group.items() if isinstance(group, Mapping) else ():
            if isinstance(value, TimedArray):
                raise ParameterError(
                    f"{name!r} is a TimedArray, and a wavefront is of constant data: give an array of one time, or "
                    "look at records instead"
                )
    steps, span = steps_of(duration, None, simulator.integrator.dt)
    stride = _checked_stride(simulator, steps, span, every)
    wanted = _shares(shares)
    show = reporter(report, report_period, 0.0, steps * simulator.integrator.dt)
    return _measured(simulator, {"inputs": inputs, "targets": targets, "clamp": clamp}, steps, stride, wanted, show)


def _measured(
    simulator: Simulator,
    data: Mapping[str, Mapping[str, Any] | None],
    steps: int,
    stride: int,
    shares: tuple[float, ...],
    show: Callable[[float, float], None],
) -> Wavefront:
    """The report of both passes, looked at every ``stride`` steps."""
    with interruptible() as noted:
        simulator.reset()
        first = simulator.run(0.0, **data)  # type: ignore[arg-type]
        passes = Passes(simulator, first.stats["batch"], steps, stride, show, noted)
        passes.note(first.status, first.message)
        arrivals = Arrivals(simulator, first, passes)
        arrivals.measure()
        reached, last = simulator.time, None
        if passes.status is Status.COMPLETED:
            last = simulator.run(0.0)
            passes.note(last.status, last.message)
        curves = GradientShares(simulator, last if passes.status is Status.COMPLETED else None, shares, passes)
        curves.measure()
    return _assembled(simulator, first, arrivals, curves, passes, reached)


def _checked_stride(simulator: Simulator, steps: int, duration: float, every: float | None) -> int:
    """The interval in steps, of which the run is a multiple; raises ParameterError."""
    dt = simulator.integrator.dt
    stride = _stride(every, dt)
    if steps == 0 or steps % stride:
        more = max(1, -(-steps // stride)) * stride * dt
        raise ParameterError(f"duration {duration:g} ms is no multiple of every = {stride * dt:g} ms: try {more:g} ms")
    if not simulator.schedule.together:
        raise ParameterError(
            f"{simulator.schedule!r}: its populations take turns, and no wave goes through them; use Parallel()"
        )
    return stride


def _stride(every: float | None, dt: float) -> int:
    """The interval in steps."""
    if every is None:
        return 1
    return interval_in_steps("every =", milliseconds("every", every), dt)


_SHARE = Range("a number above 0, up to 1", lambda x: 0.0 < x <= 1.0)


def _shares(shares: Any) -> tuple[float, ...]:
    """Shares in ascending order."""
    given = list(shares) if isinstance(shares, Sequence | np.ndarray) and not isinstance(shares, str | bytes) else []
    if not given:
        raise ParameterError(f"shares is {told(shares)}; give numbers above 0 and up to 1, such as (0.01, 0.1, 0.5)")
    numbers = [number("each of shares", share, _SHARE) for share in given]
    return tuple(sorted(set(numbers)))


def _assembled(
    simulator: Simulator, first: Result, arrivals: Arrivals, curves: GradientShares, passes: Passes, reached: float
) -> Wavefront:
    """The report of what was measured in ``reached`` ms."""
    integrator, stats = simulator.integrator, first.stats
    clock = Clock(integrator.dt, len(integrator.weights) if simulator.in_steps else 0)
    ways = least_ways(
        simulator.circuit, arrivals.sources, arrivals.clamped, simulator.dynamics.holds_predictions, clock
    )
    rows = []
    for name in arrivals.names:
        way, times = ways.get(name, NONE), tuple(curves.reached[name].tolist())
        rows.append(Front(name, arrivals.at[name], times, way.hops, way.bound, way.path, curves.norm(name)))
    message = passes.message or f"completed {round(reached / integrator.dt)} steps"
    return Wavefront(
        tuple(rows),
        tuple(curves.shares.tolist()),
        reached,
        passes.stride * integrator.dt,
        integrator.dt,
        curves.array(),
        arrivals.energies(),
        passes.status,
        message,
        {key: str(stats[key]) for key in ("dynamics", "integrator", "schedule", "engine")},
    )
