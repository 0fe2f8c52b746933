"""Reads the JSON samples in a folder of documents as live streams, whichever vendor's they are.

    python examples/read_vendor_payloads.py FOLDER [--json]

Each JSON object in each text file is given to every installed adapter; the one that accepts it
is its vendor. What can be read is shown in the neutral model, and what cannot, with the reason.
Nothing is sent anywhere. The exit code is 1 if no live stream was found.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import attrs

import livestream_core as live
from livestream_core.emulator import load_emulator

STRING = r'"(?:[^"\\\n]|\\.)*"'
# An object whose first name is quoted: JSON, or near to it. Inside a string of source code the
# quotes are escaped.
OBJECT = re.compile(rf'\{{\s*(?:{STRING}\s*:|(?P<escaped>\\"))')
TOKEN = re.compile(rf"{STRING}|[{{}}]")
TRAILING_COMMA = re.compile(rf"({STRING})|,(?=\s*[}}\]])")
# What stands shortly before a sample of a request.
REQUEST = re.compile(r"request body|--data|-d\s*['\"]|\bbody\b|\bpayload\b", re.IGNORECASE)
ERROR_NAMES = {"detail", "error", "errors", "reason"}
A_REQUEST, AN_ERROR = "a request body", "an error body"
#: How deep inside an object streams are looked for.
DEEPEST = 4


@dataclass
class Found:
    """A piece of a document that looks like a JSON object.

    Attributes:
        file: The document.
        line: The line that it begins at.
        payload: The object; ``None`` if it is not JSON.
        problem: Why it is not.
        notes: What was repaired, and what is odd.
        follows_request: Whether the text before it speaks of a request.
    """

    file: str
    line: int
    payload: dict[str, Any] | None = None
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    follows_request: bool = False


def find(file: str, text: str) -> Iterator[Found]:
    """The JSON objects of a document, in fences, indented, bare, or in commands."""
    end = 0
    for match in OBJECT.finditer(text):
        start = match.start()
        if start < end:
            continue  # inside the one before
        found = Found(file, text.count("\n", 0, start) + 1)
        found.follows_request = bool(REQUEST.search(text, max(0, start - 200), start))
        if match["escaped"]:
            # It is source code: a string ends with its line.
            line = text[start:].partition("\n")[0]
            end = start + len(line)
            found.notes.append("it stands in a string; its quotes were unescaped")
            piece = whole_object(line.replace('\\"', '"'), 0)
        else:
            piece = whole_object(text, start)
            end = start + len(piece)
        if piece:
            read(found, piece)
        else:
            found.problem = "no closing brace"
        yield found


def whole_object(text: str, start: int) -> str:
    """The object that begins at ``start``, or nothing; braces in strings do not count."""
    depth = 0
    for match in TOKEN.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return text[start : match.end()]
    return ""


def read(found: Found, text: str) -> None:
    """Reads an object. A comma before a closing bracket is left out, and nothing else mended."""
    repaired = TRAILING_COMMA.sub(lambda match: match[1] or "", text)
    if repaired != text:
        found.notes.append("trailing commas were left out")
    try:
        found.payload = json.loads(repaired)
    except json.JSONDecodeError as error:
        found.problem = f"not JSON: {error.msg} in line {found.line + error.lineno - 1}"
    except RecursionError:
        found.problem = "not JSON: nested too deeply"


def clients(stack: ExitStack) -> dict[str, live.Client]:
    """A client of each installed provider, to read payloads with; it needs no account."""
    connected = {}
    for name in live.providers():
        try:
            # An emulator's options are complete, and nobody's secrets.
            options = load_emulator(name)().options()
            connected[name] = stack.enter_context(live.connect(name, **options))
        except Exception as error:  # one broken adapter stops none of the others
            print(f"{name} is left out: {type(error).__name__}: {error}", file=sys.stderr)
    return connected


def parse(
    payload: Mapping[str, Any], connected: Mapping[str, live.Client]
) -> tuple[list[live.LiveStream], dict[str, str]]:
    """The stream as each provider that accepts the payload reads it, and why the others do not."""
    streams, refusals = [], {}
    for name, client in connected.items():
        try:
            streams.append(client.parse_stream(payload))
        except live.UnexpectedResponse as error:
            refusals[name] = error.message
    return streams, refusals


def streams_in(
    value: Any, connected: Mapping[str, live.Client], path: str = "", depth: int = 0
) -> Iterator[tuple[str, list[live.LiveStream]]]:
    """The outermost objects that somebody accepts, with their paths: lists have streams inside."""
    if isinstance(value, dict) and (streams := parse(value, connected)[0]):
        yield path, streams
    elif isinstance(value, dict) and depth < DEEPEST:
        for name, item in value.items():
            yield from streams_in(item, connected, f"{path}.{name}", depth + 1)
    elif isinstance(value, list) and depth < DEEPEST:
        for index, item in enumerate(value):
            yield from streams_in(item, connected, f"{path}[{index}]", depth + 1)


def kind_of(found: Found) -> str:
    """What an object is that is no stream."""
    payload = found.payload or {}
    texts = all(
        isinstance(value, list) and value and all(isinstance(item, str) for item in value)
        for value in payload.values()
    )
    if payload.keys() & ERROR_NAMES or (payload and texts):
        return AN_ERROR
    return A_REQUEST if found.follows_request else "no live stream"


def odd_hosts(stream: live.LiveStream) -> Iterator[str]:
    """Addresses of four numbers that are no IP addresses: taken as they are, and said."""
    urls = [ingest.url for ingest in stream.ingests]
    urls += [playback.url for playback in stream.playbacks]
    hosts = [re.split(r"[:/?#]", url.partition("://")[2])[0] for url in urls if url]
    for host in dict.fromkeys(hosts):
        if re.fullmatch(r"\d+(\.\d+){3}", host):
            try:
                ip_address(host)
            except ValueError:
                yield f"the host {host} is no valid IP address; it was taken as it is"


def shown(value: Any) -> str:
    """A value of the model in one line, its secrets masked."""
    match value:
        case live.Ingest(url=url, stream_key=key) | live.RestreamTarget(url=url, stream_key=key):
            return f"{shown(url)}  key {key or '-'}"
        case live.Playback():
            return f"{shown(value.url)}  ({value.kind})"
        case live.Recording():
            return f"{value.status}  {shown(value.url)}"
        case live.SecretUrl():
            return repr(value).removeprefix("SecretUrl('").removesuffix("')")
        case datetime():
            return value.isoformat()
        case tuple():
            return "\n".join(map(shown, value))
    return str(value)


def block(stream: live.LiveStream) -> str:
    """A stream in the neutral model: all that its vendor told."""
    lines = []
    for name in attrs.fields_dict(live.LiveStream):
        value = getattr(stream, name)
        if name not in ("provider", "raw") and value not in (None, ()):
            text = shown(value).replace("\n", "\n" + " " * 21)
            lines.append(f"    {name:<16} {text}")
    return "\n".join(lines)


def texts(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Name and text of each file; ``None`` for one that is no text."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            data = path.read_bytes()
            try:
                yield str(name), None if b"\0" in data else data.decode("utf-8-sig")
            except UnicodeDecodeError:
                yield str(name), None


class Printer:
    """Prints what was read as it comes, and at the end what was not; or all of it as JSON lines."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.count = 0
        self.problems: list[str] = []

    def stream(self, found: Found, path: str, stream: live.LiveStream) -> None:
        self.count += 1
        notes = [*found.notes, *odd_hosts(stream)]
        if self.as_json:
            print(
                json.dumps(
                    {
                        "file": found.file,
                        "line": found.line,
                        "path": path,
                        "provider": stream.provider,
                        "notes": notes,
                        "stream": stream.to_dict(),
                    }
                )
            )
            return
        print(f"{found.file}:{found.line}{path and ' ' + path}: {stream.provider}")
        for note in notes:
            print(f"    ({note})")
        print(block(stream), end="\n\n")

    def unread(self, file: str, line: int, kind: str, why: str) -> None:
        if self.as_json:
            print(json.dumps({"file": file, "line": line, "kind": kind, "problem": why}))
        says_all = not why or kind in (A_REQUEST, AN_ERROR)
        self.problems.append(f"{file}:{line}: {kind}" + ("" if says_all else f"\n    {why}"))

    def close(self) -> None:
        if not self.as_json:
            print(f"{self.count} live streams were read.")
            if self.problems:
                print(f"\n{len(self.problems)} pieces were not read as live streams:")
                print("\n".join(self.problems))


def main() -> int:
    """Reads the folder and prints; gives the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is no folder")
    printer = Printer(arguments.json)
    with ExitStack() as stack:
        connected = clients(stack)
        for name, text in texts(arguments.folder):
            if text is None:
                printer.unread(name, 1, "not a text file", "")
                continue
            for found in find(name, text):
                judge(found, connected, printer)
    printer.close()
    return 0 if printer.count else 1


def judge(found: Found, connected: Mapping[str, live.Client], printer: Printer) -> None:
    """Decides whose an object is."""
    if found.payload is None:
        printer.unread(found.file, found.line, "unreadable", found.problem)
        return
    accepted = list(streams_in(found.payload, connected))
    for path, streams in accepted:
        if len(streams) == 1:
            printer.stream(found, path, streams[0])
        else:
            why = f"accepted by {' and '.join(stream.provider for stream in streams)}"
            printer.unread(found.file, found.line, f"ambiguous {path}".strip(), why)
    if not accepted:
        refusals = parse(found.payload, connected)[1]
        why = "; ".join(f"{name}: {reason}" for name, reason in refusals.items())
        printer.unread(found.file, found.line, kind_of(found), why)


if __name__ == "__main__":
    sys.exit(main())
