"""What the adapters of VideoSDK's two APIs have in common: options, signed tokens, and pages."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import attrs
import jwt
from jwt.algorithms import HMACAlgorithm

import livestream_core as live

#: The lifetime of a token that the adapter signs, as on the reference's page on authentication.
TOKEN_LIFE = timedelta(minutes=10)

#: How far a token's issue time is set back, because a vendor whose clock is slightly behind would
#: refuse a token that was issued in its future.
ISSUED_BEFORE = timedelta(seconds=30)

#: A page number, in a request and as a cursor.
_PAGE = re.compile(r"[1-9][0-9]{0,17}")


class _AnyLength(HMACAlgorithm):
    def check_key_length(self, key: object) -> str | None:
        """Return no warning, because VideoSDK chooses the length of an account's secret."""
        return None


_JWS = jwt.PyJWS()
_JWS.unregister_algorithm("HS256")
_JWS.register_algorithm("HS256", _AnyLength(HMACAlgorithm.SHA256))


def _is_jwt(_: object, __: object, token: live.Secret | None) -> None:
    if token is not None and not re.fullmatch(r"[!-~]+", token.reveal()):
        raise ValueError("must be only the JWT, without Bearer or any other prefix")


@attrs.frozen(kw_only=True)
class VideoSDKOptions(live.Options):
    """Options of a connection to VideoSDK: a token, or the key and secret to sign tokens with.

    Attributes:
        base_url: The vendor's origin.
        token: A JWT. It is sent unchanged and never renewed.
        api_key: The account's API key. It identifies the account and is not secret.
        secret: The account's secret. It is never sent.
    """

    credentials: ClassVar[tuple[tuple[str, ...], ...]] = (("token",), ("api_key", "secret"))

    base_url: str = live.option(
        default="https://api.videosdk.live", help="The vendor's origin: https://host[:port]."
    )
    token: live.Secret | None = live.option(
        default=None, validator=_is_jwt, help="An existing JWT, without any prefix."
    )
    api_key: str | None = live.option(default=None, help="The account's API key.")
    secret: live.Secret | None = live.option(
        default=None, help="The account's secret, which signs tokens."
    )


class SigningAdapter(live.Adapter):
    """The base class of both adapters, which signs in with a token of the account.

    Attributes:
        claims: The claims of a token, apart from the API key and its times.
    """

    options: VideoSDKOptions
    claims: ClassVar[Mapping[str, Any]] = {}

    # From the SDK's documentation: "The API uses both" 402 and 404 for what does not exist.
    errors: ClassVar[Mapping[int, type[live.LiveStreamError]]] = {402: live.NotFound}

    def sign_in(self, previous: live.Session | None, now: datetime) -> live.Session:
        """Return a session with the configured token, or with a newly signed one.

        The token is signed with HS256, and is the raw value of the header (the reference's page on
        authentication).
        """
        if self.options.token is not None:
            return live.Session(headers={"Authorization": self.options.token.reveal()})
        present = int(now.timestamp())
        issued = present - int(ISSUED_BEFORE.total_seconds())
        expires = present + int(TOKEN_LIFE.total_seconds())
        return live.Session(
            headers={"Authorization": self.signed(self.claims, issued, expires)},
            expires_at=datetime.fromtimestamp(expires, UTC),
        )

    def signed(self, claims: Mapping[str, Any], issued: int, expires: int) -> str:
        """Return a token with these claims, signed with the account's secret.

        Raises:
            ConfigurationError: If the secret cannot be used.
        """
        secret = self.options.secret
        claims = {"apikey": self.options.api_key, **claims, "iat": issued, "exp": expires}
        try:
            return _JWS.encode(
                json.dumps(claims).encode(), secret.reveal() if secret else "", "HS256"
            )
        except (jwt.InvalidKeyError, UnicodeError):
            pass
        raise live.ConfigurationError("secret: cannot be used to sign a token")

    def account_id(self) -> str:
        """Return the API key, or a short digest of a token in which it cannot be read."""
        if self.options.token is None:
            return self.options.api_key or ""
        token = self.options.token.reveal()
        api_key = None
        try:
            # Only VideoSDK can verify the token; this only reads it.
            api_key = jwt.decode(token, options={"verify_signature": False}).get("apikey")
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            pass
        if isinstance(api_key, str) and api_key.strip() and api_key.isprintable():
            return api_key
        return f"token-{hashlib.sha256(token.encode()).hexdigest()[:8]}"


def page_number(query: live.Query) -> str:
    """Return the page that a query asks for.

    Raises:
        InvalidInput: If its cursor is not a page number.
    """
    number = query.cursor or "1"
    if not _PAGE.fullmatch(number):
        raise live.InvalidInput("cursor: is not a page number", field="cursor")
    return number


def next_page(info: live.Fields | None, requested: int, count: int) -> str | None:
    """Return the number of the page after one with ``count`` objects, or ``None``.

    Args:
        info: The vendor's facts about the pages. Without them, everything is on one page.
        requested: The number of the page.
        count: The number of objects on it.

    Raises:
        UnexpectedResponse: If the response is another page.
    """
    if info is None or not count:
        return None
    if _first(info, "currentPage", "page") not in (None, requested):
        raise live.UnexpectedResponse(f"the response is not page {requested} of the list")
    last = _first(info, "lastPage", "totalPages")
    total = info.optional_integer("total")
    if last is None and total is not None:
        size = info.optional_integer("perPage") or 0
        last = -(-total // (size if size > 0 else count))
    return str(requested + 1) if last is None or requested < last else None


def _first(info: live.Fields, *names: str) -> int | None:
    for name in names:
        if name in info.data:
            return info.optional_integer(name)
    return None
