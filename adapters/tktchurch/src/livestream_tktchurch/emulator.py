"""An emulator of TKT Church, as strict as a Vapor service that follows its API reference.

Behavior that docs.tktchurch.com leaves open is a setting, or follows the Vapor framework; both are
inferred. Sign-up, password reset, devices, users, and signed URLs of files are not emulated.
"""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ClassVar, Literal, NamedTuple, NoReturn, TypeAlias

import attrs
import jwt

from livestream_core.emulator import Emulator, Request, Response, Route, json_response
from livestream_tktchurch.samples import SAMPLES

Permissions: TypeAlias = Iterable[str]
ErrorShape: TypeAlias = Literal["vapor", "nested", "flat"]
_Table: TypeAlias = "Mapping[str, _Type]"

#: The lifetimes in seconds of an access token (POST /auth/login) and of a refresh token (inferred
#: from the sample of GET /auth/devices).
ACCESS_SECONDS = 3600
REFRESH_SECONDS = 31 * 86400
PERMISSIONS = (
    "createLivestream",
    "updateLivestream",
    "deleteLivestream",
    "uploadFiles",
    "viewFiles",
)
_LARGEST_FILE = 10 * 1024 * 1024
_PER = 10

_WORDS = ("scheduled", "live", "ended", "cancelled")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_COUNT = re.compile(r"\d{1,18}", re.ASCII)
_FILE_NAME = re.compile(r'attachment;\s*filename="([^"]+)"')
_NOT_FOUND, _NO_TOKEN = "Not Found", "Unauthorized"

_NO_ENCODER = (
    "TKT Church is a catalog of streams that are hosted elsewhere; it has no encoders and no "
    "recordings, and clients set the status"
)

_SHAPES: Mapping[str, Callable[[int, str], dict[str, Any]]] = {
    "vapor": lambda status, reason: {"error": True, "reason": reason},
    "nested": lambda status, reason: {"error": {"code": status, "message": reason}},
    "flat": lambda status, reason: {"status": status, "message": reason},
}


