"""``livestream.toml``: where it lies, whether it can be trusted, and the connections in it."""

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
    """A file that was read. Its repr shows no value of an option.

    Attributes:
        path: Where it is.
        connections: What it says of each connection, by name.
        others_can_read: Whether other users of the machine can read it.
        distrusted: Why nothing may be sent that it says, if so.
    """

    path: Path
    connections: Mapping[str, Any] = attrs.field(repr=False)
    others_can_read: bool
    distrusted: str | None

    def connection(self, name: str) -> Connection:
        """A connection.

        Raises:
            ConfigurationError: Something in it is wrong, or the file is not to be trusted.
        """
        where = f"{self.path}: connection {name!r}"
        if self.distrusted:
            raise ConfigurationError(
                f"{self.path}: {self.distrusted}; it could send your credentials elsewhere",
                hint="make the file yours alone: chown it, and chmod 600",
            )
        values = self.connections[name]
        if not isinstance(values, dict):
            raise ConfigurationError(f"{where}: must be a table")
        options = dict(values)
        provider = options.pop("provider", None)
        if not isinstance(provider, str) or not provider:
            raise ConfigurationError(
                f"{where}: provider: is missing, or no text", hint='write provider = "NAME"'
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
    """A connection in a file. Its repr shows no value of an option.

    Attributes:
        file: The file.
        name: Its name there.
        provider: The provider's name.
    """

    file: ConfigFile
    name: str
    provider: str
    _options: Mapping[str, Any] = attrs.field(repr=False)

    @property
    def where(self) -> str:
        """File and name, for messages."""
        return f"{self.file.path}: connection {self.name!r}"

    def options(self, kind: type[Options], *, without: Collection[str] = ()) -> dict[str, Any]:
        """The options, with the values of the environment variables that they name.

        Args:
            kind: The provider's class of options.
            without: Names of options that come from elsewhere.

        Raises:
            ConfigurationError: A key is unknown, a variable is not set, or other users can read a
                secret in it.
        """
        known = [field.name for field in attrs.fields(kind)]
        read: dict[str, Any] = {}
        for key, value in self._options.items():
            if key not in known:
                close = difflib.get_close_matches(key, ["provider", *known], n=1)
                raise ConfigurationError(
                    f"{self.where}: {key}: {self.provider} has no such option",
                    hint=f"did you mean {close[0]}?" if close else f"it has {', '.join(known)}",
                )
            if isinstance(value, dict):
                if key not in without:
                    read[key] = self._variable(key, value["env"])
                continue
            if self.file.others_can_read and is_secret(kind, key):
                raise ConfigurationError(
                    f"{self.where}: {key}: is a secret in a file that other users can read",
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
    """The files that there are, the nearest first: in this folder, in those above it, and in the
    user's folder of configurations.
    """
    try:
        here = Path.cwd()
        folders = [here, *here.parents]
    except FileNotFoundError:
        folders = []  # somebody removed the folder that we are in
    folders.append(Path(click.get_app_dir("livestream")))
    return [path for folder in dict.fromkeys(folders) if (path := folder / NAME).is_file()]


def read(path: Path) -> ConfigFile:
    """Reads a file.

    Raises:
        ConfigurationError: It cannot be read, or is not as it should be.
    """
    try:
        with path.open("rb") as opened:
            # Of the file that is read, which need no longer be the one that the path names.
            status = os.fstat(opened.fileno())
            data = tomllib.loads(opened.read().decode())
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "is not UTF-8"
    except tomllib.TOMLDecodeError as error:
        # The rest of the message may quote what stands there.
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
    """The nearest file that has a connection.

    Raises:
        ConfigurationError: None has; or a file that is nearer cannot be read.
    """
    known: list[str] = []
    for path in files():
        file = read(path)
        if name in file.connections:
            return file
        known += file.connections
    where = "this folder, those above it, or " + click.get_app_dir("livestream")
    raise ConfigurationError(
        f"there is no connection {name!r} in a {NAME} of {where}",
        hint=f"known: {', '.join(sorted(set(known))) or 'none'}",
    )


def names() -> list[str]:
    """The names of all connections; files that cannot be read are passed over."""
    found: set[str] = set()
    for path in files():
        try:
            found.update(read(path).connections)
        except ConfigurationError:
            continue
    return sorted(found)


def others_can_read(status: os.stat_result) -> bool:
    """Whether any user of the machine can read a file; unknown, and taken for no, on Windows."""
    return os.name != "nt" and stat.S_ISREG(status.st_mode) and bool(status.st_mode & stat.S_IROTH)


def _checked(path: Path, data: dict[str, Any], status: os.stat_result) -> ConfigFile:
    for key in data:
        if key != "connections":
            raise ConfigurationError(
                f"{path}: {key}: is unknown", hint="connections stand under [connections.NAME]"
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
    # Root may use anybody's file; it could have read it anyway.
    if user != 0 and status.st_uid not in (user, 0):
        return "it belongs to another user"
    return None


def _is_option(value: object) -> bool:
    if isinstance(value, dict):
        return list(value) == ["env"] and isinstance(value["env"], str) and bool(value["env"])
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return -(2**63) <= value < 2**63  # as far as TOML goes
    return isinstance(value, str)
