"""Emulators that are wrong on purpose, one for each operation: the judges must find it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from livestream_core.emulator import Emulator, Request, Response, json_response
from livestream_mux.emulator import MuxEmulator

E = TypeVar("E", bound=Emulator)


def edits(base: type[E], handler: str, edit: Callable[[Any], Any]) -> type[E]:
    """Return an emulator that edits what an operation answers."""

    def answer(self: E, request: Request, **ids: str) -> Response:
        response: Response = getattr(base, handler)(self, request, **ids)
        if not response.is_json or response.status_code >= 400:
            return response
        data = json.loads(response.get_data())
        edit(data)
        return json_response(data, response.status_code)

    return type("Wrong", (base,), {handler: answer})


def _edits(handler: str, edit: Callable[[Any], Any]) -> type[MuxEmulator]:
    return edits(MuxEmulator, handler, lambda data: edit(data["data"]))


def _does_nothing(handler: str, status: int = 200) -> type[MuxEmulator]:
    """Return an emulator that acknowledges an operation, and does not carry it out."""

    def answer(self: MuxEmulator, request: Request, **ids: str) -> Response:
        if status == 204:
            return Response(status=204)
        if handler in ("update_live_stream", "reset_stream_key"):
            return json_response({"data": self.shown(ids["id"])}, status)
        return json_response({"data": {}}, status)

    return type("Wrong", (MuxEmulator,), {handler: answer})


def _forgets_query(handler: str, name: str) -> type[MuxEmulator]:
    """Return an emulator that ignores a parameter of a query."""

    def answer(self: MuxEmulator, request: Request, **ids: str) -> Response:
        kept = {key: value for key, value in request.args.items() if key != name}
        request.__dict__["args"] = type(request.args)(kept)
        response: Response = getattr(MuxEmulator, handler)(self, request, **ids)
        return response

    return type("Wrong", (MuxEmulator,), {handler: answer})


PLANTED: dict[str, type[MuxEmulator]] = {
    "create": _edits("create_live_stream", lambda data: data.pop("meta", None)),
    "get": _edits("get_live_stream", lambda data: data.pop("active_asset_id", None)),
    "list": _forgets_query("list_live_streams", "status"),
    "update": _does_nothing("update_live_stream"),
    "complete": _does_nothing("complete"),
    "disable": _does_nothing("disable"),
    "enable": _does_nothing("enable"),
    "reset_key": _does_nothing("reset_stream_key", 201),
    "delete": _does_nothing("delete_live_stream", 204),
    "create_target": _edits("create_simulcast_target", lambda data: data.pop("stream_key")),
    "get_target": _edits("get_simulcast_target", lambda data: data.update(status="starting")),
    "delete_target": _does_nothing("delete_simulcast_target", 204),
    "create_playback_id": _edits("create_playback_id", lambda data: data.update(policy="public")),
    "get_playback_id": _edits("get_playback_id", lambda data: data.update(policy="public")),
    "delete_playback_id": _does_nothing("delete_playback_id", 204),
    "get_asset": _edits("get_asset", lambda data: data.pop("duration", None)),
    "list_assets": _forgets_query("list_assets", "live_stream_id"),
}
