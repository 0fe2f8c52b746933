"""Leases: one worker's time-limited claim on a group of creates that could be confused."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

_P = sa.bindparam


class LeaseLost(Exception):
    """Another worker may have claimed the group; nothing may be sent for it."""


class Leases:
    """The statements that claim and release the groups of a table.

    Statements are built once, because building takes longer than running them. Each method runs in
    the caller's transaction. ``now`` is the time by the clock that all workers share.

    Args:
        groups: The table. It has the columns ``key``, ``owner``, ``lease_until``, and
            ``not_before``.
        forgotten: The values of a group that an intent resets.
        released: The values of a group that a release sets, with the names of their parameters.
    """

    def __init__(
        self,
        groups: sa.Table,
        *,
        forgotten: Mapping[str, Any] | None = None,
        released: Mapping[str, Any] | None = None,
    ) -> None:
        self.groups = groups
        #: Whether no other worker holds a group, and it need not wait.
        self.is_free: sa.ColumnElement[bool] = sa.and_(
            sa.or_(groups.c.owner.is_(None), groups.c.lease_until <= _P("now")),
            groups.c.not_before <= _P("now"),
        )
        held = groups.c.key == _P("of_group"), groups.c.owner == _P("of_owner")
        self._hold = groups.update().where(*held).values(lease_until=_P("until"))
        self._hold_and_forget = self._hold.values(dict(forgotten or {}))
        self._owner = (
            sa.select(groups.c.owner).where(groups.c.key == _P("of_group")).with_for_update()
        )
        let_go = groups.update().where(*held).values(owner=None, lease_until=0.0)
        self._postpone = let_go.values(not_before=_P("after"))
        self._release = self._postpone.values(dict(released or {}))

    def claiming(self, key: Any) -> sa.Executable:
        """Return the statement that claims a group and returns its row, if it is free.

        Its parameters are ``now``, ``as_owner``, and ``until``, and those of the key.

        Args:
            key: The group's key, or a query for it.
        """
        return (
            self.groups.update()
            .where(self.groups.c.key == key)
            .values(owner=_P("as_owner"), lease_until=_P("until"))
            .returning(self.groups)
        )

    def hold(
        self, connection: sa.Connection, key: str, owner: str, until: float, *, forget: bool = False
    ) -> None:
        """Renew a worker's lease on a group.

        An expired lease can be renewed as long as no other worker has claimed the group.

        Raises:
            LeaseLost: If another worker has claimed the group.
        """
        held = connection.execute(
            self._hold_and_forget if forget else self._hold,
            {"of_group": key, "of_owner": owner, "until": until},
        )
        if held.rowcount != 1:
            raise LeaseLost

    def owns(self, connection: sa.Connection, key: str, owner: str) -> bool:
        """Return whether a worker is still the last one to have claimed a group."""
        return bool(connection.execute(self._owner, {"of_group": key}).scalar() == owner)

    def postpone(
        self, connection: sa.Connection, key: str, owner: str, after: float | None
    ) -> None:
        """Release a group until a time, and change nothing else about it."""
        connection.execute(self._postpone, {"of_group": key, "of_owner": owner, "after": after})

    def release(
        self, connection: sa.Connection, key: str, owner: str, after: float = 0.0, **values: Any
    ) -> None:
        """Release a group. If another worker holds it, nothing changes."""
        connection.execute(
            self._release, {"of_group": key, "of_owner": owner, "after": after, **values}
        )


def lease_keeper(lease: float, renew: Callable[[], object]) -> Callable[[], None]:
    """Return a function, to be called repeatedly, that renews a lease in time."""
    renewed = time.monotonic()

    def heartbeat() -> None:
        nonlocal renewed
        if time.monotonic() - renewed > lease / 3:
            renewed = time.monotonic()
            renew()

    return heartbeat
