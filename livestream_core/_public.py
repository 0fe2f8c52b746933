"""What packages do with their public names: claim them, and import them on first use.

A pickle refers to a class by its module, and a queue may keep pickles for weeks. If pickles
referred to private modules, no class could ever be moved. Tracebacks and reprs show the module too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from types import FunctionType
from typing import Any, ForwardRef

#: The module that defines each public class and function, for tools that show its source.
homes: dict[type | FunctionType, str] = {}


def publish(package: str, values: Iterable[object]) -> None:
    """Set the ``__module__`` of classes and functions to a package.

    Args:
        package: The module whose ``__all__`` contains their names.
        values: The exported values. Constants and aliases have no module and are skipped.
    """
    for value in values:
        if isinstance(value, type | FunctionType) and value.__module__ != package:
            homes[value] = value.__module__
            if isinstance(value, type):
                _keep_annotations_readable(value)
            value.__module__ = package


def _keep_annotations_readable(cls: type) -> None:
    """Bind annotations that are strings to the module that defines the class.

    They would otherwise be evaluated in the module that ``__module__`` names.
    """
    annotations = vars(cls).get("__annotations__", {})
    for name, annotation in annotations.items():
        if isinstance(annotation, str):
            annotations[name] = _annotation(annotation, cls.__module__)


@cache
def _annotation(text: str, module: str) -> ForwardRef:
    return ForwardRef(text, module=module, is_class=True)


def lazily(
    package: str, modules: Mapping[str, str], otherwise: Callable[[str], Any] | None = None
) -> Callable[[str], Any]:
    """Return a ``__getattr__`` that imports names of a package on first use.

    Args:
        package: The package.
        modules: The module below the package that defines each name, or that is called so itself.
        otherwise: The ``__getattr__`` for other names. By default, they do not exist.
    """

    def find(name: str) -> Any:
        if name in modules:
            module = import_module(f".{modules[name]}", package)
            value = module if modules[name] == name else getattr(module, name)
            setattr(sys.modules[package], name, value)
            return value
        if otherwise is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return otherwise(name)

    return find
