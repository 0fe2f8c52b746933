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


def _sources(kind: type) -> Iterator[Path]:
    """Yield the files of a class's package, and those of the packages that contain it."""
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    if kind in (Adapter, object) or module is None or file is None:
        return
    if not module.__package__:
        yield Path(file)
        return
    folder = Path(file).parent
    yield from folder.rglob("*.py")
    for parent in [*folder.parents][: module.__package__.count(".")]:
        yield from parent.glob("*.py")


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
