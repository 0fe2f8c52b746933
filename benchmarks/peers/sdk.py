"""The interface through which an SDK is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ..payloads import Payload


class SDK(Protocol):
    """A vendor's SDK. ``sdk`` is the object that its users work with.

    Attributes:
        distribution: The SDK's name on PyPI.
        imports: The import that its users write first.
        authorization: The ``Authorization`` header for the credentials in ``connect``.
        pages: Whether it can request a page of a list other than the first.
    """

    distribution: str
    imports: str
    authorization: str
    pages: bool

    def connect(self, origin: str) -> Any:
        """Return the object that users work with, for a vendor at this origin."""
        ...

    def answering(self, body: bytes) -> Any:
        """Return the same object, with an HTTP library that already has its response."""
        ...

    def stream(self, number: int) -> Payload:
        """Return the vendor's live-stream object, as its documents show it."""
        ...

    def one(self, stream: Payload) -> Payload:
        """Return the response to a get."""
        ...

    def many(self, streams: list[Payload], total: int) -> Any:
        """Return the response to a list."""
        ...

    def path(self, stream: Payload) -> str:
        """Return the path of one stream."""
        ...

    def target(self, number: int, size: int) -> str:
        """Return the path and query of a page, from 1, as the SDK writes them."""
        ...

    def get(self, sdk: Any, stream: Payload) -> object:
        """Read one stream."""
        ...

    def list(self, sdk: Any, number: int, size: int) -> Sequence[object]:
        """Read one page of the list, from 1."""
        ...


class UrllibPool:
    """A replacement for a urllib3 pool, which always returns the same response."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def request(self, *_: object, **__: object) -> Any:
        """Return the response to any request."""
        from urllib3 import HTTPResponse

        return HTTPResponse(self._body, {"Content-Type": "application/json"}, status=200)


def httpx_client(body: bytes) -> Any:
    """Return an httpx client that always returns the same response."""
    import httpx

    headers = {"Content-Type": "application/json"}
    return httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=body))
    )
