"""This version reads what version 0.1 stored: pickles in task queues, and ledgers."""

from __future__ import annotations

import base64
import importlib.util
import json
import pickle
import pickletools
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import livestream_core as live
from grown_model import NewField
from livestream_core import migrate
from livestream_core.testing import livestreams
from package_copy import PackageCopy

FROZEN = Path(__file__).parents[1] / "frozen"


def frozen(name: str) -> ModuleType:
    """Return a module that created stored data."""
    spec = importlib.util.spec_from_file_location(name, FROZEN / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


stored_values = frozen("stored_values")
PICKLES = json.loads((FROZEN / "pickles_0_1.json").read_text(encoding="utf-8"))


def unpickled(name: str) -> Any:
    return pickle.loads(base64.b64decode(PICKLES[name]))


@pytest.mark.parametrize("name", stored_values.VALUES)
def test_a_pickled_value_of_version_0_1_is_read(name: str) -> None:
    value, expected = unpickled(name), stored_values.VALUES[name]
    assert type(value) is type(expected)
    assert value == expected
    assert repr(value) == repr(expected)


@pytest.mark.parametrize(
    "value",
    [
        live.LiveStream(provider="p", id="1", title="T", status="live", tags=["a"]),
        live.StreamSpec(title="T", description="D"),
        live.Ingest(
            "srt://h:1", "key", passphrase="a passphrase", expires_at="2030-01-01T00:00:00Z"
        ),
        live.Playback("https://h/a.m3u8", "page"),
        live.Recording("ready", "https://h/a.m3u8", duration=3),
        live.RestreamTarget("rtmp://h/a", "key"),
        live.Event(provider="p", kind="other", raw={"a": 1}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_field_that_a_pickled_value_does_not_have_yet_is_read_as_its_default(value: Any) -> None:
    fields = attrs.fields_dict(type(value))
    required = [name for name, field in fields.items() if field.default is attrs.NOTHING]
    expected = type(value)(**{name: getattr(value, name) for name in required})
    state = {name: each for name, each in value.__getstate__().items() if name in required}
    older = type(value).__new__(type(value))
    older.__setstate__(state)
    assert older == expected
    assert repr(older) == repr(expected)
    assert pickle.loads(pickle.dumps(older)) == expected


@pytest.mark.parametrize("name", [name for name in PICKLES if name in stored_values.ERRORS])
def test_a_pickled_error_of_version_0_1_is_read(name: str) -> None:
    error = unpickled(name)
    given = stored_values.GIVEN[name]
    assert type(error) is type(stored_values.ERRORS[name])
    assert {each: getattr(error, each) for each in given} == given
    assert "it went wrong" in str(error)


def test_everything_that_was_pickled_is_still_public() -> None:
    assert set(PICKLES) <= {*stored_values.VALUES, *stored_values.ERRORS}


def globals_in(pickled: bytes) -> Iterator[str]:
    """Yield the modules that a pickle names; in protocol 4 they are among its strings."""
    for _, argument, _ in pickletools.genops(pickled):
        if isinstance(argument, str) and argument.startswith("livestream_core"):
            yield argument


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_names_no_private_module(name: str) -> None:
    value = {**stored_values.VALUES, **stored_values.ERRORS}[name]
    named = set(globals_in(pickle.dumps(value, protocol=4)))
    assert named
    assert [each for each in named if "._" in each] == []


@pytest.mark.slow
def test_a_pickle_is_read_by_a_process_that_has_loaded_nothing_yet() -> None:
    pickled = base64.b64encode(pickle.dumps([*stored_values.VALUES.values()])).decode()
    code = f"import base64, pickle; print(len(pickle.loads(base64.b64decode({pickled!r}))))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip(), done.stderr) == (str(len(stored_values.VALUES)), "")


def test_a_traceback_names_an_error_by_the_module_that_has_it() -> None:
    code = "import livestream_core as live; raise live.NotFound('x')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr.splitlines()[-1].startswith("livestream_core.NotFound: x")
    assert live.NotFound.__module__ == "livestream_core"


# -- ledgers ----------------------------------------------------------------------------------


@pytest.fixture
def stored_ledger(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module that created the ledger, under the name in the ledger."""
    module = frozen("stored_ledger")
    monkeypatch.setitem(sys.modules, "stored_ledger", module)
    return module


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return Path(shutil.copy(FROZEN / "ledger_0_1.db", tmp_path / "ledger.db"))


def resumed(made: ModuleType, ledger: Path) -> migrate.RunResult:
    """Resume the stored migration, with accounts in their state at that time."""
    with (
        livestreams() as accounts,
        accounts.connect(account="old") as source,
        accounts.connect(account="new") as target,
    ):
        made.fill(source)
        for spec in made.STREAMS[: made.CREATED]:
            target.create(spec)
        return migrate.run(
            ledger=ledger, source=source, target=target, transform=made.transform, settle=0.1
        )


def test_a_migration_that_version_0_1_began_is_resumed_to_its_end(
    stored_ledger: ModuleType, ledger: Path
) -> None:
    before = migrate.report(ledger)
    assert before.counts["created"] == stored_ledger.CREATED
    pending = before.counts["pending"]
    assert pending == len(stored_ledger.STREAMS) - stored_ledger.CREATED
    result = resumed(stored_ledger, ledger)
    assert [(item.title, item.reason) for item in result.report.items if item.reason] == []
    assert (result.exit_code, result.writes) == (0, pending)


def test_a_stream_changed_at_the_source_meanwhile_is_still_found(
    stored_ledger: ModuleType, ledger: Path
) -> None:
    *others, last = stored_ledger.STREAMS
    changes: dict[str, dict[str, Any]] = {
        "Only a start": {},
        "Everything": {},
        "Not recorded": {"record": True},
        "A restream without a key": {
            "restreams": [live.RestreamTarget("rtmp://other.example/live", "made-up-key-9")]
        },
        "Hosted elsewhere": {"playback_url": "https://cdn.example/live/other.m3u8"},
        "Options of its own": {"tags": ["options", "more"]},
        "Everything again": {"description": None},
        "Signed in one way": {
            "playback_url": "https://cdn.example/live/index.m3u8?token=made-up-2"
        },
        "Signed in another way": {
            "playback_url": "https://cdn.example/live/index.m3u8?hdnea=exp=2~acl=/*~hmac=made-up"
        },
        last.title: {
            "restreams": [
                live.RestreamTarget("rtmp://other.example/live/made-up-key-9", "made-up-key-9"),
                last.restreams[1],
            ]
        },
    }
    stored_ledger.STREAMS = tuple(
        attrs.evolve(spec, **changes[spec.title]) for spec in (*others, last)
    )
    result = resumed(stored_ledger, ledger)
    states = {item.title: str(item.state) for item in result.report.items}
    assert states == {
        title: "needs_review" if change else "created" for title, change in changes.items()
    }


def mark_of(ledger: Path) -> Path:
    return Path(f"{ledger}-mark")


def test_a_ledger_of_version_0_1_is_read_as_it_is(ledger: Path) -> None:
    before = ledger.read_bytes()
    assert migrate.report(ledger).items
    assert ledger.read_bytes() == before
    assert not mark_of(ledger).exists()


def test_a_ledger_of_version_0_1_is_protected_from_its_first_run_on(
    stored_ledger: ModuleType, ledger: Path
) -> None:
    older = ledger.read_bytes()
    assert resumed(stored_ledger, ledger).exit_code == 0
    whole, mark = ledger.read_bytes(), mark_of(ledger).read_bytes()
    mark_of(ledger).unlink()
    with pytest.raises(migrate.LedgerError, match=r"its mark file ledger\.db-mark is missing"):
        resumed(stored_ledger, ledger)
    mark_of(ledger).write_bytes(mark)
    ledger.write_bytes(older)
    with pytest.raises(migrate.LedgerError, match="it has lost commits, or is an older copy"):
        resumed(stored_ledger, ledger)
    ledger.write_bytes(whole)
    assert migrate.report(ledger).phase == "finished"


def test_a_first_run_on_a_ledger_of_version_0_1_that_was_killed_is_done_again(
    stored_ledger: ModuleType, ledger: Path
) -> None:
    older = ledger.read_bytes()
    with migrate.Ledger.open(ledger, write=True):
        pass
    # The mark file exists but requires nothing yet, while the ledger is unchanged.
    ledger.write_bytes(older)
    mark_of(ledger).write_bytes(struct.pack(">QQ", 0, 2**64 - 1) * 2)
    assert migrate.report(ledger).counts["created"] == stored_ledger.CREATED
    assert resumed(stored_ledger, ledger).exit_code == 0


def schema_of(ledger: Path) -> set[str]:
    """Return the names of a ledger's tables and indexes."""
    with closing(sqlite3.connect(ledger)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite%'")
        return {name for (name,) in names}


def test_a_ledger_of_version_0_1_gets_the_tables_and_indexes_it_lacks_when_it_is_written(
    ledger: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new.db"
    with livestreams() as accounts, accounts.connect(account="old") as source:
        with accounts.connect(account="new") as target:
            migrate.Ledger.create(new, migrate.plan(source, target)).close()
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("DROP INDEX open_groups")
    migrate.report(ledger)
    assert "open_groups" not in schema_of(ledger)  # a report changes nothing
    with migrate.Ledger.open(ledger, write=True):
        pass
    assert schema_of(ledger) == schema_of(new)
    marks, schema = mark_of(ledger).read_bytes(), schema_of(ledger)
    with migrate.Ledger.open(ledger, write=True):  # once, not each time
        pass
    assert (mark_of(ledger).read_bytes(), schema_of(ledger)) == (marks, schema)


def test_version_0_1_would_not_write_a_ledger_that_counts(ledger: Path) -> None:
    """Check that it refuses the schema; otherwise it would write without counting."""
    with migrate.Ledger.open(ledger, write=True):
        pass
    with closing(sqlite3.connect(ledger)) as connection:
        schema = connection.execute("SELECT schema_version FROM migration").fetchone()
    assert schema == (2,)


GROWN = """
import sys
sys.path[:0] = [{tests!r}, {frozen!r}]

import attrs
import livestream_core as live
import stored_ledger
import test_stored

"""
RESUMES = """
result = test_stored.resumed(stored_ledger, {ledger!r})
reasons = [item.reason for item in result.report.items if item.reason]
print(len(attrs.fields(live.StreamSpec)), result.exit_code, reasons)
"""
MAKES = """
stored_ledger.transform.__module__ = "stored_ledger"
stored_ledger.main({ledger!r})
"""


def grown(
    code: str, ledger: Path, default: object, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run code in a process whose library has two additional fields."""
    copy = PackageCopy(folder / "copy")
    for name, value in (("language", default), ("audience", None)):
        convert = {bool: "c.flag", tuple: "c.texts"}.get(type(value), "c.optional_text")
        NewField(name, convert, "Owner.ECHOED", value, feature="DESCRIPTION").add(copy)
    folders = {"tests": str(Path(__file__).parent), "frozen": str(FROZEN)}
    return copy.python("-c", (GROWN + code).format(ledger=str(ledger), **folders))


@pytest.mark.slow
@pytest.mark.parametrize("default", [None, "", (), False, "en"])
def test_one_field_more_in_the_model_leaves_a_migration_as_it_was(
    default: object, ledger: Path, tmp_path: Path
) -> None:
    done = grown(RESUMES, ledger, default, tmp_path)
    fields = len(attrs.fields(live.StreamSpec)) + 2
    assert (done.stdout.strip(), done.stderr) == (f"{fields} 0 []", "")


@pytest.mark.slow
def test_a_ledger_of_a_newer_version_is_resumed_where_it_uses_nothing_new(
    stored_ledger: ModuleType, tmp_path: Path
) -> None:
    ledger = tmp_path / "newer.db"
    assert grown(MAKES, ledger, None, tmp_path).stderr == ""
    result = resumed(stored_ledger, ledger)
    assert result.exit_code == 0


@pytest.mark.slow
def test_a_ledger_of_a_newer_version_that_uses_what_is_not_known_here_is_refused(
    stored_ledger: ModuleType, tmp_path: Path
) -> None:
    ledger = tmp_path / "newer.db"
    assert grown(MAKES, ledger, "en", tmp_path).stderr == ""
    with pytest.raises(migrate.LedgerError, match="another version of livestream-core: language"):
        resumed(stored_ledger, ledger)


@pytest.mark.slow
@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner)))
@example({"guard": "soon"})
@example({"guard": 1e400, "fail_on_loss": []})
@example({"guard": 1, "fail_on_loss": 5})
@example({"guard": 1, "fail_on_loss": [], "a_setting_of_tomorrow": True})
def test_settings_that_cannot_be_read_are_invalid_input(data: Any) -> None:
    with pytest.raises(live.InvalidInput):
        migrate.PlanSettings.from_dict(data)
