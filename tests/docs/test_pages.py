"""The documentation is correct: every block of code in it runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

import pytest

import postgresql
import run_page
from livestream_core._contract.options import environment_name
from livestream_core.cli.media.nginx import missing
from livestream_core.emulator import load_emulator
from provider_names import PROJECTS

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("adapters/*/*.md")),
]
#: Examples that ``tests/processes/test_platforms.py`` runs.
TRIED = (ROOT / "examples" / "platform_django", ROOT / "examples" / "platform_fastapi")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@contextmanager
def accounts() -> Iterator[dict[str, str]]:
    """Yield the environment of a user with an account at every vendor."""
    environ: dict[str, str] = {}
    with ExitStack() as served:
        for provider in PROJECTS:
            vendor = load_emulator(provider)(boot_seconds=0.2)
            options = {"base_url": served.enter_context(vendor.serve()), **vendor.options()}
            for name, value in options.items():
                environ[environment_name(provider, name)] = value
        yield environ


@pytest.mark.parametrize("page", [page for page in PAGES if run_page.blocks_of(page)], ids=name_of)
def test_every_block_of_a_page_does_what_the_page_says(page: Path, tmp_path: Path) -> None:
    if "sandbox --media" in page.read_text(encoding="utf-8") and (absent := missing()):
        pytest.skip(f"not installed: {absent}")
    # Other tests cover the same code, and coverage would double the time.
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LIVESTREAM_", "COVERAGE_"))
    }
    # The documents of an adapter assume an account; all other pages start an emulator.
    served: AbstractContextManager[dict[str, str]] = nullcontext({})
    if page.is_relative_to(ROOT / "adapters"):
        served = accounts()
    with served as theirs:
        done = subprocess.run(
            [sys.executable, "-W", "error", str(Path(run_page.__file__)), str(page)],
            cwd=tmp_path,
            env={**ours, **theirs},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=400,  # for the authors' guide, which runs the kit several times
        )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_has_code_where_nothing_tries_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    hidden = re.findall(
        r"^[ \t]+```.*|^~~~.*|^:::.*|^```\{(?:code|code-block|sourcecode)\b.*",
        text,
        re.MULTILINE,
    )
    assert hidden == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_includes_only_examples_that_are_tried(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    included = {
        (page.parent / path).resolve()
        for path in re.findall(r"^```\{literalinclude\} *(.*)", text, re.MULTILINE)
    }
    tried = {path for folder in TRIED for path in folder.rglob("*.py")}
    assert included <= tried


# -- differences are found ------------------------------------------------------------------


def followed(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(Path(run_page.__file__)), str(page)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "text",
    [
        "```python\nassert 1 == 2\n```\n",
        "```python\nprint(1)\n```\n\n```text\n2\n```\n",
        "```console\n$ echo yes\nno\n```\n",
        "```console\n$ false\n$ echo\n```\n",
        "```console\n$ false\n```\n",
        "```python\n# lost.py\nprint(1)\n```\n",
        "```toml\nbroken\n```\n",
        "```yaml\nbroken: [\n```\n",
        "```ruby\nputs 1\n```\n",
        "```console\n$ make nothing-of-the-kind\n```\n",
        '```console\n$ pip install ".[nothing]"\n```\n',
        "```diff\n@@\n+a\n```\n",
        "```diff\n--- lost.txt\n@@\n-a\n+b\n```\n",
        "```console\n$ echo a > a.txt\n```\n```diff\n--- a.txt\n@@\n-b\n```\n",
        "```console\n$ printf 'a\\na\\n' > a.txt\n```\n```diff\n--- a.txt\n@@\n-a\n```\n",
    ],
    ids=[
        "Python fails",
        "something else is printed",
        "a command prints something else",
        "a command fails",
        "the last command fails",
        "a file that nothing uses",
        "not TOML",
        "not YAML",
        "a language that nothing tries",
        "no such target",
        "no such extra",
        "a change of no file",
        "a change of a file that is not there",
        "a change of what is not in the file",
        "a change of what is there twice",
    ],
)
def test_a_page_that_says_what_is_not_so_fails(text: str, tmp_path: Path) -> None:
    done = followed(text, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr


def test_names_and_environment_last_to_the_end_of_a_page(tmp_path: Path) -> None:
    text = (
        "```python\nname = 'LIVESTREAM_X'\n```\n"
        "```console\n$ export LIVESTREAM_X=41\n$ echo $LIVESTREAM_X\n41\n```\n"
        "```python\nimport os\nprint(int(os.environ[name]) + 1)\n```\n"
        "```text\n42\n```\n"
    )
    done = followed(text, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_change_is_made_where_the_shell_is(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.txt").write_text("one\n\ntwo\nthree\n")
    text = (
        "```console\n$ cd inner\n```\n"
        "```diff\n--- a.txt\n@@\n one\n\n-two\n+2\n@@\n three\n+four\n```\n"
        "```console\n$ cat a.txt\none\n\n2\nthree\nfour\n```\n"
    )
    done = followed(text, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("install", "code"), [("", 1), ("$ pip install -e .\n", 0)])
def test_a_package_that_a_page_wrote_is_there_once_it_is_installed(
    install: str, code: int, tmp_path: Path
) -> None:
    text = (
        "```console\n$ livestream new-adapter lantern --yes\n...\n$ cd livestream-lantern\n"
        f"{install}$ livestream doctor -p lantern\n...\n```\n"
    )
    assert followed(text, tmp_path).returncode == code


def test_a_database_that_a_page_names_lasts_to_the_end_of_the_page(tmp_path: Path) -> None:
    try:
        postgresql.programs()
    except postgresql.NoPostgreSQL as reason:
        pytest.skip(str(reason))
    text = (
        "```python\n# ask.py\nimport sys\n\nimport psycopg\n\n"
        "with psycopg.connect(sys.argv[1]) as database:\n"
        "    print(database.execute(sys.argv[2]).rowcount)\n```\n"
        "```console\n"
        "$ python ask.py postgresql://db.example/one 'SELECT 7 INTO made'\n1\n"
        "$ python ask.py postgresql://db.example/one 'SELECT * FROM made'\n1\n"
        "$ python ask.py postgresql://db.example/two 'SELECT 7 INTO made'\n1\n```\n"
    )
    done = followed(text, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a ... c\n", "a b c\n"),
        ("a\n...\nd\n", "a\nb\nc\nd\n"),
        ("a\n...\nb\n", "a\nb\n"),
        ("a\n", "a   \n"),
    ],
)
def test_three_dots_stand_for_what_differs(shown: str, printed: str) -> None:
    assert run_page.is_as_shown(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [("a\n", "b\n"), ("a\n", "a\nb\n"), ("a ... c\n", "a b\nc\n"), ("...\nd\n", "a\nb\n")],
)
def test_a_difference_from_the_shown_output_is_detected(shown: str, printed: str) -> None:
    assert not run_page.is_as_shown(shown, printed)
