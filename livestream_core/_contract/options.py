"""The options of a provider, read from arguments or from the environment."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import attrs

from .._model.errors import ConfigurationError, InvalidInput
from .._model.urls import is_url, origin_of, scheme, url_parts
from .._secrets.secret import MASK, Secret
from .._secrets.spellings import compiled

_CONTROL = r"[\x00-\x1f\x7f]"
_HELP = "livestream_core.help"
_ORIGIN = "livestream_core.origin"


def option(
    *,
    help: str,
    default: Any = attrs.NOTHING,
    origin: bool = False,
    ingest: bool = False,
    **field: Any,
) -> Any:
    """Define a field of an :class:`Options` class.

    Args:
        help: One sentence for the command line and for error messages.
        default: The value if the option is not set. Without a default, the option is required.
        origin: Whether it is another origin of the vendor, such as that of its sign-in service. It
            is checked like ``base_url``, and emulators take its place too.
        ingest: Whether the value is the URL of an ingest server, for a vendor whose responses do
            not contain it: rtmp, rtmps, srt, or https (WHIP), without a stream key.
        field: Further arguments of ``attrs.field``, such as ``validator``.
    """
    if ingest:
        given = field.pop("validator", [])
        several = given if isinstance(given, (list, tuple)) else [given]
        field["validator"] = [_check_ingest, *several]
    return attrs.field(default=default, metadata={_HELP: help, _ORIGIN: origin}, **field)


def _check_ingest(options: Any, field: Any, value: str | None) -> None:
    """Check the URL of an ingest server. The message does not contain it: it may hold a key."""
    if value is None:
        return
    name, is_valid = scheme(value), False
    if is_url(value) and name in _INGEST_SCHEMES:
        try:
            parts = url_parts(value)
            has_host = bool(parts.hostname) and parts.port != 0
            is_valid = has_host and parts.username is None and not parts.fragment
        except ValueError:
            pass
    if not is_valid:
        raise ValueError(
            "must be the URL of an ingest server: rtmp://, rtmps://, srt://, or https:// (WHIP), "
            "and a host"
        )


_INGEST_SCHEMES = frozenset({"rtmp", "rtmps", "srt", "https"})


@attrs.frozen(kw_only=True)
class Options:
    """The options of one provider. Every adapter has its own subclass.

    Define fields with :func:`option`. The type of a field is ``str``, ``int``, ``float``,
    ``bool``, or :class:`Secret`, with ``| None`` if the option may be left out. Values of type
    ``Secret`` are masked everywhere.

    Attributes:
        base_url: The vendor's origin, ``https://host[:port]``. A subclass sets the default.
    """

    #: The ways to sign in. Exactly one of these groups of options must be set completely.
    credentials: ClassVar[tuple[tuple[str, ...], ...]] = ()

    base_url: str = option(help="The vendor's origin: https://host[:port].", origin=True)

    def credential_values(self) -> tuple[object, ...]:
        """Return the values that distinguish credentials, so that equal ones share a session."""
        names = {name for group in self.credentials for name in group}
        # Without groups, any option may be a credential.
        names = names or {field.name for field in attrs.fields(type(self))}
        # They decide who receives the credentials; the base URL is part of the account.
        names.update(name for name in origin_names(type(self)) if name != "base_url")
        return tuple(getattr(self, name) for name in sorted(names))

    def secrets(self) -> list[str]:
        """Return the values of all options of type ``Secret``."""
        values = (getattr(self, field.name) for field in attrs.fields(type(self)))
        return [value.reveal() for value in values if isinstance(value, Secret)]


def origin_names(kind: type[Options]) -> list[str]:
    """Return the names of the options that are origins: ``base_url``, and others of the vendor."""
    return [
        field.name
        for field in attrs.fields(kind)
        if field.name == "base_url" or field.metadata.get(_ORIGIN)
    ]


def origins_at(kind: type[Options], url: str) -> dict[str, Any]:
    """Return the options that point every origin of a vendor at one URL, such as an emulator's."""
    return dict.fromkeys(origin_names(kind), url)


def environment_name(provider: str, name: str) -> str:
    """Return the name of an option's environment variable: ``LIVESTREAM_<PROVIDER>_<OPTION>``."""
    return re.sub(r"\W", "_", f"livestream_{provider}_{name}").upper()


def read_options(
    kind: type[Options],
    provider: str,
    given: Mapping[str, Any],
    environ: Mapping[str, str],
    allow_http_hosts: Collection[str] = (),
) -> Options:
    """Read the options of a provider from arguments or from the environment.

    Args:
        kind: The adapter's class of options.
        provider: The provider's name.
        given: The caller's options. If it contains no option other than origins, the others
            are read from the environment. The two sources are never mixed.
        environ: The environment variables.
        allow_http_hosts: The hosts for which plain http is allowed.

    Raises:
        ConfigurationError: If options are missing, invalid, or unknown. The message names them all.
    """
    fields = attrs.fields_dict(kind)
    problems = [
        f"'{name}' is not an option of {provider}{_suggestion(name, fields)}"
        for name in given
        if name not in fields
    ]
    values = {name: value for name, value in given.items() if value is not None}
    origins = origin_names(kind)
    if not set(given).difference(origins):
        for name in fields:
            text = environ.get(environment_name(provider, name))
            if text:
                values.setdefault(name, text)
    types_by_name = _types_of(kind)
    read: dict[str, Any] = {}
    for name, field in fields.items():
        shown = f"{name} ({environment_name(provider, name)})"
        if name not in values:
            if field.default is attrs.NOTHING:
                problems.append(f"{shown} is missing")
            continue
        try:
            read[name] = _converted(values[name], types_by_name[name])
            if name in origins:
                read[name] = read_origin(read[name])
                _check_encrypted(read[name], allow_http_hosts)
            if field.validator is not None:
                field.validator(None, field, read[name])
        except (ValueError, TypeError) as error:
            problems.append(f"{shown} {_masked(str(error), read.get(name))}")
        except (ConfigurationError, InvalidInput) as error:
            problems.append(f"{shown}: {_masked(error.message, read.get(name))}")
    problems += _credential_problems(kind, provider, values)
    if problems:
        # The message of any other problem says what to do.
        is_incomplete = any("missing" in problem for problem in problems)
        hint = "pass the options to connect(), or set their environment variables"
        raise ConfigurationError(
            "; ".join(problems), provider=provider, hint=hint if is_incomplete else None
        )
    return kind(**read)


