"""The places where a process may be killed.

They are before and after every commit, and the sending of a create or a delete. A migration also has those
before and after a commit's mark and the replacement of the ledger's file. Each place is counted
when it is reached, and its name says what is written or sent there.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from livestream_core import RequestsTransport
from livestream_core.migrate.ledger import mark_file
from livestream_core.migrate.ledger.transaction import Transaction

#: Called with the number and the name of each place.
Passed = Callable[[int, str], None]

#: The methods after which a commit is named.
_WRITES = (
    "begin_run",
    "change",
    "change_migration",
    "claim",
    "hold",
    "intend",
    "note",
    "note_attempt",
    "note_created",
    "pause",
    "postpone",
    "release",
    "save_baseline",
)


class Places:
    """The places that are reached. Only for a separate process, because patches stay installed."""

    def __init__(self, passed: Passed) -> None:
        self._passed = passed
        self._lock = threading.Lock()
        self._done = threading.local()
        self.count = 0

    def at(self, name: str) -> None:
        """Report that the process has reached a place."""
        with self._lock:
            self.count += 1
            count = self.count
        self._passed(count, name)

    def install(self) -> None:
        """Patch the code, so that all places are reported from now on."""
        self._around(PGDialect_psycopg, "do_commit", lambda *_: f"commit of {self._what()}")
        self._around(RequestsTransport, "send", self._sent)
        sa.event.listen(sa.Engine, "before_cursor_execute", self._sqlite("before"))
        sa.event.listen(sa.Engine, "after_cursor_execute", self._sqlite("after"))

    def _sent(self, _transport: Any, method: str, _origin: str, target: str, *_: Any) -> str | None:
        if method == "DELETE":
            return "sending a delete"
        is_create = method == "POST" and "/auth/" not in target
        return "sending a create" if is_create else None

    def _writes(self, name: str) -> None:
        """Note what the current thread's transaction writes."""
        if not hasattr(self._done, "names"):
            self._done.names = {}
        self._done.names[name] = None

    def _what(self) -> str:
        names = getattr(self._done, "names", None)
        return "+".join(sorted(names)) if names else "a new ledger"

    def _around(self, where: Any, name: str, shown: Callable[..., str | None]) -> None:
        original = getattr(where, name)

        def between(*args: Any, **values: Any) -> Any:
            what = shown(*args)
            if what is None:
                return original(*args, **values)
            self.at(f"before {what}")
            result = original(*args, **values)
            self.at(f"after {what}")
            if what.startswith("commit"):
                self._done.names = {}
            return result

        setattr(where, name, between)

    def _sqlite(self, when: str) -> Callable[..., None]:
        def listener(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement == "COMMIT":
                self.at(f"{when} commit of {self._what()}")
                if when == "after":
                    self._done.committed = self._what()
                    self._done.names = {}

        return listener


class Points(Places):
    """The places of a migration."""

    def install(self) -> None:
        """Patch the code; see :meth:`Places.install`."""
        super().install()
        for name in _WRITES:
            self._note(name)
        self._around(os, "replace", lambda *_: "replace")
        self._around(mark_file, "write", lambda *_: f"the mark of {self._marked()}")

    def _note(self, name: str) -> None:
        original = getattr(Transaction, name)

        def noted(transaction: Transaction, *args: Any, **values: Any) -> Any:
            self._writes(name)
            return original(transaction, *args, **values)

        setattr(Transaction, name, noted)

    def _marked(self) -> str:
        return getattr(self._done, "committed", "what was there")
