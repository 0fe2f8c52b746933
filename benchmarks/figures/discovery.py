"""The figure of discovery: many adapters are installed, and one is used."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..fresh import timed_code
from ..measure import Measurement, Size, compare
from ..table import Row, seconds

TARGET = 1.2

_INIT = """\
import livestream_core as live


@live.hookimpl
def livestream_adapters():
    return [live.AdapterInfo(name="{name}", title="{name}", factory="{package}.adapter:Adapter")]
"""
_ADAPTER = """\
import livestream_core as live


class Adapter(live.Adapter):
    name = "{name}"
    capabilities = live.Capabilities(
        operations={{live.Feature.GET: live.Support.NATIVE}}, statuses={{live.Status.LIVE}}
    )

    def get(self, stream_id):
        raise NotImplementedError

    def parse_stream(self, payload):
        raise NotImplementedError

    def sign_in(self, previous, now):
        return live.Session()

    def account_id(self):
        return "account"
"""


def rows(size: Size) -> Iterator[Row]:
    """Yield the time of the first ``connect`` in a process."""
    with tempfile.TemporaryDirectory() as many, tempfile.TemporaryDirectory() as one:
        install(Path(many), range(size.adapters))
        install(Path(one), [size.adapters // 2])
        name = _name(size.adapters // 2)
        measured = compare(_connect(many, name), _connect(one, name), rounds=size.process_rounds)
    yield Row(
        "discovery",
        f"connect() with {size.adapters} adapters installed",
        "connect() with 1 installed",
        seconds(measured.ours),
        seconds(measured.theirs),
        measured,
        TARGET,
    )


def install(folder: Path, numbers: Iterable[int]) -> None:
    """Write installed distributions into a folder, each with one adapter."""
    for number in numbers:
        name = _name(number)
        package = f"livestream_{name}"
        metadata = folder / f"{package}-1.0.dist-info"
        files = {
            folder / package / "__init__.py": _INIT.format(name=name, package=package),
            folder / package / "adapter.py": _ADAPTER.format(name=name),
            metadata
            / "METADATA": f"Metadata-Version: 2.1\nName: livestream-{name}\nVersion: 1.0\n",
            metadata / "entry_points.txt": f"[livestream_core]\n{name} = {package}\n",
            metadata / "INSTALLER": "pip\n",
            metadata / "RECORD": "",
        }
        for path, text in files.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")


def _name(number: int) -> str:
    return f"vendor{number:02}"


def _connect(folder: str, name: str) -> Measurement:
    return timed_code(
        f"client = live.connect({name!r}, base_url='https://vendor.example')",
        before=f"import sys; sys.path.append({folder!r}); import livestream_core as live",
        after=(
            "loaded = {each.partition('.')[0] for each in sys.modules if 'livestream_v' in each}\n"
            f"assert loaded == {{'livestream_{name}'}}, loaded"
        ),
    )
