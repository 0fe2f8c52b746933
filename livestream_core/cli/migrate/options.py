"""The options of the ``livestream migrate`` commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
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
    """Return a duration such as ``30m`` in seconds."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(\w*)", text)
    if found is None or found[2] not in _SECONDS:
        raise click.BadParameter(f"{text!r} is not a duration such as 90s, 30m, or 2h.")
    return float(found[1]) * _SECONDS[found[2]]


def _comma_separated(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@attrs.frozen(slots=True, kw_only=True)
class NamedAccounts:
    """The accounts named on the command line, or ``None`` for those in the ledger."""

    source: str | None = None
    target: str | None = None


@attrs.frozen(slots=True, kw_only=True)
class Rows:
    """The streams to show.

    Attributes:
        all: Whether to show every stream.
        only: The states, verdicts, or cutovers of the streams to show.
    """

    all: bool = False
    only: tuple[str, ...] = ()

    def check(self, *kinds: type[StrEnum]) -> None:
        """Check that each word is a member of one of these enumerations.

        Raises:
            click.UsageError: If one is not.
        """
        known = [str(word) for kind in kinds for word in kind]
        if unknown := [word for word in self.only if word not in known]:
            raise click.UsageError(
                f"--only: {unknown[0]!r} is not a state shown here. These are: {', '.join(known)}."
            )

    def wants(self, item: Any) -> bool:
        """Return whether ``--only`` selects a stream: an item, or the data of one."""
        return not self.only or not words_of(item).isdisjoint(self.only)


def words_of(item: Any) -> frozenset[str]:
    """Return the words that describe a stream: its state, verdict, and cutover."""
    values = item if isinstance(item, Mapping) else {n: getattr(item, n, None) for n in _WORDS}
    return frozenset(str(values[name]) for name in _WORDS if values.get(name))


_WORDS = ("state", "verdict", "cutover")


@attrs.frozen(slots=True, kw_only=True)
class Speed:
    """The number of workers and the rate limits.

    Attributes:
        workers: The number of streams to process at a time.
        source_rate: The maximum rate of requests to the source, such as ``"5/s"``.
        target_rate: The maximum rate of requests to the target.
        patience: The longest wait, in seconds, to accept when a vendor asks for one.
    """

    patience: float
    workers: int = 1
    source_rate: str | None = None
    target_rate: str | None = None

    @property
    def rates(self) -> dict[str, Any]:
        """The rates and the patience as arguments for functions of ``livestream_core.migrate``."""
        return {
            "source_rate": self.source_rate,
            "target_rate": self.target_rate,
            "patience": self.patience,
        }


@attrs.frozen(slots=True, kw_only=True)
class Planning:
    """The options of a plan. Options that were not given are ``None``, false, or empty.

    Attributes:
        status: The status that selects streams.
        starts_after: The earliest scheduled start that selects streams.
        starts_before: The time before which selected streams are scheduled to start.
        tag: The tag that selects streams.
        ids: The IDs that select streams.
        guard: The minimum lead time in seconds.
        assume_idle: Whether to treat streams as not in use if the source reports no status.
        include_disabled: Whether to move disabled streams, too.
        mark: Whether to add a mark to created streams.
        skip_existing: Whether to skip streams that already have a match at the target.
        fail_on_loss: The fields that must not be lost.
        transform: The transform, as ``module:function``.
    """

    status: str | None
    starts_after: str | None
    starts_before: str | None
    tag: str | None
    ids: tuple[str, ...]
    guard: float | None
    assume_idle: bool
    include_disabled: bool
    mark: bool
    skip_existing: bool
    fail_on_loss: tuple[str, ...]
    transform: str | None

    @property
    def arguments(self) -> dict[str, Any]:
        """The options that were given, as arguments for ``migrate.plan``, without the transform."""
        options = attrs.asdict(self)
        del options["transform"]
        return {
            name: value
            for name, value in options.items()
            if value is not None and value is not False and value != ()
        }

    def different_from(self, settings: Mapping[str, Any]) -> list[str]:
        """Return the names of the given options that differ from a ledger's plan.

        Args:
            settings: The ledger's settings, from ``PlanSettings.to_dict()``.
        """
        planned = {**settings, **settings["filters"]}
        wanted = self.arguments
        for name in ("starts_after", "starts_before"):
            if name in wanted:
                wanted[name] = parse_instant(wanted[name]).isoformat()
        return [
            _FLAGS.get(name, f"--{name.replace('_', '-')}")
            for name, value in wanted.items()
            if (list(value) if isinstance(value, tuple) else value) != planned.get(name)
        ]


#: The options whose flags differ from their names.
_FLAGS = {"ids": "--id", "guard": "--min-lead-time"}


def _gathered(name: str, kind: type[Any]) -> Callable[[F], F]:
    """Return a decorator that passes several options to a command as one value."""

    def gather(command: F) -> F:
        fields = [field.name for field in attrs.fields(kind)]

        @wraps(command)
        def run(*arguments: Any, **options: Any) -> Any:
            # Not every command has all of the options.
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
    """Add ``--json``, ``--utc``, and ``--debug``.

    There is no ``--show-secrets``, because plans and ledgers contain no secrets.
    """
    return _with(command, json_option, utc_option, debug_option)


def _accounts(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    from ..._client.connect import providers

    return [name for name in [*names(), *providers()] if name.startswith(incomplete)]


def account_options(*, source: bool = True, required: bool = False) -> Callable[[F], F]:
    """Return a decorator that adds ``--from`` and ``--to``, passed as ``accounts``."""
    default = "" if required else " Defaults to the account in the ledger."
    account = "a connection in livestream.toml, or a provider configured by environment variables."
    options: list[Callable[[F], F]] = [
        click.option(
            flag,
            name,
            metavar=metavar,
            required=required,
            shell_complete=_accounts,
            help=f"{name.capitalize()} account: {account}{default}",
        )
        for flag, name, metavar in (("--from", "source", "A"), ("--to", "target", "B"))
        if source or name == "target"
    ]
    return lambda command: _with(_gathered("accounts", NamedAccounts)(command), *options)


def speed_options(*, source: bool = True, workers: bool = True) -> Callable[[F], F]:
    """Return a decorator that adds ``--workers``, rates, and ``--patience``, passed as ``speed``.

    ``--source-rate`` and ``--target-rate`` are added if the command uses both accounts.
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
                help="Number of streams to process at a time.",
            )
        )
    receiver = "each account" if source else "the target"
    options.append(
        click.option(
            "--rate",
            metavar="N/s",
            help=f"Maximum rate of requests to {receiver}, such as 5/s, 300/min, or 1000/h.",
        )
    )
    if source:
        options += [
            click.option(
                f"--{side}-rate",
                metavar="N/s",
                help=f"Maximum rate of requests to the {side}. Overrides --rate.",
            )
            for side in ("source", "target")
        ]
    options.append(
        click.option(
            "--patience",
            type=duration,
            default="15m",
            show_default=True,
            metavar="DURATION",
            help="The longest wait to accept when a vendor asks for one. If a vendor asks for "
            "more, the command exits and says when to resume.",
        )
    )

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
    """Add the options that select and change streams, passed as ``planning``."""
    return _with(
        _gathered("planning", Planning)(command),
        filter_options,
        click.option(
            "--id",
            "ids",
            multiple=True,
            metavar="ID",
            help="Select only the stream with this source ID. Can be repeated.",
        ),
        click.option(
            "--min-lead-time",
            "guard",
            type=duration,
            metavar="DURATION",
            help="Skip streams that start sooner than this, such as 45m or 2h. Defaults to 30m.",
        ),
        click.option(
            "--assume-idle",
            is_flag=True,
            help="Treat streams as not in use if the source does not report a status.",
        ),
        click.option(
            "--include-disabled",
            is_flag=True,
            help="Move disabled streams, too. Their copies are not disabled.",
        ),
        click.option(
            "--mark",
            is_flag=True,
            help="Add a mark (a tag) to created streams, if the target stores tags. A mark "
            "identifies a stream with certainty, including in later migrations.",
        ),
        click.option(
            "--skip-existing",
            is_flag=True,
            help="Skip streams that already have a match at the target.",
        ),
        click.option(
            "--fail-on-loss",
            type=_comma_separated,
            default="",
            metavar="FIELD[,FIELD]",
            help="Refuse to run if the target would lose any of these fields.",
        ),
        click.option(
            "--transform",
            metavar="MODULE:FUNCTION",
            help="Your function that changes what is created. It receives a LiveStream and a "
            "StreamSpec, and returns a StreamSpec. The current folder is searched too.",
        ),
    )


def rows_options(command: F) -> F:
    """Add ``--all`` and ``--only``, passed as ``rows``."""
    return _with(
        _gathered("rows", Rows)(command),
        click.option(
            "--all",
            is_flag=True,
            help="Show every stream. By default, if there are many, only those that need review.",
        ),
        click.option(
            "--only",
            multiple=True,
            metavar="STATE",
            callback=lambda _, __, values: tuple(v.replace("-", "_").lower() for v in values),
            help="Show only streams in this state, such as needs-review. Can be repeated.",
        ),
    )


def html_option(what: str) -> Callable[[F], F]:
    """Return a decorator that adds ``--html FILE``."""
    return click.option(
        "--html",
        type=click.Path(dir_okay=False, writable=True, path_type=Path),
        metavar="FILE",
        help=f"Also write {what} as a self-contained HTML page.",
    )


ledger_argument: Callable[[F], F] = click.argument("ledger")

yes_option: Callable[[F], F] = click.option(
    "-y", "--yes", is_flag=True, help="Do not ask for confirmation."
)

dry_run_option: Callable[[F], F] = click.option(
    "--dry-run",
    is_flag=True,
    help="Only show what would be deleted, and what would be kept and why.",
)
