"""The conformance kit: what every adapter must do, as tests that can be subclassed.

``pytest --livestream-adapter NAME`` runs the whole kit. To run it from your own test module, or to
describe your adapter to it, create a :class:`Subject` and subclass :class:`Suite` or single
areas::

    class Acme(conformance.Subject):
        name = "acme"


    class TestAcme(conformance.Suite):
        subject = Acme()

Tests that you add to such a class receive a ``harness``, like the kit's own tests: see
:class:`Harness`.

The kit needs the ``testing`` and ``sandbox`` extras.
"""

from __future__ import annotations

import pytest

# Before the imports, so that a failed assertion shows the compared values.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{module}"
        for module in (
            "harness",
            "operations",
            "fields",
            "refusals",
            "lifecycle",
            "availability",
            "every_status",
            "lists",
            "envelopes",
            "exactness",
            "clocks",
            "failures",
            "sessions",
            "answers",
            "odd_values",
            "ids",
            "secrets",
            "webhooks",
            "webhook_endpoints",
            "emulated",
            "replayed",
        )
    )
)

from ..._public import publish as _publish
from ..captures import Capture, CapturedCall, CapturedExchange
from .answers import Parsing
from .area import Area
from .availability import Availability, Recordings, Reusable
from .clocks import Clocks
from .emulated import Emulated
from .envelopes import Envelopes
from .every_status import EveryStatus
from .exactness import Exactness
from .failures import Faults, Outcomes, SlowResponses, Statuses
from .fields import ListedFields, TitlesAndReferences
from .harness import AsyncTap, Harness, Tap
from .ids import Ids
from .lifecycle import Lifecycle, RandomLifecycles, Waiting
from .lists import Filters, MalformedPages, Paging
from .odd_values import OddValues
from .operations import Operations
from .refusals import Input, Refusals
from .replayed import Replayed
from .secrets import FieldsWithoutSecrets, OptionsWithoutSecrets, SecretMasking
from .sessions import Sessions
from .subject import Sample, Subject
from .webhook_endpoints import WebhookEndpoints
from .webhooks import Webhooks


class Suite(
    Operations,
    TitlesAndReferences,
    Exactness,
    Refusals,
    Input,
    Availability,
    Recordings,
    Reusable,
    Lifecycle,
    EveryStatus,
    Clocks,
    RandomLifecycles,
    Waiting,
    Paging,
    MalformedPages,
    Envelopes,
    Filters,
    ListedFields,
    Statuses,
    Outcomes,
    Faults,
    SlowResponses,
    Sessions,
    Parsing,
    OddValues,
    Ids,
    SecretMasking,
    FieldsWithoutSecrets,
    OptionsWithoutSecrets,
    Webhooks,
    WebhookEndpoints,
    Emulated,
    Replayed,
):
    """The whole kit in one class."""


#: Every area of the kit, in the order of the report.
AREAS: tuple[type[Area], ...] = tuple(kind for kind in Suite.__bases__ if issubclass(kind, Area))

__all__ = [
    "AREAS",
    "Area",
    "AsyncTap",
    "Availability",
    "Capture",
    "CapturedCall",
    "CapturedExchange",
    "Clocks",
    "Emulated",
    "Envelopes",
    "EveryStatus",
    "Exactness",
    "Faults",
    "FieldsWithoutSecrets",
    "Filters",
    "Harness",
    "Ids",
    "Input",
    "Lifecycle",
    "ListedFields",
    "MalformedPages",
    "OddValues",
    "Operations",
    "OptionsWithoutSecrets",
    "Outcomes",
    "Paging",
    "Parsing",
    "RandomLifecycles",
    "Recordings",
    "Refusals",
    "Replayed",
    "Reusable",
    "Sample",
    "SecretMasking",
    "Sessions",
    "SlowResponses",
    "Statuses",
    "Subject",
    "Suite",
    "Tap",
    "TitlesAndReferences",
    "Waiting",
    "WebhookEndpoints",
    "Webhooks",
]

_publish(__name__, [globals()[name] for name in __all__])
