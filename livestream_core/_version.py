"""The version of livestream-core."""

#: The version of the core and, being released together, of its adapters.
__version__ = "0.1.0"
