"""What follows a run: check, hand over, roll back, and retire."""
