"""Finding adapters and observers."""
