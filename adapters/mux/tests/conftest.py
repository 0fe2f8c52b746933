"""Fixtures: the emulator over HTTP, a plain client, and the vendor's types."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import livestream_core as live
from livestream_mux.emulator import MuxEmulator

SCHEMA = json.loads(
    (Path(__file__).parent / "mux-node-15.3.0.schema.json").read_text(encoding="utf-8")
)
#: Deliveries have these too, as recorded ones show; the SDK's types leave them out.
UNTYPED = ("accessor", "accessor_source", "request_id")


#: The types of JSON, by their names in a schema.
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def errors(schema: dict[str, Any], value: Any, at: str = "") -> Iterator[str]:
    """Yield where a value is not as a schema says. It knows the keywords of our schemas only."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield from errors(SCHEMA["definitions"][name], value, at)
        return
    allowed = schema.get("type", [])
    types = [TYPES[name] for name in ([allowed] if isinstance(allowed, str) else allowed)]
    is_number_only = types == [TYPES["number"]]
    if types and (
        not any(isinstance(value, each) for each in types)
        or (isinstance(value, bool) and is_number_only)
    ):
        yield f"{at} is no {allowed}"
    elif value not in schema.get("enum", [value]) or value != schema.get("const", value):
        yield f"{at} has another value"
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from errors(schema.get("items", {}), each, f"{at}[{number}]")
    elif isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        yield from (
            f"{at}.{name} is missing" for name in schema.get("required", []) if name not in value
        )
        for name, each in value.items():
            if name in known or others is not False:
                yield from errors(known.get(name, others), each, f"{at}.{name}")
            else:
                yield f"{at}.{name} does not exist"


def is_a(type: str, value: Any) -> bool:
    """Whether a value has a type of the vendor's SDK; fails with the reasons if not."""
    assert list(errors({"$ref": type}, value)) == []
    return True


class Mux:
    """A plain HTTP client of the emulator, which checks each answer against the SDK's types."""

    def __init__(self, emulator: MuxEmulator, origin: str, **options: Any) -> None:
        self.emulator = emulator
        self.root = origin + "/video/v1"
        options = options or emulator.options()
        self.session = requests.Session()
        self.session.auth = (options["token_id"], options["token_secret"])

    def send(self, method: str, path: str, **arguments: Any) -> requests.Response:
        return self.session.request(method, f"{self.root}/{path}", timeout=30, **arguments)

    def ok(self, method: str, path: str, type: str, **arguments: Any) -> Any:
        """Return the data of an answer of the type."""
        answer = self.send(method, path, **arguments)
        assert answer.status_code == (201 if method == "POST" else 200), answer.text
        assert set(answer.json()) == {"data"}
        data = answer.json()["data"]
        assert isinstance(data, list) or is_a(type, data)
        assert all(is_a(type, each) for each in data if isinstance(data, list))
        return data

    def refused(self, method: str, path: str, **arguments: Any) -> str:
        """Return the message of a 400."""
        answer = self.send(method, path, **arguments)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["type"] == "invalid_parameters"
        [message] = answer.json()["error"]["messages"]
        return str(message)

    def create(self, **body: Any) -> dict[str, Any]:
        data: dict[str, Any] = self.ok("POST", "live-streams", "LiveStream", json=body)
        return data

    def get(self, id: str) -> dict[str, Any]:
        data: dict[str, Any] = self.ok("GET", f"live-streams/{id}", "LiveStream")
        return data

    def list(self, **query: Any) -> list[dict[str, Any]]:
        data: list[dict[str, Any]] = self.ok("GET", "live-streams", "LiveStream", params=query)
        return data

    def asset(self, id: str) -> dict[str, Any]:
        data: dict[str, Any] = self.ok("GET", f"assets/{id}", "Asset")
        return data

    def put(self, id: str, action: str) -> None:
        answer = self.send("PUT", f"live-streams/{id}/{action}")
        assert (answer.status_code, answer.json()) == (200, {"data": {}})


@pytest.fixture
def clock() -> live.ManualClock:
    return live.ManualClock()


@pytest.fixture
def emulator(clock: live.ManualClock) -> MuxEmulator:
    emulator = MuxEmulator()
    emulator.clock = clock
    return emulator


@pytest.fixture
def origin(emulator: MuxEmulator) -> Iterator[str]:
    with emulator.serve() as origin:
        yield origin


@pytest.fixture
def mux(emulator: MuxEmulator, origin: str) -> Iterator[Mux]:
    mux = Mux(emulator, origin)
    with mux.session:
        yield mux


@pytest.fixture
def words(emulator: MuxEmulator) -> Callable[[str], list[str]]:
    """Return the last words of the types of the deliveries about an object."""

    def words(id: str) -> list[str]:
        return [each.type.rpartition(".")[2] for each in emulator.deliveries(id=id)]

    return words
