"""A stream's lifecycle on one provider, compared with what its capabilities declare."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

import attrs

from ..._client import Client
from ..._contract.adapter import Adapter
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
from ..._model.stream import Event, LiveStream, RecordingStatus, publish_keys
from ..._model.trim import Trim
from ..._plugins.registry import registry
from ..._secrets.secret import MASK
from ...emulator import Emulator

T = TypeVar("T", LiveStream, str)

_STEPS = (
    Feature.CREATE.value,
    Feature.SCHEDULE.value,
    Feature.GET.value,
    Feature.UPDATE.value,
    Feature.START.value,
    "ready",
    Feature.RESET_KEY.value,
    Feature.DISABLE.value,
    Feature.ENABLE.value,
    "live",
    "interrupted",
    "live again",
    Feature.STOP.value,
    Feature.TRIM.value,
    "recording",
    "ended",
    Feature.RECORDINGS.value,
    Feature.LIST.value,
    Feature.CANCEL.value,
    Feature.DELETE.value,
    Feature.WEBHOOK.value,
    Feature.MANAGE_WEBHOOKS.value,
)
#: Operations that the demo does not know; the table says so.
_UNKNOWN = tuple(each for each in OPERATION_OF if each.value not in _STEPS)
#: The steps, in the order in which they are shown.
ROWS = (*_STEPS, *(each.value for each in _UNKNOWN))

#: Features of operations that do not need a stream.
_WITHOUT_STREAM = {
    each for each in OPERATIONS if "stream_id" not in OPERATION_OF[PART_OF.get(each, each)].takes
}

#: The seconds that an emulated vendor takes to start a server.
BOOT_SECONDS = 1.0
_TIMEOUT = BOOT_SECONDS + 4.0
_POLL = 0.1
_TRIM = Trim.relative(30, 120)
_KEY = "a secret that signs deliveries"
_WRONG_KEY = "a secret that signed no delivery"
#: The ID for operations that are refused before the ID is read.
_NO_STREAM = "no-stream"

#: Changes to try in an update; the first one that the provider supports is used.
_CHANGES: dict[str, Any] = {
    "title": "Demo, renamed",
    "description": "A stream of the demo.",
    "tags": ("demo",),
    "record": True,
}
#: Seconds in which enough is recorded to trim it, or a vendor no longer waits for an encoder.
_LONG = 300


class Verdict(Enum):
    """How a step compares with what is declared."""

    KEPT = "kept"
    ABSENT = "absent"
    """Not declared, and refused before anything was sent."""
    UNTESTED = "untested"
    BROKEN = "broken"


@attrs.frozen(slots=True)
class Finding:
    """The result of a step.

    Attributes:
        verdict: How it compares with what is declared.
        word: The word in the table.
        reason: Why the step is absent, untested, or broken.
        trace: The traceback, if the step is broken.
    """

    verdict: Verdict
    word: str
    reason: str = ""
    trace: str = ""


#: Called after each step with its row, its result, and the stream or a short text about it.
Report = Callable[[str, Finding, LiveStream | str | None], None]


class _Mismatch(Exception):
    """Nothing failed, but the result is not what is declared."""


class _Skipped(Exception):
    """A step that cannot run here, which says nothing about the provider."""


def one_line(error: Exception) -> str:
    """Return an error's class and text, without the context that the output already shows."""
    text = error.message if isinstance(error, LiveStreamError) else str(error)
    return f"{type(error).__name__}: {' '.join(text.split())}"


def run_lifecycle(client: Client, emulator: Emulator, report: Report) -> dict[str, Finding]:
    """Run every step, even if earlier ones failed, and return the findings by row."""
    return _Lifecycle(client, emulator, report).run()


