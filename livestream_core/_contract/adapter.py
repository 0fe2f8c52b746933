"""The base class of adapters: one subclass per vendor, without I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    NamedTuple,
    ParamSpec,
    TypeAlias,
    TypeGuard,
    TypeVar,
)
from weakref import WeakKeyDictionary

import attrs

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
from .._model.fields import Pickled
from .._model.log import logger
from .._model.operations import OPERATION_TABLE, check_methods
from .._model.stream import Event, LiveStream, Recording, StreamSpec, Webhook
from .._model.trim import UNIX_TIME_FROM, Trim
from .._model.urls import origin_of, percent_encoded
from .._secrets.secret import Secret
from .._secrets.spellings import compiled
from .capabilities import PART_OF, Capabilities
from .foreign import BUGS, is_of_signal_handler, place_of
from .json_fields import THE_RESPONSE
from .options import Options as _Options
from .options import origins_at, read_origin
from .pagination import Page, Pagination, Query, Unreadable, unreadable_error
from .request import File, Params, Request, WireRequest, template_names
from .response import Response
from .session import Session

if TYPE_CHECKING:
    from .transport import Transport

A = TypeVar("A")
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

#: An operation: a generator of requests, or, if no request is needed, the value itself.
Operation: TypeAlias = T | Generator[Request, Response, T]

#: The version of the adapter interface. An adapter declares the version that it was written for in
#: :attr:`AdapterInfo.api_version`.
API_VERSION = 1

#: Options cannot have these names: they are arguments of ``connect()``.
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


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False)
class AdapterInfo(Pickled):
    """The facts about an adapter that are known before it is loaded.

    Attributes:
        name: The provider's name, as passed to ``connect``.
        title: The vendor's name for display.
        factory: The adapter class, or ``"module:Class"``.
        emulator: The emulator class, or ``"module:Class"``, or ``None`` if there is none.
        api_version: The version of the adapter interface that the adapter was written for.
        distribution: The name of the distribution that contains it.
        version: The version of the distribution.
        problem: Why the adapter cannot be used, if that is known without loading it.
        deprecated: Why the provider should not be used any more, and what replaces it. The first
            client of a process then causes a ``DeprecationWarning``.
    """

    name: str
    title: str = ""
    factory: str | Callable[..., Adapter] = ""
    emulator: str | Callable[..., Any] | None = None
    api_version: int = API_VERSION
    distribution: str | None = None
    version: str | None = None
    problem: str | None = None
    deprecated: str | None = None


class Adapter:
    """The base class for adapters. A subclass implements one vendor, and never does I/O.

    A subclass sets ``name``, ``Options``, and ``capabilities``, and implements the operations that
    it declares. Each operation is either a generator that yields :class:`Request` objects, is
    resumed with a :class:`Response` whose status is 2xx, and returns the result, or a plain method
    that returns the result directly. For any other response, and if there is none, the error is
    thrown in at the ``yield``. The core retries, signs in, enforces time limits, determines
    ``applied``, masks secrets, and adds the context to errors. An adapter does none of that. It
    raises only errors of this library.

    Attributes:
        name: The provider's name.
        Options: The class of its options.
        capabilities: Its capabilities. The class is checked against them when it is defined.
        errors: Error classes for HTTP statuses that the vendor uses differently.
        secret_patterns: Regular expressions for stream keys and other secrets of the vendor.
            Their matches are masked in all output.
        is_lenient: Whether an unreadable value affects only its own field, and an unreadable entry
            no other entry; the conformance kit then tests it. Lenient :class:`Fields` and
            :meth:`page` have this effect.
        receives_forms: Whether webhook deliveries are web forms, and not JSON.
        options: The options of this client.
        origin: The vendor's origin.
            Defaults to ``origin``. Set it in ``__init__`` from an option that is declared with
            ``option(origin=True)``.
        path_values: The values of the names that all paths share, such as an organization.
        clock: A function that returns the current instant, in UTC.
    """

    name: ClassVar[str]
    Options: ClassVar[type[_Options]] = _Options
    capabilities: ClassVar[Capabilities]
    errors: ClassVar[Mapping[int, type[LiveStreamError]]] = {}
    secret_patterns: ClassVar[tuple[str, ...]] = ()
    is_lenient: ClassVar[bool] = False
    receives_forms: ClassVar[bool] = False

    options: Any
    origin: str
    path_values: Mapping[str, str]
    clock: Callable[[], datetime]
    _sign_in_origin: str | None = None

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
            raise TypeError(f"{cls.__name__} must set name")
        if taken := ARGUMENTS_OF_CONNECT.intersection(attrs.fields_dict(cls.Options)):
            raise TypeError(
                f"{cls.__name__}: {', '.join(sorted(taken))} cannot be an option, because "
                "connect() has an argument of that name"
            )
        for method, operation in OPERATION_TABLE.items():
            feature = operation.feature
            overridden = getattr(cls, method) is not getattr(Adapter, method)
            if capabilities.supports(feature) and not overridden:
                raise TypeError(f"{cls.__name__} declares {feature} but has no method {method}()")
            if overridden and not capabilities.supports(feature):
                raise TypeError(f"{cls.__name__} has {method}() but does not declare {feature}")
        for part, operation_feature in PART_OF.items():
            if capabilities.supports(part) and not capabilities.supports(operation_feature):
                raise TypeError(f"{cls.__name__} declares {part} without {operation_feature}")

    @property
    def sign_in_origin(self) -> str:
        """The origin that receives the requests of :meth:`sign_in`."""
        return self._sign_in_origin or self.origin

    @sign_in_origin.setter
    def sign_in_origin(self, url: str) -> None:
        self._sign_in_origin = read_origin(url)

    # -- operations -------------------------------------------------------------------------

    def create(self, spec: StreamSpec) -> Operation[LiveStream]:
        """Create a stream.

        The spec contains only what the adapter declares. An error that is raised after the vendor
        created the stream should carry its ``stream_id``.
        """
        raise NotImplementedError

    def get(self, stream_id: str) -> Operation[LiveStream]:
        """Return one stream, or raise ``NotFound`` if the ID is not that of a live stream."""
        raise NotImplementedError

    def list(self, query: Query) -> Operation[Page]:
        """Return one page of streams.

        Send only filters that the vendor compares exactly. The core applies all filters again.
        """
        raise NotImplementedError

    def update(self, stream_id: str, changes: Mapping[str, Any]) -> Operation[LiveStream]:
        """Change the fields of a stream.

        The names and types are those of :class:`StreamSpec`. ``None`` clears a field.
        """
        raise NotImplementedError

    def start(self, stream_id: str) -> Operation[LiveStream]:
        """Start a stream, or raise ``Conflict`` if its status does not allow it."""
        raise NotImplementedError

    def reset_key(self, stream_id: str) -> Operation[LiveStream]:
        """Replace a stream's key, and return the stream with its new key.

        The old key stops working. If the vendor only deletes and adds keys, add the new one first:
        an error in between then leaves a stream that can be used.
        """
        raise NotImplementedError

    def disable(self, stream_id: str) -> Operation[LiveStream]:
        """Disable a stream, and return it as the vendor shows it after the change.

        The vendor then refuses encoders, and disconnects one that is connected.
        """
        raise NotImplementedError

    def enable(self, stream_id: str) -> Operation[LiveStream]:
        """Enable a disabled stream, and return it as the vendor shows it after the change."""
        raise NotImplementedError

    def recordings(self, stream_id: str) -> Operation[tuple[Recording, ...]]:
        """Return all recordings of a stream, in the vendor's order."""
        raise NotImplementedError

    def stop(self, stream_id: str, trim: Trim | None = None) -> Operation[LiveStream]:
        """Stop a stream. ``trim`` is passed only if the adapter declares TRIM."""
        raise NotImplementedError

    def cancel(self, stream_id: str) -> Operation[LiveStream]:
        """Cancel a stream before it goes live, or raise ``Conflict`` if its status forbids it."""
        raise NotImplementedError

    def delete(self, stream_id: str) -> Operation[None]:
        """Delete a stream, after making sure that the ID is that of a live stream."""
        raise NotImplementedError

    def parse_stream(self, payload: Any) -> LiveStream:
        """Convert a payload of the vendor to a stream, with the payload as its ``raw``."""
        raise NotImplementedError

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> Event:
        """Verify and parse a webhook delivery.

        Header names are not case-sensitive, and ``secret`` is never empty. It is the vendor's key
        if :meth:`webhook_key` is overridden.

        Raises:
            WebhookRejected: If the delivery cannot be verified.
        """
        raise NotImplementedError

    def webhooks(self) -> Operation[tuple[Webhook, ...]]:
        """Return all webhooks of the account, in the vendor's order."""
        raise NotImplementedError

    def register_webhook(self, url: str, secret: Secret) -> Operation[Webhook]:
        """Register a URL for deliveries about all streams, and return the webhook.

        If the vendor chooses the secret itself, return its secret instead of ``secret``.
        """
        raise NotImplementedError

    def delete_webhook(self, webhook_id: str) -> Operation[None]:
        """Delete a webhook, or raise ``NotFound`` if the account has none with this ID."""
        raise NotImplementedError

    def webhook_key(self) -> Operation[str]:
        """Return the key that the vendor publishes, and with which :meth:`parse_webhook` verifies.

        For a vendor that signs with a private key, instead of a secret of each account. Called only
        if it is overridden. Its requests carry no session, and the core keeps its result.
        """
        raise NotImplementedError

    def sign_in(self, previous: Session | None, now: datetime) -> Operation[Session]:
        """Open a session, or renew ``previous``. The requests of this method carry no session."""
        return Session(headers={})

    def sign_out(self, session: Session) -> Operation[None]:
        """End a session whose ``ours`` is true. Called only if the method is overridden."""
        raise NotImplementedError

    def account_id(self) -> str:
        """Return the account's ID: not secret, and unchanged when credentials are renewed."""
        raise NotImplementedError

    def account(self) -> str:
        """Return the account: provider, origin, and :meth:`account_id`."""
        return f"{self.name}:{self.origin.partition('://')[2]}:{self.account_id()}"

    # -- other methods that the core calls --------------------------------------------------

    @classmethod
    def transport(cls, options: Any) -> Transport | None:
        """Return the default transport, for a vendor that runs inside the process.

        ``None`` means the network, with the network connections that all clients of the process
        share. The core calls this method with the options, before it creates the adapter.
        """
        return None

    def error_for(self, response: Response) -> LiveStreamError:
        """Return the error for a response that is not 2xx. By default, its status decides."""
        return self.error_by_status(response)

    def is_error(self, response: Response) -> int | bool:
        """Return whether a 2xx response is an error, for a vendor that reports errors that way.

        Called for each 2xx, but only if it is overridden. The response is then handled as one with
        the status that this method returns: error class, retries, and ``applied``.

        Returns:
            ``False`` for success; the HTTP status that the response stands for; or ``True`` if
            that is unknown, like a 500: the change may have been applied.
        """
        return False

    def sign(self, wire: WireRequest, session: Session | None, now: datetime) -> Mapping[str, str]:
        """Return the headers that sign a request.

        Called for each attempt, and for requests of a sign-in too, but only if it is overridden.
        The headers are secrets, and replace others of the same name.

        Args:
            wire: The request as it is sent.
            session: The session, or ``None`` while signing in.
            now: The time of this attempt, in UTC.
        """
        raise NotImplementedError

    def retry_after(self, response: Response) -> float | None:
        """Return the seconds that the vendor asks to wait before a retry, or ``None``.

        By default, they are read from the ``Retry-After`` header. Values that are not a wait are
        ignored, and a wait of more than a day is shortened to a day.
        """
        return retry_after(response, self.clock())

    def is_from_vendor(self, response: Response) -> bool:
        """Return whether a response has the form of this vendor's API. By default, that is JSON.

        A proxy or a captive portal in between sends its own responses. They do not prove that a
        stream does not exist, and their web pages do not prove that a change succeeded.
        """
        return response.is_json

    def error_message(self, payload: Any) -> str | None:
        """Return the vendor's message in the JSON of an error, or ``None``."""
        return error_message(payload)

    def id_key(self, stream_id: str) -> str:
        """Return the normal form of an ID, by which two IDs are compared."""
        return stream_id

    def id_in(self, payload: Any) -> str | None:
        """Return the stream's ID in the response to a create, even if the rest is unreadable."""
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
        """Return a request for an operation to yield.

        Args:
            method: ``"GET"``, ``"POST"``, ``"PUT"``, ``"PATCH"``, or ``"DELETE"``.
            path: A template such as ``"/v1/streams/{id}"``.
            params: The query parameters. ``None`` is left out.
            json: The body as JSON.
            form: The body as a web form.
            files: The body as multipart.
            headers: Headers for this request only.
            changes: Whether the request changes something at the vendor. Defaults to true for all
                methods except GET.
            idempotent: Whether the request may be sent twice. Defaults to true for GET, PUT, and
                DELETE.
            safe_statuses: Statuses that prove that nothing was changed, so that the request may be
                sent again.
            values: The values of the names in the path, in addition to ``path_values``.

        Raises:
            InvalidInput: If a value cannot be part of a path. Nothing is sent.
        """
        filled = {
            name: values.pop(name) if name in values else self.path_values[name]
            for name in template_names(path)
        }
        if values:
            raise TypeError(f"{', '.join(values)}: not in the path template {path}")
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
        """Return a POST request; see :meth:`request`."""
        return self.request("POST", path, **request)

    def put(self, path: str, **request: Any) -> Request:
        """Return a PUT request; see :meth:`request`."""
        return self.request("PUT", path, **request)

    def patch(self, path: str, **request: Any) -> Request:
        """Return a PATCH request; see :meth:`request`."""
        return self.request("PATCH", path, **request)

    def cursor_of(self, link: str, *, under: str) -> str:
        """Convert a vendor's link to the next page to a cursor, which is its path and query.

        The link must lead to the origin of this adapter. ``http`` instead of ``https`` is accepted,
        because vendors behind a proxy return such links.

        Args:
            link: The vendor's link, unchanged.
            under: The path template that it must begin with, as for :meth:`follow`.

        Raises:
            UnexpectedResponse: If the link leads elsewhere, or is not a link.
        """
        target = link
        if not re.match(r"/(?![/\\])", link):
            # urlsplit drops tabs and line breaks, so the unchanged link is checked for them.
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
            raise UnexpectedResponse(
                "the link to the next page does not lead to this list; it was not followed"
            )
        return target

    def follow(self, cursor: str, *, under: str) -> Request:
        """Return a GET request for a cursor that :meth:`cursor_of` returned.

        Args:
            cursor: The path and query. It may come from outside, so it is checked again.
            under: The path template that it must begin with.

        Raises:
            InvalidInput: If the cursor does not belong to this list.
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
        """Return the body of a request with the spec's ``options`` added.

        Raises:
            InvalidInput: If an option has the name of a field that the body already contains.
        """
        from .._secrets.masked_mapping import plain

        for name in options:
            if name in body:
                raise InvalidInput(
                    f"options: {name} is already set by a field of the model",
                    field=f"options.{name}",
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
        """Create a page from a vendor's entries. An unreadable entry does not affect the others.

        Args:
            items: The entries, unchanged.
            parse: A function that parses one entry, and returns ``None`` if it is not a live
                stream. Defaults to :meth:`parse_stream`.
            next: The cursor of the next page, or a function that returns it. If the function
                raises ``UnexpectedResponse``, the streams of this page are not lost.
            total: The vendor's total number of streams on all pages. Invalid numbers are ignored.
        """
        streams, unreadable = [], []
        parse = parse or self.parse_stream
        for position, item in enumerate(items):
            read = _attempted(parse, item)
            if isinstance(read, _Failed):
                unreadable.append(Unreadable(read.reason, position, known_id(self, item)))
            elif read is not None:
                streams.append(read)
        cursor = _attempted(next) if callable(next) else next
        if isinstance(cursor, _Failed):
            unreadable.append(Unreadable(cursor.reason))
            cursor = None
        return Page(streams, cursor, total, unreadable)

    def find(self, stream_id: str) -> Generator[Request, Response, LiveStream | None]:
        """Search the complete list for a stream, comparing IDs by :meth:`id_key`.

        Returns:
            The stream, or ``None`` if the list does not contain it.

        Raises:
            UnexpectedResponse: If the list cannot be read to its end, an entry that may be this
                stream cannot be read, or the vendor's total differs, twice, from the number of
                streams that were read.
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
                # The stream may be one of them.
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
            "the list is incomplete: the vendor's total differs from the number of streams in it"
        )

    def error_by_status(self, response: Response) -> LiveStreamError:
        """Return the default error for a response that is not 2xx, with the vendor's message."""
        status = response.status
        payload = response.json() if response.is_json else None
        message = ask(self, self.error_message, payload)
        if not isinstance(message, str) or not message:
            message = " ".join(response.text[:200].split())
        kind = error_class(self, status)
        text = f"HTTP {status}" + (f": {message}" if message else "")
        if kind is RateLimited:
            error: LiveStreamError = RateLimited(text, retry_after=requested_wait(self, response))
        elif kind is ProviderUnavailable:
            error = ProviderUnavailable(text, retry_after=requested_wait(self, response))
        elif kind is Rejected:
            error = Rejected(text, fields=field_errors(payload))
        elif 300 <= status < 400:
            error = UnexpectedResponse(f"the vendor redirected ({status}); it was not followed")
        else:
            error = kind(text)
        if kind is AuthenticationFailed:
            offset = clock_offset(response, self.clock())
            error.hint = clock_text(offset) if is_clock_wrong(offset) else error.hint
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


