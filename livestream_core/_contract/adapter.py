"""What an adapter's author writes against: one class per vendor, and no I/O in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, ParamSpec, TypeAlias, TypeVar

import attrs

from .._model import converters as c
from .._model.errors import (
    AuthenticationFailed,
    Conflict,
    InvalidInput,
    LiveStreamError,
    NotFound,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
    Rejected,
    UnexpectedResponse,
    limit_retry_after,
)
from .._model.operations import check_methods
from .._model.stream import Event, LiveStream, StreamSpec
from .._model.trim import UNIX_TIME_FROM, Trim
from .._model.urls import origin_of, percent_encoded
from .._secrets.secret import Secret
from .._secrets.spellings import compiled
from .capabilities import OPERATION_OF, PART_OF, Capabilities
from .foreign import BUGS, is_of_signal_handler, place_of
from .options import Options as _Options
from .options import read_origin
from .pagination import Page, Pagination, Query, Unreadable, unreadable_error
from .request import THE_RESPONSE, File, Params, Request, Response, template_names

if TYPE_CHECKING:
    from .transport import Transport

P = ParamSpec("P")
T = TypeVar("T")

#: An operation: a generator of requests, or, where none is needed, the value at once.
Operation: TypeAlias = T | Generator[Request, Response, T]

#: The version of the adapter interface; :attr:`AdapterInfo.api_version` says for which one an
#: adapter was written.
API_VERSION = 1

#: An option of such a name could never be given.
ARGUMENTS_OF_CONNECT = frozenset(
    {
        "allow_http_hosts",
        "clock",
        "environ",
        "require",
        "retries",
        "timeout",
        "token_store",
        "transport",
    }
)


@attrs.frozen(slots=True, kw_only=True)
class AdapterInfo:
    """What is known of an adapter before it is loaded.

    Attributes:
        name: The provider's name, as given to ``connect``.
        title: The vendor's name as people write it.
        factory: The adapter's class, or ``"module:Class"``.
        emulator: The emulator's class, or ``"module:Class"``, if there is one.
        api_version: The version of the adapter interface that it was written for.
        distribution: The distribution that it was installed from.
        version: That distribution's version.
        problem: Why it cannot be used, if that is known without loading it.
    """

    name: str
    title: str = ""
    factory: str | Callable[..., Adapter] = ""
    emulator: str | Callable[..., Any] | None = None
    api_version: int = API_VERSION
    distribution: str | None = None
    version: str | None = None
    problem: str | None = None


@attrs.frozen(slots=True)
class Session:
    """A way of being signed in. Its repr shows no credential.

    Attributes:
        headers: What every request carries.
        expires_at: When it ends, as an aware datetime; ``None`` if that is not known.
        memo: What the adapter needs to renew it, such as a refresh token.
        ours: Whether we opened it at the vendor, so that the last ``close()`` should end it.
        opened_with: Written by the core into what it puts into a token store: a digest of the
            credentials, so that only a client with the same ones takes it out.
    """

    headers: Mapping[str, str] = attrs.field(repr=False)
    expires_at: datetime | None = None
    memo: Any = attrs.field(default=None, repr=False)
    ours: bool = False
    opened_with: str | None = attrs.field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return data that ``json.dumps`` takes. It is secret: whoever has it is signed in.

        Raises:
            InvalidInput: ``memo`` holds something other than JSON values and secrets.
        """
        return {
            "headers": dict(self.headers),
            "expires_at": None if self.expires_at is None else self.expires_at.isoformat(),
            "memo": _converted(_memo_to_json, self.memo),
            "ours": self.ours,
            "opened_with": self.opened_with,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, strict: bool = False) -> Session:
        """Read what :meth:`to_dict` wrote, in this version or in a newer one.

        Args:
            data: The data.
            strict: Whether a field that this version does not know is refused; by default it is
                ignored.

        Raises:
            InvalidInput: Something in it is missing or wrong; ``field`` says what.
        """
        if not isinstance(data, Mapping):
            raise InvalidInput(f"Session: expected a mapping, not {type(data).__name__}")
        if strict:
            c.refuse_unknown("Session", data, [field.name for field in attrs.fields(cls)])
        if "headers" not in data:
            raise InvalidInput("headers: is missing", field="headers")
        return cls(
            c.with_field_name("headers", _header_texts)(data["headers"]),
            c.with_field_name("expires_at", c.optional_instant)(data.get("expires_at")),
            _converted(_memo_from_json, data.get("memo")),
            bool(c.with_field_name("ours", c.flag)(data.get("ours", False))),
            c.with_field_name("opened_with", c.optional_text)(data.get("opened_with")),
        )


