"""Every public name is in the reference and has a description."""

from __future__ import annotations

import ast
import enum
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

from livestream_core import emulator
from livestream_core._public import homes
from public_modules import PUBLIC

pytestmark = pytest.mark.docs

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"

#: Members from other libraries, which are described there.
BORROWED = {"livestream_core.emulator.Request", "livestream_core.emulator.Response"}


def public_names() -> list[str]:
    return [
        f"{module.__name__}.{name}"
        for module in PUBLIC
        for name in module.__all__
        if getattr(module, name) not in PUBLIC
    ]


def public_classes() -> list[type]:
    values = [getattr(module, name) for module in PUBLIC for name in module.__all__]
    classes = [value for value in values if isinstance(value, type)]
    return [each for each in classes if each.__module__.startswith("livestream_core")]


def each_class() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("cls", public_classes(), ids=lambda cls: cls.__name__)


def test_the_reference_has_every_public_name_once_and_no_other() -> None:
    named = [
        name
        for page in sorted(REFERENCE.glob("*.md"))
        for name in re.findall(
            r"^\.\. (?:auto|py:)?(?:class|exception|function|data):: ([^\s()]+)(?:\(\))?$",
            page.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    ]
    assert sorted(named) == sorted(public_names())


def test_every_public_name_says_what_it_is() -> None:
    def text_of(module: ModuleType, name: str) -> str | None:
        value = getattr(module, name)
        if isinstance(value, type | ModuleType) or inspect.isroutine(value):
            return value.__doc__
        return comment_above(module, name)

    silent = [
        f"{module.__name__}.{name}"
        for module in PUBLIC
        for name in module.__all__
        if not text_of(module, name)
    ]
    assert silent == []


def comment_above(module: ModuleType, name: str) -> str | None:
    """Return the ``#:`` comment of a constant, from the module that defines it."""
    folder = Path(str(module.__file__)).parent
    for path in folder.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        match = re.search(rf"^#: (.+)\n(?:#:.*\n)*{re.escape(name)}(?:: [^=\n]+)? = ", text, re.M)
        if match:
            return match[1]
    return None


@each_class()
def test_every_public_method_of_a_class_says_what_it_does(cls: type) -> None:
    assert [name for name, member in methods(cls) if not inspect.getdoc(member)] == []


def methods(cls: type) -> Iterator[tuple[str, Any]]:
    for name, member in vars(cls).items():
        if name.startswith(("_", "test_")):  # a test of the kit is described by its name
            continue
        if isinstance(member, property | classmethod | staticmethod) or inspect.isfunction(member):
            yield name, member


@each_class()
def test_every_attribute_of_a_class_is_described(cls: type) -> None:
    if not attrs.has(cls):
        return
    own = {field.name for field in attrs.fields(cls) if not field.name.startswith("_")}
    if cls is emulator.Fault:
        own = set()  # created only by its class methods
    inherited = {name for base in cls.__mro__[1:] for name in described(base)}
    assert own - described(cls) - inherited == set()


def described(cls: type) -> set[str]:
    """Return the names in the *Attributes* section of a docstring."""
    _, _, section = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
    return set(re.findall(r"^    (\w+): \S", section, re.MULTILINE))


@pytest.mark.parametrize(
    "cls",
    [each for each in public_classes() if issubclass(each, enum.Enum)],
    ids=lambda cls: cls.__name__,
)
def test_every_member_of_an_enumeration_is_described(cls: type[enum.Enum]) -> None:
    source = source_of(cls)
    silent = [
        member.name
        for member in cls
        if not re.search(rf'^    {member.name} = .*\n    """\S', source, re.MULTILINE)
    ]
    assert silent == []


def source_of(cls: type) -> str:
    """Return the source of a class, from the module that defines it."""
    module = sys.modules[homes.get(cls, cls.__module__)]
    text = Path(str(module.__file__)).read_text(encoding="utf-8")
    written = next(
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__
    )
    return ast.get_source_segment(text, written) or ""


@pytest.mark.parametrize("error", [e for e in public_classes() if issubclass(e, Exception)])
def test_every_attribute_that_an_error_has_is_described(error: type[Exception]) -> None:
    held = {name for name in vars(error("made up")) if not name.startswith("_")}
    documented = {name for base in error.__mro__ for name in described(base)}
    assert held - documented == set()
