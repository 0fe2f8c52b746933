"""The three providers, with the requests of each adapter and the responses of each vendor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import livestream_core as live

from .payloads import (
    Payload,
    Wrap,
    tktchurch_livestream,
    tpstreams_asset,
    videosdk_livestream,
)


@dataclass(frozen=True)
class Provider:
    """One provider.

    Attributes:
        name: The provider's name.
        options: The options of a connection, except ``base_url``.
        authorization: The ``Authorization`` header that these options produce.
        path: The path of the stream with an ``{id}``.
        one: Returns the response to a get, from the stream's number.
        item: Returns an item of a list, from the stream's number.
        only_page: Returns a list of one page, from its items.
    """

    name: str
    options: Mapping[str, Any] = field(repr=False)
    authorization: str = field(repr=False)
    path: str
    one: Callable[[int], Payload]
    item: Callable[[int], Payload]
    only_page: Wrap

    def connect(self, base_url: str, **settings: Any) -> live.Client:
        """Return a client, without options from the environment."""
        return live.connect(self.name, base_url=base_url, environ={}, **self.options, **settings)

    def connect_async(self, base_url: str, **settings: Any) -> live.AsyncClient:
        """Return an asynchronous client, without options from the environment."""
        return live.connect_async(
            self.name, base_url=base_url, environ={}, **self.options, **settings
        )

    def with_options(self, options: Mapping[str, Any]) -> Provider:
        """Return the same provider with the options of another account."""
        return replace(self, options=options)


TPSTREAMS = Provider(
    name="tpstreams",
    options={"organization_id": "gcdem4", "token": "made-up-token"},
    authorization="Token made-up-token",
    path="/api/v1/gcdem4/assets/{id}/",
    one=partial(tpstreams_asset, detail=True),
    item=tpstreams_asset,
    only_page=lambda items, _, total: {
        "count": total,
        "next": None,
        "previous": None,
        "results": items,
    },
)
VIDEOSDK = Provider(
    name="videosdk",
    options={"token": "made-up-token"},
    authorization="made-up-token",
    path="/v1/livestreams/{id}",
    one=videosdk_livestream,
    item=videosdk_livestream,
    only_page=lambda items, number, _: {
        "pageInfo": {"currentPage": number, "perPage": len(items), "lastPage": number},
        "data": items,
    },
)
TKTCHURCH = Provider(
    name="tktchurch",
    options={"access_token": "made-up-token"},
    authorization="Bearer made-up-token",
    path="/v1/livestreams/{id}",
    one=tktchurch_livestream,
    item=tktchurch_livestream,
    only_page=lambda items, number, total: {
        "items": items,
        "metadata": {"page": number, "per": len(items), "total": total, "pageCount": number},
    },
)
PROVIDERS = (TPSTREAMS, VIDEOSDK, TKTCHURCH)


class Answering:
    """A transport that already has its response, so that only reading it is measured."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def send(self, *_: Any, **__: Any) -> live.Response:
        """Return the response to any request."""
        return live.Response(200, live.Headers({"Content-Type": "application/json"}), self._body)
