"""`livestream sandbox --simulate`: who connects, who records, and who is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from acme import AcmeEmulator
from livestream_core.cli.app import app
from livestream_core.cli.installation import sandbox as sandbox_module
from livestream_core.cli.installation.simulation import Simulation
from livestream_core.emulator import Fault

SECONDS = 2.0


@pytest.fixture
def simulation(emulator: AcmeEmulator) -> Iterator[Simulation]:
    with emulator.connect(retries=0) as client:
        yield Simulation(emulator, client, seconds=SECONDS)


def changed(emulator: AcmeEmulator) -> None:
    """Somebody changes something, whatever it is."""
    with emulator.connect() as client:
        client.create(title="Another")


def test_an_encoder_connects_some_seconds_after_a_stream_is_ready(
    emulator: AcmeEmulator, simulation: Simulation
) -> None:
    stream = emulator.add(status="ready")
    changed(emulator)
    for now in (0.0, 1.9):
        simulation.advance(now)
        assert stream["status"] == "ready"
    simulation.advance(2.2)
    assert stream["status"] == "on"


def test_a_recording_is_ready_some_seconds_after_the_end(
    emulator: AcmeEmulator, simulation: Simulation
) -> None:
    stream = emulator.add(status="post")
    changed(emulator)
    for now in (0.0, 1.9):
        simulation.advance(now)
        assert stream["status"] == "post"
    simulation.advance(2.2)
    assert stream["status"] == "over"


@pytest.mark.parametrize("word", ["new", "boot", "on", "lost", "over", "off", "bad"])
def test_a_stream_in_any_other_status_is_left_alone(
    emulator: AcmeEmulator, simulation: Simulation, word: str
) -> None:
    stream = emulator.add(status=word)
    changed(emulator)
    for now in range(5):
        simulation.advance(float(now))
    assert stream["status"] == word


def test_the_seconds_start_again_with_each_status(
    emulator: AcmeEmulator, simulation: Simulation
) -> None:
    stream = emulator.add(status="ready")
    changed(emulator)
    simulation.advance(0.0)
    simulation.advance(1.9)
    stream["status"] = "post"
    simulation.advance(2.2)
    assert stream["status"] == "post"
    simulation.advance(4.3)
    assert stream["status"] == "over"


def test_what_was_done_is_told_on_standard_error(
    emulator: AcmeEmulator, simulation: Simulation, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = emulator.add(status="ready")
    changed(emulator)
    for now in range(5):
        simulation.advance(float(now))
    assert capsys.readouterr() == ("", f"# acme {stream['id']}: an encoder connects\n")


@pytest.mark.parametrize("error", [ValueError("there are no encoders"), NotImplementedError()])
def test_a_vendor_without_encoders_is_asked_once_for_each_stream(
    emulator: AcmeEmulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    asked = []

    def refuse(self: AcmeEmulator, id: str) -> None:
        asked.append(id)
        raise error

    monkeypatch.setattr(AcmeEmulator, "connect_encoder", refuse)
    with emulator.connect() as client:
        simulation = Simulation(emulator, client, seconds=SECONDS)
        streams = [emulator.add(status="ready") for _ in range(2)]
        changed(emulator)
        for now in range(8):
            simulation.advance(float(now))
    assert asked == [stream["id"] for stream in streams]
    assert capsys.readouterr().err == ""


def test_a_vendor_that_fails_for_a_moment_is_looked_at_again(
    emulator: AcmeEmulator, simulation: Simulation
) -> None:
    stream = emulator.add(status="ready")
    emulator.inject(Fault.status(503), on="GET *")
    changed(emulator)
    for now in range(5):
        simulation.advance(float(now))
    assert stream["status"] == "on"


def reads(emulator: AcmeEmulator, simulation: Simulation, since: float, seconds: int) -> int:
    """Return how often the simulation reads, if it advances every quarter of a second."""
    before = len(emulator.requests)
    for quarter in range(seconds * 4):
        simulation.advance(since + quarter / 4)
    return sum(each.method == "GET" for each in emulator.requests[before:])


def test_where_nobody_changes_anything_it_seldom_looks(
    emulator: AcmeEmulator, simulation: Simulation
) -> None:
    changed(emulator)
    reads(emulator, simulation, 0.0, 60)
    assert reads(emulator, simulation, 60.0, 3600) <= 3600 / 30


def test_a_change_is_seen_at_once_after_a_long_silence(
    emulator: AcmeEmulator, simulation: Simulation
) -> None:
    changed(emulator)
    reads(emulator, simulation, 0.0, 600)
    stream = emulator.add(status="ready")
    changed(emulator)
    for now in (600.1, 601.0, 602.2):
        simulation.advance(now)
    assert stream["status"] == "on"


def test_a_stream_that_changes_by_itself_is_seen_later(
    emulator: AcmeEmulator, simulation: Simulation
) -> None:
    changed(emulator)
    reads(emulator, simulation, 0.0, 600)
    stream = emulator.add(status="ready")
    reads(emulator, simulation, 600.0, 90)
    assert stream["status"] == "on"


# -- on the command line ----------------------------------------------------------------------


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the arguments of the sandbox, which ends at once."""
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "livestream_core.cli.installation.sandbox.run", lambda **told: seen.append(told)
    )
    return seen


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        ([], None),
        (["--simulate"], 2.0),
        (["--simulate", "--boot-seconds", "1"], 2.0),
        (["--simulate", "5"], 5.0),
        (["--simulate=0"], 0.0),
    ],
)
def test_the_seconds_may_be_left_out(
    simulated: list[dict[str, Any]], arguments: list[str], seconds: float | None
) -> None:
    assert CliRunner().invoke(app, ["sandbox", *arguments]).exit_code == 0
    assert [settings["simulate_seconds"] for settings in simulated] == [seconds]


def test_negative_seconds_are_refused(simulated: list[dict[str, Any]]) -> None:
    assert CliRunner().invoke(app, ["sandbox", "--simulate=-1"]).exit_code == 2
    assert simulated == []


def test_the_simulation_uses_the_account_that_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_ADAPTERS", "acme")  # no installed one
    accounts = iter(["printed", "another", "and another"])
    monkeypatch.setattr(
        AcmeEmulator, "options", lambda self: {"account_name": next(accounts), "token": "t"}
    )
    simulations: list[Simulation] = []

    def end(found: list[Simulation]) -> None:
        simulations.extend(found)
        raise KeyboardInterrupt

    monkeypatch.setattr(sandbox_module, "simulate", end)
    result = CliRunner().invoke(app, ["sandbox", "--simulate"])
    assert "export LIVESTREAM_ACME_ACCOUNT_NAME=printed" in result.stdout
    [simulation] = simulations
    assert simulation.account.startswith("acme:127.0.0.1:")
    assert simulation.account.endswith(":printed")
