"""One life: a process that makes the streams of some keys, and may be killed or stopped meanwhile."""

from __future__ import annotations

import contextvars
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, Literal

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

import livestream_core as live
from livestream_core import durable
from livestream_core.testing.blocking import LoopThread
from tests.torture.life import End, watched
from tests.torture.points import Places

PROVIDERS = ("tpstreams", "videosdk", "tktchurch", "mux")
# Imported once, in the process from which all lives are forked.
for _name in ("aiohttp", "psycopg", *(f"livestream_{each}.adapter" for each in PROVIDERS)):
    import_module(_name)

#: The longest pause of a task that comes again. It may come before it is asked to.
_PAUSE = 0.2

_CREATES: dict[str, Any] = {"sync": durable.Creates, "async": durable.AsyncCreates}

_METADATA = sa.MetaData()
#: The rows of the application.
LESSONS = sa.Table("lessons", _METADATA, sa.Column("key", sa.String, primary_key=True))


@attrs.frozen(kw_only=True)
class Lesson:
    """A key and the stream that it is to have."""

    key: str
    title: str
    start: datetime | None
    reference: str | None = None
    restream: str | None = None
    unique: bool = False

    @property
    def spec(self) -> live.StreamSpec:
        """The spec of its stream."""
        fields: dict[str, Any] = {"scheduled_start": self.start, "reference": self.reference}
        if self.restream is not None:
            fields["restreams"] = [
                live.RestreamTarget(url="rtmp://elsewhere.example/live", stream_key=self.restream)
            ]
        return live.StreamSpec(title=self.title, **fields)


@attrs.frozen(kw_only=True)
class Job:
    """What a life does.

    Attributes:
        vendor: The provider and the options of its account.
        database: The URL of the database.
        output: The file for its output.
        way: Whether each key is created at once, or intended beside a row and then run, or
            intended and then left to ``resume``.
        runner: The runner of the client.
        threads: The number of keys at a time.
        shift: The seconds by which the clock of this process is moved.
        end: How the life ends early, or ``None``.
    """

    vendor: tuple[str, Mapping[str, Any]]
    database: str
    output: str
    lessons: tuple[Lesson, ...]
    way: Literal["create", "intend", "resume"]
    runner: Literal["sync", "async"]
    threads: int
    settle: float
    lease: float
    baseline_age: float
    retries: int
    shift: float
    end: End | None = None


