"""`livestream watch` without a terminal: a line for each change."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import Result

from acme import AcmeEmulator
from command_line import acme, served
from livestream_core.emulator import Fault

Step = Callable[[], object]


@pytest.fixture(autouse=True)
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[AcmeEmulator]:
    with served(monkeypatch) as emulator:
        yield emulator


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `watch`, with a change at the vendor after each read, and Ctrl-C after the last."""

    def watched(*arguments: str, steps: list[Step]) -> Result:
        left = iter(steps)
        pauses: list[float] = []

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            step = next(left, None)
            if step is None:
                os.kill(os.getpid(), signal.SIGINT)
            else:
                step()

        with monkeypatch.context() as patch:
            patch.setattr("livestream_core.cli.streams.watching.time.sleep", sleep)
            return acme("watch", *arguments)

    return watched


Watch = Callable[..., Result]


def changes(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_ctrl_c_ends_it_quietly_and_well(vendor: AcmeEmulator, watch: Watch) -> None:
    vendor.add()
    result = watch(steps=[])
    assert (result.exit_code, result.stderr) == (0, "")


def test_it_begins_with_a_line_for_each_stream(vendor: AcmeEmulator, watch: Watch) -> None:
    vendor.add(title="One")
    vendor.add(title="Two", status="on")
    lines = [line.split("  ")[1:] for line in watch(steps=[]).stdout.splitlines()]
    assert lines == [["1", "scheduled", "One"], ["2", "live", "Two"]]


def test_a_change_of_status_is_one_line(vendor: AcmeEmulator, watch: Watch) -> None:
    stream = vendor.add(title="One")
    output = watch(steps=[lambda: stream.update(status="boot"), lambda: None]).stdout
    assert output.splitlines()[-1].endswith("  1  scheduled -> starting  One")
    assert len(output.splitlines()) == 2


def test_other_changes_are_named(vendor: AcmeEmulator, watch: Watch) -> None:
    stream = vendor.add(title="One")
    output = watch(
        "--utc",
        steps=[
            lambda: stream.update(title="Two", start="2026-12-05T10:00:00Z"),
            lambda: stream.update(start=None),
        ],
    ).stdout.splitlines()
    assert output[1].endswith("1  title changed, scheduled for 2026-12-05 10:00:00+00:00  Two")
    assert output[2].endswith("1  scheduled start changed  Two")


def test_a_stream_that_is_gone_is_a_line(vendor: AcmeEmulator, watch: Watch) -> None:
    vendor.add(title="One")
    output = watch(steps=[lambda: vendor.streams.clear()]).stdout
    assert output.splitlines()[-1].endswith("  1  no longer exists  One")


def test_an_entry_that_cannot_be_read_ends_nothing_and_is_not_gone(
    vendor: AcmeEmulator, watch: Watch
) -> None:
    one, two = vendor.add(title="One"), vendor.add(title="Two")

    def spoil() -> None:
        del one["status"]

    result = watch(steps=[spoil, lambda: two.update(status="on"), lambda: one.update(status="on")])
    assert result.exit_code == 0
    assert [line.split("  ")[1:] for line in result.stdout.splitlines()] == [
        ["1", "scheduled", "One"],
        ["2", "scheduled", "Two"],
        ["2", "scheduled -> live", "Two"],
        ["1", "scheduled -> live", "One"],
    ]
    assert result.stderr.count("'1' at position 0 of page 1") == 1


def test_an_entry_without_an_id_may_be_any_stream(vendor: AcmeEmulator, watch: Watch) -> None:
    vendor.add(title="One")
    vendor.add(title="Two")

    def spoil() -> None:
        vendor.streams["1"]["id"] = None

    result = watch(steps=[spoil])
    assert "no longer exists" not in result.stdout


def test_an_unreadable_stream_among_named_ones_does_not_end_it(
    vendor: AcmeEmulator, watch: Watch
) -> None:
    one, two = vendor.add(title="One"), vendor.add(title="Two")

    def spoil() -> None:
        del one["status"]

    result = watch("1", "2", steps=[spoil, lambda: two.update(status="on")])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].endswith("2  scheduled -> live  Two")
    assert "status is missing" in result.stderr


