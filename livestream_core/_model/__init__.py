"""Values: what a live stream is, whoever hosts it. They know nothing of what stands above them."""