class Sendings(Places):
    """The places of a durable create: commits, requests, and the bytes of each create."""

    def install(self) -> None:
        """Patch the code; see :meth:`Places.install`."""
        super().install()
        self._is_sending: contextvars.ContextVar[bool] = contextvars.ContextVar("sending")
        self._around(SQLiteDialect_pysqlite, "do_commit", lambda *_: f"commit of {self._what()}")
        self._around_await(live.AiohttpTransport, "send")
        self._mark_sending(live.RequestsTransport, "send")
        sa.event.listen(sa.Engine, "before_cursor_execute", self._note)
        for name in ("send", "sendall"):
            self._in_pieces(name)

    def _sent(self, _transport: Any, method: str, _origin: str, target: str, *_: Any) -> str | None:
        if method == "GET":
            return "reading"
        return None if "/auth/" in target else "sending a create"

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        words = statement.split(maxsplit=3)
        if words and words[0] in ("INSERT", "UPDATE", "DELETE"):
            self._writes(f"{words[0].lower()} {words[1 if words[0] == 'UPDATE' else 2]}")

    def _mark_sending(self, where: Any, name: str) -> None:
        original = getattr(where, name)

        def marked(*args: Any, **values: Any) -> Any:
            token = self._is_sending.set(self._sent(*args) == "sending a create")
            try:
                return original(*args, **values)
            finally:
                self._is_sending.reset(token)

        setattr(where, name, marked)

    def _around_await(self, where: Any, name: str) -> None:
        original = getattr(where, name)

        async def between(*args: Any, **values: Any) -> Any:
            what = self._sent(*args)
            if what is None:
                return await original(*args, **values)
            self.at(f"before {what}")
            token = self._is_sending.set(what == "sending a create")
            try:
                result = await original(*args, **values)
            finally:
                self._is_sending.reset(token)
            self.at(f"after {what}")
            return result

        setattr(where, name, between)

    def _in_pieces(self, name: str) -> None:
        """Send the bytes of a create one piece at a time, with a place around each."""
        original = getattr(socket.socket, name)

        def pieces(sock: socket.socket, data: Any, *flags: Any) -> Any:
            if not self._is_sending.get(False) or sock.family == socket.AF_UNIX:
                return original(sock, data, *flags)
            data = bytes(data)
            ends = sorted({min(1, len(data)), len(data) // 2, max(len(data) - 1, 0), len(data)})
            sent = 0
            for end in ends:
                if end <= sent:
                    continue
                self.at(f"before byte {'last' if end == len(data) else sent} of a create")
                try:
                    count = original(sock, data[sent:end], *flags)
                except BlockingIOError:
                    if not sent:
                        raise
                    return sent
                sent = end if count is None else sent + count
            self.at("after bytes of a create")
            return None if name == "sendall" else sent

        setattr(socket.socket, name, pieces)


def perform(job: Job, channel: Connection) -> None:
    """Make the streams, and send messages about it to the parent process.

    The messages are ``("ended", where)`` right before an early end, and ``("done", outcomes,
    places)``, with an outcome for each key: ``("stream", id)``, ``("needs review", cause)``, or
    ``("raised", error, text)``.
    """
    _move_clock(job.shift)
    with watched(job.output, job.end, channel, Sendings) as (trigger, points):
        with ExitStack() as stack:
            act = _application(job, stack)
            with ThreadPoolExecutor(job.threads) as threads:
                outcomes = dict(
                    zip(
                        [each.key for each in job.lessons],
                        threads.map(act, job.lessons),
                        strict=True,
                    )
                )
        trigger.over(("done", outcomes, points.count))


def _move_clock(shift: float) -> None:
    if shift:
        real = time.time
        time.time = lambda: real() + shift


def _application(job: Job, stack: ExitStack) -> Callable[[Lesson], tuple[str, ...]]:
    """Return the function that makes the stream of a lesson."""
    settings = {"settle": job.settle, "lease": job.lease, "baseline_age": job.baseline_age}
    provider, options = job.vendor
    if job.runner == "sync":
        client: Any = stack.enter_context(live.connect(provider, retries=job.retries, **options))

        def call(result: Any) -> Any:
            return result

    else:
        loop = LoopThread()
        stack.callback(loop.stop)

        async def connected() -> live.AsyncClient:
            return live.connect_async(provider, retries=job.retries, **options)

        client = loop.run(connected())
        stack.callback(lambda: loop.run(client.close()))
        call = loop.run
    creates = _CREATES[job.runner](job.database, **settings)
    engine = application_engine(job.database)
    stack.callback(engine.dispose)

    def act(lesson: Lesson) -> tuple[str, ...]:
        if job.way == "create":
            return _until_known(
                lambda: call(
                    creates.create(client, key=lesson.key, spec=lesson.spec, unique=lesson.unique)
                )
            )
        _add_row(engine, creates, call, lesson)
        run = resume if job.way == "resume" else run_one
        return _until_known(lambda: run(lesson))

    def run_one(lesson: Lesson) -> live.LiveStream:
        stream: live.LiveStream = call(creates.run(client, lesson.key, spec=lesson.spec))
        return stream

    def resume(lesson: Lesson) -> live.LiveStream:
        outcome = call(creates.resume(client)).get(lesson.key)
        if isinstance(outcome, live.LiveStream):
            return outcome
        needs_secrets = lesson.restream is not None and isinstance(outcome, live.InvalidInput)
        if outcome is not None and not needs_secrets:
            raise outcome
        assert needs_secrets or call(creates.status(lesson.key)).state == "created"
        return run_one(lesson)

    return act


def application_engine(database: str) -> sa.Engine:
    """Return an engine of the application's own, with the table of its rows."""
    url = sa.make_url(database)
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(url.set(drivername="postgresql+psycopg"))
    return sa.create_engine(url, connect_args={"timeout": 60})


def create_rows(database: str) -> None:
    """Create the table of the application's rows."""
    engine = application_engine(database)
    _METADATA.create_all(engine)
    engine.dispose()


def _add_row(engine: sa.Engine, creates: Any, call: Callable[[Any], Any], lesson: Lesson) -> None:
    """Add the row of a lesson together with its intent, unless both are there."""
    try:
        with engine.begin() as connection:
            connection.execute(LESSONS.insert().values(key=lesson.key))
            call(
                creates.intend(lesson.key, lesson.spec, connection=connection, unique=lesson.unique)
            )
    except sa.exc.IntegrityError:
        return


def _until_known(act: Callable[[], live.LiveStream]) -> tuple[str, ...]:
    """Come again as a task of a queue does, until the outcome is known."""
    while True:
        try:
            return "stream", act().id
        except durable.NeedsReview as error:
            return "needs review", str(error.cause), str(error)
        except durable.NotSettled as error:
            pause = error.retry_after
        except live.LiveStreamError as error:
            if not error.retryable:
                return "raised", type(error).__name__, str(error)
            pause = _PAUSE
        time.sleep(min(pause, _PAUSE))
