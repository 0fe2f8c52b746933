"""What has to be known of an SDK to measure it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ..payloads import Payload


class SDK(Protocol):
    """A vendor's SDK. ``sdk`` stands for what its users hold.

    Attributes:
        distribution: Its name on PyPI.
        imports: What its users import first.
        authorization: The header that it sends for the credentials in ``connect``.
        pages: Whether it can ask for a page of a list that is not the first.
    """

    distribution: str
    imports: str
    authorization: str
    pages: bool

    def connect(self, origin: str) -> Any:
        """What users hold, for a vendor at this origin."""
        ...

    def answering(self, body: bytes) -> Any:
        """The same with an HTTP library that has its answer already."""
        ...

    def stream(self, number: int) -> Payload:
        """The vendor's live-stream object, as its documents show it."""
        ...

    def one(self, stream: Payload) -> Payload:
        """The answer to a get."""
        ...

    def many(self, streams: list[Payload], total: int) -> Any:
        """The answer to a list."""
        ...

    def path(self, stream: Payload) -> str:
        """Where one stream is read."""
        ...

    def target(self, number: int, size: int) -> str:
        """Path and query of a page of the list, from 1, as the SDK writes them."""
        ...

    def get(self, sdk: Any, stream: Payload) -> object:
        """Reads one stream."""
        ...

    def list(self, sdk: Any, number: int, size: int) -> Sequence[object]:
        """Reads one page of the list, from 1."""
        ...


class UrllibPool:
    """Stands for a pool of urllib3 and gives one answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def request(self, *_: object, **__: object) -> Any:
        """The answer, whatever is asked."""
        from urllib3 import HTTPResponse

        return HTTPResponse(self._body, {"Content-Type": "application/json"}, status=200)


def httpx_client(body: bytes) -> Any:
    """A client of httpx that gives one answer."""
    import httpx

    headers = {"Content-Type": "application/json"}
    return httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=body))
    )
