"""A command that fails: its exit code, and one line without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import livestream_core as live
from acme import AcmeEmulator
from command_line import acme, run, served
from livestream_core.cli.console.exit_codes import MEANINGS, code_of
from livestream_core.emulator import Fault


@pytest.fixture(autouse=True)
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[AcmeEmulator]:
    with served(monkeypatch) as emulator:
        yield emulator


def every_error() -> list[type[live.LiveStreamError]]:
    found = [
        value
        for value in map(live.__dict__.get, live.__all__)
        if isinstance(value, type) and issubclass(value, live.LiveStreamError)
    ]
    return sorted(found, key=lambda kind: kind.__name__)


CODES = {
    "AuthenticationFailed": 3,
    "ConfigurationError": 2,
    "Conflict": 3,
    "ConnectionFailed": 4,
    "InvalidInput": 2,
    "LiveStreamError": 3,
    "NotFound": 3,
    "PermissionDenied": 3,
    "ProviderUnavailable": 4,
    "RateLimited": 4,
    "Rejected": 3,
    "StreamFailed": 3,
    "RequestTimeout": 4,
    "UnexpectedResponse": 4,
    "Unsupported": 3,
    "WaitFailed": 3,
    "WaitTimeout": 4,
    "WebhookRejected": 3,
}


def test_every_error_has_an_exit_code() -> None:
    assert {kind.__name__: code_of(kind("x")) for kind in every_error()} == CODES


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("applied", [True, None])
def test_a_change_that_may_have_been_applied_is_5(
    kind: type[live.LiveStreamError], applied: bool | None
) -> None:
    assert code_of(kind("x", applied=applied)) == 5


def test_an_error_of_an_adapters_own_has_the_code_of_its_class() -> None:
    class Busy(live.RateLimited):
        pass

    assert code_of(Busy("x")) == 4


def test_the_help_shows_what_every_code_means() -> None:
    output = " ".join(run("--help").stdout.split())
    for code, meaning in MEANINGS.items():
        assert f"{code} {meaning}" in output


# -- responses of the vendor ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.status(401), 3),
        (Fault.status(403), 3),
        (Fault.status(404), 3),
        (Fault.status(409), 3),
        (Fault.status(422), 3),
        (Fault.status(429, headers={"Retry-After": "1000"}), 4),
        (Fault.status(503, headers={"Retry-After": "1000"}), 4),
        (Fault.html(), 4),
        (Fault.redirect("https://elsewhere.example/"), 4),
    ],
)
def test_a_read_that_fails_changed_nothing(vendor: AcmeEmulator, fault: Fault, code: int) -> None:
    vendor.add()
    vendor.inject(fault, on="GET *", times=9)
    assert acme("show", "1").exit_code == code


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.status(403), 3),
        (Fault.status(429, headers={"Retry-After": "1000"}), 4),
        (Fault.status(503), 5),
        (Fault.drop_after(), 5),
        (Fault.html(201), 5),
        (Fault.redirect("https://elsewhere.example/"), 5),
    ],
)
def test_a_create_that_fails_says_whether_it_was_applied(
    vendor: AcmeEmulator, fault: Fault, code: int
) -> None:
    vendor.inject(fault, on="POST /streams")
    assert acme("create", "--title", "T").exit_code == code


def test_a_change_that_was_applied_although_it_failed_is_5(vendor: AcmeEmulator) -> None:
    vendor.add(status="on")
    vendor.inject(Fault.status(403), on="GET *")
    result = acme("stop", "1")
    assert result.exit_code == 5
    assert "the change was applied" in result.stderr
    assert "check with `livestream show 1`" in result.stderr


def test_after_a_create_with_an_unknown_outcome_no_retry_is_suggested(vendor: AcmeEmulator) -> None:
    vendor.inject(Fault.status(503), on="POST /streams")
    error = acme("create", "--title", "T").stderr
    assert "the stream may or may not have been created" in error
    assert "check with `livestream list` before you retry" in error
    assert "retry later" not in error
    assert error.count("may or may not have been created") == 1  # not as a warning of the log too


@pytest.mark.usefixtures("without_pauses")
def test_a_vendor_that_is_not_there_is_4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_ACME_BASE_URL", "http://127.0.0.1:9")
    result = acme("create", "--title", "T")
    assert result.exit_code == 4
    assert (
        "cannot connect to 127.0.0.1:9 (connection refused); nothing was changed" in result.stderr
    )


# -- as one line ------------------------------------------------------------------------------------


def test_an_error_is_one_line_with_a_hint(vendor: AcmeEmulator) -> None:
    vendor.inject(Fault.status(401), on="GET *", times=2)
    error = acme("show", "1").stderr
    assert error.startswith("Error: acme get '1': ")
    assert error.endswith("check the credentials\n")
    assert error.count("\n") == 1


def test_our_text_follows_the_vendors_sentence(vendor: AcmeEmulator) -> None:
    vendor.inject(Fault.status(409, body='{"detail": "It is over."}'), on="POST *")
    error = acme("start", "1").stderr
    assert "It is over; nothing was changed" in error


def test_a_text_without_a_zone_gets_no_hint_in_python() -> None:
    error = acme("create", "--title", "T", "--scheduled-start", "2026-12-05T15:30").stderr
    assert "no time zone; add the offset, as in 2026-12-05T15:30:00+05:30" in error
    assert "ZoneInfo" not in error


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--titel", "T", "--json"],
        ["list", "--json"],
        ["lst", "--json"],
        ["--json", "completion", "bash"],
    ],
    ids=["an option", "no account", "a command", "an option that is not taken"],
)
def test_as_json_a_wrong_command_line_is_an_object_too(arguments: list[str]) -> None:
    result = run(*arguments)
    error = json.loads(result.stderr)
    assert (error["error"], error["applied"], error["exit_code"]) == ("UsageError", False, 2)
    assert (result.exit_code, result.stdout) == (2, "")


def test_people_see_the_usage_of_a_wrong_command_line() -> None:
    result = run("create", "--titel", "T")
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")


def test_how_to_print_may_be_said_before_the_command(vendor: AcmeEmulator) -> None:
    vendor.add(title="T")
    before = run("--json", "--show-secrets", "-p", "acme", "show", "1").stdout
    assert before == acme("show", "1", "--json", "--show-secrets").stdout
    assert json.loads(before)["title"] == "T"


def test_as_json_an_error_is_one_object_on_standard_error(vendor: AcmeEmulator) -> None:
    result = acme("show", "nope", "--json")
    error = json.loads(result.stderr)
    assert result.stdout == ""
    assert (error["error"], error["stream_id"], error["applied"], error["http_status"]) == (
        "NotFound",
        "nope",
        False,
        404,
    )
    assert error["exit_code"] == result.exit_code == 3


def test_as_json_an_error_has_what_its_class_knows(vendor: AcmeEmulator) -> None:
    error = json.loads(acme("create", "--title", "T", "--latency", "low", "--json").stderr)
    assert error["features"] == ["latency"]
    vendor.inject(Fault.status(429, headers={"Retry-After": "1000"}), on="GET *")
    assert json.loads(acme("show", "1", "--json").stderr)["retry_after"] == 1000


def strict(text: str) -> Any:
    """Parse JSON as strictly as other languages do."""

    def refuse(word: str) -> None:
        pytest.fail(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.usefixtures("without_pauses")
@pytest.mark.parametrize("value", ["9" * 400, "4000000000", "86400", "inf", "nan"])
def test_the_output_is_json_whatever_the_vendor_requests(vendor: AcmeEmulator, value: str) -> None:
    vendor.inject(Fault.status(429, headers={"Retry-After": value}), on="GET *", times=9)
    asked = strict(acme("show", "1", "--json").stderr)["retry_after"]
    assert asked is None or 0 <= asked <= 86_400


def test_a_payload_with_a_number_beyond_all_bounds_is_printed_as_json(vendor: AcmeEmulator) -> None:
    id = vendor.add()["id"]
    body = f'{{"id": "{id}", "title": "T", "status": "on", "load": [1e999, {{"a": -1e999}}, 1.5]}}'
    for option in ([], ["--json"]):
        vendor.inject(Fault.status(200, body=body), on="GET *")
        shown = acme("show", id, "--raw", *option).stdout
        raw = strict(shown)["raw"] if option else strict(shown[shown.index("{") :])
        assert raw["load"] == [None, {"a": None}, 1.5]


def test_a_key_that_the_vendor_echoes_is_not_shown(vendor: AcmeEmulator) -> None:
    body = '{"detail": "acme-key-77 is in use"}'
    vendor.inject(Fault.status(422, body=body), on="POST *", times=3)
    for option in ([], ["--json"], ["--debug"]):
        assert "acme-key-77" not in acme("create", "--title", "T", *option).output


def test_there_is_a_traceback_only_with_debug(vendor: AcmeEmulator) -> None:
    assert "Traceback" not in acme("show", "nope").output
    result = acme("show", "nope", "--debug")
    assert "Traceback" in result.stderr
    assert result.exit_code == 3


# -- internal errors and Ctrl-C -----------------------------------------------------------------------


def raising(monkeypatch: pytest.MonkeyPatch, method: str, error: BaseException) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(live.Client, method, fail)


CHANGES = [
    ("create", ["create", "--title", "T"]),
    ("update", ["update", "1", "--title", "T"]),
    ("start", ["start", "1"]),
    ("stop", ["stop", "1"]),
    ("cancel", ["cancel", "1"]),
    ("delete", ["delete", "1", "--yes"]),
]


@pytest.mark.parametrize(("method", "arguments"), CHANGES, ids=[each[0] for each in CHANGES])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("very-secret")])
def test_a_change_that_is_interrupted_leaves_its_outcome_open(
    monkeypatch: pytest.MonkeyPatch, method: str, arguments: list[str], error: BaseException
) -> None:
    raising(monkeypatch, method, error)
    result = acme(*arguments)
    assert result.exit_code == 5
    assert "may or may not have been" in result.stderr
    command = "livestream list" if method == "create" else "livestream show 1"
    assert f"check with `{command}`" in result.stderr
    assert "very-secret" not in result.output


def test_an_open_outcome_as_json_has_applied_null(monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, "stop", KeyboardInterrupt())
    error = json.loads(acme("stop", "1", "--json").stderr)
    assert (error["error"], error["operation"], error["stream_id"], error["applied"]) == (
        "Interrupted",
        "stop",
        "1",
        None,
    )


def test_an_interruption_after_the_change_says_that_it_was_applied(
    monkeypatch: pytest.MonkeyPatch, vendor: AcmeEmulator
) -> None:
    raising(monkeypatch, "close", KeyboardInterrupt())
    result = acme("create", "--title", "T")
    assert result.exit_code == 5
    assert "create: interrupted; the change was applied" in result.stderr
    assert len(vendor.streams) == 1


def test_a_read_that_is_interrupted_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, "get", KeyboardInterrupt())
    result = acme("show", "1")
    assert (result.exit_code, result.stderr.strip()) == (130, "")


def test_a_read_that_fails_in_an_unforeseen_way_is_1(monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, "get", RuntimeError("very-secret"))
    result = acme("show", "1", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"] == "RuntimeError"
    assert "very-secret" not in result.output
