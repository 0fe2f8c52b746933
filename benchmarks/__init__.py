"""Benchmarks that compare the library with the same work without it. See README.md."""
