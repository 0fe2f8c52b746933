"""The conformance kit, started as users start it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from kit_runs import FEW, SUPPORT, once, run
from livestream_core.testing import conformance
from livestream_core.testing.conformance.area import names_of_tests
from livestream_core.testing.conformance.webhooks import _DAMAGE, Place, damaged

pytestmark = pytest.mark.slow

OWN_TEST = "def test_of_its_own():\n    assert True\n"


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the whole kit on a correct adapter, and return the folder and the output."""

    def make(folder: Path) -> str:
        files = "--livestream-report=out/report.json", "--junitxml=junit.xml"
        return run(folder, "--livestream-adapter", "right", *files).stdout

    return once(tmp_path_factory, "kit-whole", make)


# -- cost for programs that do not use it -----------------------------------------------------


def test_a_run_without_the_kit_imports_nothing_of_it_but_one_module(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "import sys\n"
        "def test_a():\n"
        "    assert [m for m in sys.modules if m.partition('.')[0] == 'livestream_core'] == []\n"
        "    assert 'livestream_core_pytest' in sys.modules\n"
        "    assert not {'attrs', 'hypothesis', 'werkzeug', 'requests'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-p", "no:hypothesispytest", str(tmp_path)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout


# -- the tests that run -----------------------------------------------------------------------


def test_the_whole_kit_passes_for_a_correct_adapter(whole_run: tuple[Path, str]) -> None:
    assert re.search(r"^=+ \d{3,} passed, \d+ skipped in ", whole_run[1], re.MULTILINE)


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Collect a few tests in a folder with a test of its own, and return the folder and the output."""

    def make(folder: Path) -> str:
        (folder / "test_own.py").write_text(OWN_TEST)
        report = "--livestream-report=report.json"
        done = run(
            folder, "--livestream-adapter", "right", "--collect-only", "-q", "-k", FEW, report
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return once(tmp_path_factory, "kit-collected", make)


def test_it_is_named_by_the_adapter_the_area_and_the_behaviour(collected: tuple[Path, str]) -> None:
    assert "right::Operations::test_get_shows_the_stream_of_that_id[http]" in collected[1]
    assert "right::Operations::test_get_shows_the_stream_of_that_id[in-process]" in collected[1]


def test_only_the_kit_is_run_where_no_path_is_given(collected: tuple[Path, str]) -> None:
    assert "test_own" not in collected[1]


def test_only_the_kit_is_run_where_the_ini_file_names_the_paths(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = own\n")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "test_own.py").write_text(OWN_TEST)
    done = run(tmp_path, "--livestream-adapter", "right", "--collect-only", "-q", "-k", FEW)
    assert "test_own" not in done.stdout


def test_a_run_that_only_collects_reports_nothing(collected: tuple[Path, str]) -> None:
    folder, printed = collected
    assert "conformance of" not in printed
    assert [each.name for each in folder.iterdir() if each.name != "__pycache__"] == ["test_own.py"]


def test_given_paths_are_run_too(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(OWN_TEST)
    selected = f"{FEW} or test_of_its_own"
    done = run(tmp_path, "--livestream-adapter", "right", "-v", "-k", selected, "test_own.py")
    assert "test_own.py::test_of_its_own PASSED" in done.stdout
    assert "right::Paging::test_a_limit_is_kept_across_pages[http] PASSED" in done.stdout


def test_several_adapters_are_run_one_after_the_other(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        *("--livestream-adapter", "right", "--livestream-adapter", "stops_at_page_one"),
        *("-k", FEW, "-q"),
    )
    assert "conformance of right" in done.stdout
    assert "conformance of stops_at_page_one" in done.stdout


def test_the_ini_file_of_its_user_does_not_hide_it(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\npython_functions = check_*\npython_classes = Check*\npython_files = check_*\n"
        "addopts = --strict-markers --strict-config\nfilterwarnings = error\n"
    )
    done = run(tmp_path, "--livestream-adapter", "right", "-q", "-k", FEW)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_an_area_that_is_not_declared_has_no_tests(tmp_path: Path) -> None:
    done = run(tmp_path, "--livestream-adapter", "videosdk", "--collect-only", "-q")
    assert "::test_a_stopped_stream_is_over" not in done.stdout
    assert (
        "test_an_operation_that_is_not_declared_is_refused_and_nothing_is_sent[in-process-stop]"
        in done.stdout
    )


# -- with pytest options ----------------------------------------------------------------------


def test_it_runs_in_several_processes_with_one_table(tmp_path: Path) -> None:
    done = run(tmp_path, "--livestream-adapter", "right", "-n", "2", "-q", "-k", FEW)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("conformance of right") == 1
    assert "list            proven        2 tests" in done.stdout


def test_it_stops_at_the_first_failure_on_request(tmp_path: Path) -> None:
    done = run(tmp_path, "--livestream-adapter", "believes_every_delivery", "-x", "-k", "Webhooks")
    assert done.returncode == 1
    assert "1 failed" in done.stdout


def test_its_results_are_in_a_junit_file(whole_run: tuple[Path, str]) -> None:
    cases = ElementTree.parse(whole_run[0] / "junit.xml").getroot().iter("testcase")
    assert "right.Paging" in {case.get("classname") for case in cases}


def test_a_failure_shows_the_values_that_were_compared(tmp_path: Path) -> None:
    done = run(
        tmp_path, "--livestream-adapter", "reads_no_description", "-k", "http-description", "-q"
    )
    assert "E   assert ([] or 'Another description.' is False)" in done.stdout


# -- adapters that cannot be tested -----------------------------------------------------------


def test_an_adapter_that_is_not_installed_is_a_usage_error(tmp_path: Path) -> None:
    done = run(tmp_path, "--livestream-adapter", "no-such")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "unknown provider 'no-such'" in done.stderr


def test_an_adapter_without_anything_to_try_it_on_is_a_usage_error(tmp_path: Path) -> None:
    done = run(tmp_path, "--livestream-adapter", "unemulated")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "livestream capture" in done.stderr


# -- the report -------------------------------------------------------------------------------


def test_the_run_ends_with_a_table(whole_run: tuple[Path, str]) -> None:
    _, _, table = whole_run[1].partition("conformance of right")
    assert "\ncancel          proven        emulated, " in table
    assert "\nlatency         not declared  Acme is always slow" in table


def test_all_that_is_declared_is_proven_and_nothing_else(whole_run: tuple[Path, str]) -> None:
    rows = report_in(whole_run[0])["rows"]
    not_declared = {name for name, row in rows.items() if row["verdict"] == "not declared"}
    assert not_declared == {
        *("latency", "recording_drm", "reference", "thumbnail_url", "playback_url"),
        "manage_webhooks",
    }
    assert {row["verdict"] for name, row in rows.items() if name not in not_declared} == {"proven"}


def test_the_report_says_how_a_feature_is_there_and_why_not(whole_run: tuple[Path, str]) -> None:
    row = report_in(whole_run[0])["rows"]["latency"]
    assert (row["support"], row["reason"]) == ("none", "Acme is always slow")


def test_a_badge_is_written_beside_the_report(whole_run: tuple[Path, str]) -> None:
    badge = ElementTree.parse(whole_run[0] / "out" / "report.svg").getroot()
    assert badge.get("aria-label", "").startswith("livestream-core: right: ")
    assert badge.get("aria-label", "").endswith(" proven")


def test_a_failure_is_in_the_report_and_on_the_badge(tmp_path: Path) -> None:
    run(
        tmp_path,
        *("--livestream-adapter", "drops_a_trim", "-k", "test_two_different_trims"),
        "--livestream-report=out/report.json",
    )
    row = report_in(tmp_path)["rows"]["trim"]
    assert row["verdict"] == "failed"
    assert "drops_a_trim::Operations::test_two_different_trims" in row["failed"][0]
    assert "1 failed" in (tmp_path / "out" / "report.svg").read_text()


def test_a_feature_without_a_selected_test_is_not_proven(tmp_path: Path) -> None:
    run(
        tmp_path,
        *("--livestream-adapter", "right", "-k", FEW, "--livestream-report=out/report.json"),
    )
    assert report_in(tmp_path)["rows"]["trim"]["verdict"] == "not run"


def report_in(folder: Path) -> dict:
    return json.loads((folder / "out" / "report.json").read_text())["adapters"][0]


TRIMS = "test_two_different_trims"


def test_a_test_that_is_opted_out_of_does_not_fail_and_its_reason_is_reported(
    tmp_path: Path,
) -> None:
    done = run(
        tmp_path,
        *("--livestream-adapter", "opts_out", "--livestream-report=out/report.json"),
        *("-k", f"{TRIMS} or test_a_status_in_answer_to_a_read or test_a_limit_is_kept"),
    )
    assert done.returncode == 0, done.stdout
    assert "\nopted out: this vendor trims by itself (2)" in done.stdout
    report = report_in(tmp_path)
    assert [f"opts_out::Operations::{TRIMS}" in name for name in report_reason(report)] == [
        True
    ] * 2
    assert report["rows"]["trim"]["opted_out"] == 2
    assert report["rows"]["trim"]["verdict"] == "not run"
    assert report["failed"] == []


def report_reason(report: dict) -> list[str]:
    return report["opted_out"]["this vendor trims by itself"]


def test_an_opted_out_test_that_passes_is_reported_to_pass(tmp_path: Path) -> None:
    done = run(
        tmp_path, "--livestream-adapter", "opts_out", "-k", "test_a_status_in_answer_to_a_read"
    )
    assert done.returncode == 0, done.stdout
    assert "opted out: this vendor never says 404 (but the test passes) (1)" in done.stdout


def test_a_suite_of_ones_own_has_the_same_opted_out_tests(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        "from livestream_core.testing import conformance\n"
        "class TestOptsOut(conformance.Suite):\n"
        "    subject = conformance.Subject('opts_out')\n"
    )
    done = run(tmp_path, "-q", "-k", TRIMS, "test_own.py")
    assert done.returncode == 0, done.stdout
    assert "2 xfailed" in done.stdout


def test_opting_out_of_no_test_or_without_a_reason_is_a_usage_error(tmp_path: Path) -> None:
    done = run(tmp_path, "--livestream-adapter", "opts_out_of_nothing")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "opted_out: test_no_such_thing is not a test of the kit" in done.stderr
    assert "opted_out: test_a_limit_is_kept_across_pages needs a reason" in done.stderr


def test_every_skip_has_its_reason_in_the_report(whole_run: tuple[Path, str]) -> None:
    report = report_in(whole_run[0])
    skipped = report["skipped"]
    assert all(reason.strip() and names for reason, names in skipped.items())
    total = int(re.findall(r"(\d+) skipped", whole_run[1])[-1])
    assert sum(map(len, skipped.values())) == total > 0
    for reason, names in skipped.items():
        assert f"({len(names)})" in whole_run[1].partition(f"\nskipped: {reason[:30]}")[2]


# -- subclasses of the kit's areas ------------------------------------------------------------


def test_the_same_tests_can_be_subclassed(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        "from livestream_core.testing import conformance\n"
        "from wrong_adapters import RightEmulator\n"
        "class Right(conformance.Subject):\n"
        "    name = 'right'\n"
        "    def make_emulator(self):\n"
        "        return RightEmulator(boot_seconds=5)\n"
        "class TestRight(conformance.Paging, conformance.Operations):\n"
        "    subject = Right()\n"
        "    def test_of_its_own(self, harness):\n"
        "        assert harness.emulator.boot_seconds == 5\n"
        "    test_of_its_own.channels = ('in-process',)\n"
    )
    done = run(tmp_path, "-v", "-k", f"({FEW}) or test_of_its_own", "test_own.py")
    assert done.returncode == 0, done.stdout
    assert "test_own.py::TestRight::test_of_its_own[in-process] PASSED" in done.stdout
    assert "test_own.py::TestRight::test_a_limit_is_kept_across_pages[http] PASSED" in done.stdout


def test_a_test_of_three_pages_is_skipped_with_a_reason_if_there_are_fewer(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_own.py").write_text(
        "from livestream_core.testing import conformance\n"
        "from wrong_adapters import RightEmulator\n"
        "class OnePage(RightEmulator):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        del self.page_size\n"
        "    def list_all(self, request):\n"
        "        self.page_size = 1000\n"
        "        try:\n"
        "            return super().list_all(request)\n"
        "        finally:\n"
        "            del self.page_size\n"
        "class Right(conformance.Subject):\n"
        "    name = 'right'\n"
        "    def make_emulator(self):\n"
        "        return OnePage()\n"
        "class TestRight(conformance.Paging):\n"
        "    subject = Right()\n"
    )
    done = run(tmp_path, "-rs", "-q", "-k", "second_and_the_third and not http", "test_own.py")
    assert "on fewer than three pages: the emulator needs a page_size" in done.stdout
    assert "1 skipped" in done.stdout


def test_a_subclass_is_in_the_report_too(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        "from livestream_core.testing import conformance\n"
        "class TestRight(conformance.Suite):\n"
        "    subject = conformance.Subject('right')\n"
    )
    run(tmp_path, "-k", FEW, "--livestream-report=out/report.json", "test_own.py")
    assert report_in(tmp_path)["rows"]["get"]["verdict"] == "proven"


def test_damage_that_changes_nothing_is_not_expected_to_be_noticed() -> None:
    when = {"X-Time": "1795775971"}  # 2026-11-27 10:39:31, which is a palindrome
    damage = damaged(when, {Place("X-Time", -1)})
    assert damage.keys() == _DAMAGE.keys() - {"reversed"}
    assert when not in damage.values()


def test_no_two_areas_have_a_test_of_the_same_name() -> None:
    names = [name for area in conformance.AREAS for name in names_of_tests(area)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("provider", ["tpstreams", "videosdk", "tktchurch"])
def test_the_kit_is_given_what_the_vendors_document(provider: str) -> None:
    samples = conformance.Subject(provider).samples()
    assert "create" in {sample.answer_to for sample in samples}
    assert all(sample.expected for sample in samples)


def test_a_suite_has_every_area() -> None:
    assert [kind for kind in conformance.Suite.__mro__ if kind in conformance.AREAS] == list(
        conformance.AREAS
    )


def test_the_kit_is_named_in_its_module() -> None:
    exported = {getattr(conformance, name) for name in conformance.__all__ if name != "AREAS"}
    assert set(conformance.AREAS) < exported


def test_support_has_no_test_modules_that_a_plain_run_would_collect() -> None:
    assert list(SUPPORT.glob("test_*.py")) == []


# -- walks ------------------------------------------------------------------------------------

WALKS = ("test_any_order_of_calls", "test_any_payload_is_read", "test_any_answer_ends")
#: Notes the order in which each process runs its tests. A walk lasts until all other tests have
#: begun: tests that are assigned again while they run are then walks, on a machine of any speed.
NOTES_THE_ORDER = """
import os, threading, time
from pathlib import Path
import pytest
DEADLINE = time.monotonic() + 120
def pytest_runtest_logstart(nodeid):
    if os.environ.get("PYTEST_XDIST_WORKER") or not os.environ.get("PARALLEL"):
        name = os.environ.get("PYTEST_XDIST_WORKER", "only")
        with open(f"{name}.order", "a") as file:
            print(nodeid, file=file)
def is_walk(item):
    return item.name.startswith(WALKS)
def begun():
    return {line for each in Path().glob("*.order") for line in each.read_text().splitlines()}
@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not is_walk(pyfuncitem):
        return None
    others = {each.nodeid for each in pyfuncitem.session.items if not is_walk(each)}
    while not others <= begun():
        assert time.monotonic() < DEADLINE, "a walk runs, and other tests wait for it"
        threading.Event().wait(0.05)
    return True  # what it finds is not used
"""


@pytest.mark.parametrize("processes", [(), ("-n", "2"), ("-n", "2", "--dist", "worksteal")])
def test_walks_are_the_last_tests_of_every_process(
    tmp_path: Path, processes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARALLEL", "yes" if processes else "")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # this test may run in one itself
    (tmp_path / "notes_order.py").write_text(f"WALKS = {WALKS}\n{NOTES_THE_ORDER}")
    (tmp_path / "test_own.py").write_text(
        "from livestream_core.testing import conformance\n"
        "class TestRight(conformance.Suite):\n"
        "    subject = conformance.Subject('right')\n"
    )
    selected = f"({FEW}) or {' or '.join(WALKS)}"
    options = ("-p", "notes_order", "--livestream-adapter", "right", "-k", selected)
    if "worksteal" not in processes:  # which assigns them again while they run
        options += ("--setup-only",)  # the order is all that matters
    done = run(tmp_path, *options, *processes, "test_own.py")
    assert done.returncode == 0, done.stdout
    orders = [path.read_text().split() for path in tmp_path.glob("*.order")]
    assert sum(map(len, orders)) == 2 * (5 + len(WALKS))
    for order in orders:
        walks = [any(name in test for name in WALKS) for test in order]
        assert walks == sorted(walks)


def test_a_walk_ends_at_the_first_failure_that_it_finds(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        "from pathlib import Path\n"
        "from livestream_core.testing import conformance\n"
        "from livestream_core.testing.conformance import lifecycle\n"
        "class Counted(lifecycle.Lives):\n"
        "    def teardown(self):\n"
        "        super().teardown()\n"
        "        with open('lives', 'a') as file:\n"
        "            file.write('.')\n"
        "lifecycle.Lives = Counted\n"
        "class TestWrong(conformance.RandomLifecycles):\n"
        "    subject = conformance.Subject('stops_at_page_one')\n"
    )
    done = run(tmp_path, "-q", "test_own.py")
    assert done.returncode == 1, done.stdout
    # The search, and one more life to show it. Shrinking would take hundreds.
    assert len((tmp_path / "lives").read_text()) < 60
