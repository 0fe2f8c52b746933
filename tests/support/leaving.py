"""Programs of processes that sign in and then exit. Their vendor is at ``VENDOR_URL``."""

from __future__ import annotations

import os
import threading
from typing import Any

import livestream_core as live
from acme import AcmeEmulator, AcmePlugin

live.register(AcmePlugin())

CREDENTIALS = AcmeEmulator().options()


def connect(**settings: Any) -> live.Client:
    options = {**CREDENTIALS, **settings}
    return live.connect("acme", base_url=os.environ["VENDOR_URL"], **options)


def use(_: object = None) -> str:
    """Read a stream with a client that is never closed and lives until the exit."""
    client = globals().setdefault("client", connect())
    return str(client.get("1").id)


def use_another() -> None:
    """Read a stream as another account."""
    globals()["another"] = connect(account_name="another")
    globals()["another"].get("1")


def use_and_fail() -> None:
    use()
    raise LookupError("as a child may")


def use_and_exit() -> None:
    use()
    raise SystemExit(3)


def forbid_threads() -> None:
    """Prevent new threads from now on, as Python 3.12 does at the exit."""

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    threading.Thread.start = start  # type: ignore[method-assign]


def application(environ: Any, start_response: Any) -> list[bytes]:
    """Serve as a WSGI application that responds with the stream that it reads."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{use()} {os.getpid()}".encode()]


if os.environ.get("SIGNS_IN_BEFORE_THE_FORK"):
    use()
elif os.environ.get("CONNECTS_BEFORE_THE_FORK"):
    client = connect()
