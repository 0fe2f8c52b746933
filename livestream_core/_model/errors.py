"""The error classes. An error says what happened, to which stream, and if the change applied."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypedDict, Unpack

from .operations import OPERATION_TABLE
from .status import Status

if TYPE_CHECKING:
    from .stream import LiveStream

#: Operations that change something at the vendor. An error of one says whether it was applied.
CHANGING_OPERATIONS = frozenset(each.name for each in OPERATION_TABLE.values() if each.changes)

_APPLIED_TEXT = {
    False: "nothing was changed",
    True: "the change was applied",
    None: "the change may or may not have been applied",
}
_UNKNOWN_TEXT = {
    "create": "the stream may or may not have been created",
    "register_webhook": "the webhook may or may not have been registered",
    "delete_webhook": "the webhook may or may not have been deleted",
}
#: How to find out what became of a change, if not by a read of the stream.
_LOOK = {
    "create": "list your streams",
    "register_webhook": "list the webhooks",
    "delete_webhook": "list the webhooks",
}

#: The longest ``retry_after``, in seconds. A longer wait is shortened to this.
MAX_RETRY_AFTER = 86_400.0


def applied_text(operation: str | None, applied: bool | None) -> str:
    """Return the sentence that says whether an operation's change was applied."""
    if operation in _UNKNOWN_TEXT and applied is None:
        return _UNKNOWN_TEXT[operation]
    return _APPLIED_TEXT[applied]


def unknown_hint(operation: str) -> str:
    """Return what to do after a change of which nothing says whether it was applied."""
    return f"{_LOOK.get(operation, 'read the stream')} before you retry"


def limit_retry_after(value: float | None) -> float | None:
    """Return a wait that a vendor asks for, limited to one day.

    Returns:
        The seconds, or ``None`` if the value is not a wait, such as a negative number or NaN.
    """
    if value is None or not value >= 0:
        return None
    return float(min(value, MAX_RETRY_AFTER))


class _Context(TypedDict, total=False):
    """The keyword arguments of every error; see :class:`LiveStreamError`."""

    provider: str | None
    account: str | None
    operation: str | None
    stream_id: str | None
    applied: bool | None
    retryable: bool | None
    http_status: int | None
    request_id: str | None
    body: str | None
    hint: str | None


