"""A pytest plugin that registers the right and the wrong adapters: ``-p with_wrong_adapters``."""

from __future__ import annotations

import livestream_core as live
from wrong_adapters import DropsATrim, RightAdapter, RightEmulator, WrongAdapters


class Unemulated(RightAdapter):
    """The right adapter without an emulator."""

    name = "unemulated"


class OptsOut(DropsATrim):
    """An adapter whose vendor, it says, has other trims."""

    name = "opts_out"


class OptsOutEmulator(RightEmulator):
    provider = "opts_out"
    opted_out = {
        "test_two_different_trims_are_two_different_requests": "this vendor trims by itself",
        "test_a_status_in_answer_to_a_read_is_its_error[404]": "this vendor never says 404",
    }


class OptsOutOfNothingEmulator(RightEmulator):
    provider = "opts_out_of_nothing"
    opted_out = {"test_no_such_thing": "a reason", "test_a_limit_is_kept_across_pages": " "}


class OtherAdapters:
    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        return [
            live.AdapterInfo(name="unemulated", factory=Unemulated),
            live.AdapterInfo(name="opts_out", factory=OptsOut, emulator=OptsOutEmulator),
            live.AdapterInfo(
                name="opts_out_of_nothing", factory=OptsOut, emulator=OptsOutOfNothingEmulator
            ),
        ]


live.register(WrongAdapters())
live.register(OtherAdapters())
