"""Captures: made from an account with the secrets taken out, and played back by the kit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, connected
from kit_runs import run
from livestream_core.cli.app import app
from livestream_core.emulator import Fault, Request, Response, json_response
from livestream_core.testing.captures import (
    Capture,
    Player,
    capture,
    dumps,
    load,
    outcome,
    steps,
    unredacted_names,
)
from wrong_adapters import RightEmulator, WrongAdapters


@pytest.fixture(scope="module", autouse=True)
def _right_is_registered() -> Iterator[None]:
    plugin = WrongAdapters()
    live.register(plugin)
    yield
    live.unregister(plugin)


@pytest.fixture
def vendor() -> RightEmulator:
    return RightEmulator(boot_seconds=0.0)


def captured(vendor: RightEmulator, *, start: bool = False) -> Capture:
    return capture(
        lambda transport, clock: vendor.connect(transport=transport, clock=clock, retries=0),
        vendor.transport(),
        start=start,
    )


def operations(capture: Capture) -> list[str]:
    return [call.operation for call in capture.calls]


# -- making them ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_stream_is_made_looked_at_and_taken_away_again(vendor: RightEmulator) -> None:
    assert operations(captured(vendor)) == [
        *("create", "get", "list", "update", "recordings", "cancel", "delete", "get"),
    ]
    assert vendor.streams == {}


@pytest.mark.parametrize(
    ("updatable", "changed"),
    [
        (AcmeAdapter.capabilities.updatable, "title"),
        ({"tags", "description"}, "description"),
        ({"scheduled_start"}, "scheduled_start"),
        ({"thumbnail_url", "restreams"}, "thumbnail_url"),
        ({"restreams"}, None),
        ({"options"}, None),
        ((), None),
    ],
)
def test_the_update_of_a_capture_changes_the_first_field_that_can_be_changed(
    vendor: RightEmulator, updatable: Any, changed: str | None
) -> None:
    with vendor.connect() as client:
        client._adapter.capabilities = attrs.evolve(
            client.capabilities, updatable=updatable, clearable=()
        )
        made = steps(client, start=False, tomorrow=datetime(2030, 1, 1, tzinfo=UTC))
    updates = [dict(each.arguments) for each in made if each.operation == "update"]
    assert [[*each] for each in updates] == ([["id", changed]] if changed else [])
    assert json.loads(json.dumps(updates)) == updates
    for each in updates:
        live.StreamSpec(**{"title": "T", str(changed): each[str(changed)]})


def test_it_is_started_only_when_that_is_asked_for(vendor: RightEmulator) -> None:
    assert "start" not in operations(captured(vendor))
    assert operations(captured(vendor, start=True))[4:-2] == [
        *("start", "reset_key", "disable", "enable", "stop", "recordings", "get")
    ]


def test_signing_in_is_a_part_of_it(vendor: RightEmulator) -> None:
    exchange = captured(vendor).calls[0].exchanges[0]
    assert (exchange.method, exchange.target) == ("POST", "/login")


def test_no_secret_is_in_the_file(vendor: RightEmulator) -> None:
    text = dumps(captured(vendor, start=True))
    secrets = [*vendor.options().values(), *vendor.tokens, "acme-key-1"]
    assert [secret for secret in secrets if secret in text] == []


def test_a_secret_is_replaced_by_the_same_words_wherever_it_stood(vendor: RightEmulator) -> None:
    capture = captured(vendor)
    sent = capture.calls[0].exchanges[0].body
    assert sent == {
        "user": capture.options["user"],
        "password": capture.options["password"],
    }


def test_a_token_that_no_name_tells_is_taken_out_even_if_it_was_renewed_since() -> None:
    class Quiet(AcmeAdapter):
        name = "quiet"

        def sign_in(
            self, previous: live.Session | None, now: datetime
        ) -> live.Operation[live.Session]:
            response = yield self.post("/login", json=AcmeEmulator().options(), changes=False)
            return live.Session({"Authorization": f"Acme {response.fields().text('entry')}"})

    class QuietEmulator(AcmeEmulator):
        def login(self, request: Request) -> Response:
            token = f"entrance-{len(self.requests)}"
            self.tokens.add(token)
            return json_response({"entry": token})

    vendor = QuietEmulator()
    vendor.inject(Fault.extra_field("remark", "entrance-1 came in"), on="POST /streams")
    vendor.inject(Fault.status(401), on="GET /streams/*")
    text = dumps(
        capture(
            lambda transport, clock: connected(
                Quiet, transport, clock=clock, **AcmeEmulator().options()
            ),
            vendor.transport(),
        )
    )
    assert sum(each.path == "/login" for each in vendor.requests) == 2
    assert " came in" in text
    assert "entrance" not in text


def test_a_signature_in_an_address_is_taken_out(vendor: RightEmulator) -> None:
    url = "https://cdn.example/a.m3u8?Expires=1&Signature=c2lnbmVk&x=1"
    vendor.inject(Fault.extra_field("preview", url), on="POST /streams")
    text = dumps(captured(vendor))
    assert "c2lnbmVk" not in text
    assert "Expires=1" in text


def test_a_value_under_a_telling_name_is_taken_out(vendor: RightEmulator) -> None:
    vendor.inject(Fault.extra_field("drm_secret", "hunter2-hunter2"), on="POST /streams")
    capture = captured(vendor)
    assert "hunter2" not in dumps(capture)
    assert unredacted_names(capture) == []


def test_a_short_word_under_a_telling_name_does_not_spoil_other_texts(
    vendor: RightEmulator,
) -> None:
    vendor.inject(Fault.extra_field("key_kind", "a"), on="POST /streams")
    capture = captured(vendor)
    assert capture.calls[0].arguments["title"] == "A capture for the conformance kit"


def test_what_a_call_raised_is_kept(vendor: RightEmulator) -> None:
    assert captured(vendor).calls[-1].result == {"error": "NotFound", "applied": False}


@pytest.mark.parametrize(
    ("fault", "on"),
    [(Fault.status(422), "POST /streams"), (Fault.drop_after(), "GET /streams/*")],
)
def test_what_cannot_be_played_back_is_not_captured(
    vendor: RightEmulator, fault: Fault, on: str
) -> None:
    vendor.inject(fault, on=on)
    with pytest.raises((live.Rejected, live.ConnectionFailed)):
        captured(vendor)


def test_a_file_reads_back_as_it_was_written(vendor: RightEmulator, tmp_path: Path) -> None:
    capture = captured(vendor)
    file = tmp_path / "right.json"
    file.write_text(dumps(capture), encoding="utf-8")
    assert dumps(load(file)) == dumps(capture)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 2}', '{"format": 1, "calls": []}'])
def test_what_is_no_capture_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(live.InvalidInput):
        load(file)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[" * 100_000, "not JSON, or is nested too deeply"),
        (b'{"format": ' + b"9" * 5_000 + b"}", "has too long a number"),
        (b'{"format": "\xff"}', "is not UTF-8"),
    ],
)
def test_what_no_parser_gets_through_is_refused(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(content)
    with pytest.raises(live.InvalidInput, match=problem) as caught:
        load(file)
    assert str(file) in caught.value.message


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(live.InvalidInput, match="cannot be read: No such file"):
        load(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("operation", "arguments", "problem"),
    [
        ("get", {}, "get does not accept them: missing a required argument: 'id'"),
        ("get", {"id": "1", "x": 1}, "unexpected keyword argument 'x'"),
        ("get", {"self": 1, "id": "1"}, "multiple values for argument 'self'"),
        ("get", ["1"], "arguments: expected dict, not list"),
        ("stop", {"id": "1", "trim": 5}, "stop does not accept them"),
        ("stop", {"id": "1", "trim": [1]}, "stop does not accept them"),
        ("stop", {"id": "1", "trim": [2, 1]}, "start must be before end"),
        ("close", {}, "'close' cannot be captured"),
        ("__class__", {}, "'__class__' cannot be captured"),
        ("parse_webhook", {}, "'parse_webhook' cannot be captured"),
    ],
)
def test_a_call_that_cannot_be_made_is_refused_when_the_capture_is_read(
    vendor: RightEmulator, operation: str, arguments: Any, problem: str
) -> None:
    data = captured(vendor).to_data()
    data["calls"][0] |= {"operation": operation, "arguments": arguments}
    with pytest.raises(live.InvalidInput, match=re.escape(problem)):
        Capture.from_data(data)


@pytest.mark.slow
@given(st.data())
def test_a_capture_with_anything_in_place_of_a_part_is_read_or_invalid_input(
    data: st.DataObject,
) -> None:
    changed: Any = captured(RightEmulator(boot_seconds=0.0)).to_data()
    where, key = {"all": changed}, "all"
    while isinstance(inner := where[key], dict | list) and inner and data.draw(st.booleans()):
        where = inner
        key = data.draw(st.sampled_from([*inner] if isinstance(inner, dict) else range(len(inner))))
    where[key] = data.draw(
        st.none() | st.booleans() | st.integers() | st.text() | st.just([1]) | st.just({"a": []})
    )
    with suppress(live.InvalidInput):
        Capture.from_data(changed)


# -- playing them back ------------------------------------------------------------------------


def playing(capture: Capture) -> tuple[Player, live.Client]:
    player = Player()
    client = live.connect("right", transport=player, environ={}, retries=0, **dict(capture.options))
    return player, client


def test_a_capture_answers_the_same_call_as_before(vendor: RightEmulator) -> None:
    capture = captured(vendor)
    player, client = playing(capture)
    call = capture.calls[0]
    player.expect(call.exchanges)
    assert outcome(client, call.operation, call.arguments) == call.result
    assert player.problems == []


@pytest.mark.parametrize("changes", [{"title": "Another"}, {"tags": ["more"]}])
def test_a_request_that_differs_is_refused(vendor: RightEmulator, changes: dict[str, Any]) -> None:
    capture = captured(vendor)
    player, client = playing(capture)
    call = capture.calls[0]
    player.expect(call.exchanges)
    found = outcome(client, call.operation, {**call.arguments, **changes})
    assert found == {"error": "ConnectionFailed", "applied": False}
    assert len(player.problems) == 1


def test_a_request_that_is_not_sent_is_noticed(vendor: RightEmulator) -> None:
    capture = captured(vendor)
    player, _ = playing(capture)
    player.expect(capture.calls[0].exchanges)
    player.expect(())
    assert player.problems == ["POST /login was not sent"]


# -- by the kit -------------------------------------------------------------------------------


@pytest.fixture
def file(vendor: RightEmulator, tmp_path: Path) -> Path:
    """Return a capture of a vendor that has no emulator."""
    data = json.loads(dumps(captured(vendor, start=True)).replace('"right"', '"unemulated"'))
    path = tmp_path / "unemulated.json"
    path.write_text(json.dumps(data))
    return path


def replay(file: Path) -> Any:
    return run(
        file.parent,
        *("--livestream-adapter", "unemulated", "--livestream-captures", str(file)),
        *("-q", "--livestream-report=out/report.json"),
    )


@pytest.mark.slow
def test_an_adapter_without_an_emulator_is_tried_against_its_captures(file: Path) -> None:
    done = replay(file)
    assert done.returncode == 0, done.stdout
    assert "conformance of unemulated: not proven over HTTP" in done.stdout


@pytest.mark.slow
def test_the_report_says_that_nothing_was_proven_over_http(file: Path) -> None:
    replay(file)
    report = json.loads((file.parent / "out" / "report.json").read_text())["adapters"][0]
    assert report["over_http"] is False
    assert "not over HTTP" in (file.parent / "out" / "report.svg").read_text()


@pytest.mark.slow
def test_what_was_not_captured_is_not_called_proven(file: Path) -> None:
    replay(file)
    rows = json.loads((file.parent / "out" / "report.json").read_text())["adapters"][0]["rows"]
    assert (rows["create"]["verdict"], rows["webhook"]["verdict"]) == ("proven", "not run")


@pytest.mark.slow
def test_an_answer_that_is_read_otherwise_than_captured_fails(file: Path) -> None:
    file.write_text(file.read_text().replace('"status": "boot"', '"status": "over"'))
    done = replay(file)
    assert done.returncode == 1
    assert "sends_what_was_captured_and_reads_it_the_same" in done.stdout


@pytest.mark.slow
def test_a_secret_that_was_put_back_by_hand_fails(file: Path) -> None:
    data = json.loads(file.read_text())
    data["calls"][1]["exchanges"][0]["response"]["body"]["drm_secret"] = "in the clear"
    file.write_text(json.dumps(data))
    assert "FAILED unemulated::Replayed::test_a_capture_holds_no_secrets" in replay(file).stdout


@pytest.mark.slow
def test_a_file_that_is_no_capture_is_a_usage_error(file: Path) -> None:
    file.write_text("{}")
    done = replay(file)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "not a readable capture" in done.stderr


@pytest.mark.slow
def test_a_capture_of_another_provider_is_a_usage_error(file: Path) -> None:
    file.write_text(file.read_text().replace('"unemulated"', '"right"'))
    done = replay(file)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no capture is of unemulated" in done.stderr


# -- by the command ---------------------------------------------------------------------------


@pytest.fixture
def served(vendor: RightEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[RightEmulator]:
    with vendor.serve() as url:
        for name, value in {**vendor.options(), "base_url": url}.items():
            monkeypatch.setenv(f"LIVESTREAM_RIGHT_{name.upper()}", value)
        yield vendor


def invoke(*arguments: str) -> Any:
    from click.testing import CliRunner

    return CliRunner().invoke(app, ["-p", "right", "capture", *arguments])


def test_the_command_writes_the_file_and_names_what_it_captured(
    served: RightEmulator, tmp_path: Path
) -> None:
    file = tmp_path / "new" / "right.json"
    result = invoke(str(file), "--yes")
    assert result.exit_code == 0, result.output
    assert operations(load(file))[0] == "create"
    assert "create, get, list, update, recordings, cancel, delete, get" in result.output


def test_the_command_does_nothing_without_being_sure(served: RightEmulator, tmp_path: Path) -> None:
    result = invoke(str(tmp_path / "right.json"))
    assert result.exit_code == 2
    assert served.requests == []
