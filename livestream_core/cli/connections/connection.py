"""Which account a command works on: ``--provider``, ``--connection`` and ``--token-file``."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ..._model.errors import ConfigurationError
from ..console.context import CommandContext, remembered
from . import credential_options
from .livestream_toml import Connection, find, names, others_can_read

if TYPE_CHECKING:
    from ..._client import Client
    from ..._contract.options import Options

F = TypeVar("F", bound=Callable[..., Any])

logger = logging.getLogger("livestream_core")

#: The connection that is taken where none is named.
DEFAULT = "LIVESTREAM_CONNECTION"

_LONGEST_TOKEN = 64 * 1024


def _providers(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from ..._client.connect import providers

    return [
        CompletionItem(name, help=info.distribution)
        for name, info in providers().items()
        if name.startswith(incomplete)
    ]


def _connections(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names() if name.startswith(incomplete)]


def account_options(command: F) -> F:
    """``-p`` and ``-c``."""
    for option in (
        remembered(
            "-c",
            "--connection",
            name="connection",
            metavar="NAME",
            shell_complete=_connections,
            help=f"A connection of livestream.toml; by default the one that {DEFAULT} names.",
        ),
        remembered(
            "-p",
            "--provider",
            name="provider",
            metavar="PROVIDER",
            shell_complete=_providers,
            help="A provider, with its options from the environment.",
        ),
    ):
        command = option(command)
    return command


def connection_options(command: F) -> F:
    """``-p``, ``-c`` and ``--token-file``."""
    token_file = remembered(
        "--token-file",
        name="token_file",
        metavar="FILE",
        type=click.Path(allow_dash=True),
        help="Sign in with the token in this file; - reads it from standard input.",
    )
    return account_options(token_file(command))


@contextmanager
def connected(context: CommandContext, **settings: Any) -> Iterator[Client]:
    """A client for the account that was asked for. Nothing is sent yet.

    Args:
        context: Which account.
        settings: What ``connect`` takes besides options.

    Raises:
        click.UsageError: It was not said which account, or two were named.
        ConfigurationError: The provider, the connection or its options are not usable.
    """
    with _connect(context, **settings) as client:
        yield client


def _connect(context: CommandContext, **settings: Any) -> Client:
    name = context.connection
    if name is None and context.provider is None:
        name = os.environ.get(DEFAULT) or None
    if context.provider is not None and name is not None:
        raise click.UsageError("Give --provider or --connection, not both.")
    if name is not None:
        return from_file(find(name).connection(name), context.token_file, **settings)
    if context.provider is not None:
        return from_environment(context.provider, context.token_file, **settings)
    raise click.UsageError(_which())


def from_environment(provider: str, token_file: str | None = None, **settings: Any) -> Client:
    """A client with options from the environment.

    Args:
        provider: The provider's name.
        token_file: Where the token is read from, instead of all credentials.
        settings: What ``connect`` takes besides options.

    Raises:
        ConfigurationError: The provider cannot be used, or options are missing or wrong.
    """
    from ..._client.connect import connect
    from ..._contract.options import environment_name
    from ..._plugins.registry import registry

    kind = registry.adapter(provider).Options
    environ = dict(os.environ)
    if token_file is not None:
        option = _token_option(provider, kind)
        for credential in credential_options.credentials(kind):
            environ.pop(environment_name(provider, credential), None)
        environ[environment_name(provider, option)] = _token(token_file)
    try:
        return connect(provider, environ=environ, **settings)
    except ConfigurationError as error:
        error.hint = (
            "mend it in the environment, or describe a connection in livestream.toml; "
            "`livestream doctor` shows what is set"
        )
        raise


def from_file(connection: Connection, token_file: str | None = None, **settings: Any) -> Client:
    """A client with options from ``livestream.toml``; see :func:`from_environment`."""
    from ..._client.connect import connect
    from ..._plugins.registry import registry

    provider = connection.provider
    try:
        kind = registry.adapter(provider).Options
    except ConfigurationError as error:
        error.message = f"{connection.where}: {error.message}"
        raise
    replaced = () if token_file is None else credential_options.credentials(kind)
    options = connection.options(kind, without=replaced)
    if token_file is not None:
        options[_token_option(provider, kind)] = _token(token_file)
    try:
        return connect(provider, environ={}, **settings, **options)
    except ConfigurationError as error:
        # Nothing was read from the environment, so its names would mislead.
        problem = re.sub(r" \(LIVESTREAM_\w+\)", "", error.message)
        error.message, error.hint = f"{connection.where}: {problem}", "mend it in that file"
        error.provider = error.operation = None  # the file and the name say more
        raise


def _which() -> str:
    from ..._client.connect import providers

    known = [
        f"{what}: {', '.join(each)}" if each else f"none {what}"
        for what, each in (("installed", list(providers())), ("known", names()))
    ]
    return (
        f"Say which account: --provider PROVIDER ({known[0]}) with its options in the "
        f"environment, or --connection NAME ({known[1]}) of livestream.toml."
    )


def _token_option(provider: str, kind: type[Options]) -> str:
    option = credential_options.token(kind)
    if option is None:
        raise click.UsageError(f"{provider} has no option that is a token by itself.")
    return option


def _token(source: str) -> str:
    if source == "-" and sys.stdin.isatty():
        prompted: str = click.prompt("Token", hide_input=True, err=True)
        return prompted.strip()
    text = ""
    problem = None
    try:
        text = sys.stdin.read(_LONGEST_TOKEN) if source == "-" else _text_of(source)
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "is not text"
    token = text.rstrip("\r\n")
    if not problem and not token:
        problem = "is empty"
    if problem:
        shown = "standard input" if source == "-" else source
        raise ConfigurationError(f"the token file {shown} {problem}")
    return token


def _text_of(path: str) -> str:
    with open(path, encoding="utf-8") as opened:
        # Not refused, as in livestream.toml: container platforms mount secrets like this.
        if others_can_read(os.fstat(opened.fileno())):
            logger.warning("the token file %s can be read by other users", path)
        return opened.read(_LONGEST_TOKEN)
