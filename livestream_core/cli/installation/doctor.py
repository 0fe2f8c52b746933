"""The doctor: what is installed, how it is configured, and whether vendors respond.

Options appear by the names of their variables, never by their values.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..._client import Client
from ..._model.checked import CheckState
from ..._model.errors import ConfigurationError, LiveStreamError
from ..._plugins.entry_points import Point, unreadable
from ..._plugins.entry_points import installed as entry_points
from ..._plugins.hooks import OBSERVER_GROUP, PROJECT, add_checked, new_manager
from ..._plugins.registry import ALLOW_LIST
from ..._version import __version__
from ..connections import livestream_toml as toml
from ..connections.connection import from_environment, from_file
from ..console.context import CommandContext
from ..console.exit_codes import SUCCESS, UNAVAILABLE, USAGE
from ..console.output import working
from .environment import UnknownVariables, described, variables
from .installed import Installed, installed, with_hint

#: The packages of each extra of the core.
EXTRAS: dict[str, tuple[str, ...]] = {"cli": ("click", "rich"), "sandbox": ("werkzeug",)}

#: What a check may find without a problem, and what is not a problem of this installation.
_NO_PROBLEMS = {CheckState.OK: "reachable", CheckState.UNKNOWN: "not tried"}
_OUTAGES = (
    CheckState.NETWORK,
    CheckState.TLS,
    CheckState.RATE_LIMITED,
    CheckState.BUSY,
    CheckState.VENDOR,
)
#: For each request of a check, in seconds: the user waits for all of them.
_TIMEOUT = (5.0, 10.0)


def examine(context: CommandContext, *, check: bool) -> dict[str, Any]:
    """Examine the installation, and return the findings as plain data.

    Args:
        context: The context; its ``provider`` or ``connection`` limits the examination to that.
        check: Whether to check, for every account with complete options.

    Raises:
        ConfigurationError: If there is no such provider or connection.
    """
    everything = context.provider is None and context.connection is None
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "livestream_core": __version__,
        "extras": {extra: _has(extra) for extra in EXTRAS},
        "allow_list": os.environ.get(ALLOW_LIST),
    }
    if context.connection:
        examined = []
    else:
        examined = installed([context.provider] if context.provider else [])
    adapters, observers = entry_points(PROJECT, OBSERVER_GROUP)
    names = {point.name for point in adapters}
    unknown = UnknownVariables(examined, names)
    found["providers"] = [_provider(each, unknown.of(each.info.name), check) for each in examined]
    if everything:
        known = {each.info.name for each in examined}
        found["left_out"] = sorted(names - known)
        found["unreadable"] = [
            {"path": path, "problem": problem}
            for path, problem in unreadable(PROJECT, OBSERVER_GROUP).items()
        ]
        found["unknown_variables"] = unknown.of(None)
        found["observers"] = [
            _observer(point) for point in sorted(observers, key=lambda point: point.name)
        ]
    if context.connection:
        paths = [toml.find(context.connection).path]
    else:
        paths = toml.files() if everything else []
    found["files"] = [_file(path, context.connection, check) for path in paths]
    return found


def exit_code(found: Mapping[str, Any]) -> int:
    """Return 2 if something is broken, 4 if only vendors are unreachable, and 0 otherwise."""
    parts = [
        *found["providers"],
        *found.get("observers", ()),
        *found["files"],
        *(connection for file in found["files"] for connection in file["connections"]),
    ]
    if any(part["problem"] for part in parts):
        return USAGE
    checks = [part["check"] for part in parts if part.get("check")]
    if any(check["state"] == "refused" for check in checks):
        return USAGE
    return UNAVAILABLE if any(check["state"] == "unreachable" for check in checks) else SUCCESS


def _has(extra: str) -> bool:
    return all(map(find_spec, EXTRAS[extra]))


# -- providers and their variables -------------------------------------------------------------


def _provider(each: Installed, unknown: list[dict[str, Any]], check: bool) -> dict[str, Any]:
    info = each.info
    data: dict[str, Any] = {
        "name": info.name,
        "distribution": info.distribution,
        "version": info.version,
        "state": "broken",
        "problem": info.problem,
        "emulator_problem": None,
        "set": [],
        "not_set": [],
        "unknown": unknown,
        "check": None,
    }
    if each.adapter is None:
        return data
    data["emulator_problem"] = _emulator_problem(each)
    known = variables(info.name, each.adapter.Options)
    data["set"] = [name for name in known if os.environ.get(name)]
    data["not_set"] = [name for name in known if name not in data["set"]]
    if not data["set"]:
        data["state"] = "not set"
        if unknown:
            data["state"] = "incomplete"
            data["problem"] = f"only unknown variables are set: {described(unknown)}"
        return data
    try:
        client = from_environment(info.name, timeout=_TIMEOUT, retries=1)
    except LiveStreamError as error:
        data["state"], data["problem"] = "incomplete", _without_values(error.message, data["set"])
        return data
    with client:
        data["state"] = "ready"
        data["check"] = _check(client) if check else None
    return data


def _emulator_problem(each: Installed) -> str | None:
    """Return why the emulator cannot be used, or ``None``.

    Streams do not need the emulator, so this does not make the provider broken. A missing
    ``sandbox`` extra is reported for the core instead.
    """
    if each.info.emulator is None or not _has("sandbox"):
        return None
    try:
        each.emulator(boot_seconds=1.0)
    except ConfigurationError as error:
        return with_hint(error)
    return None


def _without_values(text: str, variables: Iterable[str]) -> str:
    values = {os.environ[name].strip() for name in variables}
    for value in sorted(values - {""}, key=len, reverse=True):
        text = text.replace(repr(value), "'***'")
        if len(value) > 3:
            text = text.replace(value, "***")
    return text


# -- observers and files -----------------------------------------------------------------------


def _observer(point: Point) -> dict[str, Any]:
    problem = None
    try:
        add_checked(new_manager(), point.load(), point.name)
    except Exception as error:
        text = error.message if isinstance(error, LiveStreamError) else str(error)
        problem = f"{type(error).__name__}: {' '.join(text.split())}"
    return {
        "name": point.name,
        "distribution": point.distribution,
        "version": point.version,
        "problem": problem,
    }


def _file(path: Path, only: str | None, check: bool) -> dict[str, Any]:
    data: dict[str, Any] = {"path": str(path), "problem": None, "connections": []}
    try:
        file = toml.read(path)
    except ConfigurationError as error:
        data["problem"] = error.message
        return data
    names = [only] if only else list(file.connections)
    data["connections"] = [_connection(file, name, check) for name in names]
    return data


def _connection(file: toml.ConfigFile, name: str, check: bool) -> dict[str, Any]:
    data: dict[str, Any] = {"name": name, "provider": None, "problem": None, "check": None}
    try:
        connection = file.connection(name)
        data["provider"] = connection.provider
        with from_file(connection, timeout=_TIMEOUT, retries=1) as client:
            data["check"] = _check(client) if check else None
    except LiveStreamError as error:
        data["problem"] = error.message.removeprefix(f"{file.path}: connection {name!r}: ")
    return data


# -- whether a vendor responds -----------------------------------------------------------------


def _check(client: Client) -> dict[str, Any]:
    with working(f"Checking {client.provider}"):
        found = client.check()
    detail = f"{found.reason} in {found.seconds:.1f} s" if found.is_ok else found.reason
    if found.error is not None:
        detail = f"{found.error}: {detail}"
    if found.hint:
        detail += f"; {found.hint}"
    state = "unreachable" if found.state in _OUTAGES else "refused"
    state = _NO_PROBLEMS.get(found.state, state)
    return {"state": state, "found": found.state.value, "detail": detail}
