"""The fields of a stream as options of a command."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import attrs
import click

from .._errors import InvalidInput
from .._model import Latency, RestreamTarget, StreamSpec
from ._given import Given

F = TypeVar("F", bound=Callable[..., Any])

FIELDS = tuple(field.name for field in attrs.fields(StreamSpec))

_FILE = click.File(encoding="utf-8")


def spec_options(command: F) -> F:
    """An option for each field of a spec. Keys of other platforms are secrets, so those come by
    a file. The command gets them as keyword arguments for :func:`fields`."""
    for option in reversed(
        (
            click.option("--title", help="Its title."),
            click.option("--description", help="Its description."),
            click.option(
                "--scheduled-start",
                metavar="TIME",
                help="When it starts, such as 2026-12-05T15:30:00+05:30.",
            ),
            click.option("--record/--no-record", default=None, help="Keep a recording, or none."),
            click.option(
                "--recording-drm/--no-recording-drm",
                default=None,
                help="Protect the recording by DRM, or not.",
            ),
            click.option(
                "--latency",
                type=click.Choice([each.value for each in Latency]),
                help="How far viewers may be behind.",
            ),
            click.option("--tag", "tags", multiple=True, help="A tag; may be given several times."),
            click.option("--thumbnail-url", metavar="URL", help="Its picture."),
            click.option(
                "--playback-url",
                metavar="URL",
                help="Where viewers watch a stream that is hosted elsewhere.",
            ),
            click.option(
                "--restreams-file",
                type=_FILE,
                metavar="FILE",
                help='Platforms to forward it to: a JSON list of {"url": ..., "stream_key": ...}.',
            ),
            click.option(
                "--set",
                "settings",
                multiple=True,
                metavar="NAME=VALUE",
                help="A field of this vendor alone; VALUE is JSON, or else text.",
            ),
            click.option(
                "--spec",
                "spec_file",
                type=_FILE,
                metavar="FILE",
                help="A JSON object of fields (title, scheduled_start, tags, restreams, ...); "
                "- reads it from standard input. The other options win over it.",
            ),
        )
    ):
        command = option(command)
    return command


def fields(
    given: Given,
    *,
    spec_file: Any = None,
    restreams_file: Any = None,
    settings: tuple[str, ...] = (),
    tags: tuple[str, ...] = (),
    **plain: Any,
) -> dict[str, Any]:
    """The fields that were given, by their names in a :class:`StreamSpec`.

    Raises:
        InvalidInput: A file or an option cannot be read.
        click.UsageError: Standard input was asked for twice.
    """
    from .._client import unknown_field

    _check_stdin(given, spec_file, restreams_file)
    found: dict[str, Any] = {}
    if spec_file is not None:
        data = _json(spec_file)
        if not isinstance(data, dict):
            raise InvalidInput(f"{spec_file.name}: expected a JSON object", field="spec")
        for name in data:
            # It would be taken for an argument of the call, were there one of that name.
            if name not in FIELDS:
                raise unknown_field(name)
        found.update(data)
    found.update({name: value for name, value in plain.items() if value is not None})
    if tags:
        found["tags"] = list(tags)
    if restreams_file is not None:
        found["restreams"] = _json(restreams_file)
    if settings:
        options = found.get("options") or {}
        if not isinstance(options, dict):
            raise InvalidInput("options: expected a JSON object", field="options")
        found["options"] = {**options, **dict(map(_setting, settings))}
    if "restreams" in found and found["restreams"] is not None:
        found["restreams"] = _restreams(found["restreams"])
    return found


def _check_stdin(given: Given, *files: Any) -> None:
    names = [given.token_file, *(file.name for file in files if file is not None)]
    if sum(name in ("-", "<stdin>") for name in names) > 1:
        raise click.UsageError("Standard input can be read by one option only.")


def _json(file: Any) -> Any:
    try:
        return json.load(file, parse_constant=_no_json)
    except json.JSONDecodeError as error:
        # The text that could not be read may hold a stream key.
        problem = f"is not JSON (line {error.lineno} column {error.colno})"
    except (ValueError, RecursionError):
        problem = "is not JSON"
    raise InvalidInput(f"{file.name}: {problem}")


def _restreams(data: Any) -> tuple[RestreamTarget, ...]:
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        raise InvalidInput("restreams: expected a JSON list of objects", field="restreams")
    return tuple(RestreamTarget.from_dict(each, strict=True) for each in data)


def _setting(text: str) -> tuple[str, Any]:
    name, found, value = text.partition("=")
    if not found or not name:
        raise click.UsageError("--set: expected NAME=VALUE.")
    try:
        return name, json.loads(value, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return name, value


def _no_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def cleared(found: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The fields together with those to clear.

    Raises:
        click.UsageError: A field is both given and to be cleared.
    """
    if both := [name for name in names if found.get(name) is not None]:
        raise click.UsageError(f"{', '.join(both)}: both given and cleared.")
    return {**found, **dict.fromkeys(names)}
