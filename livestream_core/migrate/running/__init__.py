"""From a plan to streams at the target."""
