"""The commands for adapter authors."""
