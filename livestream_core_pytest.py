"""The part of livestream-core that pytest loads in every run: options and one fixture.

Everything else is imported when an option is passed or the fixture is used. This module is outside
the package because importing the package would slow down every test run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from livestream_core.testing.fixture import Livestreams


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the conformance kit."""
    group = parser.getgroup("livestream-core", "conformance of live-streaming adapters")
    group.addoption(
        "--livestream-adapter",
        action="append",
        default=[],
        metavar="NAME",
        help="run the conformance kit on this installed adapter; can be repeated",
    )
    group.addoption(
        "--livestream-server",
        action="append",
        default=[],
        metavar="FILE:CLASS",
        help="run the kit on the real server that this class starts; can be repeated",
    )
    group.addoption(
        "--livestream-client",
        choices=("synchronous", "asynchronous", "both"),
        default="synchronous",
        help="the client to test the adapter with",
    )
    group.addoption(
        "--livestream-captures",
        action="append",
        default=[],
        metavar="FILE",
        help="a file from `livestream capture` or `livestream doctor --live`, or a folder of such "
        "files, to replay; can be repeated",
    )
    group.addoption(
        "--livestream-report",
        metavar="FILE",
        help="write the results as JSON, and a badge next to it with the suffix .svg",
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Load the kit if an option requests it."""
    options = ("livestream_adapter", "livestream_server", "livestream_report")
    if any(map(config.getoption, options)):
        from livestream_core.testing import plugin

        plugin.configure(config)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the kit's walks last, because quick tests name a fault that a walk only comes across.

    Processes of pytest-xdist receive tests from the start of the list, so it holds for them too.
    """
    items.sort(key=_is_walk)


def _is_walk(item: pytest.Item) -> bool:
    return getattr(getattr(item, "function", None), "livestream_walk", False)


@pytest.fixture
def livestreams() -> Iterator[Livestreams]:
    """Provide in-memory vendors for this test only; see ``livestream_core.testing``."""
    from livestream_core.testing import fixture

    vendor: Any
    with fixture.livestreams() as vendor:
        yield vendor
