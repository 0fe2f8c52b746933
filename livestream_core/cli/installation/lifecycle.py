"""One provider's walk through a stream's life, compared with what its capabilities promise."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

import attrs

from ..._client import Client
from ..._contract.capabilities import (
    OPERATION_OF,
    OPERATIONS,
    PART_OF,
    Capability,
    Feature,
    Support,
)
from ..._contract.pagination import Completeness
from ..._model.errors import LiveStreamError, NotFound, Unsupported, WaitTimeout, WebhookRejected
from ..._model.status import Status
from ..._model.stream import LiveStream, RecordingStatus
from ..._model.trim import Trim
from ..._secrets.secret import MASK
from ...emulator import Emulator

T = TypeVar("T", LiveStream, str)

_TRIED = (
    Feature.CREATE.value,
    Feature.SCHEDULE.value,
    Feature.GET.value,
    Feature.UPDATE.value,
    Feature.START.value,
    "ready",
    "live",
    "interrupted",
    "live again",
    Feature.STOP.value,
    Feature.TRIM.value,
    "recording",
    "ended",
    Feature.LIST.value,
    Feature.CANCEL.value,
    Feature.DELETE.value,
    Feature.WEBHOOK.value,
)
#: Operations that the walk does not know; the table says so.
_UNTRIED = tuple(each for each in OPERATION_OF if each.value not in _TRIED)
#: What is tried, in the order in which it is shown.
ROWS = (*_TRIED, *(each.value for each in _UNTRIED))

#: Features of operations that need no stream.
_OF_NO_STREAM = {
    each for each in OPERATIONS if "stream_id" not in OPERATION_OF[PART_OF.get(each, each)].takes
}

#: Seconds that an emulated vendor needs to make a server.
BOOT_SECONDS = 1.0
_TIMEOUT = BOOT_SECONDS + 4.0
_POLL = 0.1
_TRIM = Trim.relative(30, 120)
_ANOTHER = "a secret that no delivery was signed with"
#: For operations that are refused before anything looks at the id.
_NO_STREAM = "no-stream"

#: What an update may change, the first that the provider can.
_CHANGES: dict[str, Any] = {
    "title": "Demo, renamed",
    "description": "A stream of the demo.",
    "tags": ("demo",),
}


class Verdict(Enum):
    """How a step compares with what is promised."""

    KEPT = "kept"
    ABSENT = "absent"
    """Not promised, and refused before anything was sent."""
    UNTRIED = "untried"
    BROKEN = "broken"


@attrs.frozen(slots=True)
class Finding:
    """What a step showed.

    Attributes:
        verdict: How it compares with what is promised.
        word: What stands in the table.
        reason: Why it is absent, untried or broken.
        trace: The traceback of what was raised, where it is broken.
    """

    verdict: Verdict
    word: str
    reason: str = ""
    trace: str = ""


#: Called after each step with its row, what it showed, and the stream or a few words about it.
Report = Callable[[str, Finding, LiveStream | str | None], None]


class _Differs(Exception):
    """Nothing failed, and yet it is not as promised."""


class _Untried(Exception):
    """A step that cannot be taken here, which says nothing about the provider."""


def one_line(error: Exception) -> str:
    """An error's class and text, without the context that the reader sees anyway."""
    text = error.message if isinstance(error, LiveStreamError) else str(error)
    return f"{type(error).__name__}: {' '.join(text.split())}"


def walk(client: Client, emulator: Emulator, report: Report) -> dict[str, Finding]:
    """Takes every step, whatever became of those before, and gives what each showed, by row."""
    return _Walk(client, emulator, report).run()


