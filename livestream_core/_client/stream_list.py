"""The iterator that a client's ``list`` returns."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import copy_context
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from .._contract.pagination import Completeness, Unreadable
from .._model.stream import LiveStream
from .._public import publish

if TYPE_CHECKING:
    from .._engine.effects import Flow
    from .._engine.listing import Listing


class StreamList(Iterator[LiveStream]):
    """An iterator over the streams of a list, which reads pages as needed; see :meth:`Client.list`.

    It is for one thread. After an error, iterate again to resume with the page that failed.
    """

    def __init__(
        self,
        run: Callable[[Flow[list[LiveStream]]], list[LiveStream]],
        listing: Listing,
        reads_ahead: Callable[[], bool],
    ) -> None:
        self._run, self._listing, self._reads_ahead = run, listing, reads_ahead
        self._read: deque[LiveStream] = deque()
        self._pages = 0
        self._ahead: _Ahead | None = None

    @property
    def complete(self) -> Completeness:
        """Whether the list is proven to contain every stream; only ``PROVEN`` is true.

        It is ``PROVEN`` if the vendor's total stayed the same and matches, ``MISMATCHED`` if it
        does not match even after a second walk, and ``UNKNOWN`` if the iterator is not exhausted,
        a limit cut the list, or the vendor reports no total.
        """
        if self._read or self._ahead is not None or not self._listing.is_exhausted:
            return Completeness.UNKNOWN
        return self._listing.completeness

    @property
    def pages(self) -> int:
        """The number of pages that were used so far."""
        return self._pages

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """The entries that could not be read so far."""
        return self._listing.unreadable

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> LiveStream:
        while not self._read:
            if self._ahead is not None:
                self._take_ahead(self._ahead)
            elif self._listing.is_exhausted:
                self._listing.end()
                raise StopIteration
            else:
                self._read.extend(self._page())
            self._pages += 1
            # A caller that needs only one page does not pay for two.
            if self._pages > 1 and not self._listing.is_exhausted and self._reads_ahead():
                self._ahead = _Ahead(self._page)
        return self._listing.hand_out(self._read.popleft())

    def _page(self) -> list[LiveStream]:
        return self._run(self._listing.advance())

    def _take_ahead(self, ahead: _Ahead) -> None:
        ahead.wait()  # after an interruption here, the next call finds the page
        self._ahead = None
        self._read.extend(ahead.page())


class _Ahead:
    """A page that a separate daemon thread reads.

    If the page is never used, the thread ends with its deadline. It does not keep the process
    alive.
    """

    def __init__(self, read: Callable[[], list[LiveStream]]) -> None:
        self._read, self._process = read, os.getpid()
        self._is_read = Event()
        self._streams: list[LiveStream] = []
        self._error: BaseException | None = None
        # In the caller's context: what observes the caller also observes this page.
        run = copy_context().run
        Thread(target=run, args=(self._run,), name="livestream-page", daemon=True).start()

    def _run(self) -> None:
        try:
            self._streams = self._read()
        except BaseException as error:
            self._error = error
        finally:
            self._is_read.set()

    def wait(self) -> None:
        """Wait until it has been read."""
        if self._process == os.getpid():
            self._is_read.wait()

    def page(self) -> list[LiveStream]:
        """Return the streams of the page, or raise the error of reading it."""
        if self._process != os.getpid():
            return self._read()  # a forked child has no such thread
        if self._error is not None:
            raise self._error
        return self._streams


publish("livestream_core", [StreamList])
