"""How ``surface_0_1.json`` was made: all that users of a version can name.

Each entry is one fact: a name, a parameter, an option of the command line, a key of its JSON. The
file is never made anew, since it stands for what users have written. To add that of a later
version, run this file in its checkout with a new name: ``python tests/frozen/surface.py FILE``.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
import tempfile
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import click
from click.testing import CliRunner

import livestream_core as live

MODULES = (
    "livestream_core",
    "livestream_core.emulator",
    "livestream_core.memory",
    "livestream_core.migrate",
    "livestream_core.testing",
    "livestream_core.testing.conformance",
    "livestream_core.testing.strategies",
)
#: Extras that no user installs.
_FOR_WORK_HERE = {"bench", "dev", "docs", "tests", "types"}
_KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional only",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional or keyword",
    inspect.Parameter.VAR_POSITIONAL: "any more by position",
    inspect.Parameter.KEYWORD_ONLY: "keyword only",
    inspect.Parameter.VAR_KEYWORD: "any more by keyword",
}


def surface() -> dict[str, str]:
    """Return every fact about this version."""
    found: dict[str, str] = {}
    for facts in (_names, _commands, _exit_codes, _pytest_options, _entry_points, _json):
        found.update(facts())
    return found


# -- names ----------------------------------------------------------------------------------


def _names() -> Iterator[tuple[str, str]]:
    for name in MODULES:
        module = import_module(name)
        for public in module.__all__:
            yield from _described(f"{name}.{public}", getattr(module, public))


def _described(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, type) and not isinstance(value, types.GenericAlias):
        yield from _class(path, value)
    elif inspect.isroutine(value):
        yield path, "coroutine function" if inspect.iscoroutinefunction(value) else "function"
        yield from _parameters(path, value)
    elif isinstance(value, int | float | str):
        yield path, "text" if isinstance(value, str) else f"number {value}"
    else:
        yield path, "value"


def _class(path: str, kind: type) -> Iterator[tuple[str, str]]:
    yield path, "class"
    if typing.is_typeddict(kind):
        for name in kind.__annotations__:
            yield (
                f"{path}.{name}",
                "required" if name in getattr(kind, "__required_keys__", ()) else "key",
            )
        return
    for base in kind.__mro__[1:-1]:
        # Those of other modules and private ones are no business of users.
        if base.__module__ == "builtins" or base.__name__ in vars(live)["__all__"]:
            yield f"{path} is a {base.__name__}", "base"
    if issubclass(kind, Enum):
        for name, member in kind.__members__.items():
            yield f"{path}.{name}", f"member {member.value!r}"
    elif _is_made_here(kind):
        yield from _parameters(path, kind)
    members = {name: None for each in reversed(_ours(kind)) for name in _own(each)}
    for name in members:
        if not name.startswith("_") and not _is_test(name) and name not in _enum_members(kind):
            yield from _member(f"{path}.{name}", inspect.getattr_static(kind, name, None))


def _ours(kind: type) -> list[type]:
    return [each for each in kind.__mro__ if each.__module__.startswith("livestream_core")]


def _is_made_here(kind: type) -> bool:
    """Return whether a class of ours says how its objects are made."""
    own = any({"__init__", "__new__"} & set(vars(each)) for each in _ours(kind))
    return own and not getattr(kind, "_is_protocol", False)


def _own(kind: type) -> list[str]:
    """Return what a class has, in a stable order, also what only its objects have."""
    fields = [each.name for each in attrs.fields(kind)] if attrs.has(kind) else []
    return [*fields, *inspect.get_annotations(kind), *vars(kind)]


def _is_test(name: str) -> bool:
    """Return whether a name is one of the kit's tests: areas are named by users, tests are not."""
    return name.startswith("test_")


def _enum_members(kind: type) -> Mapping[str, object]:
    return kind.__members__ if issubclass(kind, Enum) else {}


def _member(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, staticmethod | classmethod):
        yield path, "class method" if isinstance(value, classmethod) else "static method"
        yield from _parameters(path, value.__func__, bound=isinstance(value, classmethod))
    elif inspect.isfunction(value):
        yield path, "coroutine method" if inspect.iscoroutinefunction(value) else "method"
        yield from _parameters(path, value, bound=True)
    else:
        yield path, "attribute"


