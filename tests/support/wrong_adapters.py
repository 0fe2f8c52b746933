"""Adapters that are wrong on purpose, each in one way, and the test of the kit that must fail.

All are derived from ``right``, which passes the kit: Acme, but as strict as a real vendor.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import attrs

import livestream_core as live
from acme import WORDS, AcmeAdapter, AcmeEmulator, AcmeOptions
from livestream_core.emulator import Emulator, Request, Response, Route, json_response
from livestream_tpstreams.adapter import TPStreamsAdapter
from livestream_tpstreams.emulator import TPStreamsEmulator
from relay import RelayAdapter, RelayEmulator
from untitled import (
    SparseAdapter,
    SparseEmulator,
    UniqueAdapter,
    UniqueEmulator,
    UntitledAdapter,
    UntitledEmulator,
)

C = TypeVar("C", bound=type[Any])
Stream = live.Operation[live.LiveStream]


# -- the right adapter ------------------------------------------------------------------------


class RightAdapter(AcmeAdapter):
    """Acme without any fault that the kit finds."""

    name = "right"
    capabilities = attrs.evolve(
        AcmeAdapter.capabilities,
        statuses=set(WORDS.values()) - {live.Status.CANCELLED},
        updatable={"title", "description", "tags", "scheduled_start"},
        clearable={"description"},
        max_page_size=500,
    )

    def create(self, spec: live.StreamSpec) -> Stream:
        response = yield self.post(
            "/streams", json=self.with_options(self.body(spec), spec.options)
        )
        return self.parse_stream(response.json())

    def body(self, spec: live.StreamSpec) -> dict[str, Any]:
        return {
            "title": spec.title,
            "description": spec.description,
            "tags": list(spec.tags),
            "start": spec.scheduled_start and live.format_instant(spec.scheduled_start),
            "record": spec.record,
            "restreams": [
                {"url": each.url, "key": each.stream_key and each.stream_key.reveal()}
                for each in spec.restreams
            ],
        }

    def get(self, stream_id: str) -> Stream:
        response = yield self.request("GET", "/streams/{id}", id=stream_id)
        if response.fields().text("type") != "stream":
            raise live.NotFound("the id is that of something else")
        return self.parse_stream(response.json())

    def list(self, query: live.Query) -> live.Operation[live.Page]:
        if query.cursor is None:
            request = self.request("GET", "/streams", params={"size": query.size})
        else:
            request = self.follow(query.cursor, under="/streams")
        fields = (yield request).fields()
        return self.page(
            fields.items("items"),
            next=lambda: self.following(fields),
            total=fields.data.get("total"),
        )

    def following(self, fields: live.Fields) -> str | None:
        link = fields.optional_text("next")
        return None if link is None else self.cursor_of(link, under="/streams")

    def update(self, stream_id: str, changes: Mapping[str, Any]) -> Stream:
        response = yield self.put("/streams/{id}", id=stream_id, json=self.changed(changes))
        return self.parse_stream(response.json())

    def changed(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        body = dict(changes)
        if "scheduled_start" in body:
            body["start"] = live.format_instant(body.pop("scheduled_start"))
        return body

    def stop(self, stream_id: str, trim: live.Trim | None = None) -> Stream:
        response = yield self.post(
            "/streams/{id}/stop", id=stream_id, json={"trim": trim and [trim.start, trim.end]}
        )
        response.json()
        return (yield from self.get(stream_id))

    def cancel(self, stream_id: str) -> Stream:
        stream = yield from self.get(stream_id)
        if stream.status is not live.Status.SCHEDULED:
            raise live.Conflict(f"it is {stream.status}", status=stream.status)
        yield from self.remove(stream_id)
        return attrs.evolve(stream, status=live.Status.CANCELLED)

    def delete(self, stream_id: str) -> live.Operation[None]:
        yield from self.get(stream_id)
        yield from self.remove(stream_id)

    def remove(self, stream_id: str) -> Any:
        response = yield self.request("DELETE", "/streams/{id}", id=stream_id)
        if not response.is_readable:
            raise response.unexpected("this is no answer to a delete")

    def parse_stream(self, payload: Any) -> live.LiveStream:
        fields = live.Fields(payload, lenient=True)
        return fields.build(live.LiveStream, **self.fields(fields), raw=payload)

    def fields(self, fields: live.Fields) -> dict[str, Any]:
        key = fields.optional_text("key", field="ingests")
        if fields.text("type") != "stream":
            raise live.UnexpectedResponse("this is no stream")
        return {
            "provider": self.name,
            "id": fields.identifier("id"),
            "title": fields.optional_text("title", expected=True) or "",
            "description": fields.optional_text("description"),
            "status": fields.optional_word("status", WORDS, normal=str, expected=True)
            or live.Status.UNKNOWN,
            "provider_status": fields.optional_text("status"),
            "scheduled_start": fields.optional_instant("start", field="scheduled_start"),
            "created_at": fields.optional_instant("created", field="created_at"),
            "started_at": fields.optional_instant("on_air", field="started_at"),
            "ended_at": fields.optional_instant("over", field="ended_at"),
            "ingests": [live.Ingest("rtmp://in.acme.example/app/", key)] if key else [],
            "playbacks": [live.Playback("https://cdn.acme.example/a.m3u8")],
            "record": fields.optional_flag("record"),
            "restreams": [
                live.RestreamTarget(each.optional_text("url"), each.optional_text("key"))
                for each in fields.optional_objects("restreams")
            ],
            "tags": fields.optional_texts("tags"),
        }

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> live.Event:
        self.verify(headers, body, secret)
        stream = self.parse_stream(live.Response(200, {}, body).json())
        return live.Event(
            provider=self.name, kind="stream_changed", stream_id=stream.id, stream=stream
        )

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str) -> None:
        timestamp, sent = self.signed(headers.get("x-acme-signature", ""))
        if not (timestamp.isascii() and timestamp.isdecimal()):
            raise live.WebhookRejected("the time is missing")
        if not self.is_signed(sent, signature(timestamp, body, secret)):
            raise live.WebhookRejected("the signature is wrong")
        if abs(self.seconds_since(timestamp)) > 300:
            raise live.WebhookRejected("the delivery is too old")

    def signed(self, header: str) -> tuple[str, str]:
        parts = dict(part.partition("=")[::2] for part in header.split(","))
        return parts.get("t", ""), parts.get("v1", "")

    def is_signed(self, sent: str, expected: str) -> bool:
        return sent.isascii() and hmac.compare_digest(sent, expected)

    def seconds_since(self, timestamp: str) -> float:
        return self.clock().timestamp() - int(timestamp)


def signature(timestamp: str, body: bytes, secret: str) -> str:
    signed = timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class RightEmulator(AcmeEmulator):
    """Acme as strict as a real vendor."""

    provider = "right"
    routes = (*AcmeEmulator.routes,)
    samples: tuple[dict[str, Any], ...] = (
        {
            "payload": {
                "type": "stream", "id": "7", "title": "Documented", "status": "on",
                "start": "2026-12-05T15:30:00+05:30", "tags": [], "key": "acme-key-7",
            },
            "expected": {"status": live.Status.LIVE, "title": "Documented"},
            "answer_to": "create",
        },
    )  # fmt: skip

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.boots: dict[str, datetime] = {}
        self.folders = {"folder-1"}

    def login_options(self) -> dict[str, Any]:
        return {"token": "good-token"}

    def other_options(self) -> dict[str, Any]:
        return {**self.options(), "account_name": "another"}

    def other_ids(self) -> list[str]:
        return sorted(self.folders)

    def _now(self) -> str:
        return live.format_instant(self.clock.now())

    def add(self, **fields: Any) -> dict[str, Any]:
        given = {"start": None, "record": True, **fields}
        stream = super().add(type="stream", created=self._now(), on_air=None, over=None, **given)
        if given.get("start") is None:
            self.boot(stream["id"])
        return stream

    def boot(self, id: str) -> None:
        self.streams[id]["status"] = "boot"
        self.boots[id] = self.clock.now() + timedelta(seconds=self.boot_seconds)

    def create(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        body = self._json(request)
        if not isinstance(body, dict) or not isinstance(body.get("title"), str):
            return json_response({"detail": "title is missing"}, 422)
        if not all(_is_time(body.get(name)) for name in ("start",)):
            return json_response({"start": ["needs an offset"]}, 422)
        known = ("title", "description", "tags", "start", "record", "restreams")
        return json_response(
            self.add(**{name: body[name] for name in known if body.get(name) is not None}), 201
        )

    def _json(self, request: Request) -> Any:
        try:
            return json.loads(request.get_data())
        except ValueError:
            return None

    def list_all(self, request: Request) -> Response:
        self._settle()
        response = super().list_all(request)
        if response.status_code != 200:
            return response
        data = response.get_json()
        if data["next"] is not None:
            size = request.args.get("size")
            more = f"&size={size}" if size else ""
            data["next"] = f"{request.url_root}streams?cursor={data['next']}{more}"
        return json_response(data)

    def read(self, request: Request, id: str) -> Response:
        if id in self.folders:
            return self._refused(request) or json_response({"type": "folder", "id": id})
        return super().read(request, id)

    def write(self, request: Request, id: str) -> Response:
        return self._change(request, id, self._json(request) or {})

    def start(self, request: Request, id: str) -> Response:
        response = super().start(request, id)
        if response.status_code == 200:
            self.boot(id)
            return json_response(self.streams[id])
        return response

    def stop(self, request: Request, id: str) -> Response:
        response = super().stop(request, id)
        if response.status_code == 200:
            self.streams[id].update(status="post", over=self._now())
        return response

    def remove(self, request: Request, id: str) -> Response:
        if id in self.folders:
            if refused := self._refused(request):
                return refused
            self.folders.discard(id)
            return Response(status=204)
        return super().remove(request, id)

    def _move(self, request: Request, id: str, allowed: set[str], word: str) -> Response:
        self._settle()
        return super()._move(request, id, allowed, word)

    def _change(self, request: Request, id: str, changes: dict[str, Any]) -> Response:
        self._settle()
        return super()._change(request, id, changes)

    def _settle(self) -> None:
        for id, at in list(self.boots.items()):
            if self.clock.now() >= at:
                del self.boots[id]
                if id in self.streams and self.streams[id]["status"] == "boot":
                    self.streams[id]["status"] = "ready"

    def _happens(self, id: str, allowed: set[str], word: str) -> None:
        self._settle()
        super()._happens(id, allowed - {"boot"}, word)
        if word == "on" and self.streams[id]["on_air"] is None:
            self.streams[id]["on_air"] = self._now()

    def stream_fails(self, id: str) -> None:
        self.streams[id]["status"] = "bad"

    def webhook(
        self, id: str, *, secret: str, body: bytes | None = None
    ) -> tuple[dict[str, str], bytes]:
        self._settle()
        data = {"type": "folder", "id": id} if id in self.folders else self.streams[id]
        body = json.dumps(data).encode() if body is None else body
        at = str(int(self.clock.now().timestamp()))
        return {"X-Acme-Signature": f"t={at},v1={signature(at, body, secret)}"}, body


def _is_time(value: Any) -> bool:
    return value is None or re.search(r"(Z|[+-]\d\d:\d\d)$", value) is not None


# -- the wrong adapters -----------------------------------------------------------------------


@attrs.frozen
class Wrong:
    """An adapter with a deliberate fault.

    Attributes:
        name: The provider's name.
        what: The fault, as the documentation shows it.
        caught_by: The area and the test that must fail, with its parameters if they matter.
        adapter: The adapter.
        emulator: Its emulator.
    """

    name: str
    what: str
    caught_by: str
    adapter: type[live.Adapter]
    emulator: type[Emulator]


WRONG: list[Wrong] = []


RIGHT: tuple[type[live.Adapter], type[Emulator]] = (RightAdapter, RightEmulator)
#: The same, with reusable streams.
REUSABLE: tuple[type[live.Adapter], type[Emulator]] = (RelayAdapter, RelayEmulator)


def wrong(
    what: str, *, caught_by: str, right: tuple[type[live.Adapter], type[Emulator]] = RIGHT
) -> Callable[[C], C]:
    """Register a faulty adapter, or the right adapter with a faulty emulator."""

    def add(kind: C) -> C:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
        adapter, emulator = right
        if issubclass(kind, Emulator):
            emulator = kind
        else:
            adapter = kind
        WRONG.append(
            Wrong(
                name,
                what,
                caught_by,
                type(kind.__name__, (adapter,), {"name": name}),
                type(f"{kind.__name__}Emulator", (emulator,), {"provider": name}),
            )
        )
        return kind

    return add


def rows() -> list[tuple[str, str]]:
    """Return each fault and the test that catches it, for the documentation."""
    return [(each.what, each.caught_by) for each in WRONG]


class WrongAdapters:
    """The plugin that registers the right adapter and all wrong ones."""

    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        right = live.AdapterInfo(name="right", factory=RightAdapter, emulator=RightEmulator)
        return [
            right,
            *(
                live.AdapterInfo(name=each.name, factory=each.adapter, emulator=each.emulator)
                for each in WRONG
            ),
        ]


# -- creating ---------------------------------------------------------------------------------


@wrong(
    "retries a create if its response is lost",
    caught_by="Faults::test_a_create_is_sent_once_whatever_becomes_of_it",
)
class SendsACreateTwice(RightAdapter):
    def create(self, spec: live.StreamSpec) -> Stream:
        try:
            response = yield self.post("/streams", json=self.body(spec))
        except (live.ConnectionFailed, live.ProviderUnavailable, live.UnexpectedResponse):
            response = yield self.post("/streams", json=self.body(spec))
        return self.parse_stream(response.json())


@wrong(
    "declares a create idempotent, so that the core retries it",
    caught_by="Faults::test_a_create_is_sent_once_whatever_becomes_of_it",
)
class CallsACreateIdempotent(RightAdapter):
    def create(self, spec: live.StreamSpec) -> Stream:
        response = yield self.post("/streams", json=self.body(spec), idempotent=True)
        return self.parse_stream(response.json())


@wrong(
    "declares that a create changes nothing, so that a lost one counts as not applied",
    caught_by="Faults::test_a_create_whose_answer_is_lost_leaves_the_outcome_open",
)
class SaysThatALostCreateWasNotCarriedOut(RightAdapter):
    def create(self, spec: live.StreamSpec) -> Stream:
        response = yield self.post("/streams", json=self.body(spec), changes=False)
        return self.parse_stream(response.json())


@wrong(
    "declares a field that it does not send",
    caught_by="Operations::test_a_declared_field_is_set_and_read_back[http-tags",
)
class DropsAField(RightAdapter):
    def body(self, spec: live.StreamSpec) -> dict[str, Any]:
        return {**super().body(spec), "tags": []}


@wrong(
    "sends a field but does not read it",
    caught_by="Operations::test_a_declared_field_is_set_and_read_back[http-description",
)
class ReadsNoDescription(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        return {**super().fields(fields), "description": None}


@wrong(
    "drops the vendor's own options",
    caught_by="Operations::test_the_vendors_own_options_are_sent_with_a_create",
)
class DropsOptions(RightAdapter):
    def with_options(self, body: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        return dict(body)


@wrong(
    "lets one of the vendor's options replace the title",
    caught_by="Input::test_an_option_that_the_model_has_a_field_for_is_refused[in-process-title]",
)
class LetsOptionsReplaceFields(RightAdapter):
    def with_options(self, body: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        return {**body, **options}


@wrong(
    "lets one of the vendor's options replace the tags",
    caught_by="Input::test_an_option_that_the_model_has_a_field_for_is_refused[in-process-tags]",
)
class LetsOptionsReplaceAField(RightAdapter):
    def with_options(self, body: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        tags = options.get("tags")
        rest = {name: value for name, value in options.items() if name != "tags"}
        found = super().with_options(body, rest)
        return found if tags is None else {**found, "tags": [tags]}


@wrong(
    "sends a scheduled instant as the local time of its own zone",
    caught_by="Operations::test_a_schedule_in_any_zone_is_read_back_as_the_same_instant",
)
class SendsItsOwnWallClock(RightAdapter):
    def body(self, spec: live.StreamSpec) -> dict[str, Any]:
        body, start = super().body(spec), spec.scheduled_start
        if start is not None:
            local = start + timedelta(hours=5, minutes=30)
            body["start"] = local.replace(tzinfo=None).isoformat() + "Z"
        return body


@wrong(
    "rounds a scheduled instant up",
    caught_by="Operations::test_a_schedule_is_never_moved_later_by_a_fraction_of_a_second",
)
class RoundsAScheduleUp(RightAdapter):
    def body(self, spec: live.StreamSpec) -> dict[str, Any]:
        body, start = super().body(spec), spec.scheduled_start
        if start is not None and start.second:
            start = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
            body["start"] = live.format_instant(start)
        return body


@wrong(
    "reports a status that it does not declare",
    caught_by="Operations::test_a_created_stream_is_in_a_status_that_is_declared",
)
class ReportsAnUndeclaredStatus(RightAdapter):
    capabilities = attrs.evolve(
        RightAdapter.capabilities,
        statuses=RightAdapter.capabilities.statuses - {live.Status.STARTING},
    )


@wrong(
    "declares that a create starts the stream, but it does not",
    caught_by="Operations::test_a_create_without_a_schedule_starts_the_stream",
)
class ClaimsThatACreateStarts(RightEmulator):
    def boot(self, id: str) -> None:
        pass


# -- the other operations ---------------------------------------------------------------------


@wrong(
    "returns another stream than the requested one",
    caught_by="Operations::test_get_shows_the_stream_of_that_id",
)
class GivesAnotherStream(RightAdapter):
    def get(self, stream_id: str) -> Stream:
        page = yield from self.list(live.Query())
        return page.items[-1]


@wrong(
    "loses the vendor's payload",
    caught_by="Operations::test_the_vendors_payload_is_kept_and_reads_the_same_again",
)
class LosesThePayload(RightAdapter):
    def parse_stream(self, payload: Any) -> live.LiveStream:
        return live.LiveStream(**self.fields(live.Fields(payload)))


@wrong(
    "declares an operation that it lacks",
    caught_by="Operations::test_an_update_changes_the_field_it_names",
)
class ClaimsAnOperationItLacks(RightAdapter):
    def update(self, stream_id: str, changes: Mapping[str, Any]) -> Stream:
        raise live.Unsupported("not yet")


@wrong(
    "declares that a field can be updated, but drops it",
    caught_by="Operations::test_an_update_changes_the_field_it_names[http-tags]",
)
class DropsAChange(RightAdapter):
    def changed(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in super().changed(changes).items() if name != "tags"}


@wrong(
    "resets fields that an update should not change",
    caught_by="Operations::test_an_update_leaves_all_other_fields_as_they_were",
)
class ResetsOtherFields(RightAdapter):
    def changed(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        return {"title": "Untitled", "record": False, **super().changed(changes)}


@wrong(
    "does not clear a field that it declares as clearable",
    caught_by="Operations::test_a_field_that_can_be_cleared_is_empty_afterwards",
)
class ClearsNothing(RightAdapter):
    def changed(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        found = super().changed(changes)
        return {name: value for name, value in found.items() if value is not None}


@wrong(
    "does not start a stream, but only reads it",
    caught_by="Operations::test_a_started_stream_is_on_its_way_to_being_on_air",
)
class StartsNothing(RightAdapter):
    def start(self, stream_id: str) -> Stream:
        return self.get(stream_id)


@wrong(
    "starts a stream without the encoder that it declares to need",
    caught_by="Operations::test_a_stream_is_not_started_without_the_encoder_that_it_needs",
)
class StartsWithoutAnEncoder(RightAdapter):
    capabilities = attrs.evolve(
        RightAdapter.capabilities, create_starts=False, start_needs_encoder=True
    )


@wrong(
    "returns a stopped stream in its previous state",
    caught_by="Operations::test_a_stopped_stream_is_over",
)
class GivesAStoppedStreamAsItWas(RightAdapter):
    def stop(self, stream_id: str, trim: live.Trim | None = None) -> Stream:
        stream = yield from self.get(stream_id)
        yield from super().stop(stream_id, trim)
        return stream


@wrong(
    "drops a trim silently",
    caught_by="Operations::test_two_different_trims_are_two_different_requests",
)
class DropsATrim(RightAdapter):
    def stop(self, stream_id: str, trim: live.Trim | None = None) -> Stream:
        return super().stop(stream_id)


@wrong(
    "drops the end of a trim",
    caught_by="Operations::test_two_different_trims_are_two_different_requests",
)
class DropsTheEndOfATrim(RightAdapter):
    def stop(self, stream_id: str, trim: live.Trim | None = None) -> Stream:
        yield self.post("/streams/{id}/stop", id=stream_id, json={"from": trim and trim.start})
        return (yield from self.get(stream_id))


@wrong(
    "cancels a stream that is live",
    caught_by="Operations::test_a_stream_that_is_on_air_cannot_be_cancelled",
)
class CancelsWhatIsOnAir(RightAdapter):
    def cancel(self, stream_id: str) -> Stream:
        stream = yield from self.get(stream_id)
        yield from self.remove(stream_id)
        return attrs.evolve(stream, status=live.Status.CANCELLED)


@wrong(
    "cancels a stream that was live a moment ago",
    caught_by="EveryStatus::test_an_operation_has_its_effect_or_is_refused_in_every_status"
    "[in-process-cancel]",
)
class CancelsWhatWasOnAir(RightAdapter):
    def cancel(self, stream_id: str) -> Stream:
        stream = yield from self.get(stream_id)
        if stream.status is not live.Status.INTERRUPTED:
            return (yield from super().cancel(stream_id))
        yield from self.remove(stream_id)
        return attrs.evolve(stream, status=live.Status.CANCELLED)


@wrong(
    "reports that a stream was stopped that has not started",
    caught_by="EveryStatus::test_an_operation_has_its_effect_or_is_refused_in_every_status"
    "[in-process-stop]",
)
class StopsWhatHasNotStarted(RightAdapter):
    def stop(self, stream_id: str, trim: live.Trim | None = None) -> Stream:
        stream = yield from self.get(stream_id)
        if stream.status is live.Status.SCHEDULED:
            return stream
        return (yield from super().stop(stream_id, trim))


@wrong(
    "empties other fields with an update",
    caught_by="Operations::test_an_update_leaves_all_other_fields_as_they_were",
)
class EmptiesOtherFields(RightAdapter):
    def changed(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        return {"description": None, "tags": [], **super().changed(changes)}


@wrong(
    "restarts a stream that has ended",
    caught_by="Lifecycle::test_a_stream_that_is_over_cannot_be_started_again",
)
class StartsAgainWhatIsOver(RightEmulator):
    def start(self, request: Request, id: str) -> Response:
        if id in self.streams:
            self.streams[id]["status"] = "new"
        return super().start(request, id)


@wrong(
    "loses the ingest",
    caught_by="Waiting::test_waiting_for_a_started_stream_ends_when_its_server_is_up",
)
class ForgetsTheIngest(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        return {**super().fields(fields), "ingests": []}


class Unchecked(live.Capabilities):
    def unsupported_error(self, field: str, value: object) -> live.Unsupported | None:
        return None

    def require(self, *features: live.Feature | str) -> None:
        pass


@wrong(
    "bypasses the core's check of capabilities",
    caught_by="Refusals::test_a_field_that_is_not_declared_is_refused_and_nothing_is_sent",
)
class ChecksNoCapability(RightAdapter):
    capabilities = Unchecked(
        **{
            field.name: getattr(RightAdapter.capabilities, field.name)
            for field in attrs.fields(live.Capabilities)
        }
    )


# -- ids --------------------------------------------------------------------------------------


@wrong(
    "deletes a folder",
    caught_by="Operations::test_the_id_of_something_else_is_not_found_and_that_is_left_alone[http-delete]",
)
class DeletesAFolder(RightAdapter):
    def delete(self, stream_id: str) -> live.Operation[None]:
        yield from self.remove(stream_id)


@wrong(
    "reads a folder as a stream",
    caught_by="Operations::test_the_id_of_something_else_is_not_found_and_that_is_left_alone[http-get]",
)
class ReadsAFolderAsAStream(RightAdapter):
    def get(self, stream_id: str) -> Stream:
        response = yield self.request("GET", "/streams/{id}", id=stream_id)
        data = {"title": "", "status": "new", **response.json(), "type": "stream"}
        return self.parse_stream(data)


@wrong(
    "puts an ID into a path without escaping it",
    caught_by="Ids::test_an_id_with_any_characters_is_one_part_of_a_path[http-get]",
)
class PutsAnIdIntoAPathAsItIs(RightAdapter):
    def get(self, stream_id: str) -> Stream:
        id = re.sub(r"[{}\s]", "", stream_id)
        response = yield live.Request(method="GET", template="/streams/{id}", link=f"/streams/{id}")
        if response.fields().text("type") != "stream":
            raise live.NotFound("the id is that of something else")
        return self.parse_stream(response.json())


@wrong(
    "deletes a stream by a part of its ID",
    caught_by="Ids::test_nothing_but_the_id_itself_leads_to_the_stream[http-delete]",
)
class DeletesByAPartOfAnId(RightAdapter):
    def delete(self, stream_id: str) -> live.Operation[None]:
        id = (re.findall(r"\d+", stream_id) or [stream_id])[0]
        return super().delete(id)


# -- lists ------------------------------------------------------------------------------------


@wrong(
    "stops at the first page",
    caught_by="Paging::test_streams_on_the_second_and_the_third_page_are_found_once_each",
)
class StopsAtPageOne(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        page = yield from super().list(query)
        return attrs.evolve(page, next=None)


@wrong(
    "treats an empty page as the end of a list",
    caught_by="MalformedPages::test_an_empty_page_in_the_middle_ends_a_walk_only_where_that_is_declared",
)
class TakesAnEmptyPageForTheEnd(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        page = yield from super().list(query)
        return page if page.items else attrs.evolve(page, next=None)


@wrong(
    "follows a link to another host",
    caught_by="MalformedPages::test_a_link_to_another_host_is_not_followed",
)
class FollowsAForeignNext(RightAdapter):
    def cursor_of(self, link: str, *, under: str) -> str:
        parts = urlsplit(link)
        return f"{parts.path}?{parts.query}"


@wrong(
    "sends a made-up cursor as a path",
    caught_by="MalformedPages::test_a_cursor_that_is_made_up_sends_credentials_nowhere_else",
)
class SendsAnyCursor(RightAdapter):
    def follow(self, cursor: str, *, under: str) -> live.Request:
        return live.Request(method="GET", template=under, link=cursor)


@wrong(
    "treats a 429 in the middle of a list as its end",
    caught_by="MalformedPages::test_an_error_on_the_second_page_is_not_the_end_of_the_list",
)
class SwallowsA429(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        try:
            return (yield from super().list(query))
        except live.RateLimited:
            return live.Page(())


@wrong(
    "reads nonsense as an empty list",
    caught_by="Parsing::test_a_page_of_nonsense_is_an_error_and_no_empty_list",
)
class ReadsNonsenseAsAnEmptyList(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        try:
            return (yield from super().list(query))
        except live.UnexpectedResponse:
            return live.Page(())


@wrong(
    "reports the size of a page as the size of the list",
    caught_by="Paging::test_a_walk_that_agrees_with_the_vendors_total_is_proven_complete",
)
class CountsAPageOnly(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        page = yield from super().list(query)
        return attrs.evolve(page, total=len(page.items))


@wrong(
    "leaves out streams that have ended",
    caught_by="Filters::test_a_status_finds_the_streams_that_are_in_it[in-process-ended]",
)
class LeavesOutWhatHasEnded(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        page = yield from super().list(query)
        if query.status is None:
            return page
        return attrs.evolve(page, items=[s for s in page.items if not s.status.is_final])


@wrong(
    "never lists a stream that has ended",
    caught_by="Filters::test_a_stream_is_in_the_list_in_every_status[in-process-ended]",
)
class NeverListsWhatHasEnded(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        page = yield from super().list(query)
        ended = [each for each in page.items if each.status.is_final]
        items = [each for each in page.items if each not in ended]
        return attrs.evolve(page, items=items, total=(page.total or 0) - len(ended))


@wrong(
    "counts the streams of a list itself",
    caught_by="MalformedPages::test_an_entry_that_is_missing_on_a_page_is_not_hidden"
    "[in-process-last]",
)
class CountsWhatItHasRead(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        page = yield from super().list(query)
        items = list(page.items)
        while page.next_cursor is not None:
            page = yield from super().list(attrs.evolve(query, cursor=page.next_cursor))
            items += page.items
        return attrs.evolve(page, items=items, total=len(items))


# -- failures ---------------------------------------------------------------------------------


@wrong(
    "blames the caller for a timeout",
    caught_by="SlowResponses::test_a_vendor_that_is_too_slow_is_a_time_out[in-process-get]",
)
class BlamesTheCallerForATimeOut(RightAdapter):
    def get(self, stream_id: str) -> Stream:
        try:
            return (yield from super().get(stream_id))
        except live.RequestTimeout as error:
            raise live.Rejected("the id takes too long") from error


@wrong(
    "blames the caller for a 5xx",
    caught_by="Statuses::test_a_status_in_answer_to_a_read_is_its_error[in-process-500]",
)
class BlamesTheCallerForA5xx(RightAdapter):
    def error_for(self, response: live.Response) -> live.LiveStreamError:
        return live.Rejected("refused")


@wrong(
    "reports a missing permission as a missing stream",
    caught_by="Statuses::test_a_status_in_answer_to_a_read_is_its_error[in-process-403]",
)
class TakesNoPermissionForNoStream(RightAdapter):
    def error_for(self, response: live.Response) -> live.LiveStreamError:
        return live.NotFound("gone") if response.status == 403 else super().error_for(response)


@wrong(
    "reads the first of an error's details, which may be missing",
    caught_by="Statuses::test_no_body_of_an_error_makes_a_method_of_the_adapter_fail",
)
class NeedsAnErrorInADocumentedForm(RightAdapter):
    def error_message(self, payload: Any) -> str | None:
        return str(payload["errors"][0]["message"]) if "errors" in payload else None


@wrong(
    "takes an error without details for a missing stream",
    caught_by="Statuses::test_the_body_of_an_error_does_not_change_what_the_error_is[in-process-409]",
)
class TakesAnErrorWithoutDetailsForNoStream(RightAdapter):
    def error_for(self, response: live.Response) -> live.LiveStreamError:
        if response.status == 409 and response.is_json and not response.json():
            return live.NotFound("gone")
        return super().error_for(response)


@wrong(
    "treats an error without details as success",
    caught_by="Statuses::test_the_body_of_an_error_does_not_change_what_became_of_a_change"
    "[in-process-delete]",
)
class SwallowsAnErrorWithoutDetails(RightAdapter):
    def remove(self, stream_id: str) -> Any:
        try:
            yield from super().remove(stream_id)
        except live.Rejected as error:
            if "no details" not in error.message:
                raise

    def error_message(self, payload: Any) -> str | None:
        return super().error_message(payload) or "no details"


@wrong(
    "drops the vendor's Retry-After",
    caught_by="Statuses::test_what_the_vendor_asks_to_wait_is_in_the_error[in-process-429]",
)
class ForgetsRetryAfter(RightAdapter):
    def retry_after(self, response: live.Response) -> float | None:
        return None


@wrong(
    "fails on an error without a message",
    caught_by="Statuses::test_no_body_of_an_error_makes_a_method_of_the_adapter_fail[in-process]",
)
class NeedsAMessage(RightAdapter):
    def error_message(self, payload: Any) -> str | None:
        message: str = payload["error"]["message"]
        return message


@wrong(
    "fails on a response without an id",
    caught_by="Statuses::test_no_body_of_an_error_makes_a_method_of_the_adapter_fail[in-process]",
)
class NeedsAnId(RightAdapter):
    def id_in(self, payload: Any) -> str | None:
        stream_id: str = payload["id"]
        return stream_id


@wrong(
    "treats a refused delete as success",
    caught_by="Statuses::test_a_refusal_is_raised_and_nothing_was_carried_out[in-process-delete]",
)
class SwallowsARefusal(RightAdapter):
    def remove(self, stream_id: str) -> Any:
        try:
            yield from super().remove(stream_id)
        except live.LiveStreamError:
            pass


@wrong(
    "treats a page of HTML as success",
    caught_by="Outcomes::test_applied_agrees_with_what_became_of_the_stream[in-process-delete-page of HTML]",
)
class TakesAPageOfHTMLForSuccess(RightAdapter):
    def is_from_vendor(self, response: live.Response) -> bool:
        return True

    def remove(self, stream_id: str) -> Any:
        yield self.request("DELETE", "/streams/{id}", id=stream_id)


@wrong(
    "says that a stop changes nothing",
    caught_by="Outcomes::test_applied_agrees_with_what_became_of_the_stream[in-process-stop-dropped after it was applied]",
)
class SaysThatAStopChangesNothing(RightAdapter):
    def stop(self, stream_id: str, trim: live.Trim | None = None) -> Stream:
        response = yield self.post("/streams/{id}/stop", id=stream_id, changes=False)
        return self.parse_stream(response.json())


# -- answers ----------------------------------------------------------------------------------


@wrong(
    "maps an unknown status to ENDED",
    caught_by="Parsing::test_a_word_that_is_not_known_is_an_unknown_status_and_the_word_is_kept",
)
class MapsAnUnknownWordToEnded(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        status = WORDS.get(fields.text("status"), live.Status.ENDED)
        return {**super().fields(fields), "status": status}


@wrong(
    "loses the vendor's word for a status",
    caught_by="Parsing::test_a_word_that_is_not_known_is_an_unknown_status_and_the_word_is_kept",
)
class LosesTheWord(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        return {**super().fields(fields), "provider_status": None}


@wrong(
    "invents the time at which a stream went live",
    caught_by="Operations::test_a_stream_without_a_schedule_was_never_on_air_nor_over",
)
class InventsATime(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        read = super().fields(fields)
        return {**read, "started_at": read["started_at"] or read["created_at"]}


@wrong(
    "replaces a missing time with the current time",
    caught_by="Parsing::test_nothing_is_put_in_place_of_a_missing_value",
)
class PutsNowForAMissingTime(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        read = super().fields(fields)
        return {**read, "created_at": read["created_at"] or self.clock()}


@wrong(
    "names a stream without a title",
    caught_by="Parsing::test_nothing_is_put_in_place_of_a_missing_value",
)
class NamesAStreamWithoutATitle(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        read = super().fields(fields)
        return {**read, "title": read["title"] or "Untitled"}


@wrong(
    "reads a missing flag as off",
    caught_by="Parsing::test_nothing_is_put_in_place_of_a_missing_value",
)
class ReadsAMissingFlagAsOff(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        read = super().fields(fields)
        return {**read, "record": bool(read["record"])}


@wrong(
    "makes an address of a missing key",
    caught_by="Parsing::test_nothing_is_put_in_place_of_a_missing_value",
)
class MakesAnAddressOfNothing(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        url = live.SecretUrl(f"https://cdn.acme.example/{fields.data.get('key')}.m3u8")
        return {**super().fields(fields), "playbacks": [live.Playback(url)]}


@wrong(
    "reads a stream without a status as scheduled",
    caught_by="Parsing::test_nothing_is_put_in_place_of_a_missing_value",
)
class PutsAStatusForAMissingOne(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        read = super().fields(fields)
        missing = fields.data.get("status") is None
        return {**read, "status": live.Status.SCHEDULED if missing else read["status"]}


@wrong(
    "adds the current time to a payload",
    caught_by="Parsing::test_a_payload_is_read_the_same_at_any_time",
)
class ReadsThePresentInstant(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        return {**super().fields(fields), "updated_at": self.clock()}


@wrong(
    "reads a time without its zone",
    caught_by="Parsing::test_every_time_of_a_stream_is_an_instant_in_utc",
)
class ReadsANaiveTime(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        created = datetime.fromisoformat(fields.text("created")).replace(tzinfo=None)
        return {**super().fields(fields), "created_at": created}


@wrong(
    "reads every time as UTC, whatever its offset",
    caught_by="Parsing::test_a_time_that_the_vendor_writes_in_another_zone_is_the_same_instant",
)
class TakesEveryTimeForUtc(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        text = fields.optional_text("start")
        start = text and datetime.fromisoformat(text).replace(tzinfo=UTC)
        return {**super().fields(fields), "scheduled_start": start}


@wrong(
    "raises a KeyError if a field is missing",
    caught_by="Parsing::test_a_missing_field_is_read_as_none_or_named_in_the_error",
)
class FailsOnAMissingField(RightAdapter):
    def parse_stream(self, payload: Any) -> live.LiveStream:
        payload["tags"]
        return super().parse_stream(payload)


@wrong(
    "raises a TypeError if a field is null",
    caught_by="Parsing::test_a_null_is_read_as_none_or_named_in_the_error",
)
class FailsOnNull(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        return {**super().fields(fields), "tags": tuple(fields.data.get("tags", ()))}


@wrong(
    "reads a response without an ID as a stream",
    caught_by="Parsing::test_a_payload_without_an_id_is_no_stream",
)
class MakesUpAnId(RightAdapter):
    def parse_stream(self, payload: Any) -> live.LiveStream:
        fields = live.Fields(payload)
        with_id = {**fields.data, "id": fields.optional_text("id") or "unknown"}
        return attrs.evolve(super().parse_stream(with_id), raw=payload)


@wrong(
    "refuses a response with an unknown field",
    caught_by="Parsing::test_fields_that_are_not_known_change_nothing",
)
class RefusesANewField(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        if "kit_extra" in fields.data:
            raise live.UnexpectedResponse("kit_extra is not known")
        return super().fields(fields)


@wrong(
    "reads a documented sample differently than its author declares",
    caught_by="Parsing::test_a_documented_sample_is_read_as_its_author_says",
)
class ReadsASampleOtherwise(RightEmulator):
    samples = ({**RightEmulator.samples[0], "expected": {"status": live.Status.ENDED}},)


# -- secrets ----------------------------------------------------------------------------------


@wrong(
    "shows the stream key in a repr",
    caught_by="SecretMasking::test_no_secret_is_in_the_repr_of_a_stream_or_of_its_parts",
)
class ShowsAKeyInARepr(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        return {**super().fields(fields), "description": f"publish with {fields.data.get('key')}"}


@wrong(
    "reads the stream key as a part of a URL",
    caught_by="SecretMasking::test_no_secret_is_in_the_data_of_a_stream_unless_asked_for",
)
class ReadsAKeyAsAPartOfAnAddress(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        url = f"rtmp://in.acme.example/app/{fields.data.get('key')}"
        return {**super().fields(fields), "ingests": [live.Ingest(url)]}


@wrong(
    "logs the credentials",
    caught_by="SecretMasking::test_no_secret_is_logged_at_any_level",
)
class LogsTheCredentials(RightAdapter):
    def sign_in(self, previous: live.Session | None, now: datetime) -> live.Operation[live.Session]:
        logging.getLogger("acme").debug("signing in with %s", self.options.password.reveal())
        return super().sign_in(previous, now)


@wrong(
    "does not declare a pattern for its stream keys",
    caught_by="SecretMasking::test_a_key_is_known_by_its_form_before_it_was_ever_seen",
)
class DoesNotKnowItsKeys(RightAdapter):
    secret_patterns = (r"acme-token-\w+",)


@wrong(
    "names the account after the password",
    caught_by="Sessions::test_the_account_is_named_without_a_secret_and_stays_the_same",
)
class NamesTheAccountAfterThePassword(RightAdapter):
    def account_id(self) -> str:
        return str(self.options.password and self.options.password.reveal())


# -- sessions ---------------------------------------------------------------------------------


@wrong(
    "signs in for every request",
    caught_by="Sessions::test_many_threads_sign_in_once",
)
class SignsInForEveryRequest(RightAdapter):
    def sign_in(self, previous: live.Session | None, now: datetime) -> live.Operation[live.Session]:
        session = super().sign_in(previous, now)
        if not isinstance(session, live.Session):
            session = yield from session
        return attrs.evolve(session, expires_at=now)


@wrong(
    "gives the account another name with a new password",
    caught_by="Sessions::test_new_credentials_do_not_rename_the_account",
)
class NamesTheAccountAfterACredential(RightAdapter):
    def account_id(self) -> str:
        credentials = repr([*map(str, self.options.secrets())]).encode()
        return hashlib.sha256(credentials).hexdigest()[:8]


@wrong(
    "gives all accounts the same name",
    caught_by="Sessions::test_another_account_has_another_name",
)
class GivesAllAccountsOneName(RightAdapter):
    def account_id(self) -> str:
        return "acme"


@attrs.frozen(kw_only=True)
class OpenOptions(AcmeOptions):
    password: str | None = live.option(default=None, help="The user's password.")


@wrong(
    "has an option for the password that is plain text",
    caught_by="OptionsWithoutSecrets::test_no_option_that_is_shown_holds_a_secret",
)
class HasAPasswordInPlainText(RightAdapter):
    Options = OpenOptions


@wrong(
    "gives the account another name with every client",
    caught_by="Sessions::test_two_equal_clients_share_a_session",
)
class SharesNoSession(RightAdapter):
    def account_id(self) -> str:
        return str(id(self))


@wrong(
    "signs in with wrong credentials",
    caught_by="Sessions::test_wrong_credentials_are_refused_and_nothing_was_changed",
)
class TakesAnyPassword(RightEmulator):
    def login(self, request: Request) -> Response:
        self.tokens.add("any")
        return json_response({"token": "any", "lasts": None})


# -- odd values -------------------------------------------------------------------------------


@wrong(
    "loses a stream because of one malformed value",
    caught_by="OddValues::test_an_odd_value_costs_its_field_or_makes_it_no_stream",
)
class LosesAStreamForAValue(RightAdapter):
    def parse_stream(self, payload: Any) -> live.LiveStream:
        return live.LiveStream(**self.fields(live.Fields(payload)), raw=payload)


@wrong(
    "drops a malformed value silently",
    caught_by="OddValues::test_an_odd_value_costs_its_field_or_makes_it_no_stream",
)
class SaysNothingOfOddValues(RightAdapter):
    def parse_stream(self, payload: Any) -> live.LiveStream:
        return attrs.evolve(super().parse_stream(payload), problems=())


@wrong(
    "reports problems under the vendor's field names, not those of a stream",
    caught_by="OddValues::test_an_odd_value_costs_its_field_or_makes_it_no_stream",
)
class NamesTheVendorsFields(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        return {**super().fields(fields), "created_at": fields.optional_instant("created")}


@wrong(
    "shows the malformed value in its problems",
    caught_by="OddValues::test_an_odd_value_costs_its_field_or_makes_it_no_stream",
)
class ShowsWhatWasOdd(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        if fields.data.get("status") not in WORDS:
            fields.unreadable("status", f"is {fields.data.get('status')!r}")
        return super().fields(fields)


@wrong(
    "raises its own exception for a malformed value",
    caught_by="OddValues::test_an_odd_value_costs_its_field_or_makes_it_no_stream",
)
class FailsForAnOddValue(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        return {**super().fields(fields), "description": (fields.data["title"] or "").title()}


@wrong(
    "loses a page because of one malformed entry",
    caught_by="OddValues::test_an_entry_that_cannot_be_read_hides_no_other_stream_and_is_told",
)
class LosesAPageForAnEntry(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        page = yield from super().list(query)
        if page.unreadable:
            raise live.UnexpectedResponse("an entry cannot be read")
        return page


@wrong(
    "drops malformed entries silently",
    caught_by="OddValues::test_an_entry_that_cannot_be_read_hides_no_other_stream_and_is_told",
)
class LeavesOutOddEntries(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        page = yield from super().list(query)
        return attrs.evolve(page, unreadable=())


@wrong(
    "loses the stream ID of a delivery if the stream cannot be read",
    caught_by="OddValues::test_a_delivery_about_a_stream_that_cannot_be_read_still_names_it",
)
class ForgetsTheStreamOfADelivery(RightAdapter):
    def verify(self, headers: Mapping[str, str], body: bytes, secret: str) -> None:
        pass

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> live.Event:
        event = super().parse_webhook(headers, body, secret)
        assert event.stream is not None
        if event.stream.problems:
            return attrs.evolve(event, stream=None, stream_id=None)
        return event


# -- webhooks ---------------------------------------------------------------------------------


@wrong(
    "accepts every delivery",
    caught_by="Webhooks::test_a_delivery_with_another_secret_is_rejected",
)
class BelievesEveryDelivery(RightAdapter):
    def verify(self, headers: Mapping[str, str], body: bytes, secret: str) -> None:
        pass


@wrong(
    "accepts a delivery without a signature",
    caught_by="Webhooks::test_a_delivery_without_its_headers_is_rejected",
)
class BelievesWhatIsNotSigned(RightAdapter):
    def verify(self, headers: Mapping[str, str], body: bytes, secret: str) -> None:
        if "x-acme-signature" in headers:
            super().verify(headers, body, secret)


@wrong(
    "accepts the beginning of a signature",
    caught_by="Webhooks::test_a_delivery_with_damage_to_its_signature_is_rejected",
)
class BelievesTheBeginningOfASignature(RightAdapter):
    def is_signed(self, sent: str, expected: str) -> bool:
        return super().is_signed(sent[:32], expected[:32])


@wrong(
    "raises a TypeError if a signature is not ASCII",
    caught_by="Webhooks::test_a_delivery_with_damage_to_its_signature_is_rejected",
)
class FailsOnASignatureThatIsNotAscii(RightAdapter):
    def is_signed(self, sent: str, expected: str) -> bool:
        return hmac.compare_digest(sent, expected)


@wrong(
    "ignores the end of a delivery's time",
    caught_by="Webhooks::test_a_delivery_with_damage_to_its_time_is_rejected",
)
class ReadsOnlyTheBeginningOfATime(RightAdapter):
    def signed(self, header: str) -> tuple[str, str]:
        timestamp, sent = super().signed(header)
        return timestamp[:10], sent


@wrong(
    "accepts the parts of a signature under each other's names",
    caught_by="Webhooks::test_parts_of_headers_that_are_exchanged_are_rejected",
)
class ReadsPartsByTheirLength(RightAdapter):
    def signed(self, header: str) -> tuple[str, str]:
        timestamp, sent = sorted(super().signed(header), key=len)
        return timestamp, sent


@wrong(
    "accepts a delivery of yesterday",
    caught_by="Webhooks::test_a_delivery_is_rejected_if_it_is_old_where_the_vendor_signs_its_time",
)
class BelievesAnOldDelivery(RightAdapter):
    def seconds_since(self, timestamp: str) -> float:
        return 0.0


@wrong(
    "verifies a different body than it reads",
    caught_by="Webhooks::test_an_altered_body_is_rejected_where_the_vendor_signs_it",
)
class VerifiesAnotherBody(RightAdapter):
    def verify(self, headers: Mapping[str, str], body: bytes, secret: str) -> None:
        super().verify(headers, body.strip(), secret)


@wrong(
    "treats a delivery about a folder as one about a stream",
    caught_by="Webhooks::test_a_delivery_about_something_that_is_no_stream_is_not_taken_for_one",
)
class TakesAFolderForAStream(RightAdapter):
    def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> live.Event:
        self.verify(headers, body, secret)
        data = live.Response(200, {}, body).fields().data
        stream = self.parse_stream({"title": "", "status": "new", **data, "type": "stream"})
        return live.Event(provider=self.name, kind="stream_changed", stream=stream)


class PublishingAdapter(RightAdapter):
    """Acme, but with a key that it publishes instead of a secret that it shares."""

    name = "publishing"

    def webhook_key(self) -> live.Operation[str]:
        response = yield self.request("GET", "/key")
        return response.fields().text("key")


class PublishingEmulator(RightEmulator):
    """The vendor of that adapter."""

    provider = "publishing"
    webhook_secret = "the key that Acme publishes"
    routes = (*RightEmulator.routes, Route("GET", "/key", "publish"))

    def publish(self, request: Request) -> Response:
        return json_response({"key": self.webhook_secret})


@wrong(
    "accepts a delivery that is signed with a key other than the published one",
    caught_by="Webhooks::test_a_delivery_with_another_secret_is_rejected",
    right=(PublishingAdapter, PublishingEmulator),
)
class BelievesAnyKey(PublishingAdapter):
    def verify(self, headers: Mapping[str, str], body: bytes, secret: str) -> None:
        pass


@wrong(
    "fetches the key with a request that needs a session",
    caught_by="Webhooks::test_a_genuine_delivery_is_read",
    right=(PublishingAdapter, PublishingEmulator),
)
class AsksForAKeyThatIsNotPublished(PublishingAdapter):
    def webhook_key(self) -> live.Operation[str]:
        response = yield self.request("GET", "/streams")
        return response.fields().text("key")


# -- emulators --------------------------------------------------------------------------------


@wrong(
    "has an emulator that accepts any credentials",
    caught_by="Emulated::test_it_changes_nothing_for_somebody_without_credentials",
)
class LetsAnybodyIn(RightEmulator):
    def _refused(self, request: Request) -> Response | None:
        return None


@wrong(
    "has an emulator that accepts any body",
    caught_by="Emulated::test_it_refuses_a_create_without_a_title",
)
class TakesAnyBody(RightEmulator):
    def _json(self, request: Request) -> Any:
        return {"title": "Untitled", **(super()._json(request) or {})}


@wrong(
    "has an emulator that responds at any path",
    caught_by="Emulated::test_it_has_no_paths_but_the_vendors[in-process-list]",
)
class AnswersAtAnyPath(RightEmulator):
    routes = (*RightEmulator.routes, Route("GET", "/<anything>", "anything"))

    def anything(self, request: Request, anything: str) -> Response:
        return self.list_all(request)


@wrong(
    "has an emulator without a maximum page size, so that a list has only one page",
    caught_by="Paging::test_streams_on_the_second_and_the_third_page_are_found_once_each",
)
class HasPagesOfAnySize(RightEmulator):
    def list_all(self, request: Request) -> Response:
        self.page_size = int(request.args.get("size", 2))
        return super().list_all(request)


@wrong(
    "has an emulator whose responses lack documented fields",
    caught_by="Emulated::test_its_answers_have_what_a_documented_sample_has",
)
class LacksWhatIsDocumented(RightEmulator):
    samples = (
        {
            **RightEmulator.samples[0],
            "payload": {
                **RightEmulator.samples[0]["payload"],
                "chat": {"url": "https://x.example"},
            },
        },
    )


# -- keys, disabled streams, and recordings ---------------------------------------------------


@wrong(
    "returns a stream with the key that it has just replaced",
    caught_by="Availability::test_a_replaced_key_is_another_one_and_the_old_one_is_gone",
)
class ReturnsTheReplacedKey(RightAdapter):
    def reset_key(self, stream_id: str) -> Stream:
        stream = yield from self.get(stream_id)
        yield from super().reset_key(stream_id)
        return stream


@wrong(
    "renames a stream whose key it replaces",
    caught_by="Availability::test_a_replaced_key_changes_nothing_else",
)
class RenamesWithANewKey(RightAdapter):
    def reset_key(self, stream_id: str) -> Stream:
        yield from super().reset_key(stream_id)
        return (yield from self.update(stream_id, {"title": "A stream with a new key"}))


@wrong(
    "returns the same key after it has expired",
    caught_by="Operations::test_a_key_that_expires_is_valid_when_it_is_read",
)
class KeepsAnExpiredKey(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        known = super().fields(fields)
        if (made := known["created_at"]) is not None:
            end = made + timedelta(hours=1)
            known["ingests"] = [attrs.evolve(each, expires_at=end) for each in known["ingests"]]
        return known


@wrong(
    "reports that a stream was disabled without a request to disable it",
    caught_by="Availability::test_a_disabled_stream_is_disabled_wherever_it_is_read",
)
class OnlySaysThatItDisabled(RightAdapter):
    def disable(self, stream_id: str) -> Stream:
        stream = yield from self.get(stream_id)
        return attrs.evolve(stream, status=live.Status.DISABLED)


@wrong(
    "has an emulator that accepts encoders on disabled streams",
    caught_by="Availability::test_a_disabled_stream_accepts_no_encoder",
)
class LetsEncodersIntoDisabledStreams(RightEmulator):
    def _happens(self, id: str, allowed: set[str], word: str) -> None:
        super()._happens(id, allowed | {"shut"}, word)


@wrong(
    "hides that a stream that is live cannot be disabled",
    caught_by="Availability::test_a_live_stream_is_cut_off_or_left_alone",
)
class HidesThatItCannotDisable(RightAdapter):
    def disable(self, stream_id: str) -> Stream:
        stream = yield from self.get(stream_id)
        if stream.status is live.Status.LIVE:
            return attrs.evolve(stream, status=live.Status.DISABLED)
        return (yield from super().disable(stream_id))


@wrong(
    "enables a stream that it disables twice",
    caught_by="Availability::test_disabling_twice_is_a_conflict_or_changes_nothing",
)
class TogglesAStream(RightAdapter):
    def disable(self, stream_id: str) -> Stream:
        stream = yield from self.get(stream_id)
        if stream.status is live.Status.DISABLED:
            return (yield from self.enable(stream_id))
        return (yield from super().disable(stream_id))


@wrong(
    "gives a stream that it enables a new key",
    caught_by="Availability::test_an_enabled_stream_is_ready_and_as_it_was",
)
class ReplacesTheKeyOfAnEnabledStream(RightAdapter):
    def enable(self, stream_id: str) -> Stream:
        yield from super().enable(stream_id)
        return (yield from self.reset_key(stream_id))


@wrong(
    "has an emulator that refuses encoders on a stream that was enabled again",
    caught_by="Availability::test_an_enabled_stream_accepts_an_encoder",
)
class NeverLetsAnEncoderInAgain(RightEmulator):
    def disable(self, request: Request, id: str) -> Response:
        self.streams[id]["refuses"] = True
        return super().disable(request, id)

    def _happens(self, id: str, allowed: set[str], word: str) -> None:
        super()._happens(id, set() if "refuses" in self.streams[id] else allowed, word)


@wrong(
    "gives a stream that was already enabled a new key",
    caught_by="Availability::test_enabling_twice_is_a_conflict_or_changes_nothing",
)
class ReplacesAKeyForNothing(RightAdapter):
    def enable(self, stream_id: str) -> Stream:
        stream = yield from self.get(stream_id)
        if stream.status is live.Status.READY:
            return (yield from self.reset_key(stream_id))
        return (yield from super().enable(stream_id))


@wrong(
    "disables a reusable stream that it stops",
    caught_by="Reusable::test_a_reusable_stream_is_ready_after_each_run",
    right=REUSABLE,
)
class DisablesAtTheEndOfARun(RelayAdapter):
    def stop(self, stream_id: str, trim: live.Trim | None = None) -> Any:
        return self.disable(stream_id)


@wrong(
    "reports that a run was stopped without a request to stop it",
    caught_by="Reusable::test_a_run_that_was_seen_live_has_an_end",
    right=REUSABLE,
)
class OnlySaysThatItStopped(RelayAdapter):
    def stop(self, stream_id: str, trim: live.Trim | None = None) -> Any:
        stream = yield from self.get(stream_id)
        return attrs.evolve(stream, status=live.Status.READY)


@wrong(
    "reads a reusable stream that waits for its next run as ended",
    caught_by="Reusable::test_a_run_that_nobody_saw_has_no_end",
    right=REUSABLE,
)
class ReadsAnIdleStreamAsEnded(RelayAdapter):
    def get(self, stream_id: str) -> Any:
        stream = yield from super().get(stream_id)
        is_idle = stream.status is live.Status.READY
        return attrs.evolve(stream, status=live.Status.ENDED) if is_idle else stream


@wrong(
    "returns the recordings of all streams for one stream",
    caught_by="Recordings::test_a_stream_that_was_never_live_has_no_recordings",
)
class ReturnsTheRecordingsOfOthers(RightAdapter):
    def recordings(self, stream_id: str) -> live.Operation[tuple[live.Recording, ...]]:
        found: tuple[live.Recording, ...] = ()
        for stream in (yield from self.list(live.Query())).items:
            found += yield from super().recordings(stream.id)
        return found


@wrong(
    "reads the milliseconds of a recording as seconds",
    caught_by="Recordings::test_recordings_are_plausible",
    right=REUSABLE,
)
class ReadsMillisecondsAsSeconds(RelayAdapter):
    def recordings(self, stream_id: str) -> Any:
        found = yield from super().recordings(stream_id)
        return tuple(attrs.evolve(each, duration=each.duration * 1000) for each in found)


@wrong(
    "lists each recording twice",
    caught_by="Recordings::test_each_recording_is_listed_once_and_every_time",
)
class ListsRecordingsTwice(RightAdapter):
    def recordings(self, stream_id: str) -> live.Operation[tuple[live.Recording, ...]]:
        return 2 * (yield from super().recordings(stream_id))


@wrong(
    "returns only the recording of the last run",
    caught_by="Recordings::test_another_run_adds_a_recording",
    right=REUSABLE,
)
class ReturnsOnlyTheLastRecording(RelayAdapter):
    def recordings(self, stream_id: str) -> Any:
        return (yield from super().recordings(stream_id))[-1:]


# -- webhooks that are registered ---------------------------------------------------------------

MANAGING = (TPStreamsAdapter, TPStreamsEmulator)
_HOOKS = "/api/v1/{org}/webhooks/"


@wrong(
    "returns only the first page of webhooks",
    caught_by="WebhookEndpoints::test_webhooks_on_all_pages_are_listed_each_once",
    right=MANAGING,
)
class ReturnsOnePageOfWebhooks(TPStreamsAdapter):
    def webhooks(self) -> Any:
        fields = (yield self.request("GET", _HOOKS)).fields()
        return tuple(_hook(self.name, each) for each in fields.objects("results"))


@wrong(
    "sends the registration of a webhook again if its response is lost",
    caught_by="WebhookEndpoints::test_a_registration_whose_answer_is_lost_is_not_sent_again",
    right=MANAGING,
)
class RegistersTwice(TPStreamsAdapter):
    def register_webhook(self, url: str, secret: live.Secret) -> Any:
        body = {"url": url, "secret_token": secret.reveal()}
        response = yield self.post(_HOOKS, json=body, idempotent=True)
        return _hook(self.name, response.fields())


@wrong(
    "registers a webhook with another secret than the one that it returns",
    caught_by="WebhookEndpoints::"
    "test_deliveries_to_a_registered_webhook_are_verified_with_its_secret",
    right=MANAGING,
)
class KeepsTheSecretToItself(TPStreamsAdapter):
    def register_webhook(self, url: str, secret: live.Secret) -> Any:
        webhook = yield from super().register_webhook(url, live.Secret("another"))
        return attrs.evolve(webhook, secret=secret)


@wrong(
    "treats an unknown webhook as a deleted one",
    caught_by="WebhookEndpoints::test_an_unknown_webhook_is_not_found_and_deletes_nothing",
    right=MANAGING,
)
class DeletesUnknownWebhooks(TPStreamsAdapter):
    def delete_webhook(self, webhook_id: str) -> Any:
        try:
            yield from super().delete_webhook(webhook_id)
        except live.NotFound:
            pass


@wrong(
    "deletes all webhooks instead of one",
    caught_by="WebhookEndpoints::test_a_deleted_webhook_is_gone_and_the_others_are_not",
    right=MANAGING,
)
class DeletesAllWebhooks(TPStreamsAdapter):
    def delete_webhook(self, webhook_id: str) -> Any:
        for each in (yield from self.webhooks()):
            yield from super().delete_webhook(each.id)


@wrong(
    "returns a URL of a webhook that contains its secret",
    caught_by="WebhookEndpoints::test_the_secret_of_a_webhook_is_in_no_repr_log_or_error",
    right=MANAGING,
)
class ShowsTheSecretOfAWebhook(TPStreamsAdapter):
    def register_webhook(self, url: str, secret: live.Secret) -> Any:
        webhook = yield from super().register_webhook(url, secret)
        return attrs.evolve(webhook, url=f"{webhook.url}/{secret.reveal()}")


def _hook(provider: str, fields: live.Fields) -> live.Webhook:
    return live.Webhook(
        provider=provider,
        id=fields.identifier("id"),
        url=fields.text("url"),
        secret=fields.text("secret_token"),
    )


# -- titles, references, and lists that lack fields -------------------------------------------

SPARSE = (SparseAdapter, SparseEmulator)
UNTITLED = (UntitledAdapter, UntitledEmulator)
UNIQUE = (UniqueAdapter, UniqueEmulator)


@wrong(
    "has no titles, and shows the ID as the title",
    caught_by="TitlesAndReferences::test_a_vendor_without_titles_shows_an_empty_one",
    right=UNTITLED,
)
class InventsATitle(UntitledAdapter):
    def parse_stream(self, payload: Any) -> live.LiveStream:
        stream = super().parse_stream(payload)
        return attrs.evolve(stream, title=stream.id)


@wrong(
    "shows a reference in another form than it was given",
    caught_by="TitlesAndReferences::test_a_reference_is_the_same_wherever_the_stream_is_shown",
    right=SPARSE,
)
class RewritesReferences(SparseAdapter):
    def parse_stream(self, payload: Any) -> live.LiveStream:
        stream = super().parse_stream(payload)
        return attrs.evolve(stream, reference=stream.reference and stream.reference.upper())


@wrong(
    "shows the ID of a stream without a reference as its reference",
    caught_by="TitlesAndReferences::test_a_stream_without_a_reference_shows_none",
    right=SPARSE,
)
class InventsAReference(SparseAdapter):
    def parse_stream(self, payload: Any) -> live.LiveStream:
        stream = super().parse_stream(payload)
        return attrs.evolve(stream, reference=stream.reference or stream.id)


@wrong(
    "sends a filter by reference to an endpoint that does not know it, and finds nothing",
    caught_by="TitlesAndReferences::test_a_reference_finds_its_stream_and_no_other",
    right=UNTITLED,
)
class FindsNoReference(UntitledAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        page = yield from super().list(query)
        return page if query.reference is None else attrs.evolve(page, items=(), total=0)


@wrong(
    "does not declare that a reference is unique",
    caught_by="TitlesAndReferences::test_two_streams_can_have_one_reference",
    right=UNIQUE,
)
class ConcealsUniqueReferences(UniqueAdapter):
    capabilities = attrs.evolve(UniqueAdapter.capabilities, reference_is_unique=False)


@wrong(
    "declares that a reference is unique, although two streams can have it",
    caught_by="TitlesAndReferences::test_a_unique_reference_belongs_to_one_stream",
    right=SPARSE,
)
class ClaimsUniqueReferences(SparseAdapter):
    capabilities = attrs.evolve(SparseAdapter.capabilities, reference_is_unique=True)


@wrong(
    "declares references as marks, although the vendor cuts them off after 20 characters",
    caught_by="TitlesAndReferences::test_a_reference_can_hold_the_mark_of_a_migration",
    right=SPARSE,
)
class CutsOffReferences(SparseEmulator):
    def create(self, request: Request) -> Response:
        known = set(self.streams)
        response = super().create(request)
        for id in self.streams.keys() - known:
            stream = self.streams[id]
            stream["reference"] = stream["reference"] and stream["reference"][:20]
            return json_response(stream, 201)
        return response


@wrong(
    "declares that a list lacks a field that it contains",
    caught_by="ListedFields::test_a_field_that_a_list_lacks_is_empty_there_and_known_by_id",
    right=UNTITLED,
)
class DeniesAListedField(UntitledAdapter):
    capabilities = attrs.evolve(UntitledAdapter.capabilities, list_lacks={"tags"})


@wrong(
    "declares that a list lacks a field that no stream has",
    caught_by="ListedFields::test_a_field_that_a_list_lacks_is_empty_there_and_known_by_id",
    right=SPARSE,
)
class PromisesAFieldById(SparseAdapter):
    capabilities = attrs.evolve(
        SparseAdapter.capabilities,
        list_lacks=SparseAdapter.capabilities.list_lacks | {"thumbnail_url"},
    )


@wrong(
    "does not declare that a list lacks a field",
    caught_by="ListedFields::test_a_list_lacks_no_other_field",
    right=SPARSE,
)
class ConcealsALackingField(SparseAdapter):
    capabilities = attrs.evolve(
        SparseAdapter.capabilities,
        list_lacks=SparseAdapter.capabilities.list_lacks - {"description"},
    )


@wrong(
    "reports a playback as less protected in a list than by ID",
    caught_by="ListedFields::test_a_playback_is_as_protected_in_a_list_as_by_id",
    right=UNTITLED,
)
class ForgetsTheProtection(UntitledAdapter):
    def get(self, stream_id: str) -> Stream:
        stream = yield from super().get(stream_id)
        playbacks = [attrs.evolve(each, protection="drm") for each in stream.playbacks]
        return attrs.evolve(stream, playbacks=playbacks)


@wrong(
    "shows another key in a list than by ID",
    caught_by="ListedFields::test_a_full_list_contains_what_get_returns",
    right=UNTITLED,
)
class ListsAnotherKey(UntitledAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        page = yield from super().list(query)
        ingests = [live.Ingest(self.options.ingest_url, "key-of-the-list")]
        return attrs.evolve(page, items=[attrs.evolve(each, ingests=ingests) for each in page])


# -- what a reviewer planted ------------------------------------------------------------------


@wrong(
    "sends only the first of several restreams",
    caught_by="Operations::test_a_declared_field_is_set_and_read_back",
)
class SendsOneRestream(RightAdapter):
    def body(self, spec: live.StreamSpec) -> dict[str, Any]:
        return super().body(attrs.evolve(spec, restreams=spec.restreams[:1]))


@wrong(
    "does not send an update to a flag that is off",
    caught_by="Operations::test_an_update_turns_a_flag_on_and_off",
)
class NeverTurnsAFlagOff(RightAdapter):
    capabilities = attrs.evolve(
        RightAdapter.capabilities,
        fields={**RightAdapter.capabilities.fields, live.Feature.RECORD: live.Support.NATIVE},
        updatable=RightAdapter.capabilities.updatable | {"record"},
    )

    def changed(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value for name, value in super().changed(changes).items() if value is not False
        }


@wrong(
    "names the account by the end of a secret",
    caught_by="Sessions::test_the_account_is_named_without_a_secret_and_stays_the_same",
)
class NamesTheAccountByItsSecret(RightAdapter):
    def account_id(self) -> str:
        return self.options.secrets()[0][-8:]


@wrong(
    "loses the streams of a page whose total is odd",
    caught_by="Envelopes::test_a_page_whose_envelope_is_odd_loses_no_stream_silently",
)
class LosesAPageForItsTotal(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        found = yield self.request("GET", "/streams", params={"size": 1})
        found.fields().integer("total")
        return (yield from super().list(query))


@wrong(
    "reads a list that is null as an empty one",
    caught_by="Envelopes::test_a_page_without_its_list_is_not_the_end_of_the_list",
    right=REUSABLE,
)
class ReadsNullAsAnEmptyList(RelayAdapter):
    def list(self, query: live.Query) -> Any:
        params = {"after": query.cursor, "size": query.size}
        fields = (yield self.request("GET", "/streams", params=params)).fields()
        is_null = "items" in fields.data and fields.data["items"] is None
        items = [] if is_null else fields.items("items")
        return self.page(items, next=lambda: fields.optional_text("next"))


@wrong(
    "fails on a cursor of digits that are not ASCII",
    caught_by="Envelopes::test_a_cursor_that_is_made_up_is_refused_or_names_a_page",
)
class FailsOnACursor(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        if query.cursor is not None and query.cursor.isdigit() and int(query.cursor) < 0:
            raise live.InvalidInput("cursor: is negative", field="cursor")
        return (yield from super().list(query))


@wrong(
    "searches only the first page for a stream",
    caught_by="Envelopes::test_a_get_that_searches_the_list_finds_a_stream_on_every_page",
)
class SearchesOnlyTheFirstPage(RightAdapter):
    def get(self, stream_id: str) -> Stream:
        try:
            return (yield from super().get(stream_id))
        except live.NotFound:
            page = yield from self.list(live.Query())
            for stream in page.items:
                if stream.id == stream_id:
                    return stream
            raise


@wrong(
    "requests pages of one size",
    caught_by="Envelopes::test_a_page_has_no_more_streams_than_were_asked_for_where_sizes_are_sent",
)
class RequestsPagesOfOneSize(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        return (yield from super().list(attrs.evolve(query, size=2)))


@wrong(
    "finds only the streams of the first page",
    caught_by="Envelopes::test_operations_reach_the_streams_of_every_page",
)
class FindsOnlyTheFirstPage(RightAdapter):
    def get(self, stream_id: str) -> Stream:
        page = yield from self.list(live.Query())
        for stream in page.items:
            if stream.id == stream_id:
                return stream
        raise live.NotFound("no such stream")


@wrong(
    "drops the description of a scheduled stream",
    caught_by="Exactness::test_all_fields_at_once_are_set_and_read_back",
)
class DropsAFieldBesideAnother(RightAdapter):
    def body(self, spec: live.StreamSpec) -> dict[str, Any]:
        body = super().body(spec)
        return body if body["start"] is None else {**body, "description": None}


@wrong(
    "updates only the first of several fields",
    caught_by="Exactness::test_an_update_of_all_fields_at_once_changes_all_of_them",
)
class UpdatesOneField(RightAdapter):
    def changed(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        name = next(iter(changes))
        return super().changed({name: changes[name]})


@wrong(
    "reads the hour after midnight as the one after noon",
    caught_by="Exactness::test_a_schedule_at_any_hour_and_at_the_end_of_any_month_is_read_back",
)
class ReadsMidnightAsNoon(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        found = super().fields(fields)
        at = found["scheduled_start"]
        is_night = at is not None and at.hour == 0
        return {**found, "scheduled_start": at + timedelta(hours=12) if is_night else at}


@wrong(
    "cuts off the seconds of a schedule",
    caught_by="Exactness::test_the_seconds_of_a_schedule_are_kept_where_the_vendor_has_them",
)
class CutsOffSeconds(RightAdapter):
    def body(self, spec: live.StreamSpec) -> dict[str, Any]:
        start = spec.scheduled_start
        return super().body(
            attrs.evolve(spec, scheduled_start=start and start.replace(second=0, microsecond=0))
        )


@wrong(
    "sorts tags",
    caught_by="Exactness::test_tags_keep_their_order_and_their_case",
)
class SortsTags(RightAdapter):
    def body(self, spec: live.StreamSpec) -> dict[str, Any]:
        return {**super().body(spec), "tags": sorted(spec.tags)}


@wrong(
    "sends False as if it were not set",
    caught_by="Exactness::test_a_flag_that_is_false_is_not_the_same_as_one_that_is_not_set",
)
class SendsNoFalse(RightAdapter):
    capabilities = attrs.evolve(
        RightAdapter.capabilities,
        fields={**RightAdapter.capabilities.fields, live.Feature.RECORD: live.Support.NATIVE},
    )

    def body(self, spec: live.StreamSpec) -> dict[str, Any]:
        return {**super().body(spec), "record": spec.record or None}


@wrong(
    "drops options that are null",
    caught_by="Exactness::test_options_are_sent_as_they_are",
)
class DropsNullOptions(RightAdapter):
    def create(self, spec: live.StreamSpec) -> Stream:
        options = {name: value for name, value in spec.options.items() if value is not None}
        return super().create(attrs.evolve(spec, options=options))


@wrong(
    "filters by a tag in lower case",
    caught_by="Exactness::test_a_filter_finds_a_tag_as_it_was_written",
)
class LowersATag(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        page = yield from super().list(query)
        if query.tag is None:
            return page
        tag = query.tag.lower()
        return attrs.evolve(page, items=tuple(each for each in page.items if tag in each.tags))


@wrong(
    "sends the vendor a status that the vendor does not know",
    caught_by="Exactness::test_a_filter_by_a_status_is_never_refused",
)
class SendsAnyStatus(RightAdapter):
    def list(self, query: live.Query) -> live.Operation[live.Page]:
        if query.status is live.Status.UNKNOWN:
            yield self.request("GET", "/streams", params={"cursor": "not-a-number"})
            raise live.Rejected("there is no such status", http_status=422)
        return (yield from super().list(query))


@attrs.frozen(kw_only=True)
class _ZonedOptions(AcmeOptions):
    timezone: str = live.option(default="Asia/Kolkata", help="The account's time zone.")


@wrong(
    "ignores its option for the time zone",
    caught_by="Exactness::test_an_option_for_a_time_zone_has_an_effect",
)
class IgnoresItsTimeZone(RightAdapter):
    Options = _ZonedOptions


@wrong(
    "reads a time by the clock of the machine",
    caught_by="Clocks::test_times_are_those_of_the_clock_that_was_passed",
)
class ReadsTheClockOfTheMachine(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        found = super().fields(fields)
        return {**found, "ended_at": found["ended_at"] and datetime.now(UTC)}


@wrong(
    "reads a stream that goes live at noon as one that went live at midnight",
    caught_by="Clocks::test_a_stream_that_goes_live_at_any_hour_started_then",
)
class ReadsNoonAsMidnight(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        found = super().fields(fields)
        at = found["started_at"]
        is_noon = at is not None and at.hour == 12
        return {**found, "started_at": at - timedelta(hours=12) if is_noon else at}


@wrong(
    "reads the time of an update as that of the creation",
    caught_by="Clocks::test_the_time_of_a_creation_is_kept_by_all_that_follows",
)
class RenewsTheTimeOfACreation(RightEmulator):
    def write(self, request: Request, id: str) -> Response:
        response = super().write(request, id)
        if response.status_code != 200:
            return response
        self.streams[id]["created"] = self._now()
        return json_response(self.streams[id])


@wrong(
    "moves the end of a stream with a second stop",
    caught_by="Clocks::test_an_operation_that_comes_again_an_hour_later_moves_no_time",
)
class MovesATime(RightEmulator):
    def stop(self, request: Request, id: str) -> Response:
        response = super().stop(request, id)
        if response.status_code == 409 and self.streams[id]["status"] == "post":
            self.streams[id]["over"] = self._now()
            return json_response(self.streams[id])
        return response


@wrong(
    "explains a time out by the status that its own call led to",
    caught_by=("Outcomes::test_an_error_after_a_change_was_applied_never_says_that_it_was_not"),
)
class ExplainsATimeOut(RightAdapter):
    def stop(self, stream_id: str, trim: live.Trim | None = None) -> Stream:
        try:
            return (yield from super().stop(stream_id, trim))
        except live.LiveStreamError as error:
            if error.http_status != 408:
                raise
        stream = yield from self.get(stream_id)
        raise live.Conflict(f"it is {stream.status}", status=stream.status)


class _EndsSessions(RightEmulator):
    """Sessions last ten minutes, and are renewed at a path of their own."""

    routes = (*RightEmulator.routes, Route("POST", "/renew", "renew"))

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.lasts = 600
        self.ends: dict[str, datetime] = {}

    def login(self, request: Request) -> Response:
        response = super().login(request)
        if response.status_code == 200:
            token = response.get_json()["token"]
            self.ends[token] = self.clock.now() + timedelta(seconds=600)
        return response

    def renew(self, request: Request) -> Response:
        token = f"renewed-{len(self.requests)}"
        self.tokens.add(token)
        self.ends[token] = self.clock.now() + timedelta(seconds=600)
        return json_response({"token": token, "lasts": self.lasts})

    def _refused(self, request: Request) -> Response | None:
        token = request.headers.get("Authorization", "").removeprefix("Acme ")
        if token in self.ends and self.clock.now() >= self.ends[token]:
            self.tokens.discard(token)
        return super()._refused(request)


@wrong(
    "does not read when a session ends",
    caught_by="Sessions::test_a_session_is_renewed_before_it_ends_where_the_vendor_says_when",
    right=(RightAdapter, _EndsSessions),
)
class DoesNotKnowWhenASessionEnds(RightAdapter):
    def _login(self, now: datetime) -> live.Operation[live.Session]:
        return attrs.evolve((yield from super()._login(now)), expires_at=None)


@wrong(
    "signs in only once",
    caught_by="Sessions::test_a_client_that_slept_for_years_signs_in_again",
    right=(RightAdapter, _EndsSessions),
)
class SignsInOnlyOnce(RightAdapter):
    def sign_in(self, previous: live.Session | None, now: datetime) -> Any:
        if previous is not None:
            raise live.AuthenticationFailed("the session has ended")
        return super().sign_in(previous, now)


@wrong(
    "does not sign in after a renewal was refused",
    caught_by="Sessions::test_a_renewal_that_is_refused_ends_in_a_new_sign_in",
    right=(RightAdapter, _EndsSessions),
)
class GivesUpAfterARefusedRenewal(RightAdapter):
    def _login(self, now: datetime) -> live.Operation[live.Session]:
        return super()._login(now)

    def sign_in(self, previous: live.Session | None, now: datetime) -> Any:
        if previous is None or self.options.token is not None:
            return super().sign_in(previous, now)
        return self.renewed(now)

    def renewed(self, now: datetime) -> live.Operation[live.Session]:
        fields = (yield self.post("/renew", changes=False)).fields()
        return live.Session(
            {"Authorization": f"Acme {fields.text('token')}"},
            expires_at=now + timedelta(seconds=fields.integer("lasts")),
            ours=True,
        )


class _RecordsInWords(RightEmulator):
    def add(self, **fields: Any) -> dict[str, Any]:
        return super().add(recorded="done", **fields)


@wrong(
    "reads an unknown word about a recording as ready",
    caught_by="OddValues::test_an_unknown_word_in_a_part_is_never_read_as_a_known_one",
    right=(RightAdapter, _RecordsInWords),
)
class ReadsAnUnknownRecordingAsReady(RightAdapter):
    def fields(self, fields: live.Fields) -> dict[str, Any]:
        words = {"done": live.RecordingStatus.READY}
        status = fields.optional_word("recorded", words, field="recording")
        is_given = fields.data.get("recorded") is not None
        recording = live.Recording(status or live.RecordingStatus.READY) if is_given else None
        return {**super().fields(fields), "recording": recording}


@wrong(
    "does not know an ID in the other case, which its vendor does",
    caught_by="Ids::test_an_id_in_the_other_case_is_the_same_one_where_the_vendor_says_so",
)
class TakesIdsInAnyCase(RightEmulator):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.ids = (f"stream-{number}" for number in range(1, 10_000))

    def write(self, request: Request, id: str) -> Response:
        return super().write(request, id.lower())


@wrong(
    "does not notice that the vendor no longer confirms a trim",
    caught_by="Operations::test_a_trim_that_the_vendor_no_longer_confirms_is_an_error",
)
class ConfirmsATrim(RightEmulator):
    def stop(self, request: Request, id: str) -> Response:
        response = super().stop(request, id)
        if response.status_code != 200:
            return response
        is_trimmed = (self._json(request) or {}).get("trim") is not None
        return json_response({**response.get_json(), "trim_scheduled": is_trimmed})
