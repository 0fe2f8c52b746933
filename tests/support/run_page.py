"""Follow a page of the documentation as a reader would: every block, from top to bottom.

Usage: python run_page.py PAGE, in an empty folder. Stops at the first block that does not do what
the page says, prints the reason, and exits with code 1.

python   runs; all blocks of a page share their names
text     is what the block of Python before it printed
console  is typed into a shell; what is shown below a command is what it printed
diff     is applied to the files that its lines ``--- PATH`` name; each part, begun by ``@@``,
         stands there once
toml     is read, and so is yaml

A block whose first line is a comment that names a file, ``# school.py``, is saved under that name
and not run: a command or a block further down uses it. In what is shown, ``...`` stands for
anything in a line, and on a line of its own for any number of lines.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import yaml

import postgresql

ROOT = Path(__file__).parents[2]
PATIENCE = 180.0

#: Also matches directives, ``{name}``, so that the end of one is not read as the start of a block.
_BLOCK = re.compile(r"^```(?P<language>\S*)[^\n]*\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE_NAME = re.compile(r"# ([\w-]+\.\w+)\n")
#: A command that serves until it is stopped. It prints environment variables, and then how to stop
#: it.
_SERVES = re.compile(r"livestream sandbox")
#: A database that a page names. Each page gets an empty one.
_DATABASE = re.compile(r"postgresql://[^\s'\"]+")


class Block(NamedTuple):
    """A block of code in a page."""

    language: str
    code: str
    line: int


class Mismatch(Exception):
    """A page does not match what happens."""


def blocks_of(page: Path) -> list[Block]:
    """Return all blocks of code, except Sphinx directives."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(match["language"], match["code"], text.count("\n", 0, match.start()) + 2)
        for match in _BLOCK.finditer(text)
        if not match["language"].startswith("{")
    ]


def file_name(block: Block) -> str | None:
    """Return the file name under which to save a block, or ``None``."""
    match = _FILE_NAME.match(block.code)
    return match[1] if match else None


def is_as_shown(shown: str, printed: str) -> bool:
    """Return whether output matches what a page shows."""
    pattern = "".join(
        r"(?:[^\n]*\n)*?"
        if line.strip() == "..."
        else re.escape(line.rstrip()).replace(re.escape("..."), r"[^\n]*?") + r"[^\n\S]*\n"
        for line in shown.splitlines()
    )
    return re.fullmatch(pattern, printed if printed.endswith("\n") else f"{printed}\n") is not None


class Reader:
    """A reader who follows a page in the current folder."""

    def __init__(self, page: Path) -> None:
        self.page = page
        self.module = sys.modules["page"] = ModuleType("page")
        self.printed = ""
        #: The saved files, with the word that shows that a block uses the file.
        self.unused: dict[str, str] = {}
        self.shell = Shell()

    def follow(self) -> None:
        """Do what the page says.

        Raises:
            Mismatch: If something else happens.
        """
        try:
            for block in blocks_of(self.page):
                self._do(block)
            if self.shell.status:
                raise Mismatch(f"the last command ended with {self.shell.status}")
            if self.unused:
                raise Mismatch(f"nothing uses {', '.join(self.unused)}")
        finally:
            self.shell.close()

    def _do(self, block: Block) -> None:
        self.unused = {name: word for name, word in self.unused.items() if word not in block.code}
        name = file_name(block)
        if name is not None:
            path = Path(name)
            path.write_text(block.code, encoding="utf-8")
            path.chmod(0o600)
            # pytest reads a conftest.py automatically.
            self.unused[name] = "pytest " if path.stem == "conftest" else path.stem
        elif block.language == "python":
            self._run(block)
        elif block.language == "text":
            if not is_as_shown(block.code, self.printed):
                raise Mismatch(f"line {block.line}: this was printed instead:\n{self.printed}")
        elif block.language == "console":
            self.printed = ""
            for command, shown in commands_of(block):
                self.shell.type(command, shown, block.line)
        elif block.language == "diff":
            apply(block, self.shell.folder)
        elif block.language == "toml":
            tomllib.loads(block.code)
        elif block.language == "yaml":
            yaml.safe_load(block.code)
        else:
            raise Mismatch(f"line {block.line}: nothing tries a block of {block.language!r}")

    def _run(self, block: Block) -> None:
        printed = io.StringIO()
        # So that a traceback names the lines of the page.
        code = compile(
            "\n" * (block.line - 1) + block.code, str(self.page), "exec", dont_inherit=True
        )
        try:
            with redirect_stdout(printed), redirect_stderr(printed), self.shell.environment():
                exec(code, self.module.__dict__)
        finally:
            self.printed = printed.getvalue()


