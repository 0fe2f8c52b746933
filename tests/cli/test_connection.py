"""The account of a command: the environment, livestream.toml, and the token file."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, AcmeOptions
from command_line import TOKEN, acme, run, served
from livestream_core.cli.connections import livestream_toml as toml

PRIVATE = 0o600
PUBLIC = 0o644


@pytest.fixture(autouse=True)
def vendor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AcmeEmulator]:
    folder = tmp_path / "here" / "deeper"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with served(monkeypatch) as emulator:
        emulator.add()
        yield emulator


def write(text: str, folder: Path | None = None, mode: int = PRIVATE) -> Path:
    """Write a livestream.toml, in which URL means the vendor's origin."""
    path = (folder or Path.cwd()) / "livestream.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("URL", os.environ["LIVESTREAM_ACME_BASE_URL"]))
    path.chmod(mode)
    return path


SCHOOL = """
[connections.school]
provider = "acme"
base_url = "URL"
token = { env = "SCHOOL_TOKEN" }
"""
LITERAL = SCHOOL.replace('{ env = "SCHOOL_TOKEN" }', f'"{TOKEN}"')


# -- one of them --------------------------------------------------------------------------------


def test_without_an_account_it_says_what_there_is() -> None:
    write(SCHOOL)
    result = run("list")
    assert result.exit_code == 2
    assert "installed: acme" in result.stderr
    assert "known: school" in result.stderr


def test_without_any_connection_it_says_so() -> None:
    assert "none known" in run("list").stderr


def test_two_accounts_are_a_usage_error(vendor: AcmeEmulator) -> None:
    write(SCHOOL)
    result = run("list", "-p", "acme", "-c", "school")
    assert result.exit_code == 2
    assert "not both" in result.stderr
    assert vendor.requests == []


@pytest.mark.parametrize("arguments", [("-p", "acme", "list"), ("list", "-p", "acme")])
def test_the_account_is_taken_before_and_after_the_command(arguments: tuple[str, ...]) -> None:
    assert "Stream 1" in run(*arguments).stdout


def test_a_command_that_needs_no_account_refuses_one() -> None:
    result = run("-p", "acme", "providers")
    assert result.exit_code == 2
    assert "`providers` does not accept --provider" in result.stderr


def test_an_unknown_provider_is_exit_code_2_and_says_which_there_are() -> None:
    result = run("list", "-p", "nope")
    assert result.exit_code == 2
    assert "installed providers: acme" in result.stderr
    assert "register()" not in result.stderr


def test_missing_options_name_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVESTREAM_ACME_TOKEN")
    result = run("list", "-p", "acme")
    assert result.exit_code == 2
    assert "LIVESTREAM_ACME_TOKEN" in result.stderr
    assert "`livestream doctor` shows which variables are set" in result.stderr


# -- livestream.toml ----------------------------------------------------------------------------


def test_a_connection_names_the_variable_of_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    write(SCHOOL, mode=PUBLIC)
    monkeypatch.setenv("LIVESTREAM_ACME_TOKEN", "not this one")
    monkeypatch.setenv("SCHOOL_TOKEN", TOKEN)
    assert "Stream 1" in run("list", "-c", "school").stdout


def test_a_connection_never_takes_options_from_the_environment() -> None:
    write('[connections.school]\nprovider = "acme"\nbase_url = "URL"\n')
    result = run("list", "-c", "school")
    assert result.exit_code == 2
    assert (
        "connection 'school': missing credentials: set token, or both user and password"
        in result.stderr
    )


def test_the_environment_may_name_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    write(LITERAL)
    monkeypatch.setenv("LIVESTREAM_CONNECTION", "school")
    assert "Stream 1" in run("list").stdout
    assert "Stream 1" in run("list", "-p", "acme").stdout  # set explicitly, so it wins


def test_the_nearest_file_that_has_the_name_wins(tmp_path: Path) -> None:
    write(LITERAL.replace("school", "other"))
    write(LITERAL, tmp_path / "here")
    write(LITERAL.replace("URL", "http://127.0.0.1:9"), tmp_path)
    assert "Stream 1" in run("list", "-c", "school").stdout


def test_the_users_folder_of_configurations_is_looked_into_last(tmp_path: Path) -> None:
    write(LITERAL, tmp_path / "config" / "livestream")
    assert "Stream 1" in run("list", "-c", "school").stdout


def test_an_unknown_connection_says_which_there_are() -> None:
    write(SCHOOL)
    result = run("list", "-c", "scool")
    assert result.exit_code == 2
    assert "known connections: school" in result.stderr


