"""The tests that must fail: for each wrong adapter, the test of the kit that catches it.

Run this as a test module in a separate process, with the plugin ``with_wrong_adapters``.
"""

from __future__ import annotations

from livestream_core.testing import conformance
from livestream_core.testing.conformance.area import names_of_tests
from wrong_adapters import WRONG, Wrong


def only(wrong: Wrong) -> type[conformance.Area]:
    """Return the area of the kit that must catch it, reduced to the test that must fail."""
    area, _, test = wrong.caught_by.partition("::")
    kind = getattr(conformance, area)
    others = {name: None for name in names_of_tests(kind) if name != test.partition("[")[0]}
    return type(wrong.name, (kind,), {"subject": conformance.Subject(wrong.name), **others})


globals().update({f"Test_{each.name}": only(each) for each in WRONG})
