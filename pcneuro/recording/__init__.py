"""What is recorded of a run: activities at fixed times, and events."""
