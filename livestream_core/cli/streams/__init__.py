"""The commands that work on streams."""
