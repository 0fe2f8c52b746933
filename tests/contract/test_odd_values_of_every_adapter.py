"""A malformed value in any field of a documented payload hides no other stream.

This holds for lists, pages, plans, webhooks, and the doctor.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import attrs
import pytest

import livestream_core as live
from command_line import run
from livestream_core import migrate
from livestream_core.emulator import Fault, load_emulator
from livestream_core.testing import conformance
from livestream_mux.emulator import sign
from migrations import LIST, PROVIDERS, in_days, scheduled

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ADAPTERS = (*PROVIDERS, "mux")
VENDORS = (*ADAPTERS, "memory")
#: Values that vendors send instead of the documented ones. In JSON, 1e400 is infinity.
ODD: tuple[Any, ...] = (None, {}, [], "", -1, float("inf"), "gone_fishing", "\ud800")
#: The fields of a stream that a migration copies; addresses only for vendors that host nothing.
MOVED = {"title", "description", "scheduled_start", "record", "recording_drm", "latency", "tags",
         "thumbnail_url", "restreams"}  # fmt: skip
#: Documented, but not in any sample.
MORE_FIELDS: Mapping[str, Any] = {
    "tpstreams": {
        "live_stream": {
            "latency": "Low Latency",
            "activities": [
                {"status": "On Publish", "timestamp": "September 22, 2025, 05:59 PM"},
                {"status": "Stopped", "timestamp": "September 22, 2025, 06:17 PM"},
            ],
        },
        "video": {"status": "Completed", "duration": 12.5, "playback_url": "https://c.example/v"},
    },
    "tktchurch": {"thumbnail": {"id": "1", "url": "https://s3.example/t.jpg"}},
    "mux": {
        "passthrough": "lesson-4",
        "simulcast_targets": [
            {
                "id": "1",
                "status": "idle",
                "url": "rtmp://a.example/live",
                "stream_key": "a-key-of-a",
            }
        ],
    },
}


def leaves(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of all values that contain no other values."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for name, value in items:
        if isinstance(value, (dict, list)) and value:
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name)


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy with another value at a path."""
    data = copy.deepcopy(data)
    place = data
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return data


def merged(data: Any, more: Any) -> Any:
    if not isinstance(data, dict) or not isinstance(more, dict):
        return more
    return {**data, **{name: merged(data.get(name), value) for name, value in more.items()}}


def as_text(data: Any) -> str:
    return json.dumps(data).replace("Infinity", "1e400")


class Account:
    """An account with a few streams, one of which is malformed in the responses."""

    def __init__(self, provider: str) -> None:
        self.emulator: Any = load_emulator(provider)()
        self._inner = self.emulator.transport()
        self.odd: Any = None
        self.client = self.emulator.connect(transport=self, retries=0)
        can = self.client.capabilities
        fields: Any = {"scheduled_start": in_days(2)} if can.supports("schedule") else {}
        made = [self.client.create(title=f"Lesson {at}", **fields) for at in range(3)]
        self.id, *self.others = [stream.id for stream in made]
        shown = self.client.get(self.id).raw
        assert shown is not None
        documented = [dict(each.payload) for each in conformance.Subject(provider).samples()]
        whole = [shown.reveal(), *documented]
        if provider in MORE_FIELDS:
            whole.append(merged(whole[0], MORE_FIELDS[provider]))
        #: The payloads with which the responses replace that stream.
        self.payloads = [{**json.loads(json.dumps(each)), "id": self.id} for each in whole]

    def send(self, method: str, origin: str, target: str, *rest: Any) -> live.Response:
        response = self._inner.send(method, origin, target, *rest)
        if self.odd is None or not response.is_json:
            return response
        data = self._replaced(json.loads(response.body))
        return attrs.evolve(response, body=as_text(data).encode())

    def _replaced(self, data: Any) -> Any:
        if isinstance(data, list):
            return [self._replaced(each) for each in data]
        if not isinstance(data, dict):
            return data
        if data.get("id") == self.id:
            return self.odd
        return {name: self._replaced(value) for name, value in data.items()}

    def cases(self) -> Iterator[tuple[str, Any]]:
        """Yield each payload with a description, while the responses contain it."""
        for payload in self.payloads:
            for path in leaves(payload):
                for value in ODD:
                    self.odd = changed(payload, path, value)
                    yield f"{'.'.join(map(str, path))} = {value!r}", self.odd
        self.odd = None


@pytest.fixture(params=VENDORS)
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    account = Account(request.param)
    with account.client:
        yield account


def test_lists_and_pages_show_all_others_and_tell_of_the_one(account: Account) -> None:
    client, others = account.client, set(account.others)
    for case, odd in account.cases():
        streams = client.list(on_unreadable="collect")
        shown = {stream.id for stream in streams}
        assert others <= shown, case
        assert streams.unreadable or len(shown) == 3, case
        assert not (streams.unreadable and streams.complete), case
        page = client.pages()
        assert {stream.id for stream in page} == shown, case
        assert [each.reason for each in page.unreadable] == [
            each.reason for each in streams.unreadable
        ], case
        try:
            assert {stream.id for stream in client.list()} == shown, case
            assert not streams.unreadable, case
        except live.UnexpectedResponse as error:
            assert streams.unreadable, case
            assert {stream.id for stream in error.streams} == shown, case
        if not streams.unreadable:
            (stream,) = [each for each in page if each.id not in others]
            again = client.parse_stream(odd if odd != odd else json.loads(as_text(odd)))
            assert (again.problems, again.id) == (stream.problems, stream.id), case
            assert not any("gone_fishing" in problem for problem in stream.problems), case


