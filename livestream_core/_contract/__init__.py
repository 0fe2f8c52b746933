"""What an adapter's author writes against."""