def test_json_has_what_was_and_what_is(vendor: AcmeEmulator, watch: Watch) -> None:
    stream = vendor.add()
    first, second, third = changes(
        watch("--json", steps=[lambda: stream.update(status="on"), lambda: vendor.streams.clear()])
    )
    assert (first["previous"], first["status"], first["changed"]) == (None, "scheduled", [])
    assert (second["previous"], second["status"], second["changed"]) == (
        "scheduled",
        "live",
        ["status"],
    )
    assert second["stream"]["id"] == second["id"] == "1"
    assert (third["previous"], third["status"], third["stream"]) == ("live", None, None)


def test_json_has_no_secret_unless_it_is_asked_for(vendor: AcmeEmulator, watch: Watch) -> None:
    vendor.add()
    assert "acme-key-1" not in watch("--json", steps=[]).output
    assert "acme-key-1" in watch("--json", "--show-secrets", steps=[]).stdout


def test_only_the_streams_that_were_named_are_watched(vendor: AcmeEmulator, watch: Watch) -> None:
    for _ in range(3):
        vendor.add()
    assert [each["id"] for each in changes(watch("3", "1", "3", "--json", steps=[]))] == ["3", "1"]


def test_filters_are_those_of_list(vendor: AcmeEmulator, watch: Watch) -> None:
    vendor.add()
    vendor.add(status="on")
    assert [each["id"] for each in changes(watch("--status", "live", "--json", steps=[]))] == ["2"]


def test_ids_and_filters_are_a_usage_error(vendor: AcmeEmulator, watch: Watch) -> None:
    assert watch("1", "--status", "live", steps=[]).exit_code == 2
    assert vendor.requests == []


def test_it_is_over_when_all_that_were_named_are_gone(vendor: AcmeEmulator, watch: Watch) -> None:
    vendor.add()
    vendor.add()
    result = watch(
        "1", "2", "--json", steps=[lambda: vendor.streams.pop("1"), lambda: vendor.streams.clear()]
    )
    assert [(each["id"], each["status"]) for each in changes(result)[2:]] == [
        ("1", None),
        ("2", None),
    ]


def test_a_stream_that_never_was_is_not_found(watch: Watch) -> None:
    assert watch("nope", steps=[]).exit_code == 3


@pytest.mark.parametrize("ids", [(), ("1",)])
def test_temporary_errors_are_shown_once_and_polled_through(
    vendor: AcmeEmulator, watch: Watch, ids: tuple[str, ...]
) -> None:
    stream = vendor.add()
    busy = Fault.status(429, headers={"Retry-After": "1000"})
    result = watch(
        *ids,
        steps=[
            lambda: vendor.inject(busy, on="GET *", times=2),
            lambda: None,
            lambda: stream.update(status="on"),
        ],
    )
    assert result.exit_code == 0
    assert result.stderr.count("retrying") == 1
    assert "scheduled -> live" in result.stdout
    assert "no longer exists" not in result.stdout


def test_polling_continues_after_an_error_of_the_first_read(
    vendor: AcmeEmulator, watch: Watch
) -> None:
    vendor.add()
    vendor.inject(Fault.status(429, headers={"Retry-After": "1000"}), on="GET *")
    assert len(changes(watch("1", "--json", steps=[lambda: None]))) == 1


def test_an_error_that_stays_ends_it(vendor: AcmeEmulator, watch: Watch) -> None:
    vendor.add()
    result = watch(steps=[lambda: vendor.inject(Fault.status(403), on="GET *")])
    assert result.exit_code == 3


def test_a_recording_that_comes_is_a_change(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    import livestream_core as live

    found = [live.LiveStream(provider="acme", id="1", title="T", status="ended")]

    def arrives() -> None:
        found[0] = live.LiveStream(
            provider="acme", id="1", title="T", status="ended", recording=live.Recording("ready")
        )

    monkeypatch.setattr(live.Client, "get", lambda self, id: found[0])
    assert "recording ready" in watch("1", steps=[arrives, lambda: None]).stdout
