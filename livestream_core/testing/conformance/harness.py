"""A test's own vendor: the emulator, clients of it, the time of both, and a look from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from ..._client import Client
from ..._contract.adapter import in_process_origin
from ..._contract.capabilities import Capabilities, Feature
from ..._contract.clock import ManualClock
from ..._contract.request import Response
from ..._contract.transport import AsyncTransport, Transport
from ..._http.network import SendArguments
from ..._http.requests_transport import RequestsTransport
from ..._model.errors import Conflict, NotFound, Rejected, Unsupported
from ..._model.status import Status
from ..._model.stream import LiveStream
from ...emulator import Emulator, LoggedRequest
from ..captures import Player
from ..transports import OwnAsyncTransport, OwnTransport
from .subject import Subject

#: When streams are scheduled.
START = "2030-06-01T10:00:00Z"
#: Enough streams for three pages of any vendor that was seen so far.
_MOST_STREAMS = 250
#: How many are made between two looks at the pages.
_AT_ONCE = 5


class _Notes:
    """Where requests went, and what is to come back."""

    def __init__(self) -> None:
        self.origins: list[str] = []
        self.targets: list[tuple[str, str]] = []
        #: Gives another answer in place of the vendor's. It may use clients itself.
        self.answer: Callable[[str, str, Response], Response] | None = None

    def _note(self, sent: SendArguments) -> None:
        self.origins.append(sent.origin)
        self.targets.append((sent.method, sent.target))


class Tap(_Notes, OwnTransport):
    """A transport that notes where requests go, and can change what comes back."""

    def __init__(self, inner: Transport) -> None:
        super().__init__()
        self.inner = inner

    def _answer_to(self, sent: SendArguments) -> Response:
        """See :class:`OwnTransport`."""
        self._note(sent)
        response = self.inner.send(*sent)
        return response if self.answer is None else self.answer(sent.method, sent.target, response)


class AsyncTap(_Notes, OwnAsyncTransport):
    """What :class:`Tap` is, over an asynchronous transport."""

    def __init__(self, inner: AsyncTransport) -> None:
        super().__init__()
        self.inner = inner

    async def _answer_to(self, sent: SendArguments) -> Response:
        """See :class:`OwnAsyncTransport`."""
        self._note(sent)
        response = await self.inner.send(*sent)
        if self.answer is None:
            return response
        # In a thread: a client that it used would wait for this loop.
        return await asyncio.to_thread(self.answer, sent.method, sent.target, response)


@contextmanager
def _over_sockets(subject: Subject) -> Iterator[Tap | AsyncTap]:
    """The transport that users of the subject's client have."""
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
    """One emulated vendor and what a test does with it. Made by :meth:`open`.

    Attributes:
        subject: The adapter under test.
        clock: The time of the vendor and of all clients here.
        tap: Through which the clients of :meth:`connect` send.
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
            self._origin = {"base_url": stack.enter_context(self.emulator.serve())}
            self.tap = stack.enter_context(_over_sockets(subject))
        self.can: Capabilities = subject.capabilities

    @classmethod
    @contextmanager
    def open(cls, subject: Subject, *, over_http: bool) -> Iterator[Harness]:
        """A vendor for one test."""
        with ExitStack() as stack:
            emulator = subject.make_emulator() if subject.has_emulator else None
            if hasattr(emulator, "page_size"):
                setattr(emulator, "page_size", 2)  # noqa: B010
            harness = cls(subject, emulator, stack, over_http=over_http)
            yield harness
            # Clients sign out as they are closed: not of a vendor that still answers wrongly.
            harness.tap.answer = None
            if emulator is not None:
                emulator.clear_faults()

    @property
    def emulator(self) -> Emulator:
        """The vendor. Only tests of areas that need one ask for it."""
        assert self._emulator is not None
        return self._emulator

    # -- clients ----------------------------------------------------------------------------

    def options(self) -> Mapping[str, Any]:
        """Options that reach the account."""
        if self._emulator is None:
            return self.subject.recorded()[0].options
        return next(iter(self.subject.ways_in(self.emulator)))

    def connect(self, options: Mapping[str, Any] | None = None, **settings: Any) -> Client:
        """One more client; it is closed with the test."""
        given = {
            "transport": self.tap,
            "clock": self.clock,
            "environ": {},
            **self._origin,
            **(self.options() if options is None else options),
            **settings,
        }
        return self._stack.enter_context(self.subject.connect(**given))

    @property
    def client(self) -> Client:
        """The test's client."""
        if self._client is None:
            self._client = self.connect()
        return self._client

    @client.setter
    def client(self, client: Client) -> None:
        self._client = client

    def signed_in(self, **settings: Any) -> Client:
        """A client whose session is open, so that the next request is the operation's own."""
        client = self.connect(**settings)
        self.touch(client)
        return client

    def touch(self, client: Client) -> None:
        """Does the smallest thing that needs a session."""
        if self.can.supports(Feature.LIST):
            client.pages()
        elif self.can.supports(Feature.GET):
            client.get(self.stream().id)
        elif self.can.supports(Feature.CREATE):
            client.create(title="A stream that opens a session")
        else:
            pytest.skip("nothing is declared that needs no stream")

    def key(self, stream_id: str) -> str:
        """The id in the spelling by which ids are compared."""
        return self.client.id_key(stream_id)

    # -- what was sent ----------------------------------------------------------------------

    @contextmanager
    def sent(self) -> Iterator[list[LoggedRequest]]:
        """What reached the vendor within the block; the list is filled at its end."""
        before = len(self.emulator.requests)
        found: list[LoggedRequest] = []
        try:
            yield found
        finally:
            found += self.emulator.requests[before:]

    @contextmanager
    def sends_nothing(self) -> Iterator[None]:
        """The block must not send anything, signing in included."""
        before = len(self.tap.targets)
        yield
        assert self.tap.targets[before:] == [], "it was refused, but only after something was sent"

    # -- streams ----------------------------------------------------------------------------

    def stream(self, **fields: Any) -> LiveStream:
        """A stream to work with; ``fields`` of its spec are kept where the adapter makes it."""
        if self.can.supports(Feature.CREATE):
            return self.client.create(**{"title": "A stream of the kit", **fields})
        add = getattr(self.emulator, "add_stream", None)
        if add is None:
            pytest.skip("no stream can be made: no CREATE, and the emulator has no add_stream()")
        return self.read(add())

    def read(self, stream_id: str) -> LiveStream:
        """A stream as it is now."""
        if self.can.supports(Feature.GET):
            return self.client.get(stream_id)
        if not self.can.supports(Feature.LIST):
            pytest.skip("no stream can be read: neither GET nor LIST")
        key = self.key(stream_id)
        return next(stream for stream in self.client.list() if self.key(stream.id) == key)

    def unstarted(self) -> LiveStream:
        """A stream that can be started."""
        if self.can.supports(Feature.SCHEDULE):
            return self.stream(scheduled_start=START)
        if self.can.create_starts:
            pytest.skip("every stream is started by its creation")
        return self.stream()

    def scheduled(self) -> LiveStream:
        """A stream that starts later, where that is possible."""
        if self.can.supports(Feature.SCHEDULE):
            return self.stream(scheduled_start=START)
        return self.stream()

    def streams_on_three_pages(self) -> list[str]:
        """Makes so many streams that a walk through all of them has three pages; gives the keys
        of their ids. The test fails where a walk ends before, and is skipped where the emulator
        has no ``page_size`` and puts very many streams on a page.
        """
        made: list[str] = []
        client = self.connect()
        while True:
            pages, seen = self._first_pages(client)
            if pages == 3:
                return made
            assert set(made) <= seen, f"the list ends after page {pages}, and lacks streams"
            if len(made) >= _MOST_STREAMS:
                what = f"{len(made)} streams are on fewer than three pages"
                if hasattr(self.emulator, "page_size"):
                    pytest.fail(f"{what}, although the emulator's page_size is 2")
                pytest.skip(f"{what}: the emulator needs a page_size")
            made += [self.key(self.stream(title="One of many").id) for _ in range(_AT_ONCE)]

    def _first_pages(self, client: Client) -> tuple[int, set[str]]:
        """How many pages a walk has, counted to the third, and the keys of what is on them. It
        asks for the largest pages, as a list does: an emulator may have small ones only for those
        who do not say.
        """
        pages, seen = 0, set()
        cursor: str | None = None
        while pages == 0 or (cursor is not None and pages < 3):
            page = client.pages(cursor=cursor, size=self.can.max_page_size)
            pages, cursor = pages + 1, page.next_cursor
            seen |= {self.key(stream.id) for stream in page.items}
        return pages, seen

    def others(self) -> Sequence[str]:
        """Ids of things that are no live streams. Skips the test where there are none."""
        found = self.subject.other_ids(self.emulator)
        if not found:
            pytest.skip("the emulator has nothing but live streams (no other_ids())")
        return found

    def reach(self, wanted: Status) -> LiveStream:
        """A stream in a status, brought there as it would be in life. Skips the test where the
        emulator cannot show it.
        """
        routes = (self.life, self._called_off, self._failed)
        for route in routes:
            for stream in route():
                if stream.status is wanted:
                    return stream
        pytest.skip(f"nothing that the emulator can do brings a stream to {wanted.value}")

    def life(self) -> Iterator[LiveStream]:
        """A stream from its creation to its end, as every step and every read shows it."""
        client, emulator = self.client, self.emulator
        stream = self.scheduled()
        yield stream
        steps: Sequence[Callable[[str], object]] = (
            client.start,
            lambda _: self.clock.sleep(emulator.boot_seconds + 1),
            emulator.connect_encoder,
            lambda _: self.clock.sleep(300),
            emulator.drop_encoder,
            emulator.connect_encoder,
            client.stop,
            lambda _: self.clock.sleep(60),
            emulator.finish_recording,
        )
        for step in steps:
            shown = self.attempt(step, stream.id)
            if shown is not None:
                yield shown
            yield self.read(stream.id)

    def _called_off(self) -> Iterator[LiveStream]:
        if self.can.supports(Feature.CANCEL):
            shown = self.attempt(self.client.cancel, self.stream().id)
            if shown is not None:
                yield shown

    def _failed(self) -> Iterator[LiveStream]:
        stream = self.stream()
        try:
            self.emulator.fail_stream(stream.id)
        except NotImplementedError:
            return
        yield self.read(stream.id)

    def attempt(self, step: Callable[[str], object], stream_id: str) -> LiveStream | None:
        """Takes a step if it can be taken now."""
        try:
            shown = step(stream_id)
        except (ValueError, NotImplementedError, Conflict, Rejected, Unsupported):
            return None
        return shown if isinstance(shown, LiveStream) else None

    # -- a look from outside ----------------------------------------------------------------

    def look(self) -> dict[str, LiveStream]:
        """All streams as somebody else sees them now, by the keys of their ids."""
        self.emulator.clear_faults()
        with self.subject.connect(
            transport=Tap(self.emulator.transport()),
            clock=self.clock,
            environ={},
            **in_process_origin(self.subject.adapter),
            **self.options(),
        ) as other:
            return {self.key(stream.id): stream for stream in other.list()}

    def exists(self, stream_id: str) -> bool:
        """Whether somebody else can still read a stream."""
        self.emulator.clear_faults()
        try:
            self.connect().get(stream_id)
        except NotFound:
            return False
        return True
