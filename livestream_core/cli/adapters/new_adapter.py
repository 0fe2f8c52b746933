"""The command that begins an adapter: what it asks, what it refuses, and what it writes."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

import click

from ..._model.errors import ConfigurationError
from ..console.context import (
    CommandContext,
    command_context,
    debug_option,
    json_option,
    pass_command_context,
)
from ..console.output import json_line
from .scaffold import AUTH, PAGING, Choices, distribution_of, package

#: A part of names that Python, PyPI, TOML and the environment all take as it is.
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST_NAME, _LONGEST_TITLE = 20, 40  # lines of what is written stay below 100


def _name(_: click.Context, __: click.Parameter, name: str) -> str:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise click.BadParameter(
            f"{name!r} must be lower-case letters, digits and single underscores, at most "
            f"{_LONGEST_NAME}, and begin with a letter."
        )
    if taken := _taken(name):
        raise click.BadParameter(f"{name!r} is taken: {taken} is installed.")
    return name


def _taken(name: str) -> str | None:
    """What is installed under a name already."""
    from ..._client.connect import providers

    if name in providers():
        return f"a provider {name}"
    if find_spec(f"livestream_{name}") is not None:
        return f"a module livestream_{name}"
    try:
        return f"a distribution {distribution(distribution_of(name)).metadata['Name']}"
    except PackageNotFoundError:
        return None


def _title(_: click.Context, __: click.Parameter, title: str | None) -> str | None:
    """It stands in strings and docstrings as it is."""
    if title is None:
        return None
    title = title.strip()
    if not title or len(title) > _LONGEST_TITLE:
        raise click.BadParameter(f"it must have 1 to {_LONGEST_TITLE} characters.")
    if not title.isprintable() or set(title) & {'"', "\\"}:
        raise click.BadParameter("it must have no quotation marks, backslashes or line breaks.")
    return title


def _base_url(_: click.Context, __: click.Parameter, url: str | None) -> str | None:
    from ..._contract.options import read_origin

    if url is None:
        return None
    try:
        origin = read_origin(url)
    except ConfigurationError as error:
        raise click.BadParameter(f"it {error.message}.") from None
    if not origin.startswith("https://"):
        raise click.BadParameter("it must begin with https://, for credentials are sent there.")
    return origin


def is_somebody_there() -> bool:
    """Whether a question would be answered."""
    return sys.stdin.isatty()


class _Asked(click.Option):
    """An option that is asked for where it is not given and somebody is there; elsewhere it has
    its default.
    """

    def __init__(
        self, *declarations: Any, meanings: Mapping[str, str] | None = None, **attributes: Any
    ) -> None:
        super().__init__(*declarations, **attributes)
        self.meanings = meanings or {}

    def prompt_for_value(self, ctx: click.Context) -> Any:
        default = self.get_default(ctx)
        if ctx.params.get("yes") or command_context(ctx).as_json or not is_somebody_there():
            return default
        for word, meaning in self.meanings.items():
            click.echo(f"  {word:<8}{meaning}", err=True)
        return click.prompt(
            str(self.prompt),
            default=default,
            type=self.type,
            show_choices=False,
            value_proc=lambda text: self.process_value(ctx, text),
            err=True,
        )


def _name_given() -> str:
    return str(click.get_current_context().params["name"])


def _described(styles: Mapping[str, str]) -> str:
    return ", ".join(f"{word} ({meaning})" for word, meaning in styles.items())


@click.command(
    "new-adapter",
    epilog="\b\nExamples:\n"
    "  livestream new-adapter acme\n"
    '  livestream new-adapter acme --title "Acme Live" --auth jwt -y',
)
@click.argument("name", callback=_name)
@click.option(
    "--title",
    cls=_Asked,
    prompt="The vendor's name as people write it",
    default=lambda: _name_given().replace("_", " ").title(),
    callback=_title,
    help="The vendor's name as people write it.",
)
@click.option(
    "--base-url",
    cls=_Asked,
    prompt="Its origin, https://host[:port]",
    default=lambda: f"https://api.{_name_given().replace('_', '-')}.example",
    callback=_base_url,
    metavar="URL",
    help="The vendor's origin: https://host[:port].",
)
@click.option(
    "--auth",
    cls=_Asked,
    prompt="How one signs in",
    type=click.Choice(list(AUTH)),
    meanings=AUTH,
    default="bearer",
    help=f"How one signs in: {_described(AUTH)}.",
)
@click.option(
    "--paging",
    cls=_Asked,
    prompt="How the next page of a list is asked for",
    type=click.Choice(list(PAGING)),
    meanings=PAGING,
    default="cursor",
    help=f"How the next page of a list is asked for: {_described(PAGING)}.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder to write into; by default livestream-NAME in the current one.",
)
@click.option(
    "-y", "--yes", is_flag=True, is_eager=True, help="Do not ask; what is not given is a default."
)
@json_option
@debug_option
@pass_command_context
def new_adapter(context: CommandContext, output: Path | None, yes: bool, **choices: str) -> None:
    """Begin an adapter for a vendor: a whole package that works.

    It has an adapter, an emulator of the vendor, tests that run the conformance kit, a README and
    a set-up for CI, all for an API as there are many. What is not given is asked for on a
    terminal, and is a default elsewhere. No file that is there is written over.
    """
    new = Choices(**choices)
    folder = Path(new.distribution) if output is None else output
    files = package(new)
    _write(folder, files)
    if context.as_json:
        json_line(
            {
                "provider": new.name,
                "distribution": new.distribution,
                "folder": str(folder),
                "files": [str(path) for path in files],
            }
        )
        return
    click.echo(f"Wrote {len(files)} files into {folder}:")
    for path in files:
        click.echo(f"  {path}")
    click.echo(_next_steps(folder))


def _write(folder: Path, files: Mapping[PurePosixPath, str]) -> None:
    """Writes all of the files, or none if one of them is there already.

    Raises:
        ConfigurationError: One is there, or cannot be written.
    """
    there = [str(path) for path in files if os.path.lexists(folder / path)]
    if there:
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ConfigurationError(
            f"{folder} has {there[0]}{others} already; nothing was written",
            hint="give another folder with --output",
        )
    try:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with (folder / path).open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        problem = error.strerror or type(error).__name__
        raise ConfigurationError(
            f"cannot write into {folder}: {problem}", hint="give another folder with --output"
        ) from error


def _next_steps(folder: Path) -> str:
    steps = {
        f"cd {shlex.quote(str(folder))}": "",
        'pip install -e ".[dev]"': "beside livestream-core",
        "pytest": "the conformance kit and the package's own tests",
        "livestream doctor": "what is set and what is missing to reach the vendor",
    }
    lines = [f"  {step:<24}{f'# {note}' if note else ''}".rstrip() for step, note in steps.items()]
    return "\n".join(
        [
            "",
            "Next:",
            *lines,
            "",
            "All of it passes as it is. Now let emulator.py and adapter.py speak as the",
            "vendor does, from its documents, one call after the other.",
        ]
    )
