"""The error tree. Every error says what happened, to which stream, whether the change happened."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypedDict, Unpack

from .operations import OPERATION_TABLE
from .status import Status

if TYPE_CHECKING:
    from .stream import LiveStream

#: Operations that change something at the vendor: for these an error's text says whether they did.
CHANGING_OPERATIONS = frozenset(each.name for each in OPERATION_TABLE.values() if each.changes)

_APPLIED_TEXT = {
    False: "nothing was changed",
    True: "the change was carried out",
    None: "nobody can tell whether the change was carried out",
}


#: Seconds; no vendor is taken to ask for a longer wait. A longer one counts as this.
LONGEST_ASKED = 86_400.0


def asked_seconds(value: float | None) -> float | None:
    """Return the wait that a vendor asks for, in seconds from 0 to a day; ``None`` for what is no
    wait at all, such as a negative number or NaN.
    """
    if value is None or not value >= 0:
        return None
    return float(min(value, LONGEST_ASKED))


class _Context(TypedDict, total=False):
    """What every error takes by name; see :class:`LiveStreamError`."""

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
    """The root of every error that this library raises.

    Only ``message`` is needed to build one; the driver and the client fill in the rest.

    Every error pickles, and can be rebuilt from its ``args`` alone, as task queues do that keep
    results as JSON: ``type(error)(*error.args)`` is of the same class and has the same
    attributes and text. ``args`` is the message and a dict of plain JSON values. A ``stream``
    in it is without its secrets; a pickle has them.

    Attributes:
        message: What happened, in one line, without the context that ``str()`` adds.
        provider: The provider's name, or ``None`` outside of a client.
        account: Whose account: provider, origin and the non-secret account id.
        operation: The client's method: ``"create"``, ``"stop"``, ...
        stream_id: The stream it happened to, where one is known.
        applied: Whether the change was carried out: ``False`` no, ``True`` yes, ``None`` nobody
            can know, as in an error that was built from a message alone. ``False`` for reads,
            and in errors that are only raised before anything is sent.
        retryable: Whether the same call may be made again later, as it is: the cause is
            temporary and repeating cannot double anything.
        http_status: Status code of the vendor's answer, where there was one.
        request_id: The vendor's id of the request, from the answer's headers.
        body: The answer's body as text, cut and masked.
        hint: What to do, in half a sentence.
    """

    #: Whether the cause may go away by itself.
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
        # No arguments: what the message was before it was masked must not stay behind.
        super().__init__()
        self.message = message
        for name, value in context.items():
            if name not in _Context.__annotations__:
                raise TypeError(f"{type(self).__name__} has no argument {name!r}")
            # What is not given stays unset, so that the driver can tell, and fill it in.
            if value is not None or name == "applied":
                setattr(self, name, value)
        if self.hint is None and (hint := self._usual_hint()) is not None:
            self.hint = hint
        if data is not None:
            self._restore(data)

    def _usual_hint(self) -> str | None:
        return self.default_hint

    @property
    def args(self) -> tuple[Any, ...]:
        """The message, and all else as plain JSON values: what rebuilds this error."""
        return self.message, {
            name: _plain(value)
            for name, value in vars(self).items()
            if name != "message" and not name.startswith("_")
        }

    @args.setter
    def args(self, args: tuple[Any, ...]) -> None:
        self.message = str(args[0]) if args else ""

    def to_dict(self) -> dict[str, Any]:
        """Return everything in it as plain JSON values, the class by its name as ``type``.

        A ``stream`` is without its secrets.
        """
        message, data = self.args
        return {"type": type(self).__name__, "message": message, **data}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, strict: bool = False) -> LiveStreamError:
        """Rebuild an error from what :meth:`to_dict` returned, also in a newer version.

        Args:
            data: What ``to_dict`` returned.
            strict: Refuse an unknown ``type`` or attribute, instead of reading the former as
                the class that this is called on, and ignoring the latter.

        Raises:
            InvalidInput: It is not an error's data; ``field`` says what is wrong.
        """
        if not isinstance(data, Mapping):
            raise InvalidInput(f"error: expected a mapping, not {type(data).__name__}")
        values = dict(data)
        name, message = values.pop("type", None), values.pop("message", None)
        if not isinstance(name, str) or not isinstance(message, str):
            field = "type" if not isinstance(name, str) else "message"
            raise InvalidInput(f"{field}: expected a string", field=field)
        kind = next((each for each in _and_subclasses(cls) if each.__name__ == name), None)
        if strict and kind is None:
            raise InvalidInput(f"type: unknown error {name[:40]!r}", field="type")
        error = (kind or cls)(message)
        error._restore(values, strict=strict)
        return error

    def _restore(self, data: Mapping[str, Any], *, strict: bool = False) -> None:
        if not isinstance(data, Mapping):
            raise TypeError(f"an error's data is a mapping, not {type(data).__name__}")
        for name, value in data.items():
            if isinstance(name, str) and not name.startswith("_") and name in _attributes(self):
                setattr(self, name, READERS[name](name, value) if name in READERS else value)
            elif strict:
                raise InvalidInput(
                    f"{str(name)[:40]}: {type(self).__name__} has no such attribute",
                    field=str(name)[:40],
                )

    def __reduce__(self) -> tuple[Any, ...]:
        # In the form of an exception's own, which versions before read as well.
        return type(self), (self.message,), vars(self).copy()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r})"

    def __copy__(self) -> Self:
        # Libraries that have tracebacks pickled (Dask's does) tell copy.copy() to give an
        # exception the very dict of the one that it is copied from.
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
            parts.append(_APPLIED_TEXT[self.applied])
        if self.hint:
            parts.append(self.hint)
        if len(parts) > 1:
            parts[0] = parts[0].removesuffix(".")  # vendors write sentences
        return "; ".join(parts)


class ConfigurationError(LiveStreamError):
    """Options, environment or installation are wrong: nothing works until that is mended."""

    applied: bool | None = False


class InvalidInput(LiveStreamError):
    """A value from the caller was refused here, before anything was sent.

    Attributes:
        field: The argument or field that is wrong.
        value_of: The class of the model whose field it is, if it is one.
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
    """This provider cannot do that; nothing was sent.

    Attributes:
        features: The names of the features, fields, filters or statuses that it lacks.
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
    """The vendor refused the credentials (401, or a refused sign-in)."""

    default_hint: ClassVar[str | None] = "check the credentials"


class PermissionDenied(LiveStreamError):
    """The credentials are good, but may not do this (403)."""

    default_hint: ClassVar[str | None] = "the account lacks a permission for this"


class NotFound(LiveStreamError):
    """There is no such live stream (404), or the id is that of something else."""


class Conflict(LiveStreamError):
    """The stream's status forbids it (409).

    Attributes:
        status: The status that forbids it, where it is known.
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
    """The vendor refused the request as wrong (400, 422 and other 4xx).

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


class _WithRetryAfter(LiveStreamError):
    """An error after which the vendor may say how long to wait.

    Attributes:
        retry_after: Seconds to wait before the next try, where the vendor said so; at most a day.
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
        self.retry_after: float | None = asked_seconds(retry_after)
        super().__init__(message, data, **context)

    def _usual_hint(self) -> str | None:
        return "try later" if self.retry_after is None else f"try again in {self.retry_after:.0f} s"


