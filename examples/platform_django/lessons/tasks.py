"""The tasks of the queue. Beat repeats the last two, so nothing is lost if a task is."""

from __future__ import annotations

import logging

from django.conf import settings

import livestream_core as live

from .celery import app
from .models import Lesson
from .streaming import client_for, creates, handle, tracker, watcher

logger = logging.getLogger(__name__)


@app.task
def create_stream(lesson_id: int) -> None:
    """Create the stream of a lesson, once, however often this runs."""
    lesson = Lesson.objects.get(pk=lesson_id)
    try:
        client = client_for(lesson.account_id)
        stream = creates.create(client, key=f"lesson-{lesson.pk}", spec=lesson.spec())
    except live.LiveStreamError as error:
        logger.warning("lesson %s: %s", lesson.pk, error)
        if not error.retryable:  # otherwise, beat repeats it
            Lesson.objects.filter(pk=lesson.pk).update(problem=error.message)
        return
    tracker.observe(lesson.account_id, stream)
    Lesson.objects.filter(pk=lesson.pk).update(stream_id=stream.id)
    follow_streams.delay()


@app.task
def create_streams() -> None:
    """Create the streams that are missing."""
    for lesson in Lesson.objects.filter(stream_id="", problem=""):
        create_stream.apply_async((lesson.pk,), expires=settings.REPEAT)


@app.task
def follow_streams() -> None:
    """Read the accounts and the streams that are due, and handle their changes."""
    watcher.process(handle)