def _parameters(path: str, value: Any, *, bound: bool = False) -> Iterator[tuple[str, str]]:
    try:
        parameters = list(inspect.signature(value).parameters.values())
    except ValueError:  # of a class that nobody makes objects of
        return
    for place, each in enumerate(parameters[1:] if bound else parameters):
        told = _KINDS[each.kind]
        if each.kind.name.startswith("POSITIONAL"):
            told += f", number {place + 1}"
        if each.default is not each.empty:
            told += f", by default {_shown(each.default)}"
        yield f"{path}({each.name})", told


def _shown(default: object) -> str:
    shown = repr(default)
    # Of what is private or has an address, only that there is one.
    return "something" if re.search(r"0x|<|_[A-Z]|NOTHING", shown) else shown


# -- the command line -----------------------------------------------------------------------


def _app() -> click.Group:
    for name in ("app", "_app"):
        try:
            app = import_module(f"livestream_core.cli.{name}").app
        except ModuleNotFoundError:
            continue
        assert isinstance(app, click.Group)
        return app
    raise AssertionError("no command line")


def _commands() -> Iterator[tuple[str, str]]:
    yield from _command("livestream", _app())


def _command(path: str, command: click.Command) -> Iterator[tuple[str, str]]:
    yield path, "command"
    for each in command.params:
        for name in (*each.opts, *each.secondary_opts):
            yield (
                f"{path} {name if each.param_type_name == 'option' else name.upper()}",
                _told(each),
            )
        kind = each.type
        if isinstance(kind, click.Choice):
            for choice in kind.choices:
                yield f"{path} {each.opts[0]} {choice}", "choice"
    if isinstance(command, click.Group):
        for name, other in command.commands.items():
            yield from _command(f"{path} {name}", other)


def _told(parameter: click.Parameter) -> str:
    kind = parameter.type.name
    # A private function that reads the value may have another name tomorrow.
    told = [parameter.param_type_name, "a function" if kind.startswith("_") else kind]
    told += ["required"] if parameter.required else []
    told += ["several times"] if parameter.multiple or parameter.nargs == -1 else []
    told += ["flag"] if getattr(parameter, "is_flag", False) else []
    return ", ".join(told)


def _exit_codes() -> Iterator[tuple[str, str]]:
    for name in ("console.exit_codes", "_exit_codes"):
        try:
            codes = import_module(f"livestream_core.cli.{name}")
        except ModuleNotFoundError:
            continue
        for code in codes.MEANINGS:
            yield f"exit code {code}", "has a meaning"
        for module in (live, import_module("livestream_core.migrate")):
            for public in module.__all__:
                kind = getattr(module, public)
                if isinstance(kind, type) and issubclass(kind, live.LiveStreamError):
                    for applied in (False, None):
                        error = kind("a message")
                        error.operation, error.applied = "create", applied
                        yield f"exit code of {public}, applied {applied}", str(codes.code_of(error))


class _Options:
    """Takes the options that a plugin of pytest adds."""

    def __init__(self) -> None:
        self.added: dict[str, dict[str, Any]] = {}

    def getgroup(self, *_: str) -> _Options:
        return self

    def addoption(self, name: str, **attributes: Any) -> None:
        self.added[name] = attributes


def _pytest_options() -> Iterator[tuple[str, str]]:
    plugin, options = import_module("livestream_core_pytest"), _Options()
    plugin.pytest_addoption(options)
    for name, attributes in options.added.items():
        action, default = attributes.get("action", "store"), attributes.get("default")
        yield f"pytest {name}", f"{action}, by default {default!r}"
        for choice in attributes.get("choices", ()):
            yield f"pytest {name} {choice}", "choice"
    for name, value in vars(plugin).items():
        if "fixture" in type(value).__name__.lower() or hasattr(value, "_pytestfixturefunction"):
            yield f"pytest fixture {name}", "fixture"


def _entry_points() -> Iterator[tuple[str, str]]:
    root = Path(str(live.__file__)).parents[1]
    for file in sorted([root / "pyproject.toml", *root.glob("adapters/*/pyproject.toml")]):
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        groups = {"console_scripts": project.get("scripts", {}), **project.get("entry-points", {})}
        for group, points in groups.items():
            for point in points:
                yield f"entry point {point} of {group}", str(project["name"])
        for extra in set(project.get("optional-dependencies", {})) - _FOR_WORK_HERE:
            yield f"extra {project['name']}[{extra}]", "extra"


# -- JSON -----------------------------------------------------------------------------------

