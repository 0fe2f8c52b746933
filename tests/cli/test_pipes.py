"""The command line in pipes and scripts: real processes without a terminal."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from acme import AcmeEmulator
from command_line import PATIENCE, environment, install, livestream, reaching, until_asked
from livestream_core.emulator import Fault

pytestmark = pytest.mark.processes

COMMAND = [sys.executable, "-m", "livestream_core.cli"]


@pytest.fixture
def vendor() -> AcmeEmulator:
    return AcmeEmulator(page_size=50)


@pytest.fixture
def environ(vendor: AcmeEmulator, tmp_path: Path) -> Iterator[dict[str, str]]:
    with vendor.serve() as url:
        yield {**install(tmp_path, acme="acme:ACME"), **reaching(url)}


def acme(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command, *rest = arguments
    return livestream(command, "-p", "acme", *rest, environ=environ)


def started(environ: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    command, *rest = arguments
    return subprocess.Popen(
        [*COMMAND, command, "-p", "acme", *rest],
        env=environment(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# -- pipes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_reader_that_has_had_enough_ends_it_quietly(
    vendor: AcmeEmulator, environ: dict[str, str], option: list[str]
) -> None:
    for _ in range(2_000 if not option else 400):
        vendor.add(title="A title that is as long as titles are")  # more than a pipe can buffer
    with started(environ, "list", *option) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(PATIENCE) == 0


def test_a_line_of_json_is_there_before_the_list_is_read_to_its_end(
    vendor: AcmeEmulator, environ: dict[str, str]
) -> None:
    for _ in range(51):
        vendor.add()
    vendor.inject(Fault.delay(5), on="GET *", skip=1)
    with started(environ, "list", "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["id"] == "1"
        assert process.poll() is None
        process.kill()


def test_a_shell_pipeline_gets_one_object_for_each_line(
    vendor: AcmeEmulator, environ: dict[str, str]
) -> None:
    for status in ("on", "over"):
        vendor.add(status=status)
    program = "import json, sys\nfor line in sys.stdin: print(json.loads(line)['status'])"
    done = subprocess.run(
        f"{shlex.join(COMMAND)} list -p acme --json | {shlex.join([sys.executable, '-c', program])}",
        shell=True,
        env=environment(environ),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stdout.split() == ["live", "ended"]


@pytest.mark.parametrize("arguments", [["show", "1"], ["list"], ["doctor"]])
def test_a_pipe_gets_no_colour_and_no_spinner(
    vendor: AcmeEmulator, environ: dict[str, str], arguments: list[str]
) -> None:
    vendor.add(id="1", title="Data science", start="2026-12-05T10:00:00Z", status="on")
    result = acme({**environ, "TERM": "xterm-256color"}, *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


# -- locales without Unicode ------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["show", "1"], ["list"], ["list", "--json"]])
@pytest.mark.parametrize(
    "locale",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
    ids=["C", "C without UTF-8", "ascii"],
)
def test_a_title_is_printed_where_the_locale_has_no_letters_for_it(
    vendor: AcmeEmulator, environ: dict[str, str], arguments: list[str], locale: dict[str, str]
) -> None:
    vendor.add(title="ಡೇಟಾ 😀")
    result = acme({**environ, **locale}, *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    assert "ಡ" in result.stdout or "\\u0ca1" in result.stdout


def test_an_error_is_printed_where_the_locale_has_no_letters_for_it(
    environ: dict[str, str],
) -> None:
    result = acme({**environ, "PYTHONIOENCODING": "ascii"}, "show", "ಡ")
    assert result.returncode == 3
    assert "Traceback" not in result.stderr


# -- signals ------------------------------------------------------------------------------------


def test_a_create_that_is_interrupted_is_5(vendor: AcmeEmulator, environ: dict[str, str]) -> None:
    vendor.inject(Fault.delay(10), on="POST /streams")
    with started(environ, "create", "--title", "T") as process:
        until_asked(vendor, "POST")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 5
    assert "check with `livestream list` before you retry" in errors
    assert "Traceback" not in errors


def test_a_read_that_is_interrupted_is_130(vendor: AcmeEmulator, environ: dict[str, str]) -> None:
    vendor.inject(Fault.delay(10), on="GET *")
    with started(environ, "show", "1") as process:
        until_asked(vendor, "GET")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors.strip()) == (130, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watch_ends_well_at_a_signal(
    vendor: AcmeEmulator, environ: dict[str, str], number: int
) -> None:
    stream = vendor.add(title="T")
    with started(environ, "watch", "--interval", "0.1", "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["status"] == "scheduled"
        stream["status"] = "on"
        assert json.loads(process.stdout.readline())["changed"] == ["status"]
        process.send_signal(number)
        assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 0


# -- cost ---------------------------------------------------------------------------------------


def test_the_help_loads_neither_rich_nor_an_http_library() -> None:
    program = (
        "import sys\nfrom livestream_core.cli import main\nsys.argv = ['livestream', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\nprint('LOADED', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(done.stdout.partition("LOADED")[2].split())
    assert loaded & {"rich", "requests", "pluggy", "werkzeug", "tomllib"} <= {"tomllib"}
