"""What the commands of ``migrate`` are told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs
import click

from ..._model.times import parse_instant
from ..connections.livestream_toml import names
from ..console.context import debug_option, json_option, utc_option
from ..streams.commands import filter_options

F = TypeVar("F", bound=Callable[..., Any])

_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def duration(text: str) -> float:
    """A span of time such as ``30m``, in seconds."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(\w*)", text)
    if found is None or found[2] not in _SECONDS:
        raise click.BadParameter(f"{text!r} is not a span such as 90s, 30m or 2h.")
    return float(found[1]) * _SECONDS[found[2]]


def _several(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@attrs.frozen(slots=True, kw_only=True)
class Sides:
    """How the two accounts were named; ``None`` where that was left to the ledger."""

    source: str | None = None
    target: str | None = None


@attrs.frozen(slots=True, kw_only=True)
class Speed:
    """How fast both sides may be asked.

    Attributes:
        workers: How many streams are worked on at a time.
        source_rate: The most requests to the source, such as ``"5/s"``.
        target_rate: The most requests to the target.
    """

    workers: int = 1
    source_rate: str | None = None
    target_rate: str | None = None

    @property
    def rates(self) -> dict[str, Any]:
        """As functions of the library take them."""
        return {"source_rate": self.source_rate, "target_rate": self.target_rate}


@attrs.frozen(slots=True, kw_only=True)
class Planning:
    """What a plan is made by. What was not said is ``None``, false or empty.

    Attributes:
        guard: Seconds.
        transform: ``module:function``.
    """

    status: str | None
    starts_after: str | None
    starts_before: str | None
    tag: str | None
    ids: tuple[str, ...]
    guard: float | None
    assume_idle: bool
    mark: bool
    skip_existing: bool
    fail_on_loss: tuple[str, ...]
    transform: str | None

    @property
    def arguments(self) -> dict[str, Any]:
        """What was said, as ``migrate.plan`` takes it; without the transform."""
        said = attrs.asdict(self)
        del said["transform"]
        return {
            name: value
            for name, value in said.items()
            if value is not None and value is not False and value != ()
        }

    def unlike(self, settings: Mapping[str, Any]) -> list[str]:
        """What was said and is not as a ledger was planned: names of options.

        Args:
            settings: ``PlanSettings.to_dict()``.
        """
        planned = {**settings, **settings["filters"]}
        wanted = self.arguments
        for name in ("starts_after", "starts_before"):
            if name in wanted:
                wanted[name] = parse_instant(wanted[name]).isoformat()
        return [
            "--id" if name == "ids" else f"--{name.replace('_', '-')}"
            for name, value in wanted.items()
            if (list(value) if isinstance(value, tuple) else value) != planned.get(name)
        ]


def _gathered(name: str, kind: type[Any]) -> Callable[[F], F]:
    """Hands options to a command as one value."""

    def gather(command: F) -> F:
        fields = [field.name for field in attrs.fields(kind)]

        @wraps(command)
        def run(*arguments: Any, **options: Any) -> Any:
            # Not every command takes all of them.
            context = {field: options.pop(field) for field in fields if field in options}
            options[name] = kind(**context)
            return command(*arguments, **options)

        return cast(F, run)

    return gather


def _with(command: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        command = option(command)
    return command


def output_options(command: F) -> F:
    """``--json``, ``--utc`` and ``--debug``. No secret is in a plan or a ledger, so there is none
    to be shown.
    """
    return _with(command, json_option, utc_option, debug_option)


def _accounts(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    from ..._client.connect import providers

    return [name for name in [*names(), *providers()] if name.startswith(incomplete)]


def side_options(*, source: bool = True, required: bool = False) -> Callable[[F], F]:
    """``--from`` and ``--to``, handed over as ``sides``."""
    more = "" if required else "; by default the one that the ledger names"
    account = "a connection of livestream.toml, else a provider with its options from the"
    options: list[Callable[[F], F]] = [
        click.option(
            flag,
            name,
            metavar=metavar,
            required=required,
            shell_complete=_accounts,
            help=f"{what}: {account} environment{more}.",
        )
        for flag, name, metavar, what in (
            ("--from", "source", "A", "Whose streams"),
            ("--to", "target", "B", "Where to"),
        )
        if source or name == "target"
    ]
    return lambda command: _with(_gathered("sides", Sides)(command), *options)


def speed_options(*, source: bool = True, workers: bool = True) -> Callable[[F], F]:
    """``--workers`` and ``--rate``, and where both sides are asked ``--source-rate`` and
    ``--target-rate``; handed over as ``speed``.
    """
    options: list[Callable[[F], F]] = []
    if workers:
        options.append(
            click.option(
                "--workers",
                type=click.IntRange(min=1),
                default=4,
                show_default=True,
                metavar="N",
                help="How many streams are worked on at a time.",
            )
        )
    whom = "each of both sides" if source else "the target"
    options.append(
        click.option(
            "--rate",
            metavar="N/s",
            help=f"The most requests to {whom}, such as 5/s, 300/min or 1000/h.",
        )
    )
    if source:
        options += [
            click.option(
                f"--{side}-rate", metavar="N/s", help=f"The most requests to the {side}, instead."
            )
            for side in ("source", "target")
        ]

    def add(command: F) -> F:
        gathered = _gathered("speed", Speed)(command)

        @wraps(command)
        def run(*arguments: Any, rate: str | None, **context: Any) -> Any:
            for name in ("source_rate", "target_rate"):
                context[name] = context.get(name) or rate
            return gathered(*arguments, **context)

        return _with(cast(F, run), *options)

    return add


def planning_options(command: F) -> F:
    """Which streams are moved, and how; handed over as ``planning``."""
    return _with(
        _gathered("planning", Planning)(command),
        filter_options,
        click.option(
            "--id",
            "ids",
            multiple=True,
            metavar="ID",
            help="Only this stream; may be given several times.",
        ),
        click.option(
            "--min-lead-time",
            "guard",
            type=duration,
            metavar="SPAN",
            help="Leave alone what starts sooner than this, such as 45m or 2h; 30m unless told.",
        ),
        click.option(
            "--assume-idle",
            is_flag=True,
            help="Take streams of a source that reports no status for not in use.",
        ),
        click.option(
            "--mark",
            is_flag=True,
            help="Put a mark (a tag) on what is created, where the target has a place for one: "
            "it is then known for certain, also by a later migration.",
        ),
        click.option(
            "--skip-existing",
            is_flag=True,
            help="Skip streams of which the target has an equal already.",
        ),
        click.option(
            "--fail-on-loss",
            type=_several,
            default="",
            metavar="FIELD[,FIELD]",
            help="Refuse to run if one of these fields would be lost.",
        ),
        click.option(
            "--transform",
            metavar="MODULE:FUNCTION",
            help="A function of yours that changes what is created; it gets a LiveStream and a "
            "StreamSpec, and gives a StreamSpec. This folder is looked into, too.",
        ),
    )


def html_option(what: str) -> Callable[[F], F]:
    """``--html FILE``."""
    return click.option(
        "--html",
        type=click.Path(dir_okay=False, writable=True, path_type=Path),
        metavar="FILE",
        help=f"Write {what} as a page, too: one file, that needs no network.",
    )


ledger_argument = click.argument("ledger")

yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Only say what would be deleted, and what not, and why."
)