_FAILURES: tuple[type[Exception], ...] = (LiveStreamError, *BUGS)
#: The methods of each adapter class whose failure is in the log already.
_logged: WeakKeyDictionary[type[Adapter], set[str]] = WeakKeyDictionary()


def log_once(adapter: Adapter, method: str, problem: str) -> None:
    """Log what is wrong with a method of an adapter, once for its class."""
    logged = _logged.setdefault(type(adapter), set())
    if method not in logged:
        logged.add(method)
        logger().error("%s() of %s failed: %s", method, adapter.name, problem)


def ask(adapter: Adapter, method: Callable[[A], R], argument: A) -> R | None:
    """Return what a method of an adapter returns, or ``None`` if it fails.

    For methods that describe a response: the response counts, even if its description fails.
    """
    try:
        return method(argument)
    except _FAILURES as raised:
        if is_of_signal_handler(raised):
            raise
        log_once(adapter, method.__name__, place_of(raised))
    return None


def known_id(adapter: Adapter, payload: Any) -> str | None:
    """Return the stream ID in a payload, even if the rest cannot be read."""
    stream_id = ask(adapter, adapter.id_in, payload)
    return stream_id if isinstance(stream_id, str) and stream_id else None


def requested_wait(adapter: Adapter, response: Response) -> float | None:
    """Return the wait that a response asks for, in seconds, at most one day."""
    seconds = ask(adapter, adapter.retry_after, response)
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        log_once(adapter, "retry_after", f"it returned {type(seconds).__name__}, not a number")
        return None
    return limit_retry_after(seconds)


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
    """Return the options that are origins, for an emulator in this process.

    Without ``base_url`` if it has a default. It has none if every customer hosts the vendor's
    software. Nothing is sent to any of them.
    """
    default: Any = attrs.fields_dict(adapter.Options)["base_url"].default
    needed = default is attrs.NOTHING
    origins = origins_at(adapter.Options, "http://127.0.0.1" if needed else default)
    if not needed:
        del origins["base_url"]
    return origins


