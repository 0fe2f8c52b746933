"""A pytest plugin that registers the right and the wrong adapters: ``-p with_wrong_adapters``."""

from __future__ import annotations

import livestream_core as live
from wrong_adapters import RightAdapter, WrongAdapters


class Unemulated(RightAdapter):
    """The right adapter without an emulator."""

    name = "unemulated"


class UnemulatedAdapters:
    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        return [live.AdapterInfo(name="unemulated", factory=Unemulated)]


live.register(WrongAdapters())
live.register(UnemulatedAdapters())