def _masked(problem: str, value: object) -> str:
    """Return a validator's message, with the value masked if it is secret."""
    return problem.replace(value.reveal(), MASK) if isinstance(value, Secret) else problem


_types: dict[type[Options], dict[str, Any]] = {}


def _types_of(kind: type[Options]) -> dict[str, Any]:
    if kind not in _types:
        _types[kind] = typing.get_type_hints(kind)
    return _types[kind]


def _credential_problems(kind: type[Options], provider: str, given: Mapping[str, Any]) -> list[str]:
    groups = kind.credentials
    if not groups:
        return []

    def shown(names: tuple[str, ...], prefix: str = "") -> str:
        *others, last = (f"{name} ({environment_name(provider, name)})" for name in names)
        return f"{prefix}{', '.join(others)} and {last}" if others else last

    started = [group for group in groups if any(name in given for name in group)]
    if not started:
        choices = [shown(group, "both " if len(group) == 2 else "") for group in groups]
        return [f"missing credentials: set {', or '.join(choices)}"]
    problems = [
        f"{shown(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        for group in started
        if (missing := tuple(name for name in group if name not in given))
    ]
    if len(started) > 1:
        problems.append(f"set either {' or '.join(map(shown, started))}, not both")
    return problems


def _suggestion(name: str, known: Collection[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else f" (its options are {', '.join(known)})"


def _converted(value: Any, kind: Any) -> Any:
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        kind = next(each for each in typing.get_args(kind) if each is not type(None))
    if kind is Secret and isinstance(value, Secret):
        check_text(value.reveal())
        return value
    if kind in (str, Secret):
        if not isinstance(value, str):
            raise TypeError(f"must be a string, not {type(value).__name__}")
        check_text(value)
        return kind(value)
    if kind is bool and isinstance(value, str):
        if value.lower() not in _BOOLEANS:
            raise ValueError(f"must be one of {', '.join(_BOOLEANS)}")
        return _BOOLEANS[value.lower()]
    if kind in (int, float) and isinstance(value, str):
        number = None
        try:
            number = kind(value)
        except ValueError:
            pass
        if number is None:
            raise ValueError("must be a number")
        return number
    if kind is float and type(value) is int:
        return float(value)
    if kind in (int, float, bool) and type(value) is not kind:
        raise TypeError(f"must be {kind.__name__}, not {type(value).__name__}")
    return value


_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


def check_text(value: str) -> None:
    """Check a text that is sent in a header, or that a person copies.

    Raises:
        ValueError: If it is empty, or has characters that are lost or refused on the way.
    """
    if not value.strip():
        raise ValueError("is empty")
    if compiled(_CONTROL).search(value):
        raise ValueError("contains a control character (a line break at the end?)")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            value = ""
        if not value:
            raise ValueError("contains half a surrogate pair, which is not text")
    if value != value.strip():
        raise ValueError("starts or ends with whitespace")


def read_origin(url: str) -> str:
    """Return an origin in its normal form.

    The scheme and the host are in lower case. The default port and a trailing slash are removed.

    Raises:
        ConfigurationError: If the URL is not an origin.
    """
    text = url.strip().rstrip("/")
    parts = None
    try:
        parts = origin_of(text)
    except ValueError:
        pass
    if parts is None or re.search(r"[/?#@\s\\]", text.partition("://")[2]):
        raise ConfigurationError("must be an origin: https://host[:port], without a path")
    name, host, port = parts
    shown_host = f"[{host}]" if ":" in host else host
    default = 443 if name == "https" else 80
    return f"{name}://{shown_host}" + ("" if port == default else f":{port}")


def _check_encrypted(origin: str, allow_http_hosts: Collection[str]) -> None:
    host = unencrypted_host(origin, allow_http_hosts)
    if host is not None:
        raise ConfigurationError(
            f"plain http to {host} would expose your credentials; "
            "use https, or add the host to allow_http_hosts"
        )


def unencrypted_host(url: str, allow_http_hosts: Collection[str]) -> str | None:
    """Return the host of a URL if plain http to it exposes secrets, or ``None``.

    Raises:
        ValueError: If the text is not an http(s) URL with a host.
    """
    name, host, _ = origin_of(url)
    is_exposed = name == "http" and not is_loopback(host) and host not in allow_http_hosts
    return host if is_exposed else None


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine: localhost, 127.0.0.0/8, or ::1."""
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None
