"""Secrets: values that are never printed, and how they are found in any text."""
