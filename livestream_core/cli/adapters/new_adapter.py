"""``livestream new-adapter``: prompts, checks, and the files of a new adapter."""

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
from .scaffold import AUTH, PAGING, WEBHOOK, Choices, distribution_of, package

#: A name that Python, PyPI, TOML and environment variables all accept unchanged.
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_MAX_NAME, _MAX_TITLE = 20, 40  # generated lines stay below 100 columns


def _name(_: click.Context, __: click.Parameter, name: str) -> str:
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise click.BadParameter(
            f"{name!r} must start with a letter, and consist of at most {_MAX_NAME} lowercase "
            "letters, digits, and single underscores."
        )
    if taken := _taken(name):
        raise click.BadParameter(f"{name!r} is taken: {taken} is installed.")
    return name


def _taken(name: str) -> str | None:
    """Return what is already installed under a name, or ``None``."""
    from ..._client.connect import providers

    if name in providers():
        return f"a provider named {name}"
    if find_spec(f"livestream_{name}") is not None:
        return f"a module named livestream_{name}"
    try:
        return f"a distribution named {distribution(distribution_of(name)).metadata['Name']}"
    except PackageNotFoundError:
        return None


def _title(_: click.Context, __: click.Parameter, title: str | None) -> str | None:
    """Check a title, which the templates insert unchanged into strings and docstrings."""
    if title is None:
        return None
    title = title.strip()
    if not title or len(title) > _MAX_TITLE:
        raise click.BadParameter(f"must have 1 to {_MAX_TITLE} characters.")
    if not title.isprintable() or set(title) & {'"', "\\"}:
        raise click.BadParameter("must not contain quotation marks, backslashes, or line breaks.")
    return title


def _base_url(_: click.Context, __: click.Parameter, url: str | None) -> str | None:
    from ..._contract.options import read_origin

    if url is None:
        return None
    try:
        origin = read_origin(url)
    except ConfigurationError as error:
        raise click.BadParameter(f"{error.message}.") from None
    if not origin.startswith("https://"):
        raise click.BadParameter("must start with https://, because credentials are sent there.")
    return origin


def is_interactive() -> bool:
    """Return whether the command can prompt the user."""
    return sys.stdin.isatty()


class _PromptedOption(click.Option):
    """An option that the command prompts for if it is missing. Without a terminal, the default."""

    def __init__(
        self, *declarations: Any, meanings: Mapping[str, str] | None = None, **attributes: Any
    ) -> None:
        super().__init__(*declarations, **attributes)
        self.meanings = meanings or {}

    def prompt_for_value(self, ctx: click.Context) -> Any:
        default = self.get_default(ctx)
        if ctx.params.get("yes") or command_context(ctx).as_json or not is_interactive():
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


def _given_name() -> str:
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
    cls=_PromptedOption,
    prompt="The vendor's display name",
    default=lambda: _given_name().replace("_", " ").title(),
    callback=_title,
    help="The vendor's display name.",
)
@click.option(
    "--base-url",
    cls=_PromptedOption,
    prompt="The origin of its API, https://host[:port]",
    default=lambda: f"https://api.{_given_name().replace('_', '-')}.example",
    callback=_base_url,
    metavar="URL",
    help="The origin of the vendor's API: https://host[:port].",
)
@click.option(
    "--auth",
    cls=_PromptedOption,
    prompt="Authentication",
    type=click.Choice(list(AUTH)),
    meanings=AUTH,
    default="bearer",
    help=f"How the API authenticates requests: {_described(AUTH)}.",
)
@click.option(
    "--paging",
    cls=_PromptedOption,
    prompt="Pagination",
    type=click.Choice(list(PAGING)),
    meanings=PAGING,
    default="cursor",
    help=f"How the API paginates lists: {_described(PAGING)}.",
)
@click.option(
    "--webhook",
    cls=_PromptedOption,
    prompt="Webhooks",
    type=click.Choice(list(WEBHOOK)),
    meanings=WEBHOOK,
    default="none",
    help=f"How the API signs webhooks: {_described(WEBHOOK)}.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder to create. Defaults to livestream-NAME in the current folder.",
)
@click.option(
    "-y",
    "--yes",
    is_flag=True,
    is_eager=True,
    help="Do not prompt; use defaults for missing options.",
)
@json_option
@debug_option
@pass_command_context
def new_adapter(context: CommandContext, output: Path | None, yes: bool, **choices: str) -> None:
    """Create a complete, working package for a new adapter.

    The package has an adapter, an emulator of the vendor, tests that run the conformance kit, a
    README, and a CI workflow, all for a typical API. On a terminal, the command prompts for
    missing options; elsewhere, it uses their defaults. It never overwrites a file.
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
    """Write all files, or none if one of them exists.

    Raises:
        ConfigurationError: If a file exists, or cannot be written.
    """
    existing = [str(path) for path in files if os.path.lexists(folder / path)]
    if existing:
        others = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise ConfigurationError(
            f"{folder} already has {existing[0]}{others}; nothing was written",
            hint="pass another folder with --output",
        )
    try:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with (folder / path).open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        problem = error.strerror or type(error).__name__
        raise ConfigurationError(
            f"cannot write into {folder}: {problem}", hint="pass another folder with --output"
        ) from error


def _next_steps(folder: Path) -> str:
    steps = {
        f"cd {shlex.quote(str(folder))}": "",
        'pip install -e ".[dev]"': "next to livestream-core",
        "pytest": "the conformance kit and the package's own tests",
        "livestream doctor": "which options are set, and which are missing",
    }
    lines = [f"  {step:<24}{f'# {note}' if note else ''}".rstrip() for step, note in steps.items()]
    return "\n".join(
        [
            "",
            "Next:",
            *lines,
            "",
            "All tests pass as generated. Now adapt emulator.py and adapter.py to the vendor's",
            "API, one endpoint at a time, from its documentation.",
        ]
    )
