"""The ``livestream migrate`` commands."""
