"""A plan and a report as pages that can be mailed, stored, and opened anywhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from base64 import b64encode
from collections import Counter
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from html_page import Element, read_page
from livestream_core.migrate.pages import plan_html, report_html
from livestream_core.migrate.pages.bars import bar
from livestream_core.migrate.values import (
    Cutover,
    FieldOutcome,
    FieldResult,
    Item,
    ItemState,
    Plan,
    PlannedItem,
    PlanSettings,
    Report,
)

NOON = datetime(2026, 12, 5, 12, tzinfo=UTC)
SECRET = "k3y-0f-th3-str34m"
HOSTILE = [
    '</script></title><script>alert(1)</script><img src="//evil.example/x" onerror="alert(1)">',
    "\u202egnp.exe שלום",
    "x" * 300,
    "🎥 Physik & Chemie",
    "{{ 7 * 7 }} {% raw %}",
]
FATES = (
    FieldResult("title", FieldOutcome.EXACT),
    FieldResult("description", FieldOutcome.EXACT),
    FieldResult("recording_drm", FieldOutcome.EXACT, "the target never has any"),
    FieldResult("latency", FieldOutcome.CONVERTED, "ultra_low becomes low"),
    FieldResult("record", FieldOutcome.DEFAULTED, "the target always records"),
    FieldResult("tags", FieldOutcome.DROPPED, "the target has no <tags>"),
    FieldResult("restreams", FieldOutcome.NEEDS_REVIEW, "the source does not give the key"),
    FieldResult("id", FieldOutcome.DEFAULTED, "the target assigns its own"),
    FieldResult("raw", FieldOutcome.DEFAULTED, "it is the source vendor's payload"),
)


def spec(title: str) -> live.StreamSpec:
    """Return a spec with as many secrets as possible."""
    return live.StreamSpec(
        title=title,
        scheduled_start=NOON,
        playback_url=live.SecretUrl(f"https://viewer:{SECRET}@cdn.example/watch.m3u8"),
        restreams=[live.RestreamTarget(url="rtmp://r.example/live", stream_key=SECRET)],
        options={"passphrase": SECRET},
    )


def planned(number: int, state: ItemState = ItemState.PENDING, **fields: Any) -> PlannedItem:
    title = HOSTILE[number % len(HOSTILE)]
    return PlannedItem(
        source_id=f"from-{number:04}",
        title=title,
        status=live.Status.SCHEDULED,
        state=state,
        spec=spec(title),
        **{"scheduled_start": NOON, "fields": FATES, **fields},
    )


def plan(*items: PlannedItem, **fields: Any) -> Plan:
    return Plan(
        **{
            "id": "plan-1",
            "made_at": NOON,
            "source_account": "acme:<one>",
            "target_account": "other:two",
            "settings": PlanSettings(filters={"tag": "<b>"}),
            "items": items,
            "source_complete": live.Completeness.PROVEN,
            **fields,
        }
    )


def moved(number: int, state: ItemState = ItemState.CREATED, **fields: Any) -> Item:
    title = HOSTILE[number % len(HOSTILE)]
    there = state in (ItemState.CREATED, ItemState.ADOPTED)
    return Item(
        source_id=f"from-{number:04}",
        title=title,
        state=state,
        spec=spec(title),
        **{
            "target_id": f"to-{number:04}" if there else None,
            "cutover": Cutover.PREPARED if there else None,
            "fields": FATES,
            "source": {"restreams": [{"stream_key": SECRET}]},
            **fields,
        },
    )


def report(*items: Item, **fields: Any) -> Report:
    return Report(
        **{
            "plan": "plan-1",
            "source_account": "acme:<one>",
            "target_account": "other:two",
            "started_at": NOON,
            "made_at": NOON + timedelta(hours=1),
            "phase": "running",
            "settings": PlanSettings(),
            "items": items,
            **fields,
        }
    )


def a_plan_of_all() -> Plan:
    states = [ItemState.PENDING] * 5 + [ItemState.SKIPPED] * 2 + [ItemState.NEEDS_REVIEW]
    return plan(*(planned(number, state) for number, state in enumerate(states)))


def a_report_of_all() -> Report:
    states = [each for many, each in enumerate(ItemState, start=1) for _ in range(many)]
    return report(*(moved(number, state) for number, state in enumerate(states)))


PAGES = {"plan": plan_html(a_plan_of_all()), "report": report_html(a_report_of_all())}
SHOWN: dict[str, Plan | Report] = {"plan": a_plan_of_all(), "report": a_report_of_all()}
either = pytest.mark.parametrize("kind", PAGES)


def rows(page: Element) -> list[Element]:
    return page.one("table").one("tbody").all("tr")


def row(page: Element, source_id: str) -> Element:
    (found,) = [each for each in rows(page) if source_id in each.one("th").text]
    return found


def cells(row: Element) -> dict[str, str]:
    return {each.attributes["data-label"]: each.text for each in row.all("td")}


def next_steps(page: Element) -> str:
    return page.one("section", **{"aria-labelledby": "next"}).text


# -- every stream, every field, and correct sums ----------------------------------------------


@either
def test_every_stream_is_on_the_page_once(kind: str) -> None:
    ids = [each.one("th").text.split("from-")[1][:4] for each in rows(read_page(PAGES[kind]))]
    assert sorted(ids) == [item.source_id[-4:] for item in SHOWN[kind].items]


@either
def test_the_streams_that_need_review_come_first_and_the_others_by_their_start(kind: str) -> None:
    states = [each.attributes["data-state"] for each in rows(read_page(PAGES[kind]))]
    review = {"needs_review", "refused", "unknown"}
    assert states == sorted(states, key=lambda state: state not in review)
    items = [planned(n, scheduled_start=NOON.replace(hour=hour)) for n, hour in enumerate((3, 1))]
    page = read_page(plan_html(plan(*items, planned(2, scheduled_start=None))))
    assert [each.one("th").text[-4:] for each in rows(page)] == ["0001", "0000", "0002"]


@either
def test_a_page_is_named_after_the_connections_with_the_accounts_below(kind: str) -> None:
    named = attrs.evolve(SHOWN[kind], source_name="school", target_name="church")
    page = read_page(plan_html(named) if isinstance(named, Plan) else report_html(named))
    assert page.one("head").one("title").text.endswith(": school to church")
    assert page.one("header").one("p", **{"class": "route"}).text == "school → church"
    assert "from acme:<one> to other:two" in page.one("header").text


@either
def test_a_loss_says_why_and_the_terms_are_explained(kind: str) -> None:
    page, shown = read_page(PAGES[kind]), SHOWN[kind]
    losses = page.one("section", **{"aria-labelledby": "losses"}).text
    moving = sum(item.state != "skipped" for item in shown.items)
    assert f"the target has no <tags> ({moving} streams)" in losses
    terms = page.one("section", **{"aria-labelledby": "terms"})
    explained = {each.text for each in terms.all("dt")}
    states = {each.attributes["data-state"].replace("_", " ") for each in rows(page)}
    assert states | {"loss", "dropped", "defaulted", "converted", "exact"} <= explained


@either
def test_the_counts_in_the_head_add_up_to_the_rows_below(kind: str) -> None:
    page = read_page(PAGES[kind])
    total, _, terms = page.one("p", **{"class": "sum"}).text.partition(" = ")
    counts = {term.partition(" ")[2]: int(term.partition(" ")[0]) for term in terms.split(" + ")}
    assert total == f"{len(rows(page))} streams"
    assert sum(counts.values()) == len(rows(page))
    assert Counter(row.one("span", **{"class": _state_class(row)}).text for row in rows(page)) == {
        name: count for name, count in counts.items() if count
    }


def _state_class(row: Element) -> str:
    return f"state {row.attributes['data-state']}"


def test_a_plan_shows_the_outcome_of_every_field_and_its_reason() -> None:
    details = row(read_page(plan_html(plan(planned(1)))), "from-0001").one("dl")
    shown: dict[str, list[str]] = {}
    for each in details:
        if each.tag == "dt":
            assert each.text not in shown
            below = shown[each.text] = []
        elif each.tag == "dd":
            below.append(each.text)
    assert shown == {
        "needs review": ["restreams: the source does not give the key"],
        "dropped": ["tags: the target has no <tags>"],
        "defaulted": ["record: the target always records"],
        "converted": ["latency: ultra_low becomes low"],
        "exact": ["title, description", "recording_drm: the target never has any"],
        "defaulted (set by each vendor)": ["id, raw"],
    }


@either
def test_a_field_that_every_vendor_sets_is_not_a_loss(kind: str) -> None:
    found = cells(row(read_page(PAGES[kind]), "from-0000"))["Losses"]
    assert found == "3: record, tags, restreams"


@either
def test_a_stream_that_stays_where_it_is_loses_nothing(kind: str) -> None:
    skipped = [each for each in rows(read_page(PAGES[kind])) if "skipped" in cells(each)["State"]]
    assert {cells(each)["Losses"] for each in skipped} == {""}


@either
def test_the_charts_say_their_numbers_in_words(kind: str) -> None:
    page, shown = read_page(PAGES[kind]), SHOWN[kind]
    pictures = {
        each.one("title").text: each.one("desc").text for each in page.all("svg", role="img")
    }
    outcomes = {name: count for name, count in shown.counts.items() if count and name != "total"}
    assert pictures == {
        f"{len(shown.items)} streams by state": in_words(outcomes),
        **{f"Streams that lose {field}": in_words(lost) for field, lost in shown.losses.items()},
    }


def in_words(counts: dict[str, int]) -> str:
    return ", ".join(
        f"{n} {name.replace('needs_review', 'needs review')}" for name, n in counts.items()
    )


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=7), st.integers(0, 3000))
def test_every_part_of_a_bar_can_be_seen_and_none_leaves_it(counts: list[int], rest: int) -> None:
    whole = sum(counts) + rest
    parts = bar({str(each): count for each, count in enumerate(counts)}, whole)
    assert [part.count for part in parts] == [count for count in counts if count]
    end = 0.0
    for part in parts:
        assert part.x == pytest.approx(end, abs=0.01)
        assert part.width >= 0.99
        end = part.x + part.width
    assert end <= 100.01
    if parts and not rest:
        assert end == pytest.approx(100, abs=0.01)


def test_a_page_without_streams_says_so_and_has_no_empty_table() -> None:
    page = read_page(plan_html(plan()))
    assert "There is nothing to move." in next_steps(page)
    assert page.all("table") == []
    assert page.all("svg", role="img") == []


# -- harmless output of vendor text -----------------------------------------------------------


@pytest.mark.slow
@either
@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_title_is_text(kind: str, number: int) -> None:
    heading = row(read_page(PAGES[kind]), f"from-{number:04}").one("th")
    # Isolated, too: a right-to-left title does not reorder other text.
    assert heading.all("bdi")[0].text == HOSTILE[number].replace("\u202e", "\ufffd")


DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def test_no_text_can_reverse_the_text_around_it() -> None:
    """Wherever it stands: a title, an ID, a reason, a note, an account, a name, or a filter."""
    field = FieldResult("tags", FieldOutcome.DROPPED, DIRECTIONS)
    item = planned(0, reason=DIRECTIONS, existing=(DIRECTIONS,), fields=(field,))
    item = attrs.evolve(item, title=DIRECTIONS, source_id=DIRECTIONS)
    names = ("source_account", "target_account", "source_name", "target_name")
    settings = PlanSettings(filters={"tag": DIRECTIONS}, transform=DIRECTIONS)
    shown = dict.fromkeys(names, DIRECTIONS)
    pages = [
        plan_html(plan(item, settings=settings, **shown)),
        report_html(
            report(
                moved(0, target_id=DIRECTIONS, reason=DIRECTIONS),
                unowned=(DIRECTIONS,),
                **shown,
            )
        ),
    ]
    assert not set(DIRECTIONS) & set("".join(pages))


@either
def test_vendor_text_adds_no_element(kind: str) -> None:
    page = read_page(PAGES[kind])
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert len(page.one("head").all("title")) == 1
    assert page.all("img") == []
    assert page.all("b") == []


def test_half_a_character_in_a_title_does_not_prevent_a_file(tmp_path: Path) -> None:
    html = plan_html(plan(attrs.evolve(planned(0), title="broken \ud83c emoji")))
    (tmp_path / "plan.html").write_text(html, encoding="utf-8")
    assert "broken ? emoji" in read_page(html).text


@either
def test_no_secret_of_a_spec_is_on_the_page(kind: str) -> None:
    assert SECRET not in PAGES[kind]
    assert "cdn.example" not in PAGES[kind]


@either
def test_the_policy_allows_the_style_and_the_script_of_the_page_and_nothing_else(kind: str) -> None:
    page = read_page(PAGES[kind])
    policy = page.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
    assert dict(part.split(" ", 1) for part in policy.split("; ")) == {
        "default-src": "'none'",
        "style-src": f"'{digest(page.one('style').raw)}'",
        "script-src": f"'{digest(page.one('script').raw)}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


@either
def test_a_page_refers_to_nothing_outside_of_itself(kind: str) -> None:
    page = read_page(PAGES[kind])
    attributes = {name for element in page for name in element.attributes}
    assert attributes & {"src", "href", "xlink:href", "srcset", "action", "data", "style"} == set()
    assert [name for name in attributes if name.startswith("on")] == []
    references = re.findall(r"url\((.)", PAGES[kind])
    assert set(references) == {"#"}
    assert "@import" not in PAGES[kind]


@either
def test_every_reference_inside_of_a_page_leads_somewhere(kind: str) -> None:
    page = read_page(PAGES[kind])
    ids = [element.attributes["id"] for element in page if "id" in element.attributes]
    used = {
        name
        for element in page
        for attribute in ("aria-labelledby", "aria-describedby")
        for name in element.attributes.get(attribute, "").split()
    }
    assert len(ids) == len(set(ids))
    assert used | set(re.findall(r"url\(#(\w+)\)", PAGES[kind])) <= set(ids)


# -- reading it -------------------------------------------------------------------------------


@either
def test_a_page_names_its_language_both_accounts_and_its_time(kind: str) -> None:
    page = read_page(PAGES[kind])
    assert page.one("html").attributes["lang"] == "en"
    assert page.one("header").one("p", **{"class": "route"}).text == "acme:<one> → other:two"
    assert page.one("header").all("time")[0].attributes["datetime"] == "2026-12-05T12:00:00Z"


@either
def test_every_cell_is_named_as_its_column_is(kind: str) -> None:
    page = read_page(PAGES[kind])
    columns = [each.text for each in page.one("thead").all("th")]
    for each in rows(page):
        assert ["Stream", *cells(each)] == columns


@either
def test_features_that_need_a_script_are_hidden_without_it(kind: str) -> None:
    page = read_page(PAGES[kind])
    assert "hidden" in page.one("div", role="search").attributes
    assert page.all("button") == []
    assert [each for each in rows(page) if "hidden" in each.attributes] == []


@pytest.mark.slow
def test_two_thousand_streams_fit_into_three_megabytes() -> None:
    html = report_html(report(*(moved(number) for number in range(2000))))
    assert len(html.encode()) < 3_000_000


# -- next steps -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (plan(planned(0)), "1 stream can be moved. To create it, use livestream migrate run."),
        (plan(planned(0), planned(1)), "2 streams can be moved"),
        (plan(planned(0, ItemState.SKIPPED)), "There is nothing to move."),
        (plan(planned(0, ItemState.NEEDS_REVIEW)), "1 stream needs review"),
        (
            plan(planned(0, existing=("x",))),
            "1 stream to be moved already has a match at the target",
        ),
        (
            plan(planned(0), settings=PlanSettings(fail_on_loss=("tags", "title"))),
            "would lose fields listed in --fail-on-loss: tags.",
        ),
        (
            plan(planned(0), left_out=4, source_complete=live.Completeness.UNKNOWN),
            "does not report how many streams it has. Make sure that 5 is",
        ),
        (
            plan(planned(0), source_complete=live.Completeness.MISMATCHED),
            "The source's total does not match its list",
        ),
    ],
)
def test_a_plan_says_what_to_do_next(shown: Plan, said: str) -> None:
    assert said in next_steps(read_page(plan_html(shown)))


def test_a_plan_that_a_run_refuses_does_not_advise_one() -> None:
    refused = plan(planned(0), settings=PlanSettings(fail_on_loss=("tags",)))
    assert "livestream migrate run" not in next_steps(read_page(plan_html(refused)))


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (report(moved(0, ItemState.PENDING)), "1 stream has not been created yet"),
        (report(moved(0, ItemState.UNKNOWN)), "1 create has an unknown outcome"),
        (report(moved(0, ItemState.REFUSED)), "1 stream was refused by the target"),
        (report(moved(0, ItemState.NEEDS_REVIEW)), "1 stream needs review"),
        (
            report(moved(0), unowned=("to-9", "to-8")),
            "2 streams at the target match this migration but are not in its ledger: to-9, to-8.",
        ),
        (report(moved(0)), "Every stream is settled and accounted for."),
        (report(moved(0)), "1 stream is prepared at the target"),
        (report(moved(0, cutover=Cutover.SWITCHED)), "1 stream is in use at the target"),
        (report(moved(0, ItemState.SKIPPED)), "There is nothing to move."),
        (report(moved(0, rolled_back=True), phase="rolled_back"), "The rollback is complete."),
        (report(moved(0), phase="rolled_back"), "but 1 stream is still at the target"),
    ],
)
def test_a_report_says_what_to_do_next(shown: Report, said: str) -> None:
    assert said in next_steps(read_page(report_html(shown)))


@pytest.mark.parametrize(
    "open_end",
    [
        report(moved(0), moved(1, ItemState.PENDING)),
        report(moved(0), moved(1, ItemState.UNKNOWN)),
        report(moved(0), moved(1, ItemState.REFUSED)),
        report(moved(0), moved(1, ItemState.NEEDS_REVIEW)),
        report(moved(0), unowned=("to-9",)),
        report(moved(0), phase="rolled_back"),
    ],
)
def test_a_report_with_an_open_end_does_not_say_that_every_stream_is_settled(
    open_end: Report,
) -> None:
    assert "Every stream is settled" not in next_steps(read_page(report_html(open_end)))


# -- in a browser -----------------------------------------------------------------------------

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def in_browser(html: str, script: str, folder: Path, *, allowed: bool = True) -> Element:
    """Return the page from a browser, under the page's policy, after a script of the test."""
    if allowed:
        html = html.replace("script-src ", f"script-src '{digest(script)}' ", 1)
    file = folder / "page.html"
    file.write_text(html.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    done = subprocess.run(
        [CHROMIUM or "", *options, f"--user-data-dir={folder / 'profile'}", "--dump-dom", file],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=120,
    )
    return read_page(done.stdout)


needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@needs_browser
def test_in_a_browser_a_heading_sorts_and_turns_round_with_what_has_no_value_last(
    tmp_path: Path,
) -> None:
    starts = {1: 2, 2: None, 3: 3, 4: 1}
    items = [
        planned(n, scheduled_start=hours and NOON.replace(hour=hours))
        for n, hours in starts.items()
    ]
    press = "document.querySelectorAll('thead button')[3].click();"
    for script, order, said in [
        (press, [4, 1, 3, 2], "ascending"),
        (press * 2, [3, 1, 4, 2], "descending"),
    ]:
        page = in_browser(plan_html(plan(*items)), script, tmp_path)
        assert [each.one("th").text[-4:] for each in rows(page)] == [f"{n:04}" for n in order]
        headings = page.one("thead").all("th")
        assert [each.text for each in headings if "aria-sort" in each.attributes] == [
            "Starts (UTC)"
        ]
        assert headings[3].attributes["aria-sort"] == said


@needs_browser
def test_in_a_browser_state_and_text_filter_together(tmp_path: Path) -> None:
    page = in_browser(
        PAGES["report"],
        "const [state, text] = document.querySelectorAll('select, [type=search]');"
        "state.value = 'needs_review'; state.dispatchEvent(new Event('change'));"
        "text.value = 'PHYSIK'; text.dispatchEvent(new Event('input'));",
        tmp_path,
    )
    left = [each for each in rows(page) if "hidden" not in each.attributes]
    assert left
    assert {cells(each)["State"] for each in left} == {"needs review"}
    assert all("Physik" in each.text for each in left)
    assert page.one("output").text == f"{len(left)} of 28 shown"
    assert "hidden" not in page.one("div", role="search").attributes


def a_large_report(count: int) -> Report:
    return report(*(moved(number) for number in range(count)))


def test_a_large_page_without_a_script_has_every_stream_and_every_outcome() -> None:
    page = read_page(report_html(a_large_report(500)))
    first, later = (each.one("tbody").all("tr") for each in page.all("table"))
    assert len(first) + len(later) == 500
    assert [each.text for each in page.all("thead")[0].all("th")] == [
        each.text for each in page.all("thead")[1].all("th")
    ]
    assert "Fields: set 1" in later[0].text
    assert page.one("div", id="set-1").one("dl").text == first[0].one("dl").text


@needs_browser
def test_in_a_browser_a_large_page_is_turned_searched_and_sorted(tmp_path: Path) -> None:
    html = report_html(a_large_report(500))
    last = "document.querySelector('nav').lastChild.click();"
    search = (
        "const text = document.querySelector('[type=search]');"
        "text.value = 'to-0417'; text.dispatchEvent(new Event('input'));"
    )
    descending = "document.querySelector('thead button').click();" * 2
    place = "401 to 500 of 500"
    for script, count, said in [
        ("", 200, "1 to 200 of 500"),
        (last * 2, 100, place),
        (search, 1, "1 to 1 of 1"),
        (descending + last * 2, 100, place),
    ]:
        page = in_browser(html, script, tmp_path)
        # With a script, what follows is text.
        (table,) = [each for each in page.all("table") if each.all("tr")][:1]
        shown = table.one("tbody").all("tr")
        assert len(shown) == count
        assert said in page.one("nav").text
        assert all(each.all("dl") for each in shown)


@pytest.mark.slow
@needs_browser
def test_in_a_browser_a_page_lays_out_no_more_for_many_streams(tmp_path: Path) -> None:
    count = "document.title = document.querySelectorAll('*').length"
    sizes = []
    for many in (300, 3000):
        page = in_browser(report_html(a_large_report(many)), count, tmp_path)
        sizes.append(int(page.one("head").one("title").text))
    assert sizes[0] == sizes[1]


@needs_browser
@either
def test_in_a_browser_on_a_phone_no_word_is_broken(kind: str, tmp_path: Path) -> None:
    shown = SHOWN[kind]
    accounts = {
        "source_name": "school",
        "target_name": "church",
        "source_account": "tpstreams:https://app.tpstreams.com:gcdem4",
        "target_account": "tktchurch:https://api.live.tkt.church:7b1c2f80-52a6-4a0c-9d3e",
    }
    items = [
        attrs.evolve(
            item,
            title="Introduction to Thermodynamics",
            source_id="7b1c2f80-52a6-4a0c-9d3e-0f4b1c2d3e4f",
        )
        for item in shown.items
    ]
    evolved: Any = attrs.evolve(shown, items=tuple(items), **accounts)
    html = plan_html(evolved) if kind == "plan" else report_html(evolved)
    broken = """
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const found = new Set();
for (let node; (node = walker.nextNode()); ) {
  if (node.parentElement.closest("script, style, svg, [hidden]")) continue;
  for (const { 0: word, index } of node.data.matchAll(/[\\p{L}\\p{N}_]+/gu)) {
    const range = document.createRange();
    range.setStart(node, index);
    range.setEnd(node, index + word.length);
    if (new Set([...range.getClientRects()].map((each) => each.top)).size > 1) found.add(word);
  }
}
const wide = document.documentElement.scrollWidth > innerWidth ? ["the page is too wide"] : [];
parent.postMessage([innerWidth, ...found, ...wide].join(" "), "*");
"""
    html = html.replace("script-src ", f"script-src '{digest(broken)}' ", 1)
    html = html.replace("</body>", f"<script>{broken}</script></body>")
    (tmp_path / "phone.html").write_text(html, encoding="utf-8")
    frame = (
        "<!doctype html><html><head><title>phone</title>"
        '<meta http-equiv="Content-Security-Policy" content="script-src ">'
        "<script>addEventListener('message', (event) => (document.title = event.data))</script>"
        '</head><body><iframe src="phone.html" width="390" height="800"></iframe></body></html>'
    )
    frame = frame.replace("script-src ", "script-src 'unsafe-inline' ", 1)
    page = in_browser(frame, "", tmp_path, allowed=False)
    assert page.one("title").text == "390"


@needs_browser
def test_in_a_browser_no_other_script_runs(tmp_path: Path) -> None:
    page = in_browser(PAGES["plan"], "document.title = 'taken'", tmp_path, allowed=False)
    assert page.one("head").one("title").text == "Migration plan: acme:<one> to other:two"
