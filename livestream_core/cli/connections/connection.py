"""The account of a command: ``--provider``, ``--connection`` and ``--token-file``."""

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
from ..console.context import (
    CommandContext,
    debug_option,
    output_options,
    pass_command_context,
    remembered,
)
from . import credential_options
from .livestream_toml import Connection, find, names, others_can_read

if TYPE_CHECKING:
    from ..._client import Client
    from ..._contract.options import Options

F = TypeVar("F", bound=Callable[..., Any])

logger: logging.Logger = logging.getLogger("livestream_core")

#: The environment variable that names the default connection.
DEFAULT_CONNECTION = "LIVESTREAM_CONNECTION"

_MAX_LENGTH = 64 * 1024


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
    """Add ``-p`` and ``-c``."""
    for option in (
        remembered(
            "-c",
            "--connection",
            name="connection",
            metavar="NAME",
            shell_complete=_connections,
            help=f"A connection in livestream.toml. Defaults to the one in {DEFAULT_CONNECTION}.",
        ),
        remembered(
            "-p",
            "--provider",
            name="provider",
            metavar="PROVIDER",
            shell_complete=_providers,
            help="A provider, configured by environment variables.",
        ),
    ):
        command = option(command)
    return command


def connection_options(command: F) -> F:
    """Add ``-p``, ``-c`` and ``--token-file``."""
    token_file = remembered(
        "--token-file",
        name="token_file",
        metavar="FILE",
        type=click.Path(allow_dash=True),
        help="Sign in with the token in this file; - reads the token from standard input.",
    )
    return account_options(token_file(command))


def account_command(command: F) -> F:
    """Add the options of a command that works on an account, and pass the context first."""
    command = pass_command_context(command)
    for option in (debug_option, output_options, connection_options):
        command = option(command)
    return command


@contextmanager
def connected(context: CommandContext, **settings: Any) -> Iterator[Client]:
    """Yield a client for the command's account, without sending any requests.

    Args:
        context: The context that names the account.
        settings: Further arguments of ``connect``, other than the provider's options.

    Raises:
        click.UsageError: If no account is named, or more than one.
        ConfigurationError: If the provider, the connection, or its options cannot be used.
    """
    with _connect(context, **settings) as client:
        yield client


def _connect(context: CommandContext, **settings: Any) -> Client:
    name = context.connection
    if name is None and context.provider is None:
        name = os.environ.get(DEFAULT_CONNECTION) or None
    if context.provider is not None and name is not None:
        raise click.UsageError("Pass --provider or --connection, not both.")
    if name is not None:
        return from_file(find(name).connection(name), context.token_file, **settings)
    if context.provider is not None:
        return from_environment(context.provider, context.token_file, **settings)
    raise click.UsageError(_no_account())


def from_environment(provider: str, token_file: str | None = None, **settings: Any) -> Client:
    """Return a client with options from the environment.

    Args:
        provider: The provider's name.
        token_file: The file to read the token from. It replaces all other credentials.
        settings: Further arguments of ``connect``, other than the provider's options.

    Raises:
        ConfigurationError: If the provider cannot be used, or options are missing or invalid.
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
        environ[environment_name(provider, option)] = secret_from(token_file, "token")
    try:
        return connect(provider, environ=environ, **settings)
    except ConfigurationError as error:
        error.hint = (
            "set the environment variables, or add a connection to livestream.toml; "
            "`livestream doctor` shows which variables are set"
        )
        raise


def from_file(connection: Connection, token_file: str | None = None, **settings: Any) -> Client:
    """Return a client with options from ``livestream.toml``; see :func:`from_environment`."""
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
        options[_token_option(provider, kind)] = secret_from(token_file, "token")
    try:
        return connect(provider, environ={}, **settings, **options)
    except ConfigurationError as error:
        # No option was read from the environment, so variable names would mislead.
        problem = re.sub(r" \(LIVESTREAM_\w+\)", "", error.message)
        error.message, error.hint = f"{connection.where}: {problem}", "fix it in that file"
        error.provider = error.operation = None  # the file and the connection say more
        raise


def _no_account() -> str:
    from ..._client.connect import providers

    known = [
        f"{what}: {', '.join(each)}" if each else f"none {what}"
        for what, each in (("installed", list(providers())), ("known", names()))
    ]
    return (
        f"No account given: pass --provider PROVIDER ({known[0]}), configured by environment "
        f"variables, or --connection NAME ({known[1]}) from livestream.toml."
    )


def _token_option(provider: str, kind: type[Options]) -> str:
    option = credential_options.token(kind)
    if option is None:
        raise click.UsageError(
            f"{provider} has no option for a single token, so --token-file cannot be used."
        )
    return option


def secret_from(source: str, what: str) -> str:
    """Return a secret from a file, or from standard input if the source is ``-``.

    Args:
        source: The path of the file, or ``-``.
        what: What the secret is called, such as ``token``.

    Raises:
        ConfigurationError: If it cannot be read, or is empty.
    """
    if source == "-" and sys.stdin.isatty():
        prompted: str = click.prompt(what.capitalize(), hide_input=True, err=True)
        return prompted.strip()
    text = ""
    problem = None
    try:
        text = sys.stdin.read(_MAX_LENGTH) if source == "-" else _text_of(source, what)
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "is not text"
    secret = text.rstrip("\r\n")
    if not problem and not secret:
        problem = "is empty"
    if problem:
        shown = "standard input" if source == "-" else source
        raise ConfigurationError(f"the {what} file {shown} {problem}")
    return secret


def _text_of(path: str, what: str) -> str:
    with open(path, encoding="utf-8") as opened:
        # Not refused as in livestream.toml: container platforms mount secrets like this.
        if others_can_read(os.fstat(opened.fileno())):
            logger.warning("other users can read the %s file %s", what, path)
        return opened.read(_MAX_LENGTH)
