"""Vendor text is masked in every spelling, within limits, and never cut inside a secret."""

from __future__ import annotations

import base64
import gc
import html
import json
import re
import string
import sys
from collections.abc import Callable
from functools import partial
from html.entities import html5
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, connected
from livestream_core.emulator import Fault
from runners import connect
from scripted import ScriptedTransport, respond

pytestmark = pytest.mark.slow

#: The number of consecutive characters of a key that must not be shown.
RUN = 5
KEY = "k3y+with/special=characters&0123"


def stream_data(key: str | None, number: int = 1) -> dict[str, Any]:
    return {"id": str(number), "title": "T", "status": "on", "key": key}


def error_for(*answers: live.Response | bytes, keys: tuple[str, ...] = (KEY,)) -> live.Rejected:
    """Return the error of a client that has read streams with these keys and gets a response."""
    (answer,) = answers
    if isinstance(answer, bytes):
        answer = live.Response(400, {}, answer)
    streams = [respond(200, stream_data(key)) for key in keys]
    script = iter([*streams, answer])
    transport = ScriptedTransport(lambda *_: next(script))
    with connect("acme", transport=transport, token="t0ken-t0ken", retries=0) as client:
        for _ in keys:
            client.get("1")
        with pytest.raises(live.Rejected) as caught:
            client.get("1")
    return caught.value


def all_that_is_shown(error: live.Rejected) -> str:
    return "\n".join([str(error), repr(error), error.body or "", repr(dict(error.fields))])


# -- every spelling -----------------------------------------------------------------------------

NAMED = {character: name for name, character in html5.items() if name.endswith(";")}

Escaper = Callable[[st.DrawFn, str], str]


def each(draw: st.DrawFn, text: str, write: Callable[[str], str], needed: str = "") -> str:
    """Write some characters differently, including all that need it."""
    chosen = draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    return "".join(
        write(character) if is_chosen or character in needed else character
        for character, is_chosen in zip(text, chosen, strict=True)
    )


def percent(draw: st.DrawFn, text: str) -> str:
    form = draw(st.sampled_from(["%{:02X}", "%{:02x}"]))
    return each(draw, text, lambda c: form.format(ord(c)), "%")


def json_codes(draw: st.DrawFn, text: str) -> str:
    form = draw(st.sampled_from(["\\u{:04X}", "\\u{:04x}"]))
    return each(draw, text, lambda c: form.format(ord(c)), '"\\')


def html_codes(draw: st.DrawFn, text: str) -> str:
    form = draw(st.sampled_from(["&#{};", "&#x{:x};", "&#x{:X};", "&#{:04d};"]))
    return each(draw, text, lambda c: form.format(ord(c)), "&")


def html_names(draw: st.DrawFn, text: str) -> str:
    return each(draw, text, lambda c: f"&{NAMED[c]}" if c in NAMED else c, "&<>")


def go_json(draw: st.DrawFn, text: str) -> str:
    written = json.dumps(text)[1:-1]
    return re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", written)


def dotnet_json(draw: st.DrawFn, text: str) -> str:
    written = text.replace("\\", "\\\\")
    return re.sub("[\"'<>&+`]", lambda found: f"\\u{ord(found[0]):04X}", written)


