"""A media server that takes its orders from emulators: which keys are valid, and what has ended."""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import attrs
from werkzeug.wrappers import Request, Response

from ..._client import Client
from ..._contract.capabilities import Feature
from ..._model.errors import LiveStreamError, NotFound
from ..._model.status import Status
from ..._model.stream import LiveStream, Recording
from ...emulator import Emulator
from ...emulator.media import Media
from ...emulator.programs import free_port
from ...emulator.serving import serving
from .nginx import Nginx, running
from .recordings import FailedRecording, make_recording

_PREFIX = "livestream-media-"
_POLL_SECONDS = 0.2
#: An upper bound of what encoders send, which a multivariant playlist has to name.
_BANDWIDTH = 8_000_000
_ON_AIR = (Status.LIVE, Status.INTERRUPTED)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@attrs.define(eq=False)
class _Account:
    name: str
    emulator: Emulator
    client: Client
    media: Media


@attrs.define(eq=False)
class _Run:
    """What a stream publishes until the vendor ends its run, and its recording can be made.

    Attributes:
        id: The stream's ID.
        name: nginx's name of the stream, which is its key.
        encoder: nginx's number of the connected encoder, if there is one.
        was_live: Whether the API has shown the stream live.
        is_over: Whether the vendor has ended the run. The encoder may still be connected.
        parts: The recording of each connection, by its number; ``None`` while nginx writes it.
        shown: The playlist file, once viewers find it.
    """

    account: _Account
    id: str
    name: str
    encoder: str | None = None
    was_live: bool = False
    is_over: bool = False
    parts: dict[str, Path | None] = attrs.field(factory=dict)
    shown: Path | None = None


