"""The commands of ``livestream migrate``."""
