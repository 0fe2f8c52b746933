"""The tests that must fail: for each wrong adapter, the one of the kit that says what is wrong.

Run as a test module in a process of its own, with the plugin ``with_wrong_adapters``.
"""

from __future__ import annotations

from livestream_core.testing import conformance
from livestream_core.testing.conformance.area import names_of_tests
from wrong_adapters import WRONG, Wrong


def only(wrong: Wrong) -> type[conformance.Area]:
    """The area of the kit that must catch it, with the test that must, and no other."""
    area, _, test = wrong.caught_by.partition("::")
    kind = getattr(conformance, area)
    others = {name: None for name in names_of_tests(kind) if name != test.partition("[")[0]}
    return type(wrong.name, (kind,), {"subject": conformance.Subject(wrong.name), **others})


globals().update({f"Test_{each.name}": only(each) for each in WRONG})
