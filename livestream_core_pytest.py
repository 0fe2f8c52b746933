"""The pytest plugin of livestream-core: options, and one fixture.

Everything else is imported only if an option is set or the fixture is used. pytest loads this
module in every run, so it is outside of the package, whose import would slow down all test runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from livestream_core.testing.fixture import Livestreams


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the conformance kit."""
    group = parser.getgroup("livestream-core", "conformance kit for live-streaming adapters")
    group.addoption(
        "--livestream-adapter",
        action="append",
        default=[],
        metavar="NAME",
        help="run the conformance kit on this installed adapter (repeatable)",
    )
    group.addoption(
        "--livestream-client",
        choices=("synchronous", "asynchronous", "both"),
        default="synchronous",
        help="the client to use with the adapter (default: synchronous)",
    )
    group.addoption(
        "--livestream-captures",
        action="append",
        default=[],
        metavar="FILE",
        help="an API capture from `livestream capture`, for an adapter without an emulator "
        "(repeatable)",
    )
    group.addoption(
        "--livestream-report",
        metavar="FILE",
        help="write the results to FILE as JSON, and a badge to the same name with the suffix .svg",
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Load the conformance kit if an option requests it."""
    if config.getoption("livestream_adapter") or config.getoption("livestream_report"):
        from livestream_core.testing import plugin

        plugin.configure(config)


@pytest.fixture
def livestreams() -> Iterator[Livestreams]:
    """Provide a separate vendor to each test, behind ``connect("memory")``.

    See ``livestream_core.testing``.
    """
    from livestream_core.testing import fixture

    vendor: Any
    with fixture.livestreams() as vendor:
        yield vendor
