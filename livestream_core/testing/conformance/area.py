"""The base of the kit's areas: which tests apply to an adapter, and what they prove."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, TypeVar

import attrs
import pytest
from hypothesis import HealthCheck, Phase, settings

from ..._contract.capabilities import FEATURE_OF_FIELD, Capabilities, Feature
from ..._model.errors import ConfigurationError
from .harness import Harness
from .subject import Subject

F = TypeVar("F", bound=Callable[..., Any])

HTTP, IN_PROCESS = "http", "in-process"
#: In process to the relay, and from there over HTTP to the real server.
RELAY = "relay"

#: The attribute of a test that tries many generated cases; ``livestream_core_pytest`` reads it.
WALK = "livestream_walk"

#: The names of the properties in a test's report.
ADAPTER_PROPERTY, ROWS_PROPERTY = "livestream_adapter", "livestream_rows"
OPTED_OUT_PROPERTY = "livestream_opted_out"

#: The names of all tests of all areas.
_TESTS: set[str] = set()


@attrs.define(slots=True)
class _Marks:
    """The marks of a test, stored on its function."""

    proves: tuple[Feature, ...] = ()
    needs: tuple[Feature, ...] = ()
    when: Callable[[Capabilities], object] | None = None
    name: str = ""
    values: Callable[[Subject], Iterable[Any]] | None = None


def _marks(test: Callable[..., Any]) -> _Marks:
    found: _Marks | None = getattr(test, "_livestream_marks", None)
    if found is None:
        found = _Marks()
        setattr(test, "_livestream_marks", found)  # noqa: B010
    return found


def proves(*features: Feature) -> Callable[[F], F]:
    """Mark a test that exists only if the features are declared, and counts for them."""

    def mark(test: F) -> F:
        _marks(test).proves = features
        return test

    return mark


def needs(
    *features: Feature, when: Callable[[Capabilities], object] | None = None
) -> Callable[[F], F]:
    """Mark a test that exists only if the features are declared and ``when`` agrees."""

    def mark(test: F) -> F:
        marks = _marks(test)
        marks.needs, marks.when = features, when
        return test

    return mark


def each(name: str, values: Callable[[Subject], Iterable[Any]]) -> Callable[[F], F]:
    """Mark a test that runs once for each value. Without values, it does not exist.

    A run with a :class:`Feature` as its value counts for that feature, and so does an update of
    the field with that name.
    """

    def mark(test: F) -> F:
        marks = _marks(test)
        marks.name, marks.values = name, values
        return test

    return mark


def walk(test: F) -> F:
    """Mark a test that tries many generated cases. It runs after all others.

    The others are quick, and name the fault. A walk finds what no other test
    looks for, and shows the case that it found.
    """
    setattr(test, WALK, True)
    return test


def walk_settings(examples: int, **more: Any) -> settings:
    """Return the settings of a walk: the same cases in every run, and no search for a shorter one.

    Hypothesis would shrink a failing case for up to five minutes, which a wrong adapter that
    waits, or that has many faults, really takes.
    """
    return settings(
        max_examples=examples,
        phases=(Phase.explicit, Phase.generate),
        report_multiple_bugs=False,
        deadline=None,
        derandomize=True,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
        **more,
    )


def declared(*features: Feature) -> Callable[[Subject], Iterable[Feature]]:
    """Return a function that returns the declared features, for :func:`each`."""
    return lambda subject: [each for each in features if subject.capabilities.supports(each)]


class Area:
    """One area of the kit.

    A subclass with a :attr:`subject` has only the tests that apply to what its adapter declares.

    Attributes:
        subject: The adapter under test.
        title: The area's name in the report.
        channels: How the tests reach the emulator.
    """

    subject: ClassVar[Subject]
    title: ClassVar[str] = ""
    channels: ClassVar[Sequence[str]] = (IN_PROCESS,)
    #: A provider that is deprecated still has to work, even where warnings are errors.
    pytestmark: ClassVar[Sequence[pytest.MarkDecorator]] = [
        pytest.mark.filterwarnings("ignore:the provider .* is deprecated:DeprecationWarning")
    ]
    #: Whether the tests need an emulator.
    needs_emulator: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _TESTS.update(names_of_tests(cls))
        if "subject" not in vars(cls):
            return
        check_opted_out(cls.subject)
        for name in names_of_tests(cls):
            if not cls._fits(owner_of(cls, name), _marks(getattr(cls, name))):
                setattr(cls, name, None)  # hides the test from pytest

    @classmethod
    def _fits(cls, owner: type[Area], marks: _Marks) -> bool:
        subject = cls.subject
        if owner.needs_emulator and not subject.has_emulator:
            return False
        can = subject.capabilities
        if not all(can.supports(each) for each in (*marks.proves, *marks.needs)):
            return False
        if marks.when is not None and not marks.when(can):
            return False
        return marks.values is None or bool(list(marks.values(subject)))

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Parametrize tests with their channels and values."""
        if "channel" in metafunc.fixturenames:
            channels = owner_of(type(self), metafunc.function.__name__).channels
            if self.subject.is_real:
                channels = [HTTP if HTTP in channels else RELAY]
            metafunc.parametrize("channel", channels)
        marks = _marks(metafunc.function)
        if marks.values is not None:
            values = list(marks.values(self.subject))
            metafunc.parametrize(marks.name, values, ids=[_id(value) for value in values])

    @pytest.fixture(autouse=True)
    def _record_what_it_proves(self, request: pytest.FixtureRequest) -> None:
        # The fixture record_property would warn if the results go into a JUnit file too.
        recorded: list[tuple[str, object]] = request.node.user_properties
        marks = _marks(request.function)
        rows = {str(feature) for feature in marks.proves}
        parameters = getattr(request.node, "callspec", None)
        if marks.name and parameters is not None:
            value = parameters.params[marks.name]
            feature = value[0] if isinstance(value, tuple) and value else value
            if Feature.UPDATE in marks.proves:
                feature = FEATURE_OF_FIELD.get(str(value))
            if isinstance(feature, Feature):
                rows.add(str(feature))
        reason = _reason_against(self.subject, request.node)
        if reason is not None:
            # It runs all the same, and the report says if it passes.
            request.node.add_marker(pytest.mark.xfail(reason=reason, strict=False))
            recorded.append((OPTED_OUT_PROPERTY, reason))
        proven = " ".join(sorted(rows)) or owner_of(type(self), request.function.__name__).title
        recorded += (ADAPTER_PROPERTY, self.subject.label), (ROWS_PROPERTY, proven)

    @pytest.fixture
    def harness(self, channel: str, request: pytest.FixtureRequest) -> Iterator[Harness]:
        """Provide the adapter's emulator, its client, and their clock."""
        if self.subject.is_real and getattr(request.function, WALK, False):
            pytest.skip("the server has no part in generated responses")
        with Harness.open(self.subject, over_http=channel == HTTP) as harness:
            yield harness


