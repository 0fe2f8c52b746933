"""``__all__`` has every public name, and no others."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import livestream_core as live
from livestream_core import emulator, memory, migrate
from livestream_core._public import homes
from public_modules import PUBLIC

MODULES = tuple(module for module in PUBLIC if module is not migrate)
#: The modules that the public classes and functions name as their own.
HOMES = PUBLIC


def source(module: ModuleType) -> ast.Module:
    return ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))


def imported_from_inside(module: ModuleType) -> set[str]:
    """Return the names that a module imports from the package, including imports for types."""
    return {
        alias.asname or alias.name
        for node in ast.walk(source(module))
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }


def public(names: set[str]) -> set[str]:
    return {name for name in names if not name.startswith("_") or name == "__version__"}


@pytest.mark.parametrize("module", MODULES)
def test_dunder_all_is_sorted_by_code_point_without_duplicates(module: ModuleType) -> None:
    assert list(module.__all__) == sorted(set(module.__all__))


def test_all_of_the_package_names_what_the_package_imports_from_its_modules() -> None:
    assert set(live.__all__) == public(imported_from_inside(live))


def test_all_of_the_emulator_names_what_it_takes_from_inside_and_what_handlers_are_given() -> None:
    handed_on = {"Request", "Response"}
    assert set(emulator.__all__) == public(imported_from_inside(emulator)) | handed_on


@pytest.mark.parametrize("module", MODULES)
def test_every_name_in_all_exists(module: ModuleType) -> None:
    missing = [name for name in module.__all__ if not hasattr(module, name)]
    assert missing == []


@pytest.mark.parametrize("module", MODULES)
def test_dir_shows_every_public_name(module: ModuleType) -> None:
    assert set(module.__all__) <= set(dir(module))


def test_dir_shows_lazy_names_before_they_are_loaded() -> None:
    code = "import livestream_core as live; print(*sorted(set(live.__all__) - set(dir(live))))"
    assert fresh(code) == ""


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        live.no_such_name  # type: ignore[attr-defined]  # noqa: B018


def test_a_star_import_has_all_public_names() -> None:
    code = (
        "from livestream_core import *; import livestream_core as live;"
        "print(*sorted(set(live.__all__) - set(globals())))"
    )
    assert fresh(code) == ""


def fresh(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def signatures(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield the public functions of a module, and the public members of its public classes."""
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value):
            for member, attribute in vars(value).items():
                if member.startswith(("_", "test_")):  # programs do not call the tests of the kit
                    continue
                attribute = getattr(attribute, "fget", None) or getattr(
                    attribute, "__func__", attribute
                )
                if inspect.isfunction(attribute):
                    yield f"{name}.{member}", attribute


def classes_in(annotation: Any) -> Iterator[type]:
    if inspect.isclass(annotation):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from classes_in(argument)


def annotations_of(function: Any) -> list[Any]:
    """Return the annotations of a function. Names imported only for types count as ``Any``."""
    unknown: dict[str, Any] = {}
    while True:
        try:
            return list(typing.get_type_hints(function, localns=unknown).values())
        except NameError as error:
            unknown[str(error.name)] = Any


@pytest.mark.parametrize("module", MODULES)
def test_public_signatures_name_public_types_only(module: ModuleType) -> None:
    exported = {getattr(each, name) for each in MODULES for name in each.__all__ if name != "_"}
    private = {
        f"{where}: {kind.__module__}.{kind.__name__}"
        for where, function in signatures(module)
        for annotation in annotations_of(function)
        for kind in classes_in(annotation)
        if kind.__module__.partition(".")[0] == "livestream_core" and kind not in exported
    }
    assert private == set()


# -- modules ----------------------------------------------------------------------------------


def exported() -> Iterator[tuple[ModuleType, str, Any]]:
    """Yield every public class and function that this library defines."""
    for module in HOMES:
        for name in module.__all__:
            value = getattr(module, name)
            is_named = inspect.isclass(value) or inspect.isfunction(value)
            if is_named and value.__module__.partition(".")[0] == "livestream_core":
                yield module, name, value


def test_every_public_class_and_function_says_that_it_lives_where_it_is_imported_from() -> None:
    strangers = [
        f"{module.__name__}.{name}: {value.__module__}"
        for module, name, value in exported()
        if value.__module__ != module.__name__
    ]
    assert strangers == []


#: The public classes and functions, by the module that defines them.
WRITTEN: dict[str, list[tuple[str, str]]] = {}
for _value, _home in homes.items():
    WRITTEN.setdefault(_home, []).append((_value.__module__, _value.__name__))


@cache
def said_with(package: str) -> dict[str, list[str]]:
    """Import a package; return what the names say of each module that this has loaded."""
    code = (
        "import json, sys\n"
        f"from importlib import import_module; import_module({package!r})\n"
        f"written = {WRITTEN!r}\n"
        "print(json.dumps({home: [getattr(sys.modules[home], name).__module__ for _, name in names]"
        " for home, names in written.items() if home in sys.modules}))"
    )
    said: dict[str, list[str]] = json.loads(fresh(code))
    return said


@pytest.mark.slow
@pytest.mark.parametrize("home", WRITTEN)
def test_it_says_so_also_where_only_the_module_it_is_written_in_is_loaded(home: str) -> None:
    # To import a module, Python imports its package first. Most packages load the module then, so
    # one process is enough for all such modules of a package.
    said = said_with(home.rpartition(".")[0])
    if home not in said:
        said = said_with(home)
    assert said[home] == [package for package, _ in WRITTEN[home]]


def test_the_type_hints_of_every_public_class_and_function_can_be_read() -> None:
    unread = []
    for module, name, value in exported():
        if value is memory.vendor:
            continue  # its class can only be loaded if werkzeug is installed
        try:
            hints = typing.get_type_hints(value)
        except NameError as error:
            unread.append(f"{module.__name__}.{name}: {error}")
        else:
            assert all(not isinstance(hint, str | typing.ForwardRef) for hint in hints.values())
    assert unread == []


def test_the_type_hints_can_be_read_before_anything_else_was_loaded() -> None:
    code = (
        "import typing, livestream_core as live\n"
        "print(typing.get_type_hints(live.LiveStream)['ingests'], "
        "typing.get_type_hints(live.StreamFields)['latency'], sep=chr(10))"
    )
    assert fresh(code).splitlines() == [
        "tuple[livestream_core.Ingest, ...]",
        "livestream_core.Latency | str | None",
    ]


def test_attrs_resolves_the_types_of_the_fields() -> None:
    code = (
        "import attrs, livestream_core as live; attrs.resolve_types(live.LiveStream);"
        "print(attrs.fields(live.LiveStream).status.type is live.Status)"
    )
    assert fresh(code) == "True"


def test_a_subclass_of_a_public_class_has_its_own_hints_and_those_it_inherits() -> None:
    class AcmeOptions(live.Options):
        room: int

    hints = typing.get_type_hints(AcmeOptions)
    assert hints["room"] is int
    assert typing.get_type_hints(live.Options).items() <= hints.items()
