"""The interfaces that the author of an adapter implements and uses."""
