"""What pytest loads of livestream-core in every run: options, and one fixture.

All else is imported when an option is given or the fixture is used. It stands outside of the
package because importing the package would make everybody's test run slower.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from livestream_core.testing.fixture import Livestreams


def pytest_addoption(parser: pytest.Parser) -> None:
    """The kit's options."""
    group = parser.getgroup("livestream-core", "conformance of live-streaming adapters")
    group.addoption(
        "--livestream-adapter",
        action="append",
        default=[],
        metavar="NAME",
        help="run the conformance kit on this installed adapter; may be given several times",
    )
    group.addoption(
        "--livestream-client",
        choices=("synchronous", "asynchronous", "both"),
        default="synchronous",
        help="which client uses the adapter",
    )
    group.addoption(
        "--livestream-captures",
        action="append",
        default=[],
        metavar="FILE",
        help="what `livestream capture` wrote, for an adapter without an emulator",
    )
    group.addoption(
        "--livestream-report",
        metavar="FILE",
        help="write what was proven as JSON, and a badge beside it with the suffix .svg",
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Loads the kit if it was asked for."""
    if config.getoption("livestream_adapter") or config.getoption("livestream_report"):
        from livestream_core.testing import plugin

        plugin.configure(config)


@pytest.fixture
def livestreams() -> Iterator[Livestreams]:
    """A vendor of this test's own behind ``connect("memory")``: see
    ``livestream_core.testing``.
    """
    from livestream_core.testing import fixture

    vendor: Any
    with fixture.livestreams() as vendor:
        yield vendor
