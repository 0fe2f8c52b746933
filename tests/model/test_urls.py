"""RTMP addresses: server and key, joined and split."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from livestream_core.testing import strategies as s

keys = st.text("abcdefghijklmnopqrstuvwxyzABCDEF0123456789-_.", min_size=1)
keys_with_query = st.builds(
    lambda key, query: key + query, keys, st.sampled_from(["", "?a=b", "?s=/x"])
)


@given(s.servers(), keys_with_query)
def test_a_joined_url_splits_into_the_same_parts(server: str, key: str) -> None:
    server = live.Ingest(server).url
    joined = joined_or_none(server, key)
    if joined is None:
        assert "/" in key or key.endswith((".mp4", ".f4v", ".flv"))
    else:
        assert live.split_publish_url(joined, key) == (server, key)
        if "/" not in key:
            assert live.split_publish_url(joined) == (server, key)


@given(
    s.servers(),
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1),
)
def test_a_known_key_may_be_anything_but_blanks_and_control_characters(
    server: str, key: str
) -> None:
    server = live.Ingest(server).url
    joined = joined_or_none(server, key)
    if joined is not None:
        assert live.split_publish_url(joined, key) == (server, key)


def joined_or_none(server: str, key: str) -> str | None:
    """Return the joined URL, or ``None`` if no URL can express it."""
    try:
        return live.join_publish_url(server, key)
    except live.InvalidInput as error:
        assert error.field == "stream_key"
        assert "one URL cannot contain" in str(error)
        assert live.Ingest(server, key).publish_url is None
        return None


@given(s.servers(), st.integers(0, 3))
def test_closing_slashes_make_no_difference(server: str, slashes: int) -> None:
    assert live.Ingest(server + "/" * slashes).url == live.Ingest(server).url


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("rtmp://host/live/other", "key"),
        ("rtmp://host", None),
        ("key", None),
        ("rtmp://host/live/", None),
        ("rtmp:///key", None),
    ],
)
def test_a_url_that_does_not_end_in_a_key_is_refused_without_showing_it(
    url: str, key: str | None
) -> None:
    with pytest.raises(live.InvalidInput, match="does not end with a stream key") as caught:
        live.split_publish_url(url, key)
    assert "other" not in str(caught.value)


def test_a_servers_query_is_kept() -> None:
    assert live.join_publish_url("rtmp://h/live?auth=1/", "k") == "rtmp://h/live?auth=1//k"
    assert live.Ingest("not a url").url == "not a url"


anything = st.text() | st.binary() | st.none() | st.integers() | st.lists(st.text())


@pytest.mark.slow
@given(anything | st.builds(live.Secret, st.text()), anything | st.builds(live.Secret, st.text()))
def test_joining_and_splitting_any_text_only_raises_invalid_input(one: Any, other: Any) -> None:
    for call in (live.join_publish_url, live.split_publish_url):
        with suppress(live.InvalidInput):
            call(one, other)
    with suppress(live.InvalidInput):
        live.split_publish_url(one)


def test_a_secret_is_not_taken_for_the_text_that_it_prints_as() -> None:
    with pytest.raises(live.InvalidInput, match="stream_key: expected a string, not Secret"):
        live.join_publish_url("rtmp://h/live", live.Secret("key"))  # type: ignore[arg-type]
