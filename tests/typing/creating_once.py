"""The types of durable creates, as type checkers see them; see ``calling.py``."""

from __future__ import annotations

from typing import assert_type

import livestream_core as live
from livestream_core import durable


def creating(creates: durable.Creates, client: live.Client, spec: live.StreamSpec) -> None:
    assert_type(creates.create(client, "lesson-42", spec), live.LiveStream)
    assert_type(creates.create(client, key="lesson-42", spec=spec), live.LiveStream)
    assert_type(creates.create(client, "lesson-42", title="News", unique=True), live.LiveStream)
    creates.create(client, "lesson-42")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    creates.create(client, "lesson-42", spec, title="News")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


async def awaiting(
    creates: durable.AsyncCreates, client: live.AsyncClient, spec: live.StreamSpec
) -> None:
    assert_type(await creates.create(client, "lesson-42", spec), live.LiveStream)
    assert_type(await creates.create(client, key="lesson-42", spec=spec), live.LiveStream)
    assert_type(await creates.create(client, "lesson-42", title="News"), live.LiveStream)
    await creates.create(client, "lesson-42")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
