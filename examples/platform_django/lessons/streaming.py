"""What each process of the platform has once, to stream the lessons."""

from __future__ import annotations

import json
from functools import lru_cache

import sqlalchemy as sa
from django.conf import settings
from django.db import transaction

import livestream_core as live
from livestream_core import contrib, durable, events
from livestream_core.sharing import RedisAccountLimiter, RedisTokenStore

from .models import Account, Change

limiter = RedisAccountLimiter(settings.REDIS_URL, settings.RATE_LIMIT)
sessions = RedisTokenStore(settings.REDIS_URL, keys=settings.SESSION_KEYS)


def client_for(name: str) -> live.Client:
    """Return the client for an account.

    Raises:
        LookupError: If there is no such account.
    """
    account = Account.objects.filter(name=name).first()
    if account is None:
        raise LookupError(f"unknown account: {name}")
    options = live.Secret(json.dumps(account.options))
    return _client(account.provider, account.base_url, options)


@lru_cache(maxsize=10_000)
def _client(provider: str, base_url: str, options: live.Secret) -> live.Client:
    return live.connect(
        provider,
        base_url=base_url or None,
        options=json.loads(options.reveal()),
        token_store=sessions,
        limiter=limiter,
    )


database = sa.create_engine(settings.DATABASE_URL, pool_pre_ping=True)
creates = durable.Creates(database, settle=settings.SETTLE, lease=settings.LEASE)
tracker = events.Tracker(
    events.SQLAlchemyStore(database), client_for=client_for, lease=settings.LEASE
)
receiver = contrib.Receiver(tracker)
watcher = events.Watcher(tracker, accounts=lambda: Account.objects.values_list("name", flat=True))


def handle(change: events.Change) -> None:
    """Act on a change of a stream. The same change may be handed over again, with the same key."""
    with transaction.atomic():
        _, is_new = Change.objects.get_or_create(
            key=change.key,
            defaults={
                "account_id": change.account,
                "stream_id": change.stream_id,
                "kind": change.kind,
                "status": change.stream.status if change.stream else "",
            },
        )
        if is_new:
            ...  # what else must happen once, in this transaction
