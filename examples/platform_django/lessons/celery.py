"""The queue: ``celery -A lessons worker`` and ``celery -A lessons beat`` run it."""

from __future__ import annotations

from celery import Celery

app = Celery("lessons")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["lessons"])
