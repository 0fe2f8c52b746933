"""A vendor on loopback, in a separate process.

It keeps network connections open and has every response ready, so that only the client's time is
measured. The emulators' server does not fit: it closes every connection and builds each response
again. This file also runs as a program, and needs only the standard library.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping

#: Returns the response for each target (path and query) of an origin, as JSON text.
Answers = Callable[[str], Mapping[str, str]]


@contextlib.contextmanager
def loopback(answers: Answers, delay: float = 0.0) -> Iterator[str]:
    """Serve responses until the end of the block, and return the origin.

    Args:
        answers: Returns the responses. They depend on the origin, because a page has the full URL
            of the next one.
        delay: The seconds that each response takes.
    """
    # Isolated, so that the program starts fast and does not import our modules by mistake.
    command = [sys.executable, "-I", __file__, str(delay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            origin = f"http://127.0.0.1:{port}"
            server.stdin.write(json.dumps(dict(answers(origin))).encode() + b"\n")
            server.stdin.flush()
            server.stdout.readline()
            yield origin
        finally:
            # The process serves until its input ends, so it never outlives this one.
            server.stdin.close()


def main() -> None:
    """Print the port, read the responses, print that the server is ready, and serve."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        print(listening.getsockname()[1], flush=True)
        answers = {
            target.encode(): _answer("200 OK", body.encode())
            for target, body in json.loads(sys.stdin.readline() or "{}").items()
        }
        delay = float(sys.argv[1])
        threading.Thread(target=_accept, args=(listening, answers, delay), daemon=True).start()
        print("ready", flush=True)
        sys.stdin.read()


def _answer(status: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: keep-alive\r\n\r\n"
    )
    return head.encode() + body


def _accept(listening: socket.socket, answers: Mapping[bytes, bytes], delay: float) -> None:
    while True:
        connection, _ = listening.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection, answers, delay), daemon=True).start()


def _serve(connection: socket.socket, answers: Mapping[bytes, bytes], delay: float) -> None:
    """Serve the GET requests of a connection, one after the other."""
    missing = _answer("404 Not Found", b"{}")
    received = b""
    with connection, contextlib.suppress(ConnectionError):
        while True:
            while b"\r\n\r\n" not in received:
                more = connection.recv(65536)
                if not more:
                    return
                received += more
            head, _, received = received.partition(b"\r\n\r\n")
            target = head.split(b" ", 2)[1]
            time.sleep(delay)
            connection.sendall(answers.get(target, missing))


if __name__ == "__main__":
    main()