def base64_of_it(draw: st.DrawFn, text: str) -> str:
    encode = draw(st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
    before, after = draw(st.text(WORDS, max_size=4)), draw(st.text(WORDS, max_size=4))
    written = encode(f"{before}{text}{after}".encode()).decode()
    return written if draw(st.booleans()) else written.rstrip("=")


WORDS = string.ascii_letters + string.digits + ": {}"
ESCAPERS: dict[str, Escaper] = {
    "percent": percent,
    "quote": lambda draw, text: quote(text, safe=""),
    "quote_plus": lambda draw, text: quote_plus(text),
    "JSON": lambda draw, text: json.dumps(text)[1:-1],
    "JSON with a slash": lambda draw, text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON in codes": json_codes,
    "Go": go_json,
    ".NET": dotnet_json,
    "html.escape": lambda draw, text: html.escape(text),
    "HTML in codes": html_codes,
    "HTML in names": html_names,
    "base64": base64_of_it,
}


def unescaped_json(text: str) -> str:
    def meant(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else found[2]

    return re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", meant, text)


def unescaped_base64(text: str, skipped: int) -> str:
    """Decode every run in a text as base64, after skipping some of its characters."""

    def meant(found: re.Match[str]) -> str:
        run = found[0].replace("-", "+").replace("_", "/")[skipped:]
        return base64.b64decode(run + "A" * (-len(run) % 4)).decode("latin-1")

    return re.sub(r"[A-Za-z0-9+/_-]{7,}", meant, text)


READINGS: list[Callable[[str], str]] = [
    unquote,
    unquote_plus,
    html.unescape,
    unescaped_json,
    *(partial(unescaped_base64, skipped=skipped) for skipped in range(4)),
]


def readings(text: str, times: int = 2) -> set[str]:
    """Return what a reader sees who decodes a text, repeatedly if necessary."""
    seen = {text}
    for _ in range(times):
        seen |= {read(each) for each in seen for read in READINGS}
    return seen


def shown_of(key: str, text: str) -> set[str]:
    """Return the runs of a key that can be read in a text."""
    runs = {key[i : i + RUN] for i in range(len(key) - RUN + 1)}
    return {run for read in readings(text) for run in runs if run in read}


printable = st.text([chr(code) for code in range(0x21, 0x7F)], min_size=8, max_size=40)
surroundings = st.text([chr(code) for code in range(0x20, 0x7F)], max_size=12)


@st.composite
def spelled(draw: st.DrawFn) -> tuple[str, str]:
    """Return a key, and a text that contains it."""
    key = draw(printable)
    before, after = draw(surroundings), draw(surroundings)
    text = key
    for name in draw(st.lists(st.sampled_from(sorted(ESCAPERS)), max_size=2)):
        text = ESCAPERS[name](draw, text)
    assume(not shown_of(key, f"{before} {after}"))
    return key, f"{before}{text}{after}"


@settings(max_examples=500)
@given(spelled())
@example(("41abc/def", "%41abc%2Fdef"))
@example(("abc/defg%", "abc%2Fdefg%2541"))
@example(("u0041/bcdefgh", r"\u0041\/bcdefgh"))
@example(("000000000000+0", r"000000000000\u002&#66;0"))
@example(("00000<00", r"00000\u005Cu003C00"))
@example(("00000000", r"\u00000000"))
@example(("l0000000", r"\bDAwMDAwMDA"))
def test_no_five_characters_of_a_key_are_shown_in_any_spelling(case: tuple[str, str]) -> None:
    key, text = case
    error = error_for(text.encode(), keys=(key,))
    assert shown_of(key, error.body or "") == set()


@pytest.mark.parametrize(
    "text",
    [
        r"{\"key\":\"k3y+with\/special=characters\u00260123\"}",
        "k3y%2Bwith%2Fspecial%3Dcharacters%260123",
        "k3y%252Bwith%252Fspecial%253Dcharacters%25260123",
        "k3y+with/special=characters&amp;0123",
        "k3y&#43;with&#x2F;special&equals;characters&amp;amp;0123",
        r"k3y\u002Bwith/special=characters\u00260123",
        r"k3y+with/special=characters\\u00260123",
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(f"user:{KEY}".encode()).decode(),
        quote(base64.b64encode(quote(KEY).encode())),
    ],
)
def test_a_key_is_masked_as_others_write_it(text: str) -> None:
    assert shown_of(KEY, error_for(f"no stream {text} here".encode()).body or "") == set()


def test_credentials_are_masked_as_others_write_them() -> None:
    password = "pass word/ü\"%+&'<0>"
    written = [
        json.dumps(password),
        json.dumps(json.dumps(password)),
        html.escape(password),
        quote_plus(password),
        base64.b64encode(f"me:{password}".encode()).decode(),
    ]
    transport = ScriptedTransport(lambda *_: live.Response(400, {}, "\n".join(written).encode()))
    with (
        connect("acme", transport=transport, user="me", password=password) as client,
        pytest.raises(live.LiveStreamError) as caught,
    ):
        client.get("1")
    assert shown_of(password, str(caught.value.body)) == set()
    assert "***" in str(caught.value.body)


# -- limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("filling", ["x", "é", "- ", "%20", "\\u0020"])
def test_a_key_that_lies_across_a_cut_is_not_shown_in_part(filling: str) -> None:
    for cut in (200, 500, 2000):
        for before in range(cut - len(KEY) - 3, cut + 3):
            text = (filling * before)[:before] + KEY + filling * 99
            error = error_for(json.dumps({"detail": text, "field": [text]}).encode())
            assert shown_of(KEY, all_that_is_shown(error)) == set()


def test_a_key_at_the_end_of_what_is_read_is_not_shown_in_part() -> None:
    end = 64 * 1024
    for before in range(end - len(KEY) - 3, end + 3):
        # Everything except the end is masked, so the end is shown.
        filling = "token=" + "x" * (before - 7) + "&"
        error = error_for((filling + KEY + "y" * 99).encode())
        assert error.body is not None
        assert len(error.body) < 200
        assert shown_of(KEY, error.body) == set()


def test_two_thousand_characters_of_a_body_are_shown() -> None:
    body = error_for(b"no stream here: " * 100_000).body
    assert body is not None
    assert body == ("no stream here: " * 125)


def test_a_hundred_fields_of_five_hundred_characters_are_shown() -> None:
    fields = {f"f{i}-" + "n" * 999: ["m" * 300] * 9 for i in range(9_999)}
    error = error_for(respond(400, fields))
    assert len(error.fields) == 100
    for name, texts in error.fields.items():
        assert len(name) == 500
        assert sum(map(len, texts)) == 500
    assert len(error.message) <= 501


def test_an_error_with_a_million_fields_takes_no_time_for_each() -> None:
    body = ("{" + ", ".join([f'"field number {i}": ["x"]' for i in range(900_000)]) + "}").encode()
    assert len(body) < 33_000_000
    error = error_for(body)
    assert len(error.fields) == 100
    assert len(error.body or "") == 2000


def test_the_keys_of_the_last_ten_thousand_streams_are_masked_and_no_more_are_kept() -> None:
    def keys(of: range) -> list[str]:
        return [f"key-of-stream-{number:06}-0123456789abcdef" for number in of]

    body = ""
    transport = ScriptedTransport(lambda *_: live.Response(400, {}, body.encode()))
    with connect("acme", transport=transport, token="t0ken-t0ken", retries=0) as client:

        def memory_after(seen: range) -> int:
            nonlocal body
            for key in keys(seen):
                client.parse_stream(stream_data(key))
            body = " ".join(keys(seen)[:40])
            with pytest.raises(live.Rejected) as caught:
                client.get("1")
            assert caught.value.body == " ".join(["***"] * 40)
            gc.collect()
            return sys.getallocatedblocks()

        memory = [memory_after(range(at, at + 10_000)) for at in range(0, 40_000, 10_000)]
    # Each stored stream takes at least five, so two generations more would take 100,000.
    assert max(memory[2:]) - memory[1] < 80_000


def test_a_key_that_the_caller_gave_is_never_forgotten() -> None:
    answers = [respond(201, stream_data(None))]
    transport = ScriptedTransport(lambda *_: answers.pop(0))
    target = live.RestreamTarget("rtmp://other.example/app", "the-callers-own-key")
    with connect("acme", transport=transport, token="t0ken-t0ken", retries=0) as client:
        client.create(title="T", restreams=[target])
        for begin in range(0, 11_000, 500):
            items = [stream_data(f"a-vendors-key-{begin + i}") for i in range(500)]
            answers.append(respond(200, {"items": items}))
            client.pages()
        answers.append(live.Response(400, {}, b"the-callers-own-key and a-vendors-key-10999"))
        with pytest.raises(live.Rejected) as caught:
            client.get("1")
    assert caught.value.body == "*** and ***"


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (tuple("a" * length for length in range(8, 300)), "a" * 70_000),
        (tuple(f"{'a' * length}b" for length in range(8, 300)), "a" * 70_000),
        ((KEY,), "%25" * 30_000),
        ((KEY,), "\\" * 70_000),
        ((KEY,), "&amp;" * 15_000),
        ((KEY,), "QUFB" * 18_000),
        ((KEY,), "\\ud800\\" * 9_000),
    ],
    ids=["one letter", "nearly", "percent", "backslashes", "entities", "base64", "surrogates"],
)
def test_texts_that_were_made_to_be_slow_are_not(keys: tuple[str, ...], text: str) -> None:
    # If the time is quadratic in anything, these take minutes.
    body = error_for(text.encode(), keys=keys).body
    assert body is not None
    assert len(body) <= 2000


