"""The reference engine: slow, obvious NumPy, the oracle of the others."""
