"""Docstrings, messages, and pages are in plain English: they use none of the words listed here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: The files and folders to check, as patterns below the root.
CHECKED = (
    "README.md",
    "CONTRIBUTING.md",
    "RELEASING.md",
    "SECURITY.md",
    "livestream_core_pytest.py",
    "livestream_core",
    "adapters",
    "benchmarks",
    "docs",
    "examples",
    "scripts",
)
#: Within these, what is not checked: text that quotes earlier wording, and test code.
EXEMPT = ("docs/decisions", "adapters/*/tests", "examples/adapters/*/tests")
#: Other files are not text, or not written by hand.
SUFFIXES = (".py", ".md", ".html", "-tpl")

#: A pattern for each word to avoid, with the words to use instead. Spaces match line breaks too.
WORDS = {
    r"anew": "again",
    r"besides": "also, other, or except",
    r"by (?:it|them)sel(?:f|ves)": "automatically, or separate",
    r"carried out": "applied",
    r"for ever": "indefinitely",
    r"nobody": "no one, or the missing actor",
    r"(?<!, )so many": "N, or a number of",  # ", so many threads can ..." is good English
    r"somebody": "the actor",
    r"whoever": "the actor",
    # "There is no stream" and "is no longer" are good English.
    r"(?<!there )is no(?! longer\b| more than\b)(?= [a-z])": "is not a",
}
AVOIDED = re.compile("|".join(rf"\b{word}\b" for word in WORDS).replace(" ", r"\s"), re.IGNORECASE)

Place = tuple[int, str]


def avoided_in_text(text: str) -> Iterator[Place]:
    """Yield the line and the word of each word to avoid."""
    for found in AVOIDED.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, " ".join(found[0].split())


def avoided_in_source(source: str) -> Iterator[Place]:
    """Yield the line and the word of each word to avoid in the strings of a Python module."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            first, last = node.lineno, node.end_lineno or node.lineno
            for offset, word in avoided_in_text(node.value):
                # Only a string over several lines has the same lines as its value.
                is_as_written = node.value.count("\n") == last - first
                yield first + offset - 1 if is_as_written else _line_of(word, lines, node), word


def _line_of(word: str, lines: list[str], node: ast.Constant) -> int:
    span = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    first = re.compile(rf"\b{word.split()[0]}\b")
    return next((number for number in span if first.search(lines[number - 1])), node.lineno)


def avoided_in_file(path: Path) -> list[str]:
    """Return ``FILE:LINE: WORD`` for each word to avoid in a file."""
    text = path.read_text(encoding="utf-8")
    places = avoided_in_source(text) if path.suffix == ".py" else avoided_in_text(text)
    return [f"{path}:{line}: {word}" for line, word in sorted(places)]


def checked_files(root: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files to check below a root."""
    exempt = {path for pattern in EXEMPT for path in root.glob(pattern)}
    for pattern in patterns:
        for found in root.glob(pattern):
            for path in sorted(found.rglob("*")) if found.is_dir() else [found]:
                is_exempt = not exempt.isdisjoint(path.parents)
                if path.is_file() and path.name.endswith(SUFFIXES) and not is_exempt:
                    yield path


@pytest.mark.slow
@pytest.mark.parametrize("pattern", CHECKED)
def test_the_texts_use_no_word_to_avoid(pattern: str) -> None:
    files = list(checked_files(ROOT, (pattern,)))
    assert files != []
    assert [place for path in files for place in avoided_in_file(path)] == []


# -- the check itself -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Nobody knows.", [(1, "Nobody")]),
        ("One.\nIt starts by\nitself.", [(2, "by itself")]),
        ("They start by themselves.", [(1, "by themselves")]),
        ("It is no stream.", [(1, "is no")]),
        ("what it holds besides", [(1, "besides")]),
        ("carried out anew and so many times, for ever", [(1, "carried out"), (1, "anew"),
                                                       (1, "so many"), (1, "for ever")]),
        ("whoever\nsomebody", [(1, "whoever"), (2, "somebody")]),
        ("one session, so many threads", []),
        ("There is no stream, and it is no longer live. It has no more than one.", []),
        ("If there\nis no stream, the answer is no: a sinew, and anybody beside it.", []),
    ],
)  # fmt: skip
def test_a_word_to_avoid_is_found_with_its_line(text: str, found: list[Place]) -> None:
    assert list(avoided_in_text(text)) == found


def test_docstrings_messages_and_their_parts_are_checked_but_code_is_not() -> None:
    source = '''\
"""Say what
somebody did.
"""

nobody = 1  # anew


def fail(name: str) -> None:
    """Raise it anew."""
    raise ValueError(
        "the change was "
        f"carried out by {name}, which is no stream\\n"
        "besides"
    )
'''
    assert sorted(avoided_in_source(source)) == [
        (2, "somebody"),
        (9, "anew"),
        (12, "carried out"),
        (12, "is no"),
        (13, "besides"),
    ]


def test_a_finding_names_the_file_the_line_and_the_word(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "page.md"
    template = tmp_path / "docs" / "adapter.py-tpl"
    quoted = tmp_path / "docs" / "decisions" / "0001.md"
    for path in (page, template, quoted):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# Title\n\nNobody knows.\n")
    (tmp_path / "docs" / "picture.svg").write_text("nobody")
    found = [each for path in checked_files(tmp_path, ("docs",)) for each in avoided_in_file(path)]
    assert found == [f"{template}:3: Nobody", f"{page}:3: Nobody"]
