"""What a circuit is given: dynamics, integrators, energies, delays, and when it has settled."""
