"""The sandbox: the emulators of all providers, until the command is stopped."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from ..._contract.adapter import Adapter
from ..._contract.capabilities import Feature
from ..._contract.clock import ManualClock
from ..._contract.options import environment_name, is_loopback, origins_at
from ..._model.errors import ConfigurationError
from ..._secrets.private_file import write_private
from ..connections.credential_options import is_secret
from ..console.serving import served
from ..console.signals import stopped_by_signals
from .installed import Installed, installed
from .lines import say
from .simulation import Simulation, simulate

if TYPE_CHECKING:
    from ...emulator import Emulator, EmulatorClock
    from ..media.server import MediaServer
    from .courier import Webhooks

#: The first line of a file that the sandbox wrote, and so may overwrite.
_WRITTEN = "# Written by `livestream sandbox`, which replaces this file.\n"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SHORTEST_TOKEN = 16
#: The system may hand a signal to another thread, which does not wake this one from its sleep.
_LONGEST_SLEEP = 1.0


@attrs.frozen(kw_only=True)
class Account:
    """An emulated vendor's only account.

    Attributes:
        name: The name of its connection, and of the account at the control port.
        provider: The provider's name.
        adapter: The provider's adapter.
        emulator: The emulator.
        url: The emulator's origin for clients on this machine.
        options: The options for ``connect``.
    """

    name: str
    provider: str
    adapter: type[Adapter]
    emulator: Emulator
    url: str
    options: Mapping[str, Any] = attrs.field(repr=False)

    def variables(self) -> dict[str, str]:
        """Return the environment variables with which ``connect`` reaches the account."""
        return {
            environment_name(self.provider, option): str(value)
            for option, value in self.options.items()
        }


@attrs.define
class Sandbox:
    """The accounts of all emulators, and what is attached to them.

    Attributes:
        host: The address to listen on.
        clock: The clock of all vendors. ``None`` uses the first one's.
        parts: What is closed when the sandbox ends: servers, clients, and threads.
        accounts: The accounts. Those of the first round come first, one of each provider.
        media: The media server behind the emulators, if there is one.
        variables: The environment variables to print.
        webhooks: How webhook deliveries are sent, if they are.
    """

    host: str
    clock: EmulatorClock | ManualClock | None
    parts: ExitStack
    media: MediaServer | None = None
    accounts: list[Account] = attrs.field(factory=list)
    variables: dict[str, str] = attrs.field(factory=dict, repr=False)
    webhooks: Webhooks | None = None

    def start(self, *, port_base: int | None, boot_seconds: float, accounts: int) -> None:
        """Serve the emulators of all installed providers; see :func:`run`."""
        served = installed()
        for number in range(1, accounts + 1):
            served = [each for each in served if self._add(each, number, port_base, boot_seconds)]
        if not self.accounts:
            raise ConfigurationError(
                "no provider with an emulator is installed",
                hint="install an adapter package; `livestream providers` lists what is installed",
            )
        if self.media is not None:
            self.parts.enter_context(self.media.running())

    def _add(
        self, each: Installed, number: int, port_base: int | None, boot_seconds: float
    ) -> bool:
        """Add an account, or say why the provider has none."""
        name = each.info.name
        if each.adapter is None or each.info.problem or each.info.emulator is None:
            say(f"skipped {name}: {each.info.problem or 'it has no emulator'}")
            return False
        try:
            emulator = each.emulator(boot_seconds=boot_seconds)
        except ConfigurationError as error:
            say(f"skipped {name}: {error.message}")
            return False
        if self.clock is None:
            self.clock = emulator.clock
        emulator.clock = self.clock
        full_name = name if number == 1 else f"{name}-{number}"
        if self.media is not None:
            self.media.attach(full_name, emulator)
        url = self.serve(emulator, 0 if port_base is None else port_base + len(self.accounts))
        account = Account(
            name=full_name,
            provider=name,
            adapter=each.adapter,
            emulator=emulator,
            url=url,
            options={
                **origins_at(each.adapter.Options, url),
                **emulator.options(),
                **({} if self.webhooks is None else _webhook_options(each.adapter, emulator)),
            },
        )
        self.accounts.append(account)
        if number == 1:
            self.variables.update(account.variables())
        return True

    def serve(
        self,
        app: Callable[[dict[str, Any], Any], Iterable[bytes]],
        port: int,
        *,
        option: str = "--port-base",
    ) -> str:
        """Serve a WSGI app until the sandbox ends, and return its origin.

        Args:
            app: The app.
            port: The port; 0 chooses a free one.
            option: The option of the command that chooses the port.

        Raises:
            ConfigurationError: If listening on the address fails.
        """
        options = f"--host or {option}"
        return self.parts.enter_context(served(app, self.host, port, options=options))

    def secrets(self) -> list[str]:
        """Return the values of all secret options."""
        return [
            str(value)
            for each in self.accounts
            for name, value in each.options.items()
            if is_secret(each.adapter.Options, name)
        ]

    def advance(self, advance: float) -> None:
        """Advance the clock of all vendors by some seconds, and let them see what it changed."""
        if self.clock is not None:
            self.clock.advance(advance)
        for each in self.accounts:
            with each.emulator.lock:
                each.emulator.pass_time()

    def now(self) -> datetime:
        """Return the instant at all vendors."""
        return self.accounts[0].emulator.clock.now()

    # -- what is attached -------------------------------------------------------------------

    def control(self, port: int) -> None:
        """Serve the control port, and add its address and its token to the variables.

        Raises:
            ConfigurationError: If listening fails, or the token in the environment is too short.
        """
        from ...testing.sandbox import TOKEN, URL
        from .control_port import ControlPort

        token = os.environ.get(TOKEN) or secrets.token_urlsafe(24)
        if len(token) < _SHORTEST_TOKEN or not (token.isascii() and token.isprintable()):
            raise ConfigurationError(
                f"{TOKEN} must be at least {_SHORTEST_TOKEN} characters of ASCII",
                hint="set another, or unset it to get one from the sandbox",
            )
        url = self.serve(ControlPort(self, token), port, option="--control-port")
        self.variables.update({URL: url, TOKEN: token})

    def send_webhooks(self, webhooks: Webhooks) -> None:
        """Send the webhook deliveries of all accounts, and say which vendors send none."""
        from .courier import Courier

        for each in self.accounts:
            declared = each.adapter.capabilities[Feature.WEBHOOK]
            if not (declared and each.emulator.sends_webhooks):
                reason = declared.reason or "its emulator does not send them"
                if each.name == each.provider:  # the others have the same reason
                    say(f"{each.provider} delivers no webhooks: {reason}")
            else:
                courier = Courier(each.name, each.emulator, webhooks)
                courier.start()
                self.parts.callback(courier.stop)

    def write_connections(self, path: Path) -> None:
        """Write a file like ``livestream.toml`` with a connection for each account.

        Raises:
            ConfigurationError: If the file cannot be written, or a sandbox did not write it.
        """
        lines = [_WRITTEN]
        for each in self.accounts:
            key = each.name if _BARE_KEY.fullmatch(each.name) else json.dumps(each.name)
            lines.append(f"\n[connections.{key}]\n")
            for name, value in {"provider": each.provider, **each.options}.items():
                lines.append(f"{name} = {json.dumps(value)}\n")  # these are the same in TOML
        problem = "was not written by a sandbox, and would be lost"
        try:
            if not path.exists() or path.read_text(encoding="utf-8").startswith(_WRITTEN):
                write_private(path, lines)
                return
        except (OSError, UnicodeDecodeError) as error:
            problem = f"cannot be written: {getattr(error, 'strerror', None) or 'it is not text'}"
        raise ConfigurationError(f"{path}: {problem}", hint="choose another file")

    def simulations(self, seconds: float) -> list[Simulation]:
        """Return the simulations of all accounts."""
        found = []
        for each in self.accounts:
            # It meets no faults that are meant for the tests, and is not in their log.
            client = self.parts.enter_context(each.emulator.observe(**each.options))
            found.append(Simulation(each.emulator, client, seconds=seconds))
        return found


def _webhook_options(adapter: type[Adapter], emulator: Emulator) -> dict[str, str]:
    """Return the option that verifies the emulator's deliveries, if it takes one."""
    secret = getattr(emulator, "webhook_secret", None)
    is_option = "webhook_secret" in attrs.fields_dict(adapter.Options)
    return {"webhook_secret": secret} if is_option and secret is not None else {}


