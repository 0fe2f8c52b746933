"""Taking secrets out of what is printed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.parse import quote, quote_plus

from ._errors import LiveStreamError, Rejected
from ._masked import SENSITIVE_NAME
from ._model import Event, LiveStream
from ._secret import MASK
from ._walk import Page

#: Shorter secrets are masked as whole words only: else a token "t" would eat every t of a text.
_SHORT = 6

_LONGEST_MESSAGE = 500

#: What every form of writing leaves as it is: nearly all stream keys and tokens.
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]+")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """What looks like a secret although we never saw it, in the order of their use. Compiled when
    something is masked for the first time.

    A vendor may answer with one word of 64 KiB. So a word is looked at from its beginning only,
    and what was read of it is not given back: anything else takes the square of its length.
    """
    return (
        # A value under a telling name, in JSON, in a form, or in a header.
        (
            re.compile(
                r"(?P<name>[\"']?(?<![\w.-])(?=[\w.-]*(?:" + SENSITIVE_NAME.pattern + r"))"
                r"[\w.-]++[\"']?\s*+[:=]\s*+)(?!(?:null|true|false|\d+)\b)"
                r"(?:\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|(?:(?:bearer|token|basic)\s+)?[^\s,;&}\]\"']+)",
                re.IGNORECASE,
            ),
            rf"\g<name>{MASK}",
        ),
        # The path of an RTMP URL after the application is the stream key.
        (
            re.compile(r"(?P<server>\b(?:rtmps?|srt)://[^\s/\"'<>]+/[^\s/\"'<>?]+)/[^\s\"'<>]+"),
            rf"\g<server>/{MASK}",
        ),
        # User and password in a URL.
        (re.compile(r"://[^\s/@\"'<>]+@"), f"://{MASK}@"),
        # JSON web tokens.
        (
            re.compile(
                r"(?<![\w-])(?P<before>(?>[\w-]*?\b(?=eyJ)))eyJ[\w-]++\.[\w-]++(?:\.[\w-]*+)?"
            ),
            rf"\g<before>{MASK}",
        ),
    )


class Redactor:
    """Masks the secrets of one client: those it was given, those it has seen, and what looks
    like one."""

    def __init__(self, secrets: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._patterns = [re.compile(pattern) for pattern in patterns]
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Remembers a secret."""
        if secret:
            self._secrets.add(secret)

    def add_headers(self, headers: Iterable[str]) -> None:
        """Remembers credentials in header values: whole, and without their scheme."""
        for value in headers:
            self.add(value)
            self.add(value.rpartition(" ")[2])

    def add_memo(self, memo: Any) -> None:
        """Remembers whatever an adapter keeps to renew a session."""
        if isinstance(memo, str):
            self.add(memo)
        elif hasattr(memo, "reveal"):
            self.add_memo(memo.reveal())
        elif isinstance(memo, dict):
            self.add_memo(list(memo.values()))
        elif isinstance(memo, (list, tuple)):
            for each in memo:
                self.add_memo(each)

    def see(self, result: object) -> None:
        """Remembers the stream keys in an operation's result."""
        if isinstance(result, LiveStream):
            self._secrets.update(result.stream_keys())
        elif isinstance(result, Page):
            for stream in result.items:
                self.see(stream)
        elif isinstance(result, Event):
            self.see(result.stream)

    def mask(self, text: str) -> str:
        """The text with ``***`` for every secret."""
        # Longest first: a secret may contain another.
        for secret in sorted(self._secrets.copy(), key=len, reverse=True):
            for spelling in _spellings(secret):
                if len(secret) >= _SHORT:
                    text = text.replace(spelling, MASK)
                elif spelling in text:
                    text = re.sub(rf"(?<!\w){re.escape(spelling)}(?!\w)", MASK, text)
        for pattern in self._patterns:
            text = pattern.sub(MASK, text)
        for generic, replacement in _patterns():
            text = generic.sub(replacement, text)
        return text

    def clean(self, error: LiveStreamError) -> None:
        """Masks everything in an error that is shown, and puts it on one line. Of the errors
        that it came from, those of other libraries are left out: their texts are not ours."""
        cause, context = error.__cause__, error.__context__
        error.__cause__ = error.__context__ = None
        for earlier in (cause, context):
            if isinstance(earlier, LiveStreamError) and earlier is not error:
                self.clean(earlier)
        if isinstance(cause, LiveStreamError):
            error.__cause__ = cause
        if isinstance(context, LiveStreamError):
            error.__context__ = context
            error.__suppress_context__ = cause is not None
        error.message = " ".join(_printable(self.mask(error.message)).split())
        if len(error.message) > _LONGEST_MESSAGE:
            error.message = f"{error.message[:_LONGEST_MESSAGE]}…"
        if error.hint:
            error.hint = " ".join(_printable(self.mask(error.hint)).split())
        if error.body is not None:
            error.body = self.mask(error.body)
        if error.stream_id in self._secrets:
            error.stream_id = MASK
        if error.request_id is not None:
            error.request_id = self.mask(error.request_id)
        if isinstance(error, Rejected):
            error.fields = {
                self.mask(name): tuple(map(self.mask, texts))
                for name, texts in error.fields.items()
            }


def _spellings(secret: str) -> set[str]:
    """A secret as it is, and as JSON, URLs and forms write it."""
    if _UNRESERVED.fullmatch(secret):
        return {secret}
    quoted = {
        quote(secret, safe="", errors="replace"),
        quote(secret, errors="replace"),
        quote_plus(secret, errors="replace"),
    }
    lower = {re.sub("%..", lambda code: code[0].lower(), text) for text in quoted}
    return {secret, json.dumps(secret)[1:-1], *quoted, *lower}


def _printable(text: str) -> str:
    return "".join(
        c if c.isprintable() or c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
