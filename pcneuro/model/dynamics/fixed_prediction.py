"""Fixed prediction (Millidge, Tschantz & Buckley 2020, section 3): the circuit computes backprop's gradients."""

from __future__ import annotations

from pcneuro.model.dynamics.abstract import AbstractDynamics, Predicting, StateRow


class FixedPrediction(AbstractDynamics):
    """Predictions and their derivatives stay at the feedforward sweep while the value neurons relax.

    The dynamics are linear in e, and e -> -dL/dprediction exactly. The deviation v - prediction is the state, so that
    small errors at large values are not lost in rounding.

    Examples
    --------
    >>> pcn.Simulator(circuit, dynamics=pcn.FixedPrediction()).run(300.0, **data).status
    <Status.COMPLETED: 'completed'>
    """

    holds_predictions = True
    superposes = True
    rows = (StateRow("value", region="deviation", drive="drive", leak="error"),)
    activity = ("prediction", "deviation")
    before_error = ("error",)
    after_error = ("feedback",)

    def refresh(self, network: Predicting) -> None:
        """Nothing: predictions are held."""
