"""An emulator of Mux Video's live streams, as strict as the API reference and the official SDKs.

Where these say nothing, the emulator refuses what it is asked, or has a setting. Subtitles, static
renditions, uploads, and on-demand assets are not emulated.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, ClassVar

import attrs

from livestream_core.emulator import Emulator, Request, Response, Route, json_response
from livestream_mux import parameters
from livestream_mux.samples import SAMPLES

Fields = dict[str, Any]

#: After ``complete``, "Mux waits for 60s before closing the connection with the encoder".
SECONDS_TO_CUT = 60
#: A test stream "is disabled after the stream is active for 5 mins and the recorded asset also
#: deleted after 24 hours".
TEST_SECONDS = 300
TEST_ASSET_SECONDS = 86400
_LONGEST_RUN = 43200
_PER_PAGE = 25

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID = re.compile(r"[0-9A-Za-z]{1,255}", re.ASCII)
_NOWHERE = "The requested resource either doesn't exist or you don't have access to it."
#: The parameters of a create that its answers show only in another form.
_SHOWN_OTHERWISE = (
    *("playback_policies", "playback_policy", "advanced_playback_policies", "simulcast_targets"),
    *("low_latency", "reduced_latency"),
)


class _Refused(Exception):
    def __init__(self, status: int, type: str, *messages: str) -> None:
        super().__init__(type)
        self.status: int = status
        self.type: str = type
        self.messages: tuple[str, ...] = messages


def _invalid(message: str) -> _Refused:
    return _Refused(400, "invalid_parameters", message)


# -- stored data ------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class _Environment:
    id: str
    name: str
    token_id: str
    token_secret: str
    webhook_secret: str

    def options(self) -> Fields:
        return {
            "token_id": self.token_id,
            "token_secret": self.token_secret,
            "webhook_secret": self.webhook_secret,
        }


@attrs.define(slots=True)
class _Session:
    """A part of a recording: of an encoder's connection, or the slate between two of them."""

    began: datetime
    ended: datetime | None = None
    type: str = "content"

    @property
    def seconds(self) -> float:
        return (self.ended - self.began).total_seconds() if self.ended else 0.0


@attrs.define(slots=True)
class _Asset:
    id: str
    environment: _Environment
    created_at: datetime
    settings: Fields
    playback_ids: list[Fields]
    live_stream_id: str | None = None
    is_live: bool = False
    is_ready: bool = False
    is_test: bool = False
    sessions: list[_Session] = attrs.field(factory=list)


@attrs.define(slots=True)
class _Stream:
    id: str
    environment: _Environment
    created_at: datetime
    stream_key: str
    srt_passphrase: str
    settings: Fields
    playback_ids: list[Fields]
    targets: list[Fields]
    is_disabled: bool = False
    is_connected: bool = False
    is_active: bool = False
    #: What is being recorded now.
    asset: _Asset | None = None
    asset_ids: list[str] = attrs.field(factory=list)
    #: What will happen, by the name of the method that applies it.
    due: dict[str, datetime] = attrs.field(factory=dict)

    @property
    def status(self) -> str:
        if self.is_disabled:
            return "disabled"
        return "active" if self.is_active else "idle"


@attrs.frozen(slots=True)
class Delivery:
    """A webhook delivery that the vendor has sent.

    Attributes:
        type: The type of its event, such as ``"video.live_stream.idle"``.
        object_id: The ID of the stream, the target, or the asset that it is about.
        headers: Its headers, with the signature.
        body: Its body.
    """

    type: str
    object_id: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)


def sign(body: bytes, secret: str, at: datetime) -> dict[str, str]:
    """Return the headers of a webhook delivery."""
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), b"%d." % seconds + body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "Mux-Signature": f"t={seconds},v1={digest}"}


# -- requests ---------------------------------------------------------------------------------


