"""One odd value costs its own field, and hides no other stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import attrs
import pytest

from ..._capabilities import Feature
from ..._errors import UnexpectedResponse, WebhookRejected
from ..._fields import facts_of
from ..._model import LiveStream
from ..._request import Response
from ..._walk import Completeness
from ._answers import Path, has_crashed, holder, named, payload_of, places, with_value
from ._area import Area, each
from ._harness import Harness
from ._subject import Subject

F = TypeVar("F", bound=Callable[..., Any])

#: What vendors send where something else is documented. JSON has infinity as 1e400.
ODD: tuple[Any, ...] = (None, {}, [], "", -1, float("inf"), "gone_fishing", "\ud800")

_SECRET = "the secret of the kit's webhook"
_FIELDS = frozenset(field.name for field in facts_of(LiveStream))


def _lenient(feature: Feature) -> Callable[[F], F]:
    """Only adapters that say that they are lenient are held to it."""

    def features(subject: Subject) -> Iterable[Feature]:
        is_held = subject.adapter.is_lenient and subject.capabilities.supports(feature)
        return [feature] if is_held else []

    return each("feature", features)


def odd_payloads(payload: Any) -> Iterator[tuple[Path, Any, Any]]:
    """A payload with an odd value in place of each of its leaves: where, what, the payload."""
    for path in places(payload):
        if isinstance(holder(payload, path)[path[-1]], (dict, list)):
            continue
        for value in ODD:
            yield path, value, with_value(payload, path, value)


def as_body(data: Any) -> bytes:
    """JSON as a vendor sends it."""
    return json.dumps(data).replace("Infinity", "1e400").encode()


def _entry(data: Any, entry: Mapping[str, Any], path: Path = ()) -> Path | None:
    """Where in an answer the payload of a stream stands."""
    if data == entry:
        return path
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(data, dict):
        items = data.items()
    elif isinstance(data, list):
        items = enumerate(data)
    for name, value in items:
        if (found := _entry(value, entry, (*path, name))) is not None:
            return found
    return None


def _check_problems(stream: LiveStream) -> None:
    for problem in stream.problems:
        field = problem.partition(":")[0].partition(".")[0].partition("[")[0]
        assert field in _FIELDS, f"the problem names no field of a stream: {problem!r}"


class OddValues(Area):
    """What is read where a single value is not what is documented."""

    title = "odd values"

    @_lenient(Feature.GET)
    def test_an_odd_value_costs_its_field_or_makes_it_no_stream(
        self, harness: Harness, feature: Feature
    ) -> None:
        client = harness.client
        for payload in self._payloads(harness):
            whole = client.parse_stream(payload)
            assert not whole.problems, "a payload that the vendor documents has problems"
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
                    assert stream.problems, f"{value!r} in {named(path)} is not told"
            # A stream is nothing without its id, and what tells it from other things.
            assert len(lost) <= 2, f"these cost the whole stream: {[*map(named, lost)]}"

    @_lenient(Feature.LIST)
    def test_an_entry_that_cannot_be_read_hides_no_other_stream(
        self, harness: Harness, feature: Feature
    ) -> None:
        made = [harness.key(harness.stream(title="One of a few").id) for _ in range(2)]
        client = harness.signed_in(retries=0)
        (first, *_) = client.list()
        assert first.raw is not None
        entry = first.raw.reveal()
        odd: Any = None
        found: list[bool] = []

        def answer(method: str, target: str, response: Response) -> Response:
            if not response.is_json:
                return response
            data = json.loads(response.body)
            place = _entry(data, entry)
            if place is None:
                return response
            found.append(True)
            body = as_body(with_value(data, place, odd))
            return attrs.evolve(response, body=body)

        others = {harness.key(stream.id) for stream in client.list()} - {harness.key(first.id)}
        assert len(made) <= len(others) + 1
        harness.tap.answer = answer
        for odd in [None, 7, "text", [], {}, *(changed for _, _, changed in odd_payloads(entry))]:
            streams = client.list(on_unreadable="collect")
            shown = {harness.key(stream.id) for stream in streams}
            assert others <= shown, f"a stream is hidden by {odd!r}"
            assert not streams.unreadable or streams.complete is not Completeness.PROVEN
            self._check_raised(harness, others, bool(streams.unreadable))
        if not found:
            pytest.skip("entries of the list are not the payloads of streams")

    @_lenient(Feature.WEBHOOK)
    def test_a_delivery_about_a_stream_that_cannot_be_read_still_names_it(
        self, harness: Harness, feature: Feature
    ) -> None:
        stream = harness.stream(title="A stream with a webhook")
        found = self.subject.delivery(harness.emulator, stream.id, _SECRET)
        if found is None:
            pytest.skip("the emulator sends no deliveries (no webhook())")
        headers, body = found
        named_ids = 0
        for path, value, changed in odd_payloads(json.loads(body)):
            try:
                event = harness.client.parse_webhook(headers, as_body(changed), secret=_SECRET)
            except WebhookRejected:
                pytest.skip("the vendor signs the body")
            except UnexpectedResponse as error:
                assert not has_crashed(error), f"{value!r} in {named(path)}"
            else:
                named_ids += event.stream_id is not None and (
                    harness.key(event.stream_id) == harness.key(stream.id)
                )
        assert named_ids > len(ODD)

    def _check_raised(self, harness: Harness, others: set[str], is_raised: bool) -> None:
        """By default the same is said by an error, which has all other streams."""
        try:
            streams: Iterable[LiveStream] = list(harness.connect(retries=0).list())
        except UnexpectedResponse as error:
            assert is_raised
            streams = error.streams
        else:
            assert not is_raised
        assert others <= {harness.key(stream.id) for stream in streams}

    def _payloads(self, harness: Harness) -> Iterator[Any]:
        yield from (sample.payload for sample in self.subject.samples())
        yield payload_of(harness)
