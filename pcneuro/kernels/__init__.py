"""Numba only: how operator kernels are called, and the loop that steps time. Imports nothing of the rooms above."""
