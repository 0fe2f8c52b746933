"""Make a plan from the streams of the source and the target."""
