"""Secrets never reach a repr, log, exception, or hook."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from urllib.parse import quote, quote_plus

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from acme import AcmeEmulator, AcmeOptions, FakeClock
from livestream_core._contract.redaction import Redactor
from livestream_core.emulator import Fault
from scripted import ScriptedTransport, respond

PASSWORD = 'pass word/ü"%+&'
TOKEN = "t0p-s3cr3t-t0k3n"


@given(st.text(min_size=6, max_size=30).filter(lambda text: text.strip("* ")), st.text(max_size=20))
def test_a_known_secret_is_masked_in_every_spelling(secret: str, around: str) -> None:
    redactor = Redactor([secret])
    for spelling in (
        secret,
        json.dumps(secret)[1:-1],
        quote(secret, safe="", errors="replace"),
        quote_plus(secret, errors="replace"),
    ):
        if "*" not in secret:
            assert spelling not in redactor.mask(f"x{spelling}y").replace("***", "")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('{"stream_key": "abc def", "x": 1}', '{"stream_key": ***, "x": 1}'),
        ('{"streamKey":"abc\\"def"}', '{"streamKey":***}'),
        ("{'secret_token': 'abc'}", "{'secret_token': ***}"),
        ("password=abc&user=u", "password=***&user=u"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ('{"drm_aes_signing_iv": "00ff"}', '{"drm_aes_signing_iv": ***}'),
        ("see rtmp://host/live/abc-def now", "see rtmp://host/live/*** now"),
        ("see rtmp://host/live now", "see rtmp://host/live now"),
        ("https://user:pass@host/x", "https://***@host/x"),
        ("eyJhbGciOi.eyJhcGlr.c2ln is it", "*** is it"),
        ("https://cdn/x?Signature=abc&Expires=5", "https://cdn/x?Signature=***&Expires=5"),
        ('{"token": null, "keys": 3}', '{"token": null, "keys": 3}'),
        ("acme-key-77 is in use", "*** is in use"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_text_that_resembles_a_secret_is_masked_without_being_known(text: str, masked: str) -> None:
    assert Redactor(patterns=[r"acme-key-\w+"]).mask(text) == masked


@pytest.mark.slow
@pytest.mark.parametrize("part", ["9", "key", "eyJ-", "key: ", "token\t", "rtmp://a/"])
def test_a_long_answer_is_not_read_again_for_each_of_its_letters(part: str) -> None:
    # If it is, these take an hour.
    text = part * (1_000_000 // len(part))
    assert Redactor().mask(f"{text} token=abc").endswith(" token=***")


def test_a_short_secret_is_masked_as_a_word_only() -> None:
    assert Redactor(["t"]).mask("the t of that") == "the *** of that"


def test_options_sessions_errors_and_requests_print_no_secret(emulator: AcmeEmulator) -> None:
    options = AcmeOptions(token=live.Secret(TOKEN), password=live.Secret(PASSWORD))
    session = live.Session({"Authorization": TOKEN}, memo={"refresh": TOKEN})
    request = live.Request(method="POST", template="/{id}", values={"id": TOKEN}, json={"a": TOKEN})
    response = live.Response(200, {"Set-Cookie": TOKEN}, TOKEN.encode())
    for value in (options, session, request, response, response.headers):
        for shown in (repr(value), str(value), f"{value}"):
            assert TOKEN not in shown
            assert PASSWORD not in shown


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500])
def test_secrets_that_the_vendor_echoes_are_masked_in_errors_and_logs(
    emulator: AcmeEmulator, clock: FakeClock, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    echo = {
        "detail": f"{TOKEN} is not {PASSWORD} {quote(PASSWORD)} acme-key-99",
        "field": [f"stream key s33n-k3y and {TOKEN}"],
        "password": PASSWORD,
    }
    stream = emulator.add(key="s33n-k3y")
    emulator.tokens.add(TOKEN)
    client = live.connect(
        "acme",
        transport=emulator.transport(),
        clock=clock,
        retries=0,
        token=TOKEN,
        webhook_secret=PASSWORD,
    )
    with client, caplog.at_level(logging.DEBUG):
        client.get(stream["id"])
        fault = Fault.status(status, body=json.dumps(echo), headers={"X-Request-Id": TOKEN})
        emulator.inject(fault, on="POST *", times=9)
        with pytest.raises(live.LiveStreamError) as caught:
            client.create(title="T")
    error = caught.value
    shown = "\n".join(
        [
            str(error),
            repr(error),
            repr(error.args),
            error.message,
            error.body or "",
            error.request_id or "",
            str(getattr(error, "fields", "")),
            "".join(traceback.format_exception(error)),
            caplog.text,
            repr(client),
            str(pickle.loads(pickle.dumps(error)).__dict__),
        ]
    )
    for secret in (TOKEN, PASSWORD, quote(PASSWORD), "s33n-k3y", "acme-key-99"):
        assert secret not in shown
    assert "***" in str(error)


def test_a_refused_sign_in_does_not_show_the_password(emulator: AcmeEmulator) -> None:
    with (
        emulator.connect(password=PASSWORD) as client,
        pytest.raises(live.AuthenticationFailed) as caught,
    ):
        client.get("1")
    assert "not ***" in str(caught.value)


def test_a_key_in_an_answer_that_cannot_be_read_is_masked(clock: FakeClock) -> None:
    data = {"id": "1", "title": "T", "key": "n3ver-s33n"}
    transport = ScriptedTransport(lambda *_: respond(201, data))
    with (
        live.connect("acme", transport=transport, clock=clock, token=TOKEN) as client,
        pytest.raises(live.UnexpectedResponse) as caught,
    ):
        client.create(title="T")
    assert "n3ver-s33n" not in str(caught.value) + str(caught.value.body)


def test_a_session_opened_on_the_way_is_masked_too(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    stream = emulator.add()
    client.get(stream["id"])
    (token,) = emulator.tokens - {"good-token"}
    emulator.inject(Fault.status(400, body=f"{token} memo-secret"), on="GET *")
    with pytest.raises(live.Rejected) as caught:
        client.get(stream["id"])
    assert caught.value.message == "HTTP 400: *** ***"


def test_a_session_that_another_client_opened_is_masked_too(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    with emulator.connect() as one, emulator.connect() as two:
        one.get(stream["id"])
        (token,) = emulator.tokens - {"good-token"}
        emulator.inject(Fault.status(400, body=f"bad {token}"), on="GET *")
        with pytest.raises(live.Rejected) as caught:
            two.get(stream["id"])
    assert caught.value.message == "HTTP 400: bad ***"


def test_a_dropped_fields_log_line_is_masked(
    client: live.Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.create(
        title="T",
        thumbnail_url="https://u:hunter22@x.example/",
        on_unsupported="drop",
    )
    assert "hunter22" not in caplog.text


def test_an_error_built_with_a_live_stream_shows_no_key(client: live.Client) -> None:
    stream = live.LiveStream(
        provider="acme", id="1", title="T", status="live",
        ingests=[live.Ingest("rtmp://h/a", "k3y-k3y-k3y")],
    )  # fmt: skip
    error = live.WaitTimeout("x", stream=stream)
    assert "k3y-k3y" not in f"{error} {error!r} {error.__dict__} {attrs.asdict(stream)}"
