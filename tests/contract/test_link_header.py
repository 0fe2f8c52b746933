"""The ``Link`` header is read by relation, and hostile ones are read in linear time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live


def links(value: str) -> dict[str, str]:
    return dict(live.Response(200, {"LINK": value}).links())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", {}),
        ("</a?p=2>; rel=next", {"next": "/a?p=2"}),
        ('</a?p=2>; REL="Next"', {"next": "/a?p=2"}),
        ('</a>; rel="prev first",</b>;rel=next', {"prev": "/a", "first": "/a", "next": "/b"}),
        ('</a,b;c>; title="x, </evil>; rel=next"; rel="next"', {"next": "/a,b;c"}),
        (r'</a>; title="a \" b, </evil>"; rel=next', {"next": "/a"}),
        ("</a>; rel=next, </b>; rel=next", {"next": "/a"}),
        ("</a>; rel=prev; rel=next", {"prev": "/a"}),
        ('</a>; rel=next; anchor="/other", </b>; rel=next', {"next": "/b"}),
        ("</a>, , </b> ; rel = next ;", {"next": "/b"}),
        ("</a>; rel=next, nonsense, </b>; rel=prev", {"next": "/a"}),
        ('</a>; rel="next', {}),
        ("no link", {}),
    ],
)
def test_links_are_read_by_relation(value: str, expected: dict[str, str]) -> None:
    assert links(value) == expected


@given(st.text(alphabet="<>;,=\"\\ \tarel/next'", max_size=200))
def test_any_header_is_read_without_an_error(value: str) -> None:
    for relation, target in links(value).items():
        assert relation == relation.lower()
        assert not set(target) & set("<>")


PIECES = ["<", "<a>", "<a>;", ";", ",", '"', '\\"', '<a>;b="', "<a>;rel=x,", " ", '<a>;r="\\']


@pytest.mark.parametrize("piece", PIECES)
def test_a_huge_header_is_read_in_time(piece: str) -> None:
    # In quadratic time, this would take hours.
    links("<a>; rel=next" + piece * 500_000)
