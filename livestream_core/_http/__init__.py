"""The transports, which send HTTP requests."""