def _header_texts(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: c.text(value) for name, value in c.mapping(headers).items()}


#: In JSON a secret of a memo is an object with this name alone.
_SECRET = "$secret"  # noqa: S105


def _converted(convert: Callable[[Any], Any], memo: Any) -> Any:
    try:
        return convert(memo)
    except RecursionError:
        pass
    raise InvalidInput("memo: is nested too deeply", field="memo")


def _memo_to_json(memo: Any) -> Any:
    if isinstance(memo, Secret):
        return {_SECRET: memo.reveal()}
    if isinstance(memo, Mapping) and _SECRET not in memo and all(isinstance(n, str) for n in memo):
        return {name: _memo_to_json(value) for name, value in memo.items()}
    if isinstance(memo, list | tuple):
        return [_memo_to_json(value) for value in memo]
    if memo is None or isinstance(memo, str | int) or (isinstance(memo, float) and isfinite(memo)):
        return memo
    raise InvalidInput(f"memo: {type(memo).__name__} cannot be written as JSON", field="memo")


def _memo_from_json(memo: Any) -> Any:
    if isinstance(memo, Mapping):
        if memo.keys() == {_SECRET}:
            return Secret(c.with_field_name("memo", c.text)(memo[_SECRET]))
        return {name: _memo_from_json(value) for name, value in memo.items()}
    if isinstance(memo, list):
        return [_memo_from_json(value) for value in memo]
    return memo


