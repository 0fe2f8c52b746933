"""PyPI ``peertube``, which is generated from PeerTube's OpenAPI description, judges the example."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import attrs
import pytest
from livestream_peertube.emulator import PeerTubeEmulator
from peertube.client import AuthenticatedClient
from peertube.models.add_live_body import AddLiveBody
from peertube.models.get_api_v1_users_me_videos_sort import GetApiV1UsersMeVideosSort
from peertube.models.live_video_latency_mode import LiveVideoLatencyMode
from peertube.models.live_video_update import LiveVideoUpdate
from peertube.models.video_privacy_set import VideoPrivacySet
from werkzeug.wrappers import Response as Answer

import livestream_core as live

from .operations import PEERTUBE
from .planted import edits

TITLE, DESCRIPTION, TAGS = "Lesson 1, “Köln” 😀", "What we need to know", ["maths", "exam"]


@attrs.frozen
class PeerTube:
    """An emulated instance, the SDK, and our own client."""

    emulator: PeerTubeEmulator
    sdk: AuthenticatedClient
    ours: live.Client

    def call(self, function: str, *values: Any, status: int = 200, **arguments: Any) -> Any:
        """Call a function of the SDK, and return what it read from the answer."""
        sync = import_module(f"peertube.api.{function}").sync_detailed
        answer = sync(*values, client=self.sdk, **arguments)
        assert answer.status_code == status
        return answer.parsed

    def created(self, **fields: Any) -> str:
        """Let the SDK create a stream, and return its ID."""
        body = AddLiveBody(
            channel_id=self.emulator.channel_id,
            name=TITLE,
            privacy=VideoPrivacySet.VALUE_1,
            **fields,
        )
        return str(self.call("live_videos.add_live", body=body)["video"]["uuid"])


@pytest.fixture
def opened() -> Iterator[Callable[[type[PeerTubeEmulator]], PeerTube]]:
    from contextlib import ExitStack

    with ExitStack() as stack:

        def opened(emulator_class: type[PeerTubeEmulator]) -> PeerTube:
            emulator = emulator_class()
            origin = stack.enter_context(emulator.serve())
            options = emulator.login_options()
            sdk = AuthenticatedClient(base_url=origin, token=options["access_token"])
            stack.enter_context(sdk)
            ours = live.connect("peertube", base_url=origin, **options)
            return PeerTube(emulator, sdk, stack.enter_context(ours))

        yield opened


def create(instance: PeerTube) -> None:
    latency = LiveVideoLatencyMode.VALUE_3
    id = instance.created(description=DESCRIPTION, tags=TAGS, latency_mode=latency)
    ours = instance.ours.get(id)
    assert (ours.title, ours.description) == (TITLE, DESCRIPTION)
    assert (list(ours.tags), ours.latency) == (TAGS, live.Latency.LOW)


def _made(instance: PeerTube) -> live.LiveStream:
    return instance.ours.create(
        title=TITLE, description=DESCRIPTION, tags=TAGS, latency=live.Latency.LOW
    )


def get_ingest(instance: PeerTube) -> None:
    made = _made(instance)
    theirs = instance.call("live_videos.get_live_id", made.id)
    assert made.ingest is not None
    assert made.ingest.stream_key is not None
    assert theirs.rtmp_url == made.ingest.url
    assert theirs.stream_key == made.ingest.stream_key.reveal()
    assert theirs.latency_mode.value == 3
    assert made.latency is live.Latency.LOW
    assert theirs.save_replay is made.record
    assert theirs.permanent_live is False


def get_video(instance: PeerTube) -> None:
    made = _made(instance)
    instance.emulator.connect_encoder(made.id)
    theirs = instance.call("video.get_video", made.id)
    ours = instance.ours.get(made.id)
    assert (theirs["uuid"], theirs["name"]) == (ours.id, ours.title)
    assert (theirs["description"], theirs["tags"]) == (ours.description, list(ours.tags))
    assert theirs["state"]["label"] == ours.provider_status
    assert live.parse_instant(theirs["createdAt"]) == ours.created_at
    [playlist] = theirs["streamingPlaylists"]
    assert playlist["playlistUrl"] == ours.hls_url
    assert ours.status is live.Status.LIVE


def list_streams(instance: PeerTube) -> None:
    made = [_made(instance) for _ in range(3)]
    sort = GetApiV1UsersMeVideosSort("-createdAt")
    page = instance.call("my_user.get_api_users_me_videos", is_live=True, count=2, sort=sort)
    assert page.total == 3
    assert [str(video.uuid) for video in page.data] == [each.id for each in made[:0:-1]]
    ours = {each.id: each for each in instance.ours.list()}
    for video in page.data:
        assert (video.name, video.created_at) == (
            ours[str(video.uuid)].title,
            ours[str(video.uuid)].created_at,
        )


def update(instance: PeerTube) -> None:
    made = _made(instance)
    body = LiveVideoUpdate(latency_mode=LiveVideoLatencyMode.VALUE_1)
    instance.call("live_videos.update_live_id", made.id, body=body, status=204)
    assert instance.ours.get(made.id).latency is live.Latency.NORMAL
    instance.ours.update(made.id, title="Another", latency=live.Latency.LOW)
    assert instance.call("live_videos.get_live_id", made.id).latency_mode.value == 3
    assert instance.call("video.get_video", made.id)["name"] == "Another"


def delete(instance: PeerTube) -> None:
    made = _made(instance)
    instance.call("video.del_video", made.id, status=204)
    with pytest.raises(live.NotFound):
        instance.ours.get(made.id)


def _wrong(handler: str, edit: Callable[[Any], Any]) -> type[PeerTubeEmulator]:
    return edits(PeerTubeEmulator, handler, edit)


def _nothing(handler: str) -> type[PeerTubeEmulator]:
    return type("Wrong", (PeerTubeEmulator,), {handler: lambda *_, **__: Answer(status=204)})


class _LosesDescriptions(PeerTubeEmulator):
    def _write(self, video: Any, body: Any) -> None:
        super()._write(video, {name: body[name] for name in body if name != "description"})


#: For each function of the SDK: what must be true, and an emulator at which it is not.
CHECKS: dict[str, tuple[Callable[[PeerTube], None], type[PeerTubeEmulator]]] = {
    "live_videos.add_live": (create, _LosesDescriptions),
    "live_videos.get_live_id": (
        get_ingest,
        _wrong("read_live", lambda data: data.update(latencyMode=1)),
    ),
    "video.get_video": (get_video, _wrong("read_video", lambda data: data.pop("tags"))),
    "my_user.get_api_users_me_videos": (
        list_streams,
        _wrong("list_mine", lambda data: data["data"].reverse()),
    ),
    "live_videos.update_live_id": (update, _nothing("update_live")),
    "video.del_video": (delete, _nothing("delete_video")),
}

each_function = pytest.mark.parametrize("function", list(CHECKS))


def test_every_operation_has_a_check() -> None:
    assert list(CHECKS) == [function for _, function, _ in PEERTUBE]


@each_function
def test_the_sdks_view_is_ours(
    opened: Callable[[type[PeerTubeEmulator]], PeerTube], function: str
) -> None:
    CHECKS[function][0](opened(PeerTubeEmulator))


@each_function
def test_the_judge_finds_a_fault_that_is_planted(
    opened: Callable[[type[PeerTubeEmulator]], PeerTube], function: str
) -> None:
    check, wrong = CHECKS[function]
    with pytest.raises((AssertionError, pytest.fail.Exception, KeyError)):
        check(opened(wrong))
