"""A process ends the sessions that it opened, and no others."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import livestream_core as live
from acme import AcmeEmulator
from livestream_core.emulator import Fault
from redis_server import Redis

SUPPORT = Path(__file__).parents[1] / "support"
#: Seconds. Longer than any step takes on a busy machine.
PATIENCE = 60.0

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork"),
]


def count(emulator: AcmeEmulator, path: str) -> int:
    return sum(each.path == path for each in emulator.requests)


def until(condition: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


@contextmanager
def serving(emulator: AcmeEmulator) -> Iterator[dict[str, str]]:
    """Serve an emulator, and return the environment for processes that use it."""
    search = [str(SUPPORT), *filter(None, sys.path)]
    with emulator.serve() as url:
        yield {**os.environ, "VENDOR_URL": url, "PYTHONPATH": os.pathsep.join(search)}


@pytest.fixture
def served(emulator: AcmeEmulator) -> Iterator[dict[str, str]]:
    emulator.add()
    with serving(emulator) as environment:
        yield environment


def run(environment: dict[str, str], code: str) -> str:
    """Run some code in a separate interpreter, and wait for its exit."""
    done = subprocess.run(
        [sys.executable, "-c", f"import os, sys\nfrom leaving import *\n{code}"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert "sign-out failed" not in done.stderr
    return done.stdout + done.stderr


#: How a process ends, and the number of sessions that it opens.
ENDINGS = {
    "at the last line": ("use()", 1),
    "by sys.exit": ("use(); sys.exit(3)", 1),
    "by an exception": ("use(); raise LookupError('of its own')", 1),
    "by an interrupt": ("use(); raise KeyboardInterrupt", 1),
    "after its client was collected": ("connect().get('1'); import gc; gc.collect()", 1),
    "after many clients were collected": ("for _ in range(9): connect().get('1')", 1),
    "with several accounts": ("for n in 'abc': connect(account_name=n).get('1')", 3),
    "after the thread that signed in": (
        "import threading; t = threading.Thread(target=use); t.start(); t.join()",
        1,
    ),
    "with a thread that still runs": (
        "import threading; threading.Timer(0.3, use).start()",
        1,
    ),
    "after its client was closed": ("with connect() as c: c.get('1')", 1),
    "after close_all": ("use(); live.close_all()", 1),
    "after close_all and more": ("use(); live.close_all(); use(); use()", 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_process_ends_its_sessions_however_it_ends(
    emulator: AcmeEmulator, served: dict[str, str], ending: str
) -> None:
    code, sessions = ENDINGS[ending]
    run(served, code)
    assert (count(emulator, "/login"), count(emulator, "/logout")) == (sessions, sessions)
    assert emulator.tokens == {"good-token"}


# -- children ---------------------------------------------------------------------------------

#: Ways to run a function of :mod:`leaving` in a child process, and to wait for its exit.
FORKS = {
    "os.fork": """
def child(function):
    pid = os.fork()
    if pid == 0:
        function()
        sys.exit(0)
    os.waitpid(pid, 0)
""",
    "multiprocessing": """
import multiprocessing, multiprocessing.util
def child(function):
    process = multiprocessing.get_context("fork").Process(target=function)
    process.start()
    process.join()
""",
    "billiard": """
import billiard, billiard.util
def child(function):
    process = billiard.Process(target=function)
    process.start()
    process.join()
""",
}
OTHERS = {
    method: FORKS["multiprocessing"].replace('"fork"', repr(method))
    for method in ("spawn", "forkserver")
}
POOLS = {
    "multiprocessing": """
import multiprocessing
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.map(use, range(6))
    pool.close()
    pool.join()
""",
    "concurrent.futures": """
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(2) as pool:
    list(pool.map(use, range(6)))
""",
    "billiard": """
