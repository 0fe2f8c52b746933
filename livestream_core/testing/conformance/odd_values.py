"""An odd value affects only its own field, and hides no other stream."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import partial
from typing import Any, TypeVar

import attrs
import pytest

from ..._client import Client
from ..._contract.capabilities import Feature
from ..._contract.pagination import Completeness, Unreadable
from ..._contract.response import Response
from ..._model.errors import UnexpectedResponse, WebhookRejected
from ..._model.fields import facts_of
from ..._model.stream import LiveStream, field_of
from .answers import named, payload_of, rich_payloads
from .area import Area, each, needs
from .bodies import Path, find, holder, places, with_value
from .calls import has_crashed
from .harness import Harness
from .subject import Subject

F = TypeVar("F", bound=Callable[..., Any])

#: Values that vendors send instead of documented ones. JSON has infinity as 1e400.
ODD: tuple[Any, ...] = (None, {}, [], "", -1, float("inf"), "gone_fishing", "\ud800")

#: A stream needs only its ID, and the field that identifies it as a live stream.
_REQUIRED = 2

#: Values that are never the payload of a stream.
_NOT_STREAMS: tuple[Any, ...] = (None, 7, "text", [], {})

#: A word of a vendor's, and not a time, an address, or a key.
_WORD = re.compile(r"[A-Za-z]+([ _-][A-Za-z]+)*")

_FIELDS = frozenset(field.name for field in facts_of(LiveStream))


def _lenient(feature: Feature) -> Callable[[F], F]:
    """Mark a test that only applies to adapters that declare that they are lenient."""

    def features(subject: Subject) -> Iterable[Feature]:
        applies = subject.adapter.is_lenient and subject.capabilities.supports(feature)
        return [feature] if applies else []

    return each("feature", features)


def odd_payloads(payload: Any) -> Iterator[tuple[Path, Any, Any]]:
    """Yield a payload with an odd value in place of each leaf: path, value, payload."""
    for path in places(payload):
        if isinstance(holder(payload, path)[path[-1]], (dict, list)):
            continue
        for value in ODD:
            yield path, value, with_value(payload, path, value)


def as_body(data: Any) -> bytes:
    """Return JSON data as a vendor sends it."""
    return json.dumps(data).replace("Infinity", "1e400").encode()


def _words_of(value: Any) -> Iterator[Enum]:
    """Yield the words in a value of the model that say something."""
    if isinstance(value, Enum) and value.value != "unknown":
        yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _words_of(each)
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            yield from _words_of(getattr(value, field.name))


def _check_problems(stream: LiveStream) -> None:
    for problem in stream.problems:
        assert field_of(problem) in _FIELDS, (
            f"the problem does not name a field of a stream: {problem!r}"
        )
        assert "gone_fishing" not in problem, f"the problem shows the value: {problem!r}"


class OddValues(Area):
    """Parsing of payloads in which one value is not as documented."""

    title = "odd values"

    @_lenient(Feature.GET)
    def test_an_odd_value_costs_its_field_or_makes_it_no_stream(
        self, harness: Harness, feature: Feature
    ) -> None:
        client = harness.client
        for payload in self._payloads(harness):
            whole = client.parse_stream(payload)
            assert whole.problems == (), "what the vendor sends as documented cannot be read"
            lost: dict[Path, list[str]] = {}
            for path, value, changed in odd_payloads(payload):
                try:
                    stream = client.parse_stream(changed)
                except UnexpectedResponse as error:
                    assert not has_crashed(error), f"{value!r} in {named(path)}"
                    lost.setdefault(path, []).append(repr(value))
                    continue
                _check_problems(stream)
                without = attrs.evolve(stream, raw=whole.raw, problems=())
                if isinstance(value, dict) and without != whole:
                    assert stream.problems, f"{value!r} in {named(path)} is not reported"
            assert len(lost) <= _REQUIRED, (
                f"these make the whole stream unreadable: {[*map(named, lost)]}"
            )

    @_lenient(Feature.LIST)
    def test_an_entry_that_cannot_be_read_hides_no_other_stream_and_is_told(
        self, harness: Harness, feature: Feature
    ) -> None:
        for _ in range(2):
            harness.stream(title="One of a few")
        client = harness.signed_in(retries=0)
        (first, *rest) = client.list()
        assert first.raw is not None
        entry = first.raw.reveal()
        others = {harness.key(stream.id) for stream in rest}
        odd: Any = None
        found: list[bool] = []

        def respond(method: str, target: str, response: Response) -> Response:
            if not response.is_json:
                return response
            data = json.loads(response.body)
            place = find(data, partial(harness.is_payload, first))
            if place is None:
                return response
            found.append(True)
            return attrs.evolve(response, body=as_body(with_value(data, place, odd)))

        harness.tap.answer = respond
        silent: set[Path] = set()
        is_raised = False
        cases: list[tuple[Path, Any]] = [((), each) for each in _NOT_STREAMS]
        cases += [(path, changed) for path, _, changed in odd_payloads(entry)]
        for path, odd in cases:
            streams = client.list(on_unreadable="collect")
            shown = {harness.key(stream.id) for stream in streams}
            assert others <= shown, f"a stream is hidden by {odd!r}"
            if streams.unreadable:
                assert streams.complete is not Completeness.PROVEN
                assert not any(map(_has_crashed, streams.unreadable)), f"{odd!r}"
                if not is_raised:
                    _check_raised(harness, client, others)
                    is_raised = True
            elif shown == others:
                silent.add(path)
        if not found:
            pytest.skip("entries of the list are not the payloads of streams")
        assert is_raised, "no odd value makes an entry unreadable"
        # A word may mean that the entry is not a live stream.
        assert () not in silent, "an entry that is not an object is omitted silently"
        assert len(silent) < _REQUIRED, f"these are omitted silently: {[*map(named, silent)]}"

    @_lenient(Feature.WEBHOOK)
    def test_a_delivery_about_a_stream_that_cannot_be_read_still_names_it(
        self, harness: Harness, feature: Feature
    ) -> None:
        stream = harness.stream(title="A stream with a webhook")
        key = harness.key(stream.id)
        found = self.subject.delivery(harness.emulator, stream.id, harness.secret)
        if found is None:
            pytest.skip("the emulator sends no deliveries (no webhook())")
        headers, body = found
        nameless: set[Path] = set()
        signs = self.subject.signs_given_bodies
        if not Response(200, body=body).is_json:
            pytest.skip("the deliveries of this vendor are not JSON")
        data = json.loads(body)
        # An object without which there is no ID.
        around = [
            path[:end]
            for path in places(data)
            for end in range(len(path))
            if holder(data, path)[path[-1]] == stream.id
        ]
        objects = [
            (path, None, with_value(data, path, None))
            for path in places(data)
            if isinstance(holder(data, path)[path[-1]], dict) and path not in around
        ]
        for path, value, changed in (*odd_payloads(data), *objects):
            stream_id = None
            if signs:
                headers = self.subject.headers_for(
                    harness.emulator, stream.id, harness.secret, as_body(changed)
                )
            try:
                event = harness.receive(headers, as_body(changed))
            except WebhookRejected:
                if signs:
                    raise
                pytest.skip("the vendor signs the body, and webhook() takes none to sign")
            except UnexpectedResponse as error:
                assert not has_crashed(error), f"{value!r} in {named(path)}"
                stream_id = error.stream_id
            else:
                stream_id = event.stream_id
            if stream_id is None or harness.key(stream_id) != key:
                nameless.add(path)
        assert len(nameless) <= _REQUIRED, f"these lose the stream's ID: {[*map(named, nameless)]}"

    @needs(Feature.GET)
    def test_an_unknown_word_in_a_part_is_never_read_as_a_known_one(self, harness: Harness) -> None:
        wrong = set()
        for payload in rich_payloads(harness):
            before = harness.client.parse_stream(payload)
            for path in places(payload):
                text = holder(payload, path)[path[-1]]
                if not isinstance(text, str) or not _WORD.fullmatch(text):
                    continue
                changed = with_value(payload, path, "gone_fishing")
                try:
                    after = harness.client.parse_stream(changed)
                except UnexpectedResponse:
                    continue
                for name in {field_of(one) for one in {*after.problems} - {*before.problems}}:
                    words = [*_words_of(getattr(before, name))]
                    if name != "status" and words and words == [*_words_of(getattr(after, name))]:
                        wrong.add(f"{name} is {words} with an unknown word in {named(path)}")
        assert sorted(wrong) == []

    def _payloads(self, harness: Harness) -> Iterator[Any]:
        yield from (sample.payload for sample in self.subject.samples())
        yield payload_of(harness)


def _check_raised(harness: Harness, client: Client, others: set[str]) -> None:
    """Check that by default, an error is raised that has all other streams."""
    with pytest.raises(UnexpectedResponse) as caught:
        list(client.list())
    assert {harness.key(stream.id) for stream in caught.value.streams} == others


def _has_crashed(entry: Unreadable) -> bool:
    return has_crashed(UnexpectedResponse(entry.reason))
