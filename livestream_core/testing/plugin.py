"""The conformance kit in pytest: ``--livestream-adapter`` and related options."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from shutil import get_terminal_size
from textwrap import shorten
from types import ModuleType

import pytest

from .._model.errors import ConfigurationError, InvalidInput
from ..emulator import Emulator
from . import conformance
from .conformance import AREAS, Area, Subject
from .conformance.area import (
    ADAPTER_PROPERTY,
    OPTED_OUT_PROPERTY,
    ROWS_PROPERTY,
    check_opted_out,
)
from .report import COLORS, AdapterReport, Verdict, pairs, side_by_side, write

#: The clients with which the kit can test an adapter.
CLIENTS = ("synchronous", "asynchronous")


def configure(config: pytest.Config) -> None:
    """Add the kit to a run that requests it.

    Raises:
        pytest.UsageError: If an adapter cannot be used, or there is nothing to test it on.
    """
    captures = [
        path for each in config.getoption("livestream_captures") for path in _files(Path(each))
    ]
    names: list[str] = list(dict.fromkeys(config.getoption("livestream_adapter")))
    client = config.getoption("livestream_client")
    clients = CLIENTS if client == "both" else (client,)
    tested: list[tuple[str, type[Emulator] | None]] = [(name, None) for name in names]
    for each in config.getoption("livestream_server"):
        server = _server(Path(config.invocation_params.dir), each)
        tested.append((server.provider, server))
    subjects = [
        _subject(name, captures, client, server) for name, server in tested for client in clients
    ]
    if subjects and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = []  # the folder that pytest would search by default
    config.pluginmanager.register(_Kit(config, subjects), "livestream-core-kit")


def _files(path: Path) -> list[Path]:
    """Return a file, or the captures in a folder."""
    return sorted(path.glob("*.json")) if path.is_dir() else [path]


def _server(folder: Path, place: str) -> type[Emulator]:
    """Load the class of a real server, given as FILE:CLASS.

    Raises:
        pytest.UsageError: If it is not such a class.
    """
    file, _, name = place.rpartition(":")
    path = folder / file
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise pytest.UsageError(f"--livestream-server {place}: there is no such Python file")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, Emulator) and found.is_real):
        raise pytest.UsageError(f"--livestream-server {place}: {name} is not a RealServer class")
    return found


def _subject(
    name: str, captures: Sequence[Path], client: str, server: type[Emulator] | None = None
) -> Subject:
    subject = Subject(name, captures=captures, client=client, server=server)
    problem = None
    try:
        captured = subject.captured()
        if subject.has_emulator:
            subject.make_emulator()
        elif not captured:
            problem = (
                f"{name} has no emulator, and no capture is of {name}: write an emulator, or run "
                "`livestream capture` on a real account and pass --livestream-captures"
            )
        check_opted_out(subject)
        _ = subject.capabilities
    except (ConfigurationError, InvalidInput) as error:
        problem = str(error)
    if problem is not None:
        raise pytest.UsageError(problem)
    return subject


class _Kit:
    """The part of the plugin that adds the tests to the run and reports the results."""

    def __init__(self, config: pytest.Config, subjects: Sequence[Subject]) -> None:
        self.config = config
        self.subjects = {subject.label: subject for subject in subjects}
        self.reports = {name: AdapterReport(subject) for name, subject in self.subjects.items()}

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Add the tests of each adapter to those that are collected."""
        report = yield
        if isinstance(collector, pytest.Session):
            report.result = [
                *(report.result or ()),
                *(_AdapterTests.of(collector, subject) for subject in self.subjects.values()),
            ]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the outcome of each test, including tests that run in other processes."""
        properties = dict(report.user_properties)
        name = properties.get(ADAPTER_PROPERTY)
        if not isinstance(name, str) or (report.when != "call" and report.passed):
            return
        if report.when == "teardown" and report.skipped:
            return
        if name not in self.reports:
            self.reports[name] = AdapterReport(Subject(name))
        rows = str(properties[ROWS_PROPERTY]).split()
        reason = properties.get(OPTED_OUT_PROPERTY)
        outcome = report.outcome
        if isinstance(reason, str) and outcome != "failed":
            passes = " (but the test passes)" if outcome == "passed" else ""
            self.reports[name].note(rows, report.nodeid, "opted out", f"{reason}{passes}")
        else:
            self.reports[name].note(rows, report.nodeid, outcome, _reason_of(report))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table of results."""
        if self.config.option.collectonly:
            return
        columns = get_terminal_size().columns
        for name, report in self.reports.items():
            how = "" if report.over_http else ": not proven over HTTP, only against API captures"
            terminalreporter.section(f"conformance of {name}{how}")
            counts: Counter[Verdict] = Counter()
            for row, verdict, words in report.lines():
                counts[verdict] += 1
                terminalreporter.write(f"{row:16}")
                terminalreporter.write(f"{verdict.value:14}", **{COLORS[verdict]: True})
                terminalreporter.write_line(shorten(words, max(20, columns - 31), placeholder="…"))
            for what, reasons in (("opted out", report.opted_out), ("skipped", report.skipped)):
                for reason, tests in reasons.items():
                    shown = shorten(f"{what}: {reason}", max(40, columns - 20), placeholder="…")
                    terminalreporter.write_line(f"{shown} ({len(tests)})")
            totals = [
                f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict]
            ]
            terminalreporter.write_line(f"{name}: {', '.join(totals)}")
        for emulated, real in pairs(list(self.reports.values())):
            terminalreporter.section(f"{emulated.subject.label} on its emulator and a real server")
            for row, *verdicts in side_by_side(emulated, real):
                terminalreporter.write(f"{row:16}")
                for verdict in verdicts:
                    terminalreporter.write(f"{verdict.value:14}", **{COLORS[verdict]: True})
                terminalreporter.write_line("")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write the report, except in worker processes, which run only part of the tests."""
        path = self.config.getoption("livestream_report")
        if self.config.option.collectonly or hasattr(self.config, "workerinput"):
            return
        if path:
            write(Path(self.config.invocation_params.dir, path), list(self.reports.values()))


def _reason_of(report: pytest.TestReport) -> str:
    """Return why a test was skipped."""
    where = report.longrepr
    return where[2].removeprefix("Skipped: ") if isinstance(where, tuple) else ""


class _AdapterTests(pytest.Module):
    """All areas for one adapter, as if its author had written a module with them."""

    subject: Subject

    @classmethod
    def of(cls, session: pytest.Session, subject: Subject) -> _AdapterTests:
        """Return the tests of an adapter. Their names start with the adapter's name."""
        tests: _AdapterTests = cls.from_parent(
            session, path=Path(conformance.__file__), name=subject.label, nodeid=subject.label
        )
        tests.subject = subject
        return tests

    def _getobj(self) -> ModuleType:
        return conformance

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """Yield one class for each area."""
        for area in AREAS:
            yield _AreaTests.of(self, area)


class _AreaTests(pytest.Class):
    """The tests of one area. The user's pytest configuration does not decide which those are."""

    area: type[Area]

    @classmethod
    def of(cls, parent: _AdapterTests, area: type[Area]) -> _AreaTests:
        """Return the tests of an area that apply to the adapter."""
        tests: _AreaTests = cls.from_parent(parent, name=area.__name__)
        tests.area = type(area.__name__, (area,), {"subject": parent.subject})
        return tests

    def _getobj(self) -> type[Area]:
        return self.area

    def funcnamefilter(self, name: str) -> bool:
        """Return whether this is the name of a test."""
        return name.startswith("test_")
