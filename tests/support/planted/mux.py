"""Faults in the adapter for Mux."""

from __future__ import annotations

from . import Fault

FAULTS = [
    # -- create ---------------------------------------------------------------------------------
    Fault(
        "create-policies-win",
        'json={**policies, "new_asset_settings": policies, **body}',
        'json={**body, **policies, "new_asset_settings": policies}',
        "options={'playback_policies': ...} and {'new_asset_settings': ...} have no effect",
        unknowable="What an option of the vendor means, and which default it replaces, only the vendor knows.",
    ),
    Fault(
        "create-sent-twice",
        'response = yield self.post(_ALL, json={**policies, "new_asset_settings": policies, **body})',
        "response = yield self.post(\n"
        "            _ALL,\n"
        '            json={**policies, "new_asset_settings": policies, **body},\n'
        "            idempotent=True,\n"
        "        )",
        "a create whose response is lost makes two streams",
        was_caught=True,
        caught_by="Faults::test_a_create_is_sent_once_whatever_becomes_of_it",
    ),
    Fault(
        "create-id-not-in-envelope",
        "return super().id_in(data)",
        "return super().id_in(payload)",
        "an error after a create has no stream_id, because the ID is inside data",
        missed="A create whose answer is unreadable but for the ID.",
    ),
    # -- list -----------------------------------------------------------------------------------
    Fault(
        "list-neutral-status",
        '"status": None if query.status is None else _WORDS.get(query.status),',
        '"status": None if query.status is None else str(query.status),',
        "list(status=LIVE) sends the library's word, which Mux refuses",
        was_caught=True,
        caught_by="Exactness::test_a_filter_by_a_status_is_never_refused",
    ),
    Fault(
        "list-status-key-error",
        '"status": None if query.status is None else _WORDS.get(query.status),',
        '"status": None if query.status is None else _WORDS[query.status],',
        "list(status=INTERRUPTED) fails, because Mux has no word for it",
        was_caught=True,
        caught_by="Exactness::test_a_filter_by_a_status_is_never_refused",
    ),
    # -- update ---------------------------------------------------------------------------------
    Fault(
        "update-clears-with-null",
        'body["passthrough"] = value or ""\n'
        '            _check_length(name, body["passthrough"], _LONGEST_REFERENCE)',
        'body["passthrough"] = value\n'
        '            _check_length(name, value or "", _LONGEST_REFERENCE)',
        "update(reference=None) sends null, which Mux refuses",
        was_caught=True,
        caught_by="Operations::test_a_field_that_can_be_cleared_is_empty_afterwards",
    ),
    Fault(
        "update-by-put",
        "yield self.patch(_ONE, id=stream_id, json=_body(changes))",
        "yield self.put(_ONE, id=stream_id, json=_body(changes))",
        "an update is a PUT, which Mux does not have",
        was_caught=True,
        caught_by="Operations::test_an_update_changes_the_field_it_names",
    ),
    Fault(
        "title-outside-meta",
        'body["meta"] = {"title": value}',
        'body["title"] = value',
        "the title is sent at the top level, where Mux has none",
        was_caught=True,
        caught_by="Operations::test_a_created_stream_has_the_title_that_was_asked_for",
    ),
    Fault(
        "length-in-bytes",
        "if len(text) > longest:",
        "if len(text.encode()) > longest:",
        "a title of 200 Hindi characters is refused, although Mux counts code points",
        missed="A long title in another script, which the emulator accepts.",
    ),
    # -- start, stop, disable, enable, and the key ----------------------------------------------
    Fault(
        "start-disabled",
        "        if stream.status is Status.DISABLED:\n"
        '            raise _conflict(stream, "enable it first")\n',
        "",
        "start() of a disabled stream succeeds, although no encoder can connect",
        was_caught=True,
        caught_by="EveryStatus::test_an_operation_has_its_effect_or_is_refused_in_every_status",
    ),
    Fault(
        "stop-disables",
        'yield self.put(f"{_ONE}/complete", id=stream_id, idempotent=False)',
        'yield self.put(f"{_ONE}/disable", id=stream_id, idempotent=False)',
        "stop() disables the stream, so that it cannot be used again",
        was_caught=True,
        caught_by="Operations::test_a_stopped_stream_is_over",
    ),
    Fault(
        "disable-refuses-live",
        '_confirm((yield self.put(f"{_ONE}/{action}", id=stream_id)))',
        "if stream.status is Status.LIVE:\n"
        '            raise _conflict(stream, "stop it first")\n'
        '        _confirm((yield self.put(f"{_ONE}/{action}", id=stream_id)))',
        "a stream that is live cannot be disabled",
        missed="A live stream that the emulator lets be disabled, and the adapter does not.",
    ),
    Fault(
        "enable-enabled",
        'if (stream.status is Status.DISABLED) is (action == "disable"):',
        'if stream.status is Status.DISABLED and action == "disable":',
        "enable() of an enabled stream is sent to Mux, which refuses it as invalid",
        missed="The class of the refusal of an operation that has nothing to do.",
    ),
    Fault(
        "reset-key-sent-twice",
        'yield self.post(f"{_ONE}/reset-stream-key", id=stream_id)',
        'yield self.post(f"{_ONE}/reset-stream-key", id=stream_id, idempotent=True)',
        "a reset whose response is lost is sent again, and replaces the key twice",
        missed="The number of requests of a reset whose response is lost.",
    ),
    # -- recordings -----------------------------------------------------------------------------
    Fault(
        "recordings-first-page",
        "            if not assets:\n                return tuple(recordings)\n",
        "            return tuple(recordings)\n",
        "only the first 100 recordings of a stream are returned",
        caught_by="Recordings::test_another_run_adds_a_recording",
    ),
    Fault(
        "recordings-of-all",
        'params={"live_stream_id": stream_id, "limit": _PAGE_SIZE, "page": page},',
        'params={"limit": _PAGE_SIZE, "page": page},',
        "the recordings of all streams of the environment are returned",
        was_caught=True,
        caught_by="Recordings::test_a_stream_that_was_never_live_has_no_recordings",
    ),
    Fault(
        "recordings-end-while-live",
        "if times and not is_live:",
        "if times:",
        "a recording whose stream is still live has an end",
        missed="The recordings of a run that was interrupted and goes on.",
    ),
    Fault(
        "recordings-end-from-first-start",
        "ended_at = starts[-1] + timedelta(seconds=duration)",
        "ended_at = starts[0] + timedelta(seconds=duration)",
        "the end of a run with an interruption is too early, or the recording cannot be read",
        missed="The end of the recording of a run that was interrupted.",
    ),
    # -- parsing --------------------------------------------------------------------------------
    Fault(
        "parse-empty-reference",
        'reference=fields.optional_text("passthrough", field="reference") or None,',
        'reference=fields.optional_text("passthrough", field="reference"),',
        "a cleared reference is an empty string, not None",
        missed="A cleared reference, which must be None.",
    ),
    Fault(
        "parse-srt-one-server",
        'srt = f"srt://{host[1]}:6001"',
        'srt = "srt://global-live.mux.com:6001"',
        "with ingest_url= of a region, the SRT ingest is still that of the whole world",
        unknowable="An option decides the address, and the vendor does not return it.",
    ),
    Fault(
        "parse-latency-default",
        'latency=fields.optional_word("latency_mode", _LATENCY, field="latency"),',
        'latency=fields.optional_word("latency_mode", _LATENCY, field="latency")\n'
        "            or Latency.NORMAL,",
        "an unknown latency is reported as NORMAL",
        was_caught=True,
        caught_by="OddValues::test_an_unknown_word_in_a_part_is_never_read_as_a_known_one",
    ),
    # -- webhooks -------------------------------------------------------------------------------
    Fault(
        "webhook-machine-clock",
        "now=self.clock(),",
        "now=datetime.now().astimezone(),",
        "the age of a delivery is computed with the machine's time, not with connect(clock=...)",
        was_caught=True,
        caught_by="Webhooks::test_a_delivery_is_rejected_if_it_is_old_where_the_vendor_signs_its_time",
    ),
    Fault(
        "webhook-recorded-misspelled",
        '_RECORDED = "video.asset.live_stream_completed"',
        '_RECORDED = "video.asset.live_stream.completed"',
        "the event that a recording is complete does not name its stream",
        missed="All deliveries of a whole run, and which stream each of them is about.",
    ),
    Fault(
        "webhook-simulcast-is-stream",
        "about_stream = kind.startswith(_STREAM_EVENTS) and not kind.startswith(_SIMULCAST_EVENTS)",
        "about_stream = kind.startswith(_STREAM_EVENTS)",
        "an event about a simulcast target cannot be read, because it is read as a stream",
        missed="All deliveries of a whole run, and which stream each of them is about.",
    ),
    Fault(
        "webhook-deleted-has-stream",
        'if kind != "video.live_stream.deleted":\n'
        "                stream = self.parse_stream(data.data)",
        "stream = self.parse_stream(data.data)",
        "the event that a stream was deleted shows it as if it existed",
        missed="The delivery about a stream that was deleted.",
    ),
    # -- errors, account, and capabilities ------------------------------------------------------
    Fault(
        "error-first-message",
        'return "; ".join(each for each in messages if isinstance(each, str))',
        "return messages[0]",
        "only the first of Mux's messages is in the error",
        unknowable="How many messages an error has, only the vendor knows.",
    ),
    Fault(
        "account-environment-ignored",
        "return self.options.environment or self.options.token_id",
        "return self.options.token_id",
        "the account changes when the access token is replaced, although environment= is set",
        unknowable="Whether an option names the account, only the adapter knows.",
    ),
    Fault(
        "sign-in-secret-masked",
        "live.Session.basic(self.options.token_id, self.options.token_secret)",
        "live.Session.basic(self.options.token_id, str(self.options.token_secret))",
        "Mux gets *** as the secret, and refuses every request",
        was_caught=True,
        caught_by="Operations::test_a_created_stream_has_the_title_that_was_asked_for",
    ),
    Fault(
        "record-any-value",
        'Support.AUTOMATIC, "Mux records every run", values={True}',
        'Support.AUTOMATIC, "Mux records every run"',
        "create(record=False) is accepted, but Mux records the stream",
        was_caught=True,
        caught_by="Operations::test_a_declared_field_is_set_and_read_back",
    ),
    Fault(
        "declares-restreams-updatable",
        'updatable=("title", "reference", "latency"),',
        'updatable=("title", "reference", "latency", "restreams"),',
        "update(restreams=...) is accepted, and fails in the adapter",
        was_caught=True,
        caught_by="Operations::test_an_update_changes_the_field_it_names",
    ),
]
