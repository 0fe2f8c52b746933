"""`livestream sandbox --simulate`: who connects, who records, and who is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from acme import AcmeEmulator
from livestream_core.cli.app import app
from livestream_core.cli.installation import sandbox as sandbox_module
from livestream_core.cli.installation.simulation import World
from livestream_core.emulator import Fault

SECONDS = 2.0


@pytest.fixture
def world(emulator: AcmeEmulator) -> Iterator[World]:
    with emulator.connect(retries=0) as client:
        yield World(emulator, client, seconds=SECONDS)


def changed(emulator: AcmeEmulator) -> None:
    """Somebody changes something, whatever it is."""
    with emulator.connect() as client:
        client.create(title="Another")


def test_an_encoder_connects_some_seconds_after_a_stream_is_ready(
    emulator: AcmeEmulator, world: World
) -> None:
    stream = emulator.add(status="ready")
    changed(emulator)
    for now in (0.0, 1.9):
        world.turn(now)
        assert stream["status"] == "ready"
    world.turn(2.2)
    assert stream["status"] == "on"


def test_a_recording_is_ready_some_seconds_after_the_end(
    emulator: AcmeEmulator, world: World
) -> None:
    stream = emulator.add(status="post")
    changed(emulator)
    for now in (0.0, 1.9):
        world.turn(now)
        assert stream["status"] == "post"
    world.turn(2.2)
    assert stream["status"] == "over"


@pytest.mark.parametrize("word", ["new", "boot", "on", "lost", "over", "off", "bad"])
def test_a_stream_in_any_other_status_is_left_alone(
    emulator: AcmeEmulator, world: World, word: str
) -> None:
    stream = emulator.add(status=word)
    changed(emulator)
    for now in range(5):
        world.turn(float(now))
    assert stream["status"] == word


def test_the_seconds_begin_anew_with_each_status(emulator: AcmeEmulator, world: World) -> None:
    stream = emulator.add(status="ready")
    changed(emulator)
    world.turn(0.0)
    world.turn(1.9)
    stream["status"] = "post"
    world.turn(2.2)
    assert stream["status"] == "post"
    world.turn(4.3)
    assert stream["status"] == "over"


def test_what_was_done_is_told_on_standard_error(
    emulator: AcmeEmulator, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = emulator.add(status="ready")
    changed(emulator)
    for now in range(5):
        world.turn(float(now))
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
        world = World(emulator, client, seconds=SECONDS)
        streams = [emulator.add(status="ready") for _ in range(2)]
        changed(emulator)
        for now in range(8):
            world.turn(float(now))
    assert asked == [stream["id"] for stream in streams]
    assert capsys.readouterr().err == ""


def test_a_vendor_that_fails_for_a_moment_is_looked_at_again(
    emulator: AcmeEmulator, world: World
) -> None:
    stream = emulator.add(status="ready")
    emulator.inject(Fault.status(503), on="GET *")
    changed(emulator)
    for now in range(5):
        world.turn(float(now))
    assert stream["status"] == "on"


def looks(emulator: AcmeEmulator, world: World, since: float, seconds: int) -> int:
    """How often the world looks, if it gets a turn every quarter of a second."""
    before = len(emulator.requests)
    for quarter in range(seconds * 4):
        world.turn(since + quarter / 4)
    return sum(each.method == "GET" for each in emulator.requests[before:])


def test_where_nobody_changes_anything_it_seldom_looks(
    emulator: AcmeEmulator, world: World
) -> None:
    changed(emulator)
    looks(emulator, world, 0.0, 60)
    assert looks(emulator, world, 60.0, 3600) <= 3600 / 30


def test_a_change_is_seen_at_once_after_a_long_silence(
    emulator: AcmeEmulator, world: World
) -> None:
    changed(emulator)
    looks(emulator, world, 0.0, 600)
    stream = emulator.add(status="ready")
    changed(emulator)
    for now in (600.1, 601.0, 602.2):
        world.turn(now)
    assert stream["status"] == "on"


def test_a_stream_that_changes_by_itself_is_seen_later(
    emulator: AcmeEmulator, world: World
) -> None:
    changed(emulator)
    looks(emulator, world, 0.0, 600)
    stream = emulator.add(status="ready")
    looks(emulator, world, 600.0, 90)
    assert stream["status"] == "on"


# -- on the command line ----------------------------------------------------------------------


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """How the sandbox was told to play; it ends at once."""
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
    played: list[dict[str, Any]], arguments: list[str], seconds: float | None
) -> None:
    assert CliRunner().invoke(app, ["sandbox", *arguments]).exit_code == 0
    assert [told["simulate_seconds"] for told in played] == [seconds]


def test_negative_seconds_are_refused(played: list[dict[str, Any]]) -> None:
    assert CliRunner().invoke(app, ["sandbox", "--simulate=-1"]).exit_code == 2
    assert played == []


def test_the_world_plays_with_the_account_that_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_ADAPTERS", "acme")  # no installed one
    accounts = iter(["printed", "another", "and another"])
    monkeypatch.setattr(
        AcmeEmulator, "options", lambda self: {"account_name": next(accounts), "token": "t"}
    )
    worlds: list[World] = []

    def end(found: list[World]) -> None:
        worlds.extend(found)
        raise KeyboardInterrupt

    monkeypatch.setattr(sandbox_module, "play", end)
    result = CliRunner().invoke(app, ["sandbox", "--simulate"])
    assert "export LIVESTREAM_ACME_ACCOUNT_NAME=printed" in result.stdout
    assert [world.account for world in worlds] == ["acme:api.acme.example:printed"]
