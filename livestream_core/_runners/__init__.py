"""The runners, which perform the effects of flows."""