def run(
    *,
    host: str,
    port_base: int | None,
    boot_seconds: float,
    simulate_seconds: float | None,
    accounts: int,
    manual_clock: bool,
    control_port: int | None,
    connections: Path | None,
    webhook_url: str | None,
    webhook_delay: float,
    webhook_duplicates: int,
    media_port: int | None,
) -> None:
    """Run the emulators and print their environment variables, until SIGINT or SIGTERM.

    Args:
        host: The address to listen on.
        port_base: The first emulator's port; the others follow. ``None`` chooses free ports.
        boot_seconds: How many seconds an emulated vendor takes to start a stream's server.
        simulate_seconds: How many seconds pass before a simulated encoder connects, and before a
            recording is ready; ``None`` simulates neither.
        accounts: The number of accounts at each vendor.
        manual_clock: Whether time passes at the vendors only when the control port is told so.
        control_port: The control port; 0 chooses a free one, and ``None`` serves none.
        connections: The file to which the connections of all accounts are written, if any.
        webhook_url: Where webhook deliveries are sent, if they are.
        webhook_delay: How many seconds later they are sent.
        webhook_duplicates: How many more times each is sent.
        media_port: The RTMP port of a real media server behind the emulators, whose port for
            viewers is the next one; 0 chooses free ports. ``None`` runs none.

    Raises:
        ConfigurationError: If no provider has an emulator, listening on an address fails, or what
            a media server needs is not installed.
    """
    with stopped_by_signals(), ExitStack() as parts:
        webhooks = None
        if webhook_url is not None:
            from .courier import Webhooks

            webhooks = Webhooks(webhook_url, webhook_delay, webhook_duplicates)
        clock = ManualClock() if manual_clock else None
        media = _media_server(media_port)
        sandbox = Sandbox(host, clock, parts, webhooks=webhooks, media=media)
        sandbox.start(port_base=port_base, boot_seconds=boot_seconds, accounts=accounts)
        if control_port is not None:
            sandbox.control(control_port)
        if webhooks is not None:
            sandbox.send_webhooks(webhooks)
        if connections is not None:
            sandbox.write_connections(connections)
        simulations = [] if simulate_seconds is None else sandbox.simulations(simulate_seconds)
        for name, value in sandbox.variables.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        if not is_loopback(host):
            say("Not a loopback address: clients must add the host to allow_http_hosts.")
        count = len(sandbox.accounts)
        if sandbox.media is not None:
            say(f"Real media: {sandbox.media}. Publish to a stream's ingest to make it live.")
        say(f"{count} emulators are running. Paste these lines into another terminal, then")
        say("run `livestream -p PROVIDER list`, or call connect(PROVIDER) without options.")
        say("Options you pass are never merged with these variables. Press Ctrl-C to stop.")
        if simulations:
            simulate(simulations)
        _wait()


def _media_server(port: int | None) -> MediaServer | None:
    if port is None:
        return None
    from ..media.server import MediaServer

    return MediaServer(say, rtmp_port=port, http_port=port and port + 1)


def _wait() -> None:
    while True:
        time.sleep(_LONGEST_SLEEP)
