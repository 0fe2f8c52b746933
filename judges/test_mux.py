"""Mux's official SDKs judge its emulator."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import requests

from livestream_core.emulator import Fault
from livestream_mux.emulator import MuxEmulator

from .bench import CREATE, TARGET, UPDATE, Bench, Shape, serving, shape_of, unlike_the_sdk
from .mux_checks import CHECKS
from .operations import BY_NAME, MUX
from .planted import PLANTED
from .sdks import NodeSDK, PythonSDK, Refused

each_operation = pytest.mark.parametrize("operation", list(BY_NAME))
#: The SDK for Node.js ignores what these answer.
WITHOUT_A_VIEW = ("complete", "disable", "enable", "delete", "delete_target", "delete_playback_id")


def test_every_operation_has_a_check_and_a_planted_fault() -> None:
    assert set(CHECKS) == set(PLANTED) == set(BY_NAME)
    assert len(BY_NAME) == len(MUX)


@each_operation
def test_the_sdk_sees_what_the_emulators_world_holds(bench: Bench, operation: str) -> None:
    CHECKS[operation](bench)


@each_operation
def test_the_judge_finds_a_fault_that_is_planted(sdk: PythonSDK | NodeSDK, operation: str) -> None:
    with serving(PLANTED[operation](), sdk) as bench:
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            CHECKS[operation](bench)


@pytest.mark.parametrize("operation", [each for each in BY_NAME if each not in WITHOUT_A_VIEW])
def test_the_judge_misses_the_envelope(sdk: PythonSDK | NodeSDK, operation: str) -> None:
    known = BY_NAME[operation]
    with serving(MuxEmulator(), sdk) as bench:
        path = known.path.replace("{id}", "*").replace("{part}", "*")
        fault = Fault.edited(lambda data, _: data["data"])
        bench.emulator.inject(fault, on=f"{known.method} /video/v1/{path}", times=99)
        with pytest.raises(Exception):  # noqa: B017 - each SDK fails in its own way
            CHECKS[operation](bench)


def test_the_sdks_recognize_the_errors(bench: Bench) -> None:
    id = bench.made()
    for operation, other, status, type in (
        ("get", id[::-1], 404, "not_found"),
        ("get", "no-id", 400, "invalid_parameters"),
        ("enable", id, 400, "invalid_parameters"),
    ):
        with pytest.raises(Refused) as caught:
            bench.call(operation, other)
        assert (caught.value.status, caught.value.body["error"]["type"]) == (status, type)
        assert all(isinstance(each, str) for each in caught.value.body["error"]["messages"])
    options = {**bench.emulator.options(), "token_secret": "wrong"}
    with pytest.raises(Refused) as caught:
        bench.sdk.call(bench.origin, options, "get", id)
    assert caught.value.status == 401


# -- the requests ---------------------------------------------------------------------------


def requests_of(bench: Bench) -> dict[str, Shape]:
    """Return what the SDK sends for each operation, with every parameter that we know."""
    id = bench.made(simulcast_targets=[TARGET], playback_policies=["public"])
    shown = bench.emulator.shown(id)
    target, playback = (shown[name][0]["id"] for name in ("simulcast_targets", "playback_ids"))
    page = {"limit": 5, "page": 1}
    calls: dict[str, Callable[[], object]] = {
        "create": lambda: bench.call("create", body=CREATE),
        "get": lambda: bench.call("get", id),
        "list": lambda: bench.call("list", query={**page, "status": "idle", "stream_key": "x"}),
        "update": lambda: bench.call("update", id, body=UPDATE),
        "complete": lambda: bench.call("complete", id),
        "disable": lambda: bench.call("disable", id),
        "enable": lambda: bench.call("enable", id),
        "reset_key": lambda: bench.call("reset_key", id),
        "create_target": lambda: bench.call("create_target", id, body=TARGET),
        "get_target": lambda: bench.call("get_target", id, target),
        "delete_target": lambda: bench.call("delete_target", id, target),
        "create_playback_id": lambda: bench.call(
            "create_playback_id", id, body={"policy": "drm", "drm_configuration_id": "x"}
        ),
        "get_playback_id": lambda: bench.call("get_playback_id", id, playback),
        "delete_playback_id": lambda: bench.call("delete_playback_id", id, playback),
        "get_asset": lambda: bench.call("get_asset", bench.emulator.add_asset()),
        "list_assets": lambda: bench.call("list_assets", query={**page, "live_stream_id": id}),
        "delete": lambda: bench.call("delete", id),
    }
    assert set(calls) == set(BY_NAME)
    bench.emulator.refuses_repeats = False
    shapes = {}
    for name, call in calls.items():
        call()
        shapes[name] = shape_of(bench.emulator.requests[-1])
    return shapes


def test_both_sdks_send_the_same_requests(bench: Bench, python_bench: Bench) -> None:
    ours, theirs = requests_of(bench), requests_of(python_bench)
    for name, shape in theirs.items():
        assert shape.operation == name
        assert ours[name].query == shape.query
        added = {("new_asset_settings.copy_overlays", "bool")}  # defaults of mux_python
        added.add(("new_asset_settings.normalize_audio", "bool"))
        assert ours[name].body <= shape.body <= ours[name].body | added


def sent(bench: Bench, method: str, path: str, **arguments: object) -> list[str]:
    """Send a plain request, and return how the SDK's own differs from it."""
    options = bench.emulator.options()
    auth = (options["token_id"], options["token_secret"])
    url = f"{bench.origin}/video/v1/{path}"
    requests.request(method, url, auth=auth, timeout=30, **arguments)  # type: ignore[arg-type]
    return unlike_the_sdk(bench, bench.emulator.requests[-1])


