"""The commands for authors of adapters."""
