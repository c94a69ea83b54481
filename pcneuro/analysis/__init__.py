"""Analyses of simulations: checks against other simulators, wavefronts, event statistics, audits, plots."""
