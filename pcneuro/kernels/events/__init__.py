"""Compiled steps of the event-driven engine."""
