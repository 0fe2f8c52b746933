"""The environment variables of the providers, and unknown ones that look like them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterable
from typing import Any

import attrs

from ..._contract.options import Options, environment_name
from ..._plugins.registry import ALLOW_LIST
from ...testing.sandbox import TOKEN, URL
from ..connections.connection import DEFAULT_CONNECTION
from .installed import Installed

#: The library's own variables, which belong to no provider.
_OWN_VARIABLES = (ALLOW_LIST, DEFAULT_CONNECTION, URL, TOKEN)
_PREFIX = "LIVESTREAM_"


def variables(provider: str, kind: type[Options]) -> list[str]:
    """Return the variables of all options of a provider."""
    return [environment_name(provider, field.name) for field in attrs.fields(kind)]


class UnknownVariables:
    """Variables with the library's prefix that nothing reads: most likely misspelled.

    Args:
        examined: The providers that are examined.
        installed: The names of all installed providers, including those that are not allowed.
    """

    def __init__(self, examined: list[Installed], installed: Collection[str]) -> None:
        self._found: dict[str | None, list[dict[str, Any]]] = {}
        known = list(_OWN_VARIABLES)
        for each in examined:
            if each.adapter is not None:
                known += variables(each.info.name, each.adapter.Options)
        names = {*installed, *(each.info.name for each in examined)}
        loaded = {each.info.name for each in examined if each.adapter is not None}
        for variable in sorted(os.environ):
            if not variable.startswith(_PREFIX) or variable in known:
                continue
            owners = [name for name in names if variable.startswith(environment_name(name, ""))]
            owner = max(owners, key=len, default=None)
            # The variables of a provider that is not loaded are not known.
            if owner is None or owner in loaded:
                prefix = _PREFIX if owner is None else environment_name(owner, "")
                entry = {"name": variable, "did_you_mean": _suggestion(variable, known, prefix)}
                self._found.setdefault(owner, []).append(entry)

    def of(self, provider: str | None) -> list[dict[str, Any]]:
        """Return the variables that are named after a provider, or after none."""
        return self._found.get(provider, [])


def _suggestion(variable: str, known: Iterable[str], prefix: str) -> str | None:
    """Return the known variable with this prefix that is most similar to a variable."""
    ends = [name.removeprefix(prefix) for name in known if name.startswith(prefix)]
    close = difflib.get_close_matches(variable.removeprefix(prefix), ends, n=1)
    return f"{prefix}{close[0]}" if close else None


def described(unknown: Iterable[dict[str, Any]]) -> str:
    """Return variables with suggestions, as text."""
    return ", ".join(
        f"{each['name']} (did you mean {each['did_you_mean']}?)"
        if each["did_you_mean"]
        else str(each["name"])
        for each in unknown
    )
