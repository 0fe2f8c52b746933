"""The shipped token stores: encrypted, with leases, in SQLite, PostgreSQL, and Redis."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from cryptography import fernet

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, connected
from fleet import PATIENCE, fleet
from livestream_core.emulator import Fault
from livestream_core.sharing import RedisTokenStore, SQLAlchemyTokenStore
from postgresql import PostgreSQL
from redis_server import Redis

ACCOUNT = "acme:api.acme.example:main"
SESSION = live.Session(
    {"Authorization": "Acme very-secret-token"},
    datetime(2026, 1, 1, tzinfo=UTC),  # it has expired, and the clocks of clients may differ
    {"again": live.Secret("very-secret-memo"), "n": [1, None]},
    ours=True,
    opened_with="digest",
)

Make = Callable[..., Any]


def new_key() -> bytes:
    key: bytes = fernet.Fernet.generate_key()
    return key


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'app.sqlite'}"
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql_server")
        return server.new_database()
    redis: Redis = request.getfixturevalue("redis")
    contents(redis.url(4), clear=True)
    return redis.url(4)


def store_at(url: str, keys: Any) -> Any:
    return (RedisTokenStore if "redis" in url else SQLAlchemyTokenStore)(url, keys)


def contents(url: str, *, clear: bool = False) -> bytes:
    """Return everything that a database keeps, as a thief finds it."""
    if "redis" in url:
        import redis

        with redis.Redis.from_url(url) as server:
            if clear:
                server.flushdb()
            names = server.keys()
            return b"".join(b"%s %s " % (each, server.get(each)) for each in names)
    import sqlalchemy as sa

    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT name, data FROM livestream_sessions")).all()
    engine.dispose()
    return b"".join(name.encode() + bytes(data) for name, data in rows)


def swap(url: str, one: str, other: str) -> None:
    """Give one account what is kept for another one, as a thief with access to a backup may."""
    if "redis" in url:
        import redis

        with redis.Redis.from_url(url) as server:
            server.copy(f"livestream:session:{other}", f"livestream:session:{one}", replace=True)
        return
    import sqlalchemy as sa

    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE livestream_sessions SET data ="
                " (SELECT data FROM livestream_sessions WHERE name = :other) WHERE name = :one"
            ),
            {"one": one, "other": other},
        )
    engine.dispose()


def test_a_store_keeps_sessions_as_they_were_and_encrypted(where: str) -> None:
    key = new_key()
    store, same = store_at(where, key), store_at(where, live.Secret(key.decode()))
    assert store.get(ACCOUNT) is None
    store.put(ACCOUNT, SESSION)
    store.put("other", live.Session({"A": "b"}))
    store.put("other", live.Session({"A": "c"}))
    assert same.get(ACCOUNT) == SESSION
    assert same.get("other") == live.Session({"A": "c"})
    assert same.key == store.key  # one process makes it
    assert len(store.key) == 32
    kept = contents(where)
    assert ACCOUNT.encode() in kept
    assert b"very-secret" not in kept
    assert store.key not in kept
    assert "very-secret" not in repr(store)
    assert key.decode() not in repr(store)
    swap(where, ACCOUNT, "other")
    with pytest.raises(fernet.InvalidToken):
        same.get(ACCOUNT)
    store.delete(ACCOUNT)
    store.delete("unknown")
    assert (store.get(ACCOUNT), store.get("other")) == (None, live.Session({"A": "c"}))


def test_one_owner_at_a_time_has_the_lease_until_it_is_released_or_expires(where: str) -> None:
    one, other = store_at(where, new_key()), store_at(where, new_key())
    assert one.claim(ACCOUNT, "a", 600.0)
    assert not other.claim(ACCOUNT, "b", 600.0)
    assert other.claim("another account", "b", 600.0)
    other.release(ACCOUNT, "b")  # it is not theirs
    assert not other.claim(ACCOUNT, "b", 600.0)
    one.release(ACCOUNT, "a")
    assert other.claim(ACCOUNT, "b", 0.05)
    end = time.monotonic() + PATIENCE
    while not one.claim(ACCOUNT, "a", 600.0):
        assert time.monotonic() < end
    assert not other.claim(ACCOUNT, "b", 600.0)


def test_keys_are_rotated_without_a_sign_in_and_lost_keys_cost_one(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = new_key(), new_key()
    emulator = AcmeEmulator()
    emulator.add()

    def logins_with(keys: Any) -> int:
        before = len(emulator.requests)
        with emulator.connect(token_store=store_at(where, keys)) as client:
            client.get("1")
        return sum(each.path == "/login" for each in emulator.requests[before:])

    assert logins_with(old) == 1
    # All processes get the new key, then it comes first, then everything is encrypted with it.
    assert [logins_with(keys) for keys in (old, [old, new], [new, old])] == [0, 0, 0]
    assert store_at(where, [new, old]).rotate() == 2
    assert logins_with([new]) == 0
    assert caplog.text == ""
    assert [logins_with(new_key()), logins_with(new)] == [1, 1]
    assert "encrypted with other keys" in caplog.text
    assert "Acme" not in caplog.text


def test_expired_entries_are_kept_for_a_day_and_then_deleted(where: str) -> None:
    store = store_at(where, new_key())
    store.put(ACCOUNT, SESSION)
    store.put("lasting", live.Session({"A": "b"}, datetime.now(UTC) + timedelta(hours=1)))
    assert store.get(ACCOUNT) == SESSION
    if "redis" in where:
        import redis

        with redis.Redis.from_url(where) as server:
            left = {each: server.ttl(f"livestream:session:{each}") for each in (ACCOUNT, "lasting")}
        assert 86_000 < left[ACCOUNT] <= 86_400 < left["lasting"] <= 90_000
        return
    import sqlalchemy as sa

    from livestream_core.sharing import tables

    (rows,) = (each for each in tables.sorted_tables if "delete_after" in each.c)
    url = where.replace("postgresql:", "postgresql+psycopg:")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(rows.update().where(rows.c.name == ACCOUNT).values(delete_after=1.0))
    engine.dispose()
    store.put("another", live.Session({"A": "b"}))
    assert store.get(ACCOUNT) is None
    assert store.get("lasting") is not None


PROCESS = """
import sys
from concurrent.futures import ThreadPoolExecutor
import livestream_core as live
from acme import AcmePlugin
from livestream_core.sharing import RedisTokenStore, SQLAlchemyTokenStore

