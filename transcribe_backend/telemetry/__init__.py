"""What the backend says of itself: logs, metrics, and what must never be said (redact)."""