# -- short keys, and values that are not secret -------------------------------------------------


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("rtmp://h.example/app is full", "rtmp://h.example/app is full"),
        ("https://h.example/live/index.m3u8", "https://h.example/***/index.m3u8"),
        ("https://h.example/a?stream=live&x=1", "https://h.example/a?stream=***&x=1"),
        ("https://live.example/a", "https://live.example/a"),
        ("a live-stream was delivered alive", "a live-stream was delivered alive"),
        ("it is live.", "it is ***."),
    ],
)
def test_a_short_key_is_masked_as_a_whole_segment_or_value_only(text: str, masked: str) -> None:
    assert error_for(text.encode(), keys=("live",)).body == masked


@given(st.text(string.ascii_letters + string.digits + " .,-/:_%&;\\", max_size=300))
def test_text_without_a_secret_is_shown_unchanged(text: str) -> None:
    assume(not re.search(r"://|[?&;/~#]\w+=|eyJ|[:=]|acme-key", text))
    assert error_for(text.encode()).body == text


# -- all attributes of an error -----------------------------------------------------------------


def test_the_body_of_an_error_is_masked(client: live.Client, emulator: AcmeEmulator) -> None:
    stream = emulator.add(key="a-key-that-is-secret")
    client.get(stream["id"])
    emulator.inject(Fault.status(400, body='{"detail": "no", "x": "a-key-that-is-secret"}'), on="*")
    with pytest.raises(live.Rejected) as caught:
        client.get(stream["id"])
    assert caught.value.body == '{"detail": "no", "x": "***"}'


