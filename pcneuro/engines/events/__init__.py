"""The event-driven engine: neurons send changes of their activity as events."""
