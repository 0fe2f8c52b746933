"""Plans in files, so that a run does exactly what was approved."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ..._contract.pagination import Completeness
from ..._model.converters import optional_instant
from ..._model.errors import ConfigurationError, InvalidInput
from ..._model.status import Status
from ..._model.stream import StreamSpec
from ..values import (
    FieldOutcome,
    FieldResult,
    ItemState,
    MigrationStopped,
    Plan,
    PlannedItem,
    PlanSettings,
)

_VERSION = 1


def save_plan(plan: Plan, file: str | os.PathLike[str]) -> None:
    """Write a plan to a file, without secrets, for :func:`load_plan`.

    Raises:
        ConfigurationError: If the file cannot be written.
    """
    problem = ""
    try:
        Path(file).write_text(json.dumps(_saved(plan), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        problem = f"{os.fspath(file)} cannot be written: {error.strerror}"
    if problem:
        raise ConfigurationError(problem)


def load_plan(file: str | os.PathLike[str]) -> Plan:
    """Return the plan in a file that :func:`save_plan` wrote.

    It has no clients: pass them to :func:`run`.

    Raises:
        ConfigurationError: If the file cannot be read.
        MigrationStopped: If the file was changed after it was saved, or is not a plan.
    """
    where = os.fspath(file)
    problem = ""
    text = ""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except OSError as error:
        problem = f"{where} cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        pass  # it is not a plan
    if problem:
        raise ConfigurationError(problem)
    try:
        data = json.loads(text)
        is_newer = data["saved_plan"] > _VERSION
        plan = None if is_newer else _plan(data)
    except (InvalidInput, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise MigrationStopped(f"{where} is not a saved plan, or was changed") from None
    if plan is None:
        raise MigrationStopped(
            f"{where} was written by a newer version of livestream-core",
            hint="upgrade livestream-core",
        )
    # Compared as text, because True equals 1. A key that is ignored is a change, too.
    if json.dumps(data, sort_keys=True) != json.dumps(_saved(plan), sort_keys=True):
        raise MigrationStopped(
            f"the plan in {where} was changed after it was saved",
            hint="make a new plan, and let it be approved",
        )
    return plan


def _saved(plan: Plan) -> dict[str, Any]:
    return {"saved_plan": _VERSION, "digest": plan.digest, **plan.saved()}


def _plan(data: Mapping[str, Any]) -> Plan:
    return Plan(
        id=data["plan"],
        made_at=datetime.fromisoformat(data["made_at"]),
        source_account=data["source"],
        target_account=data["target"],
        source_name=data["source_name"],
        target_name=data["target_name"],
        settings=PlanSettings.from_dict(data["settings"]),
        items=tuple(map(_item, data["items"])),
        left_out=data["left_out"],
        source_complete=Completeness(data["source_complete"]),
        target_total=data["target_total"],
        target_unreadable=data["target_unreadable"],
    )


def _item(data: Mapping[str, Any]) -> PlannedItem:
    return PlannedItem(
        source_id=data["source_id"],
        title=data["title"],
        status=Status(data["status"]),
        scheduled_start=optional_instant(data["scheduled_start"]),
        state=ItemState(data["state"]),
        reason=data["reason"],
        spec=None if data["spec"] is None else StreamSpec.from_dict(data["spec"]),
        fields=tuple(
            FieldResult(each["field"], FieldOutcome(each["fate"]), each["note"])
            for each in data["fields"]
        ),
        existing=tuple(data["existing"]),
        source=data["source"],
        digest=data["digest"],
        key=data["key"],
    )
