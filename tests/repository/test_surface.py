"""Nothing public has gone or changed since version 0.1, but for the names in `RENAMED`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

FROZEN = Path(__file__).parents[1] / "frozen"

#: What is called something else since then: a name with all that is under it.
RENAMED = {
    "livestream_core.testing.conformance.Subject.recorded": (
        "livestream_core.testing.conformance.Subject.captured"
    ),
    "livestream_core.TimedOut": "livestream_core.RequestTimeout",
    "livestream_core.Page.next": "livestream_core.Page.next_cursor",
    "livestream_core.testing.strategies.PageParts.next": (
        "livestream_core.testing.strategies.PageParts.next_cursor"
    ),
    "livestream_core.Capabilities.demand": "livestream_core.Capabilities.require",
    "livestream_core.Capabilities.lacking": "livestream_core.Capabilities.unsupported_error",
    "livestream_core.migrate.Fate": "livestream_core.migrate.FieldOutcome",
    "livestream_core.migrate.Fate.NEEDS_PERSON": "livestream_core.migrate.FieldOutcome.NEEDS_REVIEW",
    "livestream_core.migrate.FieldFate": "livestream_core.migrate.FieldResult",
    "livestream_core.migrate.ItemState.NEEDS_PERSON": "livestream_core.migrate.ItemState.NEEDS_REVIEW",
    "livestream_core.migrate.Report.needs_person": "livestream_core.migrate.Report.needs_review",
    "livestream_core.migrate.switched": "livestream_core.migrate.mark_switched",
    "livestream_core.migrate.refresh": "livestream_core.migrate.refresh_cutovers",
    "livestream_core.migrate.GUARD": "livestream_core.migrate.DEFAULT_LEAD_TIME",
    "livestream_core.migrate.SETTLE": "livestream_core.migrate.DEFAULT_SETTLE_SECONDS",
    **{
        f"livestream_core.testing.conformance.{old}": f"livestream_core.testing.conformance.{new}"
        for old, new in {
            "Answers": "Parsing",
            "Lateness": "SlowResponses",
            "OddPages": "MalformedPages",
            "RecordedCall": "CapturedCall",
            "RecordedExchange": "CapturedExchange",
            "Recording": "Capture",
            "Secrecy": "SecretMasking",
            "Subject(recordings)": "Subject(captures)",
            "Subject.recordings": "Subject.captures",
            "Walks": "RandomLifecycles",
        }.items()
    },
    "livestream record": "livestream capture",
    "livestream sandbox --play": "livestream sandbox --simulate",
    "livestream migrate plan --guard": "livestream migrate plan --min-lead-time",
    "livestream migrate run --guard": "livestream migrate run --min-lead-time",
    "livestream migrate run --settle": "livestream migrate run --settle-time",
    "pytest --livestream-recordings": "pytest --livestream-captures",
    "exit code of TimedOut": "exit code of RequestTimeout",
    **{
        f"json of migrate {old}.needs_person": f"json of migrate {old}.needs_review"
        for old in (
            "plan: counts",
            "report: counts",
            "run: counts",
            "run: progress.counts",
            "status: counts",
        )
    },
}
#: The same in what is said of a name.
REWORDED = {"needs_person": "needs_review"}
_OLD = re.compile(
    rf"(?:{'|'.join(sorted(map(re.escape, RENAMED), key=len, reverse=True))})(?![\w-])"
)


def renamed(name: str) -> str:
    """Return what a name of version 0.1 is called now."""
    return _OLD.sub(lambda found: RENAMED[found[0]], name, count=1) if _OLD.match(name) else name


def reworded(fact: str) -> str:
    for old, new in REWORDED.items():
        fact = fact.replace(old, new)
    return fact


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    data: dict[str, str] = json.loads((FROZEN / "surface_0_1.json").read_text(encoding="utf-8"))
    return data


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Make the same of the present version, in the same way."""
    file = tmp_path_factory.mktemp("surface") / "today.json"
    subprocess.run([sys.executable, str(FROZEN / "surface.py"), str(file)], check=True, timeout=300)
    data: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return data


@pytest.mark.slow
def test_nothing_public_is_gone(before: dict[str, str], today: dict[str, str]) -> None:
    assert [name for name in before if renamed(name) not in today] == []


@pytest.mark.slow
def test_nothing_public_has_changed(before: dict[str, str], today: dict[str, str]) -> None:
    changed = {
        name: f"was {fact!r}, is {now!r}"
        for name, fact in before.items()
        if (now := today.get(renamed(name), fact)) not in (fact, reworded(fact))
    }
    assert changed == {}


@pytest.mark.slow
def test_what_is_new_demands_nothing_of_those_who_do_not_know_it(
    before: dict[str, str], today: dict[str, str]
) -> None:
    known = {renamed(name) for name in before}
    demanded = [
        name
        for name, fact in today.items()
        if name not in known
        and _owner(name) in known
        and not re.search(r"by default|any more|, flag|^option, (?!.*required)", fact)
    ]
    assert demanded == []


@pytest.mark.slow
def test_a_name_that_was_changed_is_a_name_no_more(
    before: dict[str, str], today: dict[str, str]
) -> None:
    assert [old for old in RENAMED if not any(_begins(name, old) for name in before)] == []
    assert [new for new in RENAMED.values() if not any(_begins(name, new) for name in today)] == []
    assert [old for old in RENAMED if any(_begins(name, old) for name in today)] == []


def _owner(name: str) -> str | None:
    """Whose parameter, option or argument a name is."""
    found = re.match(r"(.*)\(\w+\)$|(livestream\b.*) (?:--?[\w-]+|[A-Z_]+)$", name)
    return (found[1] or found[2]) if found else None


def _begins(name: str, start: str) -> bool:
    return re.match(rf"{re.escape(start)}(?![\w-])", name) is not None


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("livestream_core.Client.create(spec)", "livestream_core.Client.create"),
        ("livestream show --raw", "livestream show"),
        ("livestream show ID", "livestream show"),
        ("livestream show", None),
        ("livestream_core.Client.create", None),
        ("json of show: id", None),
    ],
)
def test_the_owner_of_a_parameter_is_what_it_is_given_to(name: str, owner: str | None) -> None:
    assert _owner(name) == owner


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("livestream_core.Page.next", "livestream_core.Page.next_cursor"),
        ("livestream_core.Page.next_cursor", "livestream_core.Page.next_cursor"),
        (
            "livestream_core.migrate.refresh(ledger)",
            "livestream_core.migrate.refresh_cutovers(ledger)",
        ),
        (
            "livestream_core.migrate.Fate.NEEDS_PERSON",
            "livestream_core.migrate.FieldOutcome.NEEDS_REVIEW",
        ),
        ("livestream migrate run --settle", "livestream migrate run --settle-time"),
    ],
)
def test_a_name_is_looked_up_by_what_it_is_called_now(old: str, new: str) -> None:
    assert renamed(old) == new
