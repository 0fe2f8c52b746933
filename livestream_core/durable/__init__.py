"""Durable creates."""
