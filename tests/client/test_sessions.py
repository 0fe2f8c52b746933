"""Sessions: they are opened once, shared, renewed, and ended."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from acme import AcmeEmulator, AcmeOptions, FakeClock
from livestream_core.emulator import Fault
from livestream_core.testing import strategies as s
from runners import connect, only_sync

pytestmark = pytest.mark.usefixtures("runner")


def logins(emulator: AcmeEmulator) -> int:
    return sum(each.path == "/login" for each in emulator.requests)


def logouts(emulator: AcmeEmulator) -> int:
    return sum(each.path == "/logout" for each in emulator.requests)


def test_nothing_is_sent_before_the_first_call(emulator: AcmeEmulator) -> None:
    with emulator.connect():
        pass
    assert emulator.requests == []


def test_a_request_that_cannot_be_sent_does_not_sign_in(emulator: AcmeEmulator) -> None:
    with emulator.connect() as client, pytest.raises(live.InvalidInput, match="control character"):
        client.get("a\nb")
    assert emulator.requests == []


@pytest.mark.slow
def test_sixteen_threads_sign_in_once_and_get_their_own_answers(emulator: AcmeEmulator) -> None:
    ids = [emulator.add()["id"] for _ in range(16)]
    emulator.inject(Fault.delay(0.1), on="*/login")
    with emulator.connect() as client, ThreadPoolExecutor(16) as threads:
        barrier = threading.Barrier(16)

        def read(id: str) -> list[str]:
            barrier.wait()
            return [client.get(id).id for _ in range(20)]

        answers = list(threads.map(read, ids))
    assert answers == [[id] * 20 for id in ids]
    assert logins(emulator) == 1


def test_equal_clients_share_a_session_and_the_last_one_ends_it(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    one, two = emulator.connect(), emulator.connect()
    one.get(stream["id"])
    two.get(stream["id"])
    one.close()
    assert logouts(emulator) == 0
    two.get(stream["id"])
    two.close()
    two.close()
    assert (logins(emulator), logouts(emulator)) == (1, 1)


def test_clients_with_other_credentials_or_of_another_account_do_not_share(
    emulator: AcmeEmulator,
) -> None:
    stream = emulator.add()
    with (
        emulator.connect() as one,
        emulator.connect(account_name="other") as two,
        emulator.connect(webhook_secret="not a credential") as three,
    ):
        for client in (one, two, three):
            client.get(stream["id"])
    assert logins(emulator) == 2


def test_a_session_is_renewed_once_after_a_401_and_the_request_sent_again(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    client.create(title="first")
    emulator.tokens.clear()
    stream = client.create(title="second")
    assert stream.title == "second"
    assert len(emulator.streams) == 2
    assert logins(emulator) == 2


def test_a_401_to_a_new_session_is_final(client: live.Client, emulator: AcmeEmulator) -> None:
    emulator.inject(Fault.status(401), on="POST /streams", times=99)
    with pytest.raises(live.AuthenticationFailed) as caught:
        client.create(title="T")
    assert caught.value.applied is False
    assert logins(emulator) == 2
    assert sum(each.path == "/streams" for each in emulator.requests) == 2


def test_a_refused_static_token_is_retried_only_once(
    emulator: AcmeEmulator,
) -> None:
    with connect("acme", transport=emulator.transport(), token="bad-token") as client:
        with pytest.raises(live.AuthenticationFailed):
            client.get("1")
    assert len(emulator.requests) == 2


def test_threads_that_are_refused_together_renew_once(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    with emulator.connect() as client, ThreadPoolExecutor(8) as threads:
        client.get(stream["id"])
        emulator.tokens.clear()
        emulator.inject(Fault.delay(0.05), on="GET *", times=8)
        list(threads.map(lambda _: client.get(stream["id"]), range(8)))
    assert logins(emulator) == 2


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_sign_in_is_an_authentication_failure(
    client: live.Client, emulator: AcmeEmulator, status: int
) -> None:
    emulator.inject(Fault.status(status), on="*/login")
    with pytest.raises(live.AuthenticationFailed) as caught:
        client.create(title="T")
    assert caught.value.applied is False
    assert caught.value.operation == "create"
    assert logins(emulator) == 1


def test_a_sign_in_without_a_response_changed_nothing(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    emulator.inject(Fault.drop_after(), on="*/login")
    with pytest.raises(live.ConnectionFailed) as caught:
        client.create(title="T")
    assert caught.value.applied is False
    assert caught.value.retryable is True


@pytest.mark.slow
def test_waiting_threads_share_a_refusal_instead_of_each_trying(emulator: AcmeEmulator) -> None:
    emulator.inject(Fault.delay(0.2), on="*/login")
    entered = threading.Barrier(8)

    with emulator.connect(password="wrong") as client, ThreadPoolExecutor(8) as threads:

        def read(number: int) -> tuple[type, str | None]:
            entered.wait()
            with pytest.raises(live.LiveStreamError) as caught:
                client.get(str(number))
            return type(caught.value), caught.value.stream_id

        errors = list(threads.map(read, range(8)))
    assert errors == [(live.AuthenticationFailed, str(number)) for number in range(8)]
    assert logins(emulator) < 8


def test_a_session_is_renewed_shortly_before_it_ends(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock
) -> None:
    emulator.lasts = 3600
    stream = emulator.add()
    client.get(stream["id"])
    clock.time += 3500
    client.get(stream["id"])
    assert logins(emulator) == 1
    clock.time += 75
    client.get(stream["id"])
    assert logins(emulator) == 2


def test_a_short_session_is_not_renewed_for_every_request(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock
) -> None:
    emulator.lasts = 10
    stream = emulator.add()
    for _ in range(5):
        client.get(stream["id"])
        clock.time += 1
    assert logins(emulator) == 1


def test_signing_out_never_raises(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    client = emulator.connect()
    client.get(stream["id"])
    emulator.inject(Fault.status(500), on="*/logout", times=9)
    client.close()
    with pytest.raises(live.ConfigurationError, match="closed"):
        client.get(stream["id"])
    assert "closed" in repr(client)


def test_a_session_that_is_not_ours_is_not_ended(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    with connect("acme", transport=emulator.transport(), token="good-token") as client:
        client.get(stream["id"])
    assert logouts(emulator) == 0


@pytest.mark.slow
def test_a_client_that_is_never_closed_leaves_its_session(emulator: AcmeEmulator) -> None:
    import gc

    stream = emulator.add()
    one, two = emulator.connect(), emulator.connect()
    one.get(stream["id"])
    del one
    gc.collect()
    two.close()
    assert logouts(emulator) == 1


class Store:
    """A store that several processes share."""

    def __init__(self) -> None:
        self.sessions: dict[str, live.Session] = {}
        self.broken = False

    def get(self, account: str) -> live.Session | None:
        if self.broken:
            raise OSError("no store")
        return self.sessions.get(account)

    def put(self, account: str, session: live.Session) -> None:
        if self.broken:
            raise OSError("no store")
        self.sessions[account] = session

    def delete(self, account: str) -> None:
        self.sessions.pop(account, None)


def test_a_fleet_shares_a_session_through_a_token_store(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    stores = Store(), Store()
    stores[1].sessions = stores[0].sessions
    for store in stores:  # as two processes do
        with emulator.connect(token_store=store) as client:
            client.get(stream["id"])
    assert (logins(emulator), logouts(emulator)) == (1, 0)


def test_a_stored_session_that_was_refused_is_replaced(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    stream = emulator.add()
    store = Store()
    with emulator.connect(token_store=store, clock=clock) as client:
        client.get(stream["id"])
        (first,) = store.sessions.values()
        emulator.tokens.clear()
        client.get(stream["id"])
        (second,) = store.sessions.values()
    assert first != second
    account = client.account
    store.sessions[account] = attrs.evolve(second, expires_at=clock.now() - timedelta(seconds=1))
    with emulator.connect(token_store=store, clock=clock) as client:
        client.get(stream["id"])
    assert logins(emulator) == 3


def test_a_stored_session_is_kept_and_never_used_with_other_credentials(
    emulator: AcmeEmulator,
) -> None:
    stream = emulator.add()
    store = Store()
    with emulator.connect(token_store=store) as client:
        client.get(stream["id"])
    kept = dict(store.sessions)
    assert list(kept) == [client.account]
    for wrong in ({"password": "wrong"}, {"user": None, "password": None, "token": "bad-token"}):
        with emulator.connect(token_store=store, **wrong) as stranger:
            with pytest.raises(live.AuthenticationFailed):
                stranger.get(stream["id"])
    assert store.sessions[client.account] == kept[client.account]


def test_a_store_tells_credentials_apart_where_no_option_is_declared_as_one(
    emulator: AcmeEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AcmeOptions, "credentials", ())
    stream = emulator.add()
    store = Store()
    with emulator.connect(token_store=store) as client:
        client.get(stream["id"])
    with emulator.connect(token_store=store, password="wrong") as stranger:
        with pytest.raises(live.AuthenticationFailed):
            stranger.get(stream["id"])


def test_a_given_token_is_not_put_into_a_store(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    store = Store()
    transport = emulator.transport()
    with connect("acme", transport=transport, token="good-token", token_store=store) as client:
        client.get(stream["id"])
    assert client.account not in store.sessions


def test_a_fleet_without_valid_sessions_signs_in_once(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    store = Store()
    with emulator.connect(token_store=store) as client:
        client.get(stream["id"])
        (session,) = store.sessions.values()
        dead = attrs.evolve(session, headers={"Authorization": "Acme dead too"})
        store.sessions[client.account] = dead
        emulator.tokens.clear()
        assert client.get(stream["id"]).id == stream["id"]
    assert logins(emulator) == 2


def test_a_session_whose_account_changed_its_password_is_forgotten(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    store = Store()
    with emulator.connect(token_store=store) as client:
        client.get(stream["id"])
        emulator.tokens.clear()
        emulator.inject(Fault.status(403), on="*/login")
        with pytest.raises(live.AuthenticationFailed):
            client.get(stream["id"])
    assert client.account not in store.sessions


@only_sync
def test_a_session_that_is_opened_while_its_client_is_closed_is_ended(
    emulator: AcmeEmulator,
) -> None:
    stream = emulator.add()
    client = emulator.connect()
    login = AcmeEmulator.login

    def close_meanwhile(self: AcmeEmulator, request: object) -> object:
        client.close()
        return login(self, request)

    emulator.login = close_meanwhile.__get__(emulator)  # type: ignore[method-assign]
    client.get(stream["id"])
    assert (logins(emulator), logouts(emulator)) == (1, 1)


def test_a_store_that_is_down_only_costs_a_sign_in(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    store = Store()
    store.broken = True
    with emulator.connect(token_store=store) as client:
        assert client.get(stream["id"]).id == stream["id"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@only_sync
def test_a_forked_child_does_not_end_its_parents_session(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    with emulator.serve() as url:
        client = connect("acme", base_url=url, **emulator.options())
        client.get(stream["id"])
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                ok = client.get(stream["id"]).id == stream["id"]
                client.close()
                code = 0 if ok else 1
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        assert (logins(emulator), logouts(emulator)) == (1, 0)
        client.close()
    assert logouts(emulator) == 1


def test_credentials_that_no_header_can_carry_are_refused_before_sending(
    emulator: AcmeEmulator,
) -> None:
    with connect("acme", transport=emulator.transport(), token="naïve") as client:
        with pytest.raises(live.ConfigurationError, match="cannot be sent"):
            client.get("1")
    assert emulator.requests == []


# -- as plain data ----------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
memos = st.recursive(
    st.none() | st.integers() | st.text(max_size=8) | st.builds(live.Secret, st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner),
    max_leaves=8,
)
sessions = st.builds(
    live.Session,
    st.dictionaries(s.texts(), s.texts()),
    st.none() | s.instants(),
    memos,
    st.booleans(),
    st.none() | s.texts(),
)


@only_sync
@pytest.mark.slow
@given(sessions)
def test_a_session_is_the_same_after_the_way_through_json(session: live.Session) -> None:
    written = json.dumps(session.to_dict())
    assert live.Session.from_dict(json.loads(written), strict=True) == session


@only_sync
@pytest.mark.slow
@given(sessions, json_values)
def test_a_session_that_a_newer_version_wrote_is_read_without_what_is_new(
    session: live.Session, value: Any
) -> None:
    written = {**session.to_dict(), "a_field_of_tomorrow": value}
    assert live.Session.from_dict(written) == session
    with pytest.raises(live.InvalidInput, match="a_field_of_tomorrow"):
        live.Session.from_dict(written, strict=True)


@only_sync
@pytest.mark.slow
@given(json_values, st.sampled_from([None, "headers", "expires_at", "memo", "ours", "opened_with"]))
def test_reading_any_data_as_a_session_only_raises_invalid_input(
    value: Any, name: str | None
) -> None:
    data = value if name is None else {"headers": {}, name: value}
    with suppress(live.InvalidInput):
        live.Session.from_dict(data)


@pytest.mark.slow
def test_a_memo_that_no_json_can_hold_is_invalid_input() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for memo in (deep, object(), b"x", {1: 2}, {"$secret": "x"}, float("inf")):
        with pytest.raises(live.InvalidInput, match="memo"):
            live.Session({}, memo=memo).to_dict()
    with pytest.raises(live.InvalidInput, match="memo"):
        live.Session.from_dict({"headers": {}, "memo": deep})
    while deep:  # one by one: to free them all at once takes as many calls as there are
        deep = deep.pop()
