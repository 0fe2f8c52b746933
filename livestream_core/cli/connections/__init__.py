"""The account that a command works on."""
