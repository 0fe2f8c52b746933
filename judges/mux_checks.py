"""What is true of each operation at Mux, whichever SDK carries it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .bench import CREATE, TARGET, UPDATE, Bench, differences
from .sdks import Refused


def same(view: Any, expected: Any) -> None:
    """Fail if an SDK's view differs from what is expected, in any field."""
    assert differences(view, expected) == []


def in_world(bench: Bench, id: str) -> Any:
    """Return the stream that the emulator's world holds."""
    return bench.emulator.shown(id)


def create(bench: Bench) -> None:
    view = bench.call("create", body=CREATE)
    same(view, in_world(bench, view["id"]))
    asked = dict(CREATE)
    policies = [each["policy"] for each in view.pop("playback_ids")]
    assert policies == [*asked.pop("playback_policies"), "drm"]
    del asked["advanced_playback_policies"]
    targets = asked.pop("simulcast_targets")
    for shown, target in zip(view.pop("simulcast_targets"), targets, strict=True):
        same(shown, {**target, "id": shown["id"], "status": "idle"})
    assert view.pop("status") == "idle"
    assert view.pop("created_at").isdecimal()
    assert all(view.pop(name) for name in ("id", "stream_key", "srt_passphrase"))
    assert differences(asked, view, added=True) == []
    bare = bench.call("create", body={})
    same(bare, in_world(bench, bare["id"]))
    assert "playback_ids" not in bare


def get(bench: Bench) -> None:
    id = bench.made(**CREATE)
    bench.emulator.connect_encoder(id)
    view = bench.call("get", id)
    same(view, in_world(bench, id))
    assert (view["status"], view["active_ingest_protocol"]) == ("active", "rtmp")
    assert view["recent_asset_ids"] == [view["active_asset_id"]]
    with pytest.raises(Refused) as caught:
        bench.call("get", id[::-1])
    assert caught.value.status == 404


def list_streams(bench: Bench) -> None:
    ids = [bench.made(passthrough=str(number)) for number in range(5)][::-1]
    bench.emulator.connect_encoder(ids[3])

    def listed(**query: Any) -> list[str]:
        views = bench.call("list", query=query)
        for view in views:
            same(view, in_world(bench, view["id"]))
        return [view["id"] for view in views]

    assert listed() == ids
    assert [listed(limit=2, page=page) for page in (1, 2, 3, 4)] == [ids[:2], ids[2:4], ids[4:], []]
    assert listed(status="active") == [ids[3]]
    assert listed(status="idle") == ids[:3] + ids[4:]
    assert listed(stream_key=in_world(bench, ids[1])["stream_key"]) == [ids[1]]
    if bench.sdk.pages_by_itself:
        views = bench.call("list", query={"limit": 2}, all_pages=True)
        assert [view["id"] for view in views] == ids


def update(bench: Bench) -> None:
    id = bench.made(**CREATE)
    before = in_world(bench, id)
    view = bench.call("update", id, body=UPDATE)
    settings = {**before["new_asset_settings"], **UPDATE["new_asset_settings"]}
    same(view, {**before, **UPDATE, "new_asset_settings": settings})
    same(view, in_world(bench, id))
    assert "passthrough" not in bench.call("update", id, body={"passthrough": ""})


def complete(bench: Bench) -> None:
    id = bench.made()
    bench.emulator.connect_encoder(id)
    bench.call("complete", id)
    assert in_world(bench, id)["status"] == "idle"
    assert bench.call("get", id)["status"] == "idle"
    with pytest.raises(Refused) as caught:
        bench.call("complete", id)
    assert caught.value.status == 400


def disable(bench: Bench) -> None:
    id = bench.made()
    bench.emulator.connect_encoder(id)
    bench.call("disable", id)
    assert in_world(bench, id)["status"] == bench.call("get", id)["status"] == "disabled"
    with pytest.raises(ValueError, match="disabled"):
        bench.emulator.connect_encoder(id)


