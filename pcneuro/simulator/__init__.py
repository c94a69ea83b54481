"""The simulator: data and duration in, a result out."""
