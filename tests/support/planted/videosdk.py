"""Faults in the adapter for VideoSDK."""

from __future__ import annotations

from . import Fault

FAULTS = [
    # -- create ---------------------------------------------------------------------------------
    Fault(
        "create-options-ignored",
        "body = self.with_options(known, spec.options)",
        "body = dict(known)",
        "options= has no effect on a create",
    ),
    Fault(
        "create-options-replace-fields",
        "body = self.with_options(known, spec.options)",
        "body = {**known, **spec.options}",
        "options={'name': ...} silently replaces the title",
    ),
    Fault(
        "create-first-restream-only",
        "[_target(each) for each in spec.restreams] or None",
        "[_target(each) for each in spec.restreams[:1]] or None",
        "the second restream target is dropped",
    ),
    Fault(
        "create-restream-key-masked",
        '"streamKey": target.stream_key.reveal()}',
        '"streamKey": str(target.stream_key)}',
        "VideoSDK gets *** as the key of a restream target",
    ),
    Fault(
        "create-sent-twice",
        "yield self.post(_ALL, json=body)",
        "yield self.post(_ALL, json=body, idempotent=True)",
        "a create whose response is lost makes two streams",
    ),
    # -- list -----------------------------------------------------------------------------------
    Fault(
        "list-total-of-one-page",
        'total=None if info is None else info.optional_integer("total"),',
        "total=len(items),",
        "the number of streams on a page is reported as the total",
    ),
    Fault(
        "list-last-page-lost",
        "if last is None or requested < last else None",
        "if last is None or requested + 1 < last else None",
        "the last page of a list is never read",
    ),
    Fault(
        "list-cursor-isdigit",
        "if not _PAGE.fullmatch(number):",
        "if not number.isdigit():",
        "the cursors 0 and ² are not refused as InvalidInput",
    ),
    Fault(
        "list-one-bad-entry",
        "return self.page(\n"
        "            items,\n"
        "            next=lambda: _next_page(fields, int(number), len(items)),\n"
        '            total=None if info is None else info.optional_integer("total"),\n'
        "        )",
        "return live.Page(\n"
        "            [self.parse_stream(each) for each in items],\n"
        "            _next_page(fields, int(number), len(items)),\n"
        '            None if info is None else info.optional_integer("total"),\n'
        "        )",
        "one entry that cannot be read hides all streams of its page",
    ),
    # -- update ---------------------------------------------------------------------------------
    Fault(
        "update-false-dropped",
        "body = {_FIELDS[name]: value for name, value in changes.items()}",
        "body = {_FIELDS[name]: value for name, value in changes.items() if value}",
        "update(record=False) changes nothing",
    ),
    Fault(
        "update-by-put",
        "yield self.post(_ONE, id=stream_id, json=body)",
        "yield self.put(_ONE, id=stream_id, json=body)",
        "an update is a PUT, which VideoSDK does not document",
    ),
    Fault(
        "update-names-of-the-model",
        "body = {_FIELDS[name]: value for name, value in changes.items()}",
        "body = dict(changes)",
        "update(title=...) sends title, but VideoSDK calls it name",
    ),
    Fault(
        "update-declares-restreams",
        'updatable={"title", "record"},',
        'updatable={"title", "record", "restreams"},',
        "update(restreams=...) is accepted, and fails because a RestreamTarget is not JSON",
    ),
    # -- delete ---------------------------------------------------------------------------------
    Fault(
        "delete-any-2xx",
        'response = yield self.request("DELETE", _ONE, id=stream_id)\n'
        "        if response.status != 204:\n"
        "            response.json()  # a proxy's page does not prove a deletion",
        'yield self.request("DELETE", _ONE, id=stream_id)',
        "a 200 whose body is not JSON counts as a deletion",
    ),
    Fault(
        "delete-missing-is-fine",
        'response = yield self.request("DELETE", _ONE, id=stream_id)\n',
        "try:\n"
        '            response = yield self.request("DELETE", _ONE, id=stream_id)\n'
        "        except live.NotFound:\n"
        "            return\n",
        "deleting an ID that never existed succeeds",
    ),
    # -- errors ---------------------------------------------------------------------------------
    Fault(
        "error-402-is-permission",
        "{402: live.NotFound}",
        "{402: live.PermissionDenied}",
        "a missing stream for which VideoSDK says 402 is PermissionDenied",
    ),
    # -- secrets --------------------------------------------------------------------------------
    Fault(
        "secret-playback-url-plain",
        "playbacks=(live.Playback(live.SecretUrl(playback)),) if playback else (),",
        "playbacks=(live.Playback(playback),) if playback else (),",
        "the playback URL, which contains the key, is printed if there is no ingest beside it",
    ),
    Fault(
        "secret-recording-url-plain",
        "live.Recording(live.RecordingStatus.UNKNOWN, live.SecretUrl(recording))",
        "live.Recording(live.RecordingStatus.UNKNOWN, recording)",
        "the recording's URL, which contains the key, is printed if there is no ingest beside it",
    ),
    Fault(
        "secret-only-uuid-masked",
        '        r"(?<=/live/)[^\\s/\\"\'<>?#\\\\]+",\n',
        "",
        "a stream key that is not a UUID, as in the guide, is not masked in errors",
    ),
    # -- account and signing in -----------------------------------------------------------------
    Fault(
        "account-end-of-token",
        'return f"token-{hashlib.sha256(token.encode()).hexdigest()[:8]}"',
        'return f"token-{token[-8:]}"',
        "the account, which is logged, contains a part of the token",
    ),
    Fault(
        "sign-in-machine-clock",
        "present = int(now.timestamp())",
        "present = int(datetime.now(UTC).timestamp())",
        "tokens are signed with the machine's time, not with that of connect(clock=...)",
    ),
    Fault(
        "sign-in-issued-now",
        "issued = present - int(ISSUED_BEFORE.total_seconds())",
        "issued = present",
        "a vendor whose clock is some seconds behind refuses the token",
    ),
    # -- parsing --------------------------------------------------------------------------------
    Fault(
        "parse-title-required",
        'title=fields.optional_text("name", field="title", expected=True) or "",',
        'title=fields.text("name"),',
        "a stream with a null name cannot be read at all",
    ),
    Fault(
        "parse-any-object-with-id",
        "if not any(name in fields.data for name in _OWN):",
        'if "id" not in fields.data:',
        "any object with an ID is read as a stream",
    ),
    Fault(
        "parse-updated-is-created",
        'updated_at=fields.optional_instant("updatedAt", field="updated_at"),',
        'updated_at=fields.optional_instant("createdAt", field="updated_at"),',
        "updated_at is the time of the creation",
    ),
    Fault(
        "parse-problem-vendor-name",
        'created_at=fields.optional_instant("createdAt", field="created_at"),',
        'created_at=fields.optional_instant("createdAt"),',
        "the problem of an unreadable time names createdAt, not created_at",
    ),
    Fault(
        "parse-record-unknown-is-false",
        'record = fields.optional_flag("record")',
        'record = fields.optional_flag("record") or False',
        "record is False if VideoSDK does not say it",
    ),
    Fault(
        "parse-raw-forgotten",
        "            raw=fields.data,\n",
        "",
        "stream.raw is empty",
    ),
    Fault(
        "parse-server-with-key",
        'server = fields.optional_text("streamUrl", field="ingests")',
        'server = fields.optional_text("upstreamUrl", field="ingests")',
        "a stream with an upstreamUrl but no streamKey has no key, and its server is not masked",
    ),
    Fault(
        "parse-strict-getters",
        "fields = live.Fields(payload, lenient=True)",
        "fields = live.Fields(payload)",
        "one value of the wrong type hides the stream",
    ),
]
