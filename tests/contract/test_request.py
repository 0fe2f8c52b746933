"""The requests that an adapter builds, and the responses that it reads."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from acme import AcmeAdapter, AcmeOptions

ADAPTER = AcmeAdapter(AcmeOptions(token=live.Secret("t")))
ADAPTER.path_values = {"org": "o/1"}
text = st.text(st.characters(codec="utf-8"))


@given(text)
def test_a_value_fills_exactly_its_place_in_the_path_or_is_refused(value: str) -> None:
    request = ADAPTER.request("GET", "/a/{id}/b", id=value)
    try:
        target = request.target()
    except live.InvalidInput as error:
        assert error.field == "id"
        assert value in ("", ".", "..") or any(ord(c) < 32 or ord(c) == 127 for c in value)
    else:
        _, a, middle, b = target.split("/")
        assert (a, unquote(middle), b) == ("a", value, "b")
        assert target.isascii()
        assert not set("?# \\") & set(target)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), text, max_size=3))
def test_parameters_read_back_as_they_were_given(params: dict[str, str]) -> None:
    target = ADAPTER.request("GET", "/a", params=params).target()
    path, _, query = target.partition("?")
    assert path == "/a"
    read = parse_qs(query, keep_blank_values=True, strict_parsing=bool(query))
    assert read == {name: [value] for name, value in params.items()}


def test_parameters_are_left_out_repeated_and_spelled() -> None:
    request = ADAPTER.request("GET", "/a", params={"n": None, "m": [1, 2], "b": True, "f": 1.5})
    assert request.target() == "/a?m=1&m=2&b=true&f=1.5"
    with pytest.raises(live.InvalidInput) as caught:
        ADAPTER.request("GET", "/a", params={"q": "\ud800"}).target()
    assert caught.value.field == "q"


def test_values_that_all_paths_share_need_not_be_given() -> None:
    assert ADAPTER.post("/{org}/x").target() == "/o%2F1/x"
    assert ADAPTER.patch("/{org}/{id}", id="2", org="p").target() == "/p/2"


def test_a_template_that_does_not_fit_its_values_is_the_authors_mistake() -> None:
    with pytest.raises(KeyError):
        ADAPTER.request("GET", "/{nothing}")
    with pytest.raises(TypeError, match="id: not in the path template /a"):
        ADAPTER.request("GET", "/a", id="1")
    with pytest.raises(ValueError, match="must start with a slash"):
        ADAPTER.request("GET", "a")
    with pytest.raises(ValueError, match="method 'get'"):
        ADAPTER.request("get", "/a")
    with pytest.raises(ValueError, match="only one body"):
        ADAPTER.post("/a", json={}, form={})


@pytest.mark.parametrize(
    ("method", "changes", "idempotent"),
    [("GET", False, True), ("PUT", True, True), ("DELETE", True, True), ("POST", True, False),
     ("PATCH", True, False)],
)  # fmt: skip
def test_what_a_method_means_unless_the_adapter_knows_better(
    method: str, changes: bool, idempotent: bool
) -> None:
    request = ADAPTER.request(method, "/a")
    assert (request.changes, request.idempotent) == (changes, idempotent)
    other = ADAPTER.request(method, "/a", changes=not changes, idempotent=not idempotent)
    assert (other.changes, other.idempotent) == (not changes, not idempotent)


def test_bodies_are_json_forms_or_files() -> None:
    assert ADAPTER.post("/a", json={"ü": [1]}).content() == (
        '{"ü":[1]}'.encode(),
        {"Content-Type": "application/json"},
    )
    assert ADAPTER.post("/a", form={"a": "b c&d"}).content() == (
        b"a=b%20c%26d",
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    body, headers = ADAPTER.post(
        "/a", form={"title": "T"}, files={"file": ("a.png", b"\x89PNG", "image/png")}
    ).content()
    assert headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert body is not None
    for part in (b'name="title"', b"T", b'name="file"; filename="a.png"', b"image/png", b"\x89PNG"):
        assert part in body
    assert ADAPTER.request("GET", "/a").content() == (None, {})
    assert ADAPTER.post("/a", headers={"X": "y"}).headers == {"X": "y"}


@pytest.mark.parametrize("value", [{1, 2}, float("inf"), "\ud800", object(), datetime.now(UTC)])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(live.InvalidInput, match="cannot be encoded as JSON"):
        ADAPTER.post("/a", json={"x": value}).content()


def test_headers_are_found_in_any_case() -> None:
    headers = live.Headers({"X-Request-ID": "1"})
    assert headers["x-request-id"] == headers["X-REQUEST-ID"] == "1"
    assert list(headers) == ["x-request-id"]
    assert len(headers) == 1
    assert live.Response(200, headers).headers is headers


FIELDS = live.Fields(
    {
        "text": "a", "number": 5, "float": 1.5, "flag": True, "null": None, "empty": "",
        "at": "2026-01-01T00:00:00Z", "naive": "2026-01-01T00:00:00", "list": ["a"],
        "object": {"inner": 1}, "objects": [{"x": "y"}, 5],
    }
)  # fmt: skip


def test_typed_getters_give_what_is_there() -> None:
    assert FIELDS.text("text") == "a"
    assert FIELDS.optional_text("null") is None
    assert FIELDS.identifier("text") == "a"
    assert FIELDS.integer("number") == 5
    assert FIELDS.optional_number("float") == 1.5
    assert FIELDS.flag("flag") is True
    assert FIELDS.optional_instant("at") == datetime(2026, 1, 1, tzinfo=UTC)
    assert FIELDS.optional_texts("list") == ("a",)
    assert FIELDS.object("object").integer("inner") == 1
    for getter in (
        FIELDS.optional_text, FIELDS.optional_flag, FIELDS.optional_integer, FIELDS.optional_number,
        FIELDS.optional_instant, FIELDS.optional_object,
    ):  # fmt: skip
        assert getter("null") is getter("missing") is None
    assert FIELDS.optional_texts("null") == ()
    assert FIELDS.optional_objects("missing") == []
    assert FIELDS.optional_flag("flag") is True
    assert FIELDS.optional_integer("number") == 5


@pytest.mark.parametrize(
    ("getter", "name", "message"),
    [
        ("text", "missing", "missing is missing in the response"),
        ("text", "null", "null is null in the response"),
        ("text", "number", "number is a number, not a string in the response"),
        ("identifier", "empty", "empty is a string, not an identifier"),
        ("identifier", "number", "number is a number, not an identifier"),
        ("flag", "number", "not true or false"),
        ("integer", "flag", "not a whole number"),
        ("integer", "float", "not a whole number"),
        ("optional_number", "flag", "not a number"),
        ("optional_instant", "naive", "not a time with an offset"),
        ("optional_instant", "number", "not a string"),
        ("object", "list", "list is a list, not an object"),
        ("items", "object", "object is an object, not a list"),
        ("objects", "objects", r"objects\[1\] is a number, not an object"),
        ("optional_texts", "objects", "not a list of strings"),
    ],
)
def test_a_missing_or_mistyped_field_is_named(getter: str, name: str, message: str) -> None:
    with pytest.raises(live.UnexpectedResponse, match=message):
        getattr(FIELDS, getter)(name)


def test_a_field_inside_is_named_by_its_path() -> None:
    with pytest.raises(live.UnexpectedResponse, match=r"object\.nothing is missing"):
        FIELDS.object("object").text("nothing")
    with pytest.raises(live.UnexpectedResponse, match="the response is null, not an object"):
        live.Fields(None)


def test_an_answer_is_parsed_once_and_named_when_it_cannot_be() -> None:
    good = live.Response(200, {}, b'{"a": 1}')
    assert good.json() is good.json()
    assert good.fields().integer("a") == 1
    assert live.Response(200, {}, json.dumps("ü").encode("utf-16")).json() == "ü"
    for body, problem in (
        (b"", "is empty"),
        (b"<", "is not JSON"),
        (b"[" * 10**5, "nested too deeply"),
    ):
        response = live.Response(200, {}, body)
        assert not response.is_readable
        with pytest.raises(live.UnexpectedResponse, match=problem):
            response.json()
    assert live.Response(204).is_readable
    assert live.Response(200, {}, b"a\xff").text == "a�"


def test_operations_that_are_not_overridden_do_nothing_by_mistake() -> None:
    class Bare(live.Adapter):
        name = "bare"
        capabilities = live.Capabilities(operations={}, statuses=[])

    bare = Bare(live.Options(base_url="https://x.example"))
    for method, arguments in (
        ("create", (None,)), ("get", ("1",)), ("list", (None,)), ("update", ("1", {})), ("start", ("1",)),
        ("stop", ("1",)), ("cancel", ("1",)), ("delete", ("1",)), ("parse_stream", ({},)),
        ("parse_webhook", ({}, b"", "s")), ("sign_out", (None,)), ("account_id", ()),
    ):  # fmt: skip
        with pytest.raises(NotImplementedError):
            getattr(bare, method)(*arguments)
    assert bare.sign_in(None, datetime.now(UTC)) == live.Session(headers={})
    assert bare.clock().utcoffset() is not None
    assert bare.id_in({"id": 5}) is None
    assert bare.id_in([]) is None


def test_reading_a_masked_mapping_in_full_is_a_choice() -> None:
    mapping = live.MaskedMapping({"a": {"b": [1, {"c": 2}]}, "t": (1,)})
    assert mapping.reveal() == {"a": {"b": [1, {"c": 2}]}, "t": [1]}
    assert live.MaskedMapping(mapping) == mapping
    assert mapping == live.MaskedMapping({"a": {"b": [1, {"c": 2}]}, "t": (1,)})
    assert (mapping == 5) is False
    assert len(mapping) == 2
    with pytest.raises(AttributeError):
        mapping.x = 1
    with pytest.raises(TypeError):
        hash(mapping)


# -- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["1e999", "-1e999", "9" * 400, "-" + "9" * 400, "9223372036854775808"]
)
def test_a_number_beyond_all_bounds_is_not_calculated_with(text: str) -> None:
    answer = live.Response(200, body=f'{{"a": {{"n": {text}, "m": 2.5}}}}'.encode())
    read = answer.fields().object("a")
    assert read.optional_number("m") == 2.5
    with pytest.raises(live.UnexpectedResponse, match=r"a\.n is a number that is too large"):
        read.optional_number("n")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_in_a_payload_that_was_parsed_elsewhere_is_refused(value: float) -> None:
    with pytest.raises(live.UnexpectedResponse):
        live.Fields({"n": value}).optional_number("n")


NOW = datetime(2026, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [0, -1, 10**9 + 1, 10**30, math.inf, math.nan, "60", True])
def test_a_session_does_not_end_at_a_time_that_cannot_be(seconds: Any) -> None:
    with pytest.raises(live.UnexpectedResponse, match="expires_in"):
        live.Fields({"expires_in": seconds}).optional_end("expires_in", NOW)


@pytest.mark.parametrize("seconds", [1, 3600, 0.5, 10**9])
def test_a_session_ends_in_as_many_seconds_as_the_vendor_says(seconds: float) -> None:
    end = live.Fields({"expires_in": seconds}).optional_end("expires_in", NOW)
    assert end == NOW + timedelta(seconds=seconds)
    assert live.Fields({"expires_in": None}).optional_end("expires_in", NOW) is None
    assert live.Fields({}).optional_end("expires_in", NOW) is None


@pytest.mark.parametrize("bad", ["#b", " ", "\t", "\r\n", "\0", "\x7f", "ü", "\u2028"])
def test_a_target_that_could_not_be_sent_as_it_is_is_refused(bad: str) -> None:
    requests = [
        ADAPTER.request("GET", f"/a{bad}c"),
        ADAPTER.request("GET", f"/a?b={bad}c"),
        attrs.evolve(ADAPTER.request("GET", "/a"), link=f"/a?cursor=b{bad}c"),
    ]
    for request in requests:
        with pytest.raises(live.InvalidInput, match="cannot be sent") as caught:
            request.target()
        assert caught.value.applied is False
