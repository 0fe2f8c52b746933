"""What an emulator is sent, what it answers, and which path leads where."""

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
    """A request as it came. Its repr shows neither headers nor body.

    Attributes:
        method: The method.
        path: The path, percent-encoded as it was sent, without the query.
        query: The query string as it was sent.
        headers: The headers; credentials are among them.
        body: The body.
        status: The status that it was answered with; ``None`` if it was not answered.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    status: int | None = None

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@attrs.frozen(slots=True)
class Route:
    """A path of the vendor's and the method that answers it.

    Attributes:
        method: The HTTP method.
        path: A werkzeug rule such as ``"/v1/streams/<id>"``.
        handler: The emulator's method, called with the request and the rule's values.
    """

    method: str
    path: str
    handler: str


def json_response(
    data: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer with a JSON body."""
    return Response(
        json.dumps(data, ensure_ascii=False),
        status,
        headers=dict(headers or {}),
        content_type="application/json",
    )


@lru_cache
def compiled(routes: tuple[Route, ...]) -> Map:
    # Once for a class: to compile them takes far longer than all else of a new emulator.
    rules = [Rule(route.path, endpoint=route.handler, methods=[route.method]) for route in routes]
    return Map(rules, merge_slashes=False)