def test_a_plan_has_all_others_and_never_moves_the_one_without_a_field(account: Account) -> None:
    client, others = account.client, set(account.others)
    can_set_address = client.capabilities.supports("playback_url")
    moved = MOVED | ({"playbacks"} if can_set_address else set())
    with live.connect("memory", account="the target") as target:
        planned = set()
        for case, _ in account.cases():
            page = client.pages()
            read = (page.items, tuple(each.reason for each in page.unreadable))
            if read in planned:
                continue  # a plan is made of what was read, so it would be the same
            planned.add(read)
            plan = migrate.plan(
                client,
                target,
                assume_idle=True,
                transform=None if client.supports("schedule") else scheduled,
            )
            items = {item.source_id: item for item in plan.items}
            assert others <= items.keys(), case
            assert all(items[id].state == "pending" for id in others), case
            if page.unreadable:
                (odd,) = [item for id, item in items.items() if id not in others]
                assert odd.state == "needs_review", case
                assert "could not be read" in odd.reason, case
            for stream in page:
                lost = {problem.partition(":")[0].partition(".")[0] for problem in stream.problems}
                if stream.id in items and lost & moved:
                    assert items[stream.id].state != "pending", case


def test_webhooks_name_the_stream(account: Account) -> None:
    if not account.client.supports("webhook") or account.client.provider == "memory":
        pytest.skip("this vendor sends none, or signs them")
    secret = account.emulator.webhook_secret
    headers, body = account.emulator.webhook(account.id)
    # Mux signs its deliveries, and puts the stream into an envelope.
    is_mux, delivered = account.client.provider == "mux", json.loads(body)
    nameless = set()
    for payload in account.payloads:
        for path in leaves(payload):
            for value in ODD:
                shown = changed(payload, path, value)
                text = as_text({**delivered, "data": shown} if is_mux else shown).encode()
                if is_mux:
                    headers = sign(text, secret, account.emulator.clock.now())
                try:
                    id = account.client.parse_webhook(headers, text, secret=secret).stream_id
                except live.UnexpectedResponse as error:
                    id = error.stream_id
                if id != account.id:
                    nameless.add(path)
    assert nameless == ({("id",)} if is_mux else {("id",), ("type",)})


@pytest.mark.parametrize("provider", VENDORS)
def test_the_doctor_reaches_the_vendor_whatever_is_odd(
    provider: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    account = Account(provider)
    with account.client, account.emulator.serve() as url:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("LIVESTREAM_ADAPTERS", provider)
        for name, value in {**account.emulator.options(), "base_url": url}.items():
            monkeypatch.setenv(f"LIVESTREAM_{provider}_{name}".upper(), str(value))
        listed = json.loads(account_list(account))
        values = cycle(ODD)
        for payload in account.payloads:
            for path in leaves(payload):
                account.odd = changed(payload, path, next(values))
                body = as_text(account._replaced(listed))
                account.emulator.inject(Fault.status(200, body=body), on=LIST[provider])
                result = run("doctor", "--check", "--json")
                assert result.exit_code == 0, result.output
                assert '"state": "reachable"' in result.stdout, (path, result.stdout)


def effect_rows(account: Account) -> set[str]:
    """Return a row for each value that is read: the effect of a malformed one in its place."""
    rows = {}
    for payload in account.payloads:
        for path in every_path(payload):
            name = re.sub(r"\.\d+", "[]", ".".join(map(str, path)))
            inside = payload
            for step in path:
                inside = inside[step]
            odd = "x" if isinstance(inside, (dict, list)) else {}
            try:
                stream = account.client.parse_stream(changed(payload, path, odd))
            except live.UnexpectedResponse:
                rows[name] = f"| `{name}` | not a stream |"
                continue
            effects = []
            for field in dict.fromkeys(re.split(r"[:.[]", each)[0] for each in stream.problems):
                value = getattr(stream, field)
                empty = {"": '`""`', None: "`None`", (): "empty", "unknown": "`unknown`"}.get(value)
                effects.append(f"`{field}` is {empty}" if empty else f"`{field}` lacks it")
            if effects:
                rows.setdefault(name, f"| `{name}` | {', '.join(effects)} |")
    return set(rows.values())


def every_path(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for name, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (*path, name)
        if isinstance(value, (dict, list)):
            yield from every_path(value, (*path, name))


@pytest.mark.parametrize("provider", ADAPTERS)
def test_the_readme_describes_the_effect_of_a_malformed_value(provider: str) -> None:
    readme = ROOT / "adapters" / provider / "README.md"
    section = readme.read_text(encoding="utf-8").partition("\n## Odd values\n")[2]
    rows = set(re.findall(r"^\| `.*", section.partition("\n## ")[0], re.MULTILINE))
    account = Account(provider)
    with account.client:
        assert rows == effect_rows(account)


def account_list(account: Account) -> bytes:
    """Return the body of the vendor's list."""
    kept: list[bytes] = []
    inner = account._inner

    class Keeping:
        def send(self, *request: Any) -> live.Response:
            response = inner.send(*request)
            kept.append(response.body)
            return response

    with account.emulator.connect(transport=Keeping()) as client:
        client.pages()
    return kept[-1]
