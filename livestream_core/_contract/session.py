"""Sessions: what signing in returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any

import attrs

from .._model import converters as c
from .._model.errors import (
    ConfigurationError,
    InvalidInput,
)
from .._secrets.secret import Secret
from .._secrets.spellings import compiled


@attrs.frozen(slots=True)
class Session:
    """A signed-in state at a vendor. Its repr shows no credentials.

    Attributes:
        headers: The headers that every request sends.
        expires_at: When the session expires, as an aware datetime, or ``None`` if unknown.
        memo: The data that the adapter needs to renew the session, such as a refresh token.
        ours: Whether the client opened the session at the vendor, so that the last ``close()``
            must sign out.
        opened_with: A digest of the credentials. The core sets it in the sessions that it puts in
            a token store, so that only clients with the same credentials use them.
    """

    headers: Mapping[str, str] = attrs.field(repr=False)
    expires_at: datetime | None = None
    memo: Any = attrs.field(default=None, repr=False)
    ours: bool = False
    opened_with: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def basic(cls, username: str, password: Secret | str) -> Session:
        """Return a session whose requests send HTTP Basic credentials (RFC 7617), in UTF-8.

        Args:
            username: The user name, or the ID of an API key.
            password: The password, or the secret of the API key.

        Raises:
            ConfigurationError: If the user name contains a colon, or one of the two is not text or
                contains a control character.
        """
        from base64 import b64encode

        # Error reports show locals.
        password = Secret(password) if isinstance(password, str) else password
        if not isinstance(username, str) or not isinstance(password, Secret):
            raise ConfigurationError("the user name and the password must be strings")
        if ":" in username:
            raise ConfigurationError("the user name contains a colon, which HTTP Basic forbids")
        if not _can_be_sent(username) or not _can_be_sent(password.reveal()):
            raise ConfigurationError(
                "the user name or the password contains a character that cannot be sent",
                hint="look for a line break that was copied with it",
            )
        pair = b64encode(f"{username}:{password.reveal()}".encode())
        return cls({"Authorization": f"Basic {pair.decode()}"})

    def to_dict(self) -> dict[str, Any]:
        """Return the session as data that ``json.dumps`` accepts. The data is secret.

        Raises:
            InvalidInput: If ``memo`` contains anything other than JSON values and secrets.
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
        """Read the data that :meth:`to_dict` returned, in this version or a newer one.

        Args:
            data: The data.
            strict: Whether to reject a field that this version does not know. By default, the
                field is ignored.

        Raises:
            InvalidInput: If a value is missing or invalid; ``field`` names it.
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


def _can_be_sent(text: str) -> bool:
    return c.is_encodable(text) and not any(ord(each) < 32 or ord(each) == 127 for each in text)


def _header_texts(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: c.text(value) for name, value in c.mapping(headers).items()}


#: The name of a header (RFC 9110, 5.6.2).
_HEADER_NAME = r"[-!#$%&'*+.^_`|~\w]+"

#: In JSON, a secret in a memo is an object with only this key.
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
    raise InvalidInput(f"memo: {type(memo).__name__} cannot be encoded as JSON", field="memo")


def _memo_from_json(memo: Any) -> Any:
    if isinstance(memo, Mapping):
        if memo.keys() == {_SECRET}:
            return Secret(c.with_field_name("memo", c.text)(memo[_SECRET]))
        return {name: _memo_from_json(value) for name, value in memo.items()}
    if isinstance(memo, list):
        return [_memo_from_json(value) for value in memo]
    return memo


def has_unsendable(headers: Mapping[str, str]) -> bool:
    """Return whether a header has a name or a value that cannot be sent."""
    return any(
        not all(isinstance(text, str) and text.isascii() and text.isprintable() for text in pair)
        or compiled(_HEADER_NAME).fullmatch(pair[0]) is None
        for pair in headers.items()
    )
