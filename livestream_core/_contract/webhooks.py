"""Webhook deliveries as web frameworks pass them, and hints about common mistakes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from .._model.errors import InvalidInput, LiveStreamError, UnexpectedResponse, WebhookRejected
from .._secrets.spellings import compiled
from .json_fields import THE_RESPONSE
from .response import Headers

_RAW_BODY = (
    "pass the raw bytes: request.body in Django, request.get_data() in Flask, "
    "await request.body() in FastAPI"
)
_HEADERS = "pass the headers of the framework unchanged, such as request.headers"
_START = 1024


@attrs.frozen(slots=True)
class Delivery:
    """One webhook delivery. Its repr shows no headers and no body, because both contain secrets."""

    headers: Headers = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)

    @property
    def digest(self) -> str:
        """What two copies of the delivery have in common, and what shows nothing of it."""
        import hashlib

        return hashlib.sha256(self.body).hexdigest()

    def explain(self, error: LiveStreamError, *, is_form: bool = False) -> LiveStreamError:
        """Return an error of reading the delivery, reworded, with a hint about the likely cause.

        Args:
            error: The error.
            is_form: Whether deliveries of this vendor are web forms.
        """
        if isinstance(error, UnexpectedResponse):
            # Adapters read deliveries with the code that reads responses, which have a status.
            error.http_status = None
            message = compiled(THE_RESPONSE).sub("the delivery", error.message)
            message = message.replace("the adapter failed", "the delivery could not be read")
            if "delivery" not in message:
                message += " in the delivery"
            error.message = message
        if isinstance(error, (UnexpectedResponse, WebhookRejected)):
            error.hint = self.hint(is_form=is_form) or error.hint
        return error

    def hint(self, *, is_form: bool = False) -> str | None:
        """Return the likely reason why the delivery cannot be verified or read, or ``None``."""
        headers, body = self.headers, self.body
        encoding = headers.get("content-encoding", "").strip().lower()
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if any(name.startswith("http_") for name in headers):
            return f"the headers are those of a WSGI environ; {_HEADERS}"
        if not body.strip():
            return f"the body is empty, perhaps because other code has already read it; {_RAW_BODY}"
        if encoding not in ("", "identity") or body.startswith(b"\x1f\x8b"):
            name = encoding if encoding.isalnum() else "gzip"
            return f"the body is compressed ({name}); configure the web server to decompress it"
        start = body[:_START].lstrip()
        if start.startswith(b'"'):
            return f"the body was encoded as JSON twice; {_RAW_BODY}"
        if _is_base64(start):
            return "the body is in base64, as some API gateways send it; decode it first"
        if not is_form and (kind in _FORMS or _FORM.match(start)):
            return "the body is a form; set the vendor to send JSON, or check the webhook's URL"
        return None


_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_FORM = re.compile(
    rb"[\w.%+\[\]-]+=[^\s{]*(?:&|$)|--[^\r\n]+\r?\nContent-Disposition:", re.IGNORECASE
)


def _is_base64(start: bytes) -> bool:
    import base64

    text = b"".join(start.split())
    try:
        decoded = base64.b64decode(text[: len(text) // 4 * 4], validate=True)
    except ValueError:
        return False
    return decoded.lstrip()[:1] in (b"{", b"[")


def read_delivery(headers: object, body: object) -> Delivery | InvalidInput:
    """Return a delivery, or the error for arguments that are not one.

    Such an error is caused by the code that receives the delivery, not by what was sent to it.
    """
    if type(headers) is Headers and type(body) is bytes:
        return Delivery(headers, body)  # as a receiver has already read it
    if not isinstance(body, (bytes, bytearray, memoryview)):
        return InvalidInput(
            f"body: expected the bytes of the delivery, not {type(body).__name__}",
            field="body",
            hint=_hint_for_body(body),
        )
    # Not every framework's headers are a Mapping; ASGI servers pass pairs of bytes.
    items = getattr(headers, "items", None)
    pairs: Any = items() if callable(items) else headers
    read: dict[str, str] = {}
    problem = "expected a mapping, or pairs of names and values"
    try:
        for name, value in pairs:
            shown, text = _text(name), _text(value)
            if shown is None:
                problem = f"expected names that are strings, not {type(name).__name__}"
                break
            if text is None:
                problem = f"expected a string for {shown[:40]!r}, not {type(value).__name__}"
                break
            read[shown] = text
        else:
            return Delivery(Headers(read), bytes(body))
    except (TypeError, ValueError):
        pass
    return InvalidInput(f"headers: {problem}", field="headers", hint=_hint_for_headers(headers))


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None


def _hint_for_body(body: object) -> str:
    if inspect.isawaitable(body):
        if inspect.iscoroutine(body):
            body.close()  # it will never be awaited
        return f"the body was not awaited; {_RAW_BODY}"
    if callable(body):
        return f"the method that reads the body was not called; {_RAW_BODY}"
    if hasattr(body, "read"):
        return f"the body was not read; {_RAW_BODY}"
    if isinstance(body, str):
        return f"the body is already decoded, but a signature is made from bytes; {_RAW_BODY}"
    if isinstance(body, (Mapping, Iterable)):
        return f"the body is already parsed, but a signature is made from bytes; {_RAW_BODY}"
    return _RAW_BODY


def _hint_for_headers(headers: object) -> str:
    if isinstance(headers, Mapping):
        if "wsgi.input" in headers or "REQUEST_METHOD" in headers:
            return f"this is a WSGI environ; {_HEADERS}"
        if "asgi" in headers or isinstance(headers.get("headers"), (list, tuple)):
            return 'this is an ASGI scope; pass scope["headers"]'
        if any(isinstance(value, (list, tuple)) for value in headers.values()):
            return 'the values are lists; join each to one string, as in ", ".join(values)'
    return _HEADERS