def enable(bench: Bench) -> None:
    id = bench.made()
    bench.call("disable", id)
    bench.call("enable", id)
    assert in_world(bench, id)["status"] == bench.call("get", id)["status"] == "idle"
    bench.emulator.connect_encoder(id)


def reset_key(bench: Bench) -> None:
    id = bench.made()
    before = in_world(bench, id)
    view = bench.call("reset_key", id)
    assert view["stream_key"] != before["stream_key"]
    same(view, {**before, "stream_key": view["stream_key"]})
    same(view, in_world(bench, id))


def delete(bench: Bench) -> None:
    id = bench.made()
    bench.call("delete", id)
    with pytest.raises(ValueError, match="no such"):
        in_world(bench, id)
    with pytest.raises(Refused) as caught:
        bench.call("delete", id)
    assert caught.value.status == 404


def create_target(bench: Bench) -> None:
    id = bench.made()
    view = bench.call("create_target", id, body=TARGET)
    same(view, {**TARGET, "id": view["id"], "status": "idle"})
    same([view], in_world(bench, id)["simulcast_targets"])


def get_target(bench: Bench) -> None:
    id = bench.made(simulcast_targets=[TARGET])
    [target] = in_world(bench, id)["simulcast_targets"]
    same(bench.call("get_target", id, target["id"]), target)


def delete_target(bench: Bench) -> None:
    id = bench.made(simulcast_targets=[TARGET])
    bench.call("delete_target", id, in_world(bench, id)["simulcast_targets"][0]["id"])
    assert "simulcast_targets" not in in_world(bench, id)


def create_playback_id(bench: Bench) -> None:
    id = bench.made()
    body = {"policy": "drm", "drm_configuration_id": "abc"}
    view = bench.call("create_playback_id", id, body=body)
    same(view, {**body, "id": view["id"]})
    same([view], in_world(bench, id)["playback_ids"])


def get_playback_id(bench: Bench) -> None:
    id = bench.made(playback_policies=["signed"])
    [known] = in_world(bench, id)["playback_ids"]
    same(bench.call("get_playback_id", id, known["id"]), known)


def delete_playback_id(bench: Bench) -> None:
    id = bench.made(playback_policies=["public"])
    bench.call("delete_playback_id", id, in_world(bench, id)["playback_ids"][0]["id"])
    assert "playback_ids" not in in_world(bench, id)


def get_asset(bench: Bench) -> None:
    id, asset = bench.recorded()
    view = bench.call("get_asset", asset)
    assert (view["id"], view["live_stream_id"], view["status"]) == (asset, id, "ready")
    assert view.get("duration") == pytest.approx(90, abs=5)
    assert [each["policy"] for each in view["playback_ids"]] == ["public"]
    [recorded] = view["recording_times"]
    assert recorded["duration"] == view["duration"]
    assert view["is_live"] is False


def list_assets(bench: Bench) -> None:
    found = [bench.recorded() for _ in range(2)]
    for id, asset in found:
        views = bench.call("list_assets", query={"live_stream_id": id, "limit": 5, "page": 1})
        assert [view["id"] for view in views] == [asset]
    newest_first = [asset for _, asset in found][::-1]
    assert [view["id"] for view in bench.call("list_assets")] == newest_first


#: The check of each operation, by its name.
CHECKS: dict[str, Callable[[Bench], None]] = {
    "create": create,
    "get": get,
    "list": list_streams,
    "update": update,
    "complete": complete,
    "disable": disable,
    "enable": enable,
    "reset_key": reset_key,
    "delete": delete,
    "create_target": create_target,
    "get_target": get_target,
    "delete_target": delete_target,
    "create_playback_id": create_playback_id,
    "get_playback_id": get_playback_id,
    "delete_playback_id": delete_playback_id,
    "get_asset": get_asset,
    "list_assets": list_assets,
}
