"""What each process of the platform has once, to stream the lessons."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

import livestream_core as live
from livestream_core import contrib, durable, events
from livestream_core.sharing import RedisAccountLimiter, SQLAlchemyTokenStore

from .database import DATABASE_URL, Account, Change, Session

#: Seconds after which another worker takes over from one that was killed.
LEASE = float(os.environ.get("LEASE", "60"))
#: Seconds that a vendor may take to apply a create that received no response.
SETTLE = float(os.environ.get("SETTLE", "900"))
#: How many requests each account may send.
RATE_LIMIT = os.environ.get("RATE_LIMIT", "5/s")

# The library uses its database connections in threads.
database = sa.create_engine(DATABASE_URL, pool_pre_ping=True)
limiter = RedisAccountLimiter(os.environ["REDIS_URL"], RATE_LIMIT)
# The keys of cryptography.fernet.Fernet.generate_key() encrypt the sessions at vendors.
sessions = SQLAlchemyTokenStore(database, keys=os.environ["SESSION_KEYS"].split(","))


class UnknownAccount(LookupError):
    """There is no account with this name."""


async def client_for(name: str) -> live.AsyncClient:
    """Return the client for an account.

    Raises:
        UnknownAccount: If there is no such account.
    """
    async with Session() as session:
        account = await session.get(Account, name)
    if account is None:
        raise UnknownAccount(f"unknown account: {name}")
    return _client(account.provider, account.base_url, live.Secret(json.dumps(account.options)))


@lru_cache(maxsize=10_000)
def _client(provider: str, base_url: str | None, options: live.Secret) -> live.AsyncClient:
    return live.connect_async(
        provider,
        base_url=base_url,
        options=json.loads(options.reveal()),
        token_store=sessions,
        limiter=limiter,
    )


creates = durable.AsyncCreates(database, settle=SETTLE, lease=LEASE)
tracker = events.AsyncTracker(events.SQLAlchemyStore(database), client_for=client_for, lease=LEASE)
receiver = contrib.AsyncReceiver(tracker)


async def accounts() -> Sequence[str]:
    """Return the names of all accounts."""
    async with Session() as session:
        return (await session.scalars(sa.select(Account.name))).all()


watcher = events.AsyncWatcher(tracker, accounts=accounts)


async def handle(change: events.Change) -> None:
    """Act on a change of a stream. The same change may be handed over again, with the same key."""
    async with Session.begin() as session:
        added = await session.execute(
            insert(Change)
            .values(
                key=change.key,
                account=change.account,
                stream_id=change.stream_id,
                kind=change.kind,
                status=change.stream.status if change.stream else None,
            )
            .on_conflict_do_nothing()
            .returning(Change.id)
        )
        if added.scalar() is not None:
            ...  # what else must happen once, in this transaction
