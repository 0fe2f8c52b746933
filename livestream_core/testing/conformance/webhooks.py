"""A webhook delivery is accepted only if it can be verified."""

from __future__ import annotations

import pytest

from ..._contract.capabilities import Feature
from ..._model.errors import (
    ConfigurationError,
    LiveStreamError,
    UnexpectedResponse,
    WebhookRejected,
)
from ..._model.stream import EventKind, LiveStream
from .answers import has_crashed
from .area import Area, proves
from .harness import Harness

_SECRET = "the secret of the kit's webhook"


class Webhooks(Area):
    """Genuine, forged, and malformed deliveries."""

    title = "webhooks"

    @proves(Feature.WEBHOOK)
    def test_a_genuine_delivery_is_read(self, harness: Harness) -> None:
        stream, headers, body = self._delivery(harness)
        event = harness.client.parse_webhook(headers, body, secret=_SECRET)
        assert (event.provider, event.kind) == (self.subject.name, EventKind.STREAM_CHANGED)
        assert event.stream_id is not None
        assert harness.key(event.stream_id) == harness.key(stream.id)

    @proves(Feature.WEBHOOK)
    def test_the_stream_of_a_delivery_is_that_which_a_read_gives(self, harness: Harness) -> None:
        stream, headers, body = self._delivery(harness)
        shown = harness.client.parse_webhook(headers, body, secret=_SECRET).stream
        if shown is None:
            pytest.skip("deliveries of this vendor do not show the stream")
        assert (shown.title, shown.status) == (stream.title, stream.status)

    @proves(Feature.WEBHOOK)
    def test_names_of_headers_are_read_in_any_case(self, harness: Harness) -> None:
        _, headers, body = self._delivery(harness)
        for each in ({k.upper(): v for k, v in headers}, {k.lower(): v for k, v in headers}):
            harness.client.parse_webhook(each, body, secret=_SECRET)

    @proves(Feature.WEBHOOK)
    def test_a_delivery_with_another_secret_is_rejected(self, harness: Harness) -> None:
        _, headers, body = self._delivery(harness)
        for secret in (_SECRET + "x", _SECRET[:-1], _SECRET.upper(), "x"):
            with pytest.raises(WebhookRejected) as caught:
                harness.client.parse_webhook(headers, body, secret=secret)
            assert _SECRET not in str(caught.value)

    @proves(Feature.WEBHOOK)
    def test_a_delivery_without_its_headers_is_rejected(self, harness: Harness) -> None:
        _, _, body = self._delivery(harness)
        for headers in ({}, {"Content-Type": "application/json"}):
            with pytest.raises(WebhookRejected):
                harness.client.parse_webhook(headers, body, secret=_SECRET)

    @proves(Feature.WEBHOOK)
    def test_a_delivery_with_empty_headers_is_rejected(self, harness: Harness) -> None:
        _, headers, body = self._delivery(harness)
        with pytest.raises(WebhookRejected):
            harness.client.parse_webhook(dict.fromkeys(dict(headers), ""), body, secret=_SECRET)

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
        for changed in (altered, body + b" ", b"{}", b""):
            with pytest.raises(WebhookRejected):
                harness.client.parse_webhook(headers, changed, secret=_SECRET)

    @proves(Feature.WEBHOOK)
    def test_a_genuine_delivery_of_something_else_is_an_error_or_an_event_of_no_stream(
        self, harness: Harness
    ) -> None:
        _, headers, _ = self._delivery(harness)
        for body in (b"", b"not json", b"[]", b"null", b'{"type": "kit"}', b"\xff"):
            try:
                event = harness.client.parse_webhook(headers, body, secret=_SECRET)
            except (UnexpectedResponse, WebhookRejected) as error:
                assert not has_crashed(error)
            else:
                assert (event.kind, event.stream_id) == (EventKind.OTHER, None)

    @proves(Feature.WEBHOOK)
    def test_a_delivery_about_something_that_is_no_stream_is_not_taken_for_one(
        self, harness: Harness
    ) -> None:
        for other in harness.others():
            found = self.subject.delivery(harness.emulator, other, _SECRET)
            assert found is not None
            try:
                event = harness.client.parse_webhook(*found, secret=_SECRET)
            except LiveStreamError as error:
                assert isinstance(error, UnexpectedResponse)
            else:
                assert (event.kind, event.stream) == (EventKind.OTHER, None)

    def _delivery(
        self, harness: Harness, secret: str = _SECRET
    ) -> tuple[LiveStream, list[tuple[str, str]], bytes]:
        stream = harness.stream(title="A stream with a webhook")
        if harness.can.supports(Feature.GET):
            stream = harness.client.get(stream.id)
        found = self.subject.delivery(harness.emulator, stream.id, secret)
        if found is None:
            pytest.skip("the emulator sends no deliveries (no webhook())")
        headers, body = found
        return stream, list(headers.items()), body
