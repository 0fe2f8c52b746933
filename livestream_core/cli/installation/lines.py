"""The lines that a sandbox prints for its user."""

from __future__ import annotations

import click


def say(line: str) -> None:
    """Print a line on standard error, as a comment of a shell."""
    click.echo(f"# {line}", err=True)
