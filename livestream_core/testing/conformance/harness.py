"""A test's own vendor: the emulator, its clients, their clock, and an independent observer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from typing import Any

import pytest

from ..._client import Client
from ..._contract.adapter import in_process_origin
from ..._contract.capabilities import OPERATION_OF, Capabilities, Feature
from ..._contract.clock import ManualClock
from ..._contract.options import origins_at
from ..._contract.response import Response
from ..._contract.transport import AsyncTransport, Transport
from ..._http.network import SendArguments
from ..._http.requests_transport import RequestsTransport
from ..._model.errors import Conflict, LiveStreamError, NotFound, Rejected, Unsupported
from ..._model.status import Status
from ..._model.stream import Event, LiveStream
from ...emulator import Emulator, LoggedRequest
from ..captures import Player
from ..transports import AsyncKitTransport, KitTransport
from .subject import Subject

#: The scheduled start of streams.
START = "2030-06-01T10:00:00Z"
#: Enough streams for three pages of every known vendor.
_MAX_STREAMS = 250
#: The secret of the webhook, for a vendor that shares one with each account.
_SECRET = "the secret of the kit's webhook"
#: How many streams are created between two reads of the pages.
_BATCH = 5


class _Log:
    """The requests so far, and a way to change responses."""

    def __init__(self) -> None:
        self.origins: list[str] = []
        self.targets: list[tuple[str, str]] = []
        #: Returns another response instead of the vendor's. It may use clients itself.
        self.answer: Callable[[str, str, Response], Response] | None = None

    def _note(self, sent: SendArguments) -> None:
        self.origins.append(sent.origin)
        self.targets.append((sent.method, sent.target))


class Tap(_Log, KitTransport):
    """A transport that logs requests and can change responses."""

    def __init__(self, inner: Transport) -> None:
        super().__init__()
        self.inner = inner

    def _respond(self, sent: SendArguments) -> Response:
        """Return the response to a request; see :class:`KitTransport`."""
        self._note(sent)
        response = self.inner.send(*sent)
        return response if self.answer is None else self.answer(sent.method, sent.target, response)


class AsyncTap(_Log, AsyncKitTransport):
    """The counterpart of :class:`Tap` over an asynchronous transport."""

    def __init__(self, inner: AsyncTransport) -> None:
        super().__init__()
        self.inner = inner

    async def _respond(self, sent: SendArguments) -> Response:
        """Return the response to a request; see :class:`AsyncKitTransport`."""
        self._note(sent)
        response = await self.inner.send(*sent)
        if self.answer is None:
            return response
        # In a thread: a client that the function uses would wait for this loop.
        return await asyncio.to_thread(self.answer, sent.method, sent.target, response)


@contextmanager
def _over_sockets(subject: Subject) -> Iterator[Tap | AsyncTap]:
    """Provide the transport that users of the subject's client have."""
    if subject.client == "synchronous":
        own = RequestsTransport()
        try:
            yield Tap(own)
        finally:
            own.close()
    else:
        from ..blocking import lent_transport

        with lent_transport() as lent:
            yield AsyncTap(lent)