_TOML = "".join(
    f'[connections.{name}]\nprovider = "memory"\naccount = "surface-{name}"\n\n'
    for name in ("school", "church")
)
_START = "2037-12-05T15:30:00Z"
_BOTH = ("--from", "school", "--to", "church")


def _json() -> Iterator[tuple[str, str]]:
    ours: dict[str, str | None] = {
        name: None for name in os.environ if name.startswith("LIVESTREAM_")
    }
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            Path("livestream.toml").write_text(_TOML, encoding="utf-8")
            homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "APPDATA"), folder)
            runner = CliRunner(env={**ours, **homes, "LIVESTREAM_ADAPTERS": "memory"})
            yield from _paths_of_all(runner)
        finally:
            os.chdir(before)


def _paths_of_all(runner: CliRunner) -> Iterator[tuple[str, str]]:
    app = _app()

    def run(*arguments: str) -> list[Any]:
        result = runner.invoke(app, [*arguments, "--json"])
        told = result.stdout.strip() or result.stderr.strip()
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        try:
            return [json.loads(told)]
        except ValueError:
            return [json.loads(line) for line in told.splitlines()]

    def paths(name: str, found: list[Any]) -> Iterator[tuple[str, str]]:
        yield f"json of {name}", "said"
        for each in sorted({path for one in found for path in _paths(one)}):
            yield f"json of {name}: {each}", "key"

    def create(title: str, *arguments: str) -> list[Any]:
        return run("create", "-c", "school", "--title", title, *arguments)

    Path("restreams.json").write_text(
        '[{"url": "rtmp://other.example/app", "stream_key": "made-up-key-0"}]', encoding="utf-8"
    )
    full = ("--scheduled-start", _START, "--tag", "maths", "--restreams-file", "restreams.json")
    (stream,) = created = create("Algebra", *full)
    yield from paths("create", created)
    yield from paths("error", run("show", "-c", "school", "nothing-like-that"))
    yield from paths("usage", run("show", "-c", "nowhere", "x"))
    (other,) = create("Now")
    yield from paths("show", run("show", "-c", "school", other["id"]))
    yield from paths("wait", run("wait", "-c", "school", other["id"], "--until", "ready"))
    yield from paths("stop", run("stop", "-c", "school", other["id"]))
    yield from paths("update", run("update", "-c", "school", stream["id"], "--description", "x"))
    yield from paths("list", run("list", "-c", "school"))
    (third,) = create("Third", "--scheduled-start", _START)
    yield from paths("watch", _watched(run, third["id"]))
    for name in ("start", "cancel"):
        (third,) = create(name, "--scheduled-start", _START)
        yield from paths(name, run(name, "-c", "school", third["id"]))
    yield from paths("delete", run("delete", "-c", "school", other["id"], "--yes"))
    yield from paths("providers", run("providers"))
    yield from paths("providers --features", run("providers", "--features"))
    yield from paths("doctor", run("doctor", "--check"))
    yield from paths("migrate plan", run("migrate", "plan", *_BOTH))
    moved = run("migrate", "run", *_BOTH, "--ledger", "school.db", "--yes")
    yield from paths("migrate run", moved)
    for name in ("check", "status", "report", "handover"):
        yield from paths(f"migrate {name}", run("migrate", name, "school.db"))
    yield from paths("migrate rollback", run("migrate", "rollback", "school.db", "--dry-run"))
    retired = run("migrate", "retire", "school.db", "--max-delete", "9", "--dry-run")
    yield from paths("migrate retire", retired)


def _watched(run: Any, id: str) -> list[Any]:
    """Watch a stream that is deleted once it was seen."""

    class Deletes:
        done = False

        @live.hookimpl
        def livestream_exchange(self, exchange: live.Exchange) -> None:
            if exchange.operation == "get" and not self.done:
                self.done = True
                with live.connect("memory", account="surface-school") as client:
                    client.delete(id)

    plugin = Deletes()
    live.register(plugin)
    try:
        found: list[Any] = run("watch", "-c", "school", id, "--interval", "0.1")
        return found
    finally:
        live.unregister(plugin)


def _paths(data: Any, path: str = "") -> Iterator[str]:
    """Return the path of every key in some JSON."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield f"{path}.{name}".lstrip(".")
            yield from _paths(value, f"{path}.{name}".lstrip("."))
    elif isinstance(data, list):
        for value in data:
            yield from _paths(value, f"{path}[]")


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(surface(), file, indent=0, sort_keys=True)
        file.write("\n")
