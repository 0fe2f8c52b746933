"""A pytest plugin that registers the vendor of `relay`."""

import livestream_core as live
from relay import RelayPlugin


def pytest_configure() -> None:
    live.register(RelayPlugin())
