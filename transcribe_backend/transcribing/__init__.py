"""An audio value of a task -> its transcript, once, urgent before bulk."""
