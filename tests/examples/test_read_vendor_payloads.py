"""examples/read_vendor_payloads.py: the streams that it reads, and the problems that it reports."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator

SCRIPT = Path(__file__).parents[2] / "examples" / "read_vendor_payloads.py"

STREAM = '{"id": "7", "title": "Maths", "status": "on", "key": "acme-key-7"}'
DOCUMENT = """\
# Create a stream

Sample request body

```json
{ "title": "Maths" }
```

The answer:

    {
        "id": "7",
        "title": "Maths, {braces} and \\"quotes\\"",
        "status": "on",
        "key": "acme-key-7",
        "tags": ["a", "b",],
    }

Without a token the answer is {"detail": "who are you?"}, and for a wrong one

{
  "title": ["This field is required."]
}
"""


@pytest.fixture(autouse=True)
def _only_acme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_ADAPTERS", "acme")  # and no installed adapter


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("read_vendor_payloads", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks up its own module
    spec.loader.exec_module(module)
    return module


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    def run(text: str | bytes, *arguments: str) -> tuple[int, str]:
        path = tmp_path / "page.md"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        monkeypatch.setattr(sys, "argv", ["read_vendor_payloads.py", str(tmp_path), *arguments])
        code = script.main()
        return code, capsys.readouterr().out

    return run


def rows(run: Run, text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(text, "--json")[1].splitlines()]


def test_it_reads_the_stream_and_names_the_other_objects(run: Run) -> None:
    code, output = run(DOCUMENT)
    assert code == 0
    assert "page.md:11: acme\n    (removed trailing commas)\n" in output
    assert '    title            Maths, {braces} and "quotes"\n' in output
    assert "    status           live\n" in output
    assert "    tags             a\n                     b\n" in output
    assert "live streams: 1\n" in output
    below = output.partition("other objects and files: 3\n")[2].splitlines()
    assert below == [
        "page.md:6: a request body",
        "page.md:19: an error body",
        "page.md:21: an error body",
    ]


def test_it_prints_no_secret(run: Run) -> None:
    for arguments in ((), ("--json",)):
        output = run(DOCUMENT, *arguments)[1]
        assert "acme-key" not in output
    assert "key ***" in run(DOCUMENT)[1]
    assert "https://cdn.acme.example/***" in run(DOCUMENT)[1]


def test_json_lines_have_the_model_and_the_place(run: Run) -> None:
    first, second, *_ = rows(run, DOCUMENT)
    assert first["kind"] == "a request body"
    assert (second["file"], second["line"], second["provider"]) == ("page.md", 11, "acme")
    assert live.LiveStream.from_dict(second["stream"]).status is live.Status.LIVE


def test_without_any_stream_the_exit_code_is_1(run: Run) -> None:
    code, output = run('The answer is {"message": "stopped"}.')
    assert code == 1
    assert "page.md:1: not a live stream\n    acme: " in output


def test_streams_inside_of_a_list_are_found_with_their_path(run: Run) -> None:
    found = rows(run, f'{{"items": [{STREAM}, {STREAM.replace("7", "8")}], "next": null}}')
    assert [(row["path"], row["stream"]["id"]) for row in found] == [
        (".items[0]", "7"),
        (".items[1]", "8"),
    ]


def test_a_shell_command_has_a_request_body(run: Run) -> None:
    (found,) = rows(run, 'curl -X POST https://x.example \\\n  -d \'{\n  "title": "Maths"\n}\'\n')
    assert (found["line"], found["kind"]) == (2, "a request body")


def test_json_in_a_string_of_source_code_is_unescaped(run: Run) -> None:
    text = 'request.body = "' + STREAM.replace('"', '\\"') + '"\n' + STREAM
    first, second = rows(run, text)
    assert first["notes"] == ["unescaped the quotes of a string"]
    assert second["notes"] == []


def test_text_that_is_not_json_is_reported_with_its_line(run: Run) -> None:
    (found,) = rows(run, 'payload = {\n  "title": "Maths",\n  "record": True\n}\n')
    assert found["kind"] == "unreadable"
    assert found["problem"] == "not JSON: Expecting value in line 3"


def test_an_object_that_is_not_closed_hides_nothing_after_it(run: Run) -> None:
    first, second = rows(run, '{"parent": ["Invalid"]\n\n' + STREAM)
    assert first["problem"] == "no closing brace"
    assert second["provider"] == "acme"


def test_an_object_that_is_nested_too_deeply_is_reported(run: Run) -> None:
    (found,) = rows(run, '{"a":' + "[" * 100_000 + "]" * 100_000 + "}")
    assert found["problem"] == "not JSON: nested too deeply"


def test_code_that_is_not_json_is_ignored(run: Run) -> None:
    assert rows(run, "<Tab type={'x'} values={[{label: 'y'}]} option={\"z\"} />") == []


def test_a_file_that_is_not_text_is_reported(run: Run) -> None:
    for data in (b"\xff\xfe", b"{\0}"):
        assert "page.md:1: not a text file" in run(data)[1]


def test_hidden_files_are_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_text(STREAM)
    assert rows(run, "") == []


def test_a_missing_folder_is_a_usage_error(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["read_vendor_payloads.py", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit) as left:
        script.main()
    assert left.value.code == 2


class Twin(AcmeAdapter):
    """Accepts what Acme accepts, and reports an impossible host."""

    name = "twin"

    def parse_stream(self, payload: Any) -> live.LiveStream:
        stream = attrs.evolve(super().parse_stream(payload), provider=self.name)
        return attrs.evolve(
            stream,
            ingests=[live.Ingest("rtmp://23.427.127.24:1935/live", "k")],
            started_at="2026-01-01T00:00:00Z",
            recording=live.Recording("ready", "https://cdn.acme.example/vod.m3u8"),
            restreams=[live.RestreamTarget("rtmp://in.other.example/live", "other-key")],
        )


class TwinEmulator(AcmeEmulator):
    provider = "twin"


class Plugin:
    def __init__(self, emulator: Any = TwinEmulator) -> None:
        self.emulator = emulator

    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        return [live.AdapterInfo(name="twin", factory=Twin, emulator=self.emulator)]


def test_a_payload_that_two_accept_is_ambiguous(run: Run) -> None:
    plugin = Plugin()
    live.register(plugin)
    try:
        (found,) = rows(run, STREAM)
    finally:
        live.unregister(plugin)
    assert (found["kind"], found["problem"]) == ("ambiguous", "accepted by acme and twin")


def test_an_adapter_without_an_emulator_stops_none_of_the_others(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = Plugin(emulator=None)
    live.register(plugin)
    try:
        assert rows(run, STREAM)[0]["provider"] == "acme"
    finally:
        live.unregister(plugin)


def test_an_impossible_host_is_kept_and_noted(
    script: ModuleType, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = Plugin()
    live.register(plugin)
    try:
        both = script.live.providers()
        monkeypatch.setattr(script.live, "providers", lambda: {"twin": both["twin"]})
        output = run(STREAM)[1]
    finally:
        live.unregister(plugin)
    assert "(the host 23.427.127.24 is not a valid IP address; it was kept unchanged)" in output
    assert "    ingests          rtmp://23.427.127.24:1935/live  key ***\n" in output
    assert "    started_at       2026-01-01T00:00:00+00:00\n" in output
    assert "    recording        ready  https://cdn.acme.example/vod.m3u8\n" in output
    assert "    restreams        rtmp://in.other.example/live  key ***\n" in output