class _Lifecycle:
    def __init__(self, client: Client, emulator: Emulator, report: Report) -> None:
        self.client, self.emulator, self.report = client, emulator, report
        self.capabilities = client.capabilities
        adapter = registry.adapter(client.provider)
        self._publishes_key = adapter.webhook_key is not Adapter.webhook_key
        self.findings: dict[str, Finding] = {}
        self.created_ids: list[str] = []
        self.seen: dict[str, LiveStream] = {}
        #: The streams as last seen live.
        self.on_air: dict[str, LiveStream] = {}
        # Vendors store whole seconds at best, some only minutes.
        self.later = (datetime.now(UTC) + timedelta(days=1)).replace(second=0, microsecond=0)
        #: The ID of the stream whose lifecycle is run.
        self.id: str | None = None
        #: Whether the vendor keeps streams. If not, an encoder makes them.
        self.is_kept: bool = self.capabilities.supports(Feature.CREATE)

    def run(self) -> dict[str, Finding]:
        self._create()
        self._feature(Feature.GET, lambda id: self.client.get(id))
        if self.is_kept:
            self._feature(Feature.UPDATE, self._update)
        if not self.capabilities.start_needs_encoder:
            self._feature(Feature.START, lambda id: self.client.start(id))
        self._status("ready", Status.READY)
        self._feature(Feature.RESET_KEY, self._reset_key)
        self._feature(Feature.DISABLE, lambda id: self.client.disable(id))
        self._feature(Feature.ENABLE, lambda id: self.client.enable(id))
        if self.capabilities.start_needs_encoder:
            self._feature(Feature.START, self._start_with_encoder)
        self._status("live", Status.LIVE, self._connect)
        if not self.is_kept:
            self._feature(Feature.UPDATE, self._update)
        self._status("interrupted", Status.INTERRUPTED, self.emulator.drop_encoder)
        self._status("live again", Status.LIVE, self.emulator.connect_encoder, after="interrupted")
        self._stop()
        self._step("recording", self.capabilities[Feature.RECORD], "shown", self._recording)
        self._status("ended", Status.ENDED, self._finish_processing)
        self._feature(Feature.RECORDINGS, self._recordings)
        self._feature(Feature.LIST, self._list)
        self._feature(Feature.CANCEL, self._cancel)
        self._feature(Feature.DELETE, self._delete)
        self._feature(Feature.WEBHOOK, self._webhook)
        self._feature(Feature.MANAGE_WEBHOOKS, self._webhook_endpoints)
        for feature in _UNKNOWN:
            self._feature(feature, self._unknown)
        return self.findings

    # -- one step ---------------------------------------------------------------------------

    def _feature(self, feature: Feature, call: Callable[[str], T]) -> T | None:
        declared = self.capabilities[feature]
        return self._step(feature.value, declared, declared.support.value, call)

    def _step(
        self, row: str, declared: Capability, word: str, call: Callable[[str], T]
    ) -> T | None:
        """Run a step, declared or not, and note how it compares."""
        sent = len(self.emulator.requests)
        value: T | None = None
        try:
            value = call(self._id(row, declared))
            if isinstance(value, LiveStream):
                self._note(value)
            if not declared:
                raise _Mismatch("not declared, but it was applied")
            finding = Finding(Verdict.KEPT, word)
        except _Skipped as reason:
            finding = Finding(Verdict.UNTESTED, "not tested", str(reason))
        except Unsupported as error:
            if declared:
                finding = self._broken(error, "declared, but refused: ")
            elif len(self.emulator.requests) > sent:
                finding = self._broken(error, "refused, but only after something was sent: ")
            else:
                finding = Finding(Verdict.ABSENT, "-", declared.reason)
        except Exception as error:  # any fault of a provider is a finding, not a crash
            finding = self._broken(error)
        self.findings[row] = finding
        self.report(row, finding, value)
        return value

    def _id(self, row: str, declared: Capability) -> str:
        if row in _WITHOUT_STREAM or not declared:
            return self.id or _NO_STREAM
        if self.id is None:
            raise _Skipped("no stream could be created for it")
        return self.id

    def _broken(self, error: Exception, prefix: str = "") -> Finding:
        text = str(error) if isinstance(error, _Mismatch) else one_line(error)
        trace = "".join(traceback.format_exception(error))
        # The client masks its errors; an emulator does not know which texts are secret.
        for key in {key for stream in self.seen.values() for key in stream.stream_keys()}:
            text, trace = text.replace(key, MASK), trace.replace(key, MASK)
        return Finding(Verdict.BROKEN, "FAILED", prefix + text, trace)

    def _note(self, stream: LiveStream) -> bool:
        """Note a stream as read, with a declared status that can follow the one before."""
        status, before = stream.status, self.seen.get(stream.id)
        self.seen[stream.id] = stream
        if status is Status.LIVE:
            self.on_air[stream.id] = stream
        if status not in self.capabilities.statuses | {Status.UNKNOWN}:
            raise _Mismatch(f"its status is {status}, which is not a declared status")
        can_become = self.capabilities.can_become
        if before and before.status is not status and not can_become(before.status, status):
            raise _Mismatch(f"its status went from {before.status} to {status}")
        return True

    # -- the steps --------------------------------------------------------------------------

    def _create(self) -> None:
        at_once = self._feature(Feature.CREATE, lambda _: self._create_stream("Demo, at once"))
        scheduled = self._feature(
            Feature.SCHEDULE, lambda _: self._create_stream("Demo, scheduled", self.later)
        )
        stream = scheduled or at_once
        self.id = stream.id if stream else None if self.is_kept else self._name()

    def _create_stream(self, title: str, scheduled_start: datetime | None = None) -> LiveStream:
        record = None if self.capabilities.unsupported_error("record", True) else True
        stream = self.client.create(title=title, scheduled_start=scheduled_start, record=record)
        self.created_ids.append(stream.id)
        if scheduled_start is not None:
            _check(stream, "scheduled_start", scheduled_start)
        _check(stream, "title", title if self.capabilities.supports(Feature.TITLE) else "")
        return stream

    def _name(self) -> str | None:
        """Return the ID of a stream that the API did not create, if there can be one."""
        try:
            if self.capabilities.any_id_is_ready:
                return self.emulator.unused_id()
            return self.emulator.add_stream()
        except NotImplementedError:
            return None

    def _connect(self, id: str) -> None:
        # An encoder has made some streams, and still publishes them.
        if self.is_kept or self.seen[id].status is not Status.LIVE:
            self.emulator.connect_encoder(id)

    def _start_with_encoder(self, id: str) -> LiveStream:
        self._act(self.emulator.connect_encoder, id)
        return self.client.start(id)

    def _update(self, id: str) -> LiveStream:
        possible = [name for name in _CHANGES if name in self.capabilities.updatable]
        if self.capabilities.supports(Feature.UPDATE) and not possible:
            raise _Skipped(f"the demo updates only {', '.join(_CHANGES)}")
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
        """Cause an event on the stream's server, if it has one, and wait until reads show it."""
        declared = Capability(Support.NATIVE)
        ends_run = self.capabilities.reusable and status is Status.ENDED
        for each in () if ends_run else (Status(after) if after else status, status):
            if each not in self.capabilities.statuses:
                declared = Capability(Support.NONE, f"it never reports {each}")
                status = each
                break

        def call(id: str) -> LiveStream:
            if act is not None and id in self.seen and self.seen[id].ingests:
                self._act(act, id)
            if declared and not ends_run:
                return self._wait_until(id, status)
            return self.client.wait(
                id, until=status, timeout=_TIMEOUT, poll=_POLL, since=self.on_air.get(id)
            )

        self._step(row, declared, "seen", call)

    def _wait_until(self, id: str, status: Status) -> LiveStream:
        """Wait until a read or a delivery shows a status.

        A vendor that keeps no streams may have forgotten one that has ended.
        """
        try:
            return self.client.wait(
                id,
                until=lambda stream: self._note(stream) and stream.status is status,
                timeout=_TIMEOUT,
                poll=_POLL,
            )
        except WaitTimeout:
            shown = self._delivered(id)
            if shown is None or shown.status is not status:
                raise
        except NotFound:
            shown = self.seen[id]
            if self.is_kept or shown.status is not status:
                raise
        return shown

    def _delivered(self, id: str) -> LiveStream | None:
        """Return a stream as a webhook shows it now: some vendors have statuses only there."""
        webhook = getattr(self.emulator, "webhook", None)
        if webhook is None or not self.capabilities.supports(Feature.WEBHOOK):
            return None
        own = getattr(self.emulator, "webhook_secret", _KEY)
        headers, body = webhook(id, secret=own if self._publishes_key else _KEY)
        return self._receive(headers, body, _KEY).stream

    def _receive(self, headers: Mapping[str, str], body: bytes, secret: str) -> Event:
        """Receive a delivery, with the secret unless the vendor publishes its key."""
        given = None if self._publishes_key else secret
        return self.client.receive_webhook(headers, body, secret=given)

    def _act(self, act: Callable[[str], None], id: str) -> None:
        """Cause an event on a stream.

        If the status does not show whether the server is up, retry until it must be up.
        """
        patience = 0.0 if Status.READY in self.capabilities.statuses else _TIMEOUT
        deadline = time.monotonic() + patience
        while True:
            try:
                return act(id)
            except NotImplementedError:
                raise _Skipped("the emulator does not support that") from None
            except ValueError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_POLL)

    def _stop(self) -> None:
        if self.capabilities.supports(Feature.TRIM):
            # A vendor may refuse a trim that ends after what is recorded.
            self.emulator.clock.advance(_LONG)
        trimmed = self._feature(Feature.TRIM, lambda id: self.client.stop(id, trim=_TRIM))
        self._feature(Feature.STOP, lambda id: trimmed or self.client.stop(id))
        if self.id and self.seen[self.id].ingests and not self.capabilities.supports(Feature.STOP):
            try:
                self.emulator.drop_encoder(self.id)  # at this vendor, the encoder ends the stream
            except (ValueError, NotImplementedError):
                pass  # no encoder was connected

    def _reset_key(self, id: str) -> LiveStream:
        before = self.seen.get(id)
        stream = self.client.reset_key(id)
        if before and publish_keys(before) & publish_keys(stream):
            raise _Mismatch("the stream still has its old key")
        return stream

    def _recordings(self, id: str) -> str:
        return f"{len(self.client.recordings(id))} listed"

    def _recording(self, id: str) -> LiveStream:
        if not self.capabilities.supports(Feature.RECORD):
            return self.client.create(title="Demo, recorded", record=True)  # must be refused
        if not self.is_kept:
            raise _Skipped("the vendor does not keep the stream that would show it")
        if self.client.get(id).record is False:
            raise _Skipped("the vendor does not record this stream")
        self._act(self.emulator.finish_recording, id)
        try:
            stream = self.client.wait(
                id,
                until=lambda stream: self._note(stream) and _is_recorded(stream),
                timeout=_TIMEOUT,
                poll=_POLL,
            )
        except WaitTimeout as error:
            if error.stream is None or error.stream.recording is not None:
                raise
            stream = error.stream
        if stream.recording is None:
            raise _Skipped("the vendor does not show the recording")
        return stream

    def _finish_processing(self, id: str) -> None:
        """End what still waits for the encoder, or is processed without a recording."""
        if self.seen[id].status is Status.INTERRUPTED:
            self.emulator.clock.advance(_LONG)
        if Status.PROCESSING in self.capabilities.statuses:
            try:
                self.emulator.finish_recording(id)
            except (ValueError, NotImplementedError):
                pass  # there is nothing to process

    def _list(self, _: str) -> str:
        streams = self.client.list()
        ids = set()
        for stream in streams:
            self._note(stream)
            ids.add(stream.id)
        if missing := [id for id in self.created_ids if id not in ids]:
            raise _Mismatch(
                f"{len(missing)} of {len(self.created_ids)} streams are not in the list"
            )
        if streams.complete is Completeness.MISMATCHED:
            raise _Mismatch("the list differs from the vendor's total")
        return f"{len(ids)} streams, completeness {streams.complete}"

    def _cancel(self, id: str) -> str:
        if self.capabilities.supports(Feature.CANCEL):
            when = self.later if self.capabilities.supports(Feature.SCHEDULE) else None
            id = self._create_stream("Demo, cancelled", when).id
        status = self.client.cancel(id).status
        if status is not Status.CANCELLED:
            raise _Mismatch(f"its status is {status} after it was cancelled")
        return f"{status}  {id}"

    def _delete(self, id: str) -> str:
        self.client.delete(id)
        if not self.capabilities.supports(Feature.GET):
            return id
        try:
            self.client.get(id)
        except NotFound:
            return "a later read raises NotFound"
        raise _Mismatch("the deleted stream can still be read")

    def _webhook(self, _: str) -> str:
        try:
            self._receive({}, b"{}", _WRONG_KEY)
        except WebhookRejected:
            return "an unsigned delivery is rejected"
        raise _Mismatch("an unsigned delivery was accepted")

    def _webhook_endpoints(self, _: str) -> str:
        webhook = self.client.register_webhook("https://receiver.example/demo")
        if webhook not in self.client.webhooks():
            raise _Mismatch("the registered webhook is not in the list")
        self.client.delete_webhook(webhook.id)
        if self.client.webhooks():
            raise _Mismatch("the deleted webhook is still in the list")
        return "one was registered, listed, and deleted"

    def _unknown(self, _: str) -> str:
        raise _Skipped("the demo does not know this operation")


def _check(stream: LiveStream, name: str, expected: object) -> None:
    if (value := getattr(stream, name)) != expected:
        raise _Mismatch(f"{name} is {value}, not {expected}")


def _is_recorded(stream: LiveStream) -> bool:
    """Return whether the recording is ready, or certainly never will be."""
    recording = stream.recording
    if recording is None:
        return stream.status.is_final
    # Some vendors return a URL and never a status.
    return recording.status is RecordingStatus.READY or (
        recording.status is RecordingStatus.UNKNOWN and recording.url is not None
    )