class LiveStreamError(Exception):
    """The base class of every error that this library raises.

    To build one, only ``message`` is required. The client fills in the rest.

    Every error can be pickled. It can also be rebuilt from its ``args`` alone, which task queues
    that store results as JSON rely on: ``type(error)(*error.args)`` has the same class,
    attributes, and text. ``args`` holds the message and a dict of plain JSON values. A stream in
    ``args`` has no secrets; a stream in a pickle has them.

    Attributes:
        message: What happened, in one line, without the context that ``str()`` adds.
        provider: The provider's name, or ``None`` outside of a client.
        account: The account: provider, origin, and the account ID, which is not secret.
        operation: The client's method: ``"create"``, ``"stop"``, ...
        stream_id: The ID of the stream, if known.
        applied: Whether the change was applied: ``True``, ``False``, or ``None`` for unknown, as
            in an error that was built from a message alone. ``False`` for reads, and for errors
            that are raised only before anything is sent.
        retryable: Whether you may repeat the same call later: the cause is temporary, and a
            retry cannot apply the change twice.
        http_status: The HTTP status code of the vendor's response, if there was one.
        request_id: The vendor's ID of the request, from the response headers.
        body: The body of the response as text, shortened and masked.
        hint: What to do next.
    """

    #: Whether the cause may disappear without any action.
    temporary: ClassVar[bool] = False
    default_hint: ClassVar[str | None] = None

    message: str
    provider: str | None = None
    account: str | None = None
    operation: str | None = None
    stream_id: str | None = None
    applied: bool | None = None
    retryable: bool = False
    http_status: int | None = None
    request_id: str | None = None
    body: str | None = None
    hint: str | None = None

    def __init__(
        self,
        message: str = "",
        data: Mapping[str, Any] | None = None,
        **context: Unpack[_Context],
    ) -> None:
        # No arguments: the message as it was before masking must not be kept.
        super().__init__()
        self.message = message
        for name, value in context.items():
            if name not in _Context.__annotations__:
                raise TypeError(f"{type(self).__name__} has no argument {name!r}")
            # An omitted attribute stays unset, so that the engine knows to fill it in.
            if value is not None or name == "applied":
                setattr(self, name, value)
        if self.hint is None and (hint := self._initial_hint()) is not None:
            self.hint = hint
        if data is not None:
            self._restore(data)

    def _initial_hint(self) -> str | None:
        return self.default_hint

    @property
    def args(self) -> tuple[Any, ...]:
        """The message, and all attributes as plain JSON values."""
        return self.message, {
            name: _plain(value)
            for name, value in vars(self).items()
            if name != "message" and not name.startswith("_")
        }

    @args.setter
    def args(self, args: tuple[Any, ...]) -> None:
        self.message = str(args[0]) if args else ""

    def to_dict(self) -> dict[str, Any]:
        """Return the error as plain JSON values, with the name of its class as ``type``.

        Secrets of a stream are left out.
        """
        message, data = self.args
        return {"type": type(self).__name__, "message": message, **data}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, strict: bool = False) -> LiveStreamError:
        """Rebuild an error from the data that :meth:`to_dict` returned.

        The data may come from a newer version of this library.

        Args:
            data: The data.
            strict: Whether to reject an unknown ``type`` or attribute. By default, an unknown
                ``type`` is read as the class that this method is called on, and an unknown
                attribute is ignored.

        Raises:
            InvalidInput: If the data is not that of an error; ``field`` names what is wrong.
        """
        if not isinstance(data, Mapping):
            raise InvalidInput(f"error: expected a mapping, not {type(data).__name__}")
        values = dict(data)
        name, message = values.pop("type", None), values.pop("message", None)
        if not isinstance(name, str) or not isinstance(message, str):
            field = "type" if not isinstance(name, str) else "message"
            raise InvalidInput(f"{field}: expected a string", field=field)
        error_class = next((each for each in _with_subclasses(cls) if each.__name__ == name), None)
        if strict and error_class is None:
            raise InvalidInput(f"type: unknown error class {name[:40]!r}", field="type")
        error = (error_class or cls)(message)
        error._restore(values, strict=strict)
        return error

    def _restore(self, data: Mapping[str, Any], *, strict: bool = False) -> None:
        if not isinstance(data, Mapping):
            raise TypeError(f"the data of an error must be a mapping, not {type(data).__name__}")
        for name, value in data.items():
            if isinstance(name, str) and not name.startswith("_") and name in _attributes_of(self):
                setattr(self, name, READERS[name](name, value) if name in READERS else value)
            elif strict:
                raise InvalidInput(
                    f"{str(name)[:40]}: not an attribute of {type(self).__name__}",
                    field=str(name)[:40],
                )

    def __reduce__(self) -> tuple[Any, ...]:
        # The form that exceptions use by default, which earlier versions can read.
        return type(self), (self.message,), vars(self).copy()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r})"

    def __copy__(self) -> Self:
        # Libraries that pickle tracebacks (such as Dask's) make copy.copy() share the dict of the
        # original with the copy.
        copied = type(self).__new__(type(self))
        vars(copied).update(vars(self))
        return copied

    def __str__(self) -> str:
        where = " ".join(
            part
            for part in (self.provider, self.operation, self.stream_id and repr(self.stream_id))
            if part
        )
        parts = [f"{where}: {self.message}" if where else self.message]
        if self.operation in CHANGING_OPERATIONS or may_have_changed(self):
            parts.append(applied_text(self.operation, self.applied))
        if self.hint:
            parts.append(self.hint)
        if len(parts) > 1:
            parts[0] = parts[0].removesuffix(".")  # vendors' messages are often sentences
        return "; ".join(parts)


