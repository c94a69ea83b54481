"""Circuits on neuromorphic hardware: where every neuron goes, what every spike costs."""
