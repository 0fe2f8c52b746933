"""The emulators of all providers, served until somebody stops it."""

from __future__ import annotations

import shlex
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from ..._contract.options import environment_name, is_loopback
from ..._model.errors import ConfigurationError
from ..console.signals import stopped_by_signals
from .installed import installed
from .simulation import World, play

if TYPE_CHECKING:
    from ...emulator import Emulator


def run(
    *, host: str, port_base: int | None, boot_seconds: float, simulate_seconds: float | None
) -> None:
    """Serves, prints the environment to export, and returns after SIGINT or SIGTERM.

    Args:
        host: The address to listen on.
        port_base: The first emulator's port, the others follow; ``None`` takes free ones.
        boot_seconds: How long a vendor needs to make a stream's server.
        simulate_seconds: How long an encoder and a recording take to come by themselves; ``None``
            leaves the world out.

    Raises:
        ConfigurationError: No provider has an emulator, or an address cannot be listened on.
    """
    with stopped_by_signals(), ExitStack() as servers:
        exports: list[str] = []
        worlds: list[World] = []
        served = 0
        for each in installed():
            name = each.info.name
            if each.info.problem or each.info.emulator is None:
                why = each.info.problem or "it has no emulator"
                click.echo(f"# {name} is left out: {why}", err=True)
                continue
            try:
                emulator = each.emulator(boot_seconds=boot_seconds)
            except ConfigurationError as error:
                click.echo(f"# {name} is left out: {error.message}", err=True)
                continue
            port = 0 if port_base is None else port_base + served
            url = _listening(servers, emulator, host, port)
            account = emulator.options()
            exports += [
                f"export {environment_name(name, option)}={shlex.quote(value)}"
                for option, value in {"base_url": url, **account}.items()
            ]
            if simulate_seconds is not None:
                client = servers.enter_context(emulator.connect(**account))
                worlds.append(World(emulator, client, seconds=simulate_seconds))
            served += 1
        if not served:
            raise ConfigurationError(
                "no provider with an emulator is installed",
                hint="install an adapter package; `livestream providers` shows what there is",
            )
        click.echo("\n".join(exports))
        click.echo(
            f"# {served} emulators are serving. Export these lines elsewhere, then try\n"
            "# `livestream -p PROVIDER list`, or call connect(PROVIDER) without options:\n"
            "# given options are never mixed with these. Ctrl-C stops it.",
            err=True,
        )
        if not is_loopback(host):
            click.echo(
                "# Not on loopback: clients must name the host in allow_http_hosts.", err=True
            )
        if worlds:
            play(worlds)
        _wait()


def _wait() -> None:
    while True:
        time.sleep(3600)


def _listening(servers: ExitStack, emulator: Emulator, host: str, port: int) -> str:
    try:
        return servers.enter_context(emulator.serve(host, port))
    except (OSError, OverflowError) as error:
        problem = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
    raise ConfigurationError(
        f"cannot listen on {host} port {port}: {problem}",
        hint="choose another --host or --port-base",
    )
