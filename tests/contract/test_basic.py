"""`Session.basic` signs in with HTTP Basic."""

from __future__ import annotations

import base64
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.auth import _basic_auth_str

import livestream_core as live

CONTROLS = [chr(each) for each in (*range(32), 127)]
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=CONTROLS))


@given(texts.filter(lambda text: ":" not in text), texts)
def test_the_header_is_the_pair_in_utf_8_and_base64(username: str, password: str) -> None:
    session = live.Session.basic(username, live.Secret(password))
    scheme, pair = session.headers["Authorization"].split(" ")
    assert scheme == "Basic"
    assert base64.b64decode(pair).decode() == f"{username}:{password}"
    assert session == live.Session.basic(username, password)
    assert (session.expires_at, session.ours) == (None, False)


def test_it_is_the_header_of_rfc_7617_and_of_requests() -> None:
    session = live.Session.basic("test", "123£")
    assert session.headers == {"Authorization": "Basic dGVzdDoxMjPCow=="}
    assert live.Session.basic("a", "b:c").headers["Authorization"] == _basic_auth_str("a", "b:c")


@pytest.mark.parametrize(
    ("username", "password", "problem"),
    [
        ("a:b", "p4ssword", "colon"),
        ("a\n", "p4ssword", "cannot be sent"),
        ("a", "p4ssword\n", "cannot be sent"),
        ("a", "p4ssword\x7f", "cannot be sent"),
        ("a", "p4ssword\ud800", "cannot be sent"),
        (None, "p4ssword", "must be strings"),
        ("a", None, "must be strings"),
    ],
)
def test_a_pair_that_cannot_be_sent_is_refused_without_the_password(
    username: Any, password: Any, problem: str
) -> None:
    with pytest.raises(live.ConfigurationError, match=problem) as caught:
        live.Session.basic(username, password)
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    del report.stack[0]  # that of this test
    assert "p4ssword" not in "".join(report.format())


def test_a_session_does_not_show_the_credentials() -> None:
    session = live.Session.basic("user", "p4ssword")
    assert base64.b64encode(b"user:p4ssword").decode() not in repr(session)
