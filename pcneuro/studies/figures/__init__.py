"""Figures of simulation files."""
