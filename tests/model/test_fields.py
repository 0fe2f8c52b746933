"""The table of fields: what is derived from it, and what an additional field changes."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

import livestream_core as live
from grown_model import MODEL, TYPED, NewField
from livestream_core._model.fields import table
from package_copy import PackageCopy

pytestmark = pytest.mark.slow

# -- the model ----------------------------------------------------------------------------------

#: The modules that may name a field: the model, typed dicts, and vendors that have such a field.
MAY_NAME_FIELDS = {
    "_model/stream.py",
    "_model/typed.py",
    "testing/strategies.py",
    "memory/adapter.py",
    "memory/emulator.py",
}


@pytest.mark.parametrize("name", ["thumbnail_url", "latency", "recording_drm", "chat_url"])
def test_a_field_is_named_in_the_model_and_in_typed_dicts_only(name: str) -> None:
    package = Path(live.__file__).parent
    naming = {
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if re.search(rf"\b{name}\b", file.read_text(encoding="utf-8"))
    }
    assert naming <= MAY_NAME_FIELDS


@pytest.mark.parametrize("name", ["thumbnail_url", "latency", "recording_drm", "chat_url"])
def test_strategies_name_a_field_in_typed_dicts_only(name: str) -> None:
    text = (Path(live.__file__).parent / "testing" / "strategies.py").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.search(rf"\b{name}\b", line)]
    assert all(re.fullmatch(r"    \w+: Part\[.*\]", line) for line in lines)


@pytest.mark.parametrize("name", sorted({*table(live.StreamSpec)} & {*table(live.LiveStream)}))
def test_a_field_has_the_same_properties_in_a_spec_and_a_stream(name: str) -> None:
    asked, shown = table(live.StreamSpec)[name], table(live.LiveStream)[name]
    assert shown._replace(default=asked.default) == asked


def test_a_derived_attrs_class_may_have_its_own_fields() -> None:
    @attrs.frozen(slots=True, kw_only=True)
    class Seated(live.LiveStream):
        seats: int = 0

    stream = Seated(provider="a", id="1", title="T", status="live", seats=4)
    assert stream.to_dict()["seats"] == 4
    assert Seated.from_dict(stream.to_dict()) == stream


# -- an additional field ------------------------------------------------------------------------

#: A field of each kind, with two values.
ADDED: dict[str, tuple[NewField, str, str]] = {
    "language": (
        NewField("language", "c.optional_text", 'Owner.ECHOED, examples=("en", "de")'),
        "'en'",
        "'de'",
    ),
    "is_private": (
        NewField("is_private", "c.flag", "Owner.ECHOED, vendor_default=False"),
        "True",
        "False",
    ),
    "categories": (
        NewField("categories", "c.texts", 'Owner.CALLER, option="--category"'),
        "('a', 'b')",
        "('c',)",
    ),
    "poster_url": (
        NewField("poster_url", "c.url", "Owner.VENDOR"),
        "'https://a.example/1.png'",
        "'https://a.example/2.png'",
    ),
    "doors_open": (
        NewField("doors_open", "c.optional_instant", "Owner.ECHOED"),
        "live.parse_instant('2090-01-01T09:00:00Z')",
        "live.parse_instant('2090-01-01T09:30:00Z')",
    ),
    "lag": (NewField("lag", "c.optional_seconds", "Owner.ECHOED"), "12", "1.5"),
    "seats": (NewField("seats", "c.optional_count", "Owner.ECHOED"), "30", "45"),
    "pace": (
        NewField("pace", "_latency", "Owner.ECHOED, words=Latency"),
        "live.Latency.LOW",
        "live.Latency.NORMAL",
    ),
}
PRELUDE = "\n".join(
    [
        "import livestream_core as live",
        "VALUES, OTHERS = {}, {}",
        *(f"VALUES[{name!r}], OTHERS[{name!r}] = {a}, {b}" for name, (_, a, b) in ADDED.items()),
    ]
)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> PackageCopy:
    """Return a copy of the package with an additional field of each kind."""
    package = PackageCopy(tmp_path_factory.mktemp("grown"))
    for field, *_ in ADDED.values():
        field.add(package)
    return package


def does(package: PackageCopy, code: str) -> None:
    done = package.python("-W", "ignore", "-c", PRELUDE + code)
    assert done.returncode == 0, done.stderr


def test_a_field_touches_the_model_and_the_typed_dicts_only(grown: PackageCopy) -> None:
    assert grown.touched == {MODEL, TYPED}


def test_a_new_field_is_asked_for_shown_changed_cleared_and_stored(grown: PackageCopy) -> None:
    does(grown, CALLS)


CALLS = """
from acme import AcmeAdapter
from livestream_core._model.fields import Kind, table