class ConfigurationError(LiveStreamError):
    """The options, the environment, or the installation is wrong. Fix it before you retry."""

    applied: bool | None = False


class InvalidInput(LiveStreamError):
    """A value from the caller is not valid. Nothing was sent.

    Attributes:
        field: The name of the argument or field that is not valid.
        value_of: The name of the model class that has the field, if there is one.
    """

    applied: bool | None = False

    def __init__(
        self,
        message: str = "",
        data: Mapping[str, Any] | None = None,
        *,
        field: str | None = None,
        **context: Unpack[_Context],
    ) -> None:
        self.field = field
        self.value_of: str | None = None
        super().__init__(message, data, **context)


class Unsupported(LiveStreamError):
    """The provider does not support the request. Nothing was sent.

    Attributes:
        features: The names of the unsupported features, fields, filters, or statuses.
    """

    applied: bool | None = False

    def __init__(
        self,
        message: str = "",
        data: Mapping[str, Any] | None = None,
        *,
        features: tuple[str, ...] = (),
        **context: Unpack[_Context],
    ) -> None:
        self.features: tuple[str, ...] = tuple(features)
        super().__init__(message, data, **context)


class AuthenticationFailed(LiveStreamError):
    """The vendor refused the credentials (HTTP 401, or a refused sign-in)."""

    default_hint: ClassVar[str | None] = "check the credentials"


class PermissionDenied(LiveStreamError):
    """The credentials are valid, but the account lacks a permission (HTTP 403)."""

    default_hint: ClassVar[str | None] = "grant the account this permission, then retry"


class NotFound(LiveStreamError):
    """The live stream does not exist (HTTP 404), or the ID belongs to something else."""


class Conflict(LiveStreamError):
    """The stream's status does not allow the operation (HTTP 409).

    Attributes:
        status: The stream's status, if known.
    """

    def __init__(
        self,
        message: str = "",
        data: Mapping[str, Any] | None = None,
        *,
        status: Status | None = None,
        **context: Unpack[_Context],
    ) -> None:
        self.status = status
        super().__init__(message, data, **context)


class Rejected(LiveStreamError):
    """The vendor refused the request as invalid (HTTP 400, 422, and other 4xx).

    Attributes:
        fields: The vendor's messages by field name, masked.
    """

    def __init__(
        self,
        message: str = "",
        data: Mapping[str, Any] | None = None,
        *,
        fields: Mapping[str, tuple[str, ...]] | None = None,
        **context: Unpack[_Context],
    ) -> None:
        self.fields: dict[str, tuple[str, ...]] = {
            name: tuple(texts) for name, texts in (fields or {}).items()
        }
        super().__init__(message, data, **context)


class WithRetryAfter(LiveStreamError):
    """An error for which the vendor may specify how long to wait.

    Attributes:
        retry_after: The seconds to wait before a retry, if the vendor specified it. At most a day.
    """

    temporary = True

    def __init__(
        self,
        message: str = "",
        data: Mapping[str, Any] | None = None,
        *,
        retry_after: float | None = None,
        **context: Unpack[_Context],
    ) -> None:
        self.retry_after: float | None = limit_retry_after(retry_after)
        super().__init__(message, data, **context)

    def _initial_hint(self) -> str | None:
        return "retry later" if self.retry_after is None else f"retry in {self.retry_after:.0f} s"


class RateLimited(WithRetryAfter):
    """The vendor received too many requests (HTTP 429).

    Attributes:
        retry_after: The seconds to wait before a retry, if the vendor specified it. At most a day.
    """


class ProviderUnavailable(WithRetryAfter):
    """The vendor is temporarily unavailable (HTTP 5xx).

    Attributes:
        retry_after: The seconds to wait before a retry, if the vendor specified it. At most a day.
    """


