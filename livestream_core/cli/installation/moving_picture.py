"""A moving picture in the demo: what an encoder publishes to an emulator, as viewers get it."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ..._client.connect import connect
from ..._contract.capabilities import Feature
from ..._contract.options import origins_at
from ..._model.errors import LiveStreamError
from ..._model.status import Status
from ..._plugins.registry import registry
from ...emulator import load_emulator
from ...emulator.programs import leashed
from ..media.nginx import missing
from ..media.server import MediaServer
from .installed import Installed

#: The size of a frame in pixels, where one character shows two, and how many are shown.
_WIDTH, _HEIGHT = 24, 16
_FRAMES, _RATE = 15, 5
#: A third of the ball's way apart.
_SIDE_BY_SIDE = (0, 5, 10)
_SHADES = " .:-=+*#%@"
#: How long the picture may take, in seconds from the start.
_PATIENCE = 12.0
_POLL = 0.2
_FFMPEG = ("ffmpeg", "-nostdin", "-loglevel", "fatal", "-y")
#: A ball that crosses the picture every three seconds.
_BALL = "255*max(0,1-hypot(X-W*mod(T/3,1),(Y-H/2)*1.1)/(H*0.6))"
_PICTURE = (
    *("-re", "-f", "lavfi", "-i", f"nullsrc=size=96x64:rate=10,geq=lum='{_BALL}':cb=128:cr=128"),
    *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"),
    *("-g", "10"),
)
_DECODED = (
    *("-vf", f"fps={_RATE},scale={_WIDTH}:{_HEIGHT}", "-frames:v", str(_FRAMES)),
    *("-f", "rawvideo", "-pix_fmt", "gray"),
)


class MovingPicture:
    """The frames that arrive while the demo runs.

    Attributes:
        provider: The name of the provider at whose emulator they are published.
        problem: Why there are none, if that is known.
    """

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.problem: str | None = None
        self._deadline = time.monotonic() + _PATIENCE
        self._frames: list[bytes] = []
        self._is_closed = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, stack: ExitStack) -> None:
        """Publish a picture until the stack is closed, and read what viewers get meanwhile."""
        emulator = load_emulator(self.provider)(boot_seconds=0.0)
        server = MediaServer(lambda line: None)
        server.attach(self.provider, emulator)
        stack.enter_context(server.running())
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="livestream-demo-", ignore_cleanup_errors=True)
            )
        )
        url = stack.enter_context(emulator.serve())
        origins = origins_at(registry.adapter(self.provider).Options, url)
        client = stack.enter_context(connect(self.provider, **origins, **emulator.options()))
        stream = client.create(title="Demo, with a picture")
        stream = client.wait(stream.id, until=Status.READY, timeout=_PATIENCE, poll=_POLL)
        arguments = stream.ingest and stream.ingest.ffmpeg_arguments()
        with (folder / "log").open("wb") as log:
            encoder = leashed(
                *(*_FFMPEG, *_PICTURE, *(arguments or ())), folder=folder, log=log, signal="KILL"
            )
        stack.callback(encoder.communicate)
        self._thread = threading.Thread(
            target=self._read, args=(str(stream.hls_url), folder), daemon=True
        )
        self._thread.start()
        stack.callback(self._thread.join)
        stack.callback(self._is_closed.set)

    def _read(self, url: str, folder: Path) -> None:
        decoded, size = folder / "frames", _WIDTH * _HEIGHT
        while not self._is_closed.wait(_POLL):
            with (folder / "player.log").open("wb") as log:
                player = leashed(
                    *(*_FFMPEG, "-i", url, *_DECODED, decoded),
                    folder=folder,
                    log=log,
                    signal="KILL",
                )
            while player.poll() is None and not self._is_closed.wait(_POLL):
                pass
            player.communicate()
            if player.returncode == 0 and decoded.exists():
                data = decoded.read_bytes()
                self._frames = [data[at : at + size] for at in range(0, len(data), size)]
                return

    def show(self, console: Console) -> None:
        """Print the frames: one after the other on a terminal, else some of them side by side."""
        if self._thread is not None:
            self._thread.join(max(0.0, self._deadline - time.monotonic()))
        if len(self._frames) < _FRAMES:
            problem = self.problem or "it did not arrive in time"
            console.print(Text(f"\nNo moving picture: {problem}", style="dim"))
            return
        console.print(Text(f"\nWhat viewers of a stream at {self.provider} see now", style="bold"))
        if console.file.isatty():
            with Live(console=console, auto_refresh=False) as screen:
                for frame in self._frames:
                    screen.update(Text("\n".join(_lines(frame))), refresh=True)
                    time.sleep(1 / _RATE)
        else:
            for row in zip(*(_lines(self._frames[each]) for each in _SIDE_BY_SIDE), strict=True):
                console.print(Text("  ".join(row)))


def _lines(frame: bytes) -> list[str]:
    """Return a frame in characters, each for a pixel and the one below it."""
    rows = [frame[at : at + _WIDTH] for at in range(0, len(frame), _WIDTH)]
    return [
        "".join(
            _SHADES[(upper + lower) * len(_SHADES) // 512]
            for upper, lower in zip(above, below, strict=True)
        )
        for above, below in zip(rows[::2], rows[1::2], strict=True)
    ]


@contextmanager
def moving_picture(providers: Collection[Installed]) -> Iterator[MovingPicture | None]:
    """Publish a picture at one of the emulators until the end of the block.

    Provides ``None`` if no real media server can stand behind any of them.
    """
    vendors_first = sorted(providers, key=lambda each: each.info.name == "memory")
    chosen = next((each for each in vendors_first if _can_show(each)), None)
    if chosen is None:
        yield None
        return
    picture = MovingPicture(chosen.info.name)
    with ExitStack() as stack:
        if absent := missing():
            picture.problem = f"not installed: {absent}"
        else:
            try:
                picture.begin(stack)
            except LiveStreamError as error:
                picture.problem = error.message
        yield picture


def _can_show(each: Installed) -> bool:
    if each.adapter is None or each.info.emulator is None:
        return False
    capabilities = each.adapter.capabilities
    try:
        is_possible = load_emulator(each.info.name).without_media is None
    except LiveStreamError:  # the demo itself says so
        return False
    return is_possible and capabilities.supports(Feature.CREATE)
