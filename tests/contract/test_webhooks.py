"""`livestream_core.webhooks`: genuine deliveries are accepted, and all others are rejected."""

from __future__ import annotations

import base64
import hmac
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import livestream_core as live
from livestream_core import webhooks

NOW = datetime(2030, 12, 5, 10, 0, tzinfo=UTC)
SECRET = "the secret of the webhook"
BODY = b'{"id": "7"}'
UNITS = {"s": 1, "ms": 1000, "us": 10**6}


def seconds(at: datetime) -> int:
    return int(at.timestamp())


# -- the schemes of vendors -----------------------------------------------------------------


@attrs.frozen
class Scheme:
    """How a vendor signs: the arguments for it, and headers that somebody else's code makes."""

    arguments: dict[str, Any]
    sign: Callable[[bytes, str, str], tuple[str, str | None]]

    @property
    def is_timed(self) -> bool:
        return "{timestamp}" in self.arguments.get("signed", "")

    def verify(
        self,
        body: bytes,
        signature: str | None,
        timestamp: str | None,
        *,
        secret: str = SECRET,
        now: datetime = NOW,
    ) -> None:
        arguments = dict(self.arguments)
        if self.is_timed:
            arguments["now"] = now
            if "timestamp_prefix" not in arguments:
                arguments["timestamp"] = timestamp
        webhooks.verify_hmac(body, signature, secret, **arguments)

    def genuine(
        self, body: bytes = BODY, secret: str = SECRET, at: datetime = NOW
    ) -> tuple[str, str | None]:
        number = seconds(at) * UNITS[self.arguments.get("unit", "s")]
        return self.sign(body, secret, str(number))


