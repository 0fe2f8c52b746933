"""The page about the judges."""

from __future__ import annotations

import re
from pathlib import Path

import judge_tables
from judges.operations import BY_NAME, MUX, PEERTUBE, ROOMS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adapters" / "judges.md").read_text(encoding="utf-8")


def rows(table: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]


def test_every_operation_has_a_row_with_both_sdks_and_a_planted_fault() -> None:
    table = rows(judge_tables.mux_table())
    assert [each[0].strip("`") for each in table] == list(BY_NAME)
    assert all(len(each) == 5 and all(each) for each in table)
    assert len({each.python for each in MUX}) == len({each.node for each in MUX}) == len(MUX)
    assert [each[1].strip("`") for each in rows(judge_tables.peertube_table())] == [
        function.partition(".")[2] for _, function, _ in PEERTUBE
    ]


def test_every_operation_of_rooms_has_a_row_with_a_method_and_a_planted_fault() -> None:
    table = rows(judge_tables.rooms_table())
    assert [each[1].strip("`") for each in table] == [each.node for each in ROOMS]
    assert all(len(each) == 3 and all(each) for each in table)
    assert len({each.node for each in ROOMS}) == len({each[0] for each in table}) == len(ROOMS)


def test_the_page_shows_the_tables() -> None:
    assert re.findall(r"^```\{([a-z-]+)\}$", PAGE, re.MULTILINE) == [
        "mux-judges",
        "rooms-judges",
        "peertube-judges",
    ]


def test_the_page_names_the_versions_that_are_installed() -> None:
    pinned = (ROOT / "judges" / "requirements.txt").read_text(encoding="utf-8")
    for name, version in re.findall(r"^(\w+)==([\d.]+)$", pinned, re.MULTILINE):
        assert f"`{name}` {version} " in PAGE
    package = (ROOT / "judges" / "package.json").read_text(encoding="utf-8")
    versions = dict(re.findall(r'"(@[\w./-]+)": "([\d.]+)"', package))
    assert set(versions) == {"@mux/mux-node", "@videosdk.live/server-sdk"}
    for name, version in versions.items():
        assert f"`{name}` {version} " in PAGE
    version = versions["@mux/mux-node"]
    assert (ROOT / "adapters" / "mux" / "tests" / f"mux-node-{version}.schema.json").is_file()


def test_the_lock_files_of_the_judges_name_no_registry() -> None:
    for path in (ROOT / "judges" / "package-lock.json", ROOT / "requirements" / "judges.txt"):
        text = path.read_text(encoding="utf-8")
        assert "resolved" not in text
        assert "://" not in text