class Adapter:
    """One vendor. A subclass sets ``name``, ``Options`` and ``capabilities`` and writes the
    operations that it declares; it never does I/O.

    Each operation is a generator that yields :class:`Request` objects, is resumed with a
    :class:`Response` whose status is 2xx, and returns its value; or a plain method that returns
    the value at once. For any other answer, and where none comes, the error is thrown in at the
    ``yield``. The core retries, signs in, bounds the time, decides ``applied``, masks secrets
    and adds the context to errors: an adapter does none of that. It raises errors of this
    library only.

    Attributes:
        name: The provider's name.
        Options: Its class of options.
        capabilities: What it can do; the class is checked against it when it is made.
        errors: Error classes for single HTTP statuses, where the vendor's differ from the usual.
        secret_patterns: Regular expressions of stream keys and other secrets as the vendor
            writes them; what they match is masked in everything that is printed.
        is_lenient: Whether a value that cannot be read costs its field alone, and an entry that
            cannot be read no other entry; the conformance kit then proves it. Lenient
            :class:`Fields` and :meth:`page` do that.
        options: The options of this connection.
        origin: The vendor's origin.
        path_values: What stands for the names that all paths share, such as an organisation.
        clock: Gives the present instant, in UTC.
    """

    name: ClassVar[str]
    Options: ClassVar[type[_Options]] = _Options
    capabilities: ClassVar[Capabilities]
    errors: ClassVar[Mapping[int, type[LiveStreamError]]] = {}
    secret_patterns: ClassVar[tuple[str, ...]] = ()
    is_lenient: ClassVar[bool] = False

    options: Any
    origin: str
    path_values: Mapping[str, str]
    clock: Callable[[], datetime]

    def __init__(self, options: _Options, *, clock: Callable[[], datetime] | None = None) -> None:
        self.options = options
        self.origin = read_origin(options.base_url)
        self.path_values = {}
        self.clock = clock or _utc_now

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        capabilities = getattr(cls, "capabilities", None)
        if capabilities is None:
            return  # a base class of several adapters
        if not isinstance(getattr(cls, "name", None), str):
            raise TypeError(f"{cls.__name__} has no name")
        if taken := ARGUMENTS_OF_CONNECT.intersection(attrs.fields_dict(cls.Options)):
            raise TypeError(
                f"{cls.__name__}: {', '.join(sorted(taken))} cannot be an option, because "
                "connect() has an argument of that name"
            )
        for feature, operation in OPERATION_OF.items():
            method = operation.name
            overridden = getattr(cls, method) is not getattr(Adapter, method)
            if capabilities.supports(feature) and not overridden:
                raise TypeError(f"{cls.__name__} declares {feature} but has no method {method}()")
            if overridden and not capabilities.supports(feature):
                raise TypeError(f"{cls.__name__} has {method}() but does not declare {feature}")
        for part, whole in PART_OF.items():
            if capabilities.supports(part) and not capabilities.supports(whole):
                raise TypeError(f"{cls.__name__} declares {part} without {whole}")

    # -- operations -------------------------------------------------------------------------

    def create(self, spec: StreamSpec) -> Operation[LiveStream]:
        """Makes a stream. The spec holds nothing that is not declared; an error after the vendor
        made it should carry its ``stream_id``.
        """
        raise NotImplementedError

    def get(self, stream_id: str) -> Operation[LiveStream]:
        """Reads one stream; an id that is not a live stream is ``NotFound``."""
        raise NotImplementedError

    def list(self, query: Query) -> Operation[Page]:
        """Reads one page. Filters that the vendor compares exactly may be sent; the core applies
        all of them again.
        """
        raise NotImplementedError

    def update(self, stream_id: str, changes: Mapping[str, Any]) -> Operation[LiveStream]:
        """Changes fields, named and typed as in :class:`StreamSpec`; ``None`` clears."""
        raise NotImplementedError

    def start(self, stream_id: str) -> Operation[LiveStream]:
        """Starts it; ``Conflict`` where its status forbids that."""
        raise NotImplementedError

    def stop(self, stream_id: str, trim: Trim | None = None) -> Operation[LiveStream]:
        """Ends it; ``trim`` is given only where TRIM is declared."""
        raise NotImplementedError

    def cancel(self, stream_id: str) -> Operation[LiveStream]:
        """Calls it off before it was on air; ``Conflict`` where its status forbids that."""
        raise NotImplementedError

    def delete(self, stream_id: str) -> Operation[None]:
        """Deletes it, once it is certain that the id is a live stream's."""
        raise NotImplementedError

    def parse_stream(self, payload: Any) -> LiveStream:
        """Reads a payload of the vendor's. ``raw`` is the payload."""
        raise NotImplementedError

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> Event:
        """Verifies a delivery, then reads it. Header names are compared without regard to case;
        ``secret`` is never empty. ``WebhookRejected`` if it cannot be verified.
        """
        raise NotImplementedError

    def sign_in(self, previous: Session | None, now: datetime) -> Operation[Session]:
        """Opens a session, or renews ``previous``. Requests made here carry no session."""
        return Session(headers={})

    def sign_out(self, session: Session) -> Operation[None]:
        """Ends a session that was ours; only called where it is overridden."""
        raise NotImplementedError

    def account_id(self) -> str:
        """The account's id: not secret, and the same after credentials were renewed."""
        raise NotImplementedError

    def account(self) -> str:
        """Whose account this is: provider, origin and :meth:`account_id`."""
        return f"{self.name}:{self.origin.partition('://')[2]}:{self.account_id()}"

    # -- what the core asks besides ---------------------------------------------------------

    @classmethod
    def transport(cls, options: Any) -> Transport | None:
        """How requests are sent where ``connect`` is not told: ``None`` is over the network, by
        the connections that all clients of the process share. For a vendor that is inside of the
        process; asked before the adapter is made, with its options.
        """
        return None

    def error_for(self, response: Response) -> LiveStreamError:
        """The error for an answer that is not 2xx; by its status unless overridden."""
        return self.error_by_status(response)

    def is_from_vendor(self, response: Response) -> bool:
        """Return whether an answer has this vendor's form: JSON, unless overridden.

        Something in between, such as a proxy or a captive portal, answers in its own. What it
        says is no proof that a stream is gone, and its web page is no success of a change.
        """
        return response.is_json

    def error_message(self, payload: Any) -> str | None:
        """The vendor's message in the JSON of an error, if there is one."""
        return error_message(payload)

    def id_key(self, stream_id: str) -> str:
        """The id in the spelling by which two ids are compared."""
        return stream_id

    def id_in(self, payload: Any) -> str | None:
        """The stream's id in the answer to a create, read even if nothing else can be."""
        stream_id = payload.get("id") if isinstance(payload, Mapping) else None
        return stream_id if isinstance(stream_id, str) and stream_id else None

    # -- for use in operations --------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        files: Mapping[str, File] | None = None,
        headers: Mapping[str, str] | None = None,
        changes: bool | None = None,
        idempotent: bool | None = None,
        safe_statuses: frozenset[int] = frozenset(),
        **values: str,
    ) -> Request:
        """A request to yield.

        Args:
            method: ``"GET"``, ``"POST"``, ``"PUT"``, ``"PATCH"`` or ``"DELETE"``.
            path: A template such as ``"/v1/streams/{id}"``.
            params: Query parameters; ``None`` is left out.
            json: Body as JSON.
            form: Body as a web form.
            files: Body as multipart.
            headers: Headers of this request alone.
            changes: Whether it changes something at the vendor; by default all but GET do.
            idempotent: Whether it may be sent twice; by default GET, PUT and DELETE may.
            safe_statuses: Answers that prove that nothing was done, so that it may be sent again.
            values: What stands for the names in the path, besides ``path_values``.

        Raises:
            InvalidInput: A value cannot stand in a path; nothing is sent.
        """
        filled = {
            name: values.pop(name) if name in values else self.path_values[name]
            for name in template_names(path)
        }
        if values:
            raise TypeError(f"{', '.join(values)} does not stand in {path}")
        settings: dict[str, Any] = {}
        if changes is not None:
            settings["changes"] = changes
        if idempotent is not None:
            settings["idempotent"] = idempotent
        return Request(
            method=method,
            template=path,
            values=filled,
            params=params,
            json=json,
            form=form,
            files=files,
            headers=headers or {},
            safe_statuses=safe_statuses,
            **settings,
        )

    def post(self, path: str, **request: Any) -> Request:
        """:meth:`request` with POST."""
        return self.request("POST", path, **request)

    def put(self, path: str, **request: Any) -> Request:
        """:meth:`request` with PUT."""
        return self.request("PUT", path, **request)

    def patch(self, path: str, **request: Any) -> Request:
        """:meth:`request` with PATCH."""
        return self.request("PATCH", path, **request)

    def cursor_of(self, link: str, *, under: str) -> str:
        """A vendor's link to the next page as a cursor: path and query, once it is certain that
        it leads to our own origin. ``http`` for ``https`` is let pass: vendors behind a proxy
        write it.

        Args:
            link: The link as the vendor gave it.
            under: The path template that it must begin with, as for :meth:`follow`.

        Raises:
            UnexpectedResponse: It leads elsewhere, or is no link.
        """
        target = link
        if not re.match(r"/(?![/\\])", link):
            # urlsplit drops tabs and line breaks, so they are looked for in the link as it is.
            ours, theirs = origin_of(self.origin), None
            try:
                theirs = origin_of(link)
            except ValueError:
                pass
            authority = re.match(r"https?://([^/?#]*)(.*)", link, re.IGNORECASE | re.DOTALL)
            if theirs is None or authority is None or not _same_origin(ours, theirs, authority[1]):
                raise UnexpectedResponse(
                    "the link to the next page leads to another origin; it was not followed"
                )
            target = authority[2]
        if not self._is_cursor(target, under):
            raise UnexpectedResponse("the link to the next page leads elsewhere: not followed")
        return target

    def follow(self, cursor: str, *, under: str) -> Request:
        """A read of a cursor that :meth:`cursor_of` made.

        Args:
            cursor: Path and query. It may come from outside, so it is checked again.
            under: The path template that it must begin with.

        Raises:
            InvalidInput: The cursor is none of this list's.
        """
        if not self._is_cursor(cursor, under):
            raise InvalidInput("cursor: is not a cursor of this list", field="cursor")
        return Request(method="GET", template=under, link=cursor)

    def _is_cursor(self, target: str, under: str) -> bool:
        values = {name: percent_encoded(self.path_values[name]) for name in template_names(under)}
        return (
            target.startswith(under.format_map(values))
            and compiled(_TARGET).fullmatch(target) is not None
            and compiled(_DOT_SEGMENT).search(target) is None
        )

    def with_options(self, body: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """A request's body with the spec's ``options`` added.

        Raises:
            InvalidInput: An option has the name of a field that the model already has.
        """
        from .._secrets.masked_mapping import plain

        for name in options:
            if name in body:
                raise InvalidInput(
                    f"options: {name} is set by a field of the model", field=f"options.{name}"
                )
        return {**body, **plain(options)}

    def page(
        self,
        items: Sequence[Any],
        parse: Callable[[Any], LiveStream | None] | None = None,
        *,
        next: str | Callable[[], str | None] | None = None,
        total: int | None = None,
    ) -> Page:
        """Make a page of a vendor's entries. One that cannot be read costs no other.

        Args:
            items: The entries as they came.
            parse: Reads one; ``None`` stands for one that is not a live stream. By default
                :meth:`parse_stream`.
            next: A cursor for the next page, or a function that reads it: if it raises
                ``UnexpectedResponse``, the streams of this page are not lost.
            total: How many streams there are on all pages, as the vendor says it. What cannot be
                a number of streams says nothing.
        """
        streams, unreadable = [], []
        parse = parse or self.parse_stream
        for position, item in enumerate(items):
            read = _attempted(parse, item)
            if isinstance(read, _Failed):
                stream_id = _attempted(self.id_in, item)
                known = stream_id if isinstance(stream_id, str) else None
                unreadable.append(Unreadable(read.reason, position, known))
            elif read is not None:
                streams.append(read)
        following = _attempted(next) if callable(next) else next
        if isinstance(following, _Failed):
            unreadable.append(Unreadable(following.reason))
            following = None
        return Page(streams, following, total, unreadable)

    def find(self, stream_id: str) -> Generator[Request, Response, LiveStream | None]:
        """Looks through the whole list for a stream, by :meth:`id_key`; ``None`` if it is not
        there.

        Raises:
            UnexpectedResponse: The list cannot be walked to its end, an entry of it that may be
                this stream cannot be read, or the vendor's total says, twice, that more streams
                exist than were seen.
        """
        wanted = self.id_key(stream_id)
        for _ in range(2):
            pages = Pagination(self.id_key, self.capabilities)
            while pages.has_next:
                page = self.list(Query(cursor=pages.cursor))
                if isinstance(page, Generator):
                    page = yield from page
                for stream in pages.add(page):
                    if self.id_key(stream.id) == wanted:
                        return stream
            if pages.unreadable:
                # It may be one of them.
                raise unreadable_error(
                    [
                        each
                        for each in pages.unreadable
                        if each.id and self.id_key(each.id) == wanted
                    ]
                    or pages.unreadable,
                    (),
                )
            if not pages.is_mismatched:
                return None
        raise UnexpectedResponse(
            "the list is incomplete: it does not hold as many streams as it says"
        )

    def error_by_status(self, response: Response) -> LiveStreamError:
        """The usual error for an answer that is not 2xx, with the vendor's message."""
        status = response.status
        payload = response.json() if response.is_json else None
        message = self.error_message(payload) or " ".join(response.text[:200].split())
        kind = error_class(self, status)
        text = f"HTTP {status}" + (f": {message}" if message else "")
        if kind is RateLimited:
            error: LiveStreamError = RateLimited(
                text, retry_after=retry_after(response, self.clock())
            )
        elif kind is ProviderUnavailable:
            error = ProviderUnavailable(text, retry_after=retry_after(response, self.clock()))
        elif kind is Rejected:
            error = Rejected(text, fields=field_errors(payload))
        elif 300 <= status < 400:
            error = UnexpectedResponse(f"the vendor redirected ({status}); it was not followed")
        else:
            error = kind(text)
        if kind is AuthenticationFailed:
            error.hint = clock_hint(response, self.clock()) or error.hint
        if status == 408:
            error.retryable = True
        return error


check_methods(Adapter)

_TARGET = r"/(?![/\\])[!-~]*"
_DOT_SEGMENT = r"(?i)/(?:\.|%2e){1,2}(?:[/?#]|$)"


_IN_RESPONSE = rf" in {THE_RESPONSE}\Z"


class _Failed(NamedTuple):
    reason: str


def _attempted(read: Callable[P, T], *args: P.args, **settings: P.kwargs) -> T | _Failed:
    """Call a function, and return its result or the reason why it failed."""
    try:
        return read(*args, **settings)
    except LiveStreamError as error:
        message = error.message
    except BUGS as raised:
        if is_of_signal_handler(raised):
            raise
        message = f"it could not be read ({place_of(raised)})"
    return _Failed(compiled(THE_RESPONSE).sub("it", compiled(_IN_RESPONSE).sub("", message)))


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _same_origin(ours: tuple[str, str, int], theirs: tuple[str, str, int], authority: str) -> bool:
    if "@" in authority or ours[1] != theirs[1]:
        return False
    return not re.search(r":\d+$", authority) or ours[2] == theirs[2]


_ERROR_BY_STATUS: dict[int, type[LiveStreamError]] = {
    401: AuthenticationFailed,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}


def in_process_origin(adapter: type[Adapter]) -> dict[str, Any]:
    """The option for an emulator in process, where an adapter has no origin of its own because
    everybody hosts the vendor's software themselves. Nothing is sent to it.
    """
    needed = attrs.fields_dict(adapter.Options)["base_url"].default is attrs.NOTHING
    return {"base_url": "http://127.0.0.1"} if needed else {}


def error_class(adapter: Adapter | type[Adapter], status: int) -> type[LiveStreamError]:
    """The class of error that a status means to this vendor."""
    if status in adapter.errors:
        return adapter.errors[status]
    if status in _ERROR_BY_STATUS:
        return _ERROR_BY_STATUS[status]
    if 400 <= status < 500:
        return Rejected
    if 500 <= status < 600:
        return ProviderUnavailable
    return UnexpectedResponse


def retry_after(response: Response, now: datetime) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, at most a day. It has seconds, an
    HTTP date or, as some vendors write it, a Unix time; ``None`` if it has none of them.
    """
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        seconds = float(value)
        if seconds >= UNIX_TIME_FROM:  # nobody asks for 31 years
            seconds -= now.timestamp()
    elif (at := _http_date(value)) is not None:
        seconds = (at - now).total_seconds()
    else:
        return None
    return limit_retry_after(max(seconds, 0.0))


def _http_date(value: str) -> datetime | None:
    if not value:
        return None
    from email.utils import parsedate_to_datetime

    try:
        at = parsedate_to_datetime(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


#: Clocks that differ by no more than this, in seconds, refuse no credential.
_CLOCK_TOLERANCE = 60


def clock_hint(response: Response, now: datetime) -> str | None:
    """Return what to do about this machine's clock, if it differs from the vendor's by so much that
    a token which is signed or renewed by it may be refused.
    """
    theirs = _http_date(response.headers.get("date", ""))
    if theirs is None:
        return None
    behind = round((theirs - now).total_seconds())
    if abs(behind) <= _CLOCK_TOLERANCE:
        return None
    return (
        f"this machine's clock differs from the vendor's by {timedelta(seconds=abs(behind))} "
        f"(it is {'behind' if behind > 0 else 'ahead'}); set it, then check the credentials"
    )


_MESSAGE_PATHS = (
    ("detail",),
    (),
    ("error",),
    ("error", "message"),
    ("error", "reason"),
    ("reason",),
    ("message",),
)


def error_message(payload: Any) -> str | None:
    """The message in an error's JSON: ``detail``, the first field error, ``error`` if it is text,
    ``error.message``, ``error.reason``, ``reason``, ``message``.
    """
    if isinstance(payload, str):
        return payload
    if not isinstance(payload, Mapping):
        return None
    for path in _MESSAGE_PATHS:
        value: Any = payload
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if not path:
            value = next(
                (f"{name}: {texts[0]}" for name, texts in field_errors(payload).items()), ""
            )
        if isinstance(value, str) and value.strip():
            return value
    return None


#: More fields than anybody reads.
MOST_FIELDS = 100


def field_errors(payload: Any) -> dict[str, tuple[str, ...]]:
    """Messages by field, where the JSON of an error has lists of strings under names: of the first
    hundred such fields.
    """
    if not isinstance(payload, Mapping):
        return {}
    fields = (
        (str(name), tuple(texts))
        for name, texts in payload.items()
        if isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts)
    )
    return dict(islice(fields, MOST_FIELDS))
