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
    ),
    Fault(
        "create-id-not-in-envelope",
        "return super().id_in(data)",
        "return super().id_in(payload)",
        "an error after a create has no stream_id, because the ID is inside data",
    ),
    # -- list -----------------------------------------------------------------------------------
    Fault(
        "list-neutral-status",
        '"status": None if query.status is None else _WORDS.get(query.status),',
        '"status": None if query.status is None else str(query.status),',
        "list(status=LIVE) sends the library's word, which Mux refuses",
    ),
    Fault(
        "list-status-key-error",
        '"status": None if query.status is None else _WORDS.get(query.status),',
        '"status": None if query.status is None else _WORDS[query.status],',
        "list(status=INTERRUPTED) fails, because Mux has no word for it",
    ),
    # -- update ---------------------------------------------------------------------------------
    Fault(
        "update-clears-with-null",
        'body["passthrough"] = value or ""\n'
        '            _check_length(name, body["passthrough"], _LONGEST_REFERENCE)',
        'body["passthrough"] = value\n'
        '            _check_length(name, value or "", _LONGEST_REFERENCE)',
        "update(reference=None) sends null, which Mux refuses",
    ),
    Fault(
        "update-by-put",
        "yield self.patch(_ONE, id=stream_id, json=_body(changes))",
        "yield self.put(_ONE, id=stream_id, json=_body(changes))",
        "an update is a PUT, which Mux does not have",
    ),
    Fault(
        "title-outside-meta",
        'body["meta"] = {"title": value}',
        'body["title"] = value',
        "the title is sent at the top level, where Mux has none",
    ),
    Fault(
        "length-in-bytes",
        "if len(text) > longest:",
        "if len(text.encode()) > longest:",
        "a title of 200 Hindi characters is refused, although Mux counts code points",
    ),
    # -- start, stop, disable, enable, and the key ----------------------------------------------
    Fault(
        "start-disabled",
        "        if stream.status is Status.DISABLED:\n"
        '            raise _conflict(stream, "enable it first")\n',
        "",
        "start() of a disabled stream succeeds, although no encoder can connect",
    ),
    Fault(
        "stop-disables",
        'yield self.put(f"{_ONE}/complete", id=stream_id, idempotent=False)',
        'yield self.put(f"{_ONE}/disable", id=stream_id, idempotent=False)',
        "stop() disables the stream, so that it cannot be used again",
    ),
    Fault(
        "disable-refuses-live",
        '_confirm((yield self.put(f"{_ONE}/{action}", id=stream_id)))',
        "if stream.status is Status.LIVE:\n"
        '            raise _conflict(stream, "stop it first")\n'
        '        _confirm((yield self.put(f"{_ONE}/{action}", id=stream_id)))',
        "a stream that is live cannot be disabled",
    ),
    Fault(
        "enable-enabled",
        'if (stream.status is Status.DISABLED) is (action == "disable"):',
        'if stream.status is Status.DISABLED and action == "disable":',
        "enable() of an enabled stream is sent to Mux, which refuses it as invalid",
    ),
    Fault(
        "reset-key-sent-twice",
        'yield self.post(f"{_ONE}/reset-stream-key", id=stream_id)',
        'yield self.post(f"{_ONE}/reset-stream-key", id=stream_id, idempotent=True)',
        "a reset whose response is lost is sent again, and replaces the key twice",
    ),
    # -- recordings -----------------------------------------------------------------------------
    Fault(
        "recordings-first-page",
        "            if not assets:\n                return tuple(recordings)\n",
        "            return tuple(recordings)\n",
        "only the first 100 recordings of a stream are returned",
    ),
    Fault(
        "recordings-of-all",
        'params={"live_stream_id": stream_id, "limit": _PAGE_SIZE, "page": page},',
        'params={"limit": _PAGE_SIZE, "page": page},',
        "the recordings of all streams of the environment are returned",
    ),
    Fault(
        "recordings-end-while-live",
        "if times and not is_live:",
        "if times:",
        "a recording whose stream is still live has an end",
    ),
    Fault(
        "recordings-end-from-first-start",
        "ended_at = starts[-1] + timedelta(seconds=duration)",
        "ended_at = starts[0] + timedelta(seconds=duration)",
        "the end of a run with an interruption is too early, or the recording cannot be read",
    ),
    # -- parsing --------------------------------------------------------------------------------
    Fault(
        "parse-empty-reference",
        'reference=fields.optional_text("passthrough", field="reference") or None,',
        'reference=fields.optional_text("passthrough", field="reference"),',
        "a cleared reference is an empty string, not None",
    ),
    Fault(
        "parse-srt-one-server",
        'srt = f"srt://{host[1]}:6001"',
        'srt = "srt://global-live.mux.com:6001"',
        "with ingest_url= of a region, the SRT ingest is still that of the whole world",
    ),
    Fault(
        "parse-latency-default",
        'latency=fields.optional_word("latency_mode", _LATENCY, field="latency"),',
        'latency=fields.optional_word("latency_mode", _LATENCY, field="latency")\n'
        "            or Latency.NORMAL,",
        "an unknown latency is reported as NORMAL",
    ),
    # -- webhooks -------------------------------------------------------------------------------
    Fault(
        "webhook-machine-clock",
        "now=self.clock(),",
        "now=datetime.now().astimezone(),",
        "the age of a delivery is computed with the machine's time, not with connect(clock=...)",
    ),
    Fault(
        "webhook-recorded-misspelled",
        '_RECORDED = "video.asset.live_stream_completed"',
        '_RECORDED = "video.asset.live_stream.completed"',
        "the event that a recording is complete does not name its stream",
    ),
    Fault(
        "webhook-simulcast-is-stream",
        "about_stream = kind.startswith(_STREAM_EVENTS) and not kind.startswith(_SIMULCAST_EVENTS)",
        "about_stream = kind.startswith(_STREAM_EVENTS)",
        "an event about a simulcast target cannot be read, because it is read as a stream",
    ),
    Fault(
        "webhook-deleted-has-stream",
        'if kind != "video.live_stream.deleted":\n'
        "                stream = self.parse_stream(data.data)",
        "stream = self.parse_stream(data.data)",
        "the event that a stream was deleted shows it as if it existed",
    ),
    # -- errors, account, and capabilities ------------------------------------------------------
    Fault(
        "error-first-message",
        'return "; ".join(each for each in messages if isinstance(each, str))',
        "return messages[0]",
        "only the first of Mux's messages is in the error",
    ),
    Fault(
        "account-environment-ignored",
        "return self.options.environment or self.options.token_id",
        "return self.options.token_id",
        "the account changes when the access token is replaced, although environment= is set",
    ),
    Fault(
        "sign-in-secret-masked",
        "live.Session.basic(self.options.token_id, self.options.token_secret)",
        "live.Session.basic(self.options.token_id, str(self.options.token_secret))",
        "Mux gets *** as the secret, and refuses every request",
    ),
    Fault(
        "record-any-value",
        'Support.AUTOMATIC, "Mux records every run", values={True}',
        'Support.AUTOMATIC, "Mux records every run"',
        "create(record=False) is accepted, but Mux records the stream",
    ),
    Fault(
        "declares-restreams-updatable",
        'updatable=("title", "reference", "latency"),',
        'updatable=("title", "reference", "latency", "restreams"),',
        "update(restreams=...) is accepted, and fails in the adapter",
    ),
]
