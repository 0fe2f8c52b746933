"""The `livestreams` fixture, which an application's tests use."""

from __future__ import annotations

import asyncio

import pytest

import livestream_core as live
from livestream_core import memory
from livestream_core.testing import livestreams


def teach(title: str) -> str:
    """Run an application that connects, and waits for the encoder."""
    with live.connect("memory", environ={}) as client:
        stream = client.create(title=title)
        return client.wait(stream.id, until=live.Status.LIVE, timeout=600).id


def test_an_application_with_its_own_connection_reaches_the_vendor_of_the_test() -> None:
    with livestreams() as world:
        world.clock.call_later(40, lambda: world.vendor.connect_encoder("stream-1"))
        assert teach("Lesson 1") == "stream-1"
        assert [each.title for each in world.connect().list()] == ["Lesson 1"]


def test_an_application_with_an_event_loop_waits_by_the_clock_of_the_test() -> None:
    async def teach(client: live.AsyncClient) -> str:
        stream = await client.create(title="Lesson 1")
        return (await client.wait(stream.id, until=live.Status.LIVE, timeout=600)).title

    with livestreams() as world:
        world.clock.call_later(40, lambda: world.vendor.connect_encoder("stream-1"))
        client = world.connect_async()
        assert asyncio.run(teach(client)) == "Lesson 1"
        assert world.clock.monotonic() < 600
    assert "(closed)" in repr(client)


def test_each_test_begins_with_nothing() -> None:
    for _ in range(2):
        with livestreams() as world:
            assert list(world.connect().list()) == []
            world.connect().create(title="T")


def test_afterwards_the_vendors_from_before_are_back() -> None:
    with livestreams():
        outer, clock = memory.vendor(), memory.vendor().clock
        with livestreams() as world:
            assert memory.vendor() is world.vendor
            assert world.vendor is not outer
            assert world.clock is not clock
        assert memory.vendor() is outer


def test_several_accounts_have_vendors_of_their_own_and_one_time() -> None:
    with livestreams() as world:
        school = world.connect(account="school")
        school.create(title="T")
        assert list(world.connect().list()) == []
        assert len(list(school.list())) == 1
        assert world.vendor_of("school").clock is world.clock
        assert school.account.endswith(":school")


def test_its_clients_verify_webhooks_and_are_closed_in_the_end() -> None:
    with livestreams() as world:
        client = world.connect(retries=0)
        stream = client.create(title="T")
        assert client.parse_webhook(*world.vendor.webhook(stream.id)).stream_id == stream.id
    with pytest.raises(live.ConfigurationError, match="closed"):
        client.get(stream.id)
    assert world.vendor.open_sessions == 0


def test_given_options_take_precedence_over_the_accounts_own() -> None:
    with livestreams() as world, pytest.raises(live.AuthenticationFailed):
        world.connect(token="another").create(title="T")