known = table(live.StreamSpec)
assert {known[name].kind for name in VALUES} == {*Kind} - {
    Kind.IDENTIFIER, Kind.SECRET, Kind.PART, Kind.DATA
}

with live.connect("memory") as client:
    made = client.create(title="T", **VALUES)
    assert {name: getattr(client.get(made.id), name) for name in VALUES} == VALUES
    assert all(client.supports(name) for name in VALUES)
    for name, value in OTHERS.items():
        assert getattr(client.update(made.id, **{name: value}), name) == value, name
        assert getattr(client.update(made.id, **{name: None}), name) in (None, ()), name
    try:
        client.create(title="T", language=5)
    except live.InvalidInput as error:
        assert (error.field, error.message) == ("language", "language: expected a string, not int")
    else:
        raise AssertionError("it was not checked")
    spec, stream = live.StreamSpec(title="T", **VALUES), client.create(title="T", **VALUES)
    assert live.StreamSpec.from_dict(spec.to_dict()) == spec
    assert live.LiveStream.from_dict(stream.to_dict(raw=True)) == stream
    assert live.LiveStream.from_dict({**stream.to_dict(), "pace": "a word of tomorrow"}).pace is None

for name, value in VALUES.items():
    problem = AcmeAdapter.capabilities.unsupported_error(name, value)
    assert (problem.features, problem.message) == ((name,), f"{name}: the vendor does not offer {name}")
"""


def test_a_new_field_has_an_option_and_is_shown_on_the_command_line(grown: PackageCopy) -> None:
    does(grown, COMMANDS)


COMMANDS = """
import json, os
from command_line import run

def ok(*arguments):
    result = run(*arguments, "-p", "memory")
    assert result.exit_code == 0, result.output
    return result.stdout

given = ["--language", "en", "--is-private", "--category", "a", "--category", "b",
         "--poster-url", VALUES["poster_url"], "--doors-open", "2090-01-01T09:00:00Z",
         "--lag", "12", "--seats", "30", "--pace", "low"]
made = json.loads(ok("create", "--json", "--title", "T", *given))
assert live.LiveStream.from_dict(made) == live.LiveStream.from_dict({**made, **VALUES})
lines = [line.split(maxsplit=1) for line in ok("show", made["id"], "--utc").splitlines()]
shown = ["language en", "is private yes", "categories a, b", "poster https://a.example/1.png",
         "doors open 2090-01-01 09:00:00+00:00", "lag 12 s", "seats 30",
         "pace low"]
found = {" ".join(" ".join(line).split()) for line in lines}
assert set(shown) <= found, found
changed = json.loads(ok("update", made["id"], "--json", "--no-is-private", "--clear", "language"))
assert (changed["is_private"], changed["language"]) == (False, None)
"""


def test_a_new_field_is_moved_and_compared_by_a_migration(grown: PackageCopy) -> None:
    does(grown, MIGRATION)


MIGRATION = """
import tempfile
from livestream_core import migrate

ledger = tempfile.mkdtemp() + "/ledger.db"
START = "2090-01-01T10:00:00Z"

def connected(account):
    return live.connect("memory", account=account)

def checked():
    return {item.title: item.differences for item in migrate.check(ledger, source, target).items}

with connected("old") as source, connected("new") as target, connected("other") as other:
    old = source.create(title="Full", scheduled_start=START, **VALUES)
    bare = source.create(title="Bare", scheduled_start=START)
    plan = migrate.plan(source, target)
    fates = {each.field: each.fate for each in plan.items[0].fields}
    assert {fates[name] for name in VALUES} == {migrate.FieldOutcome.EXACT}
    assert not VALUES.keys() & plan.losses.keys()
    other.create(title="Full", scheduled_start=START, **VALUES)
    assert migrate.plan(source, other, skip_existing=True).counts["skipped"] == 1
    report = migrate.run(plan, ledger=ledger, workers=1, settle=0.1).report
    ids = {item.title: item.target_id for item in report.items}
    assert {name: getattr(target.get(ids["Full"]), name) for name in VALUES} == VALUES
    assert checked() == {"Full": (), "Bare": ()}
    for name, value in OTHERS.items():
        for client, id, side in ((source, old.id, "source"), (target, ids["Full"], "target")):
            client.update(id, **{name: value})
            assert checked()["Full"] == (f"{side}.{name}",), (name, side)
            client.update(id, **{name: VALUES[name]})
        planned = migrate.plan(source, target).items[0].digest
        source.update(old.id, **{name: value})
        retired = migrate.retire(ledger, source, target, max_delete=5, prepared=True, dry_run=True)
        kept = retired.kept
        assert [(item.title, f"source.{name}" in item.reason) for item in kept] == [("Full", True)]
        source.update(old.id, **{name: VALUES[name]})
    for name, value in VALUES.items():
        source.update(bare.id, **{name: value})
        assert checked()["Bare"] == (f"source.{name}",), name
        source.update(bare.id, **{name: None})
    for name in ("language", "categories", "poster_url"):
        target.update(ids["Bare"], **{name: VALUES[name]})
        kept = migrate.rollback(ledger, target, dry_run=True).kept
        assert [(item.title, name in item.reason) for item in kept] == [("Bare", True)], name
        target.update(ids["Bare"], **{name: None})
