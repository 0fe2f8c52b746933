"""Pseudonyms: of the same form, the same for the same text, and nothing left of the original."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livestream_core.testing.pseudonyms import Pseudonyms, unknown_id

#: Words of an adapter that reads "status" and "start", and has an endpoint below "api".
WORDS = frozenset(
    {"status", "start", "id", "name", "api", "not started", "https://api.acme.example"}
)

words = st.text(min_size=3, max_size=30).filter(lambda text: any(map(str.isalnum, text)))
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=12) | st.sampled_from(sorted(WORDS)), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


def form(text: str) -> str:
    return re.sub(r"[^\x00-\x7f]|[a-z]", "a", re.sub("[A-Z]", "A", re.sub("[0-9]", "0", text)))


def types(data: Any) -> Any:
    if isinstance(data, dict):
        return [types(each) for each in data.values()]
    return [types(each) for each in data] if isinstance(data, list) else type(data)


def of(text: str, name: str = "name", **known: Any) -> str:
    return Pseudonyms(WORDS, **known).text(text, name)


@given(words)
def test_a_pseudonym_has_the_form_of_what_it_replaces(text: str) -> None:
    assert form(of(text, "unread")) == form(text)


@given(words)
def test_no_run_of_letters_and_digits_stays_as_it_was(text: str) -> None:
    found = re.findall(r"[A-Za-z0-9]{3,}", text)
    replaced = re.findall(r"[A-Za-z0-9]{3,}", of(text, "unread"))
    assert [one for one, other in zip(found, replaced, strict=False) if one == other] == []


@given(values)
def test_data_of_any_kind_keeps_its_types_and_gets_the_same_pseudonyms_again(data: Any) -> None:
    names = Pseudonyms(WORDS)
    once = names.data(data)
    assert types(once) == types(data)
    assert names.data(data) == once
    json.dumps(once)


@given(st.lists(st.text("0123456789abcdef", min_size=2, max_size=3), unique=True, max_size=300))
def test_two_texts_never_get_the_same_pseudonym(texts: list[str]) -> None:
    names = Pseudonyms(WORDS)
    assert len({names.text(each, "unread") for each in texts}) == len(texts)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Not_Started", "unread"),
        ("2031-05-06T07:08:09Z", "start"),
        ("6/5/2031, 7:08 a.m.", "start"),
        ("01:30:00", "start"),
        ("1791234567", "start"),
    ],
)
def test_the_words_of_the_adapter_and_the_times_that_it_reads_stay(text: str, name: str) -> None:
    assert of(text, name) == text


@pytest.mark.parametrize(
    ("text", "name", "known"),
    [
        ("1990-01-02", "birthday", {}),
        ("4711471147", "id", {}),
        ("2031", "name", {"texts": ["2031"]}),
        ("98765", "name", {"ids": ["98765"]}),
    ],
)
def test_a_quantity_that_is_not_read_or_that_names_somebody_does_not_stay(
    text: str, name: str, known: Any
) -> None:
    assert of(text, name, **known) != text


def test_numbers_stay_only_where_they_are_read_and_are_no_ids() -> None:
    names = Pseudonyms(WORDS, ids=["4711"])
    data = {"start": 90, "unread": 123456, "id": 4711, "owner_id": 98765, "status": 4711}
    found = names.data(data)
    assert found["start"] == 90
    assert found["id"] == found["status"]
    assert str(found["id"]) == names.text("4711", "id")
    assert {name for name in data if found[name] == data[name]} == {"start"}


def test_a_url_keeps_its_scheme_port_and_suffix_and_what_the_adapter_knows_of_it() -> None:
    names = Pseudonyms(WORDS, origins={"http://127.0.0.1:8000": "https://api.acme.example"})
    url = "http://127.0.0.1:8000/api/whales/?start=20&page=anna"
    assert re.fullmatch(
        r"https://api\.acme\.example/api/(?!whales)[a-z]{6}/\?start=20&page=(?!anna)[a-z]{4}",
        names.text(url),
    )
    url = "rtmp://whales.example:1935/redacted-7/whales.m3u8"
    host, rest = names.text(url).split(":1935")
    name = rest.removeprefix("/redacted-7/").removesuffix(".m3u8")
    assert host.startswith(f"rtmp://{name}.")
    assert len(name) == 6
    assert name != "whales"


def test_a_uuid_stays_a_uuid_in_every_spelling() -> None:
    names = Pseudonyms(WORDS)
    uuid = "0aBcdef0-cafe-4bad-8bad-beefdeadbeef"
    found = names.text(uuid.lower())
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found)
    assert names.text(uuid.upper()) == found.upper()


@given(st.sampled_from(["7", "4711", "a1b2c3d4e5f6", "7Th8rKZs8cN"]))
def test_an_unknown_id_has_the_form_of_a_known_one(known: str) -> None:
    found = unknown_id(known)
    assert found != known
    assert found.isdecimal() == known.isdecimal()
    assert found.isdecimal() or form(found) == form(known)


elements = st.sampled_from(["status", "name", "id", "unread"])
texts = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20)


def outline(element: Element) -> Any:
    return [element.tag, form(element.text or ""), [outline(each) for each in element]]


@given(st.lists(st.tuples(elements, texts)))
def test_xml_keeps_its_elements_and_the_form_of_its_texts(found: list[tuple[str, str]]) -> None:
    root = Element("status")
    for tag, text in [*found, ("unread", "Müller & <Söhne>")]:
        SubElement(root, tag, {"by": "Schmidt"}).text = text
    shown = Pseudonyms(WORDS).xml(tostring(root, "unicode", xml_declaration=True))
    assert "ller" not in shown
    assert "Schmidt" not in shown
    assert outline(fromstring(shown)) == outline(root)


def test_elements_within_an_unknown_one_may_have_the_names_of_customers() -> None:
    names = Pseudonyms(WORDS)
    unknown = "<notes><Mueller>Room 7</Mueller><Mueller/></notes>"
    document = f"<status>{unknown}<!-- Mueller --><name>{{0}}</name></status>"
    shown = names.xml(document.format("Mueller"))
    assert "Mueller" not in shown
    assert fromstring(shown)[0].tag == "notes"
    assert names.xml("</name></name>") == "</name></name>"  # broken, and broken again


@pytest.mark.parametrize(
    "address", ["192.0.2.17", "192.0.2.17:40312", "2001:db8::17", "::17", "10:20:30:40:50:60:70:80"]
)
@pytest.mark.parametrize("name", ["status", "unread"])
def test_an_address_of_a_machine_is_replaced_even_if_the_adapter_has_it_as_an_example(
    address: str, name: str
) -> None:
    names = Pseudonyms({*WORDS, address})
    for shown in (names.text(address, name), names.xml(f"<{name}>{address}</{name}>")):
        assert address not in shown
    assert of("1.22.1", "status") == "1.22.1"
    assert of("2031-01-01T00:00:00+05:30", "start") == "2031-01-01T00:00:00+05:30"
