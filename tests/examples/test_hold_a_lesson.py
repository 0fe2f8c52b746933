"""examples/hold_a_lesson.py: one program for vendors with different features."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import livestream_core as live
from livestream_core.cli.installation.simulation import Simulation
from livestream_core.emulator import Emulator, load_emulator

SCRIPT = Path(__file__).parents[2] / "examples" / "hold_a_lesson.py"
PROVIDERS = ("tktchurch", "tpstreams", "videosdk")

pytestmark = pytest.mark.skipif(
    not set(PROVIDERS) <= {point.name for point in entry_points(group="livestream_core")},
    reason="an adapter package is not installed",
)


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hold_a_lesson", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Clock(live.ManualClock):
    """A clock that advances the simulation during every wait."""

    simulation: Simulation

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.simulation.advance(self.monotonic())


@pytest.fixture(autouse=True)
def vendors(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Emulator]]:
    with ExitStack() as clients:
        found: dict[str, Emulator] = {}
        for provider in PROVIDERS:
            emulator = found[provider] = load_emulator(provider)(boot_seconds=20)
            clock = emulator.clock = Clock()
            clock.simulation = Simulation(
                emulator, clients.enter_context(emulator.connect()), seconds=2
            )
        real = live.connect

        def connect(provider: str) -> Any:
            return found[provider].connect() if provider in found else real(provider, environ={})

        monkeypatch.setattr(live, "connect", connect)
        yield found


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_lesson_runs_at_every_vendor(
    example: ModuleType, vendors: dict[str, Emulator], provider: str
) -> None:
    assert example.main([provider, "--title", "Statistics"]) == 0
    with vendors[provider].connect() as client:
        assert [stream.title for stream in client.list()] == ["Statistics"]


@pytest.mark.parametrize(
    ("provider", "line"),
    [
        ("tpstreams", r"publish to rtmp://\S+ with the key \*\*\*"),
        ("tpstreams", r"status: ended; recording: https://\S+"),
        ("videosdk", r"without schedule: VideoSDK has no schedule.*"),
        ("videosdk", r"without stop: .*"),
        ("tktchurch", r"without trim: .*"),
        ("tktchurch", r"tktchurch never reports the status ready"),
    ],
)
def test_the_output_has_the_results_and_the_missing_features(
    example: ModuleType, capsys: pytest.CaptureFixture[str], provider: str, line: str
) -> None:
    example.main([provider])
    assert re.search(rf"^  {line}$", capsys.readouterr().out, re.MULTILINE)


def test_a_vendor_that_cannot_be_reached_stops_no_other(
    example: ModuleType, vendors: dict[str, Emulator], capsys: pytest.CaptureFixture[str]
) -> None:
    assert example.main(["nowhere", "tpstreams"]) == 1
    assert "unknown provider 'nowhere'" in capsys.readouterr().err
    with vendors["tpstreams"].connect() as client:
        assert len(list(client.list())) == 1