class RateLimited(_WithRetryAfter):
    """Too many requests (429).

    Attributes:
        retry_after: Seconds to wait before the next try, where the vendor said so; at most a day.
    """


class ProviderUnavailable(_WithRetryAfter):
    """The vendor answered that it cannot serve now (5xx).

    Attributes:
        retry_after: Seconds to wait before the next try, where the vendor said so; at most a day.
    """


class UnexpectedResponse(LiveStreamError):
    """The answer is not what the vendor documents: not JSON, a field missing or of the wrong
    type, a redirect, a body that is cut or too large, a list that cannot be walked to its end.

    Attributes:
        streams: After a list of which some entries could not be read, the streams that could; see
            :meth:`Client.list`.
    """

    default_hint: ClassVar[str | None] = "the vendor's API may have changed"

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
    """No connection could be made, or it was lost before the answer came."""

    temporary = True
    default_hint: ClassVar[str | None] = "check the network, then try again"


class RequestTimeout(LiveStreamError):
    """The vendor did not answer in time."""

    temporary = True
    default_hint: ClassVar[str | None] = "try later"


class _WithStream(LiveStreamError):
    """An error about waiting; ``stream`` is the stream as last seen, or ``None``."""

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
    """What was waited for can no longer happen.

    Attributes:
        stream: The stream as last seen.
    """


class StreamFailed(WaitFailed):
    """The stream that was waited for has failed."""


class WaitTimeout(_WithStream):
    """The time given to ``wait`` is over.

    Attributes:
        stream: The stream as last seen, or ``None`` if it could never be read.
    """

    temporary = True


class WebhookRejected(LiveStreamError):
    """A webhook delivery could not be verified: do not act on it."""

    applied: bool | None = False


def may_have_changed(error: LiveStreamError) -> bool:
    """Whether an operation has, or may have, changed something before it ended in this error.
    One that does not say was never part of an operation.
    """
    return vars(error).get("applied", False) is not False


def _and_subclasses(kind: type[LiveStreamError]) -> list[type[LiveStreamError]]:
    """A class of error and all that derive from it, also outside of this library."""
    found = [kind]
    for each in found:
        found += each.__subclasses__()
    return found


def _attributes(error: LiveStreamError) -> set[str]:
    """The names of what an error of this class says, whether it was set or not."""
    return _Context.__annotations__.keys() | vars(error).keys()


def _plain(value: Any) -> Any:
    """A value of an error as JSON has it."""
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


# -- reading the values back: what a class outside of this library adds is taken as it is -----


def _of(*kinds: type) -> Callable[[str, Any], Any]:
    def read(name: str, value: Any) -> Any:
        if value is None or type(value) in kinds:
            return value
        raise InvalidInput(f"{name}: expected {kinds[0].__name__}", field=name)

    return read


_text = _of(str)
_list = _of(list, tuple)
_object = _of(dict)


def _flag(name: str, value: Any) -> bool:
    return bool(_of(bool)(name, value))


def _texts(name: str, value: Any) -> tuple[str, ...]:
    return tuple(str(_text(name, each)) for each in _list(name, value) or ())


def _text_lists(name: str, value: Any) -> dict[str, tuple[str, ...]]:
    return {key: _texts(name, each) for key, each in (_object(name, value) or {}).items()}


def _status_word(name: str, value: Any) -> Status | None:
    word = _text(name, value)
    return None if word is None else Status(word) if word in set(Status) else Status.UNKNOWN


READERS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys((*_Context.__annotations__, "field", "value_of"), _text),
    "applied": _of(bool),
    "features": _texts,
    "fields": _text_lists,
    "http_status": _of(int),
    "retry_after": lambda name, value: asked_seconds(_of(float, int)(name, value)),
    "retryable": _flag,
    "status": _status_word,
    # "stream": see the model, which knows the errors and not the other way round
}
