"""The content of requests and responses: where its values are, and copies with other ones."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from ...emulator import LoggedRequest

#: The path to a value in JSON data.
Path = tuple[str | int, ...]


def content_of(request: LoggedRequest) -> dict[str, Any]:
    """Return the query and the body of a request, which may be JSON or a form, as data."""
    content: dict[str, Any] = dict(parse_qs(request.query))
    try:
        body = json.loads(request.body)
    except ValueError:
        builder = EnvironBuilder(
            headers=list(request.headers.items()), input_stream=BytesIO(request.body)
        )
        body = Request(builder.get_environ()).form.to_dict(flat=False)
    return {**content, **(body if isinstance(body, dict) else {"": body})}


def places(data: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the paths to all fields of some JSON data."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for name, value in items:
        yield (*path, name)
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, name))


def holder(data: Any, path: Path) -> Any:
    """Return the object or list that contains the field at a path."""
    for name in path[:-1]:
        data = data[name]
    return data


def find(data: Any, is_wanted: Callable[[Any], bool], path: Path = ()) -> Path | None:
    """Return the path of the first value that is wanted, or ``None``."""
    if is_wanted(data):
        return path
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(data, dict):
        items = data.items()
    elif isinstance(data, list):
        items = enumerate(data)
    for name, value in items:
        if (found := find(value, is_wanted, (*path, name))) is not None:
            return found
    return None


def without(data: Any, path: Path) -> Any:
    """Return a copy without a field."""
    changed = copy.deepcopy(data)
    del holder(changed, path)[path[-1]]
    return changed


def with_value(data: Any, path: Path, value: Any) -> Any:
    """Return a copy with another value at a path."""
    changed = copy.deepcopy(data)
    holder(changed, path)[path[-1]] = value
    return changed