import billiard
pool = billiard.Pool(2)
pool.map(use, range(6))
pool.close()
pool.join()
""",
}


def needs(kind: str) -> None:
    if kind == "billiard":
        pytest.importorskip("billiard")


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*FORKS, *OTHERS])
def test_a_child_ends_its_sessions_however_it_ends(
    emulator: AcmeEmulator, served: dict[str, str], kind: str
) -> None:
    needs(kind)
    run(
        served,
        {**FORKS, **OTHERS}[kind] + "\nfor each in use, use_and_fail, use_and_exit: child(each)",
    )
    assert (count(emulator, "/login"), count(emulator, "/logout")) == (3, 3)
    assert emulator.tokens == {"good-token"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORKS)
def test_a_child_does_not_end_the_session_of_its_parent(
    emulator: AcmeEmulator, served: dict[str, str], kind: str
) -> None:
    needs(kind)
    code = f"{FORKS[kind]}\nuse(); child(use); child(use_and_fail); child(lambda: None); use()"
    run({**served, "SIGNS_IN_BEFORE_THE_FORK": "1"}, code)
    assert [each.path for each in emulator.requests] == [
        "/login", *["/streams/1"] * 5, "/logout",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORKS)
def test_parent_and_child_each_end_their_own(
    emulator: AcmeEmulator, served: dict[str, str], kind: str
) -> None:
    needs(kind)
    run(served, f"{FORKS[kind]}\nuse(); child(use_another)")
    opened = ["/login", "/streams/1"]
    assert [each.path for each in emulator.requests] == [*opened * 2, "/logout", "/logout"]
    assert emulator.tokens == {"good-token"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORKS)
def test_a_client_that_was_made_before_the_fork_is_the_childs_own(
    emulator: AcmeEmulator, served: dict[str, str], kind: str
) -> None:
    needs(kind)
    code = f"{FORKS[kind]}\nchild(use); child(use); use(); child(use)"
    run({**served, "CONNECTS_BEFORE_THE_FORK": "1"}, code)
    opened_and_ended = ["/login", "/streams/1", "/logout"]
    assert [each.path for each in emulator.requests] == [
        *opened_and_ended, *opened_and_ended, "/login", *["/streams/1"] * 2, "/logout",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_child_that_replaces_its_parents_session_ends_its_own(
    emulator: AcmeEmulator, served: dict[str, str]
) -> None:
    """The parent's session is refused in the child, so the child opens its own."""
    emulator.inject(Fault.status(401), on="GET *", skip=1)
    run(served, f"{FORKS['os.fork']}\nuse(); child(use); use()")
    assert [each.path for each in emulator.requests] == [
        "/login", "/streams/1", "/streams/1", "/login", "/streams/1", "/logout", "/streams/1", "/logout",
    ]  # fmt: skip
    assert emulator.tokens == {"good-token"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", POOLS)
def test_the_processes_of_a_pool_end_their_sessions(
    emulator: AcmeEmulator, served: dict[str, str], kind: str
) -> None:
    needs(kind)
    printed = run(served, POOLS[kind])
    assert count(emulator, "/login") in (1, 2), printed
    assert emulator.tokens == {"good-token"}


# -- sessions and handlers that are left alone ------------------------------------------------


@pytest.mark.slow
def test_no_signal_handler_is_installed(served: dict[str, str]) -> None:
    code = """
import signal
def handlers(): return {n: signal.getsignal(n) for n in signal.valid_signals()}
before = handlers()
import multiprocessing.util
use(); live.close_all(); use()
assert handlers() == before
assert signal.set_wakeup_fd(-1) == -1
print("the same")
"""
    assert "the same" in run(served, code)


@pytest.mark.slow
def test_with_a_token_store_nothing_is_ended(
    emulator: AcmeEmulator, served: dict[str, str], tmp_path: Path
) -> None:
    store = f"from stores import file_store; store = file_store({str(tmp_path / 'sessions')!r})"
    for _ in range(2):
        run(served, f"{store}\nconnect(token_store=store).get('1'); live.close_all()")
    assert (count(emulator, "/login"), count(emulator, "/logout")) == (1, 0)


@pytest.mark.slow
def test_a_session_that_was_given_is_not_ended(
    emulator: AcmeEmulator, served: dict[str, str]
) -> None:
    run(served, "connect(user=None, password=None, token='good-token').get('1')")
    assert count(emulator, "/logout") == 0


class Hanging(AcmeEmulator):
    """A vendor that does not respond to sign-outs, or only to that of one token."""

    def __init__(self, token: str = "") -> None:
        super().__init__()
        self.add()
        self.token = token
        self.goes_on = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/logout" and self.token in environ["HTTP_AUTHORIZATION"]:
            self.goes_on.wait(4 * PATIENCE)
        return super().__call__(environ, start_response)


#: The second behaves like Python 3.12 and later, which cannot start threads at the exit.
AT_EXIT = ["", "import atexit; atexit.register(forbid_threads)"]


def seconds_to_leave(emulator: Hanging, accounts: int, at_exit: str) -> float:
    code = f"""
from leaving import *
for number in range({accounts}): connect(account_name=str(number)).get("1")
{at_exit}
print("leaving", flush=True)
"""
    with serving(emulator) as environment:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "leaving\n"
        began = time.monotonic()
        process.communicate(timeout=2 * PATIENCE)
        took = time.monotonic() - began
        emulator.goes_on.set()
    return took


@pytest.mark.slow
@pytest.mark.parametrize("at_exit", AT_EXIT)
def test_all_sign_outs_together_take_little_time_though_the_vendor_hangs(at_exit: str) -> None:
    # Five seconds on an idle machine. One after the other, it would take 60.
    assert seconds_to_leave(Hanging(), 12, at_exit) < 30


@pytest.mark.slow
@pytest.mark.parametrize("at_exit", AT_EXIT)
def test_one_sign_out_that_hangs_leaves_time_for_the_others(at_exit: str) -> None:
    emulator = Hanging("token-1")
    ended: set[str] = set()
    logout = emulator.logout

    def noted(request: Any) -> Any:
        if not emulator.goes_on.is_set():
            ended.add(request.headers["Authorization"])
        return logout(request)

    emulator.logout = noted  # type: ignore[method-assign]
    seconds_to_leave(emulator, 3, at_exit)
    assert ended == {"Acme token-3", "Acme token-5"}


# -- servers and queues -----------------------------------------------------------------------


@contextmanager
def gunicorn(environment: dict[str, str], *options: str) -> Iterator[int]:
    """Serve :func:`leaving.application`, yield the port, and stop as a service manager does."""
    pytest.importorskip("gunicorn")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        command = [sys.executable, "-m", "gunicorn", "--bind", f"fd://{number}", *options]
        process = subprocess.Popen(
            [*command, "--preload", "--log-level", "error", "leaving:application"],
            env=environment,
            pass_fds=[number],
        )
        try:
            yield listener.getsockname()[1]
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()


def fetch(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/")
    answer = connection.getresponse()
    body = answer.read().decode()
    assert answer.status == 200, body
    connection.close()
    return body


@pytest.mark.slow
def test_thirty_restarts_of_gunicorns_worker_leave_no_session(
    emulator: AcmeEmulator, served: dict[str, str]
) -> None:
    environment = {**served, "CONNECTS_BEFORE_THE_FORK": "1"}
    with gunicorn(environment, "--workers", "1", "--max-requests", "1") as port:
        workers = {fetch(port) for _ in range(30)}
        until(lambda: len(emulator.tokens) <= 2)
    assert len(workers) == 30
    assert count(emulator, "/login") == 30
    assert emulator.tokens == {"good-token"}


@pytest.mark.slow
def test_gunicorns_workers_share_the_session_of_their_master_which_ends_it(
    emulator: AcmeEmulator, served: dict[str, str]
) -> None:
    environment = {**served, "SIGNS_IN_BEFORE_THE_FORK": "1"}
    with gunicorn(environment, "--workers", "2", "--max-requests", "1") as port:
        assert len({fetch(port) for _ in range(4)}) == 4
        assert count(emulator, "/logout") == 0
    assert (count(emulator, "/login"), count(emulator, "/logout")) == (1, 1)


@pytest.mark.slow
def test_thirty_restarts_of_celerys_pool_leave_at_most_one_session(
    emulator: AcmeEmulator, redis: Redis
) -> None:
    pytest.importorskip("celery")
    from queue_worker import celery_worker

    emulator.add()
    with (
        emulator.serve() as url,
        celery_worker(
            redis, 6, pool="prefork", results="json", concurrency=6, tasks_per_child=1
        ) as app,
    ):
        sent = [app.send_task("queue_tasks.read_and_stay", (url,)) for _ in range(30)]
        processes = {each.get(timeout=PATIENCE) for each in sent}
        until(lambda: len(emulator.tokens) <= 2)
    assert len(processes) == 30
    assert count(emulator, "/login") == 30


# -- within a process -------------------------------------------------------------------------


def test_clients_stay_usable_after_close_all(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    with emulator.connect() as one, emulator.connect(account_name="two") as two:
        for expected in (2, 4, 6):
            assert one.get(stream["id"]).id == two.get(stream["id"]).id == stream["id"]
            assert count(emulator, "/login") == expected
            live.close_all()
            assert count(emulator, "/logout") == expected
            assert emulator.tokens == {"good-token"}
        live.close_all()
    assert count(emulator, "/logout") == 6


def test_a_session_whose_client_was_collected_is_taken_up_by_the_next(
    emulator: AcmeEmulator,
) -> None:
    stream = emulator.add()
    for _ in range(30):
        emulator.connect().get(stream["id"])
    with emulator.connect() as client:
        client.get(stream["id"])
    assert (count(emulator, "/login"), count(emulator, "/logout")) == (1, 1)


def test_close_all_says_nothing_of_one_that_fails(
    emulator: AcmeEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    stream = emulator.add()
    emulator.inject(Fault.drop_before(), on="*/logout", times=9)
    with emulator.connect(retries=0) as client:
        client.get(stream["id"])
        live.close_all()
    assert "sign-out failed: ConnectionFailed" in caplog.text
