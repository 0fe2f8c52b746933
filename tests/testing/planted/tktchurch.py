"""Faults in the adapter of TKT Church."""

from __future__ import annotations

from . import Fault

FAULTS = [
    Fault(
        "description_has_a_default",
        '"description": ("description", lambda text: text or ""),',
        '"description": ("description", lambda text: text or "-"),',
        "A stream without a description gets a dash, and a description cannot be cleared.",
    ),
    Fault(
        "tags_are_sorted",
        '"tags": ("tags", lambda tags: [*(tags or ())]),',
        '"tags": ("tags", lambda tags: sorted(tags or ())),',
        "Tags are stored in another order than the user's.",
    ),
    Fault(
        "seconds_of_the_start_lost",
        '("scheduledStartTime", live.format_instant)',
        '("scheduledStartTime", lambda at: f"{at:%Y-%m-%dT%H:%M}:00Z")',
        "A stream scheduled for 10:00:30 is announced for 10:00:00.",
    ),
    Fault(
        "linked_picture_wins",
        "thumbnail_url=uploaded or linked or None,",
        "thumbnail_url=linked or uploaded or None,",
        "A stream with an uploaded picture shows the address of another picture.",
    ),
    Fault(
        "youtube_anywhere_in_the_url",
        'return "youtubeUrl" if _YOUTUBE.fullmatch(host or "") else "customStreamUrl"',
        'return "youtubeUrl" if host and "youtube" in url else "customStreamUrl"',
        "youtu.be addresses are stored as custom streams, and any page about youtube as YouTube.",
    ),
    Fault(
        "options_ignored",
        "json=self.with_options(_body(known), spec.options)",
        "json=_body(known)",
        "Options of the vendor in a create are silently not sent.",
    ),
    Fault(
        "get_believes_404",
        "if not isinstance(error, live.NotFound) and error.http_status != 405:",
        "if error.http_status != 405:",
        "If the undocumented path does not exist, every stream is NotFound though it is listed.",
    ),
    Fault(
        "search_of_one_page",
        "stream = yield from self.find(stream_id)\n",
        """found = yield from self.list(live.Query())
        key = self.id_key(stream_id)
        stream = next((each for each in found.items if self.id_key(each.id) == key), None)
""",
        "Without the undocumented path, a stream on the second page of the list is NotFound.",
    ),
    Fault(
        "page_size_ignored",
        '"per": query.size,',
        '"per": 10,',
        "The size that a user asks for has no effect on the pages.",
    ),
    Fault(
        "unknown_status_sent",
        "status = query.status if query.status in _STATUS.values() else None",
        "status = query.status",
        "A list filtered by the status unknown is refused by the vendor instead of empty.",
    ),
    Fault(
        "tag_in_lower_case",
        '"tag": query.tag}',
        '"tag": query.tag and query.tag.lower()}',
        "A list of the streams with the tag Sunday is empty.",
    ),
    Fault(
        "last_page_lost_without_count",
        "count = max(1, -(-total // per))",
        "count = max(1, total // per)",
        "If the vendor leaves pageCount out, the streams of the last, partial page are missing.",
    ),
    Fault(
        "wrong_page_accepted",
        'if total < 0 or metadata.optional_integer("page") not in (None, page):',
        "if total < 0:",
        "A response that is another page than the one requested is taken for it.",
    ),
    Fault(
        "odd_total_hides_the_page",
        'metadata = response.fields(lenient=True).optional_object("metadata")',
        'metadata = response.fields().optional_object("metadata")',
        "If the total is not a number, no stream of the page is returned.",
    ),
    Fault(
        "odd_cursor_crashes",
        "if not _CURSOR.fullmatch(query.cursor):",
        "if not query.cursor.isdigit():",
        "A made-up cursor such as 0 or a superscript two is not refused as InvalidInput.",
    ),
    Fault(
        "update_resets_tags",
        "return self._put(stream_id, _body(changes))",
        'return self._put(stream_id, {"description": "", "tags": [], **_body(changes)})',
        "Changing the title empties the description and the tags.",
    ),
    Fault(
        "put_changes_nothing",
        "response = yield self.put(_ONE, id=stream_id, json=body)",
        "response = yield self.put(_ONE, id=stream_id, json=body, changes=False)",
        "An update whose response is lost says that it was not applied.",
    ),
    Fault(
        "cancelled_can_be_stopped",
        "Status.ENDED, frozenset({Status.CANCELLED}))",
        "Status.ENDED, frozenset())",
        "stop() turns a cancelled stream into an ended one with an end time.",
    ),
    Fault(
        "live_can_be_cancelled",
        "Status.CANCELLED, frozenset({Status.LIVE, Status.ENDED}))",
        "Status.CANCELLED, frozenset({Status.ENDED}))",
        "cancel() takes a stream that is live off the air.",
    ),
    Fault(
        "second_start_moves_the_time",
        "if stream.status is step.unchanged:",
        "if stream.status is step.unchanged and step.time_field is None:",
        "A second start of a live stream overwrites the time at which it went live.",
    ),
    Fault(
        "clock_of_the_machine",
        "live.format_instant(self.clock())",
        "live.format_instant(datetime.now().astimezone())",
        "A platform that passes its own clock gets start and end times of the machine's.",
    ),
    Fault(
        "any_page_proves_a_delete",
        "if response.body and not response.is_readable:",
        "if response.status not in (200, 202, 204):",
        "A text that a proxy sends with 200 makes a stream look deleted.",
    ),
    Fault(
        "case_of_ids_matters",
        "return stream_id.lower()",
        "return stream_id",
        "A stream is not found, or refused as another, if the vendor writes its ID in upper case.",
    ),
    Fault(
        "unknown_status_is_scheduled",
        "or Status.UNKNOWN,",
        "or Status.SCHEDULED,",
        "A stream with a status word that the adapter does not know is said to be scheduled.",
    ),
    Fault(
        "created_when_updated",
        'created_at=fields.optional_instant("createdAt", field="created_at")',
        'created_at=fields.optional_instant("updatedAt", field="created_at")',
        "The time of creation changes with each update.",
    ),
    Fault(
        "start_time_invented",
        'started_at=fields.optional_instant("actualStartTime", field="started_at"),',
        """started_at=fields.optional_instant("actualStartTime", field="started_at")
        or fields.optional_instant("scheduledStartTime", field="scheduled_start"),""",
        "A stream that has not been live has a started_at: the time it is scheduled for.",
    ),
    Fault(
        "odd_tags_crash",
        'tags=fields.optional_texts("tags"),',
        'tags=tuple(tag.strip() for tag in fields.data.get("tags") or ()),',
        "A stream with one tag that is not a text cannot be read at all.",
    ),
    Fault(
        "session_never_expires",
        'expires_at=fields.optional_end("expires_in", now),',
        "expires_at=None,",
        "The session is not renewed before it expires, and its expiry is shown as unknown.",
    ),
    Fault(
        "refresh_token_lost",
        "memo=live.Secret(renewed) if renewed else refresh,",
        "memo=live.Secret(renewed) if renewed else None,",
        "After a renewal without a new refresh token, the password is sent each hour again.",
    ),
    Fault(
        "no_login_after_a_refused_refresh",
        "except (live.AuthenticationFailed, live.NotFound, live.Rejected):",
        "except live.NotFound:",
        "Once the refresh token has expired, every call fails although the password is right.",
    ),
]
