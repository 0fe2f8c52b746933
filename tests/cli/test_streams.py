"""The commands on streams, over real HTTP: their requests and their output."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator
from command_line import acme, run, served
from livestream_core.cli.streams.spec_options import FIELDS
from livestream_core.cli.streams.trim_option import trim_of
from livestream_core.emulator import Fault

KEY = "acme-key-1"


@pytest.fixture(autouse=True)
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[AcmeEmulator]:
    monkeypatch.setenv("TZ", "UTC")
    with served(monkeypatch) as emulator:
        yield emulator


def ok(*arguments: str, input: str | None = None) -> str:
    result = acme(*arguments, input=input)
    assert result.exit_code == 0, result.output
    return result.stdout


def as_json(*arguments: str, input: str | None = None) -> Any:
    return json.loads(ok(*arguments, "--json", input=input))


def sent(vendor: AcmeEmulator) -> Any:
    return vendor.requests[-1].json


# -- create -----------------------------------------------------------------------------------


def test_create_sends_each_field_that_has_an_option(vendor: AcmeEmulator) -> None:
    ok("create", "--title", "T", "--description", "D", "--tag", "a", "--tag", "b",
       "--scheduled-start", "2026-12-05T15:30:00+05:30")  # fmt: skip
    assert sent(vendor) == {
        "title": "T",
        "description": "D",
        "tags": ["a", "b"],
        "start": "2026-12-05T10:00:00Z",
    }


def test_create_prints_the_stream_that_the_vendor_made() -> None:
    stream = as_json("create", "--title", "T")
    assert (stream["id"], stream["title"], stream["status"]) == ("1", "T", "scheduled")


def test_a_vendors_own_field_is_parsed_as_json_if_possible(vendor: AcmeEmulator) -> None:
    ok("create", "--title", "T", "--set", "size=3", "--set", "kind=big", "--set", 'x={"y": [1]}')
    assert (sent(vendor)["size"], sent(vendor)["kind"], sent(vendor)["x"]) == (3, "big", {"y": [1]})


def test_text_that_is_json_only_to_python_stays_text(vendor: AcmeEmulator) -> None:
    ok("create", "--title", "T", "--set", "size=NaN")
    assert sent(vendor)["size"] == "NaN"


def test_a_setting_without_a_name_is_a_usage_error(vendor: AcmeEmulator) -> None:
    assert acme("create", "--title", "T", "--set", "=3").exit_code == 2
    assert vendor.requests == []


def test_a_spec_comes_from_standard_input(vendor: AcmeEmulator) -> None:
    spec = {"title": "T", "tags": ["a"], "options": {"size": 1}}
    ok("create", "--spec", "-", input=json.dumps(spec))
    assert (sent(vendor)["title"], sent(vendor)["tags"], sent(vendor)["size"]) == ("T", ["a"], 1)


def test_options_win_over_the_spec(vendor: AcmeEmulator, tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text('{"title": "Old", "description": "Kept", "options": {"a": 1, "b": 1}}')
    ok("create", "--spec", str(file), "--title", "New", "--set", "b=2")
    body = sent(vendor)
    assert (body["title"], body["description"], body["a"], body["b"]) == ("New", "Kept", 1, 2)


def test_restreams_come_from_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[live.StreamSpec] = []

    def create(self: live.Client, spec: live.StreamSpec, **_: Any) -> live.LiveStream:
        asked.append(spec)
        return live.LiveStream(provider="acme", id="1", title="T", status="ready")

    monkeypatch.setattr(live.Client, "create", create)
    ok("create", "--title", "T", "--restreams-file", "-",
       input='[{"url": "rtmp://other.example/app", "stream_key": "theirs"}]')  # fmt: skip
    assert asked[0].restreams == (live.RestreamTarget("rtmp://other.example/app", "theirs"),)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ('{"title": "T", "x": "very-secret"', "<stdin>: is not JSON (line 1 column 34)"),
        ('{"title": NaN}', "<stdin>: is not JSON"),
        ("[1]", "<stdin>: expected a JSON object"),
        ('{"titel": "T"}', f"titel: a stream has no such field; it has {', '.join(FIELDS)}"),
        # Names of arguments that are not fields.
        (
            '{"title": "T", "on_unsupported": "drop"}',
            f"on_unsupported: a stream has no such field; it has {', '.join(FIELDS)}",
        ),
        (
            '{"title": "T", "self": 1}',
            f"self: a stream has no such field; it has {', '.join(FIELDS)}",
        ),
        (f'{{"title": {"[" * 100_000}', "<stdin>: is not JSON"),
        (f'{{"title": {"9" * 5_000}}}', "<stdin>: is not JSON"),
        (
            '{"title": "T", "restreams": [{"url": null, "secret_urls": [{}]}]}',
            "secret_urls: expected a string, not dict",
        ),
        ("{}", "title: is missing; pass --title"),
        ('{"title": 3}', "title: expected a string, not int"),
        ('{"title": "T", "restreams": {}}', "restreams: expected a JSON list of objects"),
        ('{"title": "T", "restreams": [1]}', "restreams: expected a JSON list of objects"),
        (
            '{"title": "T", "restreams": [{"url": "rtmp://x.example/a", "key": "very-secret"}]}',
            "key: RestreamTarget has no such field; its fields are url, stream_key",
        ),
    ],
    ids=lambda value: value[:60],
)
def test_a_spec_that_cannot_be_read_is_one_line_and_nothing_is_sent(
    vendor: AcmeEmulator, spec: str, problem: str
) -> None:
    result = acme("create", "--spec", "-", input=spec)
    assert (result.exit_code, result.stderr) == (2, f"Error: {problem}\n")
    assert vendor.requests == []


def test_the_changes_of_an_update_name_fields_only(vendor: AcmeEmulator) -> None:
    vendor.add()
    for name in ("id", "self", "timeout"):
        result = acme("update", "1", "--spec", "-", input=json.dumps({name: "2"}))
        assert (result.exit_code, result.stderr.partition(";")[0]) == (
            2,
            f"Error: {name}: a stream has no such field",
        )
    assert vendor.requests == []


def test_a_spec_that_is_not_utf_8_is_one_line(vendor: AcmeEmulator, tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_bytes(b'{"title": "\xff"}')
    for option in ("--spec", "--restreams-file"):
        result = acme("create", "--title", "T", option, str(path))
        assert (result.exit_code, result.stderr) == (2, f"Error: {path}: is not JSON\n")
    assert vendor.requests == []


def test_options_of_a_spec_that_are_not_an_object_are_refused() -> None:
    result = acme("create", "--spec", "-", "--set", "a=1", input='{"title": "T", "options": [1]}')
    assert (result.exit_code, result.stderr) == (2, "Error: options: expected a JSON object\n")


def test_standard_input_is_read_by_one_option_only(vendor: AcmeEmulator) -> None:
    result = acme("create", "--spec", "-", "--token-file", "-", input="{}")
    assert result.exit_code == 2
    assert "Only one option can read standard input" in result.stderr


def test_a_missing_feature_is_refused_with_the_option_that_helps(
    vendor: AcmeEmulator,
) -> None:
    result = acme("create", "--title", "T", "--latency", "low")
    assert result.exit_code == 3
    assert "Acme is always slow" in result.stderr
    assert "pass --drop-unsupported" in result.stderr
    assert vendor.requests == []


def test_dropped_fields_are_reported_on_standard_error() -> None:
    result = acme("create", "--title", "T", "--latency", "low", "--drop-unsupported")
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: ")
    assert "dropped latency: Acme is always slow" in result.stderr


def test_the_last_of_two_opposite_options_counts() -> None:
    assert ok("create", "--title", "T", "--no-record", "--record")
    result = acme("create", "--title", "T", "--record", "--no-record")
    assert "always recorded" in result.stderr


class Plain(AcmeAdapter):
    name = "plain"
    capabilities = attrs.evolve(
        AcmeAdapter.capabilities,
        operations={
            **AcmeAdapter.capabilities.operations,
            live.Feature.SCHEDULE: (live.Support.NONE, "it starts at once"),
        },
    )


class Plugin:
    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        return [live.AdapterInfo(name="plain", factory=Plain)]


def test_a_schedule_is_not_dropped_if_that_would_start_a_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIVESTREAM_PLAIN_TOKEN", "t")
    plugin = Plugin()
    live.register(plugin)
    try:
        result = run("create", "-p", "plain", "--title", "T", "--drop-unsupported",
                     "--scheduled-start", "2026-12-05T10:00:00Z")  # fmt: skip
    finally:
        live.unregister(plugin)
    assert result.exit_code == 3
    assert result.stderr.endswith("it starts at once; nothing was changed\n")


def test_a_warning_is_json_too() -> None:
    result = acme("create", "--title", "T", "--latency", "low", "--drop-unsupported", "--json")
    assert "Acme is always slow" in json.loads(result.stderr)["warning"]


# -- show -------------------------------------------------------------------------------------


def test_show_prints_what_is_known_and_hides_the_key(vendor: AcmeEmulator) -> None:
    vendor.add(title="T", start="2026-12-05T10:00:00Z", tags=["a", "b"])
    lines = ok("show", "1").splitlines()
    assert lines == [
        "id              1",
        "title           T",
        "status          scheduled (new)",
        "provider        acme",
        "scheduled start 2026-12-05 10:00:00+00:00",
        "ingest          rtmp://in.acme.example/app",
        "stream key      ***",
        "playback hls    https://cdn.acme.example/***",
        "tags            a, b",
    ]


def test_show_secrets_shows_key_publish_url_and_addresses(vendor: AcmeEmulator) -> None:
    vendor.add()
    shown = ok("show", "1", "--show-secrets").splitlines()
    assert f"stream key      {KEY}" in shown
    assert f"publish url     rtmp://in.acme.example/app/{KEY}" in shown
    assert f"playback hls    https://cdn.acme.example/{KEY}/a.m3u8" in shown


def test_an_ingest_without_a_publish_url_is_shown_as_ffmpeg_arguments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ingests = [
        live.Ingest("rtmp://x.example/app", "room/cam 1"),
        live.Ingest(
            "srt://x.example:9000",
            "key",
            passphrase="s3cr3t-phrase",
            expires_at="2030-01-01T00:00:00Z",
        ),
    ]
    stream = live.LiveStream(provider="acme", id="1", title="T", status="live", ingests=ingests)
    monkeypatch.setattr(live.Client, "get", lambda self, id: stream)
    shown = ok("show", "1", "--show-secrets").splitlines()
    assert (
        "ffmpeg          -f flv -rtmp_app app -rtmp_playpath 'room/cam 1' rtmp://x.example/"
    ) in shown
    assert "passphrase      s3cr3t-phrase" in shown
    url = "srt://x.example:9000?streamid=key&passphrase=s3cr3t-phrase"
    assert f"publish url     {url}" in shown
    hidden = ok("show", "1")
    assert "passphrase      ***" in hidden
    assert "key expires     2030-01-01 00:00:00+00:00" in hidden
    assert "ffmpeg" not in hidden
    assert "s3cr3t" not in hidden


def test_everything_that_a_stream_may_have_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = live.LiveStream(
        provider="acme",
        id="1",
        title="T",
        description="D",
        status="ended",
        provider_status="ended",
        record=True,
        recording=live.Recording("ready", "https://v.example/r.m3u8", "https://v.example/r", 60),
        recording_drm=False,
        restreams=[
            live.RestreamTarget("rtmp://x.example/app", "theirs"),
            live.RestreamTarget(None),
        ],
        ingests=[live.Ingest(None)],
        playbacks=[live.Playback(None)],
        thumbnail_url="https://v.example/t.png",
        chat_url="https://v.example/chat",
        latency="low",
    )
    monkeypatch.setattr(live.Client, "get", lambda self, id: stream)
    assert ok("show", "1").splitlines()[2:] == [
        "description     D",
        "status          ended",
        "provider        acme",
        "record          yes",
        "recording       ready",
        "recording url   https://v.example/r.m3u8",
        "recording dash  https://v.example/r",
        "duration        60 s",
        "recording drm   no",
        "restream        rtmp://x.example/app",
        "  its key       ***",
        "restream        -",
        "thumbnail       https://v.example/t.png",
        "chat            https://v.example/chat",
        "latency         low",
    ]


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_addresses_with_a_key_or_a_signature_are_not_shown(
    monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    stream = live.LiveStream(
        provider="acme",
        id="1",
        title="T",
        status="live",
        ingests=[
            live.Ingest(f"srt://in.example:9000?streamid={KEY}", KEY),
            live.Ingest(f"rtmp://in.example/app/{KEY}", KEY),
            live.Ingest("rtmp://in.example/app?hdnea=s1gn3d"),
        ],
        restreams=[live.RestreamTarget("rtmp://x.example/th31r-k3y", "th31r-k3y")],
        thumbnail_url=f"https://v.example/{KEY.replace('-', '%2D')}.png",
    )
    monkeypatch.setattr(live.Client, "get", lambda self, id: stream)
    shown = ok("show", "1", *more)
    for secret in (KEY, KEY.replace("-", "%2D"), "s1gn3d", "th31r-k3y"):
        assert secret not in shown
    assert "rtmp://in.example/app" in shown
    assert f"streamid={KEY}" in ok("show", "1", "--show-secrets", *more)


def test_json_reads_back_as_the_same_stream(vendor: AcmeEmulator) -> None:
    vendor.add(start="2026-12-05T10:00:00Z")
    stream = live.LiveStream.from_dict(as_json("show", "1", "--show-secrets"))
    assert stream.ingest is not None
    assert stream.ingest.stream_key == live.Secret(KEY)


@pytest.mark.parametrize("arguments", [("show", "1"), ("list",), ("show", "1", "--raw")])
def test_json_has_no_secret_unless_it_is_asked_for(
    vendor: AcmeEmulator, arguments: tuple[str, ...]
) -> None:
    vendor.add()
    assert KEY not in ok(*arguments, "--json")
    assert KEY in ok(*arguments, "--json", "--show-secrets")


def test_raw_is_the_vendors_payload_without_its_secrets(vendor: AcmeEmulator) -> None:
    vendor.add(colour="green")
    assert as_json("show", "1", "--raw")["raw"] == {
        "id": "1",
        "title": "Stream 1",
        "status": "new",
        "key": "***",
        "colour": "green",
    }
    assert '"colour": "green"' in ok("show", "1", "--raw")


def test_times_are_shown_in_the_users_zone(
    vendor: AcmeEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    vendor.add(start="2026-12-05T10:00:00Z")
    try:
        with monkeypatch.context() as patch:
            patch.setenv("TZ", "Asia/Kolkata")
            time.tzset()
            assert "2026-12-05 15:30:00+05:30" in ok("show", "1")
            assert "2026-12-05 10:00:00+00:00" in ok("show", "1", "--utc")
            assert as_json("show", "1")["scheduled_start"] == "2026-12-05T10:00:00+00:00"
    finally:
        time.tzset()


def test_terminal_control_characters_are_not_printed(vendor: AcmeEmulator) -> None:
    vendor.add(title="a\x1b[2Jb\u202ec\nd", description="ಕ್\u200dಷ")
    shown = ok("show", "1")
    assert "a\ufffd[2Jb\ufffdc d" in shown
    assert "ಕ್\u200dಷ" in shown  # a joiner is part of the spelling


def test_a_title_is_not_markup(vendor: AcmeEmulator) -> None:
    vendor.add(title="[bold]T[/bold] :smile:")
    assert "[bold]T[/bold] :smile:" in ok("show", "1")
    assert "[bold]T[/bold] :smile:" in ok("list")


# -- list -------------------------------------------------------------------------------------


def test_list_prints_a_row_for_each_stream_on_every_page(vendor: AcmeEmulator) -> None:
    for _ in range(7):
        vendor.add(start="2026-12-05T10:00:00Z")
    head, _, *rows = ok("list").splitlines()
    assert head.split() == ["id", "status", "scheduled", "title"]
    assert rows[0].split() == ["1", "scheduled", "2026-12-05", "10:00+00:00", "Stream", "1"]
    assert [row.split()[0] for row in rows] == list("1234567")


def test_list_as_json_is_a_line_for_each(vendor: AcmeEmulator) -> None:
    for _ in range(4):
        vendor.add()
    lines = ok("list", "--json").splitlines()
    assert [json.loads(line)["id"] for line in lines] == list("1234")


def test_a_long_list_has_one_head_and_its_columns_stay(
    vendor: AcmeEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livestream_core.cli.streams.display._BATCH", 2)
    for id in ("a" * 20, "b", "c", "d"):
        vendor.add(id=id)
    vendor.streams = {each["id"]: each for each in vendor.streams.values()}
    head, _, *rows = ok("list").splitlines()
    assert [row.index("scheduled") for row in rows] == [head.index("status")] * 4


@pytest.mark.parametrize("length", [36, 60, 100])
def test_an_id_is_never_cut(vendor: AcmeEmulator, length: int) -> None:
    id = "x" * length
    vendor.add(id=id, title="A title that is rather long for what is left of the line")
    output = ok("list")
    assert id in output
    assert "rather long" in output


def test_at_80_columns_a_long_id_leaves_the_title_a_line_of_its_own(vendor: AcmeEmulator) -> None:
    vendor.add(id="x" * 36, title="Data science")
    output = ok("list")
    assert "  Data science" in output.splitlines()[-1]
    assert max(map(len, output.splitlines())) <= 80


def test_filters_and_limit_are_those_of_the_client(vendor: AcmeEmulator) -> None:
    vendor.add(status="on", tags=["a"])
    vendor.add(status="on")
    vendor.add()
    assert "\n1 " in ok("list", "--status", "live", "--tag", "a")
    assert len(ok("list", "--json", "--limit", "2").splitlines()) == 2
    assert ok("list", "--json", "--starts-after", "2030-01-01T00:00:00Z") == ""


def test_an_empty_list_is_reported_on_standard_error() -> None:
    result = acme("list")
    assert (result.stdout, result.stderr) == ("", "No streams.\n")


def test_an_empty_list_as_json_is_nothing() -> None:
    result = acme("list", "--json")
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_streams_before_an_error_in_the_middle_are_printed(
    vendor: AcmeEmulator, option: tuple[str, ...]
) -> None:
    for _ in range(5):
        vendor.add()
    vendor.inject(Fault.status(403), on="GET /streams", skip=1)
    result = acme("list", *option)
    assert "Stream 3" in result.stdout
    assert result.exit_code == 3


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_a_list_prints_all_others_and_then_what_cannot_be_read(
    vendor: AcmeEmulator, option: tuple[str, ...]
) -> None:
    for _ in range(5):
        vendor.add()
    del vendor.streams["2"]["status"]
    result = acme("list", *option)
    assert result.exit_code == 4
    printed = result.stdout.splitlines()
    assert len(printed) == (4 if option else 6)
    assert all(f"Stream {id}" in result.stdout for id in "1345")
    assert "Stream 2" not in result.stdout
    (line,) = result.stderr.splitlines()
    assert "1 entry of the list could not be read: '2' at position 1 of page 1" in line
    assert "error.streams" not in line
    if option:
        error = json.loads(line)
        assert (error["stream_id"], error["exit_code"]) == ("2", 4)


def test_show_tells_of_each_problem(vendor: AcmeEmulator) -> None:
    vendor.add(start="soon", tags="x")
    lines = [line.split(maxsplit=1) for line in ok("show", "1").splitlines()]
    assert [text for name, text in lines if name == "problem"] == [
        "scheduled_start: start is not a time with an offset",
        "tags: is a string, not a list",
    ]
    assert as_json("show", "1")["problems"] == [text for name, text in lines if name == "problem"]


def test_a_list_that_is_not_whole_is_warned_of(vendor: AcmeEmulator) -> None:
    vendor.add()
    vendor.inject(Fault.edited(lambda data, _: {**data, "total": 5}), on="GET *", times=9)
    result = acme("list")
    assert result.exit_code == 0
    assert "Warning: the list is incomplete: the vendor reports a different total" in result.stderr


def test_a_time_without_an_offset_is_refused(vendor: AcmeEmulator) -> None:
    result = acme("list", "--starts-after", "2026-12-05T10:00:00")
    assert result.exit_code == 2
    assert "has no time zone" in result.stderr
    assert vendor.requests == []


# -- update -----------------------------------------------------------------------------------


def test_update_sends_only_what_changes(vendor: AcmeEmulator) -> None:
    vendor.add(description="D")
    assert as_json("update", "1", "--title", "New")["title"] == "New"
    assert sent(vendor) == {"title": "New"}


def test_clear_empties_a_field(vendor: AcmeEmulator) -> None:
    vendor.add(description="D")
    assert as_json("update", "1", "--clear", "description")["description"] is None
    assert sent(vendor) == {"description": None}


def test_null_in_a_spec_clears_too(vendor: AcmeEmulator) -> None:
    vendor.add()
    ok("update", "1", "--spec", "-", input='{"description": null}')
    assert sent(vendor) == {"description": None}


def test_a_field_cannot_be_both_given_and_cleared(vendor: AcmeEmulator) -> None:
    result = acme("update", "1", "--description", "D", "--clear", "description")
    assert result.exit_code == 2
    assert vendor.requests == []


def test_an_update_of_nothing_is_wrong_input() -> None:
    assert acme("update", "1").exit_code == 2


# -- start, stop, cancel, delete ----------------------------------------------------------------


def test_start_and_stop_print_the_stream_afterwards(vendor: AcmeEmulator) -> None:
    vendor.add()
    assert as_json("start", "1")["status"] == "starting"
    assert as_json("stop", "1")["status"] == "ended"


def test_cancel_calls_a_stream_off(vendor: AcmeEmulator) -> None:
    vendor.add()
    assert as_json("cancel", "1")["status"] == "cancelled"
    assert vendor.streams == {}


@pytest.mark.parametrize(
    ("trim", "start", "end"),
    [
        ("30..120", 30, 120),
        (
            "2026-12-05T15:30:00+05:30..2026-12-05T11:00:00Z",
            "2026-12-05T10:00:00+00:00",
            "2026-12-05T11:00:00+00:00",
        ),
        ("1796464800..1796468400", "2026-12-05T10:00:00+00:00", "2026-12-05T11:00:00+00:00"),
        ("12.5..60", 12, 60),  # rounded outward
        ("12..60.000001", 12, 61),
        ("00:00:30..00:02:00", 30, 120),
        ("1:30..2:00", 90, 120),
        ("90:00..1:30:00.5", 5400, 5401),
        ("1:30..120", 90, 120),
        ("0:00..0:00:01", 0, 1),
    ],
)
def test_a_trim_is_seconds_or_two_times(
    vendor: AcmeEmulator, trim: str, start: object, end: object
) -> None:
    vendor.add(status="on")
    ok("stop", "1", "--trim", trim)
    body = next(r.json for r in vendor.requests if r.path.endswith("/stop"))
    assert body == {"trim": {"start": start, "end": end}}


@pytest.mark.parametrize(
    ("trim", "problem"),
    [
        ("30", "expected START..END"),
        ("30..", "expected START..END"),
        ("30..2026-12-05T10:00:00Z", "expected START..END"),
        ("120..30", "start must be before end"),
        ("-5..30", "negative"),
        ("-0.5..30", "negative"),
        ("..30", "expected START..END"),
        ("1:60..3:00", "expected START..END"),
        ("1:5..3:00", "expected START..END"),
        ("0:60:00..2:00:00", "expected START..END"),
        ("1:00:00:00..2:00:00", "expected START..END"),
        ("0:30..2026-12-05T10:00:00Z", "expected START..END"),
        ("1:30..1796464800", "a Unix time cannot be combined with"),
        ("1796464800.5..1796464900", "a Unix time cannot be combined with"),
        (".5..3", "expected START..END"),
        ("1..nan", "expected START..END"),
        ("1..1e3", "expected START..END"),
        ("1..\u0663", "expected START..END"),
        (f"1..{'9' * 5000}", "expected START..END"),
        ("1796464800000..1796468400000", "looks like milliseconds"),
        ("2026-12-05T10:00:00..2026-12-05T11:00:00", "trim: the time '2026-12-05T10:00:00' has no"),
        ("half..whole", "is not an ISO 8601 time"),
    ],
)
def test_a_wrong_trim_is_refused_before_anything_is_sent(
    vendor: AcmeEmulator, trim: str, problem: str
) -> None:
    result = acme("stop", "1", "--trim", trim)
    assert result.exit_code == 2
    assert problem in result.stderr
    assert vendor.requests == []


@given(
    st.integers(0, 900_000),
    st.integers(1, 900_000),
    st.one_of(st.just(""), st.text("0123456789", min_size=1, max_size=9)),
    st.booleans(),
)
def test_hours_minutes_and_seconds_are_their_sum_in_seconds(
    start: int, length: int, fraction: str, with_hours: bool
) -> None:
    def written(seconds: int) -> str:
        minutes, seconds = divmod(seconds, 60)
        hours, inner = divmod(minutes, 60)
        clock = f"{hours}:{inner:02}" if with_hours else f"{minutes}"
        return f"{clock}:{seconds:02}{tail}"

    tail = f".{fraction}" if fraction else ""
    ends = (start, start + length)
    assert trim_of("..".join(map(written, ends))) == live.Trim.relative(
        *(Fraction(f"{each}{tail}") for each in ends)
    )
    assert trim_of("..".join(f"{each}{tail}" for each in ends)) == live.Trim.relative(
        *(Decimal(f"{each}{tail}") for each in ends)
    )


def test_delete_without_a_terminal_needs_yes(vendor: AcmeEmulator) -> None:
    vendor.add()
    result = acme("delete", "1", input="y\n")
    assert result.exit_code == 2
    assert "Pass --yes to delete." in result.stderr
    assert vendor.requests == []


def test_delete_with_yes_deletes_and_says_so(vendor: AcmeEmulator) -> None:
    vendor.add()
    assert ok("delete", "1", "--yes") == "Deleted 1.\n"
    assert vendor.streams == {}


def test_delete_as_json(vendor: AcmeEmulator) -> None:
    vendor.add()
    assert as_json("delete", "1", "-y") == {"id": "1", "deleted": True}


# -- wait -------------------------------------------------------------------------------------


def test_wait_prints_the_stream_as_wanted(vendor: AcmeEmulator) -> None:
    vendor.add(status="on")
    assert as_json("wait", "1", "--until", "ready, ended", "--timeout", "5")["status"] == "live"


def test_a_wait_that_is_over_is_exit_code_4(vendor: AcmeEmulator) -> None:
    vendor.add()
    result = acme("wait", "1", "--until", "live", "--timeout", "0")
    assert result.exit_code == 4
    assert "its status is 'scheduled'" in result.stderr


def test_a_wait_for_what_can_no_longer_happen_is_exit_code_3(vendor: AcmeEmulator) -> None:
    vendor.add(status="over")
    assert acme("wait", "1", "--until", "live").exit_code == 3


def test_a_status_that_does_not_exist_is_exit_code_2(vendor: AcmeEmulator) -> None:
    assert acme("wait", "1", "--until", "nice").exit_code == 2
    assert vendor.requests == []
