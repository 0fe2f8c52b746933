"""The sandbox: the emulators of all providers, until the command is stopped."""

from __future__ import annotations

import shlex
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from ..._contract.options import environment_name, is_loopback, origins_at
from ..._model.errors import ConfigurationError
from ..._plugins.registry import registry
from ..console.signals import stopped_by_signals
from .installed import installed
from .simulation import Simulation, simulate

if TYPE_CHECKING:
    from ...emulator import Emulator


def run(
    *, host: str, port_base: int | None, boot_seconds: float, simulate_seconds: float | None
) -> None:
    """Run the emulators and print their environment variables, until SIGINT or SIGTERM.

    Args:
        host: The address to listen on.
        port_base: The first emulator's port; the others follow. ``None`` chooses free ports.
        boot_seconds: How many seconds an emulated vendor takes to start a stream's server.
        simulate_seconds: How many seconds pass before a simulated encoder connects, and before a
            recording is ready; ``None`` simulates neither.

    Raises:
        ConfigurationError: If no provider has an emulator, or listening on an address fails.
    """
    with stopped_by_signals(), ExitStack() as servers:
        exports: list[str] = []
        simulations: list[Simulation] = []
        running = 0
        for each in installed():
            name = each.info.name
            if each.info.problem or each.info.emulator is None:
                why = each.info.problem or "it has no emulator"
                click.echo(f"# skipped {name}: {why}", err=True)
                continue
            try:
                emulator = each.emulator(boot_seconds=boot_seconds)
            except ConfigurationError as error:
                click.echo(f"# skipped {name}: {error.message}", err=True)
                continue
            port = 0 if port_base is None else port_base + running
            url = _serve(servers, emulator, host, port)
            origins = origins_at(registry.adapter(name).Options, url)
            account = emulator.options()
            exports += [
                f"export {environment_name(name, option)}={shlex.quote(value)}"
                for option, value in {**origins, **account}.items()
            ]
            if simulate_seconds is not None:
                client = servers.enter_context(emulator.connect(**account))
                simulations.append(Simulation(emulator, client, seconds=simulate_seconds))
            running += 1
        if not running:
            raise ConfigurationError(
                "no provider with an emulator is installed",
                hint="install an adapter package; `livestream providers` lists what is installed",
            )
        click.echo("\n".join(exports))
        click.echo(
            f"# {running} emulators are running. Paste these lines into another terminal, then\n"
            "# run `livestream -p PROVIDER list`, or call connect(PROVIDER) without options.\n"
            "# Options you pass are never merged with these variables. Press Ctrl-C to stop.",
            err=True,
        )
        if not is_loopback(host):
            click.echo(
                "# Not a loopback address: clients must add the host to allow_http_hosts.",
                err=True,
            )
        if simulations:
            simulate(simulations)
        _wait()


def _wait() -> None:
    while True:
        time.sleep(3600)


def _serve(servers: ExitStack, emulator: Emulator, host: str, port: int) -> str:
    try:
        return servers.enter_context(emulator.serve(host, port))
    except (OSError, OverflowError) as error:
        problem = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
    raise ConfigurationError(
        f"cannot listen on {host} port {port}: {problem}",
        hint="choose another --host or --port-base",
    )
