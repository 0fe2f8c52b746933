"""Measures what is asked for, and prints one table."""

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

#: What requests and httpx read from the environment. Both sides are measured without it.
_NETWORK_SETTINGS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures each figure in a process of its own. A target that was missed is marked in the
    table, and is no failure: on a busy machine it says little.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    there_are = figures(peers=given.peers)
    if unknown := [name for name in given.figures if name not in there_are]:
        parser.error(f"no figure {unknown[0]!r}; there are: {', '.join(there_are)}")
    for name in list(os.environ):
        if name in _NETWORK_SETTINGS or name.lower().endswith("_proxy"):
            del os.environ[name]
    size = TINY if given.tiny else FEWER_ROUNDS if given.peers else FULL
    rows: list[Row] = []
    for name in given.figures or there_are:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += measured(name, peers=given.peers, size=size)
    print(table(rows))
    print(f"\n{machine() if given.peers else f'{machine()}; {subject()}'}")
    print(f"one figure alone: python -m benchmarks {'--peers ' if given.peers else ''}FIGURE")
    if given.json is not None:
        found = {"machine": machine(), "rows": [row.to_dict() for row in rows]}
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def figures(*, peers: bool) -> Mapping[str, Figure]:
    """The figures by name: our own, or one for each other SDK."""
    # Imported when it is known which: each has an environment without what the other needs.
    if peers:
        from .peers import PEERS

        return PEERS
    from .figures import FIGURES

    return FIGURES


def measured(name: str, *, peers: bool, size: Size) -> list[Row]:
    """The rows of a figure. One that breaks is shown as broken, and the others go on."""
    try:
        return apart(_measure, name, peers, size)
    except Exception as error:
        return [Row(name, "", trouble=f"{type(error).__name__}: {error}")]


def machine() -> str:
    """What the figures were measured on, as far as it matters for ratios."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python} on {platform.system()}, {os.cpu_count()} cores"


def subject() -> str:
    """Which of the two that may be here was measured."""
    found = find_spec("livestream_core")
    assert found is not None
    from_wheel = "site-packages" in Path(found.origin or "").parts
    return f"livestream_core {'from a wheel' if from_wheel else 'from the checkout'}"


def _measure(name: str, peers: bool, size: Size) -> list[Row]:
    return list(figures(peers=peers)[name](size))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Prints one table of figures."
    )
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help="all, if none is named")
    parser.add_argument("--peers", action="store_true", help="other vendors' SDKs, not ours")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all ratios there too")
    parser.add_argument(
        "--tiny", action="store_true", help="only show that all runs; the figures mean nothing"
    )
    return parser
