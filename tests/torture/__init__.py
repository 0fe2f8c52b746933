"""Migrations that are killed, cut off and stopped, until all is done; then what is at the target
is compared with what was to be there. ``python -m tests.torture --help``."""
