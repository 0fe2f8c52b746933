"""The error tree. Every error says what happened, to which stream, whether the change happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self, TypedDict, Unpack

if TYPE_CHECKING:
    from ._model import LiveStream
    from ._status import Status

#: Operations that change something at the vendor: for these an error's text says whether they did.
CHANGING_OPERATIONS = frozenset({"create", "update", "start", "stop", "cancel", "delete"})

_APPLIED_TEXT = {
    False: "nothing was changed",
    True: "the change was carried out",
    None: "nobody can tell whether the change was carried out",
}


#: Seconds; no vendor is taken to ask for a longer wait. A longer one counts as this.
LONGEST_ASKED = 86_400.0


def asked_seconds(value: float | None) -> float | None:
    """Return the wait that a vendor asks for, in seconds from 0 to a day; ``None`` for what is no
    wait at all, such as a negative number or NaN."""
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
    Every error pickles.

    Attributes:
        message: What happened, in one line, without the context that ``str()`` adds.
        provider: The provider's name, or ``None`` outside of a client.
        account: Whose account: provider, origin and the non-secret account id.
        operation: The client's method: ``"create"``, ``"stop"``, ...
        stream_id: The stream it happened to, where one is known.
        applied: Whether the change was carried out: ``False`` no, ``True`` yes, ``None`` nobody
            can know. ``False`` for reads.
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

    def __init__(
        self,
        message: str = "",
        *,
        provider: str | None = None,
        account: str | None = None,
        operation: str | None = None,
        stream_id: str | None = None,
        applied: bool | None = False,
        retryable: bool | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
        body: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.account = account
        self.operation = operation
        self.stream_id = stream_id
        self.applied = applied
        self.retryable: bool = self.temporary if retryable is None else retryable
        self.http_status = http_status
        self.request_id = request_id
        self.body = body
        self.hint: str | None = self.default_hint if hint is None else hint

    def __copy__(self) -> Self:
        # Libraries that have tracebacks pickled (Dask's does) tell copy.copy() to give an
        # exception the very dict of the one that it is copied from.
        copied = type(self).__new__(type(self), *self.args)
        vars(copied).update(vars(self))
        return copied

    def __str__(self) -> str:
        where = " ".join(
            part
            for part in (self.provider, self.operation, self.stream_id and repr(self.stream_id))
            if part
        )
        parts = [f"{where}: {self.message}" if where else self.message]
        if self.applied is not False or self.operation in CHANGING_OPERATIONS:
            parts.append(_APPLIED_TEXT[self.applied])
        if self.hint:
            parts.append(self.hint)
        if len(parts) > 1:
            parts[0] = parts[0].removesuffix(".")  # vendors write sentences
        return "; ".join(parts)


class ConfigurationError(LiveStreamError):
    """Options, environment or installation are wrong: nothing works until that is mended."""


class InvalidInput(LiveStreamError):
    """A value from the caller was refused here, before anything was sent.

    Attributes:
        field: The argument or field that is wrong.
        value_of: The class of the model whose field it is, if it is one.
    """

    def __init__(
        self, message: str = "", *, field: str | None = None, **context: Unpack[_Context]
    ) -> None:
        super().__init__(message, **context)
        self.field = field
        self.value_of: str | None = None


class Unsupported(LiveStreamError):
    """This provider cannot do that; nothing was sent.

    Attributes:
        features: The names of the features, fields, filters or statuses that it lacks.
    """

    def __init__(
        self, message: str = "", *, features: tuple[str, ...] = (), **context: Unpack[_Context]
    ) -> None:
        super().__init__(message, **context)
        self.features: tuple[str, ...] = tuple(features)


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
        self, message: str = "", *, status: Status | None = None, **context: Unpack[_Context]
    ) -> None:
        super().__init__(message, **context)
        self.status = status


class Rejected(LiveStreamError):
    """The vendor refused the request as wrong (400, 422 and other 4xx).

    Attributes:
        fields: The vendor's messages by field name, masked.
    """

    def __init__(
        self,
        message: str = "",
        *,
        fields: Mapping[str, tuple[str, ...]] | None = None,
        **context: Unpack[_Context],
    ) -> None:
        super().__init__(message, **context)
        self.fields: dict[str, tuple[str, ...]] = {
            name: tuple(texts) for name, texts in (fields or {}).items()
        }


def _try_again(seconds: float | None) -> str:
    return "try later" if seconds is None else f"try again in {seconds:.0f} s"


class RateLimited(LiveStreamError):
    """Too many requests (429).

    Attributes:
        retry_after: Seconds to wait before the next try, where the vendor said so; at most a day.
    """

    temporary = True

    def __init__(
        self, message: str = "", *, retry_after: float | None = None, **context: Unpack[_Context]
    ) -> None:
        super().__init__(message, **context)
        self.retry_after = asked_seconds(retry_after)
        if self.hint is None:
            self.hint: str | None = _try_again(self.retry_after)


class ProviderUnavailable(LiveStreamError):
    """The vendor answered that it cannot serve now (5xx).

    Attributes:
        retry_after: Seconds to wait before the next try, where the vendor said so; at most a day.
    """

    temporary = True

    def __init__(
        self, message: str = "", *, retry_after: float | None = None, **context: Unpack[_Context]
    ) -> None:
        super().__init__(message, **context)
        self.retry_after = asked_seconds(retry_after)
        if self.hint is None:
            self.hint: str | None = _try_again(self.retry_after)


class UnexpectedResponse(LiveStreamError):
    """The answer is not what the vendor documents: not JSON, a field missing or of the wrong
    type, a redirect, a body that is cut or too large, a list that cannot be walked to its end."""

    default_hint: ClassVar[str | None] = "the vendor's API may have changed"


class ConnectionFailed(LiveStreamError):
    """No connection could be made, or it was lost before the answer came."""

    temporary = True
    default_hint: ClassVar[str | None] = "check the network, then try again"


class TimedOut(LiveStreamError):
    """The vendor did not answer in time."""

    temporary = True
    default_hint: ClassVar[str | None] = "try later"


class _WithStream(LiveStreamError):
    """An error about waiting; ``stream`` is the stream as last seen, or ``None``."""

    def __init__(
        self, message: str = "", *, stream: LiveStream | None = None, **context: Unpack[_Context]
    ) -> None:
        super().__init__(message, **context)
        self.stream = stream


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
