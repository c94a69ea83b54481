"""The kernel engine: compiled steps over blocks of samples, in as many threads as wanted."""
