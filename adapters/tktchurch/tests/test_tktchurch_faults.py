"""Faults of the exchange, and whether the change was applied."""

from __future__ import annotations

from typing import Any

import pytest

import livestream_core as live
from livestream_core import Status
from livestream_core.emulator import Fault
from livestream_tktchurch.emulator import TKTChurchEmulator

CREATES = "POST */livestreams"


def sent(emulator: TKTChurchEmulator, method: str) -> int:
    return sum(
        each.method == method and each.path.startswith("/v1/livestreams")
        for each in emulator.requests
    )


@pytest.mark.parametrize(
    ("fault", "made"),
    [(Fault.drop_after(), 1), (Fault.drop_before(), 0), (Fault.cut_body(), 1)],
)
def test_a_create_without_an_answer_is_sent_once_and_nobody_knows(
    either_client: live.Client, emulator: TKTChurchEmulator, fault: Fault, made: int
) -> None:
    emulator.inject(fault, on=CREATES)
    with pytest.raises((live.ConnectionFailed, live.UnexpectedResponse)) as caught:
        either_client.create(title="T")
    assert (caught.value.applied, caught.value.retryable) == (None, False)
    assert sent(emulator, "POST") == 1
    assert len(list(either_client.list())) == made


@pytest.mark.parametrize(
    ("fault", "error", "applied"),
    [
        (Fault.status(400), live.Rejected, False),
        (Fault.status(409), live.Conflict, False),
        (Fault.status(408), live.Rejected, None),
        (Fault.status(502), live.ProviderUnavailable, None),
        (Fault.html(), live.UnexpectedResponse, None),
        (Fault.redirect("https://evil.example/"), live.UnexpectedResponse, None),
    ],
)
def test_a_create_that_fails_is_sent_once(
    either_client: live.Client,
    emulator: TKTChurchEmulator,
    fault: Fault,
    error: type[live.LiveStreamError],
    applied: bool | None,
) -> None:
    emulator.inject(fault, on=CREATES)
    with pytest.raises(error) as caught:
        either_client.create(title="T")
    assert (caught.value.applied, sent(emulator, "POST")) == (applied, 1)


def test_a_create_that_was_one_too_many_is_sent_again(
    client: live.Client, emulator: TKTChurchEmulator, clock: Any
) -> None:
    emulator.inject(Fault.status(429, headers={"Retry-After": "7"}), on=CREATES)
    client.create(title="T")
    assert sent(emulator, "POST") == 2
    assert clock.waited == [7]


@pytest.mark.parametrize("fault", [Fault.drop_after(), Fault.drop_before(), Fault.status(503)])
def test_an_update_is_sent_again(
    either_client: live.Client, emulator: TKTChurchEmulator, fault: Fault
) -> None:
    id = emulator.add_stream()
    emulator.inject(fault, on="PUT *")
    assert either_client.update(id, title="New").title == "New"
    assert sent(emulator, "PUT") == 2


def test_a_start_that_is_sent_again_keeps_its_time(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    id = emulator.add_stream()
    emulator.inject(Fault.drop_after(), on="PUT *", times=3)
    client.start(id)
    bodies = [each.json for each in emulator.requests if each.method == "PUT"]
    assert len(bodies) == 4
    assert all(body == bodies[0] for body in bodies)


def test_a_start_whose_write_failed_for_good_may_have_happened(
    connect: Any, emulator: TKTChurchEmulator
) -> None:
    id = emulator.add_stream()
    emulator.inject(Fault.drop_after(), on="PUT *")
    with pytest.raises(live.ConnectionFailed) as caught:
        connect(emulator, retries=0).start(id)
    assert caught.value.applied is None
    assert emulator.shown(id)["status"] == "live"


def test_a_start_whose_read_failed_changed_nothing(
    connect: Any, emulator: TKTChurchEmulator
) -> None:
    id = emulator.add_stream()
    emulator.inject(Fault.status(500), on="GET *")
    with pytest.raises(live.ProviderUnavailable) as caught:
        connect(emulator, retries=0).start(id)
    assert caught.value.applied is False


def test_a_delete_whose_answer_is_lost_is_sent_again_and_succeeds(
    either_client: live.Client, emulator: TKTChurchEmulator
) -> None:
    id = emulator.add_stream()
    emulator.inject(Fault.drop_after(), on="DELETE *")
    either_client.delete(id)
    answers = [each.status for each in emulator.requests if each.method == "DELETE"]
    assert answers == [None, 404]


def test_a_404_to_the_first_delete_is_not_found(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    id = emulator.add_stream()
    client.delete(id)
    with pytest.raises(live.NotFound):
        client.delete(id)


def test_a_new_status_word_is_unknown_and_kept(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    id = emulator.add_stream()
    emulator.inject(Fault.status_word("Paused"), on="GET */livestreams")
    stream = client.get(id)
    assert (stream.status, stream.provider_status) == (Status.UNKNOWN, "Paused")


def test_a_create_without_an_id_in_its_answer_may_have_happened(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    emulator.inject(Fault.missing_field("id"), on=CREATES)
    with pytest.raises(live.UnexpectedResponse, match="id is missing") as caught:
        client.create(title="T")
    assert (caught.value.applied, caught.value.stream_id) == (None, None)


@pytest.mark.parametrize(("field", "reads"), [("title", ""), ("status", Status.UNKNOWN)])
def test_a_create_whose_answer_lacks_a_field_gives_the_stream_without_it(
    client: live.Client, emulator: TKTChurchEmulator, field: str, reads: object
) -> None:
    emulator.inject(Fault.missing_field(field), on=CREATES)
    stream = client.create(title="T")
    assert getattr(stream, field) == reads
    assert stream.problems == (f"{field}: is missing",)


def test_a_field_that_is_new_is_kept_in_raw(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    emulator.inject(Fault.extra_field("viewers", 3), on=CREATES)
    stream = client.create(title="T")
    assert stream.raw is not None
    assert stream.raw["viewers"] == 3


def test_a_list_survives_lost_answers(
    either_client: live.Client, emulator: TKTChurchEmulator
) -> None:
    for _ in range(15):
        emulator.add_stream()
    emulator.inject(Fault.drop_after(), on="GET *", times=2, skip=1)
    assert len(list(either_client.list())) == 15


def test_a_list_that_breaks_off_is_an_error_and_no_short_list(
    connect: Any, emulator: TKTChurchEmulator
) -> None:
    for _ in range(15):
        emulator.add_stream()
    emulator.inject(Fault.html(), on="GET *", skip=1)
    with pytest.raises(live.UnexpectedResponse):
        list(connect(emulator).list())


def test_a_page_of_html_in_answer_to_a_delete_is_no_deletion(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    id = emulator.add_stream()
    emulator.inject(Fault.html(), on="DELETE *")
    with pytest.raises(live.UnexpectedResponse) as caught:
        client.delete(id)
    assert caught.value.applied is None
    assert emulator.shown(id)
