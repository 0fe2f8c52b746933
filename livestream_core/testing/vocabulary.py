"""The words of an adapter: what its package mentions, and so what the adapter can know.

An adapter compares the vendor's words with literals, and reads fields by their names. Both are
therefore in its source. Everything else in a response only passes through it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from .._contract.adapter import Adapter
from .._model.fields import facts_of
from .._model.stream import Ingest, LiveStream, Playback, Recording, RestreamTarget, StreamSpec

#: The library itself mentions too much, so only the folder of a provider that it includes counts.
_LIBRARY = __name__.partition(".")[0]
#: An adapter may read what it does not name, if the vendor has the fields of the model.
_MODEL = (StreamSpec, LiveStream, Ingest, Playback, Recording, RestreamTarget)
_SEPARATORS = re.compile(r"[\s_-]+")


def normal(word: str) -> str:
    """Return a word in the form in which words are compared, because vendors vary their case."""
    return _SEPARATORS.sub(" ", word.strip().casefold())


def vocabulary(adapter: type[Adapter]) -> frozenset[str]:
    """Return the text literals in the packages of an adapter and of its base classes, normalized.

    The names of the model's fields are included. A package without sources adds nothing.
    """
    words = {normal(field.name) for kind in _MODEL for field in facts_of(kind)}
    for path in {path for kind in adapter.__mro__ for path in _sources(kind)}:
        words.update(_literals(path))
    return frozenset(words)


def _sources(kind: type) -> list[Path]:
    if kind in (Adapter, object):
        return []
    module = sys.modules[kind.__module__]
    package = module.__package__ or ""
    if package and package.partition(".")[0] != _LIBRARY:
        package = package.partition(".")[0]
    if package:
        folder = Path(sys.modules[package].__path__[0])
        return sorted(folder.rglob("*.py"))
    return [Path(module.__file__)] if module.__file__ else []


def _literals(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield normal(node.value)
            if "/" in node.value:
                yield from map(normal, node.value.split("/"))  # the path of an endpoint
        elif isinstance(node, ast.keyword) and node.arg:
            yield normal(node.arg)
