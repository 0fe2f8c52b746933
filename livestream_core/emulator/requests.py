"""The logged requests, the responses, and the routes of an emulator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import attrs
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Response


@attrs.frozen(slots=True)
class LoggedRequest:
    """A request as it was received. Its repr shows no headers and no body.

    Attributes:
        method: The HTTP method.
        path: The path as it was sent, percent-encoded and without the query.
        query: The query string as it was sent.
        headers: The headers, including credentials.
        body: The body.
        status: The status of the response, or ``None`` if there was no response.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    status: int | None = None

    @property
    def json(self) -> Any:
        """The body as JSON data."""
        return json.loads(self.body)


@attrs.frozen(slots=True)
class Route:
    """An endpoint of the vendor, with its handler.

    Attributes:
        method: The HTTP method.
        path: A werkzeug rule such as ``"/v1/streams/<id>"``.
        handler: The name of the emulator's method. It is called with the request and the rule's
            values.
    """

    method: str
    path: str
    handler: str


def json_response(
    data: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response with a JSON body."""
    return Response(
        json.dumps(data, ensure_ascii=False),
        status,
        headers=dict(headers or {}),
        content_type="application/json",
    )


@lru_cache
def compiled(routes: tuple[Route, ...]) -> Map:
    # Once per class: compiling takes much longer than everything else in creating an emulator.
    rules = [Rule(route.path, endpoint=route.handler, methods=[route.method]) for route in routes]
    return Map(rules, merge_slashes=False)
