"""Webhooks can be registered, listed, and deleted, and their secrets are in no output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pytest

from ..._contract.capabilities import Feature
from ..._model.errors import ConnectionFailed, InvalidInput, LiveStreamError, NotFound, Rejected
from ..._model.stream import Webhook
from ..._secrets.secret import Secret
from ...emulator import Fault, WebhookDelivery
from .area import HTTP, IN_PROCESS, Area, each, proves
from .harness import Harness
from .secrets import everything_logged, shown_by

_URL = "https://receiver.example/kit"
_SECRET = "a-secret-of-the-kits-webhook"


def _known(harness: Harness) -> dict[str, tuple[str | None, str]]:
    """Return the URL and the secret of each webhook by its ID. A list may lack the secret."""
    return {
        each.id: (each.url, "" if each.secret is None else each.secret.reveal())
        for each in harness.client.webhooks()
    }


def _registered(harness: Harness, count: int) -> list[Webhook]:
    return [
        harness.client.register_webhook(f"{_URL}/{number}", secret=f"{_SECRET}-{number}")
        for number in range(count)
    ]


class WebhookEndpoints(Area):
    """The webhooks of an account can be registered, listed, and deleted."""

    title = "webhooks"
    channels: ClassVar[Sequence[str]] = (HTTP, IN_PROCESS)

    @proves(Feature.MANAGE_WEBHOOKS)
    def test_a_registered_webhook_is_listed_as_it_was_returned(self, harness: Harness) -> None:
        before = set(_known(harness))
        webhook = harness.client.register_webhook(_URL)
        assert (webhook.provider, webhook.url) == (self.subject.name, _URL)
        assert webhook.secret is not None, "the secret is missing"
        listed = _known(harness)
        assert set(listed) == before | {webhook.id}
        url, secret = listed[webhook.id]
        assert url == _URL
        assert secret in ("", webhook.secret.reveal())

    @proves(Feature.MANAGE_WEBHOOKS)
    def test_webhooks_on_all_pages_are_listed_each_once(self, harness: Harness) -> None:
        # More than two pages of the emulator.
        made = _registered(harness, 5)
        listed = harness.client.webhooks()
        assert isinstance(listed, tuple)
        ids = [each.id for each in listed]
        assert len(ids) == len({*ids})
        assert {each.id for each in made} <= {*ids}
        assert {each.url for each in made} <= {each.url for each in listed}

    @proves(Feature.MANAGE_WEBHOOKS)
    def test_a_deleted_webhook_is_gone_and_the_others_are_not(self, harness: Harness) -> None:
        first, second, third = _registered(harness, 3)
        harness.client.delete_webhook(second.id)
        listed = set(_known(harness))
        assert second.id not in listed
        assert {first.id, third.id} <= listed

    @proves(Feature.MANAGE_WEBHOOKS)
    def test_an_unknown_webhook_is_not_found_and_deletes_nothing(self, harness: Harness) -> None:
        kept, deleted = _registered(harness, 2)
        harness.client.delete_webhook(deleted.id)
        with pytest.raises(NotFound) as caught:
            harness.client.delete_webhook(deleted.id)
        assert (caught.value.applied, caught.value.operation) == (False, "delete_webhook")
        assert kept.id in _known(harness)

    @proves(Feature.MANAGE_WEBHOOKS)
    def test_an_id_that_no_path_can_hold_deletes_no_webhook(self, harness: Harness) -> None:
        client = harness.signed_in()
        for id in ("", ".", "..", "a\nb", "a\x00b"):
            with harness.sends_nothing(), pytest.raises(InvalidInput):
                client.delete_webhook(id)

    @proves(Feature.MANAGE_WEBHOOKS)
    def test_a_url_that_would_expose_deliveries_is_refused(self, harness: Harness) -> None:
        client = harness.signed_in()
        for url in ("http://receiver.example/kit", "ftp://receiver.example", "receiver.example"):
            with harness.sends_nothing(), pytest.raises(InvalidInput) as caught:
                client.register_webhook(url)
            assert caught.value.field == "url"

    @proves(Feature.MANAGE_WEBHOOKS)
    def test_a_registration_whose_answer_is_lost_is_not_sent_again(self, harness: Harness) -> None:
        client = harness.signed_in()
        before = set(_known(harness))
        harness.emulator.inject(Fault.drop_after(), on=harness.emulator.changing)
        with harness.sent() as sent, pytest.raises(ConnectionFailed) as caught:
            client.register_webhook(_URL)
        assert (caught.value.applied, caught.value.retryable) == (None, False)
        assert len(harness.changes_in(sent)) == 1
        assert len(set(_known(harness)) - before) == 1

    @proves(Feature.MANAGE_WEBHOOKS)
    def test_a_deletion_whose_answer_is_lost_leaves_no_doubt_or_says_so(
        self, harness: Harness
    ) -> None:
        [webhook] = _registered(harness, 1)
        client = harness.signed_in()
        harness.emulator.inject(Fault.drop_after(), on=harness.emulator.changing)
        try:
            client.delete_webhook(webhook.id)
        except LiveStreamError as error:
            assert error.applied is None
        assert webhook.id not in _known(harness)

    @proves(Feature.MANAGE_WEBHOOKS)
    @each("status", lambda _: (400, 500))
    def test_a_refused_registration_registers_nothing(self, harness: Harness, status: int) -> None:
        client = harness.signed_in(retries=0)
        before = _known(harness)
        harness.emulator.inject(Fault.status(status), on=harness.emulator.changing)
        with pytest.raises(LiveStreamError) as caught:
            client.register_webhook(_URL)
        assert caught.value.applied is (False if status == 400 else None)
        assert _known(harness) == before

    @proves(Feature.MANAGE_WEBHOOKS)
    def test_the_secret_of_a_webhook_is_in_no_repr_log_or_error(self, harness: Harness) -> None:
        client = harness.signed_in(retries=0)
        with everything_logged() as log:
            webhook = client.register_webhook(_URL, secret=_SECRET)
            listed = client.webhooks()
            echo = f'{{"detail": "{_SECRET} is not accepted"}}'.encode()
            fault = Fault.status(400, body=echo, content_type="application/json")
            harness.emulator.inject(fault, on=harness.emulator.changing)
            with pytest.raises(Rejected) as caught:
                client.register_webhook(_URL, secret=Secret(_SECRET))
        shown = [f"{webhook!r} {webhook} {webhook.to_dict()}", repr(listed), log.getvalue()]
        assert _SECRET not in "\n".join([*shown, shown_by(caught.value)])
        assert webhook.secret is not None

    @proves(Feature.MANAGE_WEBHOOKS)
    def test_a_listed_secret_is_masked_in_the_errors_of_another_client(
        self, harness: Harness
    ) -> None:
        [webhook] = _registered(harness, 1)
        assert webhook.secret is not None
        client = harness.signed_in(retries=0)
        if all(each.secret is None for each in client.webhooks()):
            pytest.skip("the vendor does not return the secrets of its webhooks")
        echo = f'{{"detail": "{webhook.secret.reveal()}"}}'.encode()
        fault = Fault.status(400, body=echo, content_type="application/json")
        harness.emulator.inject(fault, on=harness.emulator.changing)
        with pytest.raises(Rejected) as caught:
            client.delete_webhook(webhook.id)
        assert webhook.secret.reveal() not in shown_by(caught.value)

    @proves(Feature.MANAGE_WEBHOOKS)
    def test_deliveries_to_a_registered_webhook_are_verified_with_its_secret(
        self, harness: Harness
    ) -> None:
        webhook = harness.client.register_webhook(_URL, secret=_SECRET)
        assert webhook.secret is not None
        sent: list[WebhookDelivery] = []
        harness.emulator.webhook_receivers.append(sent.append)
        stream = harness.stream(title="A stream with a registered webhook")
        ours = [each for each in sent if each.url == _URL]
        if not ours:
            pytest.skip("the emulator sends no deliveries to the webhooks that are registered")
        headers = ours[0].headers(harness.clock.now())
        event = harness.client.parse_webhook(headers, ours[0].body, secret=webhook.secret)
        assert event.stream_id is not None
        assert harness.key(event.stream_id) == harness.key(stream.id)
        harness.client.delete_webhook(webhook.id)
        sent.clear()
        harness.stream()
        assert [each for each in sent if each.url == _URL] == []
