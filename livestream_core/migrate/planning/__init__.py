"""From the streams of the source to a plan."""