live.register(AcmePlugin())
url, where, key, password, runner = sys.argv[1:6]
store = (RedisTokenStore if "redis" in where else SQLAlchemyTokenStore)(where, key)
settings = dict(base_url=url, user="u@acme.example", password=password, token_store=store)

print("ready", flush=True)
sys.stdin.readline()
if runner == "async":
    from livestream_core.testing.blocking import connect_blocking as connect
else:
    connect = live.connect
client = connect("acme", **settings)
with ThreadPoolExecutor(4) as threads:
    print(*threads.map(lambda _: client.get("1").id, range(4)))
"""


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("where", ["postgresql", "redis"], indirect=True)
def test_processes_that_start_at_once_sign_in_once(where: str) -> None:
    emulator = AcmeEmulator()
    emulator.add()
    emulator.inject(Fault.delay(0.5), on="*/login", times=99)
    arguments = where, new_key().decode(), emulator.options()["password"]
    with (
        emulator.serve() as url,
        fleet(2, PROCESS, url, *arguments, "sync") as synchronous,
        fleet(2, PROCESS, url, *arguments, "async") as asynchronous,
    ):
        processes = [*synchronous, *asynchronous]
        for process in processes:
            process.go_on()
        assert [process.end() for process in processes] == ["1 1 1 1"] * 4
    assert [each.path for each in emulator.requests].count("/login") == 1


def test_a_refusal_is_shared_and_no_password_can_be_guessed_from_the_store(where: str) -> None:
    emulator, key = AcmeEmulator(), new_key()
    for _ in range(2):
        with emulator.connect(token_store=store_at(where, key), password="hunter2") as client:
            with pytest.raises(live.AuthenticationFailed):
                client.get("1")
    assert len(emulator.requests) == 1
    kept = contents(where)
    assert b" refused " in kept
    assert b"hunter2" not in kept


class Odd(AcmeAdapter):
    name = "odd"

    def sign_in(self, previous: live.Session | None, now: datetime) -> Any:
        session = yield from self._login(now)  # type: ignore[misc]
        return attrs.evolve(session, memo=object())


def test_a_store_that_is_down_or_refuses_a_session_only_costs_a_sign_in(tmp_path: Path) -> None:
    emulator = AcmeEmulator()
    emulator.add()
    down = RedisTokenStore(f"unix://{tmp_path}/nothing", new_key())
    with emulator.connect(token_store=down) as client:
        assert client.get("1").id == "1"
    working = SQLAlchemyTokenStore(f"sqlite:///{tmp_path}/sessions.sqlite", new_key())
    settings = {**emulator.options(), "token_store": working}
    with connected(Odd, emulator.transport(), **settings) as client:
        assert client.get("1").id == "1"


@pytest.mark.parametrize("keys", ["short", b"", [], 5, ["A" * 43 + "=", "wrong-secret"], None])
def test_a_wrong_key_or_address_is_refused_without_showing_it(keys: Any) -> None:
    for make in (SQLAlchemyTokenStore, RedisTokenStore):
        with pytest.raises(live.ConfigurationError, match="keys: expected") as caught:
            make("redis://localhost", keys)
        frames = [*traceback.walk_tb(caught.tb)][1:]
        shown = f"{caught.value}{[frame.f_locals for frame, _ in frames]}"
        assert "wrong-secret" not in shown
    for server in ("nothing://user:wrong-secret@host", 5, None):
        with pytest.raises(live.InvalidInput, match="redis: expected") as refused:
            RedisTokenStore(server, new_key())  # type: ignore[arg-type]
        assert "wrong-secret" not in str(refused.value)
