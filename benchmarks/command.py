"""The command: measures the requested figures and prints one table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from .measure import FEWER_ROUNDS, FULL, TINY, Size, apart
from .table import Row, table

Figure = Callable[[Size], Iterator[Row]]

#: The variables that requests and httpx read. Both sides are measured without them.
_NETWORK_SETTINGS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each figure in a separate process, and print the table.

    The table marks a missed target, but it is not a failure: on a busy machine it means little.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    available = figures(peers=options.peers)
    if unknown := [name for name in options.figures if name not in available]:
        parser.error(f"unknown figure {unknown[0]!r}; available: {', '.join(available)}")
    for name in list(os.environ):
        if name in _NETWORK_SETTINGS or name.lower().endswith("_proxy"):
            del os.environ[name]
    size = TINY if options.tiny else FEWER_ROUNDS if options.peers else FULL
    rows: list[Row] = []
    for name in options.figures or available:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += measured(name, peers=options.peers, size=size)
    print(table(rows))
    print(f"\n{machine() if options.peers else f'{machine()}; {subject()}'}")
    print(
        f"to measure one figure: python -m benchmarks {'--peers ' if options.peers else ''}FIGURE"
    )
    if options.json is not None:
        found = {"machine": machine(), "rows": [row.to_dict() for row in rows]}
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def figures(*, peers: bool) -> Mapping[str, Figure]:
    """Return the figures by name: those of the library, or one for each peer SDK."""
    # Imported on demand, because each environment lacks the packages of the other.
    if peers:
        from .peers import PEERS

        return PEERS
    from .figures import FIGURES

    return FIGURES


def measured(name: str, *, peers: bool, size: Size) -> list[Row]:
    """Return the rows of a figure, or a row with the error if the measurement fails."""
    try:
        return apart(_measure, name, peers, size)
    except Exception as error:
        return [Row(name, "", trouble=f"{type(error).__name__}: {error}")]


def machine() -> str:
    """Return a description of the machine, as far as it matters for ratios."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python} on {platform.system()}, {os.cpu_count()} cores"


def subject() -> str:
    """Return whether the library was measured from a wheel or from the checkout."""
    found = find_spec("livestream_core")
    assert found is not None
    from_wheel = "site-packages" in Path(found.origin or "").parts
    return f"livestream_core {'from a wheel' if from_wheel else 'from the checkout'}"


def _measure(name: str, peers: bool, size: Size) -> list[Row]:
    return list(figures(peers=peers)[name](size))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure figures and print one table."
    )
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help="defaults to all figures")
    parser.add_argument("--peers", action="store_true", help="measure other vendors' SDKs instead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all ratios to a file")
    parser.add_argument(
        "--tiny",
        action="store_true",
        help="only check that everything runs; the figures mean nothing",
    )
    return parser