class MediaServer:
    """nginx with its RTMP module, behind the emulators that are attached to it.

    Args:
        say: A function that is called with a line about each event.
        rtmp_port: The port for encoders. 0 chooses a free one.
        http_port: The port for viewers. 0 chooses a free one.
    """

    def __init__(
        self, say: Callable[[str], object], *, rtmp_port: int = 0, http_port: int = 0
    ) -> None:
        self._say = say
        self._rtmp = rtmp_port or free_port()
        self._http = http_port or free_port()
        self._accounts: dict[str, _Account] = {}
        self._runs: dict[tuple[str, str], _Run] = {}
        #: Held while a hook or the watcher works. The emulators' locks are taken inside of it.
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._stack = ExitStack()
        self._folder: Path
        self._nginx: Nginx

    def __str__(self) -> str:
        return (
            f"rtmp://127.0.0.1:{self._rtmp} for encoders, http://127.0.0.1:{self._http} for viewers"
        )

    def attach(self, name: str, emulator: Emulator) -> bool:
        """Make an emulator give out the addresses of this server, if it can.

        Attach all emulators before :meth:`running`, and each before its first request.

        Args:
            name: A name for the account, which becomes a part of the addresses.
            emulator: The emulator.
        """
        if emulator.without_media is not None:
            if name == emulator.provider:  # its other accounts have the same reason
                self._say(f"no media for {name}: {emulator.without_media}")
            return False
        emulator.media = media = Media(
            rtmp_url=f"rtmp://127.0.0.1:{self._rtmp}/{name}",
            http_url=f"http://127.0.0.1:{self._http}/{name}",
        )
        client = self._stack.enter_context(emulator.observe())
        self._accounts[name] = _Account(name, emulator, client, media)
        return True

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the server until the end of the block.

        Raises:
            ConfigurationError: If something is not installed, or a port is in use.
        """
        # Otherwise, other programs could report events in nginx's place.
        token = secrets.token_urlsafe(16)
        with self._stack:
            folder = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
            self._folder = Path(self._stack.enter_context(folder))
            origin = self._stack.enter_context(serving(self._hook, "127.0.0.1", 0))
            self._hooks = {f"/{token}/{name}": each for name, each in self._accounts.items()}
            self._nginx = self._stack.enter_context(
                running(
                    self._folder,
                    {each.name: f"{origin}{path}" for path, each in self._hooks.items()},
                    rtmp=self._rtmp,
                    http=self._http,
                )
            )
            watcher = threading.Thread(target=self._watch, daemon=True)
            watcher.start()
            try:
                yield
            finally:
                self._stopped.set()
                watcher.join()

    # -- what nginx tells -------------------------------------------------------------------

    def _hook(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        account = self._hooks.get(request.path)
        status = 404 if account is None else self._told(account, request)
        return Response(status=status)(environ, start_response)

    def _told(self, account: _Account, request: Request) -> int:
        """Apply an event, and return the HTTP status that admits or refuses an encoder."""
        form = request.form
        name, encoder = form.get("name", ""), form.get("clientid", "")
        with self._lock:
            if form.get("call") == "publish":
                return 200 if self._admit(account, name, encoder) else 403
            run = self._run_of(account, name, encoder)
            if run is None:
                return 200
            if form.get("call") == "record_done":
                run.parts[encoder] = Path(form["path"])
            elif run.encoder == encoder:
                run.encoder = None
                with suppress(ValueError, NotImplementedError):  # the vendor has ended the run
                    account.emulator.drop_encoder(run.id)
                self._say(f"{account.name} {run.id}: the encoder has disconnected")
        return 200

    def _run_of(self, account: _Account, name: str, encoder: str) -> _Run | None:
        run = self._runs.get((account.name, name))
        return run if run is not None and encoder in run.parts else None

    def _admit(self, account: _Account, name: str, encoder: str) -> bool:
        id = _stream_with(account, name)
        if id is None:
            self._say(f"{account.name}: an encoder was refused: the stream key is not valid")
            return False
        try:
            account.emulator.connect_encoder(id)
        except ValueError as refused:
            self._say(f"{account.name} {id}: an encoder was refused: {refused}")
            return False
        run = self._runs.get((account.name, name))
        if run is not None and run.encoder is not None:
            self._nginx.drop(account.name, name)  # the vendor lets the new encoder replace it
            run.encoder = None
        if run is None or run.is_over:
            run = self._runs[account.name, name] = _Run(account, id, name)
        run.encoder = encoder
        run.parts[encoder] = None
        self._say(f"{account.name} {id}: an encoder publishes")
        return True

    # -- what the emulators tell ------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stopped.wait(_POLL_SECONDS):
            for key, run in list(self._runs.items()):
                with self._lock, suppress(LiveStreamError, OSError):  # tried again
                    self._look_after(run)
                    if run.is_over and run.encoder is None and self._runs.get(key) is run:
                        del self._runs[key]

    def _look_after(self, run: _Run) -> None:
        account = run.account
        if run.encoder is not None and not account.emulator.is_published(run.id):
            self._nginx.drop(account.name, run.name)
        if run.is_over:
            return
        stream = _found(account.client, run.id)
        if stream is not None and stream.status in _ON_AIR:
            run.was_live = True
        elif stream is None or run.was_live or run.encoder is None:
            if run.encoder is not None and run.parts[run.encoder] is None:
                self._nginx.stop_recording(account.name, run.name)
            if None not in run.parts.values():
                run.is_over = True
                self._hide(run)
                threading.Thread(target=self._record, args=(run,), daemon=True).start()
            return
        if run.shown is None and run.encoder is not None:
            self._show(run, stream)

    def _show(self, run: _Run, stream: LiveStream) -> None:
        """Let viewers find the stream under the URL that the API returns, if nginx has it."""
        path = self._served(run.account, stream.hls_url)
        if path is not None and self._live(run).joinpath("index.m3u8").exists():
            token = secrets.token_hex(8)
            self._public(run.account, token).symlink_to(self._live(run))
            playlist = f"{self._path(run.account, token)}/index.m3u8"
            _write(path, f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH={_BANDWIDTH}\n{playlist}\n")
            run.shown = path

    def _hide(self, run: _Run) -> None:
        if run.shown is not None:
            run.shown.unlink(missing_ok=True)
        # The folder stays: nginx makes it before it asks whether an encoder is admitted.
        for each in self._live(run).glob("*"):
            each.unlink(missing_ok=True)

    # -- recordings -------------------------------------------------------------------------

    def _record(self, run: _Run) -> None:
        emulator, client = run.account.emulator, run.account.client
        parts = [each for each in run.parts.values() if each is not None and each.exists()]
        about = f"{run.account.name} {run.id}"
        try:
            if not parts or client.get(run.id).record is False:
                return
            kept = emulator.kept_part(run.id)
            token = secrets.token_hex(8)
            folder = self._public(run.account, token)
            folder.mkdir()
            make_recording(parts, folder, self._path(run.account, token), kept)
            # A client that sees the recording finished also finds it.
            with emulator.lock:
                with suppress(ValueError):  # not recorded, or already finished
                    emulator.finish_recording(run.id)
                if self._publish(run, folder):
                    self._say(f"{about}: the recording is ready")
        except (NotFound, NotImplementedError):
            pass  # the stream is gone, or the vendor has no recordings
        except (FailedRecording, LiveStreamError) as error:
            self._say(f"{about}: no recording: {error}")

    def _publish(self, run: _Run, folder: Path) -> bool:
        """Show a recording under the URL that the API returns for it, if there is one."""
        recording = _newest(run.account.client, run.id)
        path = None if recording is None else self._served(run.account, recording.url)
        if path is None:
            return False
        for suffix in (".m3u8", ".mp4"):
            link = path.with_suffix(suffix)
            link.unlink(missing_ok=True)
            link.symlink_to(folder / f"video{suffix}")
        return True

    # -- files ------------------------------------------------------------------------------

    def _live(self, run: _Run) -> Path:
        return self._folder / "live" / run.account.name / run.name

    def _path(self, account: _Account, token: str) -> str:
        return f"/{account.name}/-/{token}"

    def _public(self, account: _Account, token: str) -> Path:
        path = self._folder / "www" / self._path(account, token)[1:]
        path.parent.mkdir(exist_ok=True)
        return path

    def _served(self, account: _Account, url: str | None) -> Path | None:
        """Return the file that is served under a URL, or ``None`` if it is not one of ours."""
        base, text = f"{account.media.http_url}/", (url or "").partition("?")[0]
        if not text.startswith(base):
            return None
        root = self._folder / "www" / account.name
        path = Path(os.path.normpath(root / unquote(text.removeprefix(base))))
        if root not in path.parents:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _stream_with(account: _Account, name: str) -> str | None:
    """Return the ID of the stream to which encoders publish under a name."""
    client = account.client
    lacks_ingests = "ingests" in client.capabilities.list_lacks
    for stream in client.list(on_unreadable="collect", full=lacks_ingests):
        if f"{account.media.rtmp_url}/{name}" in _publish_urls(stream):
            return stream.id
    if client.supports(Feature.CREATE):
        return None
    return name  # this server lets encoders choose their names


def _found(client: Client, id: str) -> LiveStream | None:
    try:
        return client.get(id)
    except NotFound:
        return None


def _publish_urls(stream: LiveStream) -> set[str]:
    urls = (ingest.publish_url for ingest in stream.ingests)
    return {url.reveal() for url in urls if url is not None}


def _newest(client: Client, id: str) -> Recording | None:
    if not client.supports(Feature.RECORDINGS):
        return client.get(id).recording
    return max(client.recordings(id), key=lambda each: each.started_at or _LONG_AGO, default=None)


def _write(path: Path, text: str) -> None:
    """Write a file that is complete as soon as it exists."""
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text(text)
    unfinished.replace(path)