def test_a_request_that_the_sdk_would_send_is_recognized(python_bench: Bench) -> None:
    id = python_bench.made()
    for method, path, body in (
        ("POST", "live-streams", CREATE),
        ("POST", "live-streams", {}),
        ("PATCH", f"live-streams/{id}", UPDATE),
        ("PATCH", f"live-streams/{id}", {"passthrough": ""}),
        ("PUT", f"live-streams/{id}/complete", None),
        ("POST", f"live-streams/{id}/reset-stream-key", None),
        ("POST", f"live-streams/{id}/simulcast-targets", TARGET),
        ("GET", "live-streams?limit=25&page=2&status=idle", None),
        ("GET", f"assets?live_stream_id={id}", None),
        ("DELETE", f"live-streams/{id}", None),
    ):
        data = None if body is None else json.dumps(body)
        assert sent(python_bench, method, path, data=data) == []


@pytest.mark.parametrize(
    ("method", "path", "body", "differs"),
    [
        ("POST", "live-streams", {"title": "T"}, ["body.title"]),
        ("POST", "live-streams", {"meta": {"name": "T"}}, ["body.meta.name"]),
        ("POST", "live-streams", {"reconnect_window": "60"}, ["body.reconnect_window"]),
        ("POST", "live-streams", {"test": "true"}, ["body.test"]),
        ("POST", "live-streams", {"reconnect_window": 1801}, ["the SDK refuses to send it"]),
        ("POST", "live-streams", {"latency_mode": "fast"}, ["the SDK refuses to send it"]),
        ("PATCH", "live-streams/x", {"playback_policies": []}, ["body.playback_policies"]),
        ("PUT", "live-streams/x/complete", {}, ["body."]),
        ("GET", "live-streams?order=asc", None, ["the SDK refuses to send it"]),
    ],
)
def test_a_request_that_the_sdk_would_not_send_is_found(
    python_bench: Bench, method: str, path: str, body: object, differs: list[str]
) -> None:
    data = None if body is None else json.dumps(body)
    assert sent(python_bench, method, path, data=data) == differs


def test_a_request_that_no_sdk_has_is_found(python_bench: Bench) -> None:
    for method, path in (("PUT", "live-streams/x"), ("GET", "live-streams/x/recordings")):
        with pytest.raises(LookupError):
            sent(python_bench, method, path)
