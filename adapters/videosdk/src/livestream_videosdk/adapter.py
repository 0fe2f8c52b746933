"""The adapter for VideoSDK's live streams: the API ``/v1/livestreams``.

Its sources are the reference of that API (``docs/live-streaming/api-reference`` in VideoSDK's
public documentation repository, "the reference") and an older guide
(``docs/guide/standard-live-streaming-api-sdk``, "the guide"). VideoSDK withdrew the product on
2023-02-02. The livestreams of its API v2 are something else: they push a meeting to other
platforms.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, ClassVar

import livestream_core as live
from livestream_videosdk.api import SigningAdapter, next_page, page_number
from livestream_videosdk.api import VideoSDKOptions as VideoSDKOptions

_ALL = "/v1/livestreams"
_PAGES = "/v1/livestreams/"  # in the reference, only the list has a trailing slash
_ONE = "/v1/livestreams/{id}"

#: The vendor's names for the fields of a spec.
_FIELDS = {"title": "name", "record": "record", "restreams": "restream"}

#: The fields that only livestreams of v1 have. Other objects have IDs too.
_OWN = ("name", "record", "restream", "streamKey", "streamUrl", "upstreamUrl")

_NONE = live.Support.NONE
_NATIVE = live.Support.NATIVE


class VideoSDKAdapter(SigningAdapter):
    """The adapter for the live streams of VideoSDK's API v1.

    A stream is an ingest that is open from its creation until it is deleted. The API returns no
    status, no start time, and no events, so it is unknown whether a stream is live.
    """

    name = "videosdk"
    Options: ClassVar[type[live.Options]] = VideoSDKOptions

    capabilities: ClassVar[live.Capabilities] = live.Capabilities(
        operations={
            live.Feature.CREATE: _NATIVE,
            live.Feature.SCHEDULE: (_NONE, "VideoSDK has no schedule: the ingest is open at once"),
            live.Feature.GET: _NATIVE,
            live.Feature.LIST: _NATIVE,
            live.Feature.UPDATE: _NATIVE,
            live.Feature.START: live.Capability(
                live.Support.AUTOMATIC,
                "the ingest is open as soon as the stream is created; start only reads the stream",
            ),
            live.Feature.RESET_KEY: (_NONE, "a VideoSDK stream keeps its key until it is deleted"),
            live.Feature.DISABLE: (
                _NONE,
                "VideoSDK has no endpoint for it; delete the stream to close its ingest",
            ),
            live.Feature.ENABLE: (_NONE, "a VideoSDK stream is never disabled"),
            live.Feature.STOP: (
                _NONE,
                "VideoSDK has no endpoint for it; disconnect the encoder to end the stream",
            ),
            live.Feature.TRIM: (_NONE, "VideoSDK cannot trim a recording"),
            live.Feature.RECORDINGS: (
                _NONE,
                "VideoSDK does not say which recordings exist: a stream with record on has the "
                "URL of one before it was live",
            ),
            live.Feature.CANCEL: (
                _NONE,
                "VideoSDK has no schedule; delete the stream instead",
            ),
            live.Feature.DELETE: _NATIVE,
            live.Feature.WEBHOOK: (_NONE, "VideoSDK sends no webhooks for v1 live streams"),
            live.Feature.MANAGE_WEBHOOKS: (_NONE, "VideoSDK sends no webhooks for v1 live streams"),
        },
        fields={
            live.Feature.RECORD: _NATIVE,
            live.Feature.RESTREAMS: live.Capability(
                live.Support.NATIVE,
                "only the responses to create and update include restream targets, so a later "
                "read, including one by a migration, does not return them",
            ),
            live.Feature.RECORDING_DRM: (_NONE, "VideoSDK has no DRM for recordings"),
            live.Feature.LATENCY: (_NONE, "VideoSDK does not let you choose the latency"),
            live.Feature.DESCRIPTION: (_NONE, "a VideoSDK stream has a name but no description"),
            live.Feature.TAGS: (_NONE, "a VideoSDK stream has no tags"),
            live.Feature.REFERENCE: (_NONE, "a VideoSDK stream has no field for an ID of your own"),
            live.Feature.THUMBNAIL_URL: (_NONE, "a VideoSDK stream has no picture"),
            live.Feature.PLAYBACK_URL: (
                _NONE,
                "VideoSDK hosts the stream itself and assigns its playback URL",
            ),
        },
        statuses={live.Status.READY},
        updatable={"title", "record"},
        filters={"status"},
        empty_page_ends=True,
    )

    is_lenient: ClassVar[bool] = True

    # Stream keys are UUIDs, and playback URLs contain them; the guide shows keys in another form.
    secret_patterns: ClassVar[tuple[str, ...]] = (
        r"(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
        r"(?<=/live/)[^\s/\"'<>?#\\]+",
    )

    # -- operations -------------------------------------------------------------------------

    def create(
        self, spec: live.StreamSpec
    ) -> Generator[live.Request, live.Response, live.LiveStream]:
        """Send ``POST /v1/livestreams`` (the reference, "Create Live Stream").

        Raises:
            InvalidInput: If a restream target has no URL or no stream key; both are required.
        """
        values = {
            "title": spec.title,
            "record": spec.record,
            "restreams": [_target(each) for each in spec.restreams] or None,
        }
        known = {theirs: values[ours] for ours, theirs in _FIELDS.items()}
        body = self.with_options(known, spec.options)
        for name, value in known.items():
            if value is None:
                del body[name]
        response = yield self.post(_ALL, json=body)
        return self.parse_stream(response.json())

    def get(self, stream_id: str) -> Generator[live.Request, live.Response, live.LiveStream]:
        """Send ``GET /v1/livestreams/{id}``; the response does not include restream targets."""
        response = yield self.request("GET", _ONE, id=stream_id)
        return self.parse_stream(response.json())

    def list(self, query: live.Query) -> Generator[live.Request, live.Response, live.Page]:
        """Send ``GET /v1/livestreams/``; the cursor is the page number.

        Raises:
            InvalidInput: If the cursor is not a page number.
        """
        number = page_number(query)
        response = yield self.request("GET", _PAGES, params={"page": number, "perPage": query.size})
        fields = response.fields()
        items = fields.items("data")
        # The guide's response has no pageInfo: all streams are on one page.
        info = response.fields(lenient=True).optional_object("pageInfo")
        return self.page(
            items,
            next=lambda: next_page(fields.optional_object("pageInfo"), int(number), len(items)),
            total=None if info is None else info.optional_integer("total"),
        )

    def update(
        self, stream_id: str, changes: Mapping[str, Any]
    ) -> Generator[live.Request, live.Response, live.LiveStream]:
        """Send ``POST /v1/livestreams/{id}``.

        The cURL sample in the reference shows GET with a body; the samples in other languages
        show POST.
        """
        body = {_FIELDS[name]: value for name, value in changes.items()}
        response = yield self.post(_ONE, id=stream_id, json=body)
        return self.parse_stream(response.json())

    def start(self, stream_id: str) -> Generator[live.Request, live.Response, live.LiveStream]:
        """Read the stream, because its ingest is already open."""
        return self.get(stream_id)

    def delete(self, stream_id: str) -> Generator[live.Request, live.Response, None]:
        """Send ``DELETE /v1/livestreams/{id}``; the response is the deleted stream.

        This path has only live streams, so the stream is not read first.
        """
        response = yield self.request("DELETE", _ONE, id=stream_id)
        if response.status != 204:
            response.json()  # a proxy's page does not prove a deletion

    # -- reading ----------------------------------------------------------------------------

    def parse_stream(self, payload: Any) -> live.LiveStream:
        """Parse a livestream object, in any form that the vendor documents."""
        fields = live.Fields(payload, lenient=True)
        if not any(name in fields.data for name in _OWN):
            raise live.UnexpectedResponse(f"none of {', '.join(_OWN)} is in the response")
        record = fields.optional_flag("record")
        # Playback URLs contain the stream key.
        playback = fields.optional_text("downstreamUrl", field="playbacks")
        # The create sample has a recordingUrl although `record` is false: nothing is recorded.
        recording = fields.optional_text("recordingUrl", field="recording")
        return fields.build(
            live.LiveStream,
            provider=self.name,
            id=fields.identifier("id"),
            title=fields.optional_text("name", field="title", expected=True) or "",
            status=live.Status.READY,
            created_at=fields.optional_instant("createdAt", field="created_at"),
            updated_at=fields.optional_instant("updatedAt", field="updated_at"),
            ingests=_ingests(fields),
            playbacks=(live.Playback(live.SecretUrl(playback)),) if playback else (),
            record=record,
            recording=live.Recording(live.RecordingStatus.UNKNOWN, live.SecretUrl(recording))
            if record and recording
            else None,
            restreams=tuple(
                live.RestreamTarget(
                    each.optional_text("url") or None, each.optional_text("streamKey") or None
                )
                for each in fields.optional_objects("restream", field="restreams")
            ),
            raw=fields.data,
        )


def _target(target: live.RestreamTarget) -> dict[str, str]:
    if target.url is None or target.stream_key is None:
        raise live.InvalidInput(
            "restreams: VideoSDK needs the URL and the stream key of each target",
            field="restreams",
        )
    return {"url": str(target.url), "streamKey": target.stream_key.reveal()}


def _ingests(fields: live.Fields) -> tuple[live.Ingest, ...]:
    key = fields.optional_text("streamKey", field="ingests") or None
    server = fields.optional_text("streamUrl", field="ingests")
    if not server and (url := fields.optional_text("upstreamUrl", field="ingests")):
        # streamUrl exists only since 2022-01-28.
        try:
            server, key = live.split_publish_url(url, key)
        except live.InvalidInput:
            fields.unreadable("upstreamUrl", "does not end in streamKey", field="ingests")
    return (live.Ingest(server, key),) if server else ()
