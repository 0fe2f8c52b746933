"""An ID means one stream and nothing else, whatever characters it contains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pytest

from ..._contract.capabilities import Feature
from ..._model.errors import InvalidInput, LiveStreamError
from .area import HTTP, IN_PROCESS, Area, declared, each, needs, proves
from .harness import Harness
from .operations import ON_ONE

_HOSTILE = (
    "a/b",
    "a%2Fb",
    "a?b=c",
    "a#b",
    "a b",
    "a;b",
    "ü",
    "%",
    "a\\b",
    "{id}",
    "x" * 2000,
    "../x",
)


class Ids(Area):
    """IDs with characters that have a meaning in a path."""

    title = "ids"
    channels: ClassVar[Sequence[str]] = (HTTP, IN_PROCESS)

    @each("feature", declared(*ON_ONE))
    def test_an_id_with_any_characters_is_one_part_of_a_path(
        self, harness: Harness, feature: Feature
    ) -> None:
        client = harness.signed_in(retries=0)
        harness.client = client
        known = [harness.stream().id, *harness.unused_ids()]
        with harness.sent() as normal:
            for id in known:
                try:
                    ON_ONE[feature](harness, id)
                except LiveStreamError:
                    pass
        shapes = {each.path.count("/") for each in normal}
        for id in _HOSTILE:
            with harness.sent() as sent:
                try:
                    ON_ONE[feature](harness, id)
                except InvalidInput:
                    assert sent == []
                except LiveStreamError as error:
                    assert error.applied is False, f"{id[:20]!r} is not the ID of a stream"
            assert {each.path.count("/") for each in sent} <= shapes, f"{id[:20]!r} was split"

    @needs(Feature.GET)
    @each("feature", declared(*ON_ONE))
    def test_nothing_but_the_id_itself_leads_to_the_stream(
        self, harness: Harness, feature: Feature
    ) -> None:
        stream = harness.stream()
        for id in (
            f"{stream.id}?x=1",
            f"{stream.id}#x",
            f"{stream.id}/",
            f"./{stream.id}",
            f"x/../{stream.id}",
            f"{stream.id}%20",
            f"{stream.id} ",
        ):
            try:
                ON_ONE[feature](harness, id)
            except LiveStreamError as error:
                assert error.applied is False
            else:
                raise AssertionError(f"{id!r} was taken for {stream.id!r}")
        assert harness.exists(stream.id)

    @proves(Feature.UPDATE)
    @needs(Feature.GET)
    def test_an_id_in_the_other_case_is_the_same_one_where_the_vendor_says_so(
        self, harness: Harness
    ) -> None:
        stream = harness.stream()
        other = stream.id.swapcase()
        client = harness.client = harness.signed_in(retries=0)
        with harness.sent() as sent:
            try:
                ON_ONE[Feature.UPDATE](harness, other)
            except LiveStreamError:
                pass
        accepted = any(
            each.status == 200 and other in each.path for each in harness.changes_in(sent)
        )
        if other == stream.id or not accepted:
            pytest.skip("the vendor does not accept another spelling of an ID")
        assert client.id_key(other) == client.id_key(stream.id), (
            f"the vendor takes {other} for {stream.id}, but id_key() does not"
        )
        ON_ONE[Feature.UPDATE](harness, other)
