"""The worker: ``python -m school.worker``. Run as many as you like; start one again if it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import sqlalchemy as sa

import livestream_core as live

from .database import Lesson, Session
from .streaming import client_for, creates, handle, tracker, watcher

#: Seconds between two looks at the database.
PAUSE = 1.0
#: How many streams are created at once.
AT_ONCE = 10

logger = logging.getLogger(__name__)


async def create_stream(lesson: Lesson) -> None:
    """Create the stream of a lesson, once, however often this runs."""
    values = {}
    try:
        stream = await creates.run(await client_for(lesson.account), f"lesson-{lesson.id}")
    except live.LiveStreamError as error:
        logger.warning("lesson %s: %s", lesson.id, error)
        if error.retryable:
            return  # it is tried again
        values["problem"] = error.message
    else:
        await tracker.observe(lesson.account, stream)
        values["stream_id"] = stream.id
    async with Session.begin() as session:
        await session.execute(sa.update(Lesson).where(Lesson.id == lesson.id).values(values))


async def create_streams() -> None:
    """Create some of the streams that are missing."""
    missing = sa.select(Lesson).where(Lesson.stream_id.is_(None), Lesson.problem.is_(None))
    async with Session() as session:
        # In any order, so that none has to wait for others that cannot be created now.
        some = missing.order_by(sa.func.random()).limit(AT_ONCE)
        lessons = (await session.scalars(some)).all()
    await asyncio.gather(*map(create_stream, lessons))


async def follow_streams() -> None:
    """Read the accounts and the streams that are due, and handle their changes."""
    await watcher.process(handle)


async def repeat(step: Callable[[], Awaitable[None]]) -> None:
    """Repeat a step until the process ends."""
    while True:
        await step()
        await asyncio.sleep(PAUSE)


async def main() -> None:
    """Create and follow streams until the process ends."""
    async with asyncio.TaskGroup() as group:
        for step in (create_streams, follow_streams):
            group.create_task(repeat(step))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main())
