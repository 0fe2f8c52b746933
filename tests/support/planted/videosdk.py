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
        was_caught=True,
        caught_by="Operations::test_the_vendors_own_options_are_sent_with_a_create",
    ),
    Fault(
        "create-options-replace-fields",
        "body = self.with_options(known, spec.options)",
        "body = {**known, **spec.options}",
        "options={'name': ...} silently replaces the title",
        was_caught=True,
        caught_by="Input::test_an_option_that_the_model_has_a_field_for_is_refused",
    ),
    Fault(
        "create-first-restream-only",
        "[_target(each) for each in spec.restreams] or None",
        "[_target(each) for each in spec.restreams[:1]] or None",
        "the second restream target is dropped",
        caught_by="Operations::test_a_declared_field_is_set_and_read_back",
    ),
    Fault(
        "create-restream-key-masked",
        '"streamKey": target.stream_key.reveal()}',
        '"streamKey": str(target.stream_key)}',
        "VideoSDK gets *** as the key of a restream target",
        was_caught=True,
        caught_by="Operations::test_a_declared_field_is_set_and_read_back",
    ),
    Fault(
        "create-sent-twice",
        "yield self.post(_ALL, json=body)",
        "yield self.post(_ALL, json=body, idempotent=True)",
        "a create whose response is lost makes two streams",
        was_caught=True,
        caught_by="Faults::test_a_create_is_sent_once_whatever_becomes_of_it",
    ),
    # -- list -----------------------------------------------------------------------------------
    Fault(
        "list-total-of-one-page",
        'total=None if info is None else info.optional_integer("total"),',
        "total=len(items),",
        "the number of streams on a page is reported as the total",
        was_caught=True,
        caught_by="Paging::test_nothing_is_read_after_the_last_page",
    ),
    Fault(
        "list-last-page-lost",
        "if last is None or requested < last else None",
        "if last is None or requested + 1 < last else None",
        "the last page of a list is never read",
        was_caught=True,
        caught_by="Paging::test_streams_on_the_second_and_the_third_page_are_found_once_each",
        file="api.py",
    ),
    Fault(
        "list-cursor-isdigit",
        "if not _PAGE.fullmatch(number):",
        "if not number.isdigit():",
        "the cursors 0 and ² are not refused as InvalidInput",
        missed="Made-up digits as a cursor, which are refused or name a page that exists.",
        file="api.py",
    ),
    Fault(
        "list-one-bad-entry",
        "return self.page(\n"
        "            items,\n"
        '            next=lambda: next_page(fields.optional_object("pageInfo"), int(number), len(items)),\n'
        '            total=None if info is None else info.optional_integer("total"),\n'
        "        )",
        "return live.Page(\n"
        "            [self.parse_stream(each) for each in items],\n"
        '            next_page(fields.optional_object("pageInfo"), int(number), len(items)),\n'
        '            None if info is None else info.optional_integer("total"),\n'
        "        )",
        "one entry that cannot be read hides all streams of its page",
        was_caught=True,
        caught_by="Envelopes::test_a_page_whose_envelope_is_odd_loses_no_stream_silently",
    ),
    # -- update ---------------------------------------------------------------------------------
    Fault(
        "update-false-dropped",
        "body = {_FIELDS[name]: value for name, value in changes.items()}",
        "body = {_FIELDS[name]: value for name, value in changes.items() if value}",
        "update(record=False) changes nothing",
        caught_by="Operations::test_an_update_turns_a_flag_on_and_off",
    ),
    Fault(
        "update-by-put",
        "yield self.post(_ONE, id=stream_id, json=body)",
        "yield self.put(_ONE, id=stream_id, json=body)",
        "an update is a PUT, which VideoSDK does not document",
        missed="An emulator that refuses the methods that the vendor does not document.",
    ),
    Fault(
        "update-names-of-the-model",
        "body = {_FIELDS[name]: value for name, value in changes.items()}",
        "body = dict(changes)",
        "update(title=...) sends title, but VideoSDK calls it name",
        was_caught=True,
        caught_by="Operations::test_an_update_changes_the_field_it_names",
    ),
    Fault(
        "update-declares-restreams",
        'updatable={"title", "record"},',
        'updatable={"title", "record", "restreams"},',
        "update(restreams=...) is accepted, and fails because a RestreamTarget is not JSON",
        was_caught=True,
        caught_by="Operations::test_an_update_changes_the_field_it_names",
    ),
    # -- delete ---------------------------------------------------------------------------------
    Fault(
        "delete-any-2xx",
        'response = yield self.request("DELETE", _ONE, id=stream_id)\n'
        "        if response.status != 204:\n"
        "            response.json()  # a proxy's page does not prove a deletion",
        'yield self.request("DELETE", _ONE, id=stream_id)',
        "a 200 whose body is not JSON counts as a deletion",
        was_caught=True,
        unknowable="A vendor may confirm with any text. Only web pages are known to be a proxy's.",
    ),
    Fault(
        "delete-missing-is-fine",
        'response = yield self.request("DELETE", _ONE, id=stream_id)\n',
        "try:\n"
        '            response = yield self.request("DELETE", _ONE, id=stream_id)\n'
        "        except live.NotFound:\n"
        "            return\n",
        "deleting an ID that never existed succeeds",
        was_caught=True,
        caught_by="Operations::test_the_id_of_a_deleted_stream_is_not_found",
    ),
    # -- errors ---------------------------------------------------------------------------------
    Fault(
        "error-402-is-permission",
        "{402: live.NotFound}",
        "{402: live.PermissionDenied}",
        "a missing stream for which VideoSDK says 402 is PermissionDenied",
        missed="The settings of an emulator, such as its status for a missing stream.",
        file="api.py",
    ),
    # -- secrets --------------------------------------------------------------------------------
    Fault(
        "secret-playback-url-plain",
        "playbacks=(live.Playback(live.SecretUrl(playback)),) if playback else (),",
        "playbacks=(live.Playback(playback),) if playback else (),",
        "the playback URL, which contains the key, is printed if there is no ingest beside it",
        missed="A payload without its key: the key is still secret in other URLs.",
    ),
    Fault(
        "secret-recording-url-plain",
        "live.Recording(live.RecordingStatus.UNKNOWN, live.SecretUrl(recording))",
        "live.Recording(live.RecordingStatus.UNKNOWN, recording)",
        "the recording's URL, which contains the key, is printed if there is no ingest beside it",
        missed="A payload without its key: the key is still secret in other URLs.",
    ),
    Fault(
        "secret-only-uuid-masked",
        '        r"(?<=/live/)[^\\s/\\"\'<>?#\\\\]+",\n',
        "",
        "a stream key that is not a UUID, as in the guide, is not masked in errors",
        missed="Keys of each documented form, in the text of an error.",
    ),
    # -- account and signing in -----------------------------------------------------------------
    Fault(
        "account-end-of-token",
        'return f"token-{hashlib.sha256(token.encode()).hexdigest()[:8]}"',
        'return f"token-{token[-8:]}"',
        "the account, which is logged, contains a part of the token",
        missed="Each way to sign in, with a made-up secret: no part of it is in the account.",
        file="api.py",
    ),
    Fault(
        "sign-in-machine-clock",
        "present = int(now.timestamp())",
        "present = int(datetime.now(UTC).timestamp())",
        "tokens are signed with the machine's time, not with that of connect(clock=...)",
        was_caught=True,
        caught_by="Clocks::test_times_are_those_of_the_clock_that_was_passed",
        file="api.py",
    ),
    Fault(
        "sign-in-issued-now",
        "issued = present - int(ISSUED_BEFORE.total_seconds())",
        "issued = present",
        "a vendor whose clock is some seconds behind refuses the token",
        unknowable="By how much a vendor's clock may be behind, only the vendor knows.",
        file="api.py",
    ),
    # -- parsing --------------------------------------------------------------------------------
    Fault(
        "parse-title-required",
        'title=fields.optional_text("name", field="title", expected=True) or "",',
        'title=fields.text("name"),',
        "a stream with a null name cannot be read at all",
        missed="A null title, which must not make a stream unreadable.",
    ),
    Fault(
        "parse-any-object-with-id",
        "if not any(name in fields.data for name in _OWN):",
        'if "id" not in fields.data:',
        "any object with an ID is read as a stream",
        missed="An object that has nothing but an ID.",
    ),
    Fault(
        "parse-updated-is-created",
        'updated_at=fields.optional_instant("updatedAt", field="updated_at"),',
        'updated_at=fields.optional_instant("createdAt", field="updated_at"),',
        "updated_at is the time of the creation",
        caught_by="Clocks::test_the_time_of_a_creation_is_kept_by_all_that_follows",
    ),
    Fault(
        "parse-problem-vendor-name",
        'created_at=fields.optional_instant("createdAt", field="created_at"),',
        'created_at=fields.optional_instant("createdAt"),',
        "the problem of an unreadable time names createdAt, not created_at",
        was_caught=True,
        caught_by="OddValues::test_an_odd_value_costs_its_field_or_makes_it_no_stream",
    ),
    Fault(
        "parse-record-unknown-is-false",
        'record = fields.optional_flag("record")',
        'record = fields.optional_flag("record") or False',
        "record is False if VideoSDK does not say it",
        missed="A flag that is left out, which must not be read as off.",
    ),
    Fault(
        "parse-raw-forgotten",
        "            raw=fields.data,\n",
        "",
        "stream.raw is empty",
        was_caught=True,
        caught_by="Operations::test_the_vendors_payload_is_kept_and_reads_the_same_again",
    ),
    Fault(
        "parse-server-with-key",
        'server = fields.optional_text("streamUrl", field="ingests")',
        'server = fields.optional_text("upstreamUrl", field="ingests")',
        "a stream with an upstreamUrl but no streamKey has no key, and its server is not masked",
        unknowable="Only older answers lack the key, and no sample shows one.",
    ),
    Fault(
        "parse-strict-getters",
        "fields = live.Fields(payload, lenient=True)",
        "fields = live.Fields(payload)",
        "one value of the wrong type hides the stream",
        was_caught=True,
        caught_by="OddValues::test_an_odd_value_costs_its_field_or_makes_it_no_stream",
    ),
]
