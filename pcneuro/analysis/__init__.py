"""What is asked of a simulation: checks against other simulators, wavefronts, event statistics, plots."""
