"""A listener for an SRT publisher, which uses libsrt itself to read the ``streamid``."""

from __future__ import annotations

import ctypes
import ctypes.util
import shutil
import socket
import struct
import subprocess
from collections.abc import Sequence

_PATIENCE = 60
#: The same for ffmpeg: milliseconds for the response, and microseconds for the connection.
_ITS_PATIENCE = ["-connect_timeout", "60000", "-timeout", "60000000"]
_NAMES = ("srt-gnutls", "srt-openssl", "srt")
#: Of enum SRT_SOCKOPT in srt.h.
_PASSPHRASE, _STREAMID, _RECEIVER_KEY_STATE = 26, 46, 41
_SECURED = 2
_LONGEST_STREAMID = 512


class NoSrt(Exception):
    """libsrt, or ffmpeg with libsrt, is not available; the message says why."""


class Srt:
    """libsrt, and ffmpeg to publish to it.

    Raises:
        NoSrt: If they are not available.
    """

    def __init__(self) -> None:
        found = next(filter(None, map(ctypes.util.find_library, _NAMES)), None)
        ffmpeg = shutil.which("ffmpeg")
        if found is None or ffmpeg is None:
            raise NoSrt(f"not installed: {'libsrt' if found is None else 'ffmpeg'}")
        protocols = subprocess.run(
            [ffmpeg, "-hide_banner", "-protocols"], capture_output=True, text=True, check=False
        )
        if "srt" not in protocols.stdout.split():
            raise NoSrt("this ffmpeg was built without libsrt")
        self._ffmpeg = ffmpeg
        self._lib = ctypes.CDLL(found)
        self._lib.srt_startup()
        self._lib.srt_setloglevel(0)

    def received(self, passphrase: str | None, port_of: str, output: Sequence[str]) -> str | None:
        """Publish with ffmpeg, and return the ``streamid`` of the publisher.

        Args:
            passphrase: The passphrase that the publisher must use, if any.
            port_of: The placeholder for the listener's port in the output.
            output: The ffmpeg arguments of the output.

        Returns:
            The ``streamid``, or ``None`` if no publisher was accepted.
        """
        listener = self._lib.srt_create_socket()
        try:
            if passphrase is not None:
                text = passphrase.encode()
                self._must(self._lib.srt_setsockflag(listener, _PASSPHRASE, text, len(text)))
            port = self._listen(listener)
            command = [self._ffmpeg, "-hide_banner", "-loglevel", "quiet"]
            command += ["-f", "lavfi", "-i", "testsrc=size=16x16:rate=5", "-t", "0.4"]
            command += ["-c:v", "mpeg2video"]
            command += _ITS_PATIENCE
            command += [each.replace(port_of, str(port)) for each in output]
            publisher = subprocess.Popen(command, stdin=subprocess.DEVNULL)
            try:
                return self._accepted(listener, publisher, is_encrypted=passphrase is not None)
            finally:
                publisher.kill()
                publisher.wait()
        finally:
            self._lib.srt_close(listener)

    def _accepted(
        self, listener: int, publisher: subprocess.Popen[bytes], *, is_encrypted: bool
    ) -> str | None:
        waiting = (ctypes.c_int * 1)(listener)
        for _ in range(_PATIENCE * 2):
            caller = self._lib.srt_accept_bond(waiting, 1, ctypes.c_int64(500))
            if caller >= 0:
                break
            if publisher.poll() is not None:
                return None
        else:
            raise TimeoutError("neither did ffmpeg come, nor did it end")
        try:
            if is_encrypted:
                state = self._flag(caller, _RECEIVER_KEY_STATE, 4)
                assert int.from_bytes(state, "little") == _SECURED
            return self._flag(caller, _STREAMID, _LONGEST_STREAMID + 1).decode()
        finally:
            self._lib.srt_close(caller)

    def _listen(self, listener: int) -> int:
        address = struct.pack("=H", socket.AF_INET) + bytes(2) + socket.inet_aton("127.0.0.1")
        address += bytes(8)
        self._must(self._lib.srt_bind(listener, address, len(address)))
        named, size = ctypes.create_string_buffer(16), ctypes.c_int(16)
        self._must(self._lib.srt_getsockname(listener, named, ctypes.byref(size)))
        self._must(self._lib.srt_listen(listener, 1))
        return int.from_bytes(named.raw[2:4], "big")

    def _flag(self, caller: int, flag: int, longest: int) -> bytes:
        value, size = ctypes.create_string_buffer(longest), ctypes.c_int(longest)
        self._must(self._lib.srt_getsockflag(caller, flag, value, ctypes.byref(size)))
        return value.raw[: size.value]

    def _must(self, result: int) -> None:
        if result != 0:
            self._lib.srt_getlasterror_str.restype = ctypes.c_char_p
            raise OSError(self._lib.srt_getlasterror_str().decode())
