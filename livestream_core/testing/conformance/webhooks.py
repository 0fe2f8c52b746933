"""A webhook delivery is accepted only if it can be verified."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import pytest

from ..._contract.capabilities import Feature
from ..._model.errors import (
    ConfigurationError,
    LiveStreamError,
    UnexpectedResponse,
    WebhookRejected,
)
from ..._model.stream import EventKind, LiveStream
from .area import Area, proves
from .calls import has_crashed
from .harness import Harness

_ANOTHER_SECRET = "another secret of the kit's webhook"
#: After this time, no vendor's delivery is fresh; and after that, every one is.
_OLD, _FRESH = 86_400, 20
#: A part of a header, such as the parts of ``t=1,v1=ab`` and ``sha256=ab``: its name and its value.
#: An equals sign at the end does not follow a name: it fills up base64.
_PART = re.compile(r"([^\s,;=]+=(?=[^\s,;=]))?([^\s,;]+)")

#: What an attacker, or a proxy in between, makes of a part of a header.
_DAMAGE: Mapping[str, Callable[[str], str]] = {
    "empty": lambda text: "",
    "cut in half": lambda text: text[: len(text) // 2],
    "one character shorter": lambda text: text.rstrip("=")[:-1],
    "one character longer": lambda text: f"{text}0",
    "reversed": lambda text: text[::-1],
    "changed in one character": lambda text: ("1" if text[:1] != "1" else "2") + text[1:],
    "not ASCII": lambda text: f"é{text[1:]}",
    "not ASCII digits": lambda text: "\u0661" * len(text),
    "half a surrogate pair": lambda text: f"{text[:-1]}\udc80",
}


class Place(NamedTuple):
    """A part of a header, by its number. A number of -1 is the whole header."""

    header: str
    number: int


Headers = Mapping[str, str]


def spans(headers: Headers) -> dict[Place, tuple[int, int]]:
    """Return where the parts of headers are: all that a vendor may sign, or sign with."""
    return {
        Place(name, number): found.span(2)
        for name, value in headers.items()
        for number, found in enumerate(_PART.finditer(value))
    }


def differing(headers: Headers, others: Headers) -> set[Place]:
    """Return the parts that differ between the headers of two deliveries."""
    found: set[Place] = set()
    ours, theirs = spans(headers), spans(others)
    for name in headers:
        if len(_of(ours, name)) != len(_of(theirs, name)):
            found.add(Place(name, -1))  # a secret in plain text may contain any character
            continue
        for place in _of(ours, name):
            if _text(headers, ours[place], name) != _text(others, theirs[place], name):
                found.add(place)
    return found


def damaged(headers: Headers, places: Collection[Place]) -> dict[str, Headers]:
    """Return the headers with each kind of damage to some of their parts.

    Some damage changes nothing: a Unix time may be a palindrome.
    """
    found = {how: _damaged(headers, places, how) for how in _DAMAGE}
    return {how: each for how, each in found.items() if each != dict(headers)}


def _damaged(headers: Headers, places: Collection[Place], how: str) -> Headers:
    found, known = dict(headers), spans(headers)
    # From the end, so that the positions of the other parts stay right.
    for place in sorted(places, reverse=True):
        value = headers[place.header]
        start, end = known.get(place, (0, len(value)))
        text = found[place.header]
        found[place.header] = text[:start] + _DAMAGE[how](value[start:end]) + text[end:]
    return found


def is_time(text: str, now: datetime) -> bool:
    """Return whether a text is an instant of the last minutes: a number, or ISO 8601."""
    try:
        if re.fullmatch(r"[0-9]{10,19}", text, re.ASCII):
            at = datetime.fromtimestamp(int(text) / 10 ** (len(text) - 10), UTC)
        else:
            at = datetime.fromisoformat(text)
        return abs((at - now).total_seconds()) < 600
    except (ValueError, OverflowError, TypeError, OSError):
        return False


def _of(places: Mapping[Place, tuple[int, int]], header: str) -> Sequence[Place]:
    return [place for place in places if place.header == header]


def _text(headers: Headers, span: tuple[int, int], name: str) -> str:
    return headers[name][span[0] : span[1]]


class Webhooks(Area):
    """Genuine, forged, and malformed deliveries."""

    title = "webhooks"

    @proves(Feature.WEBHOOK)
    def test_a_genuine_delivery_is_read(self, harness: Harness) -> None:
        stream, headers, body = self._delivery(harness)
        event = harness.receive(headers, body)
        assert (event.provider, event.kind) == (self.subject.name, EventKind.STREAM_CHANGED)
        assert event.stream_id is not None
        assert harness.key(event.stream_id) == harness.key(stream.id)

    @proves(Feature.WEBHOOK)
    def test_the_stream_of_a_delivery_is_that_which_a_read_gives(self, harness: Harness) -> None:
        stream, headers, body = self._delivery(harness)
        shown = harness.receive(headers, body).stream
        if shown is None:
            pytest.skip("deliveries of this vendor do not show the stream")
        assert (shown.title, shown.status) == (stream.title, stream.status)

    @proves(Feature.WEBHOOK)
    def test_names_of_headers_are_read_in_any_case(self, harness: Harness) -> None:
        _, headers, body = self._delivery(harness)
        for each in ({k.upper(): v for k, v in headers}, {k.lower(): v for k, v in headers}):
            harness.receive(each, body)

    @proves(Feature.WEBHOOK)
    def test_a_delivery_with_another_secret_is_rejected(self, harness: Harness) -> None:
        stream, headers, body = self._delivery(harness)
        own = harness.secret
        for secret in (own + "x", own[:-1], own.upper(), "x", "ü", "\u0661"):
            receive = partial(harness.client.parse_webhook, headers, body, secret=secret)
            if self.subject.publishes_key:
                # Nobody chooses the key to verify with, but a forger has one to sign with.
                forged = self.subject.delivery(harness.emulator, stream.id, secret)
                assert forged is not None
                receive = partial(harness.receive, *forged)
            with pytest.raises(WebhookRejected) as caught:
                receive()
            assert own not in str(caught.value)

    @proves(Feature.WEBHOOK)
    def test_a_delivery_with_damage_to_its_signature_is_rejected(self, harness: Harness) -> None:
        headers, body, signed = self._signed(harness)
        assert self._accepted(harness, body, damaged(headers, signed)) == []

    @proves(Feature.WEBHOOK)
    def test_a_delivery_without_its_headers_is_rejected(self, harness: Harness) -> None:
        headers, body, signed = self._signed(harness)
        without: dict[str, Headers] = {
            "no headers": {},
            "no signature": _without(headers, {place.header for place in signed}),
        }
        for place in self._times(harness):
            without[f"no {place.header}"] = _without(headers, {place.header})
        assert self._accepted(harness, body, without) == []

    @proves(Feature.WEBHOOK)
    def test_parts_of_headers_that_are_exchanged_are_rejected(self, harness: Harness) -> None:
        headers, body, signed = self._signed(harness)
        places = sorted(signed | self._times(harness))
        if len(places) < 2:
            pytest.skip("the vendor signs with one value, and signs no time")
        exchanged = {
            f"{one.header} and {other.header}": _exchanged(headers, one, other)
            for one, other in pairwise(places)
        }
        assert self._accepted(harness, body, exchanged) == []

    @proves(Feature.WEBHOOK)
    def test_a_delivery_with_damage_to_its_time_is_rejected(self, harness: Harness) -> None:
        headers, body, _ = self._signed(harness)
        times = self._times(harness)
        if not times:
            pytest.skip("the vendor signs no time of a delivery")
        for place in times:
            assert self._accepted(harness, body, damaged(headers, {place})) == []

    @proves(Feature.WEBHOOK)
    def test_a_delivery_is_rejected_if_it_is_old_where_the_vendor_signs_its_time(
        self, harness: Harness
    ) -> None:
        if not self._times(harness):
            pytest.skip("the vendor signs no time of a delivery")
        _, headers, body = self._delivery(harness)
        harness.clock.sleep(_FRESH)
        harness.receive(headers, body)
        harness.clock.sleep(_OLD)
        assert self._accepted(harness, body, {"a day old": dict(headers)}) == []

    @proves(Feature.WEBHOOK)
    def test_a_secret_that_is_empty_verifies_nothing(self, harness: Harness) -> None:
        _, headers, body = self._delivery(harness, "")
        for secret in ("", "  "):
            with pytest.raises(ConfigurationError):
                harness.client.parse_webhook(headers, body, secret=secret)

    @proves(Feature.WEBHOOK)
    def test_an_altered_body_is_rejected_where_the_vendor_signs_it(self, harness: Harness) -> None:
        stream, headers, body = self._delivery(harness)
        _, others, _ = self._delivery(harness)
        if headers == others:
            pytest.skip("the vendor does not sign the body: it sends the secret itself")
        altered = body.replace(stream.title.encode(), b"Another title, by an attacker")
        for changed in {altered, body + b" ", b"{}", b""} - {body}:
            with pytest.raises(WebhookRejected):
                harness.receive(headers, changed)

    @proves(Feature.WEBHOOK)
    def test_a_genuine_delivery_of_something_else_is_an_error_or_an_event_of_no_stream(
        self, harness: Harness
    ) -> None:
        _, headers, _ = self._delivery(harness)
        for body in (b"", b"not json", b"[]", b"null", b'{"type": "kit"}', b"\xff"):
            try:
                event = harness.receive(headers, body)
            except (UnexpectedResponse, WebhookRejected) as error:
                assert not has_crashed(error)
            else:
                assert (event.kind, event.stream_id) == (EventKind.OTHER, None)

    @proves(Feature.WEBHOOK)
    def test_a_delivery_about_something_that_is_no_stream_is_not_taken_for_one(
        self, harness: Harness
    ) -> None:
        for other in harness.others():
            found = self.subject.delivery(harness.emulator, other, harness.secret)
            assert found is not None
            try:
                event = harness.receive(*found)
            except LiveStreamError as error:
                assert isinstance(error, UnexpectedResponse)
            else:
                assert (event.kind, event.stream) == (EventKind.OTHER, None)

    def _signed(self, harness: Harness) -> tuple[dict[str, str], bytes, set[Place]]:
        """Return a delivery, and the parts of its headers that depend on the secret."""
        stream, headers, body = self._delivery(harness)
        ours = dict(headers)
        others = [
            self.subject.delivery(harness.emulator, stream.id, secret)
            for secret in (_ANOTHER_SECRET, harness.secret)
        ]
        assert all(found is not None and found[1] == body for found in others), (
            "webhook() returns another body for the same stream, which hides what depends on the "
            "secret: a repeated delivery must be the same"
        )
        different, same = (dict(found[0]) for found in others if found is not None)
        # Whatever differs without another secret, such as the ID of a delivery, is not signed.
        signed = differing(ours, different) - differing(ours, same)
        assert signed, "webhook() returns the same headers for another secret"
        return ours, body, signed

    def _times(self, harness: Harness) -> set[Place]:
        """Return the parts of a delivery's headers that are its time, if that is signed."""
        stream, listed, body = self._delivery(harness)
        headers, now = dict(listed), harness.clock.now()
        harness.clock.sleep(_FRESH)
        found = self.subject.delivery(harness.emulator, stream.id, harness.secret)
        assert found is not None
        later, later_body = dict(found[0]), found[1]
        moved = differing(headers, later)
        known = spans(headers)
        times = {
            place
            for place in moved & known.keys()
            if is_time(_text(headers, known[place], place.header), now)
        }
        is_signed = moved - times or later_body != body
        return times if is_signed else set()

    @staticmethod
    def _accepted(harness: Harness, body: bytes, forged: Mapping[str, Headers]) -> list[str]:
        """Return which deliveries are not rejected, and what becomes of them."""
        found = []
        for what, headers in forged.items():
            try:
                harness.receive(headers, body)
            except WebhookRejected:
                continue
            except LiveStreamError as error:
                found.append(f"{what}: {type(error).__name__}, not WebhookRejected: {error}")
            else:
                found.append(f"{what}: it was accepted")
        return found

    def _delivery(
        self, harness: Harness, secret: str | None = None
    ) -> tuple[LiveStream, list[tuple[str, str]], bytes]:
        stream = harness.stream(title="A stream with a webhook")
        if harness.can.supports(Feature.GET):
            stream = harness.client.get(stream.id)
        secret = harness.secret if secret is None else secret
        found = self.subject.delivery(harness.emulator, stream.id, secret)
        if found is None:
            pytest.skip("the emulator sends no deliveries (no webhook())")
        headers, body = found
        return stream, list(headers.items()), body


def _without(headers: Headers, names: set[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}


def _exchanged(headers: Headers, one: Place, other: Place) -> dict[str, str]:
    """Return headers in which two parts have each other's values."""
    found, known = dict(headers), spans(headers)
    values = {}
    for place in (one, other):
        start, end = known.get(place, (0, len(headers[place.header])))
        values[place] = start, end, headers[place.header][start:end]
    for place, source in sorted([(one, other), (other, one)], reverse=True):
        start, end, _ = values[place]
        text = found[place.header]
        found[place.header] = text[:start] + values[source][2] + text[end:]
    return found
