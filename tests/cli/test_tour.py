"""`livestream doctor --live`: a tour of an account over real HTTP, and the file that it writes."""

from __future__ import annotations

import json
import os
import secrets
import signal
import string
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

import livestream_core as live
from acme import AcmeEmulator
from command_line import PATIENCE, TOKEN, environment, install, run, served, until
from kit_runs import run as pytest_in
from livestream_core._contract.capabilities import FIELDS
from livestream_core._contract.options import environment_name, origins_at
from livestream_core._model.fields import Kind, table
from livestream_core._model.operations import OPERATION_TABLE
from livestream_core._plugins.registry import registry
from livestream_core.emulator import (
    Emulator,
    Fault,
    LoggedRequest,
    json_response,
    load_emulator,
)
from livestream_core.testing.captures import CAPTURED, Capture, FrozenClock, Player, load, outcome
from livestream_core.testing.tour import reads

PROVIDERS = [name for name in live.providers() if registry.info(name).emulator is not None]
FILE = "tour.json"


@pytest.fixture(autouse=True)
def _folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@contextmanager
def reachable(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> Iterator[None]:
    """Serve an emulator, and set its environment variables."""
    name = emulator.provider
    with emulator.serve() as url:
        for option, value in {
            **origins_at(registry.adapter(name).Options, url),
            **(options or emulator.options()),
        }.items():
            monkeypatch.setenv(environment_name(name, option), str(value))
        yield


def tour(provider: str, *arguments: str, code: int = 0) -> Any:
    result = run("doctor", "-p", provider, "--live", "--output", FILE, "--json", *arguments)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def surprises(report: Any) -> list[str]:
    return [surprise for call in report["calls"] for surprise in call["surprises"]]


@pytest.mark.parametrize("provider", [*PROVIDERS, "acme"])
def test_every_operation_that_reads_is_in_the_tour_and_none_that_changes(provider: str) -> None:
    can = registry.adapter(provider).capabilities
    visited = {CAPTURED[each.operation] for each in reads(can, datetime(2031, 1, 1, tzinfo=UTC))}
    assert visited == {
        row
        for row in OPERATION_TABLE.values()
        if row.sends and not row.changes and can.supports(row.feature)
    }


# -- every provider ------------------------------------------------------------------------------


class Planted:
    """An account whose texts can be in a file only if they were copied there."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def text(self, letters: str = string.ascii_lowercase) -> str:
        found = "".join(secrets.choice(letters) for _ in range(12))
        self.texts.append(found)
        return found

    def value(self, name: str) -> Any:
        field = table(live.StreamSpec)[name]
        if field.kind is Kind.TEXT:
            return f"{self.text().title()}: {self.text('अआइईउऊ')} {self.text(string.digits)}"
        if field.kind is Kind.IDENTIFIER:
            return f"{self.text()}-{self.text(string.ascii_letters + string.digits)}"
        if field.kind is Kind.TEXTS:
            return [self.text(), f"{self.text()} {self.text()}"]
        if field.kind is Kind.URL:
            return f"https://{self.text()}.example/{self.text()}/{self.text(string.digits)}.jpg"
        if field.part is live.RestreamTarget:
            return [live.RestreamTarget(f"rtmp://{self.text()}.example/live", self.text())]
        return None

    def stream(self, emulator: Emulator, client: live.Client) -> str:
        """Create a stream with as many planted values as the vendor accepts together.

        Returns:
            Its ID.
        """
        can, fields = client.capabilities, {"title": self.value("title")}
        if not can.supports("create"):
            return str(emulator.add_stream())  # type: ignore[attr-defined]
        if can.supports("schedule"):
            fields["scheduled_start"] = "2031-05-06T07:08:09Z"
        stream = client.create(**fields)
        for feature in FIELDS:
            if feature is live.Feature.TITLE or not can[feature] or can[feature].values is not None:
                continue
            if (value := self.value(feature.value)) is not None:
                with suppress(live.Rejected, live.InvalidInput):
                    stream = client.create(**{**fields, feature.value: value})
                    fields[feature.value] = value
        return stream.id

    def fill(self, emulator: Emulator, client: live.Client) -> None:
        """Create streams, and bring one to its end."""
        self.stream(emulator, client)
        id = self.stream(emulator, client)
        for step in (
            client.start,
            emulator.connect_encoder,
            emulator.drop_encoder,
            client.stop,
            emulator.finish_recording,
        ):
            with suppress(ValueError, NotImplementedError, live.LiveStreamError):
                step(id)
        note = {"note": self.text(), self.text(): 1, "phone": int(self.text("123456789"))}
        emulator.inject(Fault.extra_field("customer", note), times=10_000)
        emulator.inject(Fault.extra_field("remark", self.text()), times=10_000)


def credentials_of(emulator: Emulator, **given: Any) -> set[str]:
    """Return the secrets that an account was reached with, and its stream keys."""
    found = {value.rpartition(" ")[2] for each in emulator.requests for value in [
        each.headers.get("Authorization", "")]}  # fmt: skip
    options = registry.adapter(emulator.provider).Options
    names = {name for group in options.credentials for name in group}
    found |= {str(value) for name, value in given.items() if name in names}
    with emulator.connect() as client:
        for stream in client.list(full=True):
            found |= set(stream.stream_keys())
    return found - {""}


def changing(requests: list[LoggedRequest], signing_in: list[LoggedRequest]) -> list[str]:
    allowed = {(each.method, each.path) for each in signing_in}
    return [
        f"{each.method} {each.path}"
        for each in requests
        if each.method not in ("GET", "HEAD") and (each.method, each.path) not in allowed
    ]


def replayed(capture: Capture) -> list[str]:
    """Return the calls of a capture that send or read something else than what is in it."""
    player, clock = Player(), FrozenClock(capture.calls[0].at)
    differences = []
    with live.connect(
        capture.provider,
        transport=player,
        clock=clock,
        environ={},
        retries=0,
        **capture.connection(),
    ) as client:
        for at, call in enumerate(capture.calls):
            clock.set(call.at)
            player.expect(call.exchanges)
            found = outcome(client, call.operation, call.arguments)
            if found != call.result or player.problems:
                differences.append(f"{at}: {call.operation}")
                player.problems.clear()
    return differences


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_tour_only_reads_and_its_file_replays_without_a_text_or_a_secret_of_the_account(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator, planted = load_emulator(provider)(boot_seconds=0.0), Planted()
    # Some vendors show how long a stream has been live.
    emulator.clock = live.ManualClock(datetime.now(UTC).replace(microsecond=0))
    with emulator.connect() as client:
        planted.fill(emulator, client)
    # Signing in shows more secrets than a token that is there already.
    options = getattr(emulator, "login_options", emulator.options)()
    with emulator.connect(**{**dict.fromkeys(emulator.options()), **options}) as client:
        began = len(emulator.requests)
        before = list(client.list(full=True))
    signing_in = emulator.requests[began:]
    began = len(emulator.requests)
    with reachable(emulator, monkeypatch, **options):
        report = tour(provider)
    sent = emulator.requests[began:]
    assert [each for each in surprises(report) if "customer" not in each] == []
    assert changing(sent, signing_in) == []
    with emulator.connect() as client:
        assert list(client.list(full=True)) == before
    assert [call["call"] for call in report["calls"] if call["error"]] == []
    assert report["problems"] == report["left_out"] == []
    made = [call["call"] for call in report["calls"] if call["tried"]]
    can = registry.adapter(provider).capabilities
    assert {each for each in ("list", "get", "recordings") if can.supports(each)} <= set(made)
    assert ("get an unknown ID" in made) == can.supports("get")
    text = Path(FILE).read_text(encoding="utf-8")
    assert [
        each for each in (*planted.texts, *credentials_of(emulator, **options)) if each in text
    ] == []
    assert "127.0.0.1" not in text
    assert [each.id for each in before if each.id in text] == []
    capture = load(Path(FILE))
    assert len(capture.calls) == len(made)
    assert capture.about["capabilities"]["get"] == can["get"].support.value
    assert replayed(capture) == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_with_write_one_stream_is_created_and_deleted_again(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = load_emulator(provider)(boot_seconds=0.0)
    can = registry.adapter(provider).capabilities
    if not (can.supports("create") and can.supports("delete")):
        pytest.skip("the provider cannot create and delete")
    with reachable(emulator, monkeypatch):
        report = tour(provider, "--write", "--yes")
    with emulator.connect() as client:
        assert list(client.list()) == []
    assert report["left"] is None
    assert surprises(report) == []
    assert [call["call"] for call in report["calls"]][-3:] == [
        "list the created stream", "delete", "get the deleted stream",
    ]  # fmt: skip
    capture = load(Path(FILE))
    assert [call.operation for call in capture.calls][-2:] == ["delete", "get"]
    assert replayed(capture) == []


@pytest.mark.slow
def test_the_kit_replays_a_folder_of_tours_and_compares_them_with_the_emulators(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for provider in PROVIDERS:
        emulator = load_emulator(provider)(boot_seconds=0.0)
        with emulator.connect() as client:
            Planted().stream(emulator, client)
        if provider == PROVIDERS[-1]:
            emulator.inject(Fault.extra_field("brand_new", 7), times=100)
        with reachable(emulator, monkeypatch):
            tour(provider)
        Path("recorded").mkdir(exist_ok=True)
        Path(FILE).rename(Path("recorded") / f"{provider}.json")
    kit = [part for name in PROVIDERS for part in ("--livestream-adapter", name)]
    done = pytest_in(
        tmp_path, *kit, "--livestream-captures", "recorded", "-q", "-k", "Replayed or real_vendor"
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1, done.stdout
    assert f"{PROVIDERS[-1]}::Emulated::test_its_answers_have_what_a_real_vendor_sent" in failed[0]
    assert "brand_new is missing" in done.stdout


# -- what a vendor can do ----------------------------------------------------------------------


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[AcmeEmulator]:
    with served(monkeypatch) as emulator:
        yield emulator


def answers(report: Any) -> dict[str, str]:
    return {call["call"]: call["answer"] for call in report["calls"]}


def test_the_number_of_requests_is_told_before_and_kept(vendor: AcmeEmulator) -> None:
    for _ in range(4):
        vendor.add()
    result = run("doctor", "-p", "acme", "--live")
    assert result.exit_code == 0
    assert "makes at most 11 calls of at most 10 requests each; all of them only read" in (
        " ".join(result.stderr.split())
    )
    assert f"{len(vendor.requests)} requests were sent" in result.stdout
    assert "get an unknown ID answered NotFound, as it should be" in " ".join(result.stdout.split())
    assert "Wrote livestream-acme.json" in result.stdout


def test_what_is_new_to_the_adapter_is_told(vendor: AcmeEmulator) -> None:
    vendor.add(status="frozen", start="at noon", shelf={"row": 1})
    found = surprises(tour("acme"))
    assert "the status 'frozen' is not known" in found
    assert "fields that the adapter does not know: items[].shelf (an object)" in found
    assert any(each.startswith("scheduled_start: ") for each in found)
    assert "frozen" in Path(FILE).read_text()


def test_a_stream_under_an_id_that_should_not_exist_is_a_surprise(vendor: AcmeEmulator) -> None:
    stream = vendor.add()
    vendor.read = lambda request, id: json_response({**stream, "id": id})  # type: ignore[method-assign]
    assert "a stream was returned, not NotFound" in surprises(tour("acme"))


def test_a_wait_that_the_vendor_asks_for_is_kept(vendor: AcmeEmulator) -> None:
    vendor.add()
    vendor.inject(Fault.status(429, headers={"Retry-After": "1"}), on="GET /streams/*")
    result = run("doctor", "-p", "acme", "--live", "--json")
    assert result.exit_code == 0, result.output
    assert "acme asked to wait; continuing in 1 s" in result.stderr
    assert "the vendor first asked to wait 1 s" in surprises(json.loads(result.stdout))


@pytest.mark.parametrize("headers", [{"Retry-After": "3600"}, {}])
def test_a_longer_wait_ends_the_tour(vendor: AcmeEmulator, headers: dict[str, str]) -> None:
    vendor.inject(Fault.status(429, headers=headers), on="GET /streams")
    report = tour("acme", code=4)
    assert len(vendor.requests) == 1
    assert [call["tried"] for call in report["calls"]].count(True) == 1
    assert "not tried: the vendor asked to wait" in report["calls"][1]["answer"]


def test_credentials_that_are_refused_end_the_tour(
    vendor: AcmeEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVESTREAM_ACME_TOKEN", "a-wrong-token")
    report = tour("acme", code=3)
    assert report["calls"][0]["error"] == "AuthenticationFailed"
    assert not report["calls"][1]["tried"]
    assert "a-wrong-token" not in json.dumps(report) + Path(FILE).read_text()


def test_a_vendor_that_cannot_be_reached_is_exit_code_4_and_no_file(
    vendor: AcmeEmulator,
) -> None:
    vendor.inject(Fault.drop_before(), on="*", times=100)
    assert tour("acme", code=4)["file"] is None
    assert not Path(FILE).exists()


def test_an_empty_account_has_nothing_to_read(vendor: AcmeEmulator) -> None:
    found = answers(tour("acme"))
    assert found["list"] == "0 streams of 0"
    assert found["get"] == "not tried: there is no stream to try it with"
    assert found["get an unknown ID"] == "NotFound, as it should be"


@pytest.mark.parametrize(
    "arguments",
    [["--write"], ["--live", "--check"], ["--live", "--yes"], ["--live", "--keep"], ["--live", "--write"]],
)  # fmt: skip
def test_what_cannot_be_meant_is_a_usage_error_and_nothing_is_sent(
    vendor: AcmeEmulator, arguments: list[str]
) -> None:
    assert run("doctor", "-p", "acme", *arguments).exit_code == 2
    assert vendor.requests == []


# -- what may be left ----------------------------------------------------------------------------


def test_a_stream_that_cannot_be_deleted_is_named(vendor: AcmeEmulator) -> None:
    vendor.inject(Fault.status(409), on="DELETE *", times=9)
    result = run("doctor", "-p", "acme", "--live", "--output", FILE, "--write", "--yes", "--json")
    assert result.exit_code == 5
    (left,) = vendor.streams.values()
    assert f"the stream {left['id']} ('{left['title']}') is left on acme:" in result.stderr
    assert f"`livestream delete {left['id']}`" in result.stderr
    assert json.loads(result.stdout)["left"] == {"id": left["id"], "title": left["title"]}
    assert "safe to delete" in left["title"]


def test_the_created_stream_is_deleted_even_if_reading_it_fails(vendor: AcmeEmulator) -> None:
    vendor.add()
    vendor.inject(Fault.drop_after(), on="GET /streams/2", times=9)
    report = tour("acme", "--write", "--yes", code=4)
    assert [each["id"] for each in vendor.streams.values()] == ["1"]
    assert report["left"] is None


def test_a_delete_whose_outcome_is_unknown_is_looked_up(vendor: AcmeEmulator) -> None:
    vendor.inject(Fault.drop_after(), on="DELETE *")
    result = run("doctor", "-p", "acme", "--live", "--write", "--yes")
    assert result.exit_code == 5
    assert "may be left on acme:" in result.stderr
    vendor.inject(Fault.status(500), on="DELETE *")
    assert tour("acme", "--write", "--yes", code=5)["left"]["id"] == "2"


@pytest.mark.parametrize("status", [429, 503])
def test_a_create_is_repeated_only_if_the_first_one_had_no_effect(
    vendor: AcmeEmulator, status: int
) -> None:
    vendor.inject(Fault.status(status, headers={"Retry-After": "0"}), on="POST /streams")
    report = tour("acme", "--write", "--yes", code=0 if status == 429 else 5)
    created = [each for each in vendor.requests if each.method == "POST"]
    assert len(created) == (2 if status == 429 else 1)
    assert (report["left"] is None) == (status == 429)


def test_a_call_that_needs_too_many_requests_is_not_finished_and_fails_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    emulator = load_emulator("tktchurch")(boot_seconds=0.0)
    with emulator.connect() as client:
        for number in range(130):
            client.create(title=f"Lesson {number}", scheduled_start="2031-05-06T07:08:09Z")
    emulator.inject(Fault.status(404), on="GET */livestreams/*", times=99)
    with reachable(emulator, monkeypatch):
        report = tour("tktchurch")
    assert answers(report)["get an unknown ID"] == "not finished: it needs more than 10 requests"


def test_a_create_whose_outcome_is_unknown_names_the_title(vendor: AcmeEmulator) -> None:
    vendor.inject(Fault.drop_after(), on="POST /streams")
    result = run("doctor", "-p", "acme", "--live", "--write", "--yes")
    assert result.exit_code == 5
    (left,) = vendor.streams.values()
    assert "a stream may be left on acme:" in result.stderr
    assert left["title"] in result.stderr


def test_a_provider_that_cannot_delete_creates_only_what_may_stay(
    vendor: AcmeEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = registry.adapter("acme")
    operations = {**kind.capabilities.operations, live.Feature.DELETE: live.Capability(
        live.Support.NONE, "Acme keeps all")}  # fmt: skip
    monkeypatch.setattr(
        kind, "capabilities", attrs.evolve(kind.capabilities, operations=operations)
    )
    result = run("doctor", "-p", "acme", "--live", "--write", "--yes")
    assert result.exit_code == 2
    assert "does not support delete (Acme keeps all). Pass --keep" in (
        " ".join(result.stderr.split())
    )
    assert vendor.requests == []
    result = run("doctor", "-p", "acme", "--live", "--write", "--keep", "--yes")
    assert result.exit_code == 0
    assert len(vendor.streams) == 1
    assert f"the stream 1 ('{vendor.streams['1']['title']}') is left" in result.stderr


@pytest.mark.processes
@pytest.mark.parametrize(
    ("method", "path", "what"),
    [("GET", "/streams/1", "is left"), ("DELETE", "/streams/1", "may be left")],
)
def test_an_interruption_names_the_stream_that_is_left(
    vendor: AcmeEmulator, tmp_path: Path, method: str, path: str, what: str
) -> None:
    vendor.inject(Fault.delay(2 * PATIENCE), on=f"{method} {path}")
    ours = install(tmp_path / "one", acme="acme:ACME")
    theirs = {name: os.environ[name] for name in os.environ if name.startswith("LIVESTREAM_ACME")}
    arguments = ["doctor", "-p", "acme", "--live", "--write", "--yes"]
    with subprocess.Popen(
        [sys.executable, "-m", "livestream_core.cli", *arguments],
        env=environment({**ours, **theirs}),
        stderr=subprocess.PIPE,
        text=True,
    ) as it:
        until(
            lambda: any(
                (each.method, each.path) == (method, path) for each in list(vendor.requests)
            )
        )
        it.send_signal(signal.SIGINT)
        _, errors = it.communicate(timeout=PATIENCE)
    assert it.returncode == 5
    assert "the stream 1 ('livestream-core tour" in errors
    assert f"{what} on acme:" in errors


# -- the file as a test --------------------------------------------------------------------------


def test_a_value_that_is_changed_by_hand_or_read_otherwise_fails(
    vendor: AcmeEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.add(description="About whales", tags=["sea"], start="2031-05-06T07:08:09Z")
    tour("acme")
    capture = load(Path(FILE))
    assert replayed(capture) == []
    stream = capture.calls[0].exchanges[0].answer["items"][0]
    for name in ("title", "description", "tags", "start", "status", "key"):
        before, stream[name] = stream[name], ["x"] if name == "tags" else "on"
        assert "0: pages" in replayed(capture), f"with another {name}"
        stream[name] = before
    assert replayed(capture) == []
    monkeypatch.setitem(sys.modules["acme"].WORDS, "new", live.Status.READY)
    assert "0: pages" in replayed(capture)


def test_a_file_with_a_secret_that_was_not_found_before_is_not_written(
    vendor: AcmeEmulator,
) -> None:
    vendor.add(**{TOKEN: 1})
    report = tour("acme", code=1)
    assert (report["file"], Path(FILE).exists()) == (None, False)
    assert report["problems"] == ["a secret of the account is still in it"]


def test_pseudonyms_are_the_same_wherever_a_text_stands(vendor: AcmeEmulator) -> None:
    vendor.add(title="About whales", tags=["whales", "2031"])
    tour("acme")
    capture = load(Path(FILE))
    listed = capture.calls[0].result["items"][0]
    assert listed["title"].split()[1] == listed["tags"][0] != "whales"
    by_tag = next(call for call in capture.calls if "tag" in call.arguments)
    assert by_tag.arguments["tag"] in listed["tags"]
    assert [each["id"] for each in by_tag.result["items"]] == [listed["id"]]
