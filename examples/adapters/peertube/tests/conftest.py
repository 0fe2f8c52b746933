"""An emulated instance and a client of it, whose time only passes when a test says so."""

from __future__ import annotations

from collections.abc import Iterator

import livestream_peertube
import pytest
from livestream_peertube.emulator import PeerTubeEmulator

import livestream_core as live

if "peertube" not in live.providers():  # not installed: run from the folder as it stands
    live.register(livestream_peertube)

#: What the emulated instance says it is reached by.
ORIGIN = "https://peertube.example"


@pytest.fixture
def instance() -> PeerTubeEmulator:
    emulator = PeerTubeEmulator()
    emulator.clock = live.ManualClock()
    return emulator


@pytest.fixture
def client(instance: PeerTubeEmulator) -> Iterator[live.Client]:
    with instance.connect(base_url=ORIGIN) as client:
        yield client
