"""The environment variables of the providers, and those that look like them but are not."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterable
from typing import Any

import attrs

from ..._contract.options import Options, environment_name
from ..._plugins.registry import ALLOW_LIST
from ..connections.connection import DEFAULT
from .installed import Installed

#: Variables of ours that belong to no provider.
_VARIABLES = (ALLOW_LIST, DEFAULT)
_PREFIX = "LIVESTREAM_"


def variables(provider: str, kind: type[Options]) -> list[str]:
    """The variables of all options of a provider."""
    return [environment_name(provider, field.name) for field in attrs.fields(kind)]


class Unread:
    """Variables that begin with our prefix and that nothing reads: misspelt, most likely.

    Args:
        there: The providers that are looked at.
        installed: The names of all that are installed, also of those that are left out.
    """

    def __init__(self, there: list[Installed], installed: Collection[str]) -> None:
        self._found: dict[str | None, list[dict[str, Any]]] = {}
        known = list(_VARIABLES)
        for each in there:
            if each.adapter is not None:
                known += variables(each.info.name, each.adapter.Options)
        names = {*installed, *(each.info.name for each in there)}
        loaded = {each.info.name for each in there if each.adapter is not None}
        for variable in sorted(os.environ):
            if not variable.startswith(_PREFIX) or variable in known:
                continue
            owners = [name for name in names if variable.startswith(environment_name(name, ""))]
            owner = max(owners, key=len, default=None)
            # What a provider would read that is not loaded is not known.
            if owner is None or owner in loaded:
                prefix = _PREFIX if owner is None else environment_name(owner, "")
                entry = {"name": variable, "did_you_mean": _meant(variable, known, prefix)}
                self._found.setdefault(owner, []).append(entry)

    def of(self, provider: str | None) -> list[dict[str, Any]]:
        """Those that are named after a provider, or after none."""
        return self._found.get(provider, [])


def _meant(variable: str, known: Iterable[str], prefix: str) -> str | None:
    """What is near to a variable, in what follows the prefix that they have in common."""
    ends = [name.removeprefix(prefix) for name in known if name.startswith(prefix)]
    close = difflib.get_close_matches(variable.removeprefix(prefix), ends, n=1)
    return f"{prefix}{close[0]}" if close else None


def named(unknown: Iterable[dict[str, Any]]) -> str:
    """Variables with what was meant, in words."""
    return ", ".join(
        f"{each['name']} (did you mean {each['did_you_mean']}?)"
        if each["did_you_mean"]
        else str(each["name"])
        for each in unknown
    )
