"""What a check found: whether an account can be used."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum

import attrs

from . import converters as c
from .fields import Kind, about, described
from .stream import VendorValue


class CheckState(StrEnum):
    """Whether an account can be used and, if not, what is wrong."""

    OK = "ok"
    """The vendor accepted the credentials and returned what was read."""
    CREDENTIALS = "credentials"
    """The vendor refused the credentials."""
    PERMISSION = "permission"
    """The credentials are valid, but they may not read streams."""
    ACCOUNT = "account"
    """The account's options or the origin are wrong: the vendor's API, or the account, is not
    there."""
    CONFIGURATION = "configuration"
    """The request could not be sent with this configuration."""
    CLOCK = "clock"
    """The vendor refused a token that depends on the time, and this machine's clock is wrong."""
    TLS = "tls"
    """No secure connection could be made, for example because the certificate is not trusted."""
    NETWORK = "network"
    """No connection could be made, it was lost, or the vendor did not respond in time."""
    RATE_LIMITED = "rate_limited"
    """The vendor or a limiter allows no further request or sign-in now."""
    BUSY = "busy"
    """Another call or process was signing in and did not finish in time, or there was no time to
    send anything."""
    VENDOR = "vendor"
    """The vendor is out of order, or its response cannot be read."""
    UNKNOWN = "unknown"
    """The provider has nothing that can be read without a stream's ID, so nothing was sent."""


def _state(state: CheckState | str) -> CheckState:
    return c.enum_of(CheckState, state)


def _offset(value: float | None) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        c.wrong_type("a number of seconds", value)
    if not math.isfinite(value):
        c.refuse("must be a finite number")
    return value


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False, field_transformer=described)
class Check(VendorValue):
    """Whether an account can be used, as :meth:`Client.check` found it.

    It contains no secrets.

    Attributes:
        account: The account; see :attr:`Client.account`.
        state: Whether the account can be used and, if not, what is wrong.
        reason: What was done and found, or what is wrong, in one line for people.
        hint: What to do next, as a short phrase, or ``None``.
        checked_at: When the check ended.
        seconds: How long it took.
        requests: What was sent: ``sign_in`` or ``list`` for each request, in order. Empty if the
            client already knew the answer, for example in a pause that the vendor asked for, or if
            it could send nothing because another process was signing in.
        error: The name of the class of the error, or ``None``.
        http_status: The HTTP status of the error, or ``None``.
        request_id: The vendor's ID of the failed request, or ``None``.
        clock_offset: The seconds by which the vendor's clock is ahead of this machine's; negative
            if it is behind. ``None`` if the vendor did not say what time it is.
    """

    account: str = attrs.field(converter=c.text)
    state: CheckState = attrs.field(
        converter=_state, metadata=about(words=CheckState, unknown=CheckState.UNKNOWN)
    )
    reason: str = attrs.field(converter=c.text)
    checked_at: datetime = attrs.field(converter=c.instant)
    seconds: float = attrs.field(converter=c.seconds, metadata=about(kind=Kind.SECONDS))
    hint: str | None = attrs.field(default=None, converter=c.optional_text)
    requests: tuple[str, ...] = attrs.field(default=(), converter=c.texts)
    error: str | None = attrs.field(default=None, converter=c.optional_text)
    http_status: int | None = attrs.field(default=None, converter=c.optional_count)
    request_id: str | None = attrs.field(default=None, converter=c.optional_text)
    clock_offset: float | None = attrs.field(
        default=None, converter=_offset, metadata=about(kind=Kind.NUMBER)
    )

    @property
    def is_ok(self) -> bool:
        """Whether the vendor accepted the credentials and returned what was read."""
        return self.state is CheckState.OK
