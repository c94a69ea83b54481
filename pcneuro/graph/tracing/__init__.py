"""What stands in for arrays while a function is traced, and what becomes of NumPy's functions on it."""