class UnexpectedResponse(LiveStreamError):
    """The response is not what the vendor documents.

    For example, it is not JSON, a field is missing or has the wrong type, it is a redirect, its
    body was cut off or is too large, or a list could not be read to its end.

    Attributes:
        streams: The streams that could be read, if a list has entries that could not; see
            :meth:`Client.list`.
    """

    default_hint: ClassVar[str | None] = (
        "the vendor's API may have changed; check for a newer version of the adapter"
    )

    def __init__(
        self,
        message: str = "",
        data: Mapping[str, Any] | None = None,
        *,
        streams: Iterable[LiveStream] = (),
        **context: Unpack[_Context],
    ) -> None:
        self.streams: tuple[LiveStream, ...] = tuple(streams)
        super().__init__(message, data, **context)


class ConnectionFailed(LiveStreamError):
    """No network connection could be made, or it was lost before the vendor responded."""

    temporary = True
    default_hint: ClassVar[str | None] = "check the network, then retry"


class RequestTimeout(LiveStreamError):
    """The vendor did not respond in time."""

    temporary = True
    default_hint: ClassVar[str | None] = "retry later"


class _WithStream(LiveStreamError):
    """An error of ``wait``. ``stream`` is the stream as last read, or ``None``."""

    def __init__(
        self,
        message: str = "",
        data: Mapping[str, Any] | None = None,
        *,
        stream: LiveStream | None = None,
        **context: Unpack[_Context],
    ) -> None:
        self.stream = stream
        super().__init__(message, data, **context)


class WaitFailed(_WithStream):
    """The stream can no longer become what ``wait`` was waiting for.

    Attributes:
        stream: The stream as last read.
    """


class StreamFailed(WaitFailed):
    """The stream has failed while ``wait`` was waiting for it."""


class WaitTimeout(_WithStream):
    """The timeout of ``wait`` expired.

    Attributes:
        stream: The stream as last read, or ``None`` if it could never be read.
    """

    temporary = True


class WebhookRejected(LiveStreamError):
    """A webhook delivery could not be verified. Do not act on it."""

    applied: bool | None = False


def may_have_changed(error: LiveStreamError) -> bool:
    """Return whether the operation that ended in this error changed or may have changed something.

    An error without ``applied`` was never part of an operation.
    """
    return vars(error).get("applied", False) is not False


def _with_subclasses(error_class: type[LiveStreamError]) -> list[type[LiveStreamError]]:
    """Return an error class and all classes that derive from it, also outside of this library."""
    found = [error_class]
    for each in found:
        found += each.__subclasses__()
    return found


def _attributes_of(error: LiveStreamError) -> set[str]:
    """Return the names of an error's attributes, whether they are set or not."""
    return _Context.__annotations__.keys() | vars(error).keys()


def _plain(value: Any) -> Any:
    """Convert the value of an attribute to JSON values."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return str(value)


# -- reading the values back (attributes that other libraries add are not checked) --------------


def _instance_of(*types: type) -> Callable[[str, Any], Any]:
    def read(name: str, value: Any) -> Any:
        if value is None or type(value) in types:
            return value
        raise InvalidInput(f"{name}: expected {types[0].__name__}", field=name)

    return read


_text = _instance_of(str)
_list = _instance_of(list, tuple)
_object = _instance_of(dict)


def _flag(name: str, value: Any) -> bool:
    return bool(_instance_of(bool)(name, value))


def _texts(name: str, value: Any) -> tuple[str, ...]:
    return tuple(str(_text(name, each)) for each in _list(name, value) or ())


def _text_lists(name: str, value: Any) -> dict[str, tuple[str, ...]]:
    return {key: _texts(name, each) for key, each in (_object(name, value) or {}).items()}


def _status_word(name: str, value: Any) -> Status | None:
    word = _text(name, value)
    return None if word is None else Status(word) if word in set(Status) else Status.UNKNOWN


READERS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys((*_Context.__annotations__, "field", "value_of"), _text),
    "applied": _instance_of(bool),
    "features": _texts,
    "fields": _text_lists,
    "http_status": _instance_of(int),
    "retry_after": lambda name, value: limit_retry_after(_instance_of(float, int)(name, value)),
    "retryable": _flag,
    "status": _status_word,
    # "stream" and "streams" are added by the model, which imports this module
}
