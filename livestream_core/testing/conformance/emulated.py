"""The emulator is as strict as a vendor, so that what is proven on it means something."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from werkzeug.exceptions import HTTPException

from ..._contract.capabilities import OPERATION_OF, Feature
from ..._contract.response import Response
from ..._contract.transport import Timeout
from ..._model.errors import LiveStreamError
from ..._model.status import Status
from ...emulator import Emulator, LoggedRequest
from ...emulator.requests import compiled
from ..shapes import Shape, differences, shape_of
from .area import Area, each, needs
from .bodies import content_of, holder, places
from .calls import call
from .failures import sending
from .harness import Harness
from .operations import ON_ONE, filled
from .subject import Sample, Subject

_TIMEOUT = Timeout(5, 5, 5)
#: Headers that describe a request and not its sender.
_DESCRIPTIVE = {"content-type", "content-length", "accept", "accept-encoding", "user-agent", "host"}


def sent_by(harness: Harness, feature: Feature) -> LoggedRequest:
    """Return the first request that an operation sends on its own behalf when it succeeds.

    Of a create with several requests, return the first one that changes something.
    """
    client = harness.signed_in()
    harness.client = client
    stream_id = harness.stream().id if feature in ON_ONE else ""
    with harness.sent() as sent:
        if feature in ON_ONE:
            harness.attempt(lambda id: ON_ONE[feature](harness, id), stream_id)
        else:
            call(client, OPERATION_OF[feature])
    changing = harness.changes_in(sent) if OPERATION_OF[feature].changes else []
    return [*changing, sent[0]][0]


def resend(harness: Harness, request: LoggedRequest, **changes: Any) -> Response:
    """Send a request again, with changes."""
    target = request.path + (f"?{request.query}" if request.query else "")
    headers: Mapping[str, str] = changes.get("headers", request.headers)
    sent_headers = {
        name: value for name, value in headers.items() if name.lower() != "content-length"
    }
    return harness.emulator.transport().send(
        changes.get("method", request.method),
        harness.tap.origins[-1],
        changes.get("target", target),
        sent_headers,
        changes.get("body", request.body),
        _TIMEOUT,
    )


def objects_in(responses: Iterable[Response]) -> Iterator[Any]:
    """Yield the JSON objects in responses, with those in an envelope."""
    for response in responses:
        if response.is_json:
            whole = {"": response.json()}
            values = (holder(whole, path)[path[-1]] for path in places(whole))
            yield from (value for value in values if isinstance(value, dict))


def documented_responses(subject: Subject) -> list[tuple[Feature, Sample]]:
    """Return the samples that are responses, with their operations."""
    return [
        (Feature(sample.answer_to), sample)
        for sample in subject.samples()
        if sample.answer_to is not None
    ]


def endpoint(emulator: Emulator, method: str, target: str, status: int) -> tuple[str, int]:
    """Return what a response can be compared with: its endpoint, and the class of its status.

    Returns:
        An empty name for a path that the emulator does not have.
    """
    paths = compiled(tuple(emulator.routes)).bind("vendor.example")
    try:
        name, _ = paths.match(target.partition("?")[0], method=method)
    except HTTPException:
        name = ""
    return name, status // 100


def emulated_answers(harness: Harness) -> Mapping[tuple[str, int], Shape]:
    """Return the shape of the emulator's JSON responses by endpoint, over a stream's whole life."""
    bodies: dict[tuple[str, int], list[Any]] = {}

    def note(method: str, target: str, response: Response) -> Response:
        if response.is_json:
            at = endpoint(harness.emulator, method, target, response.status)
            bodies.setdefault(at, []).append(response.json())
        return response

    harness.tap.answer = note
    ids = {stream.id for stream in (filled(harness), *harness.life())}
    for name in ("get", "recordings", "delete"):
        for id in (*ids, "a-stream-of-the-kit") if harness.can.supports(name) else ():
            with suppress(LiveStreamError):
                getattr(harness.client, name)(id)
        if harness.can.supports(Feature.LIST):
            harness.client.pages()
    if harness.can.supports(Feature.MANAGE_WEBHOOKS):
        harness.client.register_webhook("https://receiver.example/kit")
        harness.client.webhooks()
    return {at: shape_of(*found) for at, found in bodies.items()}


class Emulated(Area):
    """The emulator itself: credentials, paths, events, and documented samples."""

    title = "emulator"

    @needs(Feature.CREATE)
    def test_it_changes_nothing_for_somebody_without_credentials(self, harness: Harness) -> None:
        request = sent_by(harness, Feature.CREATE)
        before = len(harness.look()) if harness.can.supports(Feature.LIST) else 0
        anonymous = {
            name: value for name, value in request.headers.items() if name.lower() in _DESCRIPTIVE
        }
        assert resend(harness, request, headers=anonymous).status in (400, 401, 403)
        if harness.can.supports(Feature.LIST):
            assert len(harness.look()) == before

    @needs(Feature.CREATE, Feature.TITLE)
    def test_it_refuses_a_create_without_a_title(self, harness: Harness) -> None:
        request = sent_by(harness, Feature.CREATE)
        if "Lesson" not in json.dumps(content_of(request)):
            pytest.skip("the first request of a create has no title")
        for body in (b"{}", b"[]", b"no JSON", b""):
            assert 400 <= resend(harness, request, body=body).status < 500, f"with {body!r}"

    @each("feature", sending)
    def test_it_has_no_paths_but_the_vendors(self, harness: Harness, feature: Feature) -> None:
        request = sent_by(harness, feature)
        end = "/" if request.path.endswith("/") else ""
        for target in (f"{request.path.rstrip('/')}-kit{end}", f"/kit{request.path}"):
            assert resend(harness, request, target=target).status in (400, 404, 405)

    def test_two_of_them_have_nothing_in_common(self, harness: Harness) -> None:
        harness.stream()
        with Harness.open(self.subject, over_http=False) as another:
            if not harness.can.supports(Feature.LIST):
                pytest.skip("list is not supported")
            assert list(another.client.list()) == []

    def test_what_cannot_happen_to_a_stream_is_a_value_error(self, harness: Harness) -> None:
        stream = harness.stream()
        if stream.status is Status.LIVE:
            harness.emulator.drop_encoder(stream.id)  # it was published, and not created
        for event in (harness.emulator.drop_encoder, harness.emulator.finish_recording):
            with pytest.raises((ValueError, NotImplementedError)):
                event(stream.id)

    @each("sample", documented_responses)
    def test_its_answers_have_what_a_documented_sample_has(
        self, harness: Harness, sample: tuple[Feature, Sample]
    ) -> None:
        responses: list[Response] = []

        def note(method: str, target: str, response: Response) -> Response:
            responses.append(response)
            return response

        harness.client = harness.signed_in()
        feature, documented = sample
        stream = harness.stream() if feature is not Feature.CREATE else None
        harness.tap.answer = note
        if stream is None:
            harness.client.create(title="Lesson")
        else:
            ON_ONE[feature](harness, stream.id)
        expected = shape_of(dict(documented.payload))
        lacks = [differences(expected, shape_of(found)) for found in objects_in(responses)]
        assert lacks, "no response is a JSON object"
        assert min(lacks, key=len) == []

    @each("number", lambda subject: range(len(subject.captured())))
    def test_its_answers_have_what_a_real_vendor_sent(self, harness: Harness, number: int) -> None:
        capture = self.subject.captured()[number]
        real: dict[tuple[str, int], list[Any]] = {}
        problems = []
        for sent in (exchange for made in capture.calls for exchange in made.exchanges):
            at = endpoint(harness.emulator, sent.method, sent.target, sent.status)
            if not at[0]:
                problems.append(f"{sent.method} {sent.target} does not exist")
            elif isinstance(sent.answer, (dict, list)):
                real.setdefault(at, []).append(sent.answer)
        emulated = emulated_answers(harness)
        for at, answers in real.items():
            name = f"{at[0]} ({at[1]}xx)"
            if at not in emulated:
                problems.append(f"{name}: no such answer was seen")
                continue
            found = differences(shape_of(*answers), emulated[at])
            problems += [f"{name}: {problem}" for problem in found]
        assert problems == [], "the vendor's answers differ from the emulator's"
