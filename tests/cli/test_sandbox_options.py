"""The options of `livestream sandbox` in this process: what each refuses, and what it writes."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import Client as WSGIClient

import livestream_core as live
from acme import AcmeEmulator
from livestream_core.cli.app import app
from livestream_core.cli.installation import sandbox as sandbox_module
from livestream_core.cli.installation.control_port import ControlPort
from livestream_core.emulator import Fault

TOKEN = "a token for the control port"


@pytest.fixture(autouse=True)
def _ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_ADAPTERS", "acme")  # and no installed adapter

    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sandbox_module, "_wait", stop)


def sandbox(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sandbox", *arguments])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--clock", "manual"], "--clock manual needs --control-port"),
        (["--webhook-delay", "1"], "need --webhooks"),
        (["--webhook-duplicates", "1"], "need --webhooks"),
        (["--webhooks", "127.0.0.1:8000"], "must be a URL"),
        (["--webhooks", "ftp://receiver.example/"], "must be a URL"),
        (["--accounts", "0"], "0 is not in the range"),
    ],
)
def test_options_that_could_do_nothing_are_refused(arguments: list[str], problem: str) -> None:
    result = sandbox(*arguments)
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_a_token_of_the_users_own_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_SANDBOX_TOKEN", TOKEN)
    result = sandbox("--control-port", "0")
    assert f"export LIVESTREAM_SANDBOX_TOKEN={shlex.quote(TOKEN)}\n" in result.stdout
    assert "export LIVESTREAM_SANDBOX_URL=http://127.0.0.1:" in result.stdout


@pytest.mark.parametrize("token", ["short", "é" * 20])
def test_a_token_that_protects_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("LIVESTREAM_SANDBOX_TOKEN", token)
    result = sandbox("--control-port", "0")
    assert result.exit_code == 2
    assert "LIVESTREAM_SANDBOX_TOKEN must be at least 16 characters" in result.stderr
    assert token not in result.stderr


def test_the_doctor_knows_the_variables_of_a_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_SANDBOX_TOKEN", TOKEN)
    monkeypatch.setenv("LIVESTREAM_SANDBOX_URL", "http://127.0.0.1:1")
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert "LIVESTREAM_SANDBOX" not in result.stdout


def test_the_connections_of_all_accounts_are_written_again_at_each_start(tmp_path: Path) -> None:
    file = tmp_path / "livestream.toml"
    for accounts in ("1", "3"):
        arguments = ("--accounts", accounts, "--write-connections", str(file))
        assert sandbox(*arguments).exit_code == 0
    connections = tomllib.loads(file.read_text())["connections"]
    assert list(connections) == ["acme", "acme-2", "acme-3"]
    assert len({each["base_url"] for each in connections.values()}) == 3
    assert {each["provider"] for each in connections.values()} == {"acme"}


def test_connections_that_the_user_wrote_are_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "livestream.toml"
    file.write_text("[connections.school]\n")
    result = sandbox("--write-connections", str(file))
    assert result.exit_code == 2
    assert "was not written by a sandbox, and would be lost" in result.stderr
    assert file.read_text() == "[connections.school]\n"


def test_connections_that_cannot_be_written_are_exit_code_2(tmp_path: Path) -> None:
    result = sandbox("--write-connections", str(tmp_path / "nowhere" / "livestream.toml"))
    assert result.exit_code == 2
    assert "cannot be written: No such file or directory" in result.stderr


def test_an_emulator_that_sends_no_webhooks_is_named() -> None:
    result = sandbox("--webhooks", "http://127.0.0.1:9/")
    assert "# acme delivers no webhooks: its emulator does not send them\n" in result.stderr


# -- the control port, without a port ---------------------------------------------------------


@pytest.fixture(scope="module")
def control() -> Iterator[tuple[WSGIClient, AcmeEmulator]]:
    with ExitStack() as parts, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVESTREAM_ADAPTERS", "acme")
        found = sandbox_module.Sandbox("127.0.0.1", live.ManualClock(), parts)
        found.start(port_base=None, boot_seconds=20, accounts=1)
        emulator = found.accounts[0].emulator
        assert isinstance(emulator, AcmeEmulator)
        yield WSGIClient(ControlPort(found, TOKEN)), emulator


Control = tuple[WSGIClient, AcmeEmulator]
HEADERS = {"Authorization": f"Bearer {TOKEN}"}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
FAULTS = ["status", "html", "redirect", "late_commit", "delay", "missing_field", "extra_field"]
NAMES = ["status", "headers", "body", "location", "seconds", "path", "value", "on", "times", "skip"]
BODIES = st.dictionaries(st.sampled_from(NAMES) | st.text(), VALUES, max_size=4)
REQUESTS = st.tuples(
    st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
    st.sampled_from(["/", "/accounts/acme/faults", "/accounts/acme/events", "/webhooks", "/clock"])
    | st.text("abc/é%.", max_size=20).map(lambda path: f"/{path}"),
    st.builds(
        lambda name, body: json.dumps({**name, **body}).encode("utf-8", "surrogatepass"),
        st.sampled_from(
            [
                *({"fault": each} for each in FAULTS),
                {"event": "connect_encoder", "id": "1"},
                {"event": "add_stream"},
                {"advance": 1},
                {},
            ]
        ),
        BODIES,
    )
    | st.binary(max_size=20),
)


@given(REQUESTS)
@settings(max_examples=200)
def test_whatever_is_sent_the_answer_is_json(
    control: Control, request_: tuple[str, str, bytes]
) -> None:
    client, emulator = control
    method, path, body = request_
    # Not as an argument: of one that begins with two slashes, a part would be taken for a host.
    environ = {"PATH_INFO": path.encode().decode("latin-1")}
    answer = client.open(method=method, data=body, headers=HEADERS, environ_overrides=environ)
    assert answer.status_code in {200, 400, 404, 405, 409, 501}
    assert answer.is_json
    assert ("error" in answer.get_json()) is (answer.status_code != 200)
    emulator.clear_faults()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"fault": "status"}, "'status' is missing"),
        ({"fault": "status", "status": "503"}, "'status' must be a whole number"),
        ({"fault": "status", "status": True}, "'status' must be a whole number"),
        ({"fault": "status", "status": 99}, "99 is not an HTTP status"),
        ({"fault": "status", "status": 503, "times": -1}, "'times' must be a whole number from 0"),
        ({"fault": "status", "status": 503, "headers": {"A": "b\nc"}}, "newline"),
        ({"fault": "delay", "seconds": -1}, "'seconds' must be a number from 0"),
        ({"fault": "edited"}, "'edited' is not a known fault"),
        ({"fault": "inject"}, "'inject' is not a known fault"),
        ({}, "'fault' is missing"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(
    control: Control, body: dict[str, object], problem: str
) -> None:
    client, _ = control
    answer = client.post("/accounts/acme/faults", json=body, headers=HEADERS)
    assert answer.status_code == 400
    assert problem in answer.get_json()["error"]


def test_an_injected_fault_is_the_one_of_the_emulator(control: Control) -> None:
    client, emulator = control
    body = {"fault": "status", "status": 429, "headers": {"Retry-After": "7"}, "on": "GET *"}
    assert client.post("/accounts/acme/faults", json=body, headers=HEADERS).status_code == 200
    with emulator.connect(retries=0) as vendor, pytest.raises(live.RateLimited) as caught:
        list(vendor.list())
    assert caught.value.retry_after == 7


def test_long_bodies_are_refused(control: Control) -> None:
    answer = control[0].post("/clock", data=b" " * 70_000, headers=HEADERS)
    assert answer.status_code == 413
    assert answer.get_json() == {"error": "the body must not be longer than 65536 bytes"}


def test_requests_are_listed_from_any_number_on(control: Control) -> None:
    client, emulator = control
    with emulator.connect() as vendor:
        vendor.create(title="First")
        since = len(emulator.requests)
        vendor.create(title="Second")
    answer = client.get(f"/accounts/acme/requests?since={since}", headers=HEADERS).get_json()
    bodies = [each["body"] for each in answer["requests"] if each["method"] == "POST"]
    assert [json.loads(each)["title"] for each in bodies if each] == ["Second"]
    assert answer["next"] == len(emulator.requests)
    refused = client.get("/accounts/acme/requests?since=-1", headers=HEADERS)
    assert refused.status_code == 400


def test_a_simulation_neither_meets_the_faults_nor_is_in_the_log(control: Control) -> None:
    _, emulator = control
    emulator.inject(Fault.status(503), on="GET *")
    before = len(emulator.requests)
    client = WSGIClient(emulator.quietly)
    assert client.get("/streams", headers={"Authorization": "x"}).status_code != 503
    assert len(emulator.requests) == before
    emulator.clear_faults()
