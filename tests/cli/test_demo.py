"""`livestream demo`: what it finds out about a provider, and how it shows the results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator
from livestream_core.cli.app import app
from livestream_core.cli.installation import demo as demo_module
from livestream_core.cli.installation import lifecycle
from livestream_core.cli.installation.lifecycle import ROWS, Finding, Verdict, run_lifecycle
from livestream_core.emulator import Request, Response, json_response, load_emulator
from streams import without_create
from two_origins import TwoOrigins

CAPABILITIES = AcmeAdapter.capabilities
NONE = (live.Support.NONE, "this vendor is frugal")


def lacking(*features: live.Feature, **changes: Any) -> live.Capabilities:
    """Return the honest vendor's capabilities without some features."""
    operations: dict[live.Feature, Any] = {
        **CAPABILITIES.operations,
        **dict.fromkeys(features, NONE),
    }
    return attrs.evolve(CAPABILITIES, operations=operations, **changes)


class Adapter(AcmeAdapter):
    """Acme, with a recording that is shown once the stream has ended."""

    name = "walkable"
    capabilities = CAPABILITIES

    def parse_stream(self, payload: Any) -> live.LiveStream:
        stream = super().parse_stream(payload)
        if payload["status"] != "over":
            return stream
        recording = live.Recording("ready", f"https://cdn.acme.example/{payload['key']}/vod.m3u8")
        return attrs.evolve(stream, recording=recording)


class Emulator(AcmeEmulator):
    """Acme, with servers that boot, and encoders that need one."""

    provider = "walkable"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.up_at: dict[str, datetime] = {}

    def boot(self, id: str) -> None:
        self.streams[id]["status"] = "boot"
        self.up_at[id] = self.clock.now() + timedelta(seconds=self.boot_seconds)

    def look(self) -> None:
        for id, at in self.up_at.items():
            if self.streams.get(id, {}).get("status") == "boot" and at <= self.clock.now():
                self.streams[id]["status"] = "ready"

    def _dispatch(self, request: Request) -> Response:
        self.look()
        return super()._dispatch(request)

    def create(self, request: Request) -> Response:
        response = super().create(request)
        if response.status_code != 201 or request.get_json()["start"]:
            return response
        id = response.get_json()["id"]
        self.boot(id)
        return json_response(self.streams[id], 201)

    def start(self, request: Request, id: str) -> Response:
        response = super().start(request, id)
        self.boot(id)
        return response

    def stop(self, request: Request, id: str) -> Response:
        response = super().stop(request, id)
        if response.status_code == 200:
            self.streams[id]["status"] = "post"
        return response

    def encoder_connects(self, id: str) -> None:
        if self.streams[id]["status"] not in ("ready", "lost"):
            raise ValueError(f"it is {self.streams[id]['status']}, {self.streams[id]['key']}")
        super().encoder_connects(id)


class Plugin:
    def __init__(self, adapter: Any = Adapter, emulator: Any = Emulator) -> None:
        self.info = live.AdapterInfo(
            name="walkable", title="Walkable Live", factory=adapter, emulator=emulator
        )

    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        return [self.info]


@contextmanager
def registered(adapter: Any = Adapter, emulator: Any = Emulator) -> Iterator[None]:
    plugin = Plugin(adapter, emulator)
    live.register(plugin)
    try:
        yield
    finally:
        live.unregister(plugin)


