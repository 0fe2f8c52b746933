"""Public names say that they live where users import them from.

A pickle names a class by its module, and a queue may keep pickles for weeks: if they named a
private module, nothing could ever be moved. Tracebacks and reprs of classes name it too.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from types import FunctionType
from typing import ForwardRef

#: The module that each public class and function is written in, for those who show its source.
homes: dict[type | FunctionType, str] = {}


def publish(package: str, values: Iterable[object]) -> None:
    """Have the classes and functions among some values say that they live in a package.

    Args:
        package: The module that has their names in its ``__all__``.
        values: What it exports; constants and aliases have no module and are passed over.
    """
    for value in values:
        if isinstance(value, type | FunctionType) and value.__module__ != package:
            homes[value] = value.__module__
            if isinstance(value, type):
                _keep_annotations_readable(value)
            value.__module__ = package


def _keep_annotations_readable(cls: type) -> None:
    """Annotations that are texts are looked up in the module that a class says it lives in: have
    each remember the module that it was written in.
    """
    annotations = vars(cls).get("__annotations__", {})
    for name, annotation in annotations.items():
        if isinstance(annotation, str):
            annotations[name] = _annotation(annotation, cls.__module__)


@cache
def _annotation(text: str, module: str) -> ForwardRef:
    return ForwardRef(text, module=module, is_class=True)
