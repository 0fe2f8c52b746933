"""The tables of the platform."""

from __future__ import annotations

from django.db import models

import livestream_core as live


class Account(models.Model):
    """A school's account at a vendor.

    Attributes:
        name: The name of the school, which is in the URLs.
        provider: The provider, such as ``tpstreams``.
        options: The credentials that the school has entered. Encrypt them as your other secrets.
        base_url: The vendor's origin, if it is not the provider's own. Only your staff sets it.
    """

    name = models.SlugField(primary_key=True)
    provider = models.SlugField()
    options = models.JSONField()
    base_url = models.URLField(blank=True)


class Lesson(models.Model):
    """A lesson, whose stream is created in the background.

    Attributes:
        stream_id: The ID of its stream, once it is created.
        problem: Why its stream cannot be created.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE)
    title = models.TextField()
    starts_at = models.DateTimeField(null=True)
    stream_id = models.CharField(max_length=200, blank=True)
    problem = models.TextField(blank=True)

    def spec(self) -> live.StreamSpec:
        """Return what its stream is to be.

        Raises:
            InvalidInput: If no vendor could create it.
        """
        return live.StreamSpec(title=self.title, scheduled_start=self.starts_at)


class Change(models.Model):
    """A change of a stream that the platform has handled.

    Attributes:
        key: The key of the change, by which a second copy is recognized.
        status: The status of the stream since then. Empty if it was deleted.
    """

    key = models.TextField(unique=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE)
    stream_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=40)
    status = models.CharField(max_length=40, blank=True)
