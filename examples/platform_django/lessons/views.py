"""The pages of the platform, as JSON. Add your authentication: these views let everyone in."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

import livestream_core as live
from livestream_core.contrib.django import webhook_view

from .models import Account, Change, Lesson
from .streaming import client_for, receiver
from .tasks import create_stream, follow_streams

store_delivery = webhook_view(receiver)


@csrf_exempt
def webhook(request: HttpRequest, account: str) -> HttpResponse:
    """Store a delivery of a vendor, and have it processed."""
    response = store_delivery(request, account=account)
    if response.status_code < 300:
        follow_streams.delay()
    return response


@csrf_exempt
@require_POST
def create_lesson(request: HttpRequest, account: str) -> HttpResponse:
    """Create a lesson. Its stream is created in the background."""
    owner = get_object_or_404(Account, pk=account)
    try:
        given = json.loads(request.body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        return JsonResponse({"error": "the body is not a JSON object"}, status=400)
    try:
        # Not by parse_datetime: it returns None for a mistyped time, and a stream without a time
        # starts at once.
        spec = live.StreamSpec(title=given.get("title", ""), scheduled_start=given.get("starts_at"))
    except live.InvalidInput as error:
        return JsonResponse({"error": error.message}, status=400)
    lesson = Lesson.objects.create(account=owner, title=spec.title, starts_at=spec.scheduled_start)
    create_stream.delay(lesson.pk)
    return JsonResponse({"id": lesson.pk}, status=202)


def show_lesson(request: HttpRequest, account: str, lesson_id: int) -> HttpResponse:
    """Show a lesson with the status of its stream, without asking the vendor."""
    lesson = get_object_or_404(Lesson, pk=lesson_id, account=account)
    last = Change.objects.filter(account=account, stream_id=lesson.stream_id).last()
    return JsonResponse(
        {
            "title": lesson.title,
            "stream_id": lesson.stream_id,
            "status": last.status if last else None,
            "problem": lesson.problem,
        }
    )


def health(request: HttpRequest, account: str) -> HttpResponse:
    """Say whether the account can be used, and what is wrong otherwise."""
    get_object_or_404(Account, pk=account)
    try:
        found = client_for(account).check(deadline=5)
    except live.ConfigurationError as error:  # such as a missing token
        return JsonResponse({"state": "configuration", "reason": error.message}, status=503)
    return JsonResponse(found.to_dict(), status=200 if found.is_ok else 503)
