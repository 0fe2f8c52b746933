"""``livestream.toml``: where it is, whether it can be trusted, and its connections."""

from __future__ import annotations

import difflib
import math
import os
import re
import stat
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import attrs
import click

from ..._contract.options import Options
from ..._model.errors import ConfigurationError
from .credential_options import is_secret

NAME = "livestream.toml"


@attrs.frozen(slots=True)
class ConfigFile:
    """A file that was read. Its repr shows no option values.

    Attributes:
        path: The path of the file.
        connections: The content of each connection, by name.
        others_can_read: Whether other users of the machine can read the file.
        distrusted: Why the file cannot be trusted; ``None`` if it can.
    """

    path: Path
    connections: Mapping[str, Any] = attrs.field(repr=False)
    others_can_read: bool
    distrusted: str | None

    def connection(self, name: str) -> Connection:
        """Return a connection.

        Raises:
            ConfigurationError: If the connection is invalid, or the file cannot be trusted.
        """
        where = f"{self.path}: connection {name!r}"
        if self.distrusted:
            raise ConfigurationError(
                f"{self.path}: {self.distrusted}; it could send your credentials elsewhere",
                hint="make yourself its only user: chown the file, and chmod 600",
            )
        values = self.connections[name]
        if not isinstance(values, dict):
            raise ConfigurationError(f"{where}: must be a table")
        options = dict(values)
        provider = options.pop("provider", None)
        if not isinstance(provider, str) or not provider:
            raise ConfigurationError(
                f"{where}: provider: is missing, or is not text", hint='write provider = "NAME"'
            )
        for key, value in options.items():
            if not _is_option(value):
                raise ConfigurationError(
                    f"{where}: {key}: must be text, a number, true or false, "
                    'or { env = "VARIABLE" }'
                )
        return Connection(self, name, provider, options)


@attrs.frozen(slots=True)
class Connection:
    """A connection in a file. Its repr shows no option values.

    Attributes:
        file: The file.
        name: The connection's name.
        provider: The provider's name.
    """

    file: ConfigFile
    name: str
    provider: str
    _options: Mapping[str, Any] = attrs.field(repr=False)

    @property
    def where(self) -> str:
        """The file and the connection's name, for messages."""
        return f"{self.file.path}: connection {self.name!r}"

    def options(self, kind: type[Options], *, without: Collection[str] = ()) -> dict[str, Any]:
        """Return the options, with environment variables replaced by their values.

        Args:
            kind: The provider's options class.
            without: The names of options to leave out.

        Raises:
            ConfigurationError: If a key is unknown, a variable is not set, or other users can
                read a secret in the file.
        """
        known = [field.name for field in attrs.fields(kind)]
        read: dict[str, Any] = {}
        for key, value in self._options.items():
            if key not in known:
                close = difflib.get_close_matches(key, ["provider", *known], n=1)
                raise ConfigurationError(
                    f"{self.where}: {key}: is not an option of {self.provider}",
                    hint=f"did you mean {close[0]}?"
                    if close
                    else f"its options: {', '.join(known)}",
                )
            if isinstance(value, dict):
                if key not in without:
                    read[key] = self._variable(key, value["env"])
                continue
            if self.file.others_can_read and is_secret(kind, key):
                raise ConfigurationError(
                    f"{self.where}: {key}: is a secret, and other users can read this file",
                    hint='chmod 600 the file, or write { env = "VARIABLE" }',
                )
            if key not in without:
                read[key] = value
        return read

    def _variable(self, key: str, variable: str) -> str:
        value = os.environ.get(variable)
        if not value:
            raise ConfigurationError(
                f"{self.where}: {key}: the environment variable {variable} is not set"
            )
        return value


def files() -> list[Path]:
    """Return the existing files, nearest first.

    They are in the current folder, the folders above it, and the user's configuration folder.
    """
    try:
        here = Path.cwd()
        folders = [here, *here.parents]
    except FileNotFoundError:
        folders = []  # the current folder was removed
    folders.append(Path(click.get_app_dir("livestream")))
    return [path for folder in dict.fromkeys(folders) if (path := folder / NAME).is_file()]


def read(path: Path) -> ConfigFile:
    """Read a file.

    Raises:
        ConfigurationError: If the file cannot be read or is invalid.
    """
    try:
        with path.open("rb") as opened:
            # Of the open file: the path may name another file by now.
            status = os.fstat(opened.fileno())
            data = tomllib.loads(opened.read().decode())
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "is not UTF-8"
    except tomllib.TOMLDecodeError as error:
        # The rest of the message may quote the file's content.
        place = re.search(r"\(at [^()]*\)$", str(error))
        problem = f"is not TOML {place[0] if place else ''}".rstrip()
    except RecursionError:
        problem = "is nested too deeply"
    except ValueError:
        problem = "has a number that is too long"
    else:
        return _checked(path, data, status)
    raise ConfigurationError(f"{path}: {problem}")


def find(name: str) -> ConfigFile:
    """Return the nearest file that has a connection.

    Raises:
        ConfigurationError: If no file has it, or a nearer file cannot be read.
    """
    known: list[str] = []
    for path in files():
        file = read(path)
        if name in file.connections:
            return file
        known += file.connections
    where = "this folder, the folders above it, or " + click.get_app_dir("livestream")
    raise ConfigurationError(
        f"no {NAME} in {where} has a connection {name!r}",
        hint=f"known connections: {', '.join(sorted(set(known))) or 'none'}",
    )


def names() -> list[str]:
    """Return the names of all connections. Files that cannot be read are skipped."""
    found: set[str] = set()
    for path in files():
        try:
            found.update(read(path).connections)
        except ConfigurationError:
            continue
    return sorted(found)


def others_can_read(status: os.stat_result) -> bool:
    """Return whether any user of the machine can read a file. On Windows, always false."""
    return os.name != "nt" and stat.S_ISREG(status.st_mode) and bool(status.st_mode & stat.S_IROTH)


def _checked(path: Path, data: dict[str, Any], status: os.stat_result) -> ConfigFile:
    for key in data:
        if key != "connections":
            raise ConfigurationError(
                f"{path}: {key}: is unknown", hint="put connections under [connections.NAME]"
            )
    connections = data.get("connections", {})
    if not isinstance(connections, dict):
        raise ConfigurationError(f"{path}: connections: must be tables, [connections.NAME]")
    return ConfigFile(path, connections, others_can_read(status), _distrusted(status))


def _distrusted(status: os.stat_result) -> str | None:
    if os.name == "nt":
        return None
    if status.st_mode & stat.S_IWOTH:
        return "other users can write to it"
    user = os.getuid()
    # Root may use any user's file: it can read it anyway.
    if user != 0 and status.st_uid not in (user, 0):
        return "it belongs to another user"
    return None


def _is_option(value: object) -> bool:
    if isinstance(value, dict):
        return list(value) == ["env"] and isinstance(value["env"], str) and bool(value["env"])
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return -(2**63) <= value < 2**63  # the range of TOML integers
    return isinstance(value, str)
