"""The table of features is compared with a report of the conformance kit."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import capability_table
import livestream_core as live
from capability_table import PROVIDERS, README, disagreements, shown
from livestream_core.testing import conformance
from livestream_core.testing.plugin import CLIENTS
from livestream_core.testing.report import AdapterReport, as_json

pytestmark = pytest.mark.docs

TEXT = README.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def all_proven() -> dict[str, Any]:
    """Return a report in which every declared feature is proven."""
    reports = [
        AdapterReport(conformance.Subject(name, client=client))
        for name in PROVIDERS
        for client in CLIENTS
    ]
    for report in reports:
        can = report.subject.capabilities
        report.note([each for each in live.Feature if can[each]], "a test", "passed")
    read: dict[str, Any] = json.loads(as_json(reports))
    return read


@pytest.fixture
def report(all_proven: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(all_proven)


def of(report: dict[str, Any], provider: str, client: str = "synchronous") -> dict[str, Any]:
    runs: list[dict[str, Any]] = report["adapters"]
    return next(e for e in runs if (e["adapter"], e["client"]) == (provider, client))


def test_the_table_is_read_back_as_it_was_written() -> None:
    for provider, (_, can) in capability_table.capabilities().items():
        words = shown(TEXT)[provider]
        assert [live.Feature(name) for name in words] == list(live.Feature)
        assert [words[f] == can[f].support.value for f in live.Feature if can[f]].count(False) == 0


def test_it_agrees_where_all_that_is_declared_is_proven(report: dict[str, Any]) -> None:
    assert disagreements(TEXT, report) == []


@pytest.mark.parametrize("verdict", ["failed", "not run", "not declared"])
def test_a_promise_that_was_not_proven_is_found(report: dict[str, Any], verdict: str) -> None:
    of(report, "tpstreams")["rows"]["trim"]["verdict"] = verdict
    assert disagreements(TEXT, report) == [
        f"tpstreams, synchronous: trim is native in the table; native, {verdict}"
    ]


def test_a_feature_that_the_table_leaves_out_is_found(report: dict[str, Any]) -> None:
    of(report, "tpstreams")["rows"]["tags"].update(verdict="proven", support="native")
    assert disagreements(TEXT, report) == [
        "tpstreams, synchronous: tags is — in the table; native, proven"
    ]


def test_a_feature_that_is_there_in_another_way_is_found(report: dict[str, Any]) -> None:
    of(report, "tpstreams")["rows"]["cancel"]["support"] = "native"
    assert disagreements(TEXT, report) == [
        "tpstreams, synchronous: cancel is emulated in the table; native, proven"
    ]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_provider_that_the_kit_did_not_run_on_is_found(
    report: dict[str, Any], client: str
) -> None:
    report["adapters"].remove(of(report, "videosdk", client))
    assert disagreements(TEXT, report) == [
        f"videosdk, {client}: the report has no run of this adapter and client"
    ]


def test_features_that_were_tested_only_on_captures_are_found(report: dict[str, Any]) -> None:
    of(report, "tktchurch", "asynchronous")["over_http"] = False
    assert disagreements(TEXT, report) == ["tktchurch, asynchronous: the kit did not run over HTTP"]


def against(report: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "report.json"
    path.write_text(json.dumps(report), encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(capability_table.__file__), "--against", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_command_says_nothing_where_they_agree(report: dict[str, Any], tmp_path: Path) -> None:
    done = against(report, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_command_fails_where_they_do_not(report: dict[str, Any], tmp_path: Path) -> None:
    of(report, "tpstreams")["rows"]["trim"]["verdict"] = "failed"
    done = against(report, tmp_path)
    assert done.returncode == 1
    assert "trim is native in the table; native, failed" in done.stderr
