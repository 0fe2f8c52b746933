"""The conformance kit in pytest: ``--livestream-adapter`` and the options beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from shutil import get_terminal_size
from textwrap import shorten
from types import ModuleType

import pytest

from .._model.errors import ConfigurationError, InvalidInput
from . import conformance
from .conformance import AREAS, Area, Subject
from .conformance.area import ADAPTER_PROPERTY, ROWS_PROPERTY
from .report import COLOURS, AdapterReport, Verdict, write

#: With which the kit can try an adapter.
CLIENTS = ("synchronous", "asynchronous")


def configure(config: pytest.Config) -> None:
    """Takes part in a run that asked for the kit.

    Raises:
        pytest.UsageError: An adapter cannot be used, or there is nothing to try it on.
    """
    captures = [Path(each) for each in config.getoption("livestream_captures")]
    names: list[str] = list(dict.fromkeys(config.getoption("livestream_adapter")))
    asked = config.getoption("livestream_client")
    clients = CLIENTS if asked == "both" else (asked,)
    subjects = [_subject(name, captures, client) for name in names for client in clients]
    if subjects and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = []  # the folder that pytest would have looked through by itself
    config.pluginmanager.register(_Kit(config, subjects), "livestream-core-kit")


def _subject(name: str, captures: Sequence[Path], client: str) -> Subject:
    subject = Subject(name, captures=captures, client=client)
    problem = None
    try:
        recorded = subject.recorded()
        if subject.has_emulator:
            subject.make_emulator()
        elif not recorded:
            problem = (
                f"{name} has no emulator and none of the recordings is of it: write one, or "
                "record its vendor with `livestream capture` and give --livestream-captures"
            )
        _ = subject.capabilities
    except (ConfigurationError, InvalidInput) as error:
        problem = str(error)
    if problem is not None:
        raise pytest.UsageError(problem)
    return subject


class _Kit:
    """Adds the tests to the run, and reports what they have shown."""

    def __init__(self, config: pytest.Config, subjects: Sequence[Subject]) -> None:
        self.config = config
        self.subjects = {subject.label: subject for subject in subjects}
        self.reports = {name: AdapterReport(subject) for name, subject in self.subjects.items()}

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Puts the tests of each adapter beside what else is collected."""
        report = yield
        if isinstance(collector, pytest.Session):
            report.result = [
                *(report.result or ()),
                *(_AdapterTests.of(collector, subject) for subject in self.subjects.values()),
            ]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Notes the outcome of each test, also of those that run in other processes."""
        told = dict(report.user_properties)
        name = told.get(ADAPTER_PROPERTY)
        if not isinstance(name, str) or (report.when != "call" and report.passed):
            return
        if report.when == "teardown" and report.skipped:
            return
        if name not in self.reports:
            self.reports[name] = AdapterReport(Subject(name))
        self.reports[name].note(str(told[ROWS_PROPERTY]).split(), report.nodeid, report.outcome)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The table."""
        if self.config.option.collectonly:
            return
        columns = get_terminal_size().columns
        for name, report in self.reports.items():
            how = "" if report.over_http else ": not proven over HTTP, only against recordings"
            terminalreporter.section(f"conformance of {name}{how}")
            counts: Counter[Verdict] = Counter()
            for row, verdict, words in report.lines():
                counts[verdict] += 1
                terminalreporter.write(f"{row:16}")
                terminalreporter.write(f"{verdict.value:14}", **{COLOURS[verdict]: True})
                terminalreporter.write_line(shorten(words, max(20, columns - 31), placeholder="…"))
            told = [f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict]]
            terminalreporter.write_line(f"{name}: {', '.join(told)}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Writes the report; not from the processes that only run a part of the tests."""
        path = self.config.getoption("livestream_report")
        if self.config.option.collectonly or hasattr(self.config, "workerinput"):
            return
        if path:
            write(Path(self.config.invocation_params.dir, path), list(self.reports.values()))


class _AdapterTests(pytest.Module):
    """All areas for one adapter, as if its author had written a module with them."""

    subject: Subject

    @classmethod
    def of(cls, session: pytest.Session, subject: Subject) -> _AdapterTests:
        """Tests whose names begin with the adapter's."""
        tests: _AdapterTests = cls.from_parent(
            session, path=Path(conformance.__file__), name=subject.label, nodeid=subject.label
        )
        tests.subject = subject
        return tests

    def _getobj(self) -> ModuleType:
        return conformance

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """One class for each area."""
        for area in AREAS:
            yield _AreaTests.of(self, area)


class _AreaTests(pytest.Class):
    """One area. Which names are tests is not for the ini file of whoever runs it to say."""

    area: type[Area]

    @classmethod
    def of(cls, parent: _AdapterTests, area: type[Area]) -> _AreaTests:
        """The tests of an area that fit the adapter."""
        tests: _AreaTests = cls.from_parent(parent, name=area.__name__)
        tests.area = type(area.__name__, (area,), {"subject": parent.subject})
        return tests

    def _getobj(self) -> type[Area]:
        return self.area

    def funcnamefilter(self, name: str) -> bool:
        """Whether this is the name of a test."""
        return name.startswith("test_")
