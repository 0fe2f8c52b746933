"""Taking secrets out of what is printed."""

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
from .._model.stream import Event, LiveStream
from .._secrets.recognition import secret_spans
from .._secrets.secret import MASK
from .._secrets.spellings import SHORTEST_KEY, KnownSecrets, decoded
from .adapter import MAX_FIELDS
from .pagination import Page
from .request import TEXT_SHOWN

T = TypeVar("T")

#: Shorter credentials are masked as whole words only: else a token "t" would eat every t of a text.
_SHORTEST_CREDENTIAL = 6
#: At least so many stream keys are remembered, the last that were seen, and at most twice as many.
_GENERATION = 10_000

#: How much more of a text is read than is masked: a secret that lies across the end is found
#: whole.
_ROOM = 16 * 1024
_LONGEST_MESSAGE = 500
BODY_SHOWN = 2000
_LONGEST_FIELD = 500


#: Held for moments, so one does for all clients. Reentrant: a signal handler may use a client while
#: it interrupts the thread that is in here.
_lock = RLock()


def _after_fork() -> None:
    global _lock
    _lock = RLock()  # a thread that does not exist here may have had it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@lru_cache(maxsize=256)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple([re.compile(pattern) for pattern in patterns])


class Redactor:
    """Masks the secrets of one client: those it was given, those in the last streams that it has
    seen, and what looks like one.
    """

    def __init__(self, secrets: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        #: By the length from which each is looked for within words.
        self._given: dict[str, int] = {}
        #: Stream keys, and those of the generation before.
        self._seen: dict[str, None] = {}
        self._seen_before: dict[str, None] = {}
        #: What is looked for; brought up to date before something is masked.
        self._known: KnownSecrets | None = None
        #: Another object whenever there is something new, and the last one that was dealt with.
        self._news = self._known_news = object()
        self._patterns = _compiled(tuple(patterns))
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Remembers a credential for good."""
        self._add(secret, _SHORTEST_CREDENTIAL)

    def add_key(self, stream_key: str) -> None:
        """Remembers a stream key for good: one that the caller gave."""
        self._add(stream_key, SHORTEST_KEY)

    def _add(self, secret: str, shortest: int) -> None:
        with _lock:
            self._given.setdefault(secret, shortest)
            self._news = object()

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

    def see(self, result: T) -> T:
        """Remember the stream keys in an operation's result, and return it with every secret
        masked in what it says of values that could not be read.
        """
        seen: Any = result
        if isinstance(result, LiveStream):
            if result.ingests or result.restreams:
                self._see_keys(result.stream_keys())
            if result.problems:
                seen = attrs.evolve(result, problems=tuple(map(self._note, result.problems)))
        elif isinstance(result, Page):
            items = [self.see(stream) for stream in result.items]
            if result.unreadable or any(stream.problems for stream in items):
                lost = [
                    attrs.evolve(each, reason=self._note(each.reason), id=self._id(each.id))
                    for each in result.unreadable
                ]
                seen = attrs.evolve(result, items=items, unreadable=lost)
        elif isinstance(result, Event) and result.stream is not None:
            stream = self.see(result.stream)
            if stream is not result.stream:
                seen = attrs.evolve(result, stream=stream)
        shown: T = seen
        return shown

    def _see_keys(self, keys: Iterable[str]) -> None:
        with _lock:
            for key in keys:
                if key in self._seen:
                    continue
                if len(self._seen) >= _GENERATION:
                    self._seen_before, self._seen = self._seen, {}
                self._seen[key] = None
                if key not in self._seen_before:
                    self._news = object()

    @property
    def news(self) -> object:
        """Another object whenever there is something new to be masked."""
        return self._news

    def known(self) -> KnownSecrets:
        """Everything that is remembered."""
        with _lock:
            known = self._known
            while known is None or self._known_news is not (news := self._news):
                news = self._news
                seen = {**self._seen_before, **self._seen}
                if known is None or len(known) > len(self._given) + 2 * len(seen):
                    known = self._known = KnownSecrets()  # most of the last one is forgotten
                for secret, shortest in tuple(self._given.items()):
                    known.add(secret, shortest=shortest)
                for key in seen:
                    known.add(key)
                self._known_news = news
            return known

    def mask(self, text: str, most: int | None = None) -> str:
        """A text with ``***`` for every secret.

        Args:
            text: The text.
            most: How many characters of it are read. A secret that lies across the end is masked
                as a whole.
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
        # What stands under a telling name may be in JSON that stands in JSON.
        plain, places = decoded(text)
        if places is not None:
            spans += [(places[begin], places[end]) for begin, end in self._spans_by_form(plain)]
        return [span for span in spans if span[0] < span[1]]

    def _spans_by_form(self, text: str) -> list[tuple[int, int]]:
        own = [found.span() for pattern in self._patterns for found in pattern.finditer(text)]
        return [*own, *secret_spans(text)]

    def clean(self, error: LiveStreamError) -> None:
        """Masks everything in an error that is shown, and puts it on one line. Of the errors
        that it came from, those of other libraries are left out: their texts are not ours.
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
        error.stream_id = self._id(error.stream_id)
        if error.request_id is not None:
            error.request_id = self._cut(error.request_id)
        if isinstance(error, Rejected):
            error.fields = {
                self._cut(name): self._texts(texts)
                for name, texts in islice(error.fields.items(), MAX_FIELDS)
            }

    def _line(self, text: str) -> str:
        return " ".join(_printable(self.mask(text, TEXT_SHOWN)).split())

    def _note(self, text: str) -> str:
        return self._line(text)[:_LONGEST_MESSAGE]

    def _id(self, stream_id: str | None) -> str | None:
        return MASK if stream_id in self.known() else stream_id

    def _cut(self, text: str, most: int = _LONGEST_FIELD) -> str:
        return self.mask(text, most)[:most]

    def _texts(self, texts: Iterable[str]) -> tuple[str, ...]:
        """The messages of one field: together they are no longer than one may be."""
        left = _LONGEST_FIELD
        shown = []
        for text in texts:
            if left <= 0:
                break
            shown.append(self._cut(text, left))
            left -= len(shown[-1]) or 1
        return tuple(shown)


def _printable(text: str) -> str:
    return "".join(
        c if c.isprintable() or c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
