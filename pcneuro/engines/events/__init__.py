"""The event-driven engine: what neurons have to say is sent as events."""