def mac(secret: str, message: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.new(secret.encode(), message, algorithm).digest()


SCHEMES = {
    "hexadecimal": Scheme({}, lambda body, secret, at: (mac(secret, body).hex(), None)),
    "base64": Scheme(
        {"encoding": "base64"},
        lambda body, secret, at: (base64.b64encode(mac(secret, body)).decode(), None),
    ),
    "prefix": Scheme(
        {"prefix": "sha1=", "algorithm": "sha1"},
        lambda body, secret, at: (f"sha1={mac(secret, body, 'sha1').hex()}", None),
    ),
    "part beside a time that is not signed": Scheme(
        {"prefix": "v1="},
        lambda body, secret, at: (f"t={at},v1={mac(secret, body).hex()}", None),
    ),
    "time in a part": Scheme(
        {"prefix": "v1=", "signed": "{timestamp}.{body}", "timestamp_prefix": "t="},
        lambda body, secret, at: (
            f"t={at},v1={mac(secret, at.encode() + b'.' + body).hex()}",
            None,
        ),
    ),
    "time in a part, with other names": Scheme(
        {"prefix": "sig1=", "signed": "{timestamp}.{body}", "timestamp_prefix": "time="},
        lambda body, secret, at: (
            f"time={at},sig1={mac(secret, at.encode() + b'.' + body).hex()}",
            None,
        ),
    ),
    "semicolons": Scheme(
        {"prefix": "h1=", "signed": "{timestamp}:{body}", "timestamp_prefix": "ts="},
        lambda body, secret, at: (
            f"ts={at};h1={mac(secret, at.encode() + b':' + body).hex()}",
            None,
        ),
    ),
    "time in a header of its own": Scheme(
        {"prefix": "v0=", "signed": "v0:{timestamp}:{body}"},
        lambda body, secret, at: (
            f"v0={mac(secret, b'v0:' + at.encode() + b':' + body).hex()}",
            at,
        ),
    ),
    "milliseconds, after the body, in base64": Scheme(
        {
            "signed": "{body}{timestamp}",
            "unit": "ms",
            "encoding": "base64",
            "algorithm": "sha512",
        },
        lambda body, secret, at: (
            base64.b64encode(mac(secret, body + at.encode(), "sha512")).decode(),
            at,
        ),
    ),
}
each_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
TIMED = {name: scheme for name, scheme in SCHEMES.items() if scheme.is_timed}
each_timed_scheme = pytest.mark.parametrize("scheme", TIMED.values(), ids=TIMED)
schemes = st.sampled_from(list(SCHEMES.values()))
#: What templates contain is no more than data in a body, a secret, or a header.
bodies = st.binary() | st.sampled_from([b"{body}", b"{timestamp}.{body}"])
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(schemes, bodies, keys, st.integers(-300, 300))
def test_what_the_vendor_signed_is_accepted(
    scheme: Scheme, body: bytes, secret: str, age: int
) -> None:
    headers = scheme.genuine(body, secret, NOW - timedelta(seconds=age))
    scheme.verify(body, *headers, secret=secret)


def rejected(verify: Callable[..., None], *arguments: Any, **others: Any) -> str:
    with pytest.raises(live.WebhookRejected) as caught:
        verify(*arguments, **others)
    return caught.value.message


@given(schemes, bodies, bodies)
def test_another_body_is_rejected(scheme: Scheme, body: bytes, other: bytes) -> None:
    assume(body != other)
    assert "does not match" in rejected(scheme.verify, other, *scheme.genuine(body))


@given(schemes, keys, keys)
def test_another_secret_is_rejected(scheme: Scheme, secret: str, other: str) -> None:
    # A key shorter than a block is filled up with zeros: HMAC cannot tell them apart.
    assume(secret.rstrip("\0") != other.rstrip("\0") and len(secret.encode() + other.encode()) < 64)
    headers = scheme.genuine(secret=secret)
    assert "does not match" in rejected(scheme.verify, BODY, *headers, secret=other)


def parts_of(header: str) -> list[str]:
    return header.replace(";", ",").split(",")


@given(st.data(), schemes)
def test_any_changed_character_of_a_header_is_rejected(data: st.DataObject, scheme: Scheme) -> None:
    signature, at = scheme.genuine()
    headers = [signature, *([at] if at is not None else [])]
    which = data.draw(st.integers(0, len(headers) - 1))
    header = headers[which]
    # Without the time that nobody signed, and the separators, which have no meaning.
    start = header.index("v1=") if "not signed" in name_of(scheme) else 0
    place = data.draw(st.integers(start, len(header) - 1).filter(lambda i: header[i] not in ",;"))
    other = data.draw(st.characters().filter(lambda each: each != header[place]))
    headers[which] = header[:place] + other + header[place + 1 :]
    rejected(scheme.verify, BODY, headers[0], headers[1] if at is not None else None)


def name_of(scheme: Scheme) -> str:
    return next(name for name, each in SCHEMES.items() if each is scheme)


@each_scheme
def test_a_header_that_is_missing_empty_or_cut_short_is_rejected(scheme: Scheme) -> None:
    signature, at = scheme.genuine()
    assert "missing" in rejected(scheme.verify, BODY, None, at)
    for length in range(len(signature)):
        rejected(scheme.verify, BODY, signature[:length], at)
    if at is not None:
        assert "missing" in rejected(scheme.verify, BODY, signature, None)
        for length in range(len(at)):
            rejected(scheme.verify, BODY, signature, at[:length])


@each_scheme
def test_the_signature_of_another_delivery_is_rejected(scheme: Scheme) -> None:
    signature, _ = scheme.genuine(b"another")
    assert "does not match" in rejected(scheme.verify, BODY, signature, scheme.genuine()[1])


@given(schemes, st.text(), st.none() | st.text())
def test_any_text_is_rejected(scheme: Scheme, signature: str, at: str | None) -> None:
    rejected(scheme.verify, BODY, signature, at)


@each_scheme
@pytest.mark.parametrize("sign", ["é", "\N{SNOWMAN}", "\udcff", "٣"])
def test_a_header_that_is_not_ascii_is_rejected(scheme: Scheme, sign: str) -> None:
    signature, at = scheme.genuine()
    assert "ASCII" in rejected(scheme.verify, BODY, signature + sign, at)
    if at is not None:
        assert "ASCII" in rejected(scheme.verify, BODY, signature, at[:-1] + sign)


# -- several signatures ---------------------------------------------------------------------


@pytest.mark.parametrize("places", [(0,), (1,), (2,), (0, 2)])
@pytest.mark.parametrize("separator", [",", ", ", ";", " "])
def test_one_of_several_signatures_is_enough(places: tuple[int, ...], separator: str) -> None:
    right, wrong = mac(SECRET, BODY).hex(), mac("old", BODY).hex()
    header = separator.join(f"v1={right if i in places else wrong}" for i in range(3))
    webhooks.verify_hmac(BODY, header, SECRET, prefix="v1=")


def test_several_signatures_of_which_none_matches_are_rejected() -> None:
    header = ",".join(f"v1={mac(str(i), BODY).hex()}" for i in range(3))
    assert "does not match" in rejected(webhooks.verify_hmac, BODY, header, SECRET, prefix="v1=")


def test_a_signature_of_another_version_is_ignored() -> None:
    right = mac(SECRET, BODY).hex()
    webhooks.verify_hmac(BODY, f"v0=x,v1={right}", SECRET, prefix="v1=")
    assert "no signature" in rejected(
        webhooks.verify_hmac, BODY, f"v0={right}", SECRET, prefix="v1="
    )


def test_two_times_in_one_header_are_rejected() -> None:
    scheme = SCHEMES["time in a part"]
    signature, _ = scheme.genuine()
    for header in (f"t={seconds(NOW)},{signature}", f"{signature},t=1", f"{signature},t="):
        assert "several timestamps" in rejected(scheme.verify, BODY, header, None)


def test_a_header_without_a_time_is_rejected() -> None:
    scheme = SCHEMES["time in a part"]
    signature, _ = scheme.genuine()
    assert "no timestamp" in rejected(scheme.verify, BODY, parts_of(signature)[1], None)


# -- times ----------------------------------------------------------------------------------


@each_timed_scheme
@pytest.mark.parametrize("age", [301, 86400, -301, -86400])
def test_a_delivery_that_is_too_old_or_from_the_future_is_rejected(
    scheme: Scheme, age: int
) -> None:
    headers = scheme.genuine(at=NOW - timedelta(seconds=age))
    message = rejected(scheme.verify, BODY, *headers)
    assert f"{abs(age)} s" in message
    assert "300 s" in message
    assert ("too old" in message) == (age > 0)
    assert ("in the future" in message) == (age < 0)


@pytest.mark.parametrize("age", [59, 61, -59, -61])
def test_the_tolerance_can_be_chosen(age: int) -> None:
    signature, at = SCHEMES["time in a header of its own"].genuine(at=NOW - timedelta(seconds=age))
    arguments = {"prefix": "v0=", "signed": "v0:{timestamp}:{body}", "timestamp": at, "now": NOW}
    if abs(age) > 60:
        rejected(webhooks.verify_hmac, BODY, signature, SECRET, tolerance=60, **arguments)
    else:
        webhooks.verify_hmac(BODY, signature, SECRET, tolerance=60, **arguments)


def test_the_age_of_a_forged_delivery_is_not_said() -> None:
    """The signature comes first: a time that nobody signed is not worth a message."""
    scheme = SCHEMES["time in a part"]
    header, _ = scheme.genuine(secret="another", at=NOW - timedelta(days=1))
    assert "does not match" in rejected(scheme.verify, BODY, header, None)


@pytest.mark.parametrize(
    "at", ["", " ", "-1", "+1", "1.5", "1e3", "0x1", "1_0", "NaN", "9" * 21, "9" * 10**6]
)
def test_a_time_that_is_not_a_whole_number_is_rejected(at: str) -> None:
    for name, scheme in TIMED.items():
        signature, own = scheme.sign(BODY, SECRET, at)
        assert "timestamp" in rejected(scheme.verify, BODY, signature, own), name


def test_a_time_that_no_calendar_has_is_rejected() -> None:
    for scheme in TIMED.values():
        signature, own = scheme.sign(BODY, SECRET, "9" * 20)
        assert "out of range" in rejected(scheme.verify, BODY, signature, own)


def test_a_huge_header_is_rejected_in_linear_time() -> None:
    scheme = SCHEMES["time in a part"]
    started = time.process_time()
    for header in (
        "v1=" * 10**6,
        "," * 10**6,
        "v1=a," * 10**5 + f"t={seconds(NOW)}",
        f"t={seconds(NOW)},v1=" + "a" * 10**6,
        " \t" * 10**6,
    ):
        rejected(scheme.verify, BODY, header, None)
    assert time.process_time() - started < 20


@given(st.floats(-299, 299))
def test_a_time_in_the_body_can_be_checked_too(age: float) -> None:
    webhooks.verify_time(NOW - timedelta(seconds=age), NOW)


def test_a_time_in_the_body_that_is_missing_or_old_is_rejected() -> None:
    assert "missing" in rejected(webhooks.verify_time, None, NOW)
    assert "too old" in rejected(webhooks.verify_time, NOW - timedelta(seconds=301), NOW)
    assert "future" in rejected(webhooks.verify_time, NOW + timedelta(seconds=301), NOW)


# -- tokens ---------------------------------------------------------------------------------


@given(keys)
def test_the_secret_itself_is_accepted_as_a_token(secret: str) -> None:
    webhooks.verify_token(secret, secret)
    webhooks.verify_token(secret, live.Secret(secret))
    webhooks.verify_token(secret, secret.encode())


def test_a_secret_that_is_not_ascii_is_accepted_as_servers_decode_it() -> None:
    webhooks.verify_token("gehëim".encode().decode("latin-1"), "gehëim")


@given(keys, st.text())
def test_any_other_token_is_rejected(secret: str, other: str) -> None:
    assume(secret != other and secret.encode().decode("latin-1") != other)
    message = rejected(webhooks.verify_token, other, secret)
    assert message == "the header is not the webhook's secret"


def test_a_missing_token_is_rejected() -> None:
    assert "missing" in rejected(webhooks.verify_token, None, SECRET)


# -- RSA ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rsa_key() -> Any:
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: Any, form: str = "SubjectPublicKeyInfo") -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    text: bytes = key.public_key().public_bytes(Encoding.PEM, getattr(PublicFormat, form))
    return text.decode()


