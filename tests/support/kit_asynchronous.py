"""Runs the conformance kit with asynchronous clients: python kit_asynchronous.py PYTEST'S ARGUMENTS."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import livestream_core as live
from event_loops import BlockingClient, loop_thread
from livestream_core.testing.conformance import _harness, _replayed


def main() -> int:
    with loop_thread() as loop:

        def connect(provider: str, /, **settings: Any) -> Any:
            return BlockingClient(live.connect_async(provider, **settings), loop)

        for module in (_harness, _replayed):
            vars(module)["connect"] = connect
        return int(pytest.main(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
