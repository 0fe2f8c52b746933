"""The addresses of a media server that emulators give out, and clients that leave no trace."""

from __future__ import annotations

import pytest

import livestream_core as live
from livestream_core import Status
from livestream_core.emulator import Emulator, Fault, Media, load_emulator
from provider_names import PROJECTS

MEDIA = Media(rtmp_url="rtmp://127.0.0.1:1935/account", http_url="http://127.0.0.1:8080/account")
EMULATORS = [load_emulator(name) for name in ("memory", *PROJECTS)]
WITH_MEDIA = [each for each in EMULATORS if each.without_media is None]


def name_of(emulator: type[Emulator]) -> str:
    return emulator.provider


def new_stream(vendor: Emulator, client: live.Client) -> live.LiveStream:
    """Create a stream that an encoder may publish to, or publish one."""
    if not client.supports("create"):
        return client.get(vendor.add_stream())
    record = None if client.capabilities.unsupported_error("record", True) else True
    return client.wait(client.create(title="T", record=record).id, until=Status.READY, timeout=60)


@pytest.mark.parametrize("kind", WITH_MEDIA, ids=name_of)
def test_every_address_for_encoders_and_viewers_is_that_of_the_media_server(
    kind: type[Emulator],
) -> None:
    vendor = kind(boot_seconds=0)
    vendor.media = MEDIA
    with vendor.connect() as client:
        stream = new_stream(vendor, client)
        assert stream.ingests
        for ingest in stream.ingests:
            assert ingest.publish_url is not None
            assert ingest.publish_url.reveal().startswith(f"{MEDIA.rtmp_url}/")
        assert str(stream.hls_url).startswith(f"{MEDIA.http_url}/")
        assert all(
            str(each.url).startswith((f"{MEDIA.http_url}/", f"{MEDIA.rtmp_url}/"))
            for each in stream.playbacks
        )
        if client.supports("create"):
            if not vendor.is_published(stream.id):
                vendor.connect_encoder(stream.id)
            vendor.drop_encoder(stream.id)
            if client.supports("stop") and not client.capabilities.reusable:
                client.stop(stream.id)
            vendor.finish_recording(stream.id)
            found = client.get(stream.id).recording
            if client.supports("recordings"):
                [found] = client.recordings(stream.id)
            assert found is not None
            assert str(found.url).startswith(f"{MEDIA.http_url}/")


@pytest.mark.parametrize("kind", WITH_MEDIA, ids=name_of)
def test_without_a_media_server_no_address_is_on_this_machine(kind: type[Emulator]) -> None:
    vendor = kind(boot_seconds=0)
    with vendor.connect() as client:
        stream = new_stream(vendor, client)
        assert "127.0.0.1" not in str(stream.hls_url)


@pytest.mark.parametrize("kind", WITH_MEDIA, ids=name_of)
def test_it_is_known_whether_an_encoder_is_connected(kind: type[Emulator]) -> None:
    vendor = kind(boot_seconds=0)
    with vendor.connect() as client:
        stream = new_stream(vendor, client)
        if not vendor.is_published(stream.id):
            vendor.connect_encoder(stream.id)
        assert vendor.is_published(stream.id)
        vendor.drop_encoder(stream.id)
        assert not vendor.is_published(stream.id)
        assert not vendor.is_published("no-such-stream")


@pytest.mark.parametrize("kind", EMULATORS, ids=name_of)
def test_an_emulator_has_media_or_says_why_not(kind: type[Emulator]) -> None:
    assert kind.without_media is None or kind.without_media


def test_an_observer_sees_the_streams_past_the_faults_and_is_not_in_the_log() -> None:
    vendor = load_emulator("memory")(boot_seconds=0)
    with vendor.connect() as client, vendor.observe() as observer:
        stream = client.create(title="T")
        vendor.inject(Fault.status(503))
        logged = len(vendor.requests)
        assert observer.get(stream.id).title == "T"
        assert [each.id for each in observer.list()] == [stream.id]
        assert len(vendor.requests) == logged
        client.get(stream.id)  # meets the fault, and is retried
        assert len(vendor.requests) > logged + 1
