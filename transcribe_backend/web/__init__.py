"""The HTTP side: Label Studio's protocol, authentication, metrics."""