def signed_by(key: Any, body: bytes = BODY) -> str:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return base64.b64encode(key.sign(body, PKCS1v15(), SHA256())).decode()


@pytest.mark.parametrize("form", ["SubjectPublicKeyInfo", "PKCS1"])
@pytest.mark.parametrize("around", ["{}", "\n{}", "  \n{}\n\n"])
def test_an_rsa_signature_is_accepted_with_a_key_in_either_form(
    rsa_key: Any, form: str, around: str
) -> None:
    text = around.format(pem(rsa_key, form))
    webhooks.verify_rsa(BODY, signed_by(rsa_key), text)
    webhooks.verify_rsa(BODY, signed_by(rsa_key), text.encode())


def test_one_of_several_public_keys_is_enough(rsa_key: Any) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    webhooks.verify_rsa(BODY, signed_by(rsa_key), [pem(other), pem(rsa_key)])
    message = rejected(webhooks.verify_rsa, BODY, signed_by(rsa_key), pem(other))
    assert message == "the signature does not match the body and the public key"


def test_any_change_of_an_rsa_signature_or_its_body_is_rejected(rsa_key: Any) -> None:
    key, signature = pem(rsa_key), signed_by(rsa_key)

    @given(st.integers(0, len(signature) - 1), st.characters())
    def each(place: int, other: str) -> None:
        assume(other != signature[place])
        changed = signature[:place] + other + signature[place + 1 :]
        rejected(webhooks.verify_rsa, BODY, changed, key)

    each()
    # The last digit has bits that no byte uses: a decoder that ignores them reads the same bytes.
    twin = f"{signature[:-3]}{chr(ord(signature[-3]) + 1)}=="
    assert base64.b64decode(twin) == base64.b64decode(signature)
    for changed in (
        twin,
        "",
        " ",
        signature[:-1],
        signature + "=",
        signature + "\n",
        signature * 2,
    ):
        rejected(webhooks.verify_rsa, BODY, changed, key)
    for body in (b"", BODY + b" ", BODY[:-1]):
        assert "does not match" in rejected(webhooks.verify_rsa, body, signature, key)
    assert "missing" in rejected(webhooks.verify_rsa, BODY, None, key)


