"""Secrets: values that are never printed, and the search for secrets in any text."""