class _Refused(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


# -- reading bodies and queries as Swift's decoders do: exact types, no conversion ------------


class _Type(NamedTuple):
    name: str
    #: Returns the value, or raises ValueError.
    read: Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    value.encode()  # half a surrogate pair is not text
    return value


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError
    return [_text(item) for item in value]


def _uuid(value: Any) -> str:
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise ValueError
    return value.lower()


def _instant(value: Any) -> datetime:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except OverflowError:
        raise ValueError from None


def _word(value: Any) -> str:
    if value not in _WORDS:
        raise ValueError
    return str(value)


def _count(value: str) -> int:
    if not _COUNT.fullmatch(value) or int(value) < 1:
        raise ValueError
    return int(value)


_TEXT = _Type("String", _text)
_TEXTS = _Type("Array<String>", _texts)
_ID = _Type("UUID", _uuid)
#: Vapor's ``.iso8601``: whole seconds; Foundation refuses a fraction (inferred).
_DATE = _Type("Date", _instant)
_STATUS = _Type("|".join(_WORDS), _word)
_COUNTED = _Type("Int, from 1", _count)

_CREATE: _Table = {
    "title": _TEXT,
    "description": _TEXT,
    "tags": _TEXTS,
    "youtubeUrl": _TEXT,
    "customStreamUrl": _TEXT,
    "scheduledStartTime": _DATE,
    "thumbnailUrl": _TEXT,
    "thumbnailId": _ID,
}
_REQUIRED = ("title", "description", "tags")
_UPDATE: _Table = {**_CREATE, "status": _STATUS, "actualStartTime": _DATE, "endTime": _DATE}
_QUERY: _Table = {
    "status": _STATUS,
    "tag": _TEXT,
    "start": _DATE,
    "end": _DATE,
    "page": _COUNTED,
    "per": _COUNTED,
}
_TOKEN_OF_GRANT = {
    "refresh_token": "refresh_token",
    "token_info": "access_token",
    "id_token": "id_token",
}
_LOGIN: _Table = {"email": _TEXT, "password": _TEXT}


def _decoded(
    data: Mapping[str, Any], table: _Table, required: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the values of the known keys; null counts as missing, unknown keys are ignored."""
    values = {}
    for name, (expected, read) in table.items():
        if data.get(name) is None:
            if name in required:
                raise _Refused(400, f"No such key '{name}' at path ''.")
            continue
        try:
            values[name] = read(data[name])
        except ValueError:
            raise _Refused(400, f"Value was not of type '{expected}' at '{name}'.") from None
    return values


def _body(request: Request) -> dict[str, Any]:
    if request.mimetype != "application/json":
        raise _Refused(415, "Unsupported Media Type")
    data = None
    try:
        data = json.loads(request.get_data(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        pass
    if not isinstance(data, dict):
        raise _Refused(400, "The request body is not a JSON object.")
    return data


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _seconds(value: datetime) -> str:
    return value.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


# -- stored data ------------------------------------------------------------------------------


@attrs.define(slots=True)
class _User:
    id: str
    email: str
    password: str
    permissions: tuple[str, ...]
    #: Tokens with a lower number are not valid. It replaces validSince, which would be rounded.
    first_token: int = 0


@attrs.define(slots=True)
class _Stream:
    id: str
    values: dict[str, Any]


def _refusals(handler: Callable[..., Response]) -> Callable[..., Response]:
    @wraps(handler)
    def respond(self: TKTChurchEmulator, request: Request, **values: str) -> Response:
        try:
            # Routes end with or without a slash; an encoded slash would be part of an ID.
            if "%2f" in str(request.environ.get("RAW_URI", "")).partition("?")[0].lower():
                raise _Refused(404, _NOT_FOUND)
            return handler(self, request, **values)
        except _Refused as refused:
            return self.refusal(refused.status, refused.reason)

    return respond


_ROUTES = (
    ("GET", "/v1/livestreams", "list_livestreams"),
    ("POST", "/v1/livestreams", "create_livestream"),
    ("GET", "/v1/livestreams/<id>", "get_livestream"),
    ("PUT", "/v1/livestreams/<id>", "update_livestream"),
    ("DELETE", "/v1/livestreams/<id>", "delete_livestream"),
    ("POST", "/v1/auth/login", "login"),
    ("POST", "/v1/auth/token", "token"),
    ("POST", "/v1/auth/logout", "logout"),
    ("POST", "/v1/files/provider/<provider>/upload", "upload_file"),
    ("GET", "/v1/files/<id>", "get_file"),
)


class TKTChurchEmulator(Emulator):
    """An emulator of version 1 of TKT Church's API.

    Attributes:
        email: The email address of the first user, who has every permission.
        password: The first user's password.
        upper_case_ids: Whether IDs are printed in upper case, as Vapor does; the samples have
            lower case. Both are accepted.
        prints_nulls: Whether fields without a value are printed as null, as in the samples.
        has_page_count: Whether a page has ``pageCount``, as in the sample; Fluent's own does not.
        has_single_get: Whether ``GET /livestreams/{id}`` exists; it is not documented.
        missing_get_status: The status of that endpoint if it does not exist: 404 or 405.
        rotates_refresh_tokens: Whether a refresh token becomes invalid when it is used.
        error_shape: The form of errors, because no sample exists: ``vapor`` (``{"error": true,
            "reason"}``), ``nested`` (``{"error": {"code", "message"}}``), or ``flat``
            (``{"status", "message"}``).
        create_status: The status of the response to a create: 200 or 201.
    """

    provider = "tktchurch"
    without_media: ClassVar[str] = "it is a catalog of streams that are hosted elsewhere"
    samples: ClassVar[tuple[Mapping[str, Any], ...]] = SAMPLES
    # Vapor drops empty parts of a path, so a trailing slash makes no difference (inferred).
    routes: ClassVar[tuple[Route, ...]] = tuple(
        Route(method, path + slash, handler)
        for method, path, handler in _ROUTES
        for slash in ("", "/")
    )

    def __init__(
        self,
        *,
        boot_seconds: float = 20.0,
        upper_case_ids: bool = True,
        prints_nulls: bool = True,
        has_page_count: bool = True,
        has_single_get: bool = False,
        missing_get_status: Literal[404, 405] = 404,
        rotates_refresh_tokens: bool = True,
        error_shape: ErrorShape = "vapor",
        create_status: Literal[200, 201] = 200,
    ) -> None:
        """Create an emulator; see the attributes. ``boot_seconds`` has no effect."""
        super().__init__(boot_seconds=boot_seconds)
        self.upper_case_ids = upper_case_ids
        self.prints_nulls = prints_nulls
        self.has_page_count = has_page_count
        self.has_single_get = has_single_get
        self.missing_get_status = missing_get_status
        self.rotates_refresh_tokens = rotates_refresh_tokens
        self.error_shape = error_shape
        self.create_status = create_status
        self._key = secrets.token_hex(32)
        self._tokens_made = 0
        self._dead_tokens: set[str] = set()
        self._users: dict[str, _User] = {}
        self._streams: dict[str, _Stream] = {}
        self._files: dict[str, dict[str, Any]] = {}
        self.email = "media@church.example"
        self.password: str = secrets.token_hex(12)
        self.add_user(self.email, self.password)

    # -- users, streams, and events ---------------------------------------------------------

    def options(self) -> dict[str, Any]:
        """Return options for ``connect`` with the first user's email address and password."""
        return {"email": self.email, "password": self.password}

    def other_options(self) -> dict[str, Any]:
        """Return options of another user, who does not exist here."""
        return {"email": f"other-{self.email}", "password": self.password}

    def encoder_connects(self, id: str) -> None:
        """Raise ``ValueError``, because there is no encoder."""
        raise ValueError(_NO_ENCODER)

    def encoder_drops(self, id: str) -> None:
        """Raise ``ValueError``, because there is no encoder."""
        raise ValueError(_NO_ENCODER)

    def recording_ready(self, id: str) -> None:
        """Raise ``ValueError``, because there is no recording."""
        raise ValueError(_NO_ENCODER)

    def add_user(self, email: str, password: str, permissions: Permissions = PERMISSIONS) -> str:
        """Add a user, and return the user's ID."""
        user = _User(str(uuid.uuid4()), email, password, tuple(permissions))
        with self.lock:
            self._users[user.id] = user
        return self._printed(user.id)

    def mint_access_token(
        self,
        email: str | None = None,
        *,
        seconds: float = ACCESS_SECONDS,
        permissions: Permissions | None = None,
    ) -> str:
        """Return a new access token, as a login would.

        Args:
            email: The user's email address. Defaults to the first user's.
            seconds: The lifetime of the token in seconds.
            permissions: The token's permissions. Defaults to all permissions of the user.
        """
        user = next(each for each in self._users.values() if each.email == (email or self.email))
        with self.lock:
            return self._mint(user, "access", seconds, permissions)

    def add_stream(self, **fields: Any) -> str:
        """Add a livestream, as another client could, and return its ID.

        Args:
            fields: The JSON fields of a PUT, and ``id``. Title, description, and tags have
                defaults.

        Raises:
            ValueError: If a field does not exist or is not valid.
        """
        defaults = {"title": "Sunday Service", "description": "", "tags": []}
        try:
            if unknown := set(fields) - {"id", *_UPDATE}:
                raise _Refused(400, f"no such field: {', '.join(sorted(unknown))}")
            with self.lock:
                values = self._values({**defaults, **fields}, _UPDATE)
                id = _decoded({"id": fields.get("id", str(uuid.uuid4()))}, {"id": _ID})["id"]
                return self._printed(self._add(values, next(iter(self._users)), id).id)
        except _Refused as refused:
            raise ValueError(refused.reason) from None

    def shown(self, id: str) -> dict[str, Any]:
        """Return a livestream as the API currently shows it.

        Raises:
            KeyError: If it does not exist.
        """
        with self.lock:
            return self._shown(self._streams[id.lower()])

    # -- livestreams ------------------------------------------------------------------------

    @_refusals
    def list_livestreams(self, request: Request) -> Response:
        """List livestreams; no token is needed, because none is documented (inferred).

        It is not documented that the newest comes first, and that ``start`` and ``end`` are
        inclusive and compare ``scheduledStartTime``.
        """
        query = _decoded(request.args, _QUERY)
        status, tag = query.get("status"), query.get("tag")
        start, end = query.get("start"), query.get("end")

        def passes(values: Mapping[str, Any]) -> bool:
            at = values.get("scheduledStartTime")
            return (
                (status is None or values["status"] == status)
                and (tag is None or tag in values["tags"])
                and (start is None or (at is not None and at >= start))
                and (end is None or (at is not None and at <= end))
            )

        found = [each for each in reversed(self._streams.values()) if passes(each.values)]
        page, per = query.get("page", 1), query.get("per", _PER)
        metadata = {"page": page, "per": per, "total": len(found)}
        if self.has_page_count:
            metadata["pageCount"] = max(1, -(-len(found) // per))
        items = [self._shown(each) for each in found[(page - 1) * per : page * per]]
        return json_response({"items": items, "metadata": metadata})

    @_refusals
    def create_livestream(self, request: Request) -> Response:
        """Create a livestream (POST /livestreams); ``status`` is not one of its fields."""
        user = self._caller(request, "createLivestream")
        values = self._values(_body(request), _CREATE, _REQUIRED)
        return json_response(self._shown(self._add(values, user.id)), self.create_status)

    @_refusals
    def get_livestream(self, request: Request, id: str) -> Response:
        """Return a livestream; not documented. Like the list, it needs no token (inferred)."""
        if not self.has_single_get:
            reason = _NOT_FOUND if self.missing_get_status == 404 else "Method Not Allowed"
            raise _Refused(self.missing_get_status, reason)
        return json_response(self._shown(self._stream(id)))

    @_refusals
    def update_livestream(self, request: Request, id: str) -> Response:
        """Update some fields (PUT /livestreams/{id}); any status is allowed."""
        user = self._caller(request, "updateLivestream")
        stream = self._stream(id)
        stream.values |= self._values(_body(request), _UPDATE)
        stream.values |= {"updatedByUserId": user.id, "updatedAt": self.clock.now()}
        return json_response(self._shown(stream))

    @_refusals
    def delete_livestream(self, request: Request, id: str) -> Response:
        """Delete a livestream (DELETE /livestreams/{id})."""
        self._caller(request, "deleteLivestream")
        del self._streams[self._stream(id).id]
        return Response(status=204)

    def _stream(self, id: str) -> _Stream:
        # DELETE documents no 400, so an ID that is not a UUID is not found either (inferred).
        stream = self._streams.get(id.lower()) if _UUID.fullmatch(id) else None
        if stream is None:
            raise _Refused(404, _NOT_FOUND)
        return stream

    def _values(
        self, data: Mapping[str, Any], table: _Table, required: Iterable[str] = ()
    ) -> dict[str, Any]:
        values = _decoded(data, table, required)
        if (file_id := values.pop("thumbnailId", None)) is not None:
            if file_id not in self._files:
                raise _Refused(400, "There is no file with this thumbnailId.")
            values["thumbnail"] = file_id
        return values

    def _add(self, values: dict[str, Any], user_id: str, id: str | None = None) -> _Stream:
        now = self.clock.now()
        stamps = {
            "createdByUserId": user_id,
            "updatedByUserId": user_id,
            "createdAt": now,
            "updatedAt": now,
        }
        stream = _Stream(id or str(uuid.uuid4()), {"status": "scheduled", **values, **stamps})
        self._streams[stream.id] = stream
        return stream

    def _shown(self, stream: _Stream) -> dict[str, Any]:
        values = stream.values

        def time(name: str) -> str | None:
            return _seconds(values[name]) if name in values else None

        file = self._files.get(values.get("thumbnail", ""))
        data = {
            "id": self._printed(stream.id),
            "title": values["title"],
            "description": values["description"],
            "youtubeUrl": values.get("youtubeUrl"),
            "customStreamUrl": values.get("customStreamUrl"),
            "status": values["status"],
            "scheduledStartTime": time("scheduledStartTime"),
            "actualStartTime": time("actualStartTime"),
            "endTime": time("endTime"),
            "tags": [*values["tags"]],
            "thumbnailUrl": values.get("thumbnailUrl"),
            "thumbnail": file and {name: file[name] for name in ("id", "url", "provider", "key")},
            "createdByUserId": self._printed(values["createdByUserId"]),
            "updatedByUserId": self._printed(values["updatedByUserId"]),
            "createdAt": time("createdAt"),
            "updatedAt": time("updatedAt"),
        }
        if self.prints_nulls:
            return data
        return {name: value for name, value in data.items() if value is not None}

    def _printed(self, id: str) -> str:
        return id.upper() if self.upper_case_ids else id

    # -- signing in -------------------------------------------------------------------------

    @_refusals
    def login(self, request: Request) -> Response:
        """Log in (POST /auth/login); an unknown user and a wrong password look the same."""
        sent = _decoded(_body(request), _LOGIN, _LOGIN)
        for user in self._users.values():
            if (user.email, user.password) == (sent["email"], sent["password"]):
                return json_response(self._pair(user))
        raise _Refused(401, "Invalid credentials")

    @_refusals
    def token(self, request: Request) -> Response:
        """Exchange a token (POST /auth/token, three grants); an ``id_token`` is always refused."""
        body = _body(request)
        grant = _decoded(body, {"grant_type": _TEXT}, ("grant_type",))["grant_type"]
        name = _TOKEN_OF_GRANT.get(grant)
        if name is None:
            raise _Refused(400, "Unsupported grant_type")
        token = _decoded(body, {name: _TEXT}, (name,))[name]
        if name == "id_token":
            raise _Refused(401, "Invalid id_token")
        if name == "access_token":
            return json_response(self._token_info(token))
        user, claims = self._verified(token, "refresh")
        if self.rotates_refresh_tokens:
            self._dead_tokens.add(claims["jti"])
        return json_response(self._pair(user))

    def _token_info(self, token: str) -> dict[str, Any]:
        user, claims = self._verified(token, "access")
        return {
            "sub": claims["sub"],
            "scopes": claims["scopes"],
            # In the table of the API reference, both are strings.
            "exp": str(claims["exp"]),
            "iat": str(claims["iat"]),
            "user": {"id": self._printed(user.id), "email": user.email},
        }

    @_refusals
    def logout(self, request: Request) -> Response:
        """Log out (POST /auth/logout): every earlier token of the user becomes invalid.

        So only the form of a refresh token in the body is checked.
        """
        user = self._caller(request)
        if request.get_data():
            _decoded(_body(request), {"refresh_token": _TEXT})
        user.first_token = self._tokens_made + 1
        return Response(status=204)

    def _pair(self, user: _User) -> dict[str, Any]:
        return {
            "access_token": self._mint(user, "access", ACCESS_SECONDS),
            "refresh_token": self._mint(user, "refresh", REFRESH_SECONDS),
            "expires_in": ACCESS_SECONDS,
            "token_type": "bearer",
        }

    def _mint(
        self, user: _User, kind: str, seconds: float, permissions: Permissions | None = None
    ) -> str:
        self._tokens_made += 1
        now = int(self.clock.now().timestamp())
        claims = {
            "sub": self._printed(user.id),
            "iat": now,
            "exp": now + int(seconds),
            "jti": str(self._tokens_made),
            "type": kind,
            "scopes": [*(user.permissions if permissions is None else permissions)],
        }
        return jwt.encode(claims, self._key, algorithm="HS256")

    def _verified(self, token: str, kind: str) -> tuple[_User, dict[str, Any]]:
        claims: dict[str, Any] | None = None
        try:
            # The times are compared with the emulator's clock, which tests can move.
            claims = jwt.decode(
                token,
                self._key,
                algorithms=["HS256"],
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            pass
        if claims is not None and claims["type"] == kind:
            user = self._users[claims["sub"].lower()]
            if (
                claims["exp"] > self.clock.now().timestamp()
                and claims["jti"] not in self._dead_tokens
                and int(claims["jti"]) >= user.first_token
            ):
                return user, claims
        raise _Refused(401, _NO_TOKEN)

    def _caller(self, request: Request, permission: str | None = None) -> _User:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise _Refused(401, _NO_TOKEN)
        user, claims = self._verified(token, "access")
        if permission is not None and permission not in claims["scopes"]:
            raise _Refused(403, f"Missing required permission: {permission}")
        return user

    # -- files ------------------------------------------------------------------------------

    @_refusals
    def upload_file(self, request: Request, provider: str) -> Response:
        """Upload a file (POST /files/provider/{provider}/upload); the raw body is the file."""
        user = self._caller(request, "uploadFiles")
        if provider not in ("s3", "local"):
            raise _Refused(400, "Invalid provider")
        name = _FILE_NAME.fullmatch(request.headers.get("Content-Disposition", ""))
        if name is None or not request.mimetype:
            raise _Refused(400, "Missing filename or content type")
        size = len(request.get_data())
        if size > _LARGEST_FILE:
            raise _Refused(413, "Payload Too Large")
        file_id, now = str(uuid.uuid4()), _seconds(self.clock.now())
        key = f"uploads/{file_id}/{name[1]}"
        data = {
            "id": self._printed(file_id),
            "originalName": name[1],
            "url": f"https://files.church.example/{key}",
            "key": key,
            "contentType": request.mimetype,
            "size": size,
            "provider": provider,
            "providerMetadata": None,
            "uploadedBy": self._printed(user.id),
            "createdAt": now,
            "updatedAt": now,
        }
        self._files[file_id] = data
        return json_response(data)

    @_refusals
    def get_file(self, request: Request, id: str) -> Response:
        """Return a file's data (GET /files/{id})."""
        self._caller(request)
        file = self._files.get(id.lower())
        if file is None:
            raise _Refused(404, _NOT_FOUND)
        return json_response(file)

    # -- errors -----------------------------------------------------------------------------

    def refusal(self, status: int, reason: str) -> Response:
        """Return an error in the configured form."""
        return json_response(_SHAPES[self.error_shape](status, reason), status)

    def not_found(self, request: Request) -> Response:
        """Respond to an unknown path."""
        return self.refusal(404, _NOT_FOUND)

    def method_not_allowed(self, request: Request) -> Response:
        """Respond with 404: to Vapor's router, a path with another method is another path."""
        return self.refusal(404, _NOT_FOUND)