def test_text_that_is_not_an_rsa_public_key_is_the_mistake_of_the_author(rsa_key: Any) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    private = rsa_key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    ).decode()
    for text in ("", "no key", private, pem(ec.generate_private_key(ec.SECP256R1())), "\udcff"):
        with pytest.raises(live.ConfigurationError, match="not an RSA public key") as caught:
            webhooks.verify_rsa(BODY, signed_by(rsa_key), text)
        assert private.splitlines()[1] not in str(caught.value)
    with pytest.raises(live.ConfigurationError, match="no key"):
        webhooks.verify_rsa(BODY, signed_by(rsa_key), [])


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(live.ConfigurationError) as caught:
        webhooks.verify_rsa(BODY, "AAAA", "a key")
    assert 'pip install "livestream-core[rsa]"' in str(caught.value)


# -- mistakes of authors --------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["", "  ", b"", live.Secret("")])
def test_an_empty_secret_verifies_nothing(secret: Any) -> None:
    with pytest.raises(live.ConfigurationError, match="empty"):
        webhooks.verify_token("", secret)
    with pytest.raises(live.ConfigurationError, match="empty"):
        webhooks.verify_hmac(BODY, mac("", BODY).hex(), secret)


TIME = {"signed": "{timestamp}.{body}"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"signed": ""}, "must contain"),
        ({"signed": "{body}{body}"}, "must contain"),
        ({"timestamp": "1", "now": NOW}, "proves nothing"),
        ({"timestamp_prefix": "t=", "now": NOW}, "proves nothing"),
        ({"now": NOW}, "proves nothing"),
        ({**TIME, "timestamp": "1"}, "age"),
        ({**TIME, "timestamp": "1", "timestamp_prefix": "t=", "now": NOW}, "not both"),
        ({**TIME, "timestamp": str(seconds(NOW)), "now": NOW, "unit": "h"}, "unit"),
        ({**TIME, "timestamp": str(seconds(NOW)), "now": NOW, "tolerance": 0}, "tolerance"),
        (
            {**TIME, "timestamp": str(seconds(NOW)), "now": NOW, "tolerance": float("inf")},
            "tolerance",
        ),
        ({"prefix": "v1,"}, "prefix"),
        ({"algorithm": "md5"}, "md5|algorithm"),
        ({"encoding": "base32"}, "encoding"),
    ],
)
def test_arguments_that_contradict_each_other_are_the_mistake_of_the_author(
    arguments: dict[str, Any], problem: str
) -> None:
    right = mac(SECRET, f"{seconds(NOW)}.".encode() + BODY).hex()
    with pytest.raises(live.ConfigurationError, match=problem):
        webhooks.verify_hmac(BODY, right, SECRET, **arguments)