def test_a_folder_that_is_gone_has_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "cwd", gone)
    assert toml.files() == []


VERY = "very-secret"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f"token = '{VERY}", "is not TOML (at end of document)"),
        (f"[connection.school]\ntoken = '{VERY}'", "connection: is unknown"),
        (f"connections = '{VERY}'", "connections: must be tables"),
        (f"[connections]\nschool = '{VERY}'", "connection 'school': must be a table"),
        (f"[connections.school]\ntoken = '{VERY}'", "connection 'school': provider: is missing"),
        ("[connections.school]\nprovider = 3", "connection 'school': provider: is missing"),
        (
            f"[connections.school]\nprovider = 'acme'\ntokn = '{VERY}'",
            "connection 'school': tokn: is not an option of acme; did you mean token?",
        ),
        (
            f"[connections.school]\nprovider = 'acme'\nzzz = '{VERY}'",
            "connection 'school': zzz: is not an option of acme; its options: base_url",
        ),
        (f"[connections.school]\nprovider = 'acme'\ntoken = ['{VERY}']", "token: must be text"),
        (f"[connections.school]\nprovider = 'acme'\ntoken = {{ enf = '{VERY}' }}", "token: must"),
        ("[connections.school]\nprovider = 'acme'\ntoken = nan", "token: must be text"),
        ("[connections.school]\nprovider = 'acme'\ntoken = 3", "token must be a string, not int"),
        (
            "[connections.school]\nprovider = 'acme'\ntoken = { env = 'NOT_SET' }",
            "token: the environment variable NOT_SET is not set",
        ),
        ("[connections.school]\nprovider = 'nope'", "connection 'school': unknown provider"),
        (f"x = {'[' * 3_000}{']' * 3_000}", "is nested too deeply"),
        (f"x = {'{a = ' * 3_000}1{'}' * 3_000}", "is nested too deeply"),
        (f"[connections.school]\nprovider = 'acme'\ntoken = {'9' * 5_000}", "is too long"),
        (f"[connections.school]\nprovider = 'acme'\ntoken = 0x{'f' * 5_000}", "token: must be"),
        (f"[connections.school]\nprovider = 'acme'\ntoken = -{'9' * 20}", "token: must be text"),
    ],
    ids=lambda value: value[:40],
)
def test_a_file_that_is_wrong_is_one_line_with_file_connection_and_key_and_no_value(
    text: str, key: str
) -> None:
    path = write(text)
    result = run("list", "-c", "school")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert str(path) in result.stderr
    assert key in result.stderr
    assert VERY not in result.stderr


def test_a_file_that_is_not_text_is_one_line() -> None:
    write("").write_bytes(b"\xff")
    assert "livestream.toml: is not UTF-8" in run("list", "-c", "school").stderr


def test_a_file_that_cannot_be_read_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    write(SCHOOL)

    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", fail)
    assert "livestream.toml: cannot be read: Permission denied" in run("list", "-c", "x").stderr


def test_names_pass_over_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    write("]")
    write(SCHOOL, tmp_path)
    assert toml.names() == ["school"]


def test_numbers_and_switches_are_taken_as_they_are() -> None:
    write(LITERAL + "retries_of_its_own = 5\nbeta = true\n")
    assert run("list", "-c", "school").exit_code == 0


# -- permissions of a file ------------------------------------------------------------------------


def test_a_secret_in_a_file_that_others_can_read_is_refused(vendor: AcmeEmulator) -> None:
    write(LITERAL, mode=PUBLIC)
    result = run("list", "-c", "school")
    assert result.exit_code == 2
    assert "token: is a secret, and other users can read this file" in result.stderr
    assert "chmod 600" in result.stderr
    assert TOKEN not in result.stderr
    assert vendor.requests == []


def test_a_file_without_secrets_may_be_readable_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    write(SCHOOL + 'account_name = "main"\n', mode=PUBLIC)
    monkeypatch.setenv("SCHOOL_TOKEN", TOKEN)
    assert run("list", "-c", "school").exit_code == 0


def test_the_secret_of_another_connection_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    write(SCHOOL + LITERAL.replace("school", "other"), mode=PUBLIC)
    monkeypatch.setenv("SCHOOL_TOKEN", TOKEN)
    assert run("list", "-c", "school").exit_code == 0


def test_a_file_that_others_can_write_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    write(SCHOOL, mode=0o602)
    monkeypatch.setenv("SCHOOL_TOKEN", TOKEN)
    result = run("list", "-c", "school")
    assert result.exit_code == 2
    assert "other users can write to it; it could send your credentials" in result.stderr


