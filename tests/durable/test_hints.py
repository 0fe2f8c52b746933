"""What the hints of errors say to do, done."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import livestream_core as live
from livestream_core import durable
from livestream_core.emulator import Fault
from livestream_core.memory import MemoryVendor
from tests.durable.clocks import Time, account, settled

pytestmark = pytest.mark.usefixtures("small_vendors")

CREATE = "POST *"
SETTLE = 900.0
SOON = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=2)
ALGEBRA: dict[str, Any] = {"title": "Algebra", "scheduled_start": SOON}
REFERRED: dict[str, Any] = {"title": "Algebra", "reference": "ours"}
UNTITLED: dict[str, Any] = {"title": "Algebra", "send_until": SOON}

#: An account, and an error about the key "lesson-42" whose spec has the fields.
Scene: TypeAlias = tuple[durable.Creates, live.Client, Time, live.LiveStreamError, dict[str, Any]]


@pytest.fixture
def creates(tmp_path: Path) -> Iterator[durable.Creates]:
    creates = durable.Creates(f"sqlite:///{tmp_path / 'creates.db'}", settle=SETTLE)
    yield creates
    creates.close()


def lost(creates: durable.Creates, client: live.Client, **fields: Any) -> None:
    """Send a create whose response is lost."""
    with pytest.raises(durable.NotSettled):
        creates.create(client, "lesson-42", **fields)


def review(
    creates: durable.Creates,
    client: live.Client,
    clock: Time,
    cause: durable.ReviewCause,
    fields: dict[str, Any],
) -> durable.NeedsReview:
    """Come again until the key needs review for this cause, and return the error."""
    with pytest.raises(durable.NeedsReview) as caught:
        settled(creates, client, clock, "lesson-42", **fields)
    assert caught.value.cause is cause
    return caught.value


@contextmanager
def not_applied(creates: durable.Creates) -> Iterator[Scene]:
    with account() as (vendor, client, clock):
        vendor.inject(Fault.drop_before(), on=CREATE, times=99)
        error = review(creates, client, clock, durable.ReviewCause.NOT_APPLIED, ALGEBRA)
        vendor.clear_faults()
        yield creates, client, clock, error, ALGEBRA


@contextmanager
def changed(creates: durable.Creates) -> Iterator[Scene]:
    with account() as (vendor, client, clock):
        vendor.inject(Fault.drop_before(), on=CREATE)
        lost(creates, client, **ALGEBRA)
        client.create(title="ALGEBRA", scheduled_start=SOON)
        error = review(creates, client, clock, durable.ReviewCause.CHANGED, ALGEBRA)
        yield creates, client, clock, error, ALGEBRA


@contextmanager
def more_streams(creates: durable.Creates) -> Iterator[Scene]:
    with account() as (vendor, client, clock):
        vendor.inject(Fault.drop_after(), on=CREATE)
        lost(creates, client, **ALGEBRA)
        client.create(**ALGEBRA)
        error = review(creates, client, clock, durable.ReviewCause.MORE_STREAMS, ALGEBRA)
        yield creates, client, clock, error, ALGEBRA


@contextmanager
def not_recognizable(creates: durable.Creates) -> Iterator[Scene]:
    with account("untitled") as (vendor, client, clock):
        vendor.inject(Fault.drop_after(), on=CREATE)
        lost(creates, client, **UNTITLED)
        error = review(creates, client, clock, durable.ReviewCause.NOT_RECOGNIZABLE, UNTITLED)
        yield creates, client, clock, error, UNTITLED


@contextmanager
def existed(creates: durable.Creates) -> Iterator[Scene]:
    with account("returning") as (_, client, clock):
        creates.create(client, "other", title="Geometry", reference="ours")
        error = review(creates, client, clock, durable.ReviewCause.EXISTED, REFERRED)
        yield creates, client, clock, error, REFERRED


@contextmanager
def existed_after_a_lost_create(creates: durable.Creates) -> Iterator[Scene]:
    with account("returning") as (vendor, client, clock):
        vendor.inject(Fault.drop_before(), on=CREATE)
        lost(creates, client, **REFERRED)
        creates.create(client, "other", title="Geometry", reference="ours")
        error = review(creates, client, clock, durable.ReviewCause.EXISTED, REFERRED)
        assert error.applied is None
        yield creates, client, clock, error, REFERRED


REVIEWS: list[Callable[[durable.Creates], AbstractContextManager[Scene]]] = [
    not_applied,
    changed,
    more_streams,
    not_recognizable,
    existed,
    existed_after_a_lost_create,
]


def forget_as_said(creates: durable.Creates, error: live.LiveStreamError) -> None:
    """Forget a key by the call that a hint names."""
    call = re.search(r"forget\('([^']+)'(, force=True)?\)", error.hint or "")
    assert call is not None, error.hint
    creates.forget(call[1], force=call[2] is not None)


@pytest.mark.parametrize("scene", REVIEWS)
def test_a_key_that_needs_review_starts_over_as_its_hint_says(
    creates: durable.Creates, scene: Callable[[durable.Creates], AbstractContextManager[Scene]]
) -> None:
    with scene(creates) as (_, client, _, error, fields):
        before = {each.id for each in client.list()}
        forget_as_said(creates, error)
        assert creates.status("lesson-42") is None
        if "another reference" in (error.hint or ""):
            fields = {**fields, "reference": "another"}
        assert creates.create(client, "lesson-42", **fields).id not in before


@pytest.mark.parametrize("scene", [changed, not_recognizable, existed, existed_after_a_lost_create])
def test_the_call_may_be_repeated_after_the_found_streams_were_deleted(
    creates: durable.Creates, scene: Callable[[durable.Creates], AbstractContextManager[Scene]]
) -> None:
    with scene(creates) as (_, client, clock, error, fields):
        assert isinstance(error, durable.NeedsReview)
        assert re.search("delete .* repeat the call", error.hint or "")
        for each in error.found:
            client.delete(each.id)
        stream = settled(creates, client, clock, "lesson-42", **fields)
        assert [each.id for each in client.list()] == [stream.id]


def test_the_call_may_be_repeated_after_the_unwanted_stream_was_deleted(
    creates: durable.Creates,
) -> None:
    with more_streams(creates) as (_, client, _, error, fields):
        assert isinstance(error, durable.NeedsReview)
        assert "delete the unwanted stream; then repeat the call" in (error.hint or "")
        wanted, unwanted = error.found
        client.delete(unwanted.id)
        assert creates.create(client, "lesson-42", **fields).id == wanted.id


@pytest.mark.parametrize("is_open", [False, True])
def test_a_key_that_was_used_with_another_spec_starts_over_as_its_hint_says(
    creates: durable.Creates, is_open: bool
) -> None:
    with account() as (vendor, client, _):
        if is_open:
            vendor.inject(Fault.drop_after(), on=CREATE)
            lost(creates, client, **ALGEBRA)
        else:
            creates.create(client, "lesson-42", **ALGEBRA)
        with pytest.raises(live.InvalidInput) as caught:
            creates.create(client, "lesson-42", title="Geometry")
        hint = caught.value.hint or ""
        assert ("run() the key without a spec until it is settled" in hint) is is_open
        if is_open:
            creates.run(client, "lesson-42")
        assert "forget() the key" in hint
        creates.forget("lesson-42")
        assert creates.create(client, "lesson-42", title="Geometry").title == "Geometry"


def test_a_key_that_is_too_late_is_sent_as_its_hint_says(creates: durable.Creates) -> None:
    with account() as (vendor, client, clock):
        vendor.inject(Fault.drop_before(), on=CREATE)
        lost(creates, client, title="Algebra")
        clock.pass_(2 * SETTLE)
        with pytest.raises(live.InvalidInput) as caught:
            creates.run(client, "lesson-42")
        assert "forget() the key and set send_until" in (caught.value.hint or "")
        creates.forget("lesson-42")
        until = datetime.fromtimestamp(time.time() + 60, UTC)
        assert creates.create(client, "lesson-42", title="Algebra", send_until=until)


def test_a_key_that_may_still_be_applied_is_forgotten_as_its_hint_says(
    creates: durable.Creates,
) -> None:
    with account() as (vendor, client, _):
        for force in (False, True):
            vendor.inject(Fault.drop_after(), on=CREATE)
            lost(creates, client, **ALGEBRA)
            with pytest.raises(durable.NotSettled) as caught:
                creates.forget("lesson-42")
            assert "run() it until it is settled; or find its stream" in (caught.value.hint or "")
            if not force:
                creates.run(client, "lesson-42")
            creates.forget("lesson-42", force=force)
            assert creates.status("lesson-42") is None


def test_an_intent_without_an_account_is_run_as_its_hint_says(creates: durable.Creates) -> None:
    with account() as (_, client, _), MemoryVendor().connect() as other:
        creates.intend("lesson-42", live.StreamSpec(**ALGEBRA))
        error = creates.resume([client, other])["lesson-42"]
        assert isinstance(error, live.InvalidInput)
        assert "run() the key with its client" in (error.hint or "")
        assert "for other keys, pass account= to intend()" in (error.hint or "")
        creates.run(client, "lesson-42")
        creates.intend("lesson-43", live.StreamSpec(**ALGEBRA), account=client.account)
        assert isinstance(creates.resume([client, other])["lesson-43"], live.LiveStream)