def test_the_keys_of_all_streams_of_a_page_are_remembered(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    keys = [emulator.add(key=f"{number}-key-that-is-secret")["key"] for number in range(3)]
    assert len(list(client.list())) == 3
    emulator.inject(Fault.status(400, body=" ".join(keys)), on="*")
    with pytest.raises(live.Rejected) as caught:
        client.get("1")
    assert caught.value.body == "*** *** ***"


class Chained(Exception):
    pass


@pytest.mark.parametrize("how", ["cause", "context"])
def test_errors_of_others_that_led_to_one_are_left_out_and_ours_are_kept(
    monkeypatch: pytest.MonkeyPatch, client: live.Client, emulator: AcmeEmulator, how: str
) -> None:
    client.get(emulator.add(key=KEY)["id"])
    ours = live.NotFound(f"no stream {KEY}", body=KEY)

    def get(self: object, stream_id: str) -> live.Operation[live.LiveStream]:
        error = live.Rejected("it cannot be read")
        earlier = live.Conflict("it is in the way")
        if how == "cause":
            earlier.__cause__, error.__cause__ = Chained(KEY), ours
            ours.__cause__ = Chained(KEY)
        else:
            earlier.__context__, error.__context__ = Chained(KEY), ours
            ours.__context__ = Chained(KEY)
        raise error

    monkeypatch.setattr(AcmeAdapter, "get", get)
    with pytest.raises(live.Rejected) as caught:
        client.get("1")
    led_to_it = caught.value.__cause__ if how == "cause" else caught.value.__context__
    assert led_to_it is ours
    assert ours.__cause__ is None
    assert ours.__context__ is None
    assert ours.message == "no stream ***"
    assert ours.body == "***"


def test_a_body_that_an_adapter_puts_into_an_error_is_masked_and_cut(
    monkeypatch: pytest.MonkeyPatch, client: live.Client, emulator: AcmeEmulator
) -> None:
    stream = emulator.add(key=KEY)
    client.get(stream["id"])

    def get(self: object, stream_id: str) -> live.Operation[live.LiveStream]:
        raise live.Rejected(f"{KEY}!", body=f"{KEY}: {'x' * 9_999}", fields={KEY: (KEY,)})

    monkeypatch.setattr(AcmeAdapter, "get", get)
    with pytest.raises(live.Rejected) as caught:
        client.get(stream["id"])
    assert caught.value.message == "***!"
    assert caught.value.body == f"***: {'x' * 1995}"
    assert caught.value.fields == {"***": ("***",)}


def test_the_text_of_an_answer_hides_what_became_known_after_it_was_first_read() -> None:
    seen: list[str] = []

    class Reader(AcmeAdapter):
        name = "reader"

        def get(self, stream_id: str) -> live.Operation[live.LiveStream]:
            response = yield self.request("GET", "/notes")
            seen.append(response.text)
            stream = yield from super().get(stream_id)
            seen.extend([response.text, response.text])
            return stream

    tokens = iter(["first-token", "second-token"])
    streams = iter([respond(401), respond(200, {"id": "1", "title": "T", "status": "on"})])
    answers = {
        "/login": lambda: respond(200, {"token": next(tokens)}),
        "/notes": lambda: respond(200, "first-token and second-token"),
        "/streams/1": lambda: next(streams),
    }
    transport = ScriptedTransport(lambda _, target: answers.get(target, lambda: respond(204))())
    with connected(Reader, transport, **AcmeEmulator().options()) as client:
        client.get("1")
    assert seen == ['"*** and second-token"', '"*** and ***"', '"*** and ***"']
