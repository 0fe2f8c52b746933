"""References and lists in full on the command line, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import Result

from command_line import run
from untitled import SparseEmulator, UniqueEmulator, UntitledEmulator

pytestmark = pytest.mark.usefixtures("small_vendors")


@pytest.fixture(params=[SparseEmulator, UntitledEmulator, UniqueEmulator])
def vendor(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SparseEmulator]:
    emulator: SparseEmulator = request.param()
    with emulator.serve() as url:
        name = emulator.provider.upper()
        monkeypatch.setenv(f"LIVESTREAM_{name}_BASE_URL", url)
        monkeypatch.setenv(f"LIVESTREAM_{name}_TOKEN", emulator.options()["token"])
        yield emulator


def livestream(vendor: SparseEmulator, command: str, *arguments: str) -> Result:
    return run("-p", vendor.provider, command, *arguments)


def created(vendor: SparseEmulator, reference: str) -> Any:
    result = livestream(vendor, "create", "--title", "Lesson", "--reference", reference, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def listed(vendor: SparseEmulator, *arguments: str) -> list[Any]:
    result = livestream(vendor, "list", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_reference_is_sent_shown_and_found(vendor: SparseEmulator) -> None:
    stream, _ = created(vendor, "lesson-7"), created(vendor, "lesson-8")
    assert stream["reference"] == "lesson-7"
    assert vendor.streams[stream["id"]]["reference"] == "lesson-7"
    shown = livestream(vendor, "show", stream["id"]).stdout
    assert [line for line in shown.splitlines() if line.split() == ["reference", "lesson-7"]]
    assert listed(vendor, "--reference", "lesson-7", "--full") == [stream]
    assert listed(vendor, "--reference", "lesson", "--full") == []


def test_a_list_in_full_has_what_show_has(vendor: SparseEmulator) -> None:
    streams = [created(vendor, f"lesson-{at}") for at in range(3)]
    assert listed(vendor, "--full") == streams
    assert listed(vendor, "--full", "--limit", "2") == streams[:2]


def test_a_filter_that_needs_a_full_list_says_so_in_the_words_of_the_command_line(
    vendor: SparseEmulator,
) -> None:
    stream = created(vendor, "lesson-7")
    result = livestream(vendor, "list", "--reference", "lesson-7", "--json")
    if type(vendor) is not SparseEmulator:
        assert json.loads(result.stdout) == stream
        return
    assert result.exit_code != 0
    assert "--full" in result.stderr
    for command in ("list", "watch"):
        refused = livestream(vendor, command, "--tag", "a")
        assert refused.exit_code != 0
        assert "pass --full" in refused.stderr
        assert "full=True" not in refused.stderr


def test_a_reference_in_use_is_a_refusal(vendor: SparseEmulator) -> None:
    created(vendor, "lesson-7")
    second = livestream(vendor, "create", "--title", "Lesson", "--reference", "lesson-7")
    is_unique = isinstance(vendor, UniqueEmulator)
    assert len(vendor.streams) == (1 if is_unique else 2)
    assert (second.exit_code != 0) is is_unique
    assert ("the reference is in use" in second.stderr) is is_unique
