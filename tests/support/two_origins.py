"""A vendor that signs in on an origin of its own."""

from __future__ import annotations

from typing import Any

import attrs

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, AcmeOptions


@attrs.frozen(kw_only=True)
class TwoOptions(AcmeOptions):
    login_url: str = live.option(
        default="https://login.acme.example", origin=True, help="The origin of the sign-in."
    )


class TwoOrigins(AcmeAdapter):
    name = "two_origins"
    Options = TwoOptions

    def __init__(self, options: Any, **settings: Any) -> None:
        super().__init__(options, **settings)
        self.sign_in_origin = options.login_url


class TwoOriginsEmulator(AcmeEmulator):
    provider = "two_origins"


class TwoOriginsPlugin:
    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        return [
            live.AdapterInfo(name="two_origins", factory=TwoOrigins, emulator=TwoOriginsEmulator)
        ]
