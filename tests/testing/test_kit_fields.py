"""The kit on vendors without titles, with sparse lists, and with unique references."""

from __future__ import annotations

import livestream_core as live
from livestream_core.testing import conformance
from untitled import SmallVendors

live.register(SmallVendors())


class TestSparse(conformance.Suite):
    subject = conformance.Subject("sparse")


class TestUntitled(conformance.Suite):
    subject = conformance.Subject("untitled")


class TestUnique(conformance.Suite):
    subject = conformance.Subject("unique")


class TestReturning(conformance.Suite):
    subject = conformance.Subject("returning")
