"""The version of livestream-core."""

__version__ = "0.1.0"
