"""Strict predictive coding (Rao & Ballard 1999; Whittington & Bogacz 2017): a gradient flow of the free energy."""

from __future__ import annotations

from pcneuro.model.dynamics.abstract import AbstractDynamics, Predicting, StateRow


class Strict(AbstractDynamics):
    """Predictions and their derivatives follow the value neurons at all times: tau dv/dt = -dF/dv.

    Its equilibrium differs from backprop by terms of the order of the output error.

    Examples
    --------
    >>> pcn.Simulator(circuit, dynamics=pcn.Strict()).run(300.0, **data).status
    <Status.COMPLETED: 'completed'>
    """

    holds_predictions = False
    superposes = False
    rows = (StateRow("value", region="value", drive="drive", leak="error"),)
    activity = ("value",)
    before_error = ("forward", "linearise", "deviate", "error")
    after_error = ("feedback",)

    def refresh(self, network: Predicting) -> None:
        network.predict()
