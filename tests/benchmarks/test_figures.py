"""The benchmarks measure the vendors' complete payloads, and every figure runs.

These tests do not check how fast anything is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator

import pytest
import requests

import livestream_core as live
from benchmarks import payloads
from benchmarks.figures import FIGURES, discovery, start
from benchmarks.figures.read import body
from benchmarks.measure import TINY
from benchmarks.peers import PEERS
from benchmarks.peers.rows import rows as peer_rows
from benchmarks.providers import PROVIDERS, TPSTREAMS, Answering, Provider
from benchmarks.table import Row
from postgresql import NoPostgreSQL

pytestmark = pytest.mark.slow

each_provider = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda each: each.name)

# -- payloads -------------------------------------------------------------------------------


@pytest.fixture
def connect() -> Iterator[Callable[..., live.Client]]:
    clients = []

    def make(provider: Provider, answer: bytes = b"") -> live.Client:
        clients.append(provider.connect("https://vendor.example", transport=Answering(answer)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@each_provider
def test_the_adapter_reads_a_page_of_them(provider, connect) -> None:
    page = connect(provider, body(provider, 30)).pages()
    assert (len(page), page.next_cursor) == (30, None)


@each_provider
def test_the_adapter_reads_one(provider, connect) -> None:
    stream = provider.one(4)
    read = connect(provider, json.dumps(stream).encode()).get(stream["id"])
    assert (read.id, read.raw) == (stream["id"], stream)


@each_provider
def test_every_stream_has_an_id_and_a_title_of_its_own(provider, connect) -> None:
    streams = connect(provider, body(provider, 500)).pages().items
    assert len({each.id for each in streams}) == len({each.title for each in streams}) == 500


def test_every_stream_has_its_own_key_and_times(connect) -> None:
    streams = connect(TPSTREAMS, body(TPSTREAMS, 500)).pages().items
    keys = {each.ingest.stream_key.reveal() for each in streams if each.ingest}
    assert len(keys) == sum(1 for each in streams if each.ingest) == 450
    assert len({each.scheduled_start for each in streams}) == 500
    assert len({each.ended_at for each in streams if each.ended_at}) == 400


def test_streams_are_in_all_stages_of_life(connect) -> None:
    streams = connect(TPSTREAMS, body(TPSTREAMS, 30)).pages().items
    assert {each.status for each in streams} == {"scheduled", "live", "ended"}
    assert {each.recording is not None for each in streams} == {True, False}


def names(payload: object) -> set[str]:
    """Return the path of every name in a payload."""
    if isinstance(payload, list):
        return {f"[]{name}" for each in payload for name in names(each)}
    if not isinstance(payload, dict):
        return set()
    inner = {f".{key}{name}" for key, value in payload.items() for name in names(value)}
    return inner | {f".{key}" for key in payload}


def test_an_asset_has_every_field_that_the_emulator_shows() -> None:
    from livestream_tpstreams.emulator import TPStreamsEmulator

    emulator = TPStreamsEmulator()
    with emulator.connect() as client:
        stream = client.create(title="Class")
        emulator.clock.advance(emulator.boot_seconds)
        emulator.connect_encoder(stream.id)
        emulator.clock.advance(300)
        client.stop(stream.id)
        emulator.finish_recording(stream.id)
        shown = client.get(stream.id).raw
    assert names(json.loads(json.dumps(shown, default=dict))) <= names(
        payloads.tpstreams_asset(2, detail=True)
    )


def test_pages_hold_all_streams_once_and_the_last_one_what_is_left() -> None:
    found = payloads.pages(
        lambda number: {"id": number},
        lambda items, number, total: {"number": number, "total": total, "items": items},
        streams=5,
        page=2,
    )
    assert [json.loads(each) for each in found] == [
        {"number": 1, "total": 5, "items": [{"id": 0}, {"id": 1}]},
        {"number": 2, "total": 5, "items": [{"id": 2}, {"id": 3}]},
        {"number": 3, "total": 5, "items": [{"id": 4}]},
    ]


# -- figures --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_can_be_measured_alone_by_its_name_and_has_a_target(name) -> None:
    try:
        rows = list(FIGURES[name](TINY))
    except NoPostgreSQL as missing:
        pytest.skip(str(missing))
    assert {row.figure for row in rows} == {name}
    assert [row for row in rows if row.trouble or not (row.comparison or row.amount)] == []
    assert any(row.target for row in rows)


def test_what_is_imported_is_everything_but_the_clients() -> None:
    names: list[str] = []

    class Recording:
        __all__ = live.__all__

        def __getattr__(self, name: str) -> None:
            names.append(name)

    modules = {"livestream_core": Recording()}
    touched = start.TOUCH.replace("import livestream_core", "")
    exec(touched, modules)
    assert set(live.__all__) - set(names) == {"Client"} | ({"AsyncClient"} & set(live.__all__))


def test_installed_adapters_can_be_found_and_used(tmp_path, monkeypatch) -> None:
    discovery.install(tmp_path, [3, 4])
    monkeypatch.syspath_prepend(tmp_path)
    assert {"vendor03", "vendor04"} <= set(live.providers())
    with live.connect("vendor04", base_url="https://vendor.example", environ={}) as client:
        assert client.provider == "vendor04"
    assert "livestream_vendor03" not in sys.modules


# -- peers ----------------------------------------------------------------------------------


class RequestsAsSDK:
    """An SDK that only wraps requests, whose distribution is always installed."""

    distribution = "requests"
    imports = "import requests"
    authorization = "Token made-up"
    pages = True

    def __init__(self) -> None:
        self.origin = ""
        self.answer: list[object] = []

    def connect(self, origin: str) -> requests.Session:
        self.origin = origin
        return requests.Session()

    def answering(self, body: bytes) -> list[object]:
        return json.loads(body)

    def stream(self, number: int) -> payloads.Payload:
        return {"id": f"{number}"}

    def one(self, stream: payloads.Payload) -> payloads.Payload:
        return stream

    def many(self, streams: list[payloads.Payload], total: int) -> list[payloads.Payload]:
        return streams

    def path(self, stream: payloads.Payload) -> str:
        return f"/streams/{stream['id']}"

    def target(self, number: int, size: int) -> str:
        return f"/streams?page={number}&size={size}"

    def get(self, sdk, stream: payloads.Payload) -> object:
        return sdk.get(self.origin + self.path(stream)).json()

    def list(self, sdk, number: int, size: int):
        if isinstance(sdk, requests.Session):
            return sdk.get(self.origin + self.target(number, size)).json()
        return sdk


def figures_of(sdk) -> list[Row]:
    return list(peer_rows("peer", sdk, TINY))


def test_a_peer_has_the_same_figures() -> None:
    rows = figures_of(RequestsAsSDK())
    assert [row.comparison is not None for row in rows] == [True] * 4
    assert [row.what.partition(": ")[2].split()[0] for row in rows] == [
        "get",
        "read",
        "list",
        "import",
    ]


def test_a_peer_that_cannot_ask_for_a_second_page_has_no_figure_for_a_list() -> None:
    sdk = RequestsAsSDK()
    sdk.pages = False
    assert not any(": list" in row.what for row in figures_of(sdk))


def test_a_peer_that_breaks_is_shown_as_broken_and_its_other_figures_are_measured() -> None:
    sdk = RequestsAsSDK()
    sdk.get = lambda sdk, stream: 1 / 0  # type: ignore[method-assign]
    broken, *others = figures_of(sdk)
    assert broken.trouble == "ZeroDivisionError: division by zero"
    assert not any(row.trouble for row in others)


def test_a_peer_that_is_not_installed_is_shown_as_such() -> None:
    sdk = RequestsAsSDK()
    sdk.distribution = "no-such-distribution"
    (row,) = figures_of(sdk)
    assert row.trouble == "it could not be installed"


@pytest.mark.parametrize("name", PEERS)
def test_the_payloads_of_a_peer_differ_from_stream_to_stream(name: str) -> None:
    sdk = PEERS[name].args[1]  # type: ignore[attr-defined]
    paths = {sdk.path(sdk.stream(number)) for number in range(50)}
    assert len(paths) == 50
