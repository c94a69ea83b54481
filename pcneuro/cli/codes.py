"""Exit codes of the command line."""

SUCCESS = 0
INTERNAL = DISAGREES = 1
"""A fault of pcneuro's own; of `pcneuro check`, simulators that differ by more than they may."""
BAD_INPUT = 2
DIVERGED = 3
UNSETTLED = 4
INTERRUPTED = 130
