"""Transports: how one HTTP request is sent."""
