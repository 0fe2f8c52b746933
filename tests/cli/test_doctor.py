"""`livestream doctor`: the problems of an installation, without the value of any option."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

import livestream_core as live
from acme import AcmeEmulator, AcmeOptions
from command_line import TOKEN, install, livestream, reaching, run, served
from livestream_core.cli.installation import doctor as doctor_module
from livestream_core.emulator import Fault

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def vendor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AcmeEmulator]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with served(monkeypatch) as emulator:
        yield emulator


def doctor(*arguments: str, code: int = 0) -> Any:
    result = run("doctor", *arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def of_acme(*arguments: str, code: int = 0) -> Any:
    return next(each for each in doctor(*arguments, code=code)["providers"])


def text(*arguments: str) -> str:
    return " ".join(run("doctor", *arguments).stdout.split())


def test_a_sound_installation_is_exit_code_0() -> None:
    found = doctor()
    assert found["livestream_core"] == live.__version__
    assert found["extras"] == {"cli": True, "sandbox": True}
    assert found["allow_list"] == "acme"


def test_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = set(project["optional-dependencies"])
    assert set(doctor_module.EXTRAS) <= declared


def test_options_are_shown_only_by_the_names_of_their_variables() -> None:
    acme = of_acme()
    assert acme["state"] == "ready"
    assert acme["set"] == ["LIVESTREAM_ACME_BASE_URL", "LIVESTREAM_ACME_TOKEN"]
    assert "LIVESTREAM_ACME_PASSWORD" in acme["not_set"]
    for output in (json.dumps(doctor("--check")), text("--check")):
        assert TOKEN not in output
        assert os.environ["LIVESTREAM_ACME_BASE_URL"] not in output


def test_the_name_of_a_provider_is_never_folded() -> None:
    name = "a-provider-with-a-name"
    plugin = SimpleNamespace(
        livestream_adapters=live.hookimpl(lambda: [live.AdapterInfo(name=name, factory="x:Y")])
    )
    live.register(plugin)
    try:
        lines = run("doctor").stdout.splitlines()
        assert any(line.startswith(f"  {name} ") for line in lines)
    finally:
        live.unregister(plugin)


def test_a_provider_without_any_options_set_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVESTREAM_ACME_BASE_URL")
    monkeypatch.delenv("LIVESTREAM_ACME_TOKEN")
    assert of_acme("--check")["state"] == "not set"
    assert "acme not set" in text()


def test_a_provider_that_is_half_set_up_is_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVESTREAM_ACME_TOKEN")
    monkeypatch.setenv("LIVESTREAM_ACME_USER", "somebody-special")
    acme = of_acme("--check", code=2)
    assert acme["state"] == "incomplete"
    assert "LIVESTREAM_ACME_PASSWORD) is missing" in acme["problem"]
    assert acme["check"] is None
    assert "somebody-special" not in json.dumps(acme)
    assert "not set LIVESTREAM_ACME_ACCOUNT_NAME, LIVESTREAM_ACME_TOKEN" in text()


class Plugin:
    def __init__(self, *infos: live.AdapterInfo) -> None:
        self.infos = list(infos)

    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        return self.infos


def _refuse(_: object, field: attrs.Attribute[str], value: str) -> None:
    raise ValueError(f"cannot be {value!r}")


@attrs.frozen(kw_only=True)
class TalkativeOptions(live.Options):
    base_url: str = live.option(default="https://api.talkative.example", help="The origin.")
    room: str = live.option(help="The room.", validator=_refuse)


class Talkative(live.Adapter):
    name = "talkative"
    Options = TalkativeOptions
    capabilities = live.Capabilities(operations={}, statuses=set())


def test_a_wrong_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_TALKATIVE_ROOM", "sesame")
    plugin = Plugin(live.AdapterInfo(name="talkative", factory=Talkative))
    live.register(plugin)
    try:
        (found,) = doctor("-p", "talkative", code=2)["providers"]
    finally:
        live.unregister(plugin)
    assert found["problem"] == "room (LIVESTREAM_TALKATIVE_ROOM) cannot be '***'"


def test_values_are_masked_in_the_words_of_an_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "sesame")
    monkeypatch.setenv("B", "x")
    shown = doctor_module._without_values("'x' is wrong, so is sesame, not six", ["A", "B"])
    assert shown == "'***' is wrong, so is ***, not six"


def test_a_misspelt_variable_is_shown_with_what_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_ACME_TOKNE", "very-secret")
    assert of_acme()["unknown"] == [
        {"name": "LIVESTREAM_ACME_TOKNE", "did_you_mean": "LIVESTREAM_ACME_TOKEN"}
    ]
    assert "unknown LIVESTREAM_ACME_TOKNE (did you mean LIVESTREAM_ACME_TOKEN?)" in text()


def test_a_provider_with_nothing_but_a_misspelt_variable_is_half_set_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LIVESTREAM_ACME_BASE_URL")
    monkeypatch.delenv("LIVESTREAM_ACME_TOKEN")
    monkeypatch.setenv("LIVESTREAM_ACME_ZZZ", "very-secret")
    acme = of_acme(code=2)
    assert acme["state"] == "incomplete"
    assert acme["problem"].endswith("are set: LIVESTREAM_ACME_ZZZ")


def test_a_variable_that_belongs_to_no_provider_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_ADAPTER", "acme")
    assert doctor()["unknown_variables"] == [
        {"name": "LIVESTREAM_ADAPTER", "did_you_mean": "LIVESTREAM_ADAPTERS"}
    ]
    assert "LIVESTREAM_ADAPTER (did you mean LIVESTREAM_ADAPTERS?)" in text()


# -- with --check -------------------------------------------------------------------------------


def test_check_reads_the_smallest_page(vendor: AcmeEmulator) -> None:
    assert of_acme("--check")["check"]["state"] == "reachable"
    assert [(each.method, each.query) for each in vendor.requests] == [("GET", "size=1")]
    assert "reachable listed a page; streams: 0 in 0." in text("--check")


def test_check_tells_of_an_entry_that_cannot_be_read(vendor: AcmeEmulator) -> None:
    del vendor.add()["status"]
    check = of_acme("--check")["check"]
    assert check["state"] == "reachable"
    assert "'1' at position 0: status is missing" in check["detail"]


def test_without_check_nothing_is_sent(vendor: AcmeEmulator) -> None:
    assert of_acme()["check"] is None
    assert vendor.requests == []


def test_a_vendor_that_cannot_be_reached_is_exit_code_4(vendor: AcmeEmulator) -> None:
    vendor.inject(Fault.status(429, headers={"Retry-After": "1000"}), on="GET *")
    check = of_acme("--check", code=4)["check"]
    assert check["state"] == "unreachable"
    assert check["found"] == "rate_limited"
    assert check["detail"].startswith("RateLimited: ")
    assert check["detail"].endswith("; retry in 1000 s")


def test_an_account_that_another_process_signs_in_to_is_exit_code_4(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = live.Check(
        account="acme:main",
        state="busy",
        reason="another process that is signing in did not finish in time",
        checked_at=datetime.now(UTC),
        seconds=1,
        error="RequestTimeout",
    )
    monkeypatch.setattr(live.Client, "check", lambda client: check)
    found = of_acme("--check", code=4)["check"]
    assert (found["state"], found["found"]) == ("unreachable", "busy")


def test_a_website_instead_of_the_vendor_is_exit_code_2(vendor: AcmeEmulator) -> None:
    vendor.inject(Fault.html(), on="GET *")
    check = of_acme("--check", code=2)["check"]
    assert (check["state"], check["found"]) == ("refused", "account")
    assert "check the account's options and the origin" in check["detail"]


def test_credentials_that_are_refused_are_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_ACME_TOKEN", "a-wrong-token")
    check = of_acme("--check", code=2)["check"]
    assert check["state"] == "refused"
    assert "a-wrong-token" not in json.dumps(check)


class Listless(live.Adapter):
    name = "listless"
    Options = AcmeOptions
    capabilities = live.Capabilities(operations={}, statuses=set())

    def account_id(self) -> str:
        return "main"


@pytest.fixture
def others() -> Iterator[None]:
    plugin = Plugin(
        live.AdapterInfo(name="broken", factory="livestream_nowhere:Adapter"),
        live.AdapterInfo(name="listless", factory=Listless),
    )
    live.register(plugin)
    yield
    live.unregister(plugin)


@pytest.mark.usefixtures("others")
def test_what_has_no_list_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_LISTLESS_TOKEN", "t")
    (found,) = doctor("--check", "-p", "listless")["providers"]
    assert found["check"]["state"] == "not tried"


# -- installed packages ---------------------------------------------------------------------------


@pytest.mark.usefixtures("others")
def test_an_adapter_that_cannot_be_loaded_is_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_BROKEN_TOKEN", "t")
    found = doctor(code=2)
    broken = next(each for each in found["providers"] if each["name"] == "broken")
    assert "No module named 'livestream_nowhere'" in broken["problem"]
    assert found["unknown_variables"] == []  # it is unknown what the command would read
    assert "broken broken registered by the application" in text()


@pytest.mark.usefixtures("others")
def test_with_a_provider_it_checks_only_that_one() -> None:
    found = doctor("-p", "acme")
    assert [each["name"] for each in found["providers"]] == ["acme"]
    assert "observers" not in found


def test_an_unknown_provider_is_exit_code_2() -> None:
    result = run("doctor", "-p", "nope")
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_provider_and_a_connection_are_a_usage_error() -> None:
    assert run("doctor", "-p", "acme", "-c", "school").exit_code == 2


@pytest.mark.slow
def test_clashes_and_what_is_left_out_are_shown(tmp_path: Path, vendor: AcmeEmulator) -> None:
    environ = install(tmp_path / "one", acme="acme:ACME", other="acme:ACME")
    rival = tmp_path / "one" / "rival-1.0.dist-info"
    rival.mkdir()
    (rival / "METADATA").write_text("Name: rival\nVersion: 1.0\n")
    (rival / "entry_points.txt").write_text(
        "[livestream_core]\nacme = acme:ACME\n"
        "[livestream_core.plugins]\nwatcher = livestream_nowhere\n"
    )
    result = livestream("doctor", "--json", environ={**environ, "LIVESTREAM_ADAPTERS": "acme"})
    assert result.returncode == 2, result.stderr
    found = json.loads(result.stdout)
    assert "livestream-acme and rival both claim 'acme'" in found["providers"][0]["problem"]
    assert "other" in found["left_out"]
    assert found["observers"][0]["problem"].startswith("ModuleNotFoundError")
    shown = livestream("doctor", environ={**environ, "LIVESTREAM_ADAPTERS": "acme"}).stdout
    assert "LIVESTREAM_ADAPTERS does not list it" in shown
    assert "watcher" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_observers_are_loaded_to_see_whether_they_can_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    watching = tmp_path / "watching-1.0.dist-info"
    watching.mkdir()
    (watching / "METADATA").write_text("Name: watching\nVersion: 1.0\n")
    (watching / "entry_points.txt").write_text(
        "[livestream_core.plugins]\nno_hook = json:dumps\ngood = good_observer\n"
    )
    (tmp_path / "good_observer.py").write_text(
        "import livestream_core as live\n@live.hookimpl\ndef livestream_exchange(exchange): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    good, no_hook = doctor(code=2)["observers"]
    assert (good["name"], good["distribution"], good["problem"]) == ("good", "watching", None)
    assert "it implements no hook" in no_hook["problem"]


class WithoutWorld(AcmeEmulator):
    def __init__(self, *, boot_seconds: float) -> None:
        raise RuntimeError("there is no world")


@pytest.mark.parametrize(
    ("emulator", "reason"),
    [
        ("livestream_nowhere:Emulator", "cannot be loaded: ModuleNotFoundError"),
        ("json:dumps", "'json:dumps' is not an Emulator class"),
        (WithoutWorld, "cannot be created: RuntimeError: there is no world"),
    ],
)
def test_an_emulator_that_cannot_be_used_is_shown_and_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch, emulator: Any, reason: str
) -> None:
    monkeypatch.setenv("LIVESTREAM_LISTLESS_TOKEN", "t")
    plugin = Plugin(live.AdapterInfo(name="listless", factory=Listless, emulator=emulator))
    live.register(plugin)
    try:
        (found,) = doctor("-p", "listless")["providers"]
        shown = text("-p", "listless")
    finally:
        live.unregister(plugin)
    assert (found["state"], found["problem"]) == ("ready", None)
    assert reason in found["emulator_problem"]
    assert reason in shown


@pytest.mark.slow
def test_an_emulator_that_lacks_something_is_shown_with_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text(
        "import livestream_core as live\n"
        "from acme import AcmeAdapter\n"
        "@live.hookimpl\n"
        "def livestream_adapters():\n"
        "    return [live.AdapterInfo(name='half', factory=Half, emulator='nowhere:Emulator')]\n"
        "class Half(AcmeAdapter):\n"
        "    name = 'half'\n"
    )
    result = livestream("doctor", environ=install(tmp_path, half="half"))
    assert result.returncode == 0, result.stdout
    assert 'pip install "livestream-half[sandbox]"' in " ".join(result.stdout.split())


def test_a_sound_emulator_is_not_spoken_of(vendor: AcmeEmulator) -> None:
    assert of_acme()["emulator_problem"] is None


# -- livestream.toml --------------------------------------------------------------------------------


def write(text: str, mode: int = 0o600) -> Path:
    path = Path("livestream.toml").absolute()
    path.write_text(text)
    path.chmod(mode)
    return path


def test_without_a_file_it_says_where_one_would_be_found() -> None:
    assert "No livestream.toml in this folder" in text()


def test_connections_are_checked_too(vendor: AcmeEmulator) -> None:
    url = os.environ["LIVESTREAM_ACME_BASE_URL"]
    path = write(
        f'[connections.school]\nprovider = "acme"\nbase_url = "{url}"\ntoken = "{TOKEN}"\n'
        '[connections.odd]\nprovider = "acme"\ntoken = { env = "NOT_SET" }\n'
    )
    (file,) = doctor("--check", code=2)["files"]
    school, odd = file["connections"]
    assert file["path"] == str(path)
    assert (school["problem"], school["check"]["state"]) == (None, "reachable")
    assert odd["problem"] == "token: the environment variable NOT_SET is not set"
    shown = text("--check")
    assert "school ready acme" in shown
    assert "odd broken acme" in shown
    assert TOKEN not in shown


def test_with_a_connection_it_checks_only_that_one() -> None:
    write(
        f'[connections.school]\nprovider = "acme"\ntoken = "{TOKEN}"\n'
        '[connections.odd]\nprovider = "nope"\n'
    )
    found = doctor("-c", "school")
    assert found["providers"] == []
    assert [each["name"] for each in found["files"][0]["connections"]] == ["school"]


@pytest.mark.slow
def test_a_file_that_cannot_be_read_is_exit_code_2() -> None:
    write("]")
    (file,) = doctor(code=2)["files"]
    assert "is not TOML" in file["problem"]
    assert "is not TOML" in text()


@pytest.mark.parametrize("text_of_toml", [f"x = {'[' * 3_000}", f"x = {'9' * 5_000}"])
def test_a_file_that_no_parser_gets_through_is_exit_code_2(text_of_toml: str) -> None:
    write(text_of_toml)
    (file,) = doctor(code=2)["files"]
    assert file["problem"].startswith(file["path"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entry_points", "metadata"),
    [
        (b"[livestream_core]\n\xff = x\n", b"Name: odd\nVersion: 1.0\n"),
        (b"[livestream_core]\nno value\n", b"Name: odd\nVersion: 1.0\n"),
        (b"[livestream_core]\nodd = x\n", b"Name: \xff\nVersion: 1.0\n"),
    ],
)
def test_a_package_that_cannot_be_read_is_passed_over_and_shown(
    tmp_path: Path, entry_points: bytes, metadata: bytes
) -> None:
    environ = install(tmp_path / "here", acme="acme:ACME")
    odd = tmp_path / "here" / "odd-1.0.dist-info"
    odd.mkdir()
    (odd / "METADATA").write_bytes(metadata)
    (odd / "entry_points.txt").write_bytes(entry_points)
    result = livestream("doctor", "--json", environ=environ)
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert [each["name"] for each in found["providers"]] == ["acme"]
    (unreadable,) = found["unreadable"]
    assert unreadable["path"] == str(odd)
    assert unreadable["problem"]
    assert "odd-1.0.dist-info" in livestream("doctor", environ=environ).stdout
    assert livestream("providers", environ=environ).returncode == 0


@pytest.mark.slow
def test_an_installed_adapter_is_shown_with_its_distribution(
    tmp_path: Path, vendor: AcmeEmulator
) -> None:
    environ = install(tmp_path / "one", acme="acme:ACME")
    with vendor.serve() as url:
        result = livestream("doctor", "--check", environ={**environ, **reaching(url)})
    assert "livestream-acme 1.0" in result.stdout
    assert result.returncode == 0, result.stdout