def test_a_body_or_a_header_of_another_type_is_the_mistake_of_the_author() -> None:
    wrong: Any
    for wrong in ("{}", {}, None):
        with pytest.raises(live.InvalidInput, match="body"):
            webhooks.verify_hmac(wrong, "", SECRET)
    for wrong in (b"", 1, ["a"]):
        with pytest.raises(live.InvalidInput, match="signature"):
            webhooks.verify_hmac(BODY, wrong, SECRET)
        with pytest.raises(live.InvalidInput, match="given"):
            webhooks.verify_token(wrong, SECRET)
    with pytest.raises(live.InvalidInput, match="time zone"):
        webhooks.verify_time(NOW, NOW.replace(tzinfo=None))
    webhooks.verify_hmac(bytearray(BODY), mac(SECRET, BODY).hex(), SECRET)


# -- secrets and costs ----------------------------------------------------------------------


def traces(error: BaseException) -> str:
    """Return what an error report shows of an error, without the frame of the test itself."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    del report.stack[0]
    return "".join(report.format())


@each_scheme
def test_neither_the_secret_nor_the_right_signature_appears_in_an_error(scheme: Scheme) -> None:
    right, at = scheme.genuine()
    forged, _ = scheme.genuine(b"another")
    for header in (forged, "", "x", None):
        with pytest.raises(live.WebhookRejected) as caught:
            webhooks_only(scheme, header, at)
        shown = traces(caught.value)
        assert SECRET not in shown
        assert max(parts_of(right), key=len) not in shown


@pytest.mark.parametrize("given", [None, 5, "another"])
def test_a_token_that_is_not_the_secret_leaves_it_in_no_frame(given: Any) -> None:
    with pytest.raises(live.LiveStreamError) as caught:
        webhooks.verify_token(given, SECRET)
    assert SECRET not in traces(caught.value)


def webhooks_only(scheme: Scheme, header: str | None, at: str | None) -> None:
    try:
        scheme.verify(BODY, header, at)
    except live.WebhookRejected as error:
        # Without the frames of this file, which hold the secret.
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        raise error.with_traceback(trace) from None


def test_texts_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[type] = []
    compare = hmac.compare_digest
    monkeypatch.setattr(
        hmac, "compare_digest", lambda a, b: compared.extend((type(a), type(b))) or compare(a, b)
    )
    webhooks.verify_token(SECRET, SECRET)
    webhooks.verify_hmac(BODY, mac(SECRET, BODY).hex(), SECRET)
    assert len(compared) >= 4
    assert set(compared) == {bytes}


def test_the_module_is_an_attribute_of_the_package_that_is_loaded_on_first_use() -> None:
    code = (
        "import sys, livestream_core as live\n"
        "assert not {'hmac', 'ssl', 'base64', 'livestream_core.webhooks'} & set(sys.modules)\n"
        "live.webhooks.verify_token('t', 't')\n"
        "assert live.webhooks is sys.modules['livestream_core.webhooks']\n"
        "assert 'cryptography' not in sys.modules"
    )
    # Coverage, which would be measured there too, loads some of these modules itself.
    environ = {name: value for name, value in os.environ.items() if "COVERAGE_" not in name}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=environ)
