"""The modules and names of version 0.1, by which pickles in task queues look up classes.

Most of those modules no longer exist. This module is registered in place of each of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any

_GONE = """_adapter _capabilities _errors _masked _request _secret _sending _status _times _trim
    _urls _walk migrate._values"""

#: Names that were renamed or were never public, each with its present location.
_RENAMED = {
    "Fate": "livestream_core.migrate:FieldOutcome",
    "FieldFate": "livestream_core.migrate:FieldResult",
    "TimedOut": "livestream_core:RequestTimeout",
    "_Kind": "livestream_core.emulator.faults:FaultKind",
    "_remake": "livestream_core._model.trim:Trim._restored",
}

for _name in _GONE.split():
    sys.modules[f"livestream_core.{_name}"] = sys.modules[__name__]


def names_of(module: str, *also: str) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a module that pickles may refer to.

    Args:
        module: The name of the module.
        also: The packages whose public names the module used to contain.
    """

    def find(name: str) -> Any:
        if name in _RENAMED:
            home, _, name_now = _RENAMED[name].partition(":")
            return attrgetter(name_now)(import_module(home))
        for package in () if name.startswith("__") else also:
            if name in import_module(package).__all__:
                return getattr(sys.modules[package], name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return find


if not TYPE_CHECKING:  # otherwise type checkers would assume that every name exists
    __getattr__ = names_of(__name__, "livestream_core", "livestream_core.migrate")
