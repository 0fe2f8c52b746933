"""What the emulators of VideoSDK's two APIs have in common: an account, its tokens, and errors.

Errors have the form that VideoSDK's quickstarts read: ``{"statusCode": 400, "error": "..."}``.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import jwt

from livestream_core.emulator import Emulator, Request, Response, json_response

Fields = dict[str, Any]


class Refused(Exception):
    """An exception that becomes an error response."""

    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.headers = status, error, headers

    def response(self) -> Response:
        """Return the error response."""
        body = {"statusCode": self.status, "error": self.error}
        return json_response(body, self.status, self.headers)


class AccountEmulator(Emulator):
    """The base class of the emulators: one account, with its API key and its secret.

    Attributes:
        claims: The claims that the API requires in each token, with ``apikey`` and ``exp``.
        api_key: The account's API key.
        secret: The account's secret.
        user_id: The account's ID.
    """

    claims: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, *, boot_seconds: float = 20.0) -> None:
        super().__init__(boot_seconds=boot_seconds)
        self.api_key: str = str(uuid.uuid4())
        self.secret: str = secrets.token_hex(32)
        self.user_id: str = secrets.token_hex(12)

    def options(self) -> Fields:
        """Return options for ``connect`` with the API key and the secret."""
        return {"api_key": self.api_key, "secret": self.secret}

    def other_options(self) -> Fields:
        """Return options of another account, which does not exist here."""
        return {"api_key": f"{self.api_key}-2", "secret": self.secret}

    def token(self, **claims: Any) -> str:
        """Return a signed token of the account, valid for ten minutes of :attr:`clock`.

        Args:
            claims: Claims to add or replace; ``None`` removes a claim.
        """
        now = int(self.clock.now().timestamp())
        times = {"iat": now, "exp": now + 600}
        claims = {"apikey": self.api_key, **self.claims, **times, **claims}
        payload = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(payload, self.secret, algorithm="HS256")

    def check_token(self, token: str) -> Fields:
        """Return the claims of a token.

        Raises:
            Refused: If it is not valid for this account, at the time of :attr:`clock`.
        """
        # Times are checked below, because PyJWT would use the machine's clock. The prefix
        # "Bearer ", which only API v1 for meetings requires, breaks the signature.
        options: Any = {
            "require": ["exp"],
            **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud"), False),
        }
        try:
            claims: Fields = jwt.decode(token, self.secret, algorithms=["HS256"], options=options)
        except jwt.InvalidTokenError:
            raise Refused(401, "Token is invalid") from None
        now = self.clock.now().timestamp()
        if claims.get("apikey") != self.api_key:
            raise Refused(401, "API key is invalid")
        if not is_number(claims["exp"]) or claims["exp"] <= now:
            raise Refused(401, "Token is expired")
        if "nbf" in claims and not (is_number(claims["nbf"]) and claims["nbf"] <= now):
            raise Refused(401, "Token is not valid yet")
        return claims

    def not_found(self, request: Request) -> Response:
        """Respond to an unknown path."""
        return Refused(404, "Not Found").response()


def is_number(value: Any) -> bool:
    """Return whether a value of JSON is a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_text(value: Any) -> bool:
    """Return whether a value of JSON is text that is not empty."""
    if not isinstance(value, str) or value == "":
        return False
    return not any("\ud800" <= each <= "\udfff" for each in value)  # half of a pair is not text


def json_body(request: Request) -> Fields:
    """Return the JSON object that is the body of a request."""
    if request.mimetype != "application/json":
        raise Refused(400, "Content-Type must be application/json")
    body = None
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        pass
    if not isinstance(body, dict):
        raise Refused(400, "the body must be a JSON object")
    return body


def count(request: Request, name: str, default: int) -> int:
    """Return a positive integer of the query; refusing other values is inferred."""
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise Refused(400, f'"{name}" must be a positive number')
    return int(text)


def milliseconds(instant: datetime) -> str:
    """Return an instant as the REST APIs write it."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"