class _Walk:
    def __init__(self, client: Client, emulator: Emulator, report: Report) -> None:
        self.client, self.emulator, self.report = client, emulator, report
        self.capabilities = client.capabilities
        self.findings: dict[str, Finding] = {}
        self.made: list[str] = []
        self.seen: dict[str, LiveStream] = {}
        # Vendors know whole seconds at best, some only minutes.
        self.later = (datetime.now(UTC) + timedelta(days=1)).replace(second=0, microsecond=0)
        #: The stream that is walked through its life.
        self.id: str | None = None

    def run(self) -> dict[str, Finding]:
        self._create()
        self._feature(Feature.GET, lambda id: self.client.get(id))
        self._feature(Feature.UPDATE, self._update)
        self._feature(Feature.START, lambda id: self.client.start(id))
        self._status("ready", Status.READY)
        self._status("live", Status.LIVE, self.emulator.connect_encoder)
        self._status("interrupted", Status.INTERRUPTED, self.emulator.drop_encoder)
        self._status("live again", Status.LIVE, self.emulator.connect_encoder, after="interrupted")
        self._stop()
        self._step("recording", self.capabilities[Feature.RECORD], "shown", self._recording)
        self._status("ended", Status.ENDED, self._is_processed)
        self._feature(Feature.LIST, self._list)
        self._feature(Feature.CANCEL, self._cancel)
        self._feature(Feature.DELETE, self._delete)
        self._feature(Feature.WEBHOOK, self._webhook)
        for feature in _UNTRIED:
            self._feature(feature, self._unknown)
        return self.findings

    # -- one step ---------------------------------------------------------------------------

    def _feature(self, feature: Feature, call: Callable[[str], T]) -> T | None:
        promise = self.capabilities[feature]
        return self._step(feature.value, promise, promise.support.value, call)

    def _step(self, row: str, promise: Capability, word: str, call: Callable[[str], T]) -> T | None:
        """Takes a step, promised or not, and notes how it compares."""
        sent = len(self.emulator.requests)
        value: T | None = None
        try:
            value = call(self._id(row, promise))
            if isinstance(value, LiveStream):
                self._see(value)
            if not promise:
                raise _Differs("not promised, and yet it was carried out")
            finding = Finding(Verdict.KEPT, word)
        except _Untried as reason:
            finding = Finding(Verdict.UNTRIED, "not tried", str(reason))
        except Unsupported as error:
            if promise:
                finding = self._broken(error, "promised, and yet: ")
            elif len(self.emulator.requests) > sent:
                finding = self._broken(error, "refused only after something was sent: ")
            else:
                finding = Finding(Verdict.ABSENT, "-", promise.reason)
        except Exception as error:  # whatever a provider does wrong is a finding, and no crash
            finding = self._broken(error)
        self.findings[row] = finding
        self.report(row, finding, value)
        return value

    def _id(self, row: str, promise: Capability) -> str:
        if row in _OF_NO_STREAM or not promise:
            return self.id or _NO_STREAM
        if self.id is None:
            raise _Untried("there is no stream to try it on")
        return self.id

    def _broken(self, error: Exception, prefix: str = "") -> Finding:
        text = str(error) if isinstance(error, _Differs) else one_line(error)
        trace = "".join(traceback.format_exception(error))
        # The client masks what it raises; an emulator is the world, and knows no secrets.
        for key in {key for stream in self.seen.values() for key in stream.stream_keys()}:
            text, trace = text.replace(key, MASK), trace.replace(key, MASK)
        return Finding(Verdict.BROKEN, "FAILED", prefix + text, trace)

    def _see(self, stream: LiveStream) -> bool:
        """Notes a stream as read; its status must be promised, and follow the one before."""
        status, before = stream.status, self.seen.get(stream.id)
        self.seen[stream.id] = stream
        if status not in self.capabilities.statuses | {Status.UNKNOWN}:
            raise _Differs(f"it is {status}, which the capabilities do not name")
        if before and before.status is not status and not before.status.can_become(status):
            raise _Differs(f"it went from {before.status} to {status}")
        return True

    # -- the steps --------------------------------------------------------------------------

    def _create(self) -> None:
        at_once = self._feature(Feature.CREATE, lambda _: self._made("Demo, at once"))
        scheduled = self._feature(
            Feature.SCHEDULE, lambda _: self._made("Demo, scheduled", self.later)
        )
        stream = scheduled or at_once
        self.id = stream.id if stream else None

    def _made(self, title: str, scheduled_start: datetime | None = None) -> LiveStream:
        record = None if self.capabilities.unsupported_error("record", True) else True
        stream = self.client.create(title=title, scheduled_start=scheduled_start, record=record)
        self.made.append(stream.id)
        if scheduled_start is not None:
            _check(stream, "scheduled_start", scheduled_start)
        _check(stream, "title", title)
        return stream

    def _update(self, id: str) -> LiveStream:
        possible = [name for name in _CHANGES if name in self.capabilities.updatable]
        if self.capabilities.supports(Feature.UPDATE) and not possible:
            raise _Untried(f"the demo changes only {', '.join(_CHANGES)}")
        name = possible[0] if possible else "title"
        stream = self.client.update(id, **{name: _CHANGES[name]})
        _check(stream, name, _CHANGES[name])
        return stream

    def _status(
        self,
        row: str,
        status: Status,
        act: Callable[[str], None] | None = None,
        after: str | None = None,
    ) -> None:
        """Lets the world act on the stream's server, if it has one; reads must then show it."""
        promise = Capability(Support.NATIVE)
        for each in (Status(after) if after else status, status):
            if each not in self.capabilities.statuses:
                promise = Capability(Support.NONE, f"it never reports {each}")
                status = each
                break

        def call(id: str) -> LiveStream:
            if act is not None and id in self.seen and self.seen[id].ingests:
                self._act(act, id)
            if promise:
                self.client.wait(
                    id,
                    until=lambda stream: self._see(stream) and stream.status is status,
                    timeout=_TIMEOUT,
                    poll=_POLL,
                )
            return self.client.wait(id, until=status, timeout=_TIMEOUT, poll=_POLL)

        self._step(row, promise, "seen", call)

    def _act(self, act: Callable[[str], None], id: str) -> None:
        """Lets the world act on a stream. Where a server that is up cannot be told from one that
        is booting, it is tried again until the server must be up.
        """
        patience = 0.0 if Status.READY in self.capabilities.statuses else _TIMEOUT
        deadline = time.monotonic() + patience
        while True:
            try:
                return act(id)
            except NotImplementedError:
                raise _Untried("the emulator cannot do that") from None
            except ValueError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_POLL)

    def _stop(self) -> None:
        if self.capabilities.supports(Feature.TRIM):
            # A vendor may refuse to keep what was not yet recorded.
            self.emulator.clock.advance(300)
        trimmed = self._feature(Feature.TRIM, lambda id: self.client.stop(id, trim=_TRIM))
        self._feature(Feature.STOP, lambda id: trimmed or self.client.stop(id))
        if self.id and self.seen[self.id].ingests and not self.capabilities.supports(Feature.STOP):
            try:
                self.emulator.drop_encoder(self.id)  # there, the encoder ends it
            except (ValueError, NotImplementedError):
                pass  # it was never connected

    def _recording(self, id: str) -> LiveStream:
        if not self.capabilities.supports(Feature.RECORD):
            return self.client.create(title="Demo, recorded", record=True)  # is refused
        if self.client.get(id).record is False:
            raise _Untried("the vendor does not record this stream")
        self._act(self.emulator.finish_recording, id)
        try:
            stream = self.client.wait(
                id,
                until=lambda stream: self._see(stream) and _is_recorded(stream),
                timeout=_TIMEOUT,
                poll=_POLL,
            )
        except WaitTimeout as error:
            if error.stream is None or error.stream.recording is not None:
                raise
            stream = error.stream
        if stream.recording is None:
            raise _Untried("the vendor does not show the recording")
        return stream

    def _is_processed(self, id: str) -> None:
        """Ends what a stream without a recording is processed for."""
        if Status.PROCESSING in self.capabilities.statuses:
            try:
                self.emulator.finish_recording(id)
            except (ValueError, NotImplementedError):
                pass  # there is nothing to process, or no longer

    def _list(self, _: str) -> str:
        streams = self.client.list()
        ids = set()
        for stream in streams:
            self._see(stream)
            ids.add(stream.id)
        if missing := [id for id in self.made if id not in ids]:
            raise _Differs(f"{len(missing)} of {len(self.made)} streams are not in the list")
        if streams.complete is Completeness.MISMATCHED:
            raise _Differs("the list has not as many streams as the vendor says")
        return f"{len(ids)} streams, completeness {streams.complete}"

    def _cancel(self, id: str) -> str:
        if self.capabilities.supports(Feature.CANCEL):
            when = self.later if self.capabilities.supports(Feature.SCHEDULE) else None
            id = self._made("Demo, called off", when).id
        status = self.client.cancel(id).status
        if status is not Status.CANCELLED:
            raise _Differs(f"it is {status} after it was called off")
        return f"{status}  {id}"

    def _delete(self, id: str) -> str:
        self.client.delete(id)
        if not self.capabilities.supports(Feature.GET):
            return id
        try:
            self.client.get(id)
        except NotFound:
            return "reading it afterwards is NotFound"
        raise _Differs("it can still be read")

    def _webhook(self, _: str) -> str:
        try:
            self.client.parse_webhook({}, b"{}", secret=_ANOTHER)
        except WebhookRejected:
            return "a delivery that nobody signed is rejected"
        raise _Differs("a delivery that nobody signed was accepted")

    def _unknown(self, _: str) -> str:
        raise _Untried("the demo does not know this operation")


def _check(stream: LiveStream, name: str, wanted: object) -> None:
    if (value := getattr(stream, name)) != wanted:
        raise _Differs(f"{name} is {value}, not {wanted}")


def _is_recorded(stream: LiveStream) -> bool:
    """Whether the recording is there, or there will certainly be none to see."""
    recording = stream.recording
    if recording is None:
        return stream.status.is_final
    # Some vendors give an address and never a status.
    return recording.status is RecordingStatus.READY or (
        recording.status is RecordingStatus.UNKNOWN and recording.url is not None
    )
