"""The fields of a stream as command-line options."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import click

from ..._model.errors import InvalidInput
from ..._model.fields import FieldFacts, Kind, facts_of, table
from ..._model.stream import StreamSpec
from ..console.context import CommandContext

F = TypeVar("F", bound=Callable[..., Any])

FIELDS = tuple(table(StreamSpec))

_FILE = click.File(encoding="utf-8")


def spec_options(command: F) -> F:
    """Add an option for each field of a spec.

    Stream keys of restreams are secrets, so restreams are read from a file. The command receives
    the options as keyword arguments for :func:`fields`.
    """
    command = click.option(
        "--spec",
        "spec_file",
        type=_FILE,
        metavar="FILE",
        help="A file with a JSON object of fields (title, scheduled_start, tags, restreams, ...); "
        "- reads it from standard input. Other options override it.",
    )(command)
    for field in reversed([*facts_of(StreamSpec)]):
        command = _option(field)(command)
    return command


def _option(field: FieldFacts) -> Callable[[F], F]:
    flag = field.option or "--" + field.name.replace("_", "-")
    sentence = field.help.removesuffix(".")
    match field.kind:
        case Kind.FLAG:
            return click.option(
                f"{flag}/--no-{flag.removeprefix('--')}", field.name, default=None, help=field.help
            )
        case Kind.WORD if field.words is not None:
            words = click.Choice([each.value for each in field.words])
            return click.option(flag, field.name, type=words, help=field.help)
        case Kind.TEXTS:
            several = f"{sentence}. Can be repeated."
            return click.option(flag, field.name, multiple=True, help=several)
        case Kind.INSTANT:
            such = f"{sentence}, such as 2026-12-05T15:30:00+05:30."
            return click.option(flag, field.name, metavar="TIME", help=such)
        case Kind.URL:
            return click.option(flag, field.name, metavar="URL", help=field.help)
        case Kind.SECONDS:
            return click.option(flag, field.name, type=float, metavar="SECONDS", help=field.help)
        case Kind.NUMBER:
            return click.option(flag, field.name, type=_number, metavar="NUMBER", help=field.help)
        case Kind.PART if field.part is not None:
            form = ", ".join(f'"{name}": ...' for name in table(field.part))
            objects = f"{sentence}, as a file with a JSON list of {{{form}}}."
            return click.option(flag, field.name, type=_FILE, metavar="FILE", help=objects)
        case Kind.DATA:
            own = f"{sentence}. VALUE is parsed as JSON, or else taken as text. Can be repeated."
            return click.option(flag, field.name, multiple=True, metavar="NAME=VALUE", help=own)
    return click.option(flag, field.name, help=field.help)


def _number(text: str) -> float:
    return int(text) if text.isdecimal() else float(text)


def fields(context: CommandContext, *, spec_file: Any = None, **options: Any) -> dict[str, Any]:
    """Return the given fields, by their names in a :class:`StreamSpec`.

    Raises:
        InvalidInput: If a file or an option cannot be read.
        click.UsageError: If two options read standard input.
    """
    from ..._client import unknown_field

    parts = [field for field in facts_of(StreamSpec) if field.kind is Kind.PART]
    _check_stdin(context, spec_file, *(options[field.name] for field in parts))
    found: dict[str, Any] = {}
    if spec_file is not None:
        data = _json(spec_file)
        if not isinstance(data, dict):
            raise InvalidInput(f"{spec_file.name}: expected a JSON object", field="spec")
        for name in data:
            # It could otherwise be taken for an argument of the call with the same name.
            if name not in FIELDS:
                raise unknown_field(name)
        found.update(data)
    for name, field in table(StreamSpec).items():
        value = options[name]
        if value is not None and value != ():
            found[name] = _read(field, value, found.get(name))
    for field in parts:
        if found.get(field.name) is not None:
            found[field.name] = _parts(field, found[field.name])
    return found


def _read(field: FieldFacts, value: Any, before: Any) -> Any:
    """Return the value of an option, merged with the value from the spec file."""
    match field.kind:
        case Kind.TEXTS:
            return list(value)
        case Kind.PART:
            return _json(value)
        case Kind.DATA:
            before = before or {}
            if not isinstance(before, dict):
                raise InvalidInput(f"{field.name}: expected a JSON object", field=field.name)
            return {**before, **dict(map(_setting, value))}
    return value


def _check_stdin(context: CommandContext, *files: Any) -> None:
    names = [context.token_file, *(file.name for file in files if file is not None)]
    if sum(name in ("-", "<stdin>") for name in names) > 1:
        raise click.UsageError("Only one option can read standard input.")


def _json(file: Any) -> Any:
    try:
        return json.load(file, parse_constant=_reject_constant)
    except json.JSONDecodeError as error:
        # The text that could not be parsed may contain a stream key.
        problem = f"is not JSON (line {error.lineno} column {error.colno})"
    except (ValueError, RecursionError):
        problem = "is not JSON"
    raise InvalidInput(f"{file.name}: {problem}")


def _parts(field: FieldFacts, data: Any) -> tuple[Any, ...]:
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        raise InvalidInput(f"{field.name}: expected a JSON list of objects", field=field.name)
    return tuple(field.part.from_dict(each, strict=True) for each in data)


def _setting(text: str) -> tuple[str, Any]:
    name, found, value = text.partition("=")
    if not found or not name:
        raise click.UsageError("--set: expected NAME=VALUE.")
    try:
        return name, json.loads(value, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        return name, value


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def cleared(found: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields to change, with ``None`` for those to clear.

    Raises:
        click.UsageError: If a field is both set and cleared.
    """
    if both := [name for name in names if found.get(name) is not None]:
        raise click.UsageError(f"{', '.join(both)}: cannot be both set and cleared.")
    return {**found, **dict.fromkeys(names)}
