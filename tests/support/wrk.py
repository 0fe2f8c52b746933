"""wrk, the load generator, which sends requests and writes down how each was answered."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import attrs
import pytest

from livestream_core.emulator.programs import leashed

_SCRIPT = Path(__file__).with_name("deliveries.lua")
#: wrk ends sooner, with the block that runs it.
_DURATION = "1h"

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")


class Post(NamedTuple):
    """A request to send.

    Attributes:
        key: A name for it, without spaces.
        headers: Its headers.
        body: Its body.
    """

    key: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """A response.

    Attributes:
        key: The key of the request.
        status: The status.
    """

    key: str
    status: int


@attrs.frozen
class Wrk:
    """A running wrk."""

    _folder: Path
    _process: subprocess.Popen[bytes]

    def answers(self) -> list[Answer]:
        """Return the responses so far, in the order in which they arrived.

        A request whose connection ended before its response is not sent again.
        """
        *lines, _incomplete = (self._folder / "answers").read_text().split("\n")
        words = (line.split() for line in lines)
        return [Answer(key, int(status)) for key, status in words]

    def has_answers(self, number: int) -> bool:
        """Return whether there are at least this many responses."""
        answers = len(self.answers())
        has_ended = self._process.poll() is not None
        assert answers >= number or not has_ended, (self._folder / "log").read_text()
        return answers >= number


@contextmanager
def wrk(url: str, posts: Sequence[Post], threads: int, folder: Path) -> Iterator[Wrk]:
    """Send requests until the end of the block, each once, in threads with one connection each.

    Args:
        url: The URL to post to.
        posts: The requests. Threads send neighbors at about the same time.
        threads: The number of threads.
        folder: An empty folder.
    """
    for number in range(threads):
        with (folder / f"share-{number + 1}").open("wb") as share:
            for post in posts[number::threads]:
                text = _text(url, post)
                share.write(f"{post.key} {len(text)}\n".encode() + text)
    (folder / "answers").touch()
    command: list[str | Path] = ["wrk", "--duration", _DURATION, "--script", _SCRIPT]
    command += ["--threads", str(threads), "--connections", str(threads), url, "--", folder]
    with (folder / "log").open("wb") as log:
        process = leashed(*command, folder=folder, log=log)
    try:
        yield Wrk(folder, process)
    finally:
        process.communicate()


def _text(url: str, post: Post) -> bytes:
    """Return a request as it is sent."""
    address = urlsplit(url)
    headers = {"Host": address.netloc, **post.headers, "Content-Length": str(len(post.body))}
    lines = [f"POST {address.path} HTTP/1.1", *map(": ".join, headers.items())]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1") + post.body