def check_opted_out(subject: Subject) -> None:
    """Check the tests that an adapter opts out of.

    Raises:
        ConfigurationError: If there is no such test, or no reason.
    """
    problems = [
        f"opted_out: {name} {problem}"
        for name, reason in subject.opted_out.items()
        for problem in (
            "is not a test of the kit" if name.partition("[")[0] not in _TESTS else None,
            "needs a reason" if not (isinstance(reason, str) and reason.strip()) else None,
        )
        if problem is not None
    ]
    if problems:
        raise ConfigurationError("; ".join(problems), provider=subject.name)


def _reason_against(subject: Subject, item: Any) -> str | None:
    """Return why an adapter opts out of a test, or ``None`` if it does not."""
    test, _, parameters = item.name.removesuffix("]").partition("[")
    # The first parameter is the channel, on which no vendor depends.
    values = parameters
    for channel in (HTTP, IN_PROCESS, RELAY):
        values = values.removeprefix(f"{channel}-")
    for name, reason in subject.opted_out.items():
        chosen, _, value = name.removesuffix("]").partition("[")
        if chosen == test and value in ("", values):
            return reason
    return None


def names_of_tests(area: type[Area]) -> list[str]:
    """Return the names of an area's tests, in the order in which they are defined."""
    found: dict[str, None] = {}
    for kind in reversed(area.__mro__):
        for name, value in vars(kind).items():
            if name.startswith("test_") and (callable(value) or value is None):
                found[name] = None
    return [name for name in found if callable(getattr(area, name))]


def owner_of(area: type[Area], test: str) -> type[Area]:
    """Return the area that defines a test. A suite has tests of many areas."""
    return next(kind for kind in area.__mro__ if callable(vars(kind).get(test)))


def _id(value: Any) -> str:
    if isinstance(value, tuple):
        return "-".join(_id(each) for each in value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, (str, int)) else type(value).__name__
