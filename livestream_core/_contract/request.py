"""The requests that an operation yields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import attrs

from .._model.errors import InvalidInput
from .._model.urls import percent_encoded
from .._secrets.spellings import compiled

Scalar: TypeAlias = str | int | float | bool
Params: TypeAlias = Mapping[str, Scalar | Sequence[Scalar] | None]
#: A file of a multipart form: its name, its content, and its media type.
File: TypeAlias = tuple[str, bytes, str]

_CONTROL = r"[\x00-\x1f\x7f]"
_IDEMPOTENT = {"GET": True, "PUT": True, "DELETE": True, "POST": False, "PATCH": False}


_TARGET = r'/[!"$-~]*'


def checked_target(target: str) -> str:
    """Return a path with its query, after checking that it can be sent unchanged.

    HTTP libraries drop everything after a ``#``, and rewrite or drop spaces, line breaks, and
    characters that are not ASCII. The request would then ask for something else.

    Raises:
        InvalidInput: If it cannot be sent unchanged.
    """
    if not compiled(_TARGET).fullmatch(target):
        raise InvalidInput(
            "the request's path or query contains characters that cannot be sent unchanged",
            field="target",
        )
    return target


@lru_cache(maxsize=512)
def template_names(template: str) -> tuple[str, ...]:
    """Return the names in braces of a path template."""
    from string import Formatter

    if not template.startswith("/"):
        raise ValueError(f"a path must start with a slash: {template!r}")
    return tuple(name for _, name, _, _ in Formatter().parse(template) if name)


def _quoted(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{name}: expected a string, not {type(value).__name__}", field=name)
    problem = None
    if not value:
        problem = "must not be empty"
    elif value in (".", ".."):
        problem = f"must not be {value!r}"
    elif compiled(_CONTROL).search(value):
        problem = "contains a control character"
    else:
        try:
            return percent_encoded(value)
        except UnicodeEncodeError:
            problem = "is not text"
    raise InvalidInput(f"{name}: {problem}", field=name)


@attrs.frozen(slots=True, kw_only=True, repr=False)
class Request:
    """One HTTP request of an operation, without an origin and a session.

    Create it with ``Adapter.request()`` or its short forms, which add the values that all paths of
    a vendor share. Its repr shows only the method and the template.

    Attributes:
        method: The HTTP method in upper case.
        template: The path with names in braces, as logs and hooks show it.
        values: The values of the names. They are percent-encoded when the request is sent.
        link: A path with a query to send unchanged, from a link of the vendor.
        params: The query parameters. ``None`` is left out; a sequence is repeated.
        json: The body as JSON.
        form: The body as a web form.
        files: The body as multipart, together with ``form``.
        headers: Headers in addition to those that the core sends.
        changes: Whether the request changes something at the vendor.
        idempotent: Whether the request may be sent again while its outcome is unknown.
        safe_statuses: The statuses after which the request may be sent again although it is not
            idempotent, because the vendor documents that nothing was changed.
    """

    method: str
    template: str
    values: Mapping[str, str] = attrs.field(factory=dict)
    link: str = ""
    params: Params | None = None
    json: Any = None
    form: Mapping[str, str] | None = None
    files: Mapping[str, File] | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    changes: bool = attrs.field(
        default=attrs.Factory(lambda self: self.method != "GET", takes_self=True)
    )
    idempotent: bool = attrs.field(
        default=attrs.Factory(lambda self: _IDEMPOTENT.get(self.method, False), takes_self=True)
    )
    safe_statuses: frozenset[int] = frozenset()

    def __attrs_post_init__(self) -> None:
        if self.method not in _IDEMPOTENT:
            raise ValueError(f"method {self.method!r} is not one of {', '.join(_IDEMPOTENT)}")
        if (self.json is not None) + (self.form is not None or self.files is not None) > 1:
            raise ValueError("a request has only one body: either json, or form and files")

    def target(self) -> str:
        """Return the path and the query as they are sent.

        Raises:
            InvalidInput: If a value of the template is empty, ``.``, or ``..``, or contains a
                control character; ``field`` names it. Also if the template or the link contains
                something that cannot be sent unchanged, such as a space or a ``#``.
        """
        if self.link:
            return checked_target(self.link)
        path = self.template
        if names := template_names(path):
            path = path.format_map({name: _quoted(name, self.values[name]) for name in names})
        query = _encode_query(self.params) if self.params else ""
        return checked_target(f"{path}?{query}" if query else path)

    def content(self) -> tuple[bytes | None, dict[str, str]]:
        """Return the body and its headers.

        Raises:
            InvalidInput: If the body cannot be encoded as JSON or as a form.
        """
        if self.json is not None:
            return _encode_json(self.json), {"Content-Type": "application/json"}
        if self.files is not None:
            from urllib3.filepost import encode_multipart_formdata

            fields: dict[str, Any] = {**(self.form or {}), **self.files}
            body, kind = encode_multipart_formdata(fields)
            return body, {"Content-Type": kind}
        if self.form is not None:
            return (
                _encode_query(self.form).encode(),
                {"Content-Type": "application/x-www-form-urlencoded"},
            )
        return None, {}

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.template}>"


@attrs.frozen(slots=True, kw_only=True, repr=False)
class WireRequest:
    """A request exactly as it is about to be sent, for :meth:`Adapter.sign`.

    Its repr shows only the method, because the rest can contain secrets. The HTTP library adds
    further headers later, such as ``Content-Length`` and ``Connection``; they cannot be signed.

    Attributes:
        method: The HTTP method in upper case.
        host: The ``Host`` header: the host, and the port unless it is the default of the scheme.
        path: The path, percent-encoded.
        query: The query, percent-encoded, without its question mark.
        body: The body; empty if there is none.
        headers: All headers that this library sends, including those of the session.
    """

    method: str
    host: str
    path: str
    query: str
    body: bytes
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<WireRequest {self.method}>"


def _encode_query(params: Params) -> str:
    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        if value is None:
            continue
        values = value if isinstance(value, (list, tuple)) else (value,)
        for each in values:
            text = str(each).lower() if isinstance(each, bool) else str(each)
            try:
                text.encode()
            except UnicodeEncodeError:
                text = ""
            if not text and each != "":
                raise InvalidInput(f"{name}: is not text", field=name)
            pairs.append((name, text))
    from urllib.parse import quote, urlencode

    return urlencode(pairs, quote_via=quote)


def _encode_json(value: Any) -> bytes:
    import json

    try:
        return json.dumps(
            value, allow_nan=False, ensure_ascii=False, separators=(",", ":")
        ).encode()
    except (TypeError, ValueError, RecursionError) as error:
        problem = type(error).__name__
    raise InvalidInput(
        f"options: the request cannot be encoded as JSON ({problem})", field="options"
    )
