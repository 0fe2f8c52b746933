"""Probing: which addresses may be reached, what a playlist says, and what follows from it.

It does no I/O, and none of its modules calls an adapter.
"""
