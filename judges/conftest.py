"""Fixtures: the SDKs, and a bench for each of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from livestream_mux.emulator import MuxEmulator

from .bench import Bench, serving
from .sdks import NodeSDK, PythonSDK

pytest.register_assert_rewrite("judges.mux_checks")


@pytest.fixture(scope="session")
def node() -> Iterator[NodeSDK]:
    folder = Path(__file__).parent / "node_modules" / "@mux" / "mux-node"
    if not folder.is_dir() or shutil.which("node") is None:
        pytest.skip("@mux/mux-node cannot judge: Node.js is not installed")
    sdk = NodeSDK()
    yield sdk
    sdk.close()


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
