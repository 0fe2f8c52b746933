"""Writes the ``__init__`` of the model's classes.

attrs calls the converter of every field. A page of a list makes many thousand values, and nearly
all of them already are what their converter would return. Here such a value is recognised by a
test that stands in ``__init__`` itself; any other goes through its converter.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import attrs


def unchanged_if(convert: Callable[..., Any], test: str, **names: object) -> None:
    """Says of a converter that it returns a value as it is if ``test`` is true.

    Not a decorator: mypy knows a converter's type only if it is a bare function.

    Args:
        convert: The converter.
        test: An expression, with ``{v}`` for the value.
        names: What names in it mean, builtins aside.
    """
    convert.unchanged_if = test, names  # type: ignore[attr-defined]


def init_on_first_use(cls: type[Any]) -> Callable[..., None]:
    """An ``__init__`` that puts a written one in its place when it is first called: to write
    them all would take a good part of the time that an import of this library takes."""

    attrs_init = cls.__init__

    @wraps(attrs_init)
    def init(self: Any, *args: Any, **values: Any) -> None:
        cls.__init__ = written_init(cls, attrs_init)
        cls.__init__(self, *args, **values)

    return init


def written_init(cls: type[Any], attrs_init: Callable[..., None]) -> Callable[..., None]:
    """An ``__init__`` with the parameters, defaults and errors of the one that attrs wrote."""
    # A frozen object is filled while it is of this class, which is like its own but not frozen:
    # going round a __setattr__ for every field takes as long as all the rest.
    thawed = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    draft = type(cls.__name__, (cls,), {"__slots__": (), **thawed})
    names: dict[str, Any] = {
        "NOTHING": attrs.NOTHING,
        "attrs_init": attrs_init,
        "cls": cls,
        "draft": draft,
        "set_class": object.__setattr__,
    }
    parameters, arguments, lines = [], [], []
    for field in attrs.fields(cls):
        name, default = field.name, field.default
        arguments.append(f"{name}={name}")
        if field.kw_only and "*" not in parameters:
            parameters.append("*")
        if default is attrs.NOTHING:
            parameters.append(name)
        elif isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            parameters.append(f"{name}=NOTHING")
            names[f"make_{name}"] = default.factory
            argument = "self" if default.takes_self else ""
            lines.append(f"if {name} is NOTHING: {name} = make_{name}({argument})")
        else:
            parameters.append(f"{name}=default_{name}")
            names[f"default_{name}"] = default
        if field.converter is not None:
            names[f"convert_{name}"] = field.converter
            test, used = getattr(field.converter, "unchanged_if", ("False", {}))
            names |= used
            lines.append(f"if not ({test.format(v=name)}): {name} = convert_{name}({name})")
        lines.append(f"self.{name} = {name}")
    body = [
        # Of a subclass nothing is known.
        f"if type(self) is not cls: return attrs_init(self, {', '.join(arguments)})",
        "set_class(self, '__class__', draft)",
        *lines,
        "self.__class__ = cls",
    ]
    if hasattr(cls, "__attrs_post_init__"):
        body.append("self.__attrs_post_init__()")
    source = f"def __init__(self, {', '.join(parameters)}):\n    " + "\n    ".join(body)
    exec(compile(source, f"<__init__ of {cls.__qualname__}>", "exec"), names)  # noqa: S102
    written: Callable[..., None] = names["__init__"]
    written.__annotations__ = attrs_init.__annotations__
    written.__qualname__ = f"{cls.__qualname__}.__init__"
    return written