def commands_of(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a block, each with the output shown below it."""
    found: list[tuple[str, str]] = []
    for line in block.code.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif not found:
            raise Mismatch(f"line {block.line}: the block does not begin with a command")
        elif found[-1][0].endswith("\\\n"):
            found[-1] = found[-1][0] + line, ""
        else:
            found[-1] = found[-1][0], found[-1][1] + line
    return [(command.strip(), shown) for command, shown in found]


def apply(block: Block, folder: Path) -> None:
    """Apply a diff without line numbers: each part is found by its text."""
    _, *files = re.split(r"^--- (.+)\n", block.code, flags=re.MULTILINE)
    if not files:
        raise Mismatch(f"line {block.line}: the diff names no file")
    for name, parts in zip(files[::2], files[1::2], strict=True):
        path = folder / name
        text = path.read_text(encoding="utf-8")
        for part in parts.split("@@\n")[1:]:
            lines = part.splitlines(keepends=True)
            before = "".join(line[1:] or "\n" for line in lines if not line.startswith("+"))
            after = "".join(line[1:] or "\n" for line in lines if not line.startswith("-"))
            if text.count(before) != 1:
                raise Mismatch(
                    f"line {block.line}: in {name}, this stands {text.count(before)} times:\n"
                    f"{before}"
                )
            text = text.replace(before, after)
        path.write_text(text, encoding="utf-8")


class Shell:
    """A shell, which keeps its environment and its folder between commands."""

    def __init__(self) -> None:
        beside = str(Path(sys.executable).parent)
        self.environ = {
            **os.environ,
            "PATH": os.pathsep.join([beside, os.environ.get("PATH", "")]),
            "COLUMNS": "80",
            "TZ": "Asia/Kolkata",
            "HOME": str(Path.cwd()),
            "XDG_CONFIG_HOME": str(Path.cwd()),
            # Python's cache misses changes within a second, and only a reader is slower than that.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.folder = Path.cwd()
        self.status = 0
        self.served: list[subprocess.Popen[str]] = []
        self.databases: dict[str, str] = {}
        self.server: postgresql.PostgreSQL | None = None
        self.until_the_end = ExitStack()

    def type(self, command: str, shown: str, line: int) -> None:
        """Type a command, and compare its output."""
        if self.status and not command.startswith("echo $?"):
            raise Mismatch(f"line {line}: the command before {command!r} ended with {self.status}")
        if "jq" in command.split() and shutil.which("jq") is None:
            return  # a reader without it cannot continue either
        try:
            command = _DATABASE.sub(lambda found: self._database(found[0]), command)
        except postgresql.NoPostgreSQL:
            return
        checks = [check for start, check in CHECKED.items() if command.startswith(start)]
        if checks:
            checks[0](self, command)
            return
        printed = self._serve(command) if _SERVES.match(command) else self._run(command)
        if shown and not is_as_shown(shown, printed):
            raise Mismatch(f"line {line}: {command!r} printed this instead:\n{printed}")

    def _database(self, named: str) -> str:
        if self.server is None:
            self.server = self.until_the_end.enter_context(postgresql.postgresql())
        if named not in self.databases:
            self.databases[named] = self.server.new_database()
        return self.databases[named]

    def _run(self, command: str) -> str:
        kept = Path(".environment")
        done = subprocess.run(
            ["bash", "-c", f"set -a; (exit {self.status})\n{command}\n{_KEEP}"],
            cwd=self.folder,
            env={**self.environ, "KEPT": str(kept.resolve())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        self.status = done.returncode
        lines = kept.read_text(encoding="utf-8").split("\0")
        self.environ = dict(line.split("=", 1) for line in lines if "=" in line)
        self.folder = Path(self.environ["PWD"])
        kept.unlink()
        if self.status and "Traceback" in done.stdout:
            raise Mismatch(f"{command!r} failed:\n{done.stdout}")
        return done.stdout

    def _serve(self, command: str) -> str:
        """Start the command and set the environment variables that it prints, as a reader would."""
        started = subprocess.Popen(
            shlex.split(command),
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.served.append(started)
        assert started.stdout is not None
        printed = ""
        for line in started.stdout:
            printed += line
            if match := re.match(r"export (\w+)=(.*)", line):
                self.environ[match[1]] = shlex.split(match[2])[0]
            if "Ctrl-C" in line:
                return printed
        raise Mismatch(f"{command!r} ended by itself:\n{printed}")

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Set the shell's environment for Python code that runs in this process."""
        before = dict(os.environ)
        names = {name: value for name, value in self.environ.items() if "LIVESTREAM_" in name}
        os.environ.update(names)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def close(self) -> None:
        """Stop the commands that are still serving."""
        for started in self.served:
            started.terminate()
            started.wait(PATIENCE)
            if started.stdout is not None:
                started.stdout.close()
        self.until_the_end.close()


#: Typed after every command.
_KEEP = 'ended_with=$?; env -0 > "$KEPT"; exit $ended_with'


def _check_make(shell: Shell, command: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    target = shlex.split(command, comments=True)[1]
    if not re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE):
        raise Mismatch(f"there is no target for {command!r}")


def _check_pip(shell: Shell, command: str) -> None:
    for each in shlex.split(command, comments=True)[2:]:
        path, _, extras = each.rstrip("]").partition("[")
        if not path.startswith("."):
            continue
        if (shell.folder / path / "pyproject.toml").exists():
            _install(shell, shell.folder / path)
            continue
        text = (ROOT / path / "pyproject.toml").read_text(encoding="utf-8")
        known = tomllib.loads(text)["project"].get("optional-dependencies", {})
        if lost := {extra for extra in extras.split(",") if extra} - set(known):
            raise Mismatch(f"{path} has no extra {', '.join(lost)}")


def _install(shell: Shell, project: Path) -> None:
    """Install a package that the page wrote, as ``pip install -e`` does, for this shell only.

    Its sources are on the path, with its metadata next to them.
    """
    write = "from setuptools import setup; setup()"
    subprocess.run(
        [sys.executable, "-c", write, "--quiet", "egg_info"],
        cwd=project,
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    paths = [str((project / "src").resolve()), shell.environ.get("PYTHONPATH", "")]
    shell.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)


#: Commands that set something up. They are checked as far as possible, and not run.
CHECKED: dict[str, Callable[[Shell, str], None]] = {
    "make ": _check_make,
    "pip install ": _check_pip,
    "python3 -m venv": lambda _, __: None,
    ". lesson/bin/activate": lambda _, __: None,
    ".ci/": lambda _, __: None,
}


def main(page: Path) -> None:
    """Follow a page."""
    # Some pages use a provider that is deprecated, because it shows what they are about.
    warnings.filterwarnings("ignore", "the provider .* is deprecated", DeprecationWarning)
    reader = Reader(page)
    try:
        reader.follow()
    except Mismatch as problem:
        sys.exit(f"{page.name}, {problem}")
    except Exception:
        traceback.print_exc()
        sys.exit(f"before that, this was printed:\n{reader.printed}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
