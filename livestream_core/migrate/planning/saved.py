"""Plans in files, so that a run does exactly what was approved."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from ..._contract.pagination import Completeness
from ..._model.converters import optional_instant
from ..._model.errors import ConfigurationError, InvalidInput
from ..._model.status import Status
from ..._model.stream import StreamSpec
from ..kept import document
from ..values import (
    FieldOutcome,
    FieldResult,
    Items,
    ItemState,
    MigrationStopped,
    Parts,
    Plan,
    PlannedItem,
    PlanSettings,
    planned_item,
    planned_row,
    saved_item,
    saved_parts,
)

_VERSION = 1
#: How many characters of a file are read at once.
_READ = 65_536


def save_plan(plan: Plan, file: str | os.PathLike[str]) -> None:
    """Write a plan to a file, without secrets, for :func:`load_plan`.

    Raises:
        ConfigurationError: If the file cannot be written.
    """
    problem = ""
    try:
        with Path(file).open("w", encoding="utf-8") as text:
            text.writelines(document(*_saved(plan), indent=1))
            text.write("\n")
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
    try:
        with Path(file).open(encoding="utf-8") as text:
            return _read(where, text)
    except OSError as error:
        problem = f"{where} cannot be read: {error.strerror}"
    raise ConfigurationError(problem)


def _read(where: str, file: TextIO) -> Plan:
    plan = None
    try:
        data = _Data(file)
        is_same = True

        def rows(items: Iterable[Any]) -> Iterator[dict[str, Any]]:
            nonlocal is_same
            _check_version(where, data.head)  # a newer version may have other items
            for each in items:
                item = _item(each)
                # Compared as text, because True equals 1. A key that is ignored is a change, too.
                is_same = is_same and _text(each) == _text(saved_item(item))
                yield planned_row(item)

        data.read(lambda items: Items(rows(items), planned_item))
        _check_version(where, data.head)
        plan = _plan(data.head)
        is_same = is_same and _text({**data.head, "items": None}) == _text(_saved(plan)[0])
    except (InvalidInput, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        pass
    if plan is None:
        raise MigrationStopped(f"{where} is not a saved plan, or was changed")
    if not is_same:
        raise MigrationStopped(
            f"the plan in {where} was changed after it was saved",
            hint="make a new plan, and let it be approved",
        )
    return plan


def _check_version(where: str, data: Mapping[str, Any]) -> None:
    if data["saved_plan"] > _VERSION:
        raise MigrationStopped(
            f"{where} was written by a newer version of livestream-core",
            hint="upgrade livestream-core",
        )


def _text(data: Any) -> str:
    return json.dumps(data, sort_keys=True)


def _saved(plan: Plan) -> Parts:
    data, items = saved_parts(plan)
    return {"saved_plan": _VERSION, "digest": plan.digest, **data}, items


class _Data:
    """A JSON object in a file, whose items are read one by one.

    Attributes:
        head: The object.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._decoder = json.JSONDecoder()
        #: What was read of the file, from the next character on.
        self._left = ""
        self.head: dict[str, Any] = {}

    def read(self, of: Callable[[Iterator[Any]], Any]) -> None:
        """Read the object. Its items become what a function makes of them.

        Raises:
            ValueError: If it is not a JSON object, or has a key twice.
        """
        self._expect("{")
        while True:
            name = self._value()
            self._expect(":")
            if not isinstance(name, str) or name in self.head:
                raise ValueError(name)
            self.head[name] = of(self._items()) if name == "items" else self._value()
            if self._expect(",}") == "}":
                break
        if self._next():
            raise ValueError("more than an object")

    def _items(self) -> Iterator[Any]:
        self._expect("[")
        if self._next() == "]":
            self._expect("]")
            return
        yield self._value()
        while self._expect(",]") == ",":
            yield self._value()

    def _next(self) -> str:
        """Return the next character that is not a space, or nothing at the end."""
        while not (left := self._left.lstrip(" \t\r\n")) and self._more():
            pass
        self._left = left
        return left[:1]

    def _expect(self, characters: str) -> str:
        found = self._next()
        if not found or found not in characters:
            raise ValueError(found)
        self._left = self._left[1:]
        return found

    def _value(self) -> Any:
        self._next()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._left)
            except ValueError:
                if not self._more():
                    raise
                continue
            if end < len(self._left) or not self._more():  # else, a number may go on
                self._left = self._left[end:]
                return value

    def _more(self) -> bool:
        """Read more of the file, and return whether there was more."""
        more = self._file.read(max(_READ, len(self._left)))
        self._left += more
        return bool(more)


def _plan(data: Mapping[str, Any]) -> Plan:
    return Plan(
        id=data["plan"],
        made_at=datetime.fromisoformat(data["made_at"]),
        source_account=data["source"],
        target_account=data["target"],
        source_name=data["source_name"],
        target_name=data["target_name"],
        settings=PlanSettings.from_dict(data["settings"]),
        items=data["items"],
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
        existing_total=data.get("existing_total", len(data["existing"])),
        source=data["source"],
        digest=data["digest"],
        key=data["key"],
    )
