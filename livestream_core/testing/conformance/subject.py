"""What is put to the test: one adapter, its emulator, and what its author says about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs

from ..._client import Client
from ..._client.connect import connect
from ..._contract.adapter import Adapter
from ..._contract.capabilities import FEATURE_OF_FIELD, Capabilities, Feature
from ..._model.fields import FieldFacts, Kind, table
from ..._model.stream import RestreamTarget, StreamSpec
from ..._plugins.registry import registry
from ...emulator import Emulator, load_emulator
from ..captures import Capture, load

_BY_KIND: Mapping[Kind | None, Sequence[Any]] = {
    Kind.TEXT: ("Heute: Übertragung aus Köln, 日本語, with “quotes” & <tags>",),
    Kind.IDENTIFIER: ("kit-1",),
    Kind.TEXTS: (("maths", "exam 2026"),),
    Kind.FLAG: (True, False),
    Kind.INSTANT: (datetime(2030, 1, 15, 9, 30, tzinfo=UTC),),
    Kind.SECONDS: (90,),
    Kind.URL: ("https://images.example/a%20picture.jpg",),
}
_BY_PART: Mapping[Any, Sequence[Any]] = {
    RestreamTarget: ((RestreamTarget("rtmp://relay.example/live2", "a-restream-key-of-the-kit"),),),
}


def _examples(field: FieldFacts) -> Sequence[Any]:
    if field.part is not None:
        return _BY_PART[field.part]
    return field.examples or tuple(field.words or ()) or _BY_KIND[field.kind]


#: What is asked for in each field of a spec, where the adapter names no values of its own.
VALUES: Mapping[Feature, Sequence[Any]] = {
    feature: _examples(table(StreamSpec)[name]) for name, feature in FEATURE_OF_FIELD.items()
}


@attrs.frozen(slots=True)
class Sample:
    """A payload that the vendor documents, and how it must be read.

    Attributes:
        payload: The JSON of one live stream, as it stands in the document.
        expected: Fields of the :class:`~livestream_core.LiveStream` and their values.
        answer_to: The operation (``"create"``, ``"get"``, ...) that the document shows it as an
            answer to: the emulator's answers must have all its fields, of the same types.
    """

    payload: Mapping[str, Any]
    expected: Mapping[str, Any] = attrs.field(factory=dict)
    answer_to: str | None = None


class Subject:
    """An adapter under test. Made from its name alone, or by a subclass that says more.

    Nothing has to be overridden. What the defaults ask the emulator for, besides what every
    emulator has, is optional there too: ``page_size`` (set to 2, so that few streams fill three
    pages), ``login_options()`` (another way to sign in than ``options()``), ``add_stream()``
    (makes a stream where the adapter cannot, and gives its id), ``other_ids()`` (ids of things
    that are no live streams), ``webhook(id, secret=)`` (headers and body of a delivery),
    ``stream_fails(id)``, and ``samples`` (a sequence of mappings with what :class:`Sample` takes).

    Attributes:
        name: The provider's name.
        captures: Files that ``livestream capture`` wrote; needed only without an emulator.
        client: Which client uses it: ``"synchronous"`` or ``"asynchronous"``.
    """

    name: str
    captures: Sequence[Path] = ()
    client: str = "synchronous"

    def __init__(
        self,
        name: str | None = None,
        *,
        captures: Sequence[Path] = (),
        client: str | None = None,
    ) -> None:
        if name is not None:
            self.name = name
        if captures:
            self.captures = captures
        if client is not None:
            self.client = client

    @property
    def label(self) -> str:
        """What its tests are called after: the provider, and the client if it is not the usual."""
        return self.name if self.client == "synchronous" else f"{self.name}-{self.client}"

    def connect(self, **settings: Any) -> Client:
        """Make a client, as ``connect`` does."""
        if self.client == "synchronous":
            return connect(self.name, **settings)
        from ..blocking import connect_blocking

        blocking: Client = connect_blocking(self.name, **settings)
        return blocking

    # Looked up once: every look at what is installed reads files.
    @cached_property
    def adapter(self) -> type[Adapter]:
        """The adapter's class."""
        return registry.adapter(self.name)

    @property
    def capabilities(self) -> Capabilities:
        """What it declares."""
        return self.adapter.capabilities

    @cached_property
    def has_emulator(self) -> bool:
        """Whether it can be tried over HTTP."""
        return registry.info(self.name).emulator is not None

    @cached_property
    def _emulator(self) -> type[Emulator]:
        return load_emulator(self.name)

    def make_emulator(self) -> Emulator:
        """A fresh vendor without any streams."""
        return self._emulator()

    def ways_in(self, emulator: Emulator) -> Iterable[Mapping[str, Any]]:
        """Options for ``connect`` that reach the emulator's account, for each way to sign in. The
        first is used wherever it does not matter.
        """
        yield emulator.options()
        login = getattr(emulator, "login_options", None)
        if login is not None:
            yield login()

    def values(self, feature: Feature) -> Sequence[Any]:
        """What is asked for in a field of a spec: each is set, and read back."""
        allowed: Collection[Any] | None = self.capabilities[feature].values
        if allowed is not None:
            return sorted(allowed, key=str)
        return VALUES[feature]

    def other_ids(self, emulator: Emulator) -> Sequence[str]:
        """Ids of things in the emulator's account that are not live streams, such as folders."""
        found = getattr(emulator, "other_ids", None)
        return found() if found is not None else ()

    def delivery(
        self, emulator: Emulator, stream_id: str, secret: str
    ) -> tuple[Mapping[str, str], bytes] | None:
        """Headers and body of a webhook delivery about a stream; ``None`` if the emulator sends
        none.
        """
        webhook = getattr(emulator, "webhook", None)
        return webhook(stream_id, secret=secret) if webhook is not None else None

    def samples(self) -> Sequence[Sample]:
        """Payloads that the vendor documents; an emulator gives them as mappings, so that it
        need not import the kit.
        """
        if not self.has_emulator:
            return ()
        found = getattr(self.make_emulator(), "samples", ())
        return [each if isinstance(each, Sample) else Sample(**each) for each in found]

    def recorded(self) -> Sequence[Capture]:
        """Its recordings, read.

        Raises:
            InvalidInput: One cannot be read.
        """
        found = (load(path) for path in self.captures)
        return [recording for recording in found if recording.provider == self.name]
