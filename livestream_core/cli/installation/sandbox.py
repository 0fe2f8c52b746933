"""The sandbox: the emulators of all providers, until the command is stopped."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import attrs
import click

from ..._contract.options import environment_name, is_loopback, origins_at
from ..._model.errors import ConfigurationError
from ..._plugins.registry import registry
from ..console.signals import stopped_by_signals
from .installed import installed
from .simulation import Simulation, simulate

if TYPE_CHECKING:
    from ...emulator import Emulator
    from ..media.server import MediaServer


@attrs.frozen(kw_only=True)
class Account:
    """An emulated vendor's only account.

    Attributes:
        name: The name under which users refer to it.
        provider: The provider's name.
        emulator: The emulator.
        url: The emulator's origin for clients on this machine.
        options: The options for ``connect``, without the origins.
    """

    name: str
    provider: str
    emulator: Emulator
    url: str
    options: Mapping[str, Any] = attrs.field(repr=False)

    def variables(self) -> dict[str, str]:
        """Return the environment variables with which ``connect`` reaches the account."""
        origins = origins_at(registry.adapter(self.provider).Options, self.url)
        return {
            environment_name(self.provider, option): str(value)
            for option, value in {**origins, **self.options}.items()
        }


@attrs.define
class Sandbox:
    """The accounts of all emulators, and what is attached to them.

    Attributes:
        host: The address to listen on.
        parts: What is closed when the sandbox ends: servers, clients, and threads.
        media: The media server to put behind the emulators.
        accounts: The accounts.
        variables: The environment variables to print.
    """

    host: str
    parts: ExitStack
    media: MediaServer | None = None
    accounts: list[Account] = attrs.field(factory=list)
    variables: dict[str, str] = attrs.field(factory=dict, repr=False)

    def start(self, *, port_base: int | None, boot_seconds: float) -> None:
        """Serve the emulators of all installed providers; see :func:`run`."""
        for each in installed():
            name = each.info.name
            if each.info.problem or each.info.emulator is None:
                say(f"skipped {name}: {each.info.problem or 'it has no emulator'}")
                continue
            try:
                emulator = each.emulator(boot_seconds=boot_seconds)
            except ConfigurationError as error:
                say(f"skipped {name}: {error.message}")
                continue
            if self.media is not None:
                self.media.attach(name, emulator)
            port = 0 if port_base is None else port_base + len(self.accounts)
            account = Account(
                name=name,
                provider=name,
                emulator=emulator,
                url=self.serve(emulator, port),
                options=emulator.options(),
            )
            self.accounts.append(account)
            self.variables.update(account.variables())
        if not self.accounts:
            raise ConfigurationError(
                "no provider with an emulator is installed",
                hint="install an adapter package; `livestream providers` lists what is installed",
            )
        if self.media is not None:
            self.parts.enter_context(self.media.running())

    def serve(self, app: Callable[[dict[str, Any], Any], Iterable[bytes]], port: int) -> str:
        """Serve a WSGI app until the sandbox ends, and return its origin.

        Raises:
            ConfigurationError: If listening on the address fails.
        """
        from ...emulator.serving import serving

        try:
            return self.parts.enter_context(serving(app, self.host, port))
        except (OSError, OverflowError) as error:
            problem = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        raise ConfigurationError(
            f"cannot listen on {self.host} port {port}: {problem}",
            hint="choose another --host or --port-base",
        )


def run(
    *,
    host: str,
    port_base: int | None,
    boot_seconds: float,
    simulate_seconds: float | None,
    media_port: int | None,
) -> None:
    """Run the emulators and print their environment variables, until SIGINT or SIGTERM.

    Args:
        host: The address to listen on.
        port_base: The first emulator's port; the others follow. ``None`` chooses free ports.
        boot_seconds: How many seconds an emulated vendor takes to start a stream's server.
        simulate_seconds: How many seconds pass before a simulated encoder connects, and before a
            recording is ready; ``None`` simulates neither.
        media_port: The RTMP port of a real media server behind the emulators, whose port for
            viewers is the next one; 0 chooses free ports. ``None`` runs none.

    Raises:
        ConfigurationError: If no provider has an emulator, listening on an address fails, or what
            a media server needs is not installed.
    """
    with stopped_by_signals(), ExitStack() as parts:
        sandbox = Sandbox(host, parts, _media_server(media_port))
        sandbox.start(port_base=port_base, boot_seconds=boot_seconds)
        simulations: list[Simulation] = []
        if simulate_seconds is not None:
            for each in sandbox.accounts:
                client = parts.enter_context(each.emulator.connect(**each.options))
                simulations.append(Simulation(each.emulator, client, seconds=simulate_seconds))
        for name, value in sandbox.variables.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        if not is_loopback(host):
            say("Not a loopback address: clients must add the host to allow_http_hosts.")
        count = len(sandbox.accounts)
        say(f"{count} emulators are running. Paste these lines into another terminal, then")
        say("run `livestream -p PROVIDER list`, or call connect(PROVIDER) without options.")
        say("Options you pass are never merged with these variables. Press Ctrl-C to stop.")
        if sandbox.media is not None:
            say(f"Real media: {sandbox.media}. Publish to a stream's ingest to make it live.")
        if simulations:
            simulate(simulations)
        _wait()


def _media_server(port: int | None) -> MediaServer | None:
    if port is None:
        return None
    from ..media.server import MediaServer

    return MediaServer(say, rtmp_port=port, http_port=port and port + 1)


def say(line: str) -> None:
    """Print a line for the user, which is a comment in a shell."""
    click.echo(f"# {line}", err=True)


def _wait() -> None:
    while True:
        time.sleep(3600)
