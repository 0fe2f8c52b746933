"""A pytest plugin that registers the vendors of `untitled`."""

import livestream_core as live
from untitled import SmallVendors


def pytest_configure() -> None:
    live.register(SmallVendors())
