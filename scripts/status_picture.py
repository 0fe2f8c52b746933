"""Writes the picture of how statuses follow each other into docs/operation-contract.md.

Usage: python scripts/status_picture.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from livestream_core import Status

BEGIN, END = "<!-- statuses: begin -->", "<!-- statuses: end -->"
DOCUMENT = Path(__file__).parents[1] / "docs" / "operation-contract.md"
#: What every status that is not final can become is said in words: the arrows would hide the rest.
EVERYWHERE = (Status.FAILED, Status.UNKNOWN)


def picture() -> str:
    """The picture, in Mermaid's language, and what it leaves out."""
    known = [status for status in Status if status is not Status.UNKNOWN]
    lines = ["```mermaid", "stateDiagram-v2"]
    for status in known:
        lines += [
            f"    {status} --> {following}"
            for following in known
            if status.can_become(following) and following not in EVERYWHERE
        ]
        if status.is_final and status not in EVERYWHERE:
            lines.append(f"    {status} --> [*]")
        elif not status.is_final and not all(map(status.can_become, EVERYWHERE)):
            raise ValueError(f"the sentence below the picture is wrong about {status}")
    lines.append("```")
    words = " or ".join(f"`{each}`" for each in EVERYWHERE)
    lines += [
        "",
        f"Every status that is not final can also become {words}; after `unknown` any may come.",
    ]
    return "\n".join(lines)


def updated(text: str) -> str:
    """The text of the document with the picture as it should be."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{DOCUMENT.name} lacks {BEGIN} or {END}")
    return f"{before}{begin}\n{picture()}\n{end}{after}"


def main() -> None:
    """Brings the document up to date."""
    text = DOCUMENT.read_text(encoding="utf-8")
    if text != (new := updated(text)):
        DOCUMENT.write_text(new, encoding="utf-8")
        sys.stdout.write(f"{DOCUMENT.name} was changed\n")


if __name__ == "__main__":
    main()
