"""Who performs the effects of flows."""
