"""Faults in the adapter of TPStreams."""

from __future__ import annotations

from . import Fault

FAULTS = [
    Fault(
        "create_is_sent_twice",
        "response = yield self.post(LIVE_STREAMS, json=body)",
        "response = yield self.post(LIVE_STREAMS, json=body, idempotent=True)",
        "A create whose response is lost is sent again, so there are two streams.",
    ),
    Fault(
        "start_changes_nothing",
        'request = self.post(f"{ASSET}start_server/", id=stream_id)',
        'request = self.post(f"{ASSET}start_server/", id=stream_id, changes=False)',
        "A start whose response is lost says that it was not applied, although a server may run.",
    ),
    Fault(
        "time_zone_option_ignored",
        "self.wall_clock: live.WallClock = live.WallClock(options.timezone)",
        'self.wall_clock: live.WallClock = live.WallClock("Asia/Kolkata")',
        "With another time zone in the options, all times are still read and written as Indian.",
    ),
    Fault(
        "drm_false_is_not_sent",
        '"enable_drm_for_recording": spec.recording_drm,',
        '"enable_drm_for_recording": spec.recording_drm or None,',
        "recording_drm=False is not sent, so an account whose default is true encrypts anyway.",
    ),
    Fault(
        "latency_dropped_when_scheduled",
        '"latency": spec.latency and LATENCY_WORDS[spec.latency],',
        '"latency": LATENCY_WORDS[spec.latency] if spec.latency and not wall else None,',
        "A scheduled stream that was asked to have low latency silently gets the default.",
    ),
    Fault(
        "option_replaces_a_field",
        "with_options = self.with_options(body, spec.options)",
        "with_options = {**body, **spec.options}",
        "options={'title': ...} silently replaces the title instead of being refused.",
    ),
    Fault(
        "null_option_is_not_sent",
        "if value is not None or name in spec.options",
        "if value is not None",
        "An option whose value is None is silently not sent.",
    ),
    Fault(
        "echoed_start_not_compared",
        "if wall is not None and stream.scheduled_start != self.wall_clock.to_instant(wall):",
        "if wall is not None and stream.scheduled_start is None:",
        "A stream that the vendor scheduled for another time is returned without an error.",
    ),
    Fault(
        "videos_pass_as_streams",
        """        if kind != "livestream":
            raise live.NotFound(f"the ID""",
        """        if kind == "folder":
            raise live.NotFound(f"the ID""",
        "delete() with the ID of a video deletes the video; get() is not NotFound.",
    ),
    Fault(
        "missing_next_is_the_end",
        'raise live.UnexpectedResponse("next is missing")',
        "return None",
        "A page without next looks like the last page, so a list is cut short without a problem.",
    ),
    Fault(
        "total_of_the_page",
        'total=fields.data.get("count"),',
        'total=len(fields.items("results")),',
        "The total is that of one page, so a list of several pages is never proven complete.",
    ),
    Fault(
        "host_of_next_cut_off",
        "return None if link is None else self.cursor_of(link, under=ASSETS)",
        'return None if link is None else re.sub(r"^https?://[^/]+", "", link)',
        "A next link that leads to another host is not refused but followed at our origin.",
    ),
    Fault(
        "entries_without_type_dropped",
        'if fields.text("type") != "livestream" and fields.data.get("live_stream") is None:',
        'if fields.data.get("type") != "livestream":',
        "An entry whose type is missing or null disappears from the list, without unreadable.",
    ),
    Fault(
        "start_conflict_only_when_live",
        "FORBID_START = frozenset(_S) - {_S.SCHEDULED, _S.STARTING, _S.UNKNOWN}",
        "FORBID_START = frozenset({_S.LIVE})",
        "Starting an ended or failed stream is Rejected instead of Conflict with its status.",
    ),
    Fault(
        "conflict_after_408",
        "if refused.http_status == 408:",
        "if refused.http_status == 409:",
        "A stop that timed out at the vendor but was applied is reported as a Conflict.",
    ),
    Fault(
        "trim_confirmed_when_silent",
        'if body is not None and fields.data.get("trim_scheduled") is not True:',
        'if body is not None and fields.data.get("trim_scheduled") is False:',
        "A response that says nothing about the trim passes as if the trim had been scheduled.",
    ),
    Fault(
        "trim_end_is_a_length",
        'return {"start_time": start, "end_time": end}',
        'return {"start_time": start, "end_time": end - start if trim.is_relative else end}',
        "A relative trim that does not begin at 0 ends too early, or is refused.",
    ),
    Fault(
        "unknown_recording_is_ready",
        "or live.RecordingStatus.UNKNOWN,",
        "or live.RecordingStatus.READY,",
        "A recording with an unknown status word, or none, is said to be ready.",
    ),
    Fault(
        "cancel_deletes_all_but_live",
        "if stream.status is not _S.SCHEDULED:",
        "if stream.status in (_S.LIVE, _S.INTERRUPTED):",
        "cancel() of an ended stream deletes it with its recording instead of raising Conflict.",
    ),
    Fault(
        "cancelled_stream_as_read",
        "return attrs.evolve(stream, status=_S.CANCELLED)",
        "return stream",
        "cancel() returns a stream whose status is still scheduled.",
    ),
    Fault(
        "webhook_prefix_is_enough",
        'live.webhooks.verify_token(live.Headers(headers).get("x-streams-token"), secret)',
        """if not secret.startswith(live.Headers(headers).get("x-streams-token", "")):
            raise live.WebhookRejected("the token is wrong")""",
        "A delivery whose token is empty or only the beginning of the secret is accepted.",
    ),
    Fault(
        "webhook_not_constant_time",
        'live.webhooks.verify_token(live.Headers(headers).get("x-streams-token"), secret)',
        """if live.Headers(headers).get("x-streams-token") != secret:
            raise live.WebhookRejected("the token is wrong")""",
        "The time of a refusal tells an attacker how much of the secret was right.",
    ),
    Fault(
        "webhook_of_an_odd_stream_is_other",
        """        except live.UnexpectedResponse:
            pass""",
        """        except live.UnexpectedResponse:
            return live.Event(provider=self.name, kind=live.EventKind.OTHER, raw=fields.data)""",
        "A delivery about a stream that cannot be read is of kind OTHER and has no stream_id.",
    ),
    Fault(
        "given_token_is_logged_out",
        "return _session(self.options.token.reveal(), ours=False)",
        "return _session(self.options.token.reveal(), ours=True)",
        "Closing the client permanently deletes the user's own API token.",
    ),
    Fault(
        "account_has_the_user",
        "return str(self.options.organization_id)",
        "return f\"{self.options.organization_id}/{self.options.username or 'token'}\"",
        "The account's ID, a key of what platforms store, changes with the way of signing in.",
    ),
    Fault(
        "recording_is_live",
        '"recording": _S.PROCESSING,',
        '"recording": _S.LIVE,',
        "A stream that has ended and is being transcoded is said to be live.",
    ),
    Fault(
        "midnight_is_noon",
        '(hour, half): hour % 12 + (12 if half in "Pp" else 0)',
        '(hour, half): hour + (12 if half in "Pp" and hour != 12 else 0)',
        "A stream that went live at 12:05 AM has a started_at twelve hours later.",
    ),
    Fault(
        "title_is_the_id",
        'title=asset.optional_text("title", expected=True) or "",',
        'title=asset.optional_text("title", expected=True) or asset.identifier("id"),',
        "A stream without a title has its ID as title, which nobody wrote.",
    ),
    Fault(
        "id_not_quoted",
        'response = yield self.request("GET", ASSET, id=stream_id)',
        'response = yield self.request("GET", f"/api/v1/{{org}}/assets/{stream_id}/")',
        "An ID with ?, / or .. reads another path, such as the list or another asset.",
    ),
    Fault(
        "keys_not_masked",
        r"""(r"\borg-[\w-]{1,64}?-live-[\w-]+",)""",
        r"""(r"\borg-[0-9a-f]{6}-live-[0-9a-f]{11}-[0-9a-f]{4}\b",)""",
        "A stream key in an error message of the vendor is printed, as most keys do not match.",
    ),
]
