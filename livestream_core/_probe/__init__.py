"""Probing: which addresses may be connected to, and what a playlist means. It does no I/O."""
