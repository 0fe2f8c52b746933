"""Programs that stand behind emulators, such as nginx and ffmpeg: where they are, and their end."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
from pathlib import Path
from typing import IO, Any

#: Where distributions install nginx's dynamic modules.
_MODULES = (Path("/usr/lib/nginx/modules"), Path("/usr/share/nginx/modules"))
#: Systems give connections, and servers that choose none, ports from 32768 or from 49152 on.
_PORTS = range(10_000, 32_000)
#: Runs a program, and ends it when the pipe from the process that started it closes, even if that
#: process was killed.
_LEASH = """
signal="$1" folder="$2"; shift 2
exec 3<&0
"$@" </dev/null 3<&- & program=$!
{ cat >/dev/null; kill -"$signal" $program; } <&3 2>/dev/null & leash=$!
wait $program; ended=$?
kill $leash 2>/dev/null
if [ -n "$folder" ]; then cat <&3 >/dev/null; rm -rf "$folder"; fi
exit $ended
"""


def which(program: str) -> str | None:
    """Return the path of a program. Some are installed where only root looks."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


def rtmp_module() -> Path | None:
    """Return the path of nginx's RTMP module."""
    found = (each / "ngx_rtmp_module.so" for each in _MODULES)
    return next((each for each in found if each.exists()), None)


def free_port() -> int:
    """Return a port of the loopback interface that nothing uses.

    The system gives such a port to no connection, so it is still free a moment later.
    """
    while True:
        try:
            with socket.create_server(("127.0.0.1", secrets.choice(_PORTS))) as taken:
                return int(taken.getsockname()[1])
        except OSError:
            pass  # in use


def listens(*ports: int) -> bool:
    """Return whether something listens on all of these ports of the loopback interface."""
    for port in ports:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
    return True


def leashed(
    *command: str | os.PathLike[str],
    folder: Path,
    log: IO[bytes],
    signal: str = "TERM",
    is_temporary: bool = False,
    **settings: Any,
) -> subprocess.Popen[bytes]:
    """Start a program that gets a signal when this process ends, however that ends.

    Args:
        command: The program and its arguments.
        folder: Its folder, which is its working directory unless ``settings`` has another.
        log: The file for its output.
        signal: The signal that ends it: ``TERM``, ``KILL``, ...
        is_temporary: Whether the folder is removed once this process and the program have ended.
        settings: Other arguments of ``subprocess.Popen``.

    Returns:
        The process. ``communicate()`` sends the signal, and waits until the program has ended.
    """
    return subprocess.Popen(  # noqa: S603 (the commands are those of the callers)
        ["/bin/sh", "-c", _LEASH, "sh", signal, folder if is_temporary else "", *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C is for this process, which then ends the program
        **{"cwd": folder, **settings},
    )
