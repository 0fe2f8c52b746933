"""The commands on streams."""
