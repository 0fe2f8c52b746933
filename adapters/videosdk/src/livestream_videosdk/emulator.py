"""An emulator of VideoSDK's API v1 for live streams, based on its documents.

Its sources are the reference and the guide that :mod:`livestream_videosdk.adapter` names. Errors
have the form that VideoSDK's quickstarts read: ``{"statusCode": 400, "error": "..."}``. The
documents do not specify the statuses of success, the validation of fields, or the content of
playback URLs. These are inferred, and marked as such.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any, ClassVar

import attrs

from livestream_core.emulator import Request, Response, Route, json_response
from livestream_videosdk.account import (
    AccountEmulator,
    Refused,
    count,
    is_text,
    json_body,
    milliseconds,
)
from livestream_videosdk.samples import SAMPLES

_HOST = "live.videosdk.live"
_HOST_OF_2021 = "live.zujonow.com"


def _is_target(value: Any) -> bool:
    return isinstance(value, dict) and all(
        is_text(value.get(name)) for name in ("url", "streamKey")
    )


#: The checks of the known fields of a body, and their errors.
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "name": (is_text, '"name" must be a non-empty string'),
    "record": (lambda value: isinstance(value, bool), '"record" must be a boolean'),
    "restream": (
        lambda value: isinstance(value, list) and all(map(_is_target, value)),
        '"restream" must be a list of objects with "url" and "streamKey"',
    ),
}

#: The fields that only some responses include.
_SHOWN_BY_CREATE = ("userId", "user", "restream")
_SHOWN_BY_UPDATE = ("restream",)
_SHOWN_BY_LIST = ("userId",)


def _api(handler: Callable[..., Any]) -> Callable[..., Response]:
    """Make an endpoint require a token, and turn its exceptions into error responses."""

    @wraps(handler)
    def respond(self: VideoSDKEmulator, request: Request, **values: str) -> Response:
        try:
            self.check_token(request.headers.get("Authorization", ""))
            return json_response(handler(self, request, **values))
        except Refused as refused:
            return refused.response()

    return respond


@attrs.define
class _Stream:
    id: str
    name: str
    record: bool
    key: str
    restream: list[dict[str, str]]
    created_at: datetime
    updated_at: datetime
    is_live: bool = False
    has_recording: bool = False


class VideoSDKEmulator(AccountEmulator):
    """An emulator of VideoSDK with one account.

    Streams are kept until they are deleted, and have no status. The API does not show whether an
    encoder is connected; only the path of ``downstreamUrl`` does.
    """

    provider = "videosdk"
    without_media: ClassVar[None] = None
    #: Tests of the conformance kit that are wrong for this vendor, and why.
    opted_out: ClassVar[Mapping[str, str]] = {
        f"test_a_page_whose_envelope_is_odd_loses_no_stream_silently[{change}]": (
            "the response in the vendor's guide has no pageInfo: all streams are on one page"
        )
        for change in ("missing", "null")
    }
    samples: ClassVar[tuple[Mapping[str, Any], ...]] = SAMPLES
    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", "/v1/livestreams", "create_stream"),
        Route("GET", "/v1/livestreams/", "list_streams"),
        Route("GET", "/v1/livestreams/<id>", "read_stream"),
        Route("POST", "/v1/livestreams/<id>", "update_stream"),
        Route("PUT", "/v1/livestreams/<id>", "update_stream"),
        Route("DELETE", "/v1/livestreams/<id>", "delete_stream"),
        Route("GET", "/live/<key>/index.m3u8", "playlist"),
        Route("GET", "/live/<key>/storage/index.m3u8", "recorded_playlist"),
    )

    def __init__(
        self,
        *,
        boot_seconds: float = 20.0,
        not_found_status: int = 404,
        denies_record: bool = False,
        before_2022: bool = False,
        guide: bool = False,
    ) -> None:
        """Create an emulator.

        Args:
            boot_seconds: Not used, because the ingest is open at once.
            not_found_status: The status for an unknown ID. API v2 also uses 402.
            denies_record: Whether the response to a create always has ``record: false``, as in the
                reference's sample. Later responses have the real value.
            before_2022: Whether to behave as before 2022-01-28: without ``streamUrl``, and with
                the hosts of 2021.
            guide: Whether to behave as in the guide: a list has no pages and no ``pageInfo``,
                ``recordingUrl`` exists only for recorded streams, and times are missing.
        """
        super().__init__(boot_seconds=boot_seconds)
        self.not_found_status = not_found_status
        self.denies_record = denies_record
        self.before_2022 = before_2022
        self.guide = guide
        self._streams: dict[str, _Stream] = {}

    # -- the API ----------------------------------------------------------------------------

    @_api
    def create_stream(self, request: Request) -> Any:
        """Create a stream."""
        body = _body(request, required=("name",))
        now = self.clock.now()
        stream = _Stream(
            id=secrets.token_hex(12),
            name=body["name"],
            record=body.get("record", False),
            key=str(uuid.uuid4()),
            restream=_targets(body.get("restream", [])),
            created_at=now,
            updated_at=now,
        )
        self._streams[stream.id] = stream
        shown = self._shown(stream, _SHOWN_BY_CREATE)
        return {**shown, "record": False} if self.denies_record else shown

    @_api
    def list_streams(self, request: Request) -> Any:
        """List the streams."""
        streams = list(self._streams.values())
        if self.guide:
            # The guide's only parameter; the account has one user.
            if request.args.get("userId", self.user_id) != self.user_id:
                streams = []
            return {"data": [self._shown(each, _SHOWN_BY_LIST) for each in streams]}
        page = count(request, "page", 1)
        size = count(request, "perPage", 20)
        return {
            "pageInfo": {
                "currentPage": page,
                "perPage": size,
                "lastPage": max(1, -(-len(streams) // size)),
            },
            "data": [
                self._shown(each, _SHOWN_BY_LIST)
                for each in streams[(page - 1) * size : page * size]
            ],
        }

    @_api
    def read_stream(self, request: Request, id: str) -> Any:
        """Return a stream."""
        stream = self._found(id)
        if request.get_data():
            # The cURL sample for an update is a GET with a body.
            return self._updated(stream, request)
        return self._shown(stream)

    @_api
    def update_stream(self, request: Request, id: str) -> Any:
        """Update a stream."""
        return self._updated(self._found(id), request)

    @_api
    def delete_stream(self, request: Request, id: str) -> Any:
        """Delete a stream, and return it."""
        return self._shown(self._streams.pop(self._found(id).id))

    def playlist(self, request: Request, key: str) -> Response:
        """Return the playlist for viewers (inferred): no token needed; 404 unless live."""
        return _playlist(any(each.key == key and each.is_live for each in self._streams.values()))

    def recorded_playlist(self, request: Request, key: str) -> Response:
        """Return the playlist of the recording, once it is ready (inferred)."""
        return _playlist(
            any(each.key == key and each.has_recording for each in self._streams.values())
        )

    def method_not_allowed(self, request: Request) -> Response:
        """Respond to a method that the path does not have."""
        return Refused(405, "Method Not Allowed").response()

    def _found(self, id: str) -> _Stream:
        if id not in self._streams:
            raise Refused(self.not_found_status, "Livestream not found")
        return self._streams[id]

    def _updated(self, stream: _Stream, request: Request) -> dict[str, Any]:
        body = _body(request)
        stream.name = body.get("name", stream.name)
        stream.record = body.get("record", stream.record)
        if "restream" in body:
            stream.restream = _targets(body["restream"])
        stream.updated_at = self.clock.now()
        return self._shown(stream, _SHOWN_BY_UPDATE)

    def _shown(self, stream: _Stream, extra: tuple[str, ...] = ()) -> dict[str, Any]:
        host = _HOST_OF_2021 if self.before_2022 else _HOST
        ingest, viewers = f"rtmp://{host}/live", f"https://{host}"
        if self.media is not None:
            ingest, viewers = self.media.rtmp_url, self.media.http_url
        watch = f"{viewers}/live/{stream.key}"
        shown: dict[str, Any] = {
            "record": stream.record,
            "name": stream.name,
            "streamKey": stream.key,
            "streamUrl": f"{ingest}/",
            "upstreamUrl": f"{ingest}/{stream.key}",
            "downstreamUrl": f"{watch}/index.m3u8",
            "recordingUrl": f"{watch}/storage/index.m3u8",
            "createdAt": milliseconds(stream.created_at),
            "updatedAt": milliseconds(stream.updated_at),
            "id": stream.id,
        }
        absent = {"streamUrl"} if self.before_2022 else set()
        if self.guide:
            absent |= {"createdAt", "updatedAt"} | (set() if stream.record else {"recordingUrl"})
        optional = {
            "userId": self.user_id,
            "user": {"name": "Demo user 01", "id": self.user_id},
            "restream": stream.restream,
        }
        return {name: value for name, value in shown.items() if name not in absent} | {
            name: optional[name] for name in extra
        }

    # -- events at the vendor and the encoder -----------------------------------------------

    def encoder_connects(self, id: str) -> None:
        """Connect an encoder, which starts to publish: ``downstreamUrl`` returns 200.

        The ingest is always open.

        Raises:
            ValueError: If the stream does not exist.
        """
        with self.lock:
            self._known(id).is_live = True

    def encoder_drops(self, id: str) -> None:
        """Disconnect the encoder: ``downstreamUrl`` returns 404 again.

        Raises:
            ValueError: If the stream does not exist or no encoder is connected.
        """
        with self.lock:
            stream = self._known(id)
            if not stream.is_live:
                raise ValueError(f"no encoder is connected to {id}")
            stream.is_live = False

    def is_published(self, id: str) -> bool:
        """Return whether an encoder is connected to a stream."""
        with self.lock:
            return id in self._streams and self._streams[id].is_live

    def recording_ready(self, id: str) -> None:
        """Finish the recording: ``recordingUrl`` returns 200. The API does not show this.

        Raises:
            ValueError: If the stream does not exist or is not recorded.
        """
        with self.lock:
            stream = self._known(id)
            if not stream.record:
                raise ValueError(f"{id} is not recorded")
            stream.has_recording = True

    def _known(self, id: str) -> _Stream:
        if id not in self._streams:
            raise ValueError(f"the stream {id} does not exist")
        return self._streams[id]


def _body(request: Request, required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the JSON body, with its known fields checked; unknown fields are ignored."""
    body = json_body(request)
    for name in required:
        if name not in body:
            raise Refused(400, f'"{name}" is required')
    for name, (is_valid, problem) in _CHECKS.items():
        if name in body and not is_valid(body[name]):
            raise Refused(400, problem)
    return body


def _targets(targets: list[dict[str, str]]) -> list[dict[str, str]]:
    return [
        {"_id": secrets.token_hex(12), "url": each["url"], "streamKey": each["streamKey"]}
        for each in targets
    ]


def _playlist(exists: bool) -> Response:
    if exists:
        return Response("#EXTM3U\n", 200, content_type="application/vnd.apple.mpegurl")
    return Response("", 404)
