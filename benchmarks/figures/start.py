"""The figures of importing the library and of a first call."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..fresh import run, timed_code
from ..loopback import loopback
from ..measure import Size, compare, timed
from ..providers import TPSTREAMS
from ..table import Row, seconds

IMPORT_TARGET = 0.75
READY_TARGET = 1.6

#: Every public name except the clients. The first use of a name may load a module.
TOUCH = """\
import livestream_core
for name in livestream_core.__all__:
    if name not in ("Client", "AsyncClient"):
        getattr(livestream_core, name)
"""
BARE = "import requests"


def rows(size: Size) -> Iterator[Row]:
    """Yield times in new interpreters, without the interpreters' own start."""
    yield _row(
        size,
        "import livestream_core, every name but the clients",
        TOUCH,
        BARE,
        BARE,
        IMPORT_TARGET,
    )
    whole = compare(timed(lambda: run(TOUCH)), timed(lambda: run(BARE)), rounds=size.process_rounds)
    yield Row(
        "import",
        "the same, as a whole process",
        "python -c 'import requests'",
        seconds(whole.ours),
        seconds(whole.theirs),
        whole,
    )
    yield _row(size, "import livestream_core, nothing more", "import livestream_core", BARE, BARE)
    yield _ready(size)


def _ready(size: Size) -> Row:
    stream = TPSTREAMS.one(2)
    path = TPSTREAMS.path.format(id=stream["id"])
    with loopback(lambda _: {path: json.dumps(stream)}) as origin:
        ours = f"""\
import livestream_core
client = livestream_core.connect("tpstreams", base_url={origin!r}, **{dict(TPSTREAMS.options)!r})
stream = client.get({stream["id"]!r})
"""
        theirs = f"""\
import requests
session = requests.Session()
session.headers["Authorization"] = {TPSTREAMS.authorization!r}
stream = session.get({origin + path!r}).json()
"""
        return _row(
            size,
            "import, connect() and a first get",
            ours,
            theirs,
            "import requests, Session() and a first get",
            READY_TARGET,
            after=f"assert {stream['id']!r} in (getattr(stream, 'id', None) or stream['id'])",
        )


def _row(
    size: Size,
    what: str,
    ours: str,
    theirs: str,
    beside: str,
    target: float | None = None,
    *,
    after: str = "",
) -> Row:
    measured = compare(
        timed_code(ours, after=after), timed_code(theirs, after=after), rounds=size.process_rounds
    )
    return Row(
        "import", what, beside, seconds(measured.ours), seconds(measured.theirs), measured, target
    )