@pytest.mark.parametrize(("user", "owner", "is_refused"), [
    (1000, 1001, True), (1000, 1000, False), (1000, 0, False), (0, 1000, False),
])  # fmt: skip
def test_a_file_of_another_user_is_refused(
    monkeypatch: pytest.MonkeyPatch, user: int, owner: int, is_refused: bool
) -> None:
    path = write(SCHOOL)
    status = list(os.stat(path))
    status[stat.ST_UID] = owner
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: user)
        patch.setattr(os, "fstat", lambda _: os.stat_result(status))
        file = toml.read(path)
    assert (file.distrusted is not None) == is_refused


def test_on_windows_modes_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(LITERAL, mode=0o666)
    monkeypatch.setattr("livestream_core.cli.connections.livestream_toml.os.name", "nt")
    file = toml.read(path)
    monkeypatch.undo()
    assert (file.distrusted, file.others_can_read) == (None, False)


def test_the_repr_of_what_was_read_shows_no_value() -> None:
    file = toml.read(write(LITERAL))
    assert TOKEN not in repr(file) + repr(file.connection("school"))


# -- the token file -------------------------------------------------------------------------------


def token_file(tmp_path: Path, text: str = f"{TOKEN}\n", mode: int = PRIVATE) -> str:
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_a_token_file_replaces_every_credential_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LIVESTREAM_ACME_TOKEN")
    monkeypatch.setenv("LIVESTREAM_ACME_USER", "somebody")
    monkeypatch.setenv("LIVESTREAM_ACME_PASSWORD", "wrong")
    result = acme("list", "--token-file", token_file(tmp_path))
    assert "Stream 1" in result.stdout


def test_a_token_file_replaces_every_credential_of_a_connection(tmp_path: Path) -> None:
    write(SCHOOL + 'user = "somebody"\npassword = { env = "NOT_SET" }\n')
    result = run("list", "-c", "school", "--token-file", token_file(tmp_path))
    assert "Stream 1" in result.stdout


def test_a_token_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVESTREAM_ACME_TOKEN")
    assert "Stream 1" in acme("list", "--token-file", "-", input=f"{TOKEN}\r\n").stdout


def test_a_token_file_without_a_token_is_one_line(tmp_path: Path) -> None:
    path = token_file(tmp_path, "\n")
    result = acme("list", "--token-file", path)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: the token file {path} is empty")


def test_a_token_file_that_others_can_read_is_used_with_a_warning(tmp_path: Path) -> None:
    path = token_file(tmp_path, mode=PUBLIC)
    result = acme("list", "--token-file", path)
    assert "Stream 1" in result.stdout
    assert f"Warning: other users can read the token file {path}" in result.stderr


def test_a_token_file_that_is_not_there_is_one_line() -> None:
    result = acme("list", "--token-file", "nope")
    assert result.exit_code == 2
    assert "the token file nope cannot be read: No such file" in result.stderr


def test_a_token_file_of_bytes_is_one_line(tmp_path: Path) -> None:
    path = Path(token_file(tmp_path))
    path.write_bytes(b"\xff\xfe")
    assert "is not text" in acme("list", "--token-file", str(path)).stderr


def test_a_token_that_is_refused_is_not_shown(tmp_path: Path) -> None:
    result = acme("list", "--token-file", token_file(tmp_path, "a-wrong-token"))
    assert result.exit_code == 3
    assert "a-wrong-token" not in result.output


class PasswordOnlyOptions(AcmeOptions):
    credentials = (("user", "password"),)


class PasswordOnly(AcmeAdapter):
    name = "passwordonly"
    Options = PasswordOnlyOptions


class Plugin:
    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        return [live.AdapterInfo(name="passwordonly", factory=PasswordOnly)]


def test_a_provider_without_a_token_takes_no_token_file(tmp_path: Path) -> None:
    plugin = Plugin()
    live.register(plugin)
    try:
        result = run("list", "-p", "passwordonly", "--token-file", token_file(tmp_path))
    finally:
        live.unregister(plugin)
    assert result.exit_code == 2
    assert "has no option for a single token" in result.stderr


def test_no_secret_is_ever_the_value_of_an_option() -> None:
    result = run("--help")
    assert "--token-file" in result.stdout
    for word in ("--token ", "--password", "--secret "):
        assert word not in result.stdout


def test_a_failure_as_json_has_no_token(tmp_path: Path) -> None:
    result = acme("list", "--json", "--token-file", token_file(tmp_path, "a-wrong-token"))
    assert json.loads(result.stderr)["error"] == "AuthenticationFailed"
    assert "a-wrong-token" not in result.output
