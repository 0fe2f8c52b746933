"""`livestream webhooks`: a real process that receives deliveries, and managing webhooks."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from command_line import PATIENCE, environment, run
from livestream_core import events
from livestream_core._contract.options import environment_name
from livestream_core.emulator import Fault, load_emulator
from terminal import Terminal, needs_a_terminal, terminal

pytestmark = pytest.mark.processes


@pytest.fixture
def vendor() -> Any:
    return load_emulator("tpstreams")(boot_seconds=0)


@contextmanager
def listening(vendor: Any, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command, and yield its process, and the line with which it begins."""
    with vendor.serve() as origin:
        options = {**vendor.options(), "webhook_secret": vendor.webhook_secret, "base_url": origin}
        environ = {environment_name("tpstreams", name): each for name, each in options.items()}
        command = [sys.executable, "-m", "livestream_core.cli", "-p", "tpstreams", "webhooks"]
        process = subprocess.Popen(
            [*command, "listen", "--port", "0", *arguments],
            env=environment(environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            yield process, process.stderr.readline()
        finally:
            process.kill()
            process.communicate()


def post(url: str, headers: dict[str, str], body: bytes) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)
    connection.request("POST", parts.path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def live_stream(vendor: Any) -> str:
    with vendor.connect() as client:
        id: str = client.create(title="Algebra").id
    vendor.connect_encoder(id)
    return id


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_each_change_is_a_line_of_json_until_a_signal(vendor: Any, number: int) -> None:
    id = live_stream(vendor)
    with listening(vendor, "--json") as (process, first):
        announced = json.loads(first)
        assert announced["account"].startswith("tpstreams:")
        url = announced["listening"]
        assert post(url, *vendor.webhook(id)) == 200
        change = events.Change.from_dict(json.loads(line_of(process)))
        assert (change.kind, change.stream_id, change.source) == ("status_changed", id, "webhook")
        assert change.stream
        assert change.stream.status == "live"
        vendor.drop_encoder(id)
        assert post(f"{url}any/path", *vendor.webhook(id)) == 200
        change = events.Change.from_dict(json.loads(line_of(process)))
        assert change.previous
        assert change.stream
        assert (change.previous.status, change.stream.status) == ("live", "interrupted")
        process.send_signal(number)
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 0


def test_people_see_lines_and_warnings_about_forged_deliveries(vendor: Any) -> None:
    id = live_stream(vendor)
    with listening(vendor) as (process, first):
        assert first.startswith("Listening on http://127.0.0.1:")
        url = first.split()[2]
        headers, body = vendor.webhook(id)
        assert post(url, {**headers, "x-streams-token": "of-a-forger"}, body) == 401
        assert post(url, headers, body) == 200
        assert line_of(process).rstrip().endswith(f"  {id}  live  Algebra")
        vendor.drop_encoder(id)
        assert post(url, *vendor.webhook(id)) == 200
        assert line_of(process).rstrip().endswith(f"  {id}  live -> interrupted  Algebra")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=PATIENCE)
    assert output == ""
    (warning,) = errors.splitlines()
    assert warning.startswith("Warning: 'tpstreams:")
    assert "a webhook delivery was refused" in warning
    assert vendor.webhook_secret not in warning


def test_a_reader_that_closes_the_pipe_ends_the_command(vendor: Any) -> None:
    first_stream, second_stream = live_stream(vendor), live_stream(vendor)
    with listening(vendor, "--json") as (process, first):
        url = json.loads(first)["listening"]
        assert post(url, *vendor.webhook(first_stream)) == 200
        assert json.loads(line_of(process))["stream_id"] == first_stream
        assert process.stdout is not None
        process.stdout.close()
        assert post(url, *vendor.webhook(second_stream)) == 200
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_vendor_without_webhooks_is_an_error_that_says_why() -> None:
    vendor: Any = load_emulator("tktchurch")()
    with vendor.serve() as origin, pytest.MonkeyPatch.context() as patch:
        for name, each in {**vendor.options(), "base_url": origin}.items():
            patch.setenv(environment_name("tktchurch", name), each)
        result = run("-p", "tktchurch", "webhooks", "listen", "--port", "0")
    assert result.exit_code != 0
    assert "TKT Church sends no webhooks" in result.stderr


def test_a_port_that_is_taken_is_an_error_that_says_what_to_do(vendor: Any) -> None:
    with listening(vendor, "--json") as (_, first), pytest.MonkeyPatch.context() as patch:
        port = str(urlsplit(json.loads(first)["listening"]).port)
        for name, each in {**vendor.options(), "webhook_secret": "made-up"}.items():
            patch.setenv(environment_name("tpstreams", name), each)
        result = run("-p", "tpstreams", "webhooks", "listen", "--port", port)
    assert result.exit_code != 0
    assert f"cannot listen on 127.0.0.1 port {port}" in result.stderr
    assert "choose another --port" in result.stderr


# -- registered webhooks --------------------------------------------------------------------------

HOOK = "https://platform.example/hooks/school"
SECRET = "a-secret-of-the-account"


@pytest.fixture
def account(vendor: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Serve a vendor, and set the environment variables of an account without a secret."""
    with vendor.serve() as origin:
        for name, each in {**vendor.options(), "base_url": origin}.items():
            monkeypatch.setenv(environment_name("tpstreams", name), each)
        yield vendor


def webhooks(*arguments: str, input: str | None = None, code: int = 0) -> Any:
    result = run("-p", "tpstreams", "webhooks", *arguments, input=input)
    assert result.exit_code == code, result.output
    return result


def known(vendor: Any) -> list[tuple[str, str]]:
    with vendor.connect() as client:
        return [(each.url, each.secret.reveal()) for each in client.webhooks()]


def test_a_webhook_is_registered_with_the_secret_of_the_account(
    account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(environment_name("tpstreams", "webhook_secret"), SECRET)
    result = webhooks("register", HOOK)
    assert known(account) == [(HOOK, SECRET)]
    assert "secret          ***" in result.stdout
    assert SECRET not in result.output


@pytest.mark.parametrize("from_file", [True, False])
def test_a_secret_is_read_from_a_file_or_from_standard_input(
    account: Any, tmp_path: Path, from_file: bool
) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    file.chmod(0o600)
    if from_file:
        webhooks("register", HOOK, "--secret-file", str(file))
    else:
        webhooks("register", HOOK, "--secret-file", "-", input=f"{SECRET}\n")
    assert known(account) == [(HOOK, SECRET)]


def test_an_empty_secret_is_refused_and_nothing_is_registered(account: Any) -> None:
    result = webhooks("register", HOOK, "--secret-file", "-", input="\n", code=2)
    assert "the secret file standard input is empty" in result.stderr
    assert known(account) == []


def test_a_random_secret_is_made_only_if_it_is_shown(account: Any) -> None:
    result = webhooks("register", HOOK, code=2)
    assert "pass --show-secrets to print a random one" in result.stderr
    assert known(account) == []
    shown = json.loads(webhooks("register", HOOK, "--show-secrets", "--json").stdout)
    assert known(account) == [(HOOK, shown["secret"])]
    assert len(shown["secret"]) >= 40


def test_webhooks_are_listed_and_their_secrets_only_on_request(account: Any) -> None:
    assert webhooks("list").stderr == "No webhooks.\n"
    assert webhooks("list", "--json").output == ""
    for number in range(2):
        webhooks("register", f"{HOOK}/{number}", "--secret-file", "-", input=f"{SECRET}-{number}")
    lines = [json.loads(line) for line in webhooks("list", "--json").stdout.splitlines()]
    assert [each["url"] for each in lines] == [f"{HOOK}/0", f"{HOOK}/1"]
    assert all("secret" not in each for each in lines)
    assert SECRET not in webhooks("list").output
    assert f"{SECRET}-1" in webhooks("list", "--show-secrets").stdout


def test_a_webhook_is_deleted_with_yes_and_an_unknown_one_is_an_error(account: Any) -> None:
    webhooks("register", HOOK, "--secret-file", "-", input=SECRET)
    [line] = webhooks("list", "--json").stdout.splitlines()
    id = json.loads(line)["id"]
    assert "Pass --yes to delete." in webhooks("delete", id, code=2).stderr
    assert known(account) == [(HOOK, SECRET)]
    assert json.loads(webhooks("delete", id, "--yes", "--json").stdout) == {
        "id": id,
        "deleted": True,
    }
    assert known(account) == []
    error = json.loads(webhooks("delete", id, "--yes", "--json", code=3).stderr)
    assert (error["error"], error["applied"]) == ("NotFound", False)


def test_a_registration_whose_response_is_lost_says_where_to_look(account: Any) -> None:
    account.inject(Fault.drop_after(), on="POST */webhooks/")
    arguments = ("register", HOOK, "--secret-file", "-", "--json")
    error = json.loads(webhooks(*arguments, input=SECRET, code=5).stderr)
    assert (error["applied"], error["operation"]) == (None, "register_webhook")
    assert error["hint"] == "check with `livestream webhooks list` before you retry"
    assert known(account) == [(HOOK, SECRET)]


@pytest.mark.parametrize("command", [("register", HOOK), ("list",), ("delete", "1", "--yes")])
def test_a_vendor_without_such_endpoints_is_an_error_that_says_why(
    command: tuple[str, ...],
) -> None:
    vendor: Any = load_emulator("mux")()
    with vendor.serve() as origin, pytest.MonkeyPatch.context() as patch:
        for name, each in {**vendor.options(), "base_url": origin}.items():
            patch.setenv(environment_name("mux", name), each)
        result = run("-p", "mux", "webhooks", *command)
    assert result.exit_code == 3
    assert "add the webhook in Mux's dashboard" in result.stderr
    assert vendor.requests == []


@needs_a_terminal
@pytest.mark.parametrize(("keys", "code", "left"), [("y", 0, 0), ("n", 1, 1)])
def test_a_terminal_is_asked_with_the_url_before_a_webhook_is_deleted(
    account: Any, keys: str, code: int, left: int
) -> None:
    with account.connect() as client:
        id = client.register_webhook(HOOK).id
    with deleting(id) as shown:
        lines = shown.until("[y/N]:").splitlines()
        assert "".join(lines).startswith(f"Delete the webhook {id}, '{HOOK}'? [y/N]:")
        shown.press(keys, "Enter")
        shown.until(f"left with {code}")
    assert len(known(account)) == left


@needs_a_terminal
@pytest.mark.usefixtures("account")
def test_a_webhook_that_is_not_there_is_not_asked_about() -> None:
    with deleting("unknown") as shown:
        screen = shown.until("left with 3")
    assert "[y/N]" not in screen
    assert "the account has no webhook with this ID" in " ".join(screen.split())


def deleting(id: str) -> AbstractContextManager[Terminal]:
    return terminal("webhooks", "-p", "tpstreams", "delete", id, environ=environment({}))