@pytest.fixture(autouse=True)
def _is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_module, "BOOT_SECONDS", 0.05)
    monkeypatch.setattr(lifecycle, "_TIMEOUT", 10.0)
    monkeypatch.setattr(lifecycle, "_POLL", 0.01)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the timeouts, for tests in which an event never happens."""
    monkeypatch.setattr(lifecycle, "_TIMEOUT", 0.5)


def findings(
    adapter: type[live.Adapter] = Adapter, emulator: type[Emulator] = Emulator
) -> Mapping[str, Finding]:
    with registered(adapter, emulator):
        served = emulator(boot_seconds=0.05)
        with served.connect() as client:
            return run_lifecycle(client, served, lambda row, finding, shown: None)


def broken(found: Mapping[str, Finding]) -> dict[str, str]:
    return {row: each.reason for row, each in found.items() if each.verdict is Verdict.BROKEN}


def demo(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["demo", "--provider", "walkable", *arguments])


# -- a correct provider -----------------------------------------------------------------------


def test_every_promise_of_an_honest_provider_is_found_kept() -> None:
    found = findings()
    assert broken(found) == {}
    assert set(found) == set(ROWS)
    # Acme has no endpoints for webhooks.
    others = {row: each.verdict for row, each in found.items() if each.verdict is not Verdict.KEPT}
    assert others == {"manage_webhooks": Verdict.ABSENT}
    assert found["cancel"].word == "emulated"
    assert found["live again"].word == "seen"


def test_a_server_that_keeps_no_streams_is_walked_with_what_an_encoder_publishes() -> None:
    for provider in without_create():
        served = load_emulator(provider)(boot_seconds=0.0)
        with served.connect() as client:
            can = client.capabilities
            found = run_lifecycle(client, served, lambda row, finding, shown: None)
        assert broken(found) == {}
        assert untested(found) == {
            "recording": "the vendor does not keep the stream that would show it"
        }
        kept = {row for row, each in found.items() if each.verdict is Verdict.KEPT}
        assert kept >= {each.value for each in can.operations if can.supports(each)}
        assert kept >= {each.value for each in can.statuses} & {*ROWS} | {"ended"}


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_an_undeclared_feature_is_refused_without_a_request() -> None:
    class Frugal(Adapter):
        capabilities = lacking(
            live.Feature.SCHEDULE,
            live.Feature.UPDATE,
            live.Feature.RESET_KEY,
            live.Feature.DISABLE,
            live.Feature.ENABLE,
            live.Feature.STOP,
            live.Feature.TRIM,
            live.Feature.RECORDINGS,
            live.Feature.CANCEL,
            live.Feature.WEBHOOK,
            live.Feature.MANAGE_WEBHOOKS,
            fields={live.Feature.RECORD: NONE},
        )
        update, stop = live.Adapter.update, live.Adapter.stop
        reset_key, recordings = live.Adapter.reset_key, live.Adapter.recordings
        disable, enable = live.Adapter.disable, live.Adapter.enable
        cancel, parse_webhook = live.Adapter.cancel, live.Adapter.parse_webhook

    class Started(Emulator):
        def start(self, request: Request, id: str) -> Response:
            return self.read(request, id)

    found = findings(Frugal, Started)
    assert set(broken(found)) == {"ended"}  # such a vendor never ends the stream
    absent = {row: each for row, each in found.items() if each.verdict is Verdict.ABSENT}
    assert set(absent) == {
        *("schedule", "update", "reset_key", "disable", "enable", "stop", "trim"),
        *("recording", "recordings", "cancel", "webhook", "manage_webhooks"),
    }
    assert {(each.word, each.reason) for each in absent.values()} == {("-", NONE[1])}


def test_a_status_that_is_never_reported_is_found_absent() -> None:
    class Deaf(Adapter):
        capabilities = attrs.evolve(
            CAPABILITIES, statuses=CAPABILITIES.statuses - {live.Status.INTERRUPTED}
        )

    class Forgiving(Emulator):
        def encoder_drops(self, id: str) -> None:
            pass

        def encoder_connects(self, id: str) -> None:
            self.streams[id]["status"] = "on"

    found = findings(Deaf, Forgiving)
    assert broken(found) == {}
    for row in ("interrupted", "live again"):
        assert found[row].verdict is Verdict.ABSENT
        assert found[row].reason == "it never reports interrupted"


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_status_that_only_webhooks_report_is_seen_there() -> None:
    class Hiding(Adapter):
        def get(self, stream_id: str) -> live.Operation[live.LiveStream]:
            stream = yield from super().get(stream_id)
            is_hidden = stream.status is live.Status.INTERRUPTED
            return attrs.evolve(stream, status=live.Status.LIVE) if is_hidden else stream

    class Delivering(Emulator):
        def webhook(self, id: str, *, secret: str) -> tuple[dict[str, str], bytes]:
            return {"x-acme-secret": secret}, json.dumps(self.streams[id]).encode()

    found = findings(Hiding, Delivering)
    assert broken(found) == {}
    assert found["interrupted"].word == "seen"
    assert set(broken(findings(Hiding))) == {"interrupted"}


def test_a_wait_includes_booting_if_ready_is_never_reported() -> None:
    class Blind(Adapter):
        # Without READY, there is no status to which a disabled stream is enabled.
        capabilities = lacking(
            live.Feature.DISABLE,
            live.Feature.ENABLE,
            statuses=CAPABILITIES.statuses - {live.Status.READY, live.Status.DISABLED},
        )
        disable, enable = live.Adapter.disable, live.Adapter.enable

        def parse_stream(self, payload: Any) -> live.LiveStream:
            stream = super().parse_stream(payload)
            is_up = stream.status is live.Status.READY
            return attrs.evolve(stream, status=live.Status.STARTING) if is_up else stream

    class Booting(Emulator):
        def encoder_connects(self, id: str) -> None:
            self.look()
            super().encoder_connects(id)

    assert broken(findings(Blind, Booting)) == {}


# -- a provider with wrong declarations -------------------------------------------------------


def changed(name: str, change: Callable[[Emulator, Any, Response], Any]) -> type[Emulator]:
    """Return an emulator with another response of one handler."""

    def handler(self: Emulator, request: Request, **values: str) -> Any:
        return change(self, request, getattr(Emulator, name)(self, request, **values))

    return type("Lying", (Emulator,), {name: handler})


def edited(name: str, **fields: Any) -> type[Emulator]:
    return changed(
        name, lambda self, _, answer: json_response({**answer.get_json(), **fields}, 200)
    )


def refused(name: str) -> type[Emulator]:
    return changed(name, lambda *_: json_response({"detail": "no"}, 422))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("emulator", "row", "reason"),
    [
        (refused("write"), "update", "Rejected: HTTP 422: no"),
        (refused("stop"), "trim", "Rejected: HTTP 422: no"),
        (refused("remove"), "delete", "Rejected: HTTP 422: no"),
        (edited("create", title="X"), "create", "title is X, not Demo, at once"),
        (
            edited("create", start="2026-01-01T00:00:00Z"),
            "schedule",
            "scheduled_start is 2026-01-01 00:00:00+00:00, not ",
        ),
        (edited("write", title="X"), "update", "title is X, not Demo, renamed"),
        (edited("list_all", items=[]), "list", "2 of 2 streams are not in the list"),
        (
            edited("list_all", total=7),
            "list",
            "the list differs from the vendor's total",
        ),
    ],
)
def test_a_refused_or_wrong_answer_is_a_broken_promise(
    emulator: type[Emulator], row: str, reason: str
) -> None:
    assert broken(findings(emulator=emulator))[row].startswith(reason)


def test_a_stream_that_survives_its_deletion_is_a_broken_promise() -> None:
    class Undead(Emulator):
        def remove(self, request: Request, id: str) -> Response:
            return Response(status=204)

    assert broken(findings(emulator=Undead)) == {"delete": "the deleted stream can still be read"}


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_status_that_never_comes_is_a_broken_promise() -> None:
    class Stuck(Emulator):
        def encoder_drops(self, id: str) -> None:
            pass

        def encoder_connects(self, id: str) -> None:
            self.streams[id]["status"] = "on"

    found = broken(findings(emulator=Stuck))
    assert set(found) == {"interrupted"}
    assert found["interrupted"].startswith(
        "WaitTimeout: the stream did not meet the condition within 0.5 s; its status is 'live'"
    )


def test_a_status_that_is_not_declared_is_a_broken_promise() -> None:
    class Modest(Adapter):
        capabilities = attrs.evolve(
            CAPABILITIES, statuses=CAPABILITIES.statuses - {live.Status.STARTING}
        )

    found = broken(findings(Modest))
    assert found["create"] == "its status is starting, which is not a declared status"


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_status_that_cannot_follow_is_a_broken_promise() -> None:
    class Backwards(Emulator):
        def encoder_drops(self, id: str) -> None:
            self.streams[id]["status"] = "new"

    assert (
        broken(findings(emulator=Backwards))["interrupted"]
        == "its status went from live to scheduled"
    )


def test_a_cancel_that_does_not_cancel_is_a_broken_promise() -> None:
    class Stubborn(Adapter):
        def cancel(self, stream_id: str) -> live.Operation[live.LiveStream]:
            return self.get(stream_id)

    assert broken(findings(Stubborn)) == {
        "cancel": "its status is scheduled after it was cancelled"
    }


def test_a_delivery_without_a_signature_that_is_accepted_is_a_broken_promise() -> None:
    class Credulous(Adapter):
        def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> live.Event:
            return live.Event(provider=self.name, kind="other")

    assert broken(findings(Credulous)) == {"webhook": "an unsigned delivery was accepted"}


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_unsupported_for_what_is_promised_is_a_broken_promise() -> None:
    class Liar(Adapter):
        def start(self, stream_id: str) -> live.Operation[live.LiveStream]:
            raise live.Unsupported("not today")

    assert broken(findings(Liar))["start"].startswith(
        "declared, but refused: Unsupported: not today"
    )


class Updateless(Adapter):
    capabilities = lacking(live.Feature.UPDATE)
    update = live.Adapter.update


RENAMED = live.LiveStream(provider="walkable", id="9", title="Demo, renamed", status="ready")


def test_doing_what_is_not_promised_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.Client, "update", lambda self, id, **_: RENAMED)
    assert broken(findings(Updateless)) == {"update": "not declared, but it was applied"}


def test_a_refusal_after_something_was_sent_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def update(self: live.Client, id: str, **_: Any) -> None:
        self.get(id)
        raise live.Unsupported("too late")

    monkeypatch.setattr(live.Client, "update", update)
    assert broken(findings(Updateless)) == {
        "update": "refused, but only after something was sent: Unsupported: too late"
    }


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_recording_that_is_never_ready_is_a_broken_promise() -> None:
    class Slow(Adapter):
        def parse_stream(self, payload: Any) -> live.LiveStream:
            stream = super().parse_stream(payload)
            recording = stream.recording and live.Recording("processing")
            return attrs.evolve(stream, recording=recording)

    assert broken(findings(Slow))["recording"].startswith("WaitTimeout")


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_the_stream_key_in_the_text_of_an_emulators_error_is_masked() -> None:
    class Unready(Emulator):
        def start(self, request: Request, id: str) -> Response:
            return self.read(request, id)

    assert broken(findings(emulator=Unready))["live"] == "ValueError: it is new, ***"


# -- features that cannot be tested -----------------------------------------------------------


def untested(found: Mapping[str, Finding]) -> dict[str, str]:
    return {row: each.reason for row, each in found.items() if each.verdict is Verdict.UNTESTED}


def test_without_a_stream_nothing_is_tried_on_one() -> None:
    found = findings(emulator=refused("create"))
    assert {"create", "schedule", "cancel"} >= set(broken(found))
    assert untested(found)["get"] == "no stream could be created for it"
    assert found["webhook"].verdict is Verdict.KEPT


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_an_emulator_without_encoders_breaks_no_promise() -> None:
    class Worldless(Emulator):
        def recording_ready(self, id: str) -> None:
            raise NotImplementedError

    assert untested(findings(emulator=Worldless)) == {
        "recording": "the emulator does not support that"
    }


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"record": False}, "the vendor does not record this stream"),
        ({"recording": None}, "the vendor does not show the recording"),
    ],
)
def test_a_recording_that_the_vendor_does_not_speak_of_breaks_no_promise(
    change: dict[str, Any], reason: str
) -> None:
    class Silent(Adapter):
        def parse_stream(self, payload: Any) -> live.LiveStream:
            return attrs.evolve(super().parse_stream(payload), **change)

    assert untested(findings(Silent))["recording"] == reason


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_recording_that_does_not_show_before_the_end_is_not_waited_for_in_vain() -> None:
    class Silent(AcmeAdapter):
        name = "walkable"
        capabilities = CAPABILITIES

    class Endless(Emulator):
        def recording_ready(self, id: str) -> None:
            pass

    found = findings(Silent, Endless)
    assert untested(found) == {"recording": "the vendor does not show the recording"}


def test_a_stream_that_is_processed_and_not_recorded_ends() -> None:
    class Unrecorded(AcmeAdapter):
        name = "walkable"
        capabilities = attrs.evolve(CAPABILITIES, fields={live.Feature.RECORD: NONE})

    found = findings(Unrecorded)
    assert broken(found) == {}
    assert (found["recording"].word, found["ended"].word) == ("-", "seen")


def test_an_address_without_a_status_counts_as_a_recording() -> None:
    class Laconic(Adapter):
        def parse_stream(self, payload: Any) -> live.LiveStream:
            recording = live.Recording("unknown", "https://cdn.acme.example/vod.m3u8")
            return attrs.evolve(super().parse_stream(payload), recording=recording)

    assert findings(Laconic)["recording"].verdict is Verdict.KEPT


def test_an_update_that_the_demo_does_not_know_is_not_tried() -> None:
    class Odd(Adapter):
        capabilities = attrs.evolve(
            CAPABILITIES, updatable={"scheduled_start"}, clearable=frozenset()
        )

    only = "the demo updates only title, description, tags, record"
    assert untested(findings(Odd)) == {"update": only}


def test_without_get_a_deletion_is_taken_at_its_word() -> None:
    class Unreadable(Adapter):
        capabilities = lacking(live.Feature.GET)
        get = live.Adapter.get

    found = findings(Unreadable)
    assert found["get"].verdict is Verdict.ABSENT
    assert found["delete"].verdict is Verdict.KEPT


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_missing_stop_is_not_a_fault_if_only_the_encoder_can_end_a_stream() -> None:
    class Endless(Adapter):
        capabilities = lacking(live.Feature.STOP, live.Feature.TRIM)
        stop = live.Adapter.stop

    class Unconnected(Emulator):
        def encoder_drops(self, id: str) -> None:
            raise ValueError("no encoder is connected")

    assert "stop" not in broken(findings(Endless, Unconnected))


# -- output -----------------------------------------------------------------------------------


def test_the_demo_of_an_honest_provider_ends_well_and_shows_a_table() -> None:
    with registered():
        result = demo()
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert any(line.startswith("Walkable Live at http://127.0.0.1:") for line in lines)
    assert [line.split() for line in lines if line.startswith("operation ")] == [
        ["operation", "walkable"]
    ]
    assert ["cancel", "emulated"] in [line.split() for line in lines]
    assert "1 providers, 21 steps as declared, 0 failed" in lines[-1]


def test_the_demo_shows_addresses_and_no_secret() -> None:
    with registered():
        output = demo().output
    assert "rtmp://in.acme.example/app  key ***" in output
    assert "https://cdn.acme.example/***" in output
    assert not re.search(r"acme-key-\d", output)
    assert "correct horse" not in output


def test_the_demo_of_a_liar_fails_and_says_why_in_one_line() -> None:
    with registered(emulator=refused("write")):
        result = demo()
    assert result.exit_code == 1
    assert "update      FAILED      Rejected: HTTP 422: no" in result.output
    assert "FAILED, not as declared:\n  walkable update: Rejected: HTTP 422: no" in result.output
    assert "Traceback" not in result.output


def test_debug_shows_the_traceback_of_a_failure() -> None:
    with registered(emulator=refused("write")):
        assert "Traceback" in demo("--debug").output


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_traceback_shows_no_stream_key() -> None:
    class Unready(Emulator):
        def start(self, request: Request, id: str) -> Response:
            return self.read(request, id)

    with registered(emulator=Unready):
        output = demo("--debug").output
    assert "ValueError: it is new, ***" in output
    assert not re.search(r"acme-key-\d", output)


def test_what_is_absent_is_a_dash_with_its_reason_below_the_table() -> None:
    with registered(Updateless):
        result = demo()
    assert result.exit_code == 0
    assert ["update", "-"] in [line.split() for line in result.output.splitlines()]
    assert f"Not supported:\n  walkable update: {NONE[1]}" in result.output


def test_no_line_is_wider_than_80_columns_and_none_has_colour() -> None:
    with registered(emulator=refused("write")):
        output = demo().output
    assert max(map(len, output.splitlines())) <= 80
    assert "\x1b" not in output


def test_an_emulator_that_cannot_be_made_fails_the_demo() -> None:
    with registered(emulator="livestream_nowhere:Emulator"):
        result = demo()
    assert result.exit_code == 1
    assert "the emulator cannot be loaded: ModuleNotFoundError" in " ".join(result.output.split())


def test_an_adapter_that_cannot_be_loaded_fails_the_demo() -> None:
    with registered(adapter="livestream_nowhere:Adapter"):
        result = demo()
    assert result.exit_code == 1
    assert "the adapter walkable cannot be loaded" in result.output


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_an_address_that_is_not_given_is_a_dash() -> None:
    class Processing(Adapter):
        def parse_stream(self, payload: Any) -> live.LiveStream:
            stream = super().parse_stream(payload)
            return attrs.evolve(stream, recording=live.Recording("unknown"))

    with registered(Processing):
        assert "recording   unknown  -" in demo().output


def test_an_emulator_whose_options_do_not_connect_fails_the_demo() -> None:
    class Optionless(Emulator):
        def options(self) -> dict[str, str]:
            return {"user": "u@acme.example"}

    with registered(emulator=Optionless):
        result = demo()
    assert result.exit_code == 1
    output = " ".join(result.output.split())
    assert "ConfigurationError: password (LIVESTREAM_WALKABLE_PASSWORD) is missing" in output


def test_a_provider_without_an_emulator_is_not_tried() -> None:
    with registered(emulator=None):
        alone = demo()
    assert alone.exit_code == 2
    assert "no provider with an emulator is installed (walkable without one)" in alone.stderr

    class Second(Plugin):
        def __init__(self) -> None:
            self.info = live.AdapterInfo(name="silent", factory=Adapter)

    class Silent(Adapter):
        name = "silent"

    plugin = Second()
    plugin.info = attrs.evolve(plugin.info, factory=Silent)
    live.register(plugin)
    try:
        with registered():
            both = demo("--provider", "silent")
    finally:
        live.unregister(plugin)
    assert both.exit_code == 0
    assert "Not tested:\n  silent all: it has no emulator" in both.output


def test_a_provider_that_signs_in_elsewhere_is_asked_only_at_its_emulator() -> None:
    class Elsewhere(TwoOrigins, Adapter):
        name = "walkable"

    with registered(Elsewhere):
        result = demo()
    assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("small_vendors", "impatient")
@pytest.mark.parametrize("provider", ["sparse", "untitled", "unique"])
def test_a_provider_is_not_blamed_for_fields_that_it_does_not_have(provider: str) -> None:
    result = CliRunner().invoke(app, ["demo", "--provider", provider])
    assert result.exit_code == 0, result.output


def test_a_provider_that_is_not_there_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, ["demo", "--provider", "nowhere"])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: unknown provider 'nowhere'")
    assert len(result.stderr.splitlines()) == 1


#: For a separate process: a vendor whose emulator lacks an endpoint that its adapter declares.
HONEST = Plugin()
LYING = Plugin(
    emulator=type(
        "Lying",
        (Emulator,),
        {"routes": tuple(route for route in Emulator.routes if route.method != "PUT")},
    )
)
