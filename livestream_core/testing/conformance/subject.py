"""The subject of the kit: one adapter, its emulator, and the author's settings for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import Any

import attrs

from ..._client import Client
from ..._client.connect import connect
from ..._contract.adapter import Adapter
from ..._contract.capabilities import Capabilities, Feature
from ..._plugins.registry import registry
from ...emulator import Emulator, load_emulator
from ..captures import Capture, load
from ..field_values import values_of


@attrs.frozen(slots=True)
class Sample:
    """A payload from the vendor's documentation, and its expected parsed values.

    Attributes:
        payload: The JSON of one live stream, as in the documentation.
        expected: The expected fields of the :class:`~livestream_core.LiveStream`.
        answer_to: The operation (``"create"``, ``"get"``, ...) whose response it is. The
            emulator's responses must have all of its fields, with the same types.
    """

    payload: Mapping[str, Any]
    expected: Mapping[str, Any] = attrs.field(factory=dict)
    answer_to: str | None = None


class Subject:
    """An adapter under test, created from its name or defined in a subclass.

    No method has to be overridden. The defaults use these optional members of the emulator:
    ``page_size`` (set to 2, so that a few streams fill three pages), ``login_options()`` (another
    way to sign in than ``options()``), ``other_options()`` (options of another account, to which
    the kit never connects), ``add_stream()`` (creates a stream if the adapter cannot,
    and returns its ID), ``other_ids()`` (IDs of things that are not live streams),
    ``webhook(id, secret=)`` (the headers and body of a delivery; with a parameter ``body``, it
    signs that body), ``webhook_secret`` (for a vendor that publishes its key: the secret with which
    ``webhook`` signs with that key; with any other one, it signs as a forger),
    ``stream_fails(id)``,
    ``opted_out`` (a mapping from tests that are wrong for the vendor to reasons), and
    ``samples`` (a sequence of mappings with the arguments of :class:`Sample`).

    Attributes:
        name: The provider's name.
        captures: Files from ``livestream capture`` or ``livestream doctor --live``.
        client: The client to test with: ``"synchronous"`` or ``"asynchronous"``.
        server: A class to use in place of the provider's emulator, such as a real server.
    """

    name: str
    captures: Sequence[Path] = ()
    client: str = "synchronous"
    server: type[Emulator] | None = None

    def __init__(
        self,
        name: str | None = None,
        *,
        captures: Sequence[Path] = (),
        client: str | None = None,
        server: type[Emulator] | None = None,
    ) -> None:
        if name is not None:
            self.name = name
        if captures:
            self.captures = captures
        if client is not None:
            self.client = client
        if server is not None:
            self.server = server

    @property
    def is_real(self) -> bool:
        """Whether the adapter is tested on a real server."""
        return self.server is not None and self.server.is_real

    @property
    def label(self) -> str:
        """The prefix of the test names: the provider, and what is not the default."""
        client = "" if self.client == "synchronous" else f"-{self.client}"
        return f"{self.name}{'-real' if self.is_real else ''}{client}"

    def connect(self, **settings: Any) -> Client:
        """Return a client, like ``connect``."""
        if self.client == "synchronous":
            return connect(self.name, **settings)
        from ..blocking import connect_blocking

        blocking: Client = connect_blocking(self.name, **settings)
        return blocking

    # Cached: each lookup of what is installed reads files.
    @cached_property
    def adapter(self) -> type[Adapter]:
        """The adapter's class."""
        return registry.adapter(self.name)

    @property
    def capabilities(self) -> Capabilities:
        """The capabilities that the adapter declares."""
        return self.adapter.capabilities

    @cached_property
    def has_emulator(self) -> bool:
        """Whether the adapter can be tested over HTTP."""
        return self.server is not None or registry.info(self.name).emulator is not None

    @cached_property
    def _emulator(self) -> type[Emulator]:
        return self.server or load_emulator(self.name)

    def make_emulator(self) -> Emulator:
        """Create an emulator without streams."""
        return self._emulator()

    def ways_in(self, emulator: Emulator) -> Iterable[Mapping[str, Any]]:
        """Yield options for ``connect`` to the emulator's account, for each way to sign in.

        The first options are used in all tests that do not depend on the way.
        """
        yield emulator.options()
        login = getattr(emulator, "login_options", None)
        if login is not None:
            yield login()

    def other_account(self, emulator: Emulator) -> Mapping[str, Any] | None:
        """Return options for ``connect`` to another account of the vendor.

        Returns:
            ``None`` if the emulator cannot say what they would be.
        """
        found = getattr(emulator, "other_options", None)
        return found() if found is not None else None

    def values(self, feature: Feature) -> Sequence[Any]:
        """Return the values to request for a field of a spec. Each is set and read back."""
        return values_of(self.capabilities, feature)

    def other_ids(self, emulator: Emulator) -> Sequence[str]:
        """Return IDs in the emulator's account that are not live streams, such as folders."""
        found = getattr(emulator, "other_ids", None)
        return found() if found is not None else ()

    def delivery(
        self, emulator: Emulator, stream_id: str, secret: str
    ) -> tuple[Mapping[str, str], bytes] | None:
        """Return the headers and body of a webhook delivery about a stream.

        Returns:
            ``None`` if the emulator sends no deliveries.
        """
        webhook = getattr(emulator, "webhook", None)
        return webhook(stream_id, secret=secret) if webhook is not None else None

    @cached_property
    def publishes_key(self) -> bool:
        """Whether the vendor publishes the key with which deliveries are verified."""
        return self.adapter.webhook_key is not Adapter.webhook_key

    @cached_property
    def signs_given_bodies(self) -> bool:
        """Whether the emulator's ``webhook`` also signs a body that it is given."""
        webhook = getattr(self._emulator, "webhook", None)
        return webhook is not None and "body" in signature(webhook).parameters

    def headers_for(
        self, emulator: Emulator, stream_id: str, secret: str, body: bytes
    ) -> Mapping[str, str]:
        """Return the headers of a webhook delivery with a given body."""
        webhook: Any = getattr(emulator, "webhook", None)
        headers: Mapping[str, str] = webhook(stream_id, secret=secret, body=body)[0]
        return headers

    @cached_property
    def opted_out(self) -> Mapping[str, str]:
        """The tests that are wrong for this vendor, by name, and why.

        A name may end with one of the test's values: ``"test_a_declared_field_is_set[tags]"``.
        """
        return getattr(self._emulator, "opted_out", {}) if self.has_emulator else {}

    def samples(self) -> Sequence[Sample]:
        """Return payloads from the vendor's documentation.

        An emulator declares them as mappings, so that it does not need to import the kit.
        """
        if not self.has_emulator:
            return ()
        found = getattr(self.make_emulator(), "samples", ())
        return [each if isinstance(each, Sample) else Sample(**each) for each in found]

    def captured(self) -> Sequence[Capture]:
        """Read the captures of this provider.

        Raises:
            InvalidInput: If a file cannot be read.
        """
        found = (load(path) for path in self.captures)
        return [capture for capture in found if capture.provider == self.name]
