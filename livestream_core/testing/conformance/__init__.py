"""The conformance kit: what every adapter must do, as tests that can be subclassed.

``pytest --livestream-adapter NAME`` runs all of it. To run it from a test module of your own, or
to say more about your adapter, make a :class:`Subject` and subclass :class:`Suite`, or single
areas::

    class Acme(conformance.Subject):
        name = "acme"


    class TestAcme(conformance.Suite):
        subject = Acme()

A test that is written into such a class takes a ``harness``, as those of the kit do: see
:class:`Harness`.

Needs the extras ``testing`` and ``sandbox``.
"""

from __future__ import annotations

import pytest

# Before they are imported, so that a failure shows the values that were compared.
pytest.register_assert_rewrite(
    *(
        f"{__name__}._{module}"
        for module in (
            "harness",
            "operations",
            "refusals",
            "lifecycle",
            "lists",
            "failures",
            "sessions",
            "answers",
            "odd_values",
            "ids",
            "secrets",
            "webhooks",
            "emulated",
            "replayed",
        )
    )
)

from ..._public import publish as _publish
from .._recorded import RecordedCall, RecordedExchange, Recording
from ._answers import Answers
from ._area import Area
from ._emulated import Emulated
from ._failures import Faults, Lateness, Outcomes, Statuses
from ._harness import AsyncTap, Harness, Tap
from ._ids import Ids
from ._lifecycle import Lifecycle, Waiting, Walks
from ._lists import Filters, OddPages, Paging
from ._odd_values import OddValues
from ._operations import Operations
from ._refusals import Input, Refusals
from ._replayed import Replayed
from ._secrets import FieldsWithoutSecrets, Secrecy
from ._sessions import Sessions
from ._subject import Sample, Subject
from ._webhooks import Webhooks


class Suite(
    Operations,
    Refusals,
    Input,
    Lifecycle,
    Walks,
    Waiting,
    Paging,
    OddPages,
    Filters,
    Statuses,
    Outcomes,
    Faults,
    Lateness,
    Sessions,
    Answers,
    OddValues,
    Ids,
    Secrecy,
    FieldsWithoutSecrets,
    Webhooks,
    Emulated,
    Replayed,
):
    """All of the kit in one class."""


#: Every area of the kit, in the order of the report.
AREAS: tuple[type[Area], ...] = tuple(kind for kind in Suite.__bases__ if issubclass(kind, Area))

__all__ = [
    "AREAS",
    "Answers",
    "Area",
    "AsyncTap",
    "Emulated",
    "Faults",
    "FieldsWithoutSecrets",
    "Filters",
    "Harness",
    "Ids",
    "Input",
    "Lateness",
    "Lifecycle",
    "OddPages",
    "OddValues",
    "Operations",
    "Outcomes",
    "Paging",
    "RecordedCall",
    "RecordedExchange",
    "Recording",
    "Refusals",
    "Replayed",
    "Sample",
    "Secrecy",
    "Sessions",
    "Statuses",
    "Subject",
    "Suite",
    "Tap",
    "Waiting",
    "Walks",
    "Webhooks",
]

_publish(__name__, [globals()[name] for name in __all__])
