"""Masking secrets in everything that is printed or stored as text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from threading import RLock
from typing import Any, TypeVar

import attrs

from .._model.errors import LiveStreamError, Rejected
from .._model.stream import Event, LiveStream, Webhook
from .._secrets.recognition import secret_spans
from .._secrets.secret import MASK
from .._secrets.spellings import SHORTEST_KEY, KnownSecrets, compiled, decoded
from .adapter import MAX_FIELDS
from .pagination import Page
from .response import TEXT_SHOWN

T = TypeVar("T")

#: Shorter credentials are masked as whole words only: a token "t" must not mask every t of a text.
_SHORTEST_CREDENTIAL = 6
#: At least this many of the most recent stream keys are remembered, and at most twice as many.
_GENERATION = 10_000
#: The same for the values of headers that sign requests. They are of use only for a short time.
_SIGNATURES = 1000
#: What separates the parts of a header that signs a request.
_SEPARATORS = r"[\s,;:=\"']+"
#: A number or a time, which is often signed and sent too, and is not a secret.
_TIME = r"[-+.:TZ\d]+"

#: How many characters are read beyond the masked part, to find a secret that crosses its end.
_ROOM = 16 * 1024
_LONGEST_MESSAGE = 500
BODY_SHOWN = 2000
_LONGEST_FIELD = 500

#: One lock for all clients, because it is held only briefly. Reentrant: a signal handler may use a
#: client while it interrupts the thread that holds the lock.
_lock = RLock()


def _after_fork() -> None:
    global _lock
    _lock = RLock()  # the old one may be held by a thread that does not exist in the child


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@lru_cache(maxsize=256)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple([re.compile(pattern) for pattern in patterns])


class _Recent:
    """The most recent of many secrets: at least one generation of them, and at most two."""

    def __init__(self, generation: int) -> None:
        self._generation = generation
        self._now: dict[str, None] = {}
        self._before: dict[str, None] = {}

    def add(self, secret: str) -> bool:
        """Remember a secret, and return whether it is new."""
        if secret in self._now:
            return False
        if len(self._now) >= self._generation:
            self._before, self._now = self._now, {}
        self._now[secret] = None
        return secret not in self._before

    def all(self) -> dict[str, None]:
        """Return the secrets, as the keys of a dict."""
        return {**self._before, **self._now}


class Redactor:
    """The secrets that one client masks.

    They are the secrets it was given, the stream keys of the streams it has read most recently,
    and all text that looks like a secret.
    """

    def __init__(self, secrets: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        #: Each secret, with the length from which on it is also masked within words.
        self._given: dict[str, int] = {}
        #: The stream keys that were read most recently, and the signatures of requests.
        self._seen = _Recent(_GENERATION)
        self._signatures = _Recent(_SIGNATURES)
        #: The index to search with; it is updated before a text is masked.
        self._known: KnownSecrets | None = None
        #: Replaced whenever a secret is added; the second is the one that the index includes.
        self._news = self._known_news = object()
        self._patterns = _compiled(tuple(patterns))
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Remember a credential permanently."""
        self._add(secret, _SHORTEST_CREDENTIAL)

    def add_key(self, stream_key: str) -> None:
        """Remember a stream key permanently, because the caller passed it."""
        self._add(stream_key, SHORTEST_KEY)

    def _add(self, secret: str, shortest: int) -> None:
        if secret in self._given:
            return
        with _lock:
            self._given.setdefault(secret, shortest)
            self._news = object()

    def add_headers(self, headers: Iterable[str]) -> None:
        """Remember the credentials in header values, with and without their scheme."""
        for value in headers:
            self.add(value)
            self.add(value.rpartition(" ")[2])

    def add_signature(self, values: Iterable[str]) -> None:
        """Remember the most recent header values that sign requests, and their parts."""
        self._add_recent(
            self._signatures,
            (
                part
                for value in values
                for part in (value, *compiled(_SEPARATORS).split(value))
                if len(part) >= SHORTEST_KEY and not compiled(_TIME).fullmatch(part)
            ),
        )

    def add_memo(self, memo: Any) -> None:
        """Remember everything that an adapter keeps to renew a session."""
        if isinstance(memo, str):
            self.add(memo)
        elif hasattr(memo, "reveal"):
            self.add_memo(memo.reveal())
        elif isinstance(memo, dict):
            self.add_memo(list(memo.values()))
        elif isinstance(memo, (list, tuple)):
            for each in memo:
                self.add_memo(each)

    def protect(self, result: T) -> T:
        """Remember the secrets in a result, and return it with its problems' texts masked."""
        protected: Any = result
        if isinstance(result, LiveStream):
            if result.ingests or result.restreams:
                self._add_recent(self._seen, result.stream_keys())
            if result.problems:
                protected = attrs.evolve(result, problems=tuple(map(self._short, result.problems)))
        elif isinstance(result, Page):
            items = [self.protect(stream) for stream in result.items]
            if result.unreadable or any(stream.problems for stream in items):
                lost = [
                    attrs.evolve(each, reason=self._short(each.reason), id=self.shown_id(each.id))
                    for each in result.unreadable
                ]
                protected = attrs.evolve(result, items=items, unreadable=lost)
        elif isinstance(result, Webhook):
            if result.secret is not None:
                self._add_recent(self._seen, (result.secret.reveal(),))
        elif isinstance(result, tuple):
            protected = tuple([self.protect(each) for each in result])
        elif isinstance(result, Event) and result.stream is not None:
            stream = self.protect(result.stream)
            if stream is not result.stream:
                protected = attrs.evolve(result, stream=stream)
        masked: T = protected
        return masked

    def _add_recent(self, recent: _Recent, secrets: Iterable[str]) -> None:
        with _lock:
            for secret in secrets:
                if recent.add(secret):
                    self._news = object()

    @property
    def news(self) -> object:
        """An object that is replaced whenever a secret is added."""
        return self._news

    def known(self) -> KnownSecrets:
        """Return the index of all remembered secrets."""
        with _lock:
            known = self._known
            while known is None or self._known_news is not (news := self._news):
                news = self._news
                seen = {**self._seen.all(), **self._signatures.all()}
                if known is None or len(known) > len(self._given) + 2 * len(seen):
                    known = self._known = KnownSecrets()  # most of the old one is outdated
                for secret, shortest in tuple(self._given.items()):
                    known.add(secret, shortest=shortest)
                for key in seen:
                    known.add(key)
                self._known_news = news
            return known

    def mask(self, text: str, most: int | None = None) -> str:
        """Return a text with every secret replaced by ``***``.

        Args:
            text: The text to mask.
            most: The number of characters to return; by default all. A secret that crosses the
                end is masked as a whole.
        """
        if most is None:
            most = len(text)
        read = text[: most + _ROOM]
        shown: list[str] = []
        done, masked_to = 0, -1
        for begin, end in sorted(self._secret_spans(read)):
            if begin >= most:
                break
            if begin > masked_to:
                shown += read[done:begin], MASK
            done = masked_to = max(done, end)
        return "".join([*shown, read[done:most]])

    def _secret_spans(self, text: str) -> list[tuple[int, int]]:
        spans = [(begin, end) for begin, end, _ in self.known().find(text)]
        spans += self._spans_by_form(text)
        # A name that marks its value as secret may be in JSON within JSON.
        plain, places = decoded(text)
        if places is not None:
            spans += [(places[begin], places[end]) for begin, end in self._spans_by_form(plain)]
        return [span for span in spans if span[0] < span[1]]

    def _spans_by_form(self, text: str) -> list[tuple[int, int]]:
        own = [found.span() for pattern in self._patterns for found in pattern.finditer(text)]
        return [*own, *secret_spans(text)]

    def clean(self, error: LiveStreamError) -> None:
        """Mask everything that an error shows, and put its texts on one line each.

        Causes from other libraries are removed, because their texts may contain secrets.
        """
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
        error.message = self._line(error.message)
        if len(error.message) > _LONGEST_MESSAGE:
            error.message = f"{error.message[:_LONGEST_MESSAGE]}…"
        if error.hint:
            error.hint = self._line(error.hint)
        if error.body is not None:
            error.body = self.mask(error.body, TEXT_SHOWN)[:BODY_SHOWN]
        error.stream_id = self.shown_id(error.stream_id)
        if error.request_id is not None:
            error.request_id = self.short(error.request_id)
        if isinstance(error, Rejected):
            error.fields = {
                self.short(name): self._texts(texts)
                for name, texts in islice(error.fields.items(), MAX_FIELDS)
            }

    def shown_id(self, stream_id: str | None) -> str | None:
        """Return the ID of a stream, or a mask if it is a secret, such as a key passed as an ID."""
        return MASK if stream_id in self.known() else stream_id

    def short(self, text: str, most: int = _LONGEST_FIELD) -> str:
        """Return a value of the vendor with its secrets masked, and cut to a maximum length."""
        return self.mask(text, most)[:most]

    def _line(self, text: str) -> str:
        return " ".join(_printable(self.mask(text, TEXT_SHOWN)).split())

    def _short(self, text: str) -> str:
        return self._line(text)[:_LONGEST_MESSAGE]

    def _texts(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Return the masked messages of one field, cut to the length of one in total."""
        left = _LONGEST_FIELD
        shown = []
        for text in texts:
            if left <= 0:
                break
            shown.append(self.short(text, left))
            left -= len(shown[-1]) or 1
        return tuple(shown)


def _printable(text: str) -> str:
    return "".join(
        c if c.isprintable() or c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