class Harness:
    """One emulated vendor, and the tools of a test. Created by :meth:`open`.

    Attributes:
        subject: The adapter under test.
        clock: The clock of the vendor and of all its clients.
        tap: The transport of the clients of :meth:`connect`.
    """

    def __init__(
        self, subject: Subject, emulator: Emulator | None, stack: ExitStack, *, over_http: bool
    ) -> None:
        self.subject = subject
        self._emulator = emulator
        self.clock: ManualClock = ManualClock()
        self._stack = stack
        self._origin: dict[str, str] = {}
        self._client: Client | None = None
        self.tap: Tap | AsyncTap = Tap(Player())
        if emulator is not None:
            emulator.clock = self.clock
            self.tap = Tap(emulator.transport())
            self._origin = in_process_origin(subject.adapter)
        if over_http:
            url = stack.enter_context(self.emulator.serve())
            self._origin = origins_at(subject.adapter.Options, url)
            self.tap = stack.enter_context(_over_sockets(subject))
        self.can: Capabilities = subject.capabilities

    @classmethod
    @contextmanager
    def open(cls, subject: Subject, *, over_http: bool) -> Iterator[Harness]:
        """Provide a vendor for one test."""
        with ExitStack() as stack:
            emulator = subject.make_emulator() if subject.has_emulator else None
            if getattr(emulator, "page_size", None) is not None:
                setattr(emulator, "page_size", 2)  # noqa: B010
            if emulator is not None:
                stack.enter_context(emulator.running())
            harness = cls(subject, emulator, stack, over_http=over_http)
            yield harness
            # Clients sign out when they are closed, so the vendor must respond correctly again.
            harness.tap.answer = None
            if emulator is not None:
                emulator.clear_faults()

    @property
    def emulator(self) -> Emulator:
        """The emulator. Only areas that need an emulator may use it."""
        assert self._emulator is not None
        return self._emulator

    # -- clients ----------------------------------------------------------------------------

    def options(self) -> Mapping[str, Any]:
        """Return options that connect to the account."""
        if self._emulator is None:
            return self.subject.captured()[0].connection()
        return next(iter(self.subject.ways_in(self.emulator)))

    def connect(self, options: Mapping[str, Any] | None = None, **settings: Any) -> Client:
        """Return one more client. It is closed after the test."""
        arguments = {
            "transport": self.tap,
            "clock": self.clock,
            "environ": {},
            **self._origin,
            **(self.options() if options is None else options),
            **settings,
        }
        return self._stack.enter_context(self.subject.connect(**arguments))

    @property
    def client(self) -> Client:
        """The test's client."""
        if self._client is None:
            self._client = self.connect()
        return self._client

    @client.setter
    def client(self, client: Client) -> None:
        self._client = client

    @property
    def secret(self) -> str:
        """The secret with which the emulator's ``webhook`` signs genuine deliveries."""
        return getattr(self.emulator, "webhook_secret", _SECRET)

    def receive(self, headers: Any, body: bytes) -> Event:
        """Pass a delivery to the test's client, with the secret unless a key is published."""
        if self.subject.publishes_key:
            return self.client.receive_webhook(headers, body)
        return self.client.parse_webhook(headers, body, secret=self.secret)

    def signed_in(self, **settings: Any) -> Client:
        """Return a client that is signed in, so that the next request is the operation's own."""
        client = self.connect(**settings)
        self.touch(client)
        return client

    def touch(self, client: Client) -> None:
        """Call the smallest operation that needs a session."""
        if self.can.supports(Feature.LIST):
            client.pages()
        elif self.can.supports(Feature.GET):
            client.get(self.stream().id)
        elif self.can.supports(Feature.CREATE):
            client.create(title="A stream that opens a session")
        else:
            pytest.skip("every declared operation needs a stream")

    def key(self, stream_id: str) -> str:
        """Return an ID, normalized for comparison."""
        return self.client.id_key(stream_id)

    # -- what was sent ----------------------------------------------------------------------

    @contextmanager
    def sent(self) -> Iterator[list[LoggedRequest]]:
        """List the requests within the block. The list is filled at the block's end."""
        before = len(self.emulator.requests)
        found: list[LoggedRequest] = []
        try:
            yield found
        finally:
            found += self.emulator.requests[before:]

    def need_emulated_time(self) -> None:
        """Skip the test if the server's time is real, so that the test cannot advance it."""
        if self.emulator.is_real:
            pytest.skip("the time of a real server cannot be advanced")

    def is_change(self, method: str, target: str) -> bool:
        """Return whether a request changes something at the vendor."""
        return fnmatchcase(f"{method} {target.partition('?')[0]}", self.emulator.changing)

    def changes_in(self, requests: Iterable[LoggedRequest]) -> list[LoggedRequest]:
        """Return the requests that change something at the vendor."""
        return [each for each in requests if self.is_change(each.method, each.path)]

    @contextmanager
    def sends_nothing(self) -> Iterator[None]:
        """Fail if the block sends anything, signing in included."""
        before = len(self.tap.targets)
        yield
        assert self.tap.targets[before:] == [], "it was refused, but only after something was sent"

    # -- streams ----------------------------------------------------------------------------

    def stream(self, **fields: Any) -> LiveStream:
        """Return a new stream. ``fields`` of its spec apply if the adapter creates it."""
        if self.can.supports(Feature.CREATE):
            return self.client.create(**{"title": "A stream of the kit", **fields})
        try:
            added = self.emulator.add_stream()
        except NotImplementedError:
            pytest.skip("no stream can be created: no CREATE, and no add_stream() in the emulator")
        return self.read(added)

    def is_payload(self, stream: LiveStream, data: Any) -> bool:
        """Return whether some data is the payload of a stream.

        Numbers in that of a real server, such as bytes, differ from read to read.
        """
        if stream.raw is None or not isinstance(data, dict):
            return False
        if not self.emulator.is_real:
            return bool(data == stream.raw.reveal())
        try:
            return self.key(self.client.parse_stream(data).id) == self.key(stream.id)
        except LiveStreamError:
            return False

    def unused_ids(self) -> Sequence[str]:
        """Return an ID that an encoder could use, if the vendor keeps no streams; else nothing."""
        try:
            return [self.emulator.unused_id()]
        except NotImplementedError:
            return []

    def read(self, stream_id: str) -> LiveStream:
        """Return the current state of a stream."""
        if self.can.supports(Feature.GET):
            return self.client.get(stream_id)
        if not self.can.supports(Feature.LIST):
            pytest.skip("no stream can be read: neither GET nor LIST")
        key = self.key(stream_id)
        return next(stream for stream in self.client.list(full=True) if self.key(stream.id) == key)

    def seen(self, stream_id: str) -> LiveStream | None:
        """Return the current state of a stream, or ``None`` if the vendor has forgotten it.

        A vendor that only has the streams of its encoders forgets one with its encoder.
        """
        try:
            return self.read(stream_id)
        except NotFound:
            if self.can.supports(Feature.CREATE):
                raise
            return None

    def unstarted(self) -> LiveStream:
        """Return a stream that can be started."""
        if self.can.supports(Feature.SCHEDULE):
            return self.stream(scheduled_start=START)
        if self.can.create_starts:
            pytest.skip("create starts every stream")
        stream = self.stream()
        if self.can.start_needs_encoder:
            self.emulator.connect_encoder(stream.id)
        return stream

    def go_live(self, stream_id: str) -> None:
        """Connect an encoder, and start the stream if the encoder alone does not."""
        self.emulator.connect_encoder(stream_id)
        if self.can.start_needs_encoder:
            self.client.start(stream_id)

    def scheduled(self) -> LiveStream:
        """Return a stream that is scheduled, if that is possible."""
        if self.can.supports(Feature.SCHEDULE):
            return self.stream(scheduled_start=START)
        return self.stream()

    def streams_on_three_pages(self) -> list[str]:
        """Create enough streams for a list of three pages, and return their normalized IDs.

        The test fails if the list ends early. It is skipped if the emulator has no ``page_size``
        and puts very many streams on a page. If the vendor has no pages, the list has three
        streams.
        """
        created: list[str] = []
        client = self.connect()
        if self.is_unpaged:
            return [self.key(self.stream(title="One of three").id) for _ in range(3)]
        while True:
            pages, seen = self._first_pages(client)
            if pages == 3:
                return created
            assert set(created) <= seen, (
                f"the list ends after page {pages}, and streams are missing"
            )
            if len(created) >= _MAX_STREAMS:
                what = f"{len(created)} streams are on fewer than three pages"
                if hasattr(self.emulator, "page_size"):
                    pytest.fail(f"{what}, although the emulator's page_size is 2")
                pytest.skip(f"{what}: the emulator needs a page_size")
            created += [self.key(self.stream(title="One of many").id) for _ in range(_BATCH)]

    @property
    def is_unpaged(self) -> bool:
        """Whether the vendor returns its whole list at once: ``page_size`` is ``None``."""
        return getattr(self.emulator, "page_size", 0) is None

    def need_pages(self) -> None:
        """Skip the test if the vendor has no pages."""
        if self.is_unpaged:
            pytest.skip("the vendor returns its whole list on one page")

    def _first_pages(self, client: Client) -> tuple[int, set[str]]:
        """Return the number of pages, counting to three, and the normalized IDs on them.

        It requests the largest pages, as a list does: an emulator may use ``page_size`` only for
        requests without a size.
        """
        pages, seen = 0, set()
        cursor: str | None = None
        while pages == 0 or (cursor is not None and pages < 3):
            page = client.pages(cursor=cursor, size=self.can.max_page_size)
            pages, cursor = pages + 1, page.next_cursor
            seen |= {self.key(stream.id) for stream in page.items}
        return pages, seen

    def others(self) -> Sequence[str]:
        """Return IDs of things that are not live streams. Skip the test if there are none."""
        found = self.subject.other_ids(self.emulator)
        if not found:
            pytest.skip("the emulator has only live streams (no other_ids())")
        return found

    def reach(self, wanted: Status) -> LiveStream:
        """Return a stream with a status, reached by ordinary operations and events.

        Skip the test if the emulator cannot show the status.
        """
        stream = self.find(wanted)
        if stream is None:
            pytest.skip(f"the emulator cannot bring a stream to {wanted.value}")
        return stream

    def visible(self, wanted: Status) -> LiveStream:
        """Return a stream with a status that a read shows too, or skip the test."""
        stream = self.reach(wanted)
        if self.can.supports(Feature.GET):
            shown = self.seen(stream.id)
            if shown is None or shown.status is not wanted:
                pytest.skip("only the response to a change shows the status, and no later read")
        return stream

    def find(self, wanted: Status) -> LiveStream | None:
        """Return a stream with a status, or ``None`` if the emulator cannot show the status."""
        routes = (self.life, self._unpublished, self._single_steps, self._failed, self._disabled)
        for route in routes:
            for stream in route():
                if stream.status is wanted:
                    return stream
        return None

    def life(self) -> Iterator[LiveStream]:
        """Yield a stream through its whole lifecycle, as each step and each read shows it."""
        client, emulator = self.client, self.emulator
        stream = self.scheduled()
        yield stream
        steps: Sequence[Callable[[str], object]] = (
            client.start,
            lambda _: self.clock.sleep(emulator.boot_seconds + 1),
            self.go_live,
            lambda _: self.clock.sleep(300),
            emulator.drop_encoder,
            self.go_live,
            client.stop,
            lambda _: self.clock.sleep(60),
            emulator.finish_recording,
        )
        for step in steps:
            shown = self.attempt(step, stream.id)
            if shown is not None:
                yield shown
            seen = self.seen(stream.id)
            if seen is not None:
                yield seen

    def _unpublished(self) -> Iterator[LiveStream]:
        """Yield a stream under an ID that no encoder has used, if the vendor shows it."""
        for unused in self.unused_ids():
            stream = self.seen(unused)
            if stream is not None:
                yield stream

    def _single_steps(self) -> Iterator[LiveStream]:
        """Yield a new stream after each operation that may change its status."""
        for operation in OPERATION_OF.values():
            if self.can.supports(operation.feature) and operation.takes == ("stream_id",):
                method = getattr(self.client, operation.name)
                if operation.changes and operation.name != "delete":
                    shown = self.attempt(method, self.stream().id)
                    if shown is not None:
                        yield shown

    def _failed(self) -> Iterator[LiveStream]:
        stream = self.stream()
        try:
            self.emulator.fail_stream(stream.id)
        except NotImplementedError:
            return
        yield self.read(stream.id)

    def _disabled(self) -> Iterator[LiveStream]:
        """Yield a stream that is disabled as soon as it is ready."""
        if self.can.supports(Feature.DISABLE):
            ready = next((each for each in self.life() if each.status is Status.READY), None)
            shown = ready and self.attempt(self.client.disable, ready.id)
            if shown is not None:
                yield shown

    def end_run(self, stream_id: str) -> None:
        """End the run of a stream that is live, as a caller or else as an encoder does."""
        if self.attempt(self.client.stop, stream_id) is None:
            self.attempt(self.emulator.drop_encoder, stream_id)
        self.clock.sleep(300)
        self.attempt(self.emulator.finish_recording, stream_id)

    def attempt(self, step: Callable[[str], object], stream_id: str) -> LiveStream | None:
        """Try a step, and return the stream if the step is possible now."""
        try:
            shown = step(stream_id)
        except (ValueError, NotImplementedError, Conflict, Rejected, Unsupported):
            return None
        return shown if isinstance(shown, LiveStream) else None

    # -- an independent observer ------------------------------------------------------------

    def look(self) -> dict[str, LiveStream]:
        """Return all streams as another client sees them now, by their normalized IDs."""
        self.emulator.clear_faults()
        with self.subject.connect(
            transport=Tap(self.emulator.transport()),
            clock=self.clock,
            environ={},
            **in_process_origin(self.subject.adapter),
            **self.options(),
        ) as other:
            return {self.key(stream.id): stream for stream in other.list(full=True)}

    def exists(self, stream_id: str) -> bool:
        """Return whether another client can read a stream."""
        self.emulator.clear_faults()
        try:
            self.connect().get(stream_id)
        except NotFound:
            return False
        return True