def error_class(adapter: Adapter | type[Adapter], status: int) -> type[LiveStreamError]:
    """Return the error class for a status of this vendor."""
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
    """Return the wait that a ``Retry-After`` header asks for, in seconds, at most one day.

    The header may contain seconds, an HTTP date, or, at some vendors, a Unix time.

    Returns:
        The seconds, or ``None`` if the header is missing or has a different form.
    """
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        seconds = float(value)
        if seconds >= UNIX_TIME_FROM:  # a Unix time: a wait is never 31 years
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


#: The difference between two clocks, in seconds, up to which no credentials are refused.
_CLOCK_TOLERANCE = 60


def clock_offset(response: Response, now: datetime) -> float | None:
    """Return the seconds by which the vendor's clock is ahead, or ``None`` if it is unknown."""
    theirs = _http_date(response.headers.get("date", ""))
    if theirs is None or "age" in response.headers:  # a cache has kept the response since then
        return None
    return (theirs - now).total_seconds()


def is_clock_wrong(offset: float | None) -> TypeGuard[float]:
    """Return whether this machine's clock differs too much from the vendor's.

    The vendor may then refuse a token that is signed or renewed by the clock.
    """
    return offset is not None and abs(round(offset)) > _CLOCK_TOLERANCE


def clock_text(offset: float) -> str:
    """Return the sentence that says how wrong this machine's clock is, and what to do."""
    return (
        f"this machine's clock is {timedelta(seconds=abs(round(offset)))} "
        f"{'behind' if offset > 0 else 'ahead of'} the vendor's; "
        "set it, then check the credentials"
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
    """Return the message in the JSON of an error, or ``None``.

    The first of these is used: ``detail``, the first field error, ``error`` if it is text,
    ``error.message``, ``error.reason``, ``reason``, and ``message``.
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


#: The maximum number of fields whose messages are kept.
MAX_FIELDS = 100


def field_errors(payload: Any) -> dict[str, tuple[str, ...]]:
    """Return the messages by field in the JSON of an error, for at most a hundred fields.

    Every value that is a list of strings is taken as the messages of a field.
    """
    if not isinstance(payload, Mapping):
        return {}
    fields = (
        (str(name), tuple(texts))
        for name, texts in payload.items()
        if isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts)
    )
    return dict(islice(fields, MAX_FIELDS))
