"""Layers of other libraries as NumPy functions, with the batch axis that those have, for traced and plain arrays.

Traced arrays have one sample: their batch axis has length 1, and is taken off wherever it leads all operands, so that
it leaves no trace in the graph.
"""