"""


def test_strategies_make_up_a_new_field(grown: PackageCopy) -> None:
    does(grown, STRATEGIES)


STRATEGIES = """
from hypothesis import HealthCheck, Phase, given, settings
from livestream_core.testing import strategies as s

quickly = settings(
    max_examples=40, derandomize=True, deadline=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
in_specs, in_streams = set(), set()

@quickly
@given(s.stream_specs(language="de"), s.live_streams(categories=("a",)))
def fixed(spec, stream):
    assert (spec.language, stream.categories) == ("de", ("a",))

@quickly
@given(s.stream_specs(), s.live_streams())
def drawn(spec, stream):
    assert {spec.language, stream.language} <= {None, "en", "de"}
    in_specs.update(name for name in VALUES if getattr(spec, name) not in (None, ()))
    in_streams.update(name for name in VALUES if getattr(stream, name) not in (None, ()))

fixed()
drawn()
assert in_specs == in_streams == set(VALUES)
"""


def test_the_kit_tests_a_new_field_without_being_changed(grown: PackageCopy) -> None:
    done = grown.python(
        *("-m", "pytest", "-p", "no:cacheprovider", "-q", "-rA", "--livestream-adapter", "memory"),
        *("-k", " or ".join(ADDED)),
    )
    assert done.returncode == 0, done.stdout
    for name in ADDED:
        assert re.search(rf"^{name} +proven ", done.stdout, re.MULTILINE), name


# -- incomplete declarations --------------------------------------------------------------------

LANGUAGE = NewField("language", "c.optional_text", "Owner.ECHOED")


def imported(package: PackageCopy) -> str:
    """Return the last line of an import's error output."""
    done = package.python("-c", "import livestream_core, livestream_core._client.client")
    return done.stderr.strip().rpartition("\n")[2]


@pytest.mark.parametrize(
    ("forgotten", "message"),
    [
        ("feature", "AttributeError: LANGUAGE"),
        ("stream", "TypeError: LiveStream does not show 'language', which a spec has"),
        ("typed dict", "TypeError: StreamFields and StreamSpec differ in language"),
        ("typed dict of changes", "TypeError: StreamChanges and StreamSpec differ in language"),
        (
            "spec",
            "TypeError: Feature.LANGUAGE is neither in the table of operations nor a field of"
            " StreamSpec",
        ),
        ("", ""),
    ],
)
def test_a_field_that_is_forgotten_in_a_place_does_not_import_and_is_named(
    tmp_path: Path, forgotten: str, message: str
) -> None:
    package = PackageCopy(tmp_path)
    LANGUAGE.add(package, but=forgotten)
    # From 3.12 on, an enum's error also names the class that lacks the member.
    said = imported(package).replace(
        "type object 'Feature' has no attribute 'LANGUAGE'", "LANGUAGE"
    )
    assert said == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"facts": 'help="What is spoken."'}, "who owns its value"),
        ({"convert": "str"}, "what kind of value its converter returns"),
    ],
)
def test_a_field_that_does_not_say_enough_does_not_import(
    tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    package = PackageCopy(tmp_path)
    attrs.evolve(LANGUAGE, **changes).add(package)
    assert (
        imported(package)
        == f"TypeError: StreamSpec.language does not declare {message}: see FieldFacts"
    )


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ("", "who owns its value"),
        ("Owner.VENDOR", "how a migration handles it"),
        ('Owner.VENDOR, lost="viewers are not moved"', ""),
    ],
)
def test_a_field_that_only_vendors_show_says_what_becomes_of_it(
    tmp_path: Path, facts: str, message: str
) -> None:
    package = PackageCopy(tmp_path)
    NewField("viewers", "c.optional_text", facts).add_to_stream(package, says=facts)
    said = imported(package)
    assert said == (
        f"TypeError: LiveStream.viewers does not declare {message}: see FieldFacts"
        if message
        else ""
    )
