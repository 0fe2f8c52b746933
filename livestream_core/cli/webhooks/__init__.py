"""The ``livestream webhooks`` commands."""
