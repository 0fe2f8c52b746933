"""Any input results in a stream or in one of the library's errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import livestream_core as live
from livestream_tktchurch.adapter import TKTChurchAdapter, TKTChurchOptions

ADAPTER = TKTChurchAdapter(TKTChurchOptions(access_token=live.Secret("t.t.t")))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *("id", "title", "description", "youtubeUrl", "customStreamUrl", "status", "tags"),
        *("scheduledStartTime", "actualStartTime", "endTime", "thumbnailUrl", "thumbnail"),
    ]
)
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.slow
@quick
@given(changes=st.dictionaries(NAMES, JSON), removed=st.sets(NAMES))
def test_a_mutated_payload_is_a_stream_or_an_error_of_ours(
    sample: dict[str, Any], changes: dict[str, Any], removed: set[str]
) -> None:
    payload = {k: v for k, v in {**sample, **changes}.items() if k not in removed}
    try:
        stream = ADAPTER.parse_stream(payload)
    except live.LiveStreamError:
        return
    assert stream.raw == payload
    assert live.LiveStream.from_dict(json.loads(json.dumps(stream.to_dict(secrets=True)))) == stream


@quick
@given(payload=JSON)
def test_any_json_is_a_stream_or_an_error_of_ours(payload: Any) -> None:
    try:
        ADAPTER.parse_stream(payload)
    except live.LiveStreamError:
        pass


@pytest.mark.slow
@quick
@given(answers=st.lists(JSON, min_size=1, max_size=6))
def test_any_answers_end_every_list_in_a_page_or_an_error_of_ours(answers: list[Any]) -> None:
    operation = ADAPTER.list(live.Query(cursor="2"))
    next(operation)
    try:
        operation.send(live.Response(200, body=json.dumps(answers[0]).encode()))
    except (StopIteration, live.LiveStreamError):
        pass


@quick
@given(token=st.text(min_size=1) | st.binary().map(lambda b: f"e30.{b.hex()}.x"))
def test_any_token_has_an_account(token: str) -> None:
    options = TKTChurchOptions(access_token=live.Secret(token))
    account = TKTChurchAdapter(options).account_id()
    assert account
    assert account.isprintable()


@quick
@given(url=st.text().map(lambda rest: f"https://{rest}"))
def test_any_address_has_a_field(url: str) -> None:
    try:
        spec = live.StreamSpec(title="T", playback_url=url)
    except live.InvalidInput:
        return
    body = next(ADAPTER.create(spec)).json
    assert ("youtubeUrl" in body) is not ("customStreamUrl" in body)
