"""Verifying webhook deliveries, for the ``parse_webhook`` of adapters.

Every function returns ``None`` if the delivery is genuine, and raises
:class:`~livestream_core.WebhookRejected` if it is not. Secrets and signatures are compared in
constant time, and never appear in an error.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from math import isfinite
from typing import Any, Literal

from ._model.errors import ConfigurationError, InvalidInput, WebhookRejected
from ._model.times import UnixUnit, from_unix, to_utc
from ._secrets.secret import Secret

__all__ = ["verify_hmac", "verify_rsa", "verify_time", "verify_token"]

_ALGORITHMS = ("sha256", "sha1", "sha512")
_ENCODINGS = ("hex", "base64")
_BODY, _TIMESTAMP = "{body}", "{timestamp}"
#: What stands between the parts of a header. No encoding of a signature uses these characters.
_SEPARATORS = re.compile(r"[,;\s]+")
#: Whole numbers, because the text is part of what was signed.
_WHOLE_NUMBER = re.compile(r"[0-9]{1,20}")


def verify_token(given: str | None, secret: Secret | str | bytes) -> None:
    """Verify a delivery whose header is the secret itself.

    Such a header proves who sent the delivery, but not that its body is unchanged.

    Args:
        given: The value of the header, or ``None`` if the delivery does not have it.
        secret: The webhook's secret.

    Raises:
        WebhookRejected: If the header is missing, or is not the secret.
        ConfigurationError: If the secret is empty.
    """
    key = Secret(_key(secret).decode("latin-1"))  # error reports show locals
    del secret
    sent = _text("given", given, "the header with the webhook's secret").encode(
        "utf-8", "surrogatepass"
    )
    # Frameworks decode headers as latin-1, so a secret that is not ASCII has two spellings.
    is_secret = hmac.compare_digest(sent, key.reveal().encode("latin-1")) | hmac.compare_digest(
        sent, key.reveal().encode()
    )
    del given, sent
    if not is_secret:
        raise WebhookRejected("the header is not the webhook's secret")


def verify_hmac(
    body: bytes,
    signature: str | None,
    secret: Secret | str | bytes,
    *,
    prefix: str = "",
    encoding: Literal["hex", "base64"] = "hex",
    algorithm: Literal["sha256", "sha1", "sha512"] = "sha256",
    signed: str = _BODY,
    timestamp: str | None = None,
    timestamp_prefix: str | None = None,
    unit: UnixUnit = "s",
    now: datetime | None = None,
    tolerance: float = 300,
) -> None:
    """Verify a delivery that is signed with an HMAC.

    The header may consist of parts, separated by commas, semicolons, or spaces. One matching
    signature is enough, because vendors send several while a secret is being replaced.

    If the vendor signs a time too, include ``{timestamp}`` in ``signed``, and say where the time
    is: in a header of its own (``timestamp``), or in a part of the signature's header
    (``timestamp_prefix``). A time that is only in the body is checked with :func:`verify_time`.

    Args:
        body: The body exactly as received.
        signature: The value of the signature's header, or ``None`` if the delivery does not have
            it.
        secret: The webhook's secret. Pass bytes if the vendor's secret is itself encoded.
        prefix: The text before each signature, such as ``"sha256="`` or ``"v1="``. Parts with
            another prefix are ignored.
        encoding: How the signature is written: ``"hex"``, in lower case, or ``"base64"``, with
            padding.
        algorithm: The hash function.
        signed: What is signed, with ``{body}`` and ``{timestamp}`` in place of the two, such as
            ``"{timestamp}.{body}"``.
        timestamp: The value of the header with the time, or ``None`` if the delivery does not
            have it.
        timestamp_prefix: The text before the time in the signature's header, such as ``"t="``.
        unit: The unit of the time, which counts from 1970: ``"s"``, ``"ms"``, or ``"us"``.
        now: The current time by the adapter's clock: ``self.clock()``. Required if ``signed``
            includes the time.
        tolerance: The maximum difference between the time and ``now``, in seconds, in the past
            or the future.

    Raises:
        WebhookRejected: If a header is missing or malformed, no signature matches, or the delivery
            is too old or from the future.
        InvalidInput: If the body is not bytes, or a header is not a string.
        ConfigurationError: If the secret is empty, or the other arguments contradict each other.
    """
    key = Secret(_key(secret).decode("latin-1"))  # error reports show locals
    del secret
    is_timed = _is_timed(
        signed,
        encoding,
        algorithm,
        prefix,
        timestamp_prefix,
        has_timestamp=timestamp is not None,
        has_now=now is not None,
    )
    body = _bytes(body)
    header = _ascii("signature", signature)
    parts = header.replace(",", " ").replace(";", " ").split()  # 3 times as fast as a pattern
    time = ""
    if is_timed:
        if timestamp_prefix is None:
            time = _ascii("timestamp", timestamp)
        else:
            time = _only_part(parts, timestamp_prefix)
        if not _WHOLE_NUMBER.fullmatch(time):
            raise WebhookRejected("the delivery's timestamp is not a number")
    given = [part[len(prefix) :].encode() for part in parts if part.startswith(prefix)]
    if not given:
        raise WebhookRejected("the signature's header contains no signature of the expected form")
    message = signed.replace(_TIMESTAMP, time).encode().replace(_BODY.encode(), body)
    made = hmac.digest(key.reveal().encode("latin-1"), message, algorithm)
    right = made.hex().encode() if encoding == "hex" else base64.b64encode(made)
    is_genuine = False
    for each in given:
        is_genuine |= hmac.compare_digest(each, right)
    del made, right
    if not is_genuine:
        raise WebhookRejected("the signature does not match the body and the secret")
    if now is not None:
        verify_time(from_unix(int(time), unit), now, tolerance=tolerance)


def verify_rsa(
    body: bytes, signature: str | None, public_key: str | bytes | Sequence[str | bytes]
) -> None:
    """Verify a delivery that is signed with RSA: PKCS #1 v1.5 with SHA-256, in base64.

    It needs the extra ``rsa``: ``pip install "livestream-core[rsa]"``.

    Args:
        body: The body exactly as received.
        signature: The value of the signature's header, or ``None`` if the delivery does not have
            it.
        public_key: The vendor's public key as PEM text, which begins with
            ``-----BEGIN PUBLIC KEY-----`` or ``-----BEGIN RSA PUBLIC KEY-----``. Pass several
            while a key is being replaced: one that matches is enough.

    Raises:
        WebhookRejected: If the header is missing or malformed, or the signature does not match.
        InvalidInput: If the body is not bytes, or the header is not a string.
        ConfigurationError: If a key cannot be read, or the extra ``rsa`` is not installed.
    """
    keys = _public_keys([public_key] if isinstance(public_key, str | bytes) else public_key)
    body, text = _bytes(body), _ascii("signature", signature)
    try:
        given = base64.b64decode(text, validate=True)
    except ValueError:
        given = b""
    # The last character can have unused bits, which would make several texts one signature.
    if not given or base64.b64encode(given).decode() != text:
        raise WebhookRejected("the signature is not in base64")
    if not any(_is_signed_with(key, given, body) for key in keys):
        raise WebhookRejected("the signature does not match the body and the public key")


def verify_time(sent_at: datetime | None, now: datetime, *, tolerance: float = 300) -> None:
    """Verify that a delivery is recent, and therefore not a repetition of an old one.

    :func:`verify_hmac` checks the time that a header contains. Use this function for a time in the
    body, after the signature of the body has been verified.

    Args:
        sent_at: When the delivery was sent, or ``None`` if it does not say so.
        now: The current time by the adapter's clock: ``self.clock()``.
        tolerance: The maximum difference between the two, in seconds, in the past or the future.

    Raises:
        WebhookRejected: If the time is missing, too long ago, or too far in the future.
        InvalidInput: If one of the times has no time zone.
        ConfigurationError: If the tolerance is not a positive number.
    """
    if isinstance(tolerance, bool) or not (isfinite(tolerance) and tolerance > 0):
        raise ConfigurationError("tolerance: must be a positive number of seconds")
    if sent_at is None:
        raise WebhookRejected("the delivery's timestamp is missing or out of range")
    age = (to_utc(now) - to_utc(sent_at)).total_seconds()
    if age > tolerance:
        raise WebhookRejected(
            f"the delivery is too old: it was sent {age:.0f} s ago, and {tolerance:g} s is the "
            "maximum"
        )
    if age < -tolerance:
        raise WebhookRejected(
            f"the delivery's timestamp is {-age:.0f} s in the future, and {tolerance:g} s is the "
            "maximum"
        )


# -- arguments ------------------------------------------------------------------------------


def _text(name: str, value: object, meaning: str) -> str:
    """Return a header, which must be a string."""
    if value is None:
        raise WebhookRejected(f"{meaning} is missing")
    if not isinstance(value, str):
        raise InvalidInput(
            f"{name}: expected the header as a string, not {type(value).__name__}", field=name
        )
    return value


def _ascii(name: str, value: object) -> str:
    """Return a header, which must also be ASCII, as signatures and times are."""
    text = _text(name, value, f"the header with the delivery's {name}")
    if not text.isascii():
        raise WebhookRejected(f"the delivery's {name} is not ASCII")
    return text


def _bytes(body: object) -> bytes:
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    raise InvalidInput(
        f"body: expected the bytes of the delivery, not {type(body).__name__}", field="body"
    )


def _key(secret: Secret | str | bytes) -> bytes:
    value = secret.reveal() if isinstance(secret, Secret) else secret
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    if not isinstance(value, bytes):
        kind = type(value).__name__
        del secret, value
        raise ConfigurationError(f"secret: expected text or bytes, not {kind}")
    if not value.strip():
        raise ConfigurationError("secret: is empty")
    return value


# -- HMAC -----------------------------------------------------------------------------------


@lru_cache(maxsize=64)  # an adapter passes the same each time
def _is_timed(
    signed: str,
    encoding: str,
    algorithm: str,
    prefix: str,
    timestamp_prefix: str | None,
    *,
    has_timestamp: bool,
    has_now: bool,
) -> bool:
    """Check the arguments that describe how a vendor signs, and return whether it signs a time."""
    if signed.count(_BODY) != 1:
        raise ConfigurationError("signed: must contain {body} once")
    is_timed = _TIMESTAMP in signed
    if encoding not in _ENCODINGS or algorithm not in _ALGORITHMS:
        known = ", ".join((*_ENCODINGS, *_ALGORITHMS))
        raise ConfigurationError(f"the encoding or the algorithm is not one of {known}")
    if not is_timed and (has_timestamp or timestamp_prefix is not None or has_now):
        raise ConfigurationError(
            "a time that is not signed proves nothing",
            hint="include {timestamp} in signed=, or check a time in the body with verify_time",
        )
    if is_timed and not has_now:
        raise ConfigurationError(
            "the age of the delivery cannot be checked", hint="pass now=self.clock()"
        )
    if has_timestamp and timestamp_prefix is not None:
        raise ConfigurationError("pass timestamp= or timestamp_prefix=, but not both")
    if _SEPARATORS.search(prefix + (timestamp_prefix or "")):
        raise ConfigurationError("a prefix cannot contain a comma, a semicolon, or a space")
    return is_timed


def _only_part(parts: Sequence[str], prefix: str) -> str:
    found = [part for part in parts if part.startswith(prefix)]
    if len(found) != 1:
        count = "several timestamps" if found else "no timestamp"
        raise WebhookRejected(f"the signature's header has {count}")
    return found[0][len(prefix) :]


# -- RSA ------------------------------------------------------------------------------------


def _public_keys(texts: Sequence[str | bytes]) -> list[Any]:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        raise ConfigurationError(
            "RSA signatures need the package cryptography, which is not installed",
            hint='install the rsa extra: pip install "livestream-core[rsa]"',
        ) from None
    keys = []
    for text in texts:
        pem = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        key: object = None
        try:
            key = load_pem_public_key(pem.strip())
        except (ValueError, TypeError, UnsupportedAlgorithm):
            pass
        if not isinstance(key, RSAPublicKey):
            raise ConfigurationError(
                "public_key: is not an RSA public key in PEM form",
                hint="it begins with -----BEGIN PUBLIC KEY----- or -----BEGIN RSA PUBLIC KEY-----",
            )
        keys.append(key)
    if not keys:
        raise ConfigurationError("public_key: no key was passed")
    return keys


def _is_signed_with(key: Any, given: bytes, body: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key.verify(given, body, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
