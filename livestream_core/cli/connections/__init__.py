"""Which account a command works on."""
