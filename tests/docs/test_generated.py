"""The diagrams and lists that the site generates from the code are complete."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import attrs
import pytest

import livestream_core as live
import provider_tables as tables
import status_diagram as diagram
from capability_table import PROVIDERS as LISTED
from livestream_core._contract.options import environment_name
from livestream_core._plugins.registry import registry

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[2]
PROVIDERS = sorted(
    name
    for path in ROOT.glob("adapters/*/pyproject.toml")
    for name in tomllib.loads(path.read_text())["project"]["entry-points"]["livestream_core"]
)


def test_the_picture_and_the_sentence_below_it_have_every_step() -> None:
    named = [live.Status(word) for word in re.findall(r"`(\w+)`", diagram.sentence())]
    everywhere, unknown = named[:-1], named[-1]
    passing = [s for s in live.Status if not s.is_final and s is not live.Status.UNKNOWN]
    shown = {
        *diagram.arrows(),
        *((one, other) for one in passing for other in everywhere if one is not other),
        *((unknown, other) for other in live.Status if other is not unknown),
    }
    steps = {(a, b) for a in live.Status for b in live.Status if a.can_become(b)}
    assert shown == steps


def test_the_picture_of_reusable_streams_has_every_step_that_they_take_from_ready_on() -> None:
    can = live.Capabilities(operations={}, statuses=[], reusable=True)
    shown = {status for step in diagram.arrows(reusable=True) for status in step}
    elsewhere = {live.Status.FAILED, live.Status.UNKNOWN}
    assert shown | elsewhere == {
        each for each in live.Status if can.can_reach(live.Status.READY, each)
    }
    missing = {
        other
        for one in shown
        for other in live.Status
        if can.can_become(one, other) and (one, other) not in diagram.arrows(reusable=True)
    }
    assert missing == set(diagram.EVERYWHERE)  # the sentence says so
    assert live.Status.ENDED in shown


@pytest.mark.parametrize("reusable", [False, True])
def test_a_picture_names_every_status_that_it_shows(reusable: bool) -> None:
    shown = {status for arrow in diagram.arrows(reusable=reusable) for status in arrow}
    words = set(re.findall(r">(\w+)</text>", diagram.drawn(reusable=reusable)))
    assert words == set(shown)


@pytest.mark.parametrize("reusable", [False, True])
def test_a_picture_tells_its_steps_to_those_who_cannot_see_it(reusable: bool) -> None:
    drawn = diagram.drawn(reusable=reusable)
    assert 'role="img"' in drawn
    assert all(f"{one} to {other}" in drawn for one, other in diagram.arrows(reusable=reusable))


def test_the_two_pictures_of_a_page_share_no_id() -> None:
    ids = [
        id
        for reusable in (False, True)
        for id in re.findall(r' id="([\w-]+)"', diagram.drawn(reusable=reusable))
    ]
    assert len(set(ids)) == len(ids) == 8


def test_a_status_that_the_picture_does_not_know_stops_the_build(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diagram, "COLUMN", diagram.COLUMN[1:])
    with pytest.raises(ValueError, match="no place for scheduled"):
        diagram.drawn()


def test_the_table_of_steps_has_a_line_for_every_status() -> None:
    firsts = re.findall(r"^\| `(\w+)` \|", diagram.table(), re.MULTILINE)
    assert firsts == list(live.Status)


def test_the_matrix_has_every_feature_and_every_provider_of_this_repository() -> None:
    lines = tables.feature_matrix().splitlines()
    assert [line.split("`")[1] for line in lines if line.startswith("| `")] == list(live.Feature)
    assert sorted(LISTED) == PROVIDERS


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_has_a_page(provider: str) -> None:
    page = (ROOT / "docs" / "providers" / f"{provider}.md").read_text(encoding="utf-8")
    assert f"{{provider-options}} {provider}\n" in page
    assert f"{{provider-features}} {provider}\n" in page


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_page_of_a_provider_gives_the_reason_for_whatever_it_lacks(provider: str) -> None:
    listed = tables.feature_list(provider)
    capabilities = registry.adapter(provider).capabilities
    silent = [
        feature
        for feature in live.Feature
        if not capabilities[feature] and capabilities[feature].reason[1:].rstrip(".") not in listed
    ]
    assert silent == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_page_of_a_provider_has_every_option_with_its_variable(provider: str) -> None:
    listed = tables.option_table(provider)
    options = attrs.fields_dict(registry.adapter(provider).Options)
    named = re.findall(r"^`(\w+)`, `(LIVESTREAM_\w+)`$", listed, re.MULTILINE)
    assert named == [(name, environment_name(provider, name)) for name in options]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_page_of_a_provider_says_which_options_are_secret(provider: str) -> None:
    listed = tables.option_table(provider)
    for name in ("token", "password", "secret", "access_token", "webhook_secret"):
        for text in re.findall(rf"^`{name}`, .*\n: (.*)$", listed, re.MULTILINE):
            assert "Secret." in text
