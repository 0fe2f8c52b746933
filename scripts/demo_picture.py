"""Draw the output of `livestream demo` as the picture in README.md.

Usage: python scripts/demo_picture.py

The picture shows the output of one provider and the last line. Values that differ between two runs,
such as ports and stream IDs, are replaced; nothing else is.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from html import unescape
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "demo.svg"
COMMAND = "make demo"
PROVIDER = "TPStreams"
WIDTH = 80
#: Shown in place of the ids of streams, in the order in which they appear.
IDS = ("4kQw9ZtLr2X", "b7VxN3mYcHd", "Tj5RgPs8aKe")

_STEP = re.compile(r"^  [a-z ]+? +[a-z]+ +[a-z]+  (\S+)$", re.MULTILINE)
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
#: One run of characters, with the number of the line that it is in.
_DRAWN = re.compile(r'<text [^>]*clip-path="url\(#demo-line-(\d+)\)"[^>]*>(.*?)</text>', re.DOTALL)


def excerpt(printed: Text) -> Text:
    """Return the part of the demo's output that the picture shows."""
    lines = printed.split("\n", allow_blank=True)
    first = next(i for i, line in enumerate(lines) if line.plain.startswith(f"{PROVIDER} at "))
    last = next(i for i in range(first, len(lines)) if not lines[i].plain.strip())
    dots = Text("...", "dim")
    shown = [
        *(Text(f"$ {COMMAND}"), dots, Text()),
        *(lines[first:last]),
        *(Text(), dots, next(line for line in reversed(lines) if line.plain.strip())),
    ]
    for line in shown:
        line.rstrip()
    return masked(Text("\n").join(shown))


def masked(text: Text) -> Text:
    """Replace the values that differ between two runs, without changing the length of the text."""
    plain = re.sub(r"(?<=127\.0\.0\.1:)\d+", "40404", text.plain)
    plain = re.sub(r"\d+\.\d s$", "2.3 s", plain)
    for id, other in zip(dict.fromkeys(_STEP.findall(plain)), IDS, strict=True):
        plain = replaced(plain, id, other)
    text.plain = plain
    return text


def replaced(text: str, id: str, other: str) -> str:
    """Return the text with one ID replaced by another, even if a line break splits it."""

    def laid_out(match: re.Match[str]) -> str:
        characters = iter(other)
        return re.sub(r"\S", lambda _: next(characters), match[0])

    return re.sub(r"\s*".join(map(re.escape, id)), laid_out, text)


def drawn(text: Text) -> str:
    """Return the text as an SVG picture of a terminal, which needs no network."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(text, highlight=False)
    picture = _FONT.sub("", console.export_svg(title=COMMAND, unique_id="demo"))
    return "".join(f"{line.rstrip()}\n" for line in picture.rstrip().splitlines())


def lines_of(picture: str) -> list[str]:
    """Return the lines of text in a picture."""
    runs = ((int(line), unescape(text)) for line, text in _DRAWN.findall(picture))
    return [
        "".join(text for _, text in parts).replace("\N{NO-BREAK SPACE}", " ").rstrip()
        for _, parts in groupby(runs, key=lambda run: run[0])
    ]


def main() -> None:
    """Run the demo and draw its output."""
    environ = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    command = [str(Path(sys.executable).with_name("livestream")), "demo"]
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)  # noqa: S603
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(excerpt(Text.from_ansi(done.stdout))), encoding="utf-8")


if __name__ == "__main__":
    main()
