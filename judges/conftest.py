"""Fixtures: the SDKs, and a bench for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from livestream_mux.emulator import MuxEmulator
from livestream_videosdk.rooms.emulator import VideoSDKRoomsEmulator

from .bench import Bench, serving
from .rooms_bench import RoomsBench
from .sdks import NodeSDK, PythonSDK, VideoSDK

pytest.register_assert_rewrite("judges.mux_checks", "judges.rooms_checks")

N = TypeVar("N", NodeSDK, VideoSDK)


@contextmanager
def running(sdk: type[N]) -> Iterator[N]:
    """Run an SDK from npm, or skip the test."""
    if not sdk.is_installed():
        pytest.skip(f"{sdk.name} cannot judge: Node.js is not installed")
    started = sdk()
    yield started
    started.close()


@pytest.fixture(scope="session")
def node() -> Iterator[NodeSDK]:
    with running(NodeSDK) as sdk:
        yield sdk


@pytest.fixture(scope="session")
def videosdk() -> Iterator[VideoSDK]:
    with running(VideoSDK) as sdk:
        yield sdk


@pytest.fixture
def rooms_bench(videosdk: VideoSDK) -> Iterator[RoomsBench]:
    emulator = VideoSDKRoomsEmulator()
    with emulator.serve() as origin:
        yield RoomsBench(emulator, origin, videosdk)


@pytest.fixture(params=["mux_python", "@mux/mux-node"])
def sdk(request: pytest.FixtureRequest) -> PythonSDK | NodeSDK:
    if request.param == PythonSDK.name:
        return PythonSDK()
    found: NodeSDK = request.getfixturevalue("node")
    return found


@pytest.fixture
def bench(sdk: PythonSDK | NodeSDK) -> Iterator[Bench]:
    with serving(MuxEmulator(), sdk) as bench:
        yield bench


@pytest.fixture
def python_bench() -> Iterator[Bench]:
    """Return a bench of the SDK that checks the names and types of what it sends."""
    with serving(MuxEmulator(), PythonSDK()) as bench:
        yield bench
