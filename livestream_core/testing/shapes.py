"""The fields of JSON data and their types, to compare two vendors' responses without the values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

#: The types of each field, by its path: ``data[].id``.
Shape: TypeAlias = Mapping[str, frozenset[str]]

_NULL = "null"
_OBJECT = "an object"
_NAMES = {str: "text", bool: "a flag", dict: _OBJECT, list: "a list", type(None): _NULL}


def type_name(value: Any) -> str:
    """Return the type of a JSON value in words."""
    return _NAMES.get(type(value), "a number")


def shape_of(*data: Any) -> Shape:
    """Return the fields and types in some JSON data. Several data are one shape together."""
    found: dict[str, set[str]] = {}
    for each in data:
        _add(each, "", found)
    return {path: frozenset(types) for path, types in found.items()}


def _add(data: Any, path: str, found: dict[str, set[str]]) -> None:
    found.setdefault(path, set()).add(type_name(data))
    if isinstance(data, dict):
        for name, value in data.items():
            _add(value, f"{path}.{name}".strip("."), found)
    elif isinstance(data, list):
        for value in data:
            _add(value, f"{path}[]", found)


def differences(expected: Shape, found: Shape) -> list[str]:
    """Return what one shape lacks of another, or has with other types.

    Null matches any type, on either side. Of an object that is missing, its fields are not listed.
    """
    problems = []
    for path, types in expected.items():
        if path not in found:
            holder = path.rpartition(".")[0]
            if not path.endswith("[]") and _OBJECT in found.get(holder, ()):
                problems.append(f"{path} is missing")
        elif _NULL not in types | found[path] and not types & found[path]:
            problems.append(f"{path} is {_words(found[path])}, not {_words(types)}")
    return problems


def _words(types: frozenset[str]) -> str:
    return " or ".join(sorted(types))
