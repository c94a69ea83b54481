"""Elementary functions of vectors of lanes, without a call or a branch, in the precision of their argument.

They are within 2 units in the last place of float32 and of float64, subnormal numbers included, and treat zeros,
infinities and NaN as NumPy does. (Where the sum in logaddexp cancels: units of its terms.) ``kernels.primitives`` has
the table of them, with the NumPy twin of each.
"""
