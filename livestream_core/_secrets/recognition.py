"""Recognition of secrets that are not known yet, by their name or by their form.

The model, ``raw``, the masking of errors, and API captures all use this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .spellings import compiled, decoded

# A signed URL grants the access that it was signed for. The names of parameters by which CDNs,
# clouds, and vendors sign, or pass other secrets, end with these:
#   token           bunny.net (token, bcdn_token), Amazon IVS, Mux, Fastly, KeyCDN, Flussonic;
#                   Google Media CDN (edge-cache-token); AWS (X-Amz-Security-Token)
#   tokenhash       Wowza SecureToken: wowzatokenhash, or another prefix that ends in "token"
#   signature       CloudFront and S3 (Signature, X-Amz-Signature), Google Cloud (X-Goog-Signature)
#   secret          Tencent Cloud CSS (txSecret), Wangsu (wsSecret), Huawei Cloud Live (hwSecret)
#   auth_key        Alibaba Cloud and Huawei Cloud CDN, signing method A
#   hmac            Akamai Auth Token 2.0, in the path too: /exp=1~acl=/*~hmac=0f
# Words such as "hash", "key", and "sign" are not included: alone they do not sign a URL.
_URL_ENDINGS = (
    r"token(?:hash)?|signature|secret|password|passwd|passphrase|hmac|jwt|credentials?|"
    r"(?:access|api|auth|client|ingest|private|publish|secure|session|shared|signing|stream)[_-]?"
    r"key"
)
# These are complete names:
#   hdnea, hdnts, hdntl, __gda__    Akamai (the last: Auth Token 1.0)
#   sig                             Azure's shared access signatures, JW Player
#   wmsAuthSign                     Nimble Streamer
#   auth_info                       Huawei Cloud CDN, signing method D
#   ks                              Kaltura's session
_NAMES = "hdnea|hdnts|hdntl|__gda__|sig|wmsauthsign|auth_info|ks|auth|pass|pwd"
#   Policy, Key-Pair-Id             CloudFront, with a Signature
#   AWSAccessKeyId                  S3, signature version 2
#   URLPrefix                       Google Cloud CDN and Media CDN, with a Signature
_URL_NAMES = "policy|key-pair-id|awsaccesskeyid|urlprefix"
# Names that sign only in combination, as in the examples of nginx's secure_link. Each name alone is
# an ordinary word.
_URL_PAIRS = (("md5", "expires"), ("st", "e"))
# In JSON, forms, and headers, a name that contains one of these suggests a secret.
_FIELD_WORDS = (
    "key|token|secret|passw|passphrase|credential|signature|authori[sz]ation|jwt|hmac|cookie|_iv"
)


_FIELD = rf".*(?:{_FIELD_WORDS})|(?:{_NAMES})\Z"


def _pattern(text: str) -> re.Pattern[str]:
    return compiled(text, re.IGNORECASE)


def suggests_secret(name: str) -> bool:
    """Return whether a name in JSON, a form, or a header suggests that its value is secret."""
    return _pattern(_FIELD).match(name) is not None


# A vendor may send a single word of 64 KiB. So a word is matched only from its beginning, and
# without backtracking: anything else takes quadratic time. The "kept" part of a match is not
# secret.

#: What makes a URL secret: a signature in its query, in its fragment, or between slashes or tildes
#: of its path; a JSON web token; a user name with a password.
_SIGNING_NAME = rf"(?:[\w-]*(?:{_URL_ENDINGS})|{_NAMES}|{_URL_NAMES})="
_SIGNED = (
    rf"(?P<kept>[?&;#]{_SIGNING_NAME})[^&#\s\"'<>]++",
    rf"(?P<kept>[/~]{_SIGNING_NAME})[^&#~/?\s\"'<>]++",
)
_JWT = (
    r"(?<![\w-])(?P<kept>(?>[\w-]*?\b(?=(?-i:eyJ))))eyJ[\w-]{6,}+\."
    r"(?:[\w-]++(?:\.[\w-]*+){0,3}|\.[\w-]++(?:\.[\w-]++){0,2})"
)
_USER_INFO = r"(?P<kept>://)[^\s/?#\"'<>]+(?=@)"
_QUERY = r"\?[^\s#\"'<>]++"
_PARAMETER = r"[?&;](?P<name>\w++)=(?P<value>[^&;]++)"

#: What makes a value in any other text secret.
_IN_TEXT = (
    # A value whose name suggests a secret, in JSON, in a form, or in a header.
    r"(?P<kept>[\"']?(?<![\w.-])"
    rf"(?:(?=[\w.-]*(?:{_FIELD_WORDS}))[\w.-]++|(?:{_NAMES})(?![\w.-]))"
    r"[\"']?\s*+[:=]\s*+)(?!(?:null|true|false|\d{1,5})\b)"
    r"(?:\"(?:[^\"\\]|\\.)*+\"?|'[^']*+'?|(?:(?:bearer|token|basic)\s+)?[^\s,;&}\]\"']+)",
    # The path of an RTMP URL after the application is the stream key.
    r"(?P<kept>\b(?:rtmps?|srt)://[^\s/\"'<>]+/[^\s/\"'<>?]+/)[^\s\"'<>]+",
)


def carries_secret(url: str) -> bool:
    """Return whether the form of a URL shows that it contains a secret."""
    # For nearly all URLs, the function returns here.
    if not _may_be_signed(url):
        return False
    if next(signed_spans(url), None) is not None:
        return True
    # The URL of a player's page contains the URL of the video.
    plain, places = decoded(url)
    return places is not None and next(signed_spans(plain), None) is not None


def secret_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of a text that must be secrets, by their names or by their forms."""
    yield from signed_spans(text)
    if "=" in text or ":" in text:
        for pattern in _IN_TEXT:
            yield from _spans(pattern, text)


def _may_be_signed(text: str) -> bool:
    """Return whether a text has a character without which none of the patterns matches."""
    return "=" in text or "@" in text or "eyJ" in text


def signed_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of a text that make its URLs secret."""
    # Most texts end here, as most URLs do: no pattern can match them.
    if not _may_be_signed(text):
        return
    for pattern in (*_SIGNED, _JWT, _USER_INFO):
        yield from _spans(pattern, text)
    for query in _pattern(_QUERY).finditer(text):
        signed = {
            found["name"].lower(): found.span("value")
            for found in _pattern(_PARAMETER).finditer(text, *query.span())
        }
        for signature, expiry in _URL_PAIRS:
            if signature in signed and expiry in signed:
                yield signed[signature]


def _spans(pattern: str, text: str) -> Iterator[tuple[int, int]]:
    for found in _pattern(pattern).finditer(text):
        yield found.end("kept"), found.end()
