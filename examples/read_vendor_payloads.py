"""Read the JSON samples in a folder of documents as live streams of any installed provider.

    python examples/read_vendor_payloads.py FOLDER [--json]

The program passes each JSON object in each text file to every installed adapter, and takes the one
that accepts it as the provider. It prints each stream in the neutral model, and the reason for each
object that it cannot read. It sends no requests. The exit code is 1 if it finds no live stream.
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
# An object whose first name is quoted: JSON, or something close to it. In a string of source code,
# the quotes are escaped.
OBJECT = re.compile(rf'\{{\s*(?:{STRING}\s*:|(?P<escaped>\\"))')
TOKEN = re.compile(rf"{STRING}|[{{}}]")
TRAILING_COMMA = re.compile(rf"({STRING})|,(?=\s*[}}\]])")
# Text that appears shortly before a sample of a request.
REQUEST = re.compile(r"request body|--data|-d\s*['\"]|\bbody\b|\bpayload\b", re.IGNORECASE)
ERROR_NAMES = {"detail", "error", "errors", "reason"}
A_REQUEST, AN_ERROR = "a request body", "an error body"
#: The maximum depth inside an object at which the program looks for streams.
MAX_DEPTH = 4


@dataclass
class Found:
    """A piece of a document that looks like a JSON object.

    Attributes:
        file: The document.
        line: The number of its first line.
        payload: The object; ``None`` if it is not JSON.
        problem: Why it is not JSON.
        notes: What was repaired or is unusual.
        follows_request: Whether the text before it mentions a request.
    """

    file: str
    line: int
    payload: dict[str, Any] | None = None
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    follows_request: bool = False


def find(file: str, text: str) -> Iterator[Found]:
    """Yield the JSON objects of a document: in fences, indented, bare, or in commands."""
    end = 0
    for match in OBJECT.finditer(text):
        start = match.start()
        if start < end:
            continue  # inside the previous object
        found = Found(file, text.count("\n", 0, start) + 1)
        found.follows_request = bool(REQUEST.search(text, max(0, start - 200), start))
        if match["escaped"]:
            # In source code, the string ends with its line.
            line = text[start:].partition("\n")[0]
            end = start + len(line)
            found.notes.append("unescaped the quotes of a string")
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
    """Return the object that begins at ``start``, or nothing; braces in strings do not count."""
    depth = 0
    for match in TOKEN.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return text[start : match.end()]
    return ""


def read(found: Found, text: str) -> None:
    """Parse an object. Only a comma before a closing bracket is repaired."""
    repaired = TRAILING_COMMA.sub(lambda match: match[1] or "", text)
    if repaired != text:
        found.notes.append("removed trailing commas")
    try:
        found.payload = json.loads(repaired)
    except json.JSONDecodeError as error:
        found.problem = f"not JSON: {error.msg} in line {found.line + error.lineno - 1}"
    except RecursionError:
        found.problem = "not JSON: nested too deeply"


def clients(stack: ExitStack) -> dict[str, live.Client]:
    """Return a client of each installed provider. To parse payloads, they need no account."""
    connected = {}
    for name in live.providers():
        try:
            # An emulator's options are complete, and its secrets are not real.
            options = load_emulator(name)().options()
            connected[name] = stack.enter_context(live.connect(name, **options))
        except Exception as error:  # a broken adapter must not stop the others
            print(f"skipped {name}: {type(error).__name__}: {error}", file=sys.stderr)
    return connected


def parse(
    payload: Mapping[str, Any], connected: Mapping[str, live.Client]
) -> tuple[list[live.LiveStream], dict[str, str]]:
    """Return the stream of each provider that accepts a payload, and why the others refuse it."""
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
    """Yield the outermost objects that an adapter accepts, with their paths."""
    if isinstance(value, dict) and (streams := parse(value, connected)[0]):
        yield path, streams
    elif isinstance(value, dict) and depth < MAX_DEPTH:
        for name, item in value.items():
            yield from streams_in(item, connected, f"{path}.{name}", depth + 1)
    elif isinstance(value, list) and depth < MAX_DEPTH:
        for index, item in enumerate(value):
            yield from streams_in(item, connected, f"{path}[{index}]", depth + 1)


def kind_of(found: Found) -> str:
    """Return what an object is that is not a stream."""
    payload = found.payload or {}
    texts = all(
        isinstance(value, list) and value and all(isinstance(item, str) for item in value)
        for value in payload.values()
    )
    if payload.keys() & ERROR_NAMES or (payload and texts):
        return AN_ERROR
    return A_REQUEST if found.follows_request else "not a live stream"


def odd_hosts(stream: live.LiveStream) -> Iterator[str]:
    """Yield a note for each host of four numbers that is not an IP address."""
    urls = [ingest.url for ingest in stream.ingests]
    urls += [playback.url for playback in stream.playbacks]
    hosts = [re.split(r"[:/?#]", url.partition("://")[2])[0] for url in urls if url]
    for host in dict.fromkeys(hosts):
        if re.fullmatch(r"\d+(\.\d+){3}", host):
            try:
                ip_address(host)
            except ValueError:
                yield f"the host {host} is not a valid IP address; it was kept unchanged"


def shown(value: Any) -> str:
    """Return a value of the model as text, with its secrets masked."""
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
    """Return every known field of a stream, one on each line."""
    lines = []
    for name in attrs.fields_dict(live.LiveStream):
        value = getattr(stream, name)
        if name not in ("provider", "raw") and value not in (None, ()):
            text = shown(value).replace("\n", "\n" + " " * 21)
            lines.append(f"    {name:<16} {text}")
    return "\n".join(lines)


def texts(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the name and text of each file; the text is ``None`` if the file is not text."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            data = path.read_bytes()
            try:
                yield str(name), None if b"\0" in data else data.decode("utf-8-sig")
            except UnicodeDecodeError:
                yield str(name), None


class Printer:
    """Prints each stream at once and the problems at the end, or everything as JSON lines."""

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
        is_obvious = not why or kind in (A_REQUEST, AN_ERROR)
        self.problems.append(f"{file}:{line}: {kind}" + ("" if is_obvious else f"\n    {why}"))

    def close(self) -> None:
        if not self.as_json:
            print(f"live streams: {self.count}")
            if self.problems:
                print(f"\nother objects and files: {len(self.problems)}")
                print("\n".join(self.problems))


def main() -> int:
    """Read the folder, print the results, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is not a folder")
    printer = Printer(arguments.json)
    with ExitStack() as stack:
        connected = clients(stack)
        for name, text in texts(arguments.folder):
            if text is None:
                printer.unread(name, 1, "not a text file", "")
                continue
            for found in find(name, text):
                identify(found, connected, printer)
    printer.close()
    return 0 if printer.count else 1


def identify(found: Found, connected: Mapping[str, live.Client], printer: Printer) -> None:
    """Find the provider of an object, and print the result."""
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