def _answering(handler: Callable[..., Any]) -> Callable[..., Response]:
    """Check the credentials and the IDs, and put the result into the envelope."""

    @wraps(handler)
    def respond(self: MuxEmulator, request: Request, **ids: str) -> Response:
        try:
            environment = self.authenticated(request)
            if not all(_ID.fullmatch(id) for id in ids.values()):
                raise _invalid("Failed to parse ID")
            data = handler(self, request, environment, *ids.values())
        except parameters.InvalidParameter as error:
            return self.refusal(_invalid(str(error)))
        except _Refused as refused:
            return self.refusal(refused)
        if data is None:
            return Response(status=204)
        return json_response({"data": data}, 201 if request.method == "POST" else 200)

    return respond


def _body(request: Request) -> Any:
    try:
        return json.loads(request.get_data(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _invalid("the body is not JSON") from None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _new_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(44))


def _policies(settings: Mapping[str, Any]) -> list[Fields]:
    """Return new playback IDs for the policies of a request."""
    names = settings.get("playback_policies", settings.get("playback_policy", []))
    plain = [{"policy": name} for name in ([names] if isinstance(names, str) else names)]
    return [
        {**each, "id": _new_id()} for each in plain + settings.get("advanced_playback_policies", [])
    ]


def _unix(at: datetime) -> int:
    return int(at.timestamp())


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class MuxEmulator(Emulator):
    """An emulator of Mux Video: live streams, their assets, and webhooks.

    Attributes:
        page_size: The maximum number of objects per page, whatever the client requests.
        seconds_to_active: The time between an encoder's connection and the status ``active``.
        refuses_repeats: Whether it refuses to complete a stream that is not on air, to disable a
            disabled one, and to enable one that is not disabled. No document says what Mux does.
        events: All webhook deliveries so far, in order.
    """

    provider = "mux"
    sends_webhooks = True
    #: "a single request attempt will timeout after 5 seconds"; "we will continue to try the message
    #: for the next 24 hours (with an increasing delay between attempts)".
    webhook_timeout: ClassVar[float] = 5.0
    webhook_retry_seconds: ClassVar[float] = 24 * 3600.0
    samples: ClassVar[tuple[Mapping[str, Any], ...]] = SAMPLES
    without_media: ClassVar[None] = None
    #: Tests of the conformance kit that are wrong for this vendor, with the reasons.
    opted_out: ClassVar[Mapping[str, str]] = {
        "test_it_refuses_a_create_without_a_title": "a Mux stream needs no title",
    }
    routes: ClassVar[tuple[Route, ...]] = tuple(
        Route(method, f"/video/v1/{path}", handler)
        for method, path, handler in (
            ("POST", "live-streams", "create_live_stream"),
            ("GET", "live-streams", "list_live_streams"),
            ("GET", "live-streams/<id>", "get_live_stream"),
            ("PATCH", "live-streams/<id>", "update_live_stream"),
            ("DELETE", "live-streams/<id>", "delete_live_stream"),
            ("PUT", "live-streams/<id>/complete", "complete"),
            ("PUT", "live-streams/<id>/disable", "disable"),
            ("PUT", "live-streams/<id>/enable", "enable"),
            ("POST", "live-streams/<id>/reset-stream-key", "reset_stream_key"),
            ("POST", "live-streams/<id>/playback-ids", "create_playback_id"),
            ("GET", "live-streams/<id>/playback-ids/<part>", "get_playback_id"),
            ("DELETE", "live-streams/<id>/playback-ids/<part>", "delete_playback_id"),
            ("POST", "live-streams/<id>/simulcast-targets", "create_simulcast_target"),
            ("GET", "live-streams/<id>/simulcast-targets/<part>", "get_simulcast_target"),
            ("DELETE", "live-streams/<id>/simulcast-targets/<part>", "delete_simulcast_target"),
            ("GET", "assets", "list_assets"),
            ("GET", "assets/<id>", "get_asset"),
        )
    )

    def __init__(
        self,
        *,
        boot_seconds: float = 20.0,
        page_size: int = 100,
        seconds_to_active: float = 0.0,
        refuses_repeats: bool = True,
    ) -> None:
        """Create a vendor; see the attributes. ``boot_seconds`` has no effect."""
        super().__init__(boot_seconds=boot_seconds)
        self.page_size = page_size
        self.seconds_to_active = seconds_to_active
        self.refuses_repeats = refuses_repeats
        self.events: list[Delivery] = []
        self._moment: datetime | None = None
        self._environments: list[_Environment] = []
        self._streams: dict[str, _Stream] = {}
        self._assets: dict[str, _Asset] = {}
        self.add_environment("Production")

    # -- environments -----------------------------------------------------------------------

    def options(self) -> Fields:
        """Return the options for ``connect`` to reach the first environment."""
        options = self._environments[0].options()
        if self.media is not None:  # the API does not return these
            options |= {"ingest_url": self.media.rtmp_url, "playback_url": self.media.http_url}
        return options

    def other_options(self) -> Fields:
        """Return the options for ``connect`` to reach another environment."""
        if len(self._environments) == 1:
            self.add_environment()
        return self._environments[1].options()

    @property
    def webhook_secret(self) -> str:
        """The secret that signs the deliveries of the first environment."""
        return self._environments[0].webhook_secret

    def add_environment(self, name: str = "Development") -> Fields:
        """Add an environment, which has its own streams, and return the options to reach it."""
        environment = _Environment(
            id=secrets.token_hex(3),
            name=name,
            token_id=str(uuid.uuid4()),
            token_secret=secrets.token_urlsafe(56),
            webhook_secret=secrets.token_hex(16),
        )
        self._environments.append(environment)
        return environment.options()

    def authenticated(self, request: Request) -> _Environment:
        """Return the environment to which a request's credentials belong."""
        given = request.authorization
        if given is not None and given.type == "basic":
            pair = (given.username, given.password)
            for each in self._environments:
                if pair == (each.token_id, each.token_secret):
                    return each
        raise _Refused(401, "unauthorized", "Unauthorized request")

    def refusal(self, refused: _Refused) -> Response:
        """Return the response to a request that is refused."""
        error = {"type": refused.type, "messages": list(refused.messages)}
        return json_response({"error": error}, refused.status)

    def not_found(self, request: Request) -> Response:
        """Respond to an unknown path."""
        return self.refusal(_Refused(404, "not_found", _NOWHERE))

    def method_not_allowed(self, request: Request) -> Response:
        """Respond with 404."""
        return self.not_found(request)

    def _mine(self, environment: _Environment, id: str) -> _Stream:
        found = self._streams.get(id)
        if found is None or found.environment is not environment:
            raise _Refused(404, "not_found", _NOWHERE)
        self._settle(found)
        return found

    def _part(self, parts: Iterable[Fields], id: str) -> Fields:
        for each in parts:
            if each["id"] == id:
                return each
        raise _Refused(404, "not_found", _NOWHERE)

    def _page(self, request: Request, items: list[Fields]) -> list[Fields]:
        """Return a page; the answer has no total, and a page after the last one is empty."""
        size = min(int(request.args.get("limit", _PER_PAGE)), self.page_size)
        first = (int(request.args.get("page", 1)) - 1) * size
        return items[first : first + size]

    # -- live streams -----------------------------------------------------------------------

    @_answering
    def create_live_stream(self, request: Request, environment: _Environment) -> Fields:
        """Create a stream. Without a policy it has no playback ID, and it cannot be watched."""
        body = _body(request)
        parameters.check_create(body)
        mode = body.get("latency_mode", "standard")
        mode = "low" if body.get("low_latency") else mode
        mode = "reduced" if body.get("reduced_latency") else mode
        settings = {name: body[name] for name in body if name not in _SHOWN_OTHERWISE}
        settings.setdefault("reconnect_window", 60 if mode == "standard" else 0)
        settings.setdefault("max_continuous_duration", _LONGEST_RUN)
        stream = _Stream(
            id=_new_id(),
            environment=environment,
            created_at=self.clock.now(),
            stream_key=str(uuid.uuid4()),
            srt_passphrase=secrets.token_hex(16),
            settings={**settings, "latency_mode": mode},
            playback_ids=_policies(body),
            targets=[],
        )
        self._streams[stream.id] = stream
        self._note(stream, "created")
        for each in body.get("simulcast_targets", []):
            self._add_target(stream, each)
        return self._shown(stream)

    @_answering
    def list_live_streams(self, request: Request, environment: _Environment) -> list[Fields]:
        """List streams, the newest first; both filters are exact."""
        parameters.check_stream_query(request.args)
        shown = []
        for stream in reversed(self._streams.values()):
            if stream.environment is environment:
                self._settle(stream)
                shown.append(self._shown(stream))
        for name in ("status", "stream_key"):
            wanted = request.args.get(name)
            shown = [each for each in shown if wanted in (None, each[name])]
        return self._page(request, shown)

    @_answering
    def get_live_stream(self, request: Request, environment: _Environment, id: str) -> Fields:
        """Return a stream."""
        return self._shown(self._mine(environment, id))

    @_answering
    def update_live_stream(self, request: Request, environment: _Environment, id: str) -> Fields:
        """Change some parameters; an empty passthrough or slate URL clears it."""
        stream = self._mine(environment, id)
        body = _body(request)
        parameters.check_update(body)
        changed = body.pop("new_asset_settings", {})
        assets = {**stream.settings.get("new_asset_settings", {}), **changed}
        stream.settings.update(body)
        if assets:
            stream.settings["new_asset_settings"] = assets
        self._note(stream, "updated")
        return self._shown(stream)

    @_answering
    def delete_live_stream(self, request: Request, environment: _Environment, id: str) -> None:
        """Delete a stream and disconnect its encoder; its assets stay."""
        stream = self._mine(environment, id)
        self._end(stream)
        del self._streams[id]
        self._note(stream, "deleted")

    @_answering
    def complete(self, request: Request, environment: _Environment, id: str) -> Fields:
        """End the recording now. The encoder is disconnected 60 seconds later."""
        stream = self._mine(environment, id)
        if stream.asset is None:
            return self._repeated("The live stream is not active")
        self._finish(stream)
        if stream.is_connected:
            stream.due["_cut"] = self._now() + timedelta(seconds=SECONDS_TO_CUT)
        return {}

    @_answering
    def disable(self, request: Request, environment: _Environment, id: str) -> Fields:
        """End the recording, disconnect the encoder, and refuse encoders from now on."""
        stream = self._mine(environment, id)
        if stream.is_disabled:
            return self._repeated("The live stream is already disabled")
        self._disable(stream)
        return {}

    @_answering
    def enable(self, request: Request, environment: _Environment, id: str) -> Fields:
        """Accept encoders again."""
        stream = self._mine(environment, id)
        if not stream.is_disabled:
            return self._repeated("The live stream is already enabled")
        stream.is_disabled = False
        self._note(stream, "enabled")
        return {}

    def _repeated(self, message: str) -> Fields:
        if self.refuses_repeats:
            raise _invalid(message)
        return {}

    @_answering
    def reset_stream_key(self, request: Request, environment: _Environment, id: str) -> Fields:
        """Replace the stream key."""
        stream = self._mine(environment, id)
        stream.stream_key = str(uuid.uuid4())
        self._note(stream, "updated")
        return self._shown(stream)

    # -- playback IDs and simulcast targets -------------------------------------------------

    @_answering
    def create_playback_id(self, request: Request, environment: _Environment, id: str) -> Fields:
        """Add a playback ID."""
        stream = self._mine(environment, id)
        body = _body(request)
        parameters.check_policy(body)
        [new] = _policies({"advanced_playback_policies": [body]})
        stream.playback_ids.append(new)
        return new

    @_answering
    def get_playback_id(
        self, request: Request, environment: _Environment, id: str, part: str
    ) -> Fields:
        """Return a playback ID."""
        return self._part(self._mine(environment, id).playback_ids, part)

    @_answering
    def delete_playback_id(
        self, request: Request, environment: _Environment, id: str, part: str
    ) -> None:
        """Delete a playback ID."""
        stream = self._mine(environment, id)
        stream.playback_ids.remove(self._part(stream.playback_ids, part))

    def _idle(self, environment: _Environment, id: str) -> _Stream:
        stream = self._mine(environment, id)
        if stream.status != "idle":
            raise _invalid("Simulcast targets can only be changed while the live stream is idle")
        return stream

    @_answering
    def create_simulcast_target(
        self, request: Request, environment: _Environment, id: str
    ) -> Fields:
        """Add a target, "when the parent live stream is in idle state"."""
        stream = self._idle(environment, id)
        body = _body(request)
        parameters.check_target(body)
        if len(stream.targets) == parameters.MOST_TARGETS:
            raise _invalid(f"A live stream has at most {parameters.MOST_TARGETS} simulcast targets")
        return self._add_target(stream, body)

    def _add_target(self, stream: _Stream, body: Fields) -> Fields:
        target = {**body, "id": _new_id(), "status": "idle"}
        stream.targets.append(target)
        self._note_target(stream, target, "created")
        return target

    @_answering
    def get_simulcast_target(
        self, request: Request, environment: _Environment, id: str, part: str
    ) -> Fields:
        """Return a target."""
        return self._part(self._mine(environment, id).targets, part)

    @_answering
    def delete_simulcast_target(
        self, request: Request, environment: _Environment, id: str, part: str
    ) -> None:
        """Delete a target, "when the parent live stream is in idle state"."""
        stream = self._idle(environment, id)
        target = self._part(stream.targets, part)
        stream.targets.remove(target)
        self._note_target(stream, target, "deleted")

    # -- assets -----------------------------------------------------------------------------

    def _kept(self, environment: _Environment) -> list[_Asset]:
        for stream in self._streams.values():
            self._settle(stream)
        oldest_test = self.clock.now() - timedelta(seconds=TEST_ASSET_SECONDS)
        return [
            asset
            for asset in reversed(self._assets.values())
            if asset.environment is environment
            and not (asset.is_test and asset.created_at <= oldest_test)
        ]

    @_answering
    def list_assets(self, request: Request, environment: _Environment) -> list[Fields]:
        """List assets, the newest first."""
        parameters.check_asset_query(request.args)
        wanted = request.args.get("live_stream_id")
        kept = self._kept(environment) if "upload_id" not in request.args else []
        shown = [self._shown_asset(each) for each in kept if wanted in (None, each.live_stream_id)]
        return self._page(request, shown)

    @_answering
    def get_asset(self, request: Request, environment: _Environment, id: str) -> Fields:
        """Return an asset."""
        for asset in self._kept(environment):
            if asset.id == id:
                return self._shown_asset(asset)
        raise _Refused(404, "not_found", _NOWHERE)

    def add_asset(self) -> str:
        """Add an on-demand asset, which no live stream recorded, and return its ID."""
        environment = self._environments[0]
        with self.lock:
            ids = _policies({"playback_policies": ["public"]})
            asset = _Asset(_new_id(), environment, self.clock.now(), {}, ids, is_ready=True)
            self._assets[asset.id] = asset
        return asset.id

    def other_ids(self) -> list[str]:
        """Return the ID of an asset, which is not a live stream."""
        kept = [each.id for each in self._assets.values() if each.live_stream_id is None]
        return kept or [self.add_asset()]

    # -- what the answers show --------------------------------------------------------------

    def _shown(self, stream: _Stream, *, webhook: bool = False) -> Fields:
        """Return the object of a stream; fields without a value are left out."""
        settings = dict(stream.settings)
        assets = dict(settings.pop("new_asset_settings", {}))
        if "playback_policy" in assets:
            assets.setdefault("playback_policies", assets.pop("playback_policy"))
        if isinstance(assets.get("playback_policies"), str):
            assets["playback_policies"] = [assets["playback_policies"]]
        now: Fields = {}
        if stream.is_active and stream.asset is not None:
            now = {"active_asset_id": stream.asset.id, "active_ingest_protocol": "rtmp"}
        if webhook:
            now |= {"connected": stream.is_connected, "recording": stream.asset is not None}
        shown = {
            "id": stream.id,
            "created_at": _unix(stream.created_at) if webhook else str(_unix(stream.created_at)),
            "status": stream.status,
            "stream_key": stream.stream_key,
            "srt_passphrase": stream.srt_passphrase,
            **settings,
            "new_asset_settings": assets,
            "playback_ids": stream.playback_ids,
            "simulcast_targets": stream.targets,
            "recent_asset_ids": stream.asset_ids,
            **now,
        }
        return {name: value for name, value in shown.items() if value not in ("", [], {}, None)}

    def _shown_asset(self, asset: _Asset, *, webhook: bool = False) -> Fields:
        def started(at: datetime) -> Any:
            if webhook:
                return {"seconds": _unix(at), "nanos": at.microsecond * 1000}
            return _written(at)

        state = "completed" if asset.is_ready else "live" if asset.is_live else "ingesting"
        settings: Fields = {
            name: asset.settings[name]
            for name in ("passthrough", "meta", "mp4_support", "normalize_audio", "video_quality")
            if name in asset.settings
        }
        shown: Fields = {
            "id": asset.id,
            "created_at": _unix(asset.created_at) if webhook else str(_unix(asset.created_at)),
            "status": "ready" if asset.is_ready else "preparing",
            "progress": {
                "state": state,
                "progress": {"completed": 100, "live": -1, "ingesting": 0}[state],
            },
            "encoding_tier": asset.settings.get("encoding_tier", "smart"),
            "master_access": asset.settings.get("master_access", "none"),
            "max_resolution_tier": asset.settings.get("max_resolution_tier", "1080p"),
            **settings,
            "playback_ids": asset.playback_ids,
            **({"test": True} if asset.is_test else {}),
        }
        if asset.is_ready:
            shown["duration"] = round(sum(each.seconds for each in asset.sessions), 6)
        if asset.live_stream_id is not None:
            shown["live_stream_id"] = asset.live_stream_id
            shown["ingest_type"] = "live_rtmp"
            shown["is_live"] = asset.is_live
            shown["recording_times"] = [
                {
                    "started_at": started(each.began),
                    "type": each.type,
                    **({"duration": each.seconds} if each.ended else {}),
                }
                for each in asset.sessions
            ]
        return {name: value for name, value in shown.items() if value not in ([], {})}

    def shown(self, id: str) -> Fields:
        """Return a stream as the API currently shows it.

        Raises:
            ValueError: If it does not exist.
        """
        with self.lock:
            return self._shown(self._known(id))

    # -- webhooks ---------------------------------------------------------------------------

    def _event(
        self, type: str, object_type: str, id: str, data: Fields, environment: _Environment
    ) -> Fields:
        at = _written(self._now())
        # A delivery that is repeated has the ID of its event.
        name = json.dumps([len(self.events), type, id, at, data])
        return {
            "type": type,
            "request_id": None,
            "object": {"type": object_type, "id": id},
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
            "environment": {"name": environment.name, "id": environment.id},
            "data": data,
            "created_at": at,
            "attempts": [],
            "accessor_source": None,
            "accessor": None,
        }

    def _delivery(self, event: Fields, secret: str) -> Delivery:
        body = json.dumps(event, ensure_ascii=False).encode()
        headers = sign(body, secret, self._now())
        return Delivery(event["type"], event["object"]["id"], headers, body)

    def _stream_event(self, stream: _Stream, word: str) -> Fields:
        data = self._shown(stream, webhook=True)
        if word == "warning":
            known = ("id", "active_asset_id", "passthrough", "status", "stream_key")
            warning = {"type": "custom", "message": "Unusual input"}
            data = {**{name: data[name] for name in known if name in data}, "warning": warning}
        kind = f"video.live_stream.{word}"
        return self._event(kind, "live", stream.id, data, stream.environment)

    def _asset_event(self, asset: _Asset, word: str) -> Fields:
        data = self._shown_asset(asset, webhook=True)
        return self._event(f"video.asset.{word}", "asset", asset.id, data, asset.environment)

    def _sent(self, event: Fields, environment: _Environment) -> None:
        delivery = self._delivery(event, environment.webhook_secret)
        self.events.append(delivery)
        body, secret = delivery.body, environment.webhook_secret
        self.send_webhook(lambda: body, lambda _, at: sign(body, secret, at))

    def _note(self, stream: _Stream, word: str) -> None:
        self._sent(self._stream_event(stream, word), stream.environment)

    def _note_asset(self, asset: _Asset, word: str) -> None:
        self._sent(self._asset_event(asset, word), asset.environment)

    def _note_target(self, stream: _Stream, target: Fields, word: str) -> None:
        kind = f"video.live_stream.simulcast_target.{word}"
        data = {**target, "live_stream_id": stream.id}
        event = self._event(kind, "simulcast_target", target["id"], data, stream.environment)
        self._sent(event, stream.environment)

    def warn(self, id: str) -> None:
        """Send a warning about a stream."""
        with self.lock:
            self._note(self._known(id), "warning")

    def deliveries(self, type: str | None = None, id: str | None = None) -> list[Delivery]:
        """Return the deliveries of a type such as ``"video.live_stream.idle"``, about an object."""
        with self.lock:
            self.pass_time()
            return [
                each
                for each in self.events
                if type in (None, each.type) and id in (None, each.object_id)
            ]

    def webhook(
        self,
        id: str,
        *,
        secret: str | None = None,
        type: str | None = None,
        body: bytes | None = None,
    ) -> tuple[dict[str, str], bytes]:
        """Return the headers and body of a delivery about a stream or an asset as it is now.

        Args:
            id: The ID of the stream or the asset.
            secret: The webhook's secret. Defaults to that of the environment.
            type: The last word of the event's type, such as ``"connected"``. Defaults to the event
                that led to the current state.
            body: The body to sign. Defaults to the one about that event.

        Raises:
            ValueError: If there is no such object.
        """
        with self.lock:
            asset = self._assets.get(id)
            if asset is not None:
                environment = asset.environment
                event = self._asset_event(asset, type or ("ready" if asset.is_ready else "created"))
            else:
                stream = self._known(id)
                environment = stream.environment
                event = self._stream_event(stream, type or self._latest(stream))
            secret = environment.webhook_secret if secret is None else secret
            if body is not None:
                return sign(body, secret, self._now()), body
            sent = self._delivery(event, secret)
        return dict(sent.headers), sent.body

    def _latest(self, stream: _Stream) -> str:
        if stream.is_active:
            return "active" if stream.is_connected else "disconnected"
        if stream.is_disabled:
            return "disabled"
        if stream.asset is not None:
            return "recording"
        return "idle" if stream.asset_ids else "created"

    # -- encoders and time ------------------------------------------------------------------

    def _known(self, id: str) -> _Stream:
        found = self._streams.get(id)
        if found is None:
            raise ValueError("there is no such live stream")
        self._settle(found)
        return found

    def pass_time(self) -> None:
        """Apply what has become due."""
        for stream in list(self._streams.values()):
            self._settle(stream)

    def _now(self) -> datetime:
        """Return the time of what happens now: of what is due, if that is being applied."""
        return self._moment or self.clock.now()

    def _settle(self, stream: _Stream) -> None:
        """Apply what has become due, in order."""
        while stream.due:
            name = min(stream.due, key=stream.due.__getitem__)
            if stream.due[name] > self.clock.now():
                return
            self._moment = stream.due.pop(name)
            try:
                getattr(self, name)(stream)
            finally:
                self._moment = None

    def encoder_connects(self, id: str) -> None:
        """Connect an encoder. Within the reconnect window it continues the same asset.

        Raises:
            ValueError: If the stream is disabled, or has an encoder already.
        """
        with self.lock:
            stream = self._known(id)
            if stream.is_disabled:
                raise ValueError("the live stream is disabled")
            # After complete, a new connection replaces the one that will be cut.
            if stream.is_connected and stream.due.pop("_cut", None) is None:
                raise ValueError("an encoder is connected already")
            stream.is_connected = True
            stream.due.pop("_finish", None)
            self._note(stream, "connected")
            self._set_targets(stream, "starting")
            self._record(stream)
            seconds = 0 if stream.is_active else self.seconds_to_active
            stream.due["_activate"] = self._now() + timedelta(seconds=seconds)
            self._settle(stream)

    def _record(self, stream: _Stream) -> None:
        now = self._now()
        asset = stream.asset
        if asset is None:
            settings = stream.settings.get("new_asset_settings", {})
            asset = stream.asset = _Asset(
                id=_new_id(),
                environment=stream.environment,
                created_at=now,
                settings=settings,
                playback_ids=_policies(settings),
                live_stream_id=stream.id,
                is_live=True,
                is_test=bool(stream.settings.get("test")),
            )
            self._assets[asset.id] = asset
            stream.asset_ids.append(asset.id)  # the newest is the last
            self._note_asset(asset, "created")
        elif self._has_slate(stream):
            asset.sessions.append(_Session(asset.sessions[-1].ended or now, now, "slate"))
        asset.sessions.append(_Session(now))
        self._note(stream, "recording")

    def _has_slate(self, stream: _Stream) -> bool:
        return stream.settings["latency_mode"] != "standard" or bool(
            stream.settings.get("use_slate_for_standard_latency")
        )

    def _activate(self, stream: _Stream) -> None:
        if not stream.is_active:
            longest = timedelta(seconds=stream.settings["max_continuous_duration"])
            stream.due["_disconnect"] = self._now() + longest
            if stream.settings.get("test"):
                stream.due["_disable"] = self._now() + timedelta(seconds=TEST_SECONDS)
        stream.is_active = True
        self._note(stream, "active")
        self._set_targets(stream, "broadcasting")

    def encoder_drops(self, id: str) -> None:
        """Disconnect the encoder. The stream stays active while the reconnect window is open.

        Raises:
            ValueError: If no encoder is connected.
        """
        with self.lock:
            stream = self._known(id)
            if not stream.is_connected:
                raise ValueError("no encoder is connected")
            self._disconnect(stream)
            self._settle(stream)

    def _disconnect(self, stream: _Stream) -> None:
        """Close the encoder's connection: it drops, or is too long on air."""
        if not stream.is_connected:
            return
        stream.is_connected = False
        for name in ("_cut", "_activate"):
            stream.due.pop(name, None)
        if stream.asset is not None:
            stream.asset.sessions[-1].ended = self._now()
            window = timedelta(seconds=stream.settings["reconnect_window"])
            stream.due["_finish"] = self._now() + window
        self._note(stream, "disconnected")
        self._set_targets(stream, "idle")

    _cut = _disconnect

    def _finish(self, stream: _Stream) -> None:
        """Finish the run: the reconnect window is over, or was closed."""
        stream.due.clear()
        asset, stream.asset, stream.is_active = stream.asset, None, False
        if asset is not None:
            asset.is_live = False
            asset.sessions[-1].ended = asset.sessions[-1].ended or self._now()
            self._set_targets(stream, "idle")
            self._note(stream, "idle")
            self._note_asset(asset, "live_stream_completed")

    def _end(self, stream: _Stream) -> None:
        """Close the encoder's connection, and finish the run without a reconnect window."""
        self._disconnect(stream)
        self._finish(stream)

    def _disable(self, stream: _Stream) -> None:
        self._end(stream)
        stream.is_disabled = True
        self._note(stream, "disabled")

    def _set_targets(self, stream: _Stream, status: str) -> None:
        for target in stream.targets:
            if target["status"] != status:
                target["status"] = status
                self._note_target(stream, target, status)

    def is_published(self, id: str) -> bool:
        """Return whether an encoder is connected to a live stream."""
        with self.lock:
            return id in self._streams and self._known(id).is_connected

    def recording_ready(self, id: str) -> None:
        """Finish the newest asset of a stream whose encoder is gone, and close a reconnect window.

        Raises:
            ValueError: If nothing was recorded, or the recording is in progress or already ready.
        """
        with self.lock:
            stream = self._known(id)
            if not stream.is_connected:
                self._finish(stream)
            asset = self._assets[stream.asset_ids[-1]] if stream.asset_ids else None
            if asset is None or asset.is_live or asset.is_ready:
                raise ValueError("there is no recording to finish")
            asset.is_ready = True
            self._note_asset(asset, "ready")
