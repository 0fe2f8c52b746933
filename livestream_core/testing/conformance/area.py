"""What the areas of the kit have in common: which tests an adapter gets, and what they prove."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, TypeVar

import attrs
import pytest

from ..._contract.capabilities import Capabilities, Feature
from .harness import Harness
from .subject import Subject

F = TypeVar("F", bound=Callable[..., Any])

HTTP, IN_PROCESS = "http", "in-process"

#: Names of the properties that a test's report carries.
ADAPTER_PROPERTY, ROWS_PROPERTY = "livestream_adapter", "livestream_rows"


@attrs.define(slots=True)
class _About:
    """What a test is about; kept on its function."""

    proves: tuple[Feature, ...] = ()
    needs: tuple[Feature, ...] = ()
    when: Callable[[Capabilities], object] | None = None
    name: str = ""
    values: Callable[[Subject], Iterable[Any]] | None = None


def _about(test: Callable[..., Any]) -> _About:
    found: _About | None = getattr(test, "_livestream_about", None)
    if found is None:
        found = _About()
        setattr(test, "_livestream_about", found)  # noqa: B010
    return found


def proves(*features: Feature) -> Callable[[F], F]:
    """The test exists only where these are declared, and its outcome counts for them."""

    def mark(test: F) -> F:
        _about(test).proves = features
        return test

    return mark


def needs(
    *features: Feature, when: Callable[[Capabilities], object] | None = None
) -> Callable[[F], F]:
    """The test exists only where these are declared, and ``when`` agrees."""

    def mark(test: F) -> F:
        about = _about(test)
        about.needs, about.when = features, when
        return test

    return mark


def each(name: str, values: Callable[[Subject], Iterable[Any]]) -> Callable[[F], F]:
    """The test runs once for each value; without any it does not exist. A value that is a
    :class:`Feature` is what that run counts for.
    """

    def mark(test: F) -> F:
        about = _about(test)
        about.name, about.values = name, values
        return test

    return mark


def declared(*features: Feature) -> Callable[[Subject], Iterable[Feature]]:
    """Those of the features that an adapter declares, for :func:`each`."""
    return lambda subject: [each for each in features if subject.capabilities.supports(each)]


class Area:
    """One area of the kit. A subclass that names a :attr:`subject` has the tests that fit what
    its adapter declares, and no others.

    Attributes:
        subject: The adapter under test.
        title: The area's name in the report.
        channels: How its tests reach the emulator.
    """

    subject: ClassVar[Subject]
    title: ClassVar[str] = ""
    channels: ClassVar[Sequence[str]] = (IN_PROCESS,)
    #: Whether its tests talk to an emulator.
    needs_emulator: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "subject" not in vars(cls):
            return
        for name in names_of_tests(cls):
            if not cls._fits(owner_of(cls, name), _about(getattr(cls, name))):
                setattr(cls, name, None)  # pytest sees no test there

    @classmethod
    def _fits(cls, owner: type[Area], about: _About) -> bool:
        subject = cls.subject
        if owner.needs_emulator and not subject.has_emulator:
            return False
        can = subject.capabilities
        if not all(can.supports(each) for each in (*about.proves, *about.needs)):
            return False
        if about.when is not None and not about.when(can):
            return False
        return about.values is None or bool(list(about.values(subject)))

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Gives tests their channels and values."""
        if "channel" in metafunc.fixturenames:
            owner = owner_of(type(self), metafunc.function.__name__)
            metafunc.parametrize("channel", owner.channels)
        about = _about(metafunc.function)
        if about.values is not None:
            values = list(about.values(self.subject))
            metafunc.parametrize(about.name, values, ids=[_id(value) for value in values])

    @pytest.fixture(autouse=True)
    def _tells_what_it_proves(
        self, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
    ) -> None:
        about = _about(request.function)
        rows = {str(feature) for feature in about.proves}
        parameters = getattr(request.node, "callspec", None)
        if about.name and parameters is not None:
            value = parameters.params[about.name]
            feature = value[0] if isinstance(value, tuple) and value else value
            if isinstance(feature, Feature):
                rows.add(str(feature))
        record_property(ADAPTER_PROPERTY, self.subject.label)
        record_property(
            ROWS_PROPERTY,
            " ".join(sorted(rows)) or owner_of(type(self), request.function.__name__).title,
        )

    @pytest.fixture
    def harness(self, channel: str) -> Iterator[Harness]:
        """The adapter's emulator, a client of it, and the time of both."""
        with Harness.open(self.subject, over_http=channel == HTTP) as harness:
            yield harness


def names_of_tests(area: type[Area]) -> list[str]:
    """Names of an area's tests, in the order in which they are written."""
    found: dict[str, None] = {}
    for kind in reversed(area.__mro__):
        for name, value in vars(kind).items():
            if name.startswith("test_") and (callable(value) or value is None):
                found[name] = None
    return [name for name in found if callable(getattr(area, name))]


def owner_of(area: type[Area], test: str) -> type[Area]:
    """The area that a test was written in; a suite has those of many."""
    return next(kind for kind in area.__mro__ if callable(vars(kind).get(test)))


def _id(value: Any) -> str:
    if isinstance(value, tuple):
        return "-".join(_id(each) for each in value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, (str, int)) else type(value).__name__
