"""The scenario of a run, which its seed determines completely."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import attrs

from livestream_core.emulator import Emulator, Fault, Response

from .life import End, start_of
from .vendors import PROVIDERS, Asks, Content


class Kind(StrEnum):
    """How a migration is disturbed."""

    AT_A_PLACE = "killed at a place"
    AT_A_MOMENT = "killed at a moment"
    BY_THE_VENDOR = "its vendors fail"
    TOGETHER = "two at once"
    STOPPED = "stopped past its lease"


#: The kinds of every ten seeds.
_TURNS = (
    Kind.AT_A_PLACE,
    Kind.BY_THE_VENDOR,
    Kind.AT_A_PLACE,
    Kind.TOGETHER,
    Kind.AT_A_PLACE,
    Kind.AT_A_MOMENT,
    Kind.AT_A_PLACE,
    Kind.BY_THE_VENDOR,
    Kind.AT_A_PLACE,
    Kind.STOPPED,
)
_PAIRS = [(one, other) for one in PROVIDERS for other in PROVIDERS]
#: More places than an undisturbed run reaches.
_PLACES = 90
#: Fewer than the engine's attempts for one stream. With more, the stream would need review.
_TROUBLES = 5
_SETTLE = 0.6
#: Longer than a lease of workers that share a ledger.
_LONG_SETTLE = 1.8

#: Late creates are applied this many seconds before the settle time is over.
_IN_TIME = 0.4

#: The faults of creates. The scenario determines the delay of late ones.
ON_CREATES: dict[str, Fault] = {
    "429": Fault.status(429, headers={"Retry-After": "0"}),
    "500": Fault.status(500),
    "502": Fault.html(502),
    "504": Fault.status(504),
    "a portal's page": Fault.html(200),
    "cut": Fault.cut_body(),
    "dropped after": Fault.drop_after(),
    "dropped before": Fault.drop_before(),
    "late": Fault.late_commit(1.0),
    "late 500": Fault.late_commit(0.5, status=500),
    "slow": Fault.delay(0.1),
    "without an id": Fault.missing_field("id"),
}
#: The same, but the process is also killed at that moment.
FATAL: dict[str, Fault] = {
    "fatal before": Fault.status(500),
    "fatal after": Fault.edited(lambda data, emulator: None),
    "fatal, late": Fault.late_commit(1.0),
}
#: The vendor applies the create, but only after the settle time. Only a lease shows other workers
#: that they must still wait.
HELD = "held"
ON_READS: dict[str, Fault] = {
    "429": Fault.status(429, headers={"Retry-After": "0"}),
    "500": Fault.status(500),
    "cut": Fault.cut_body(),
    "dropped": Fault.drop_before(),
}

#: The faults of deletes. None is the last: what could not be deleted is tried again.
ON_DELETES: dict[str, Fault] = {
    "500": Fault.status(500),
    "dropped after": Fault.drop_after(),
    "dropped before": Fault.drop_before(),
}

_TITLES = (
    "Algebra",
    "Ćwiczenia z fizyki",
    "Sunday service",
    "Sunday  service",
    "Q&A: <live>",
    "数学の授業",
    "Pokój 'A' / \"B\"",
    "Vespers",
)


@attrs.frozen
class OnCreate:
    """A fault at a create, which does not depend on the order of the workers.

    Attributes:
        name: The name of the fault.
        stream: The index of the stream to create, in the scenario.
        nth: The number of the attempt, from 1.
    """

    name: str
    stream: int
    nth: int

    def __str__(self) -> str:
        return f"{self.name} at create {self.nth} of stream {self.stream}"


@attrs.frozen
class OnRead:
    """A fault at a read.

    Attributes:
        name: The name of the fault.
        skip: The number of requests before the faulty one.
    """

    name: str
    skip: int

    def __str__(self) -> str:
        return f"{self.name} at read {self.skip + 1}"


class After(StrEnum):
    """What is done once the migration is complete."""

    RETIRE = "retire"
    ROLL_BACK = "rollback"
    #: The same streams are moved with another ledger, which is then rolled back.
    SECOND_LEDGER = "second ledger"


@attrs.frozen(kw_only=True)
class Afterwards:
    """What is done once the migration is complete, and how it is disturbed.

    Attributes:
        what: What is done.
        ends: How each life ends, in order.
        on_deletes: The faults of deletes.
        adopted: Whether streams are deleted, too, that were adopted without a mark.
        prepared: Whether streams are retired, too, that are only prepared.
        switched: Every stream with this index, or a multiple of it, is said to be in use.
        most: The maximum number of streams that one call retires.
        skip_existing: Whether the second ledger skips what is already at the target.
    """

    what: After
    ends: tuple[End, ...] = ()
    on_deletes: tuple[OnRead, ...] = ()
    adopted: bool = False
    prepared: bool = False
    switched: int = 1
    most: int = 99
    skip_existing: bool = False

    def __str__(self) -> str:
        flags = ("adopted", "prepared", "skip_existing")
        parts = [f"then {self.what}", *(name for name in flags if getattr(self, name))]
        parts += [f"{end.how} {_when(end)}" for end in self.ends]
        parts += [f"delete's {each}" for each in self.on_deletes]
        return " ".join(parts)


@attrs.frozen(kw_only=True)
class Scenario:
    """The scenario of one run.

    Attributes:
        shared: Whether the ledger is in PostgreSQL.
        streams: The streams of the source that can be migrated.
        kept_back: The titles of the streams of the source that cannot.
        decoys: The streams that the target already has.
        strangers: The streams that others create there meanwhile, each with a delay in seconds.
        ends: How each life ends, in order.
        pause: The seconds for which a process is stopped; ``None`` until another is complete.
        apart: The seconds between the starts of two lives.
        skew: The seconds by which the target's clock is ahead.
        gone: The indexes of streams that others delete at the source meanwhile, each with a delay
            in seconds.
        source_asks: When the source asks to wait.
        target_asks: When the target asks to wait.
        afterwards: What is done once the migration is complete, if anything.
    """

    seed: int
    kind: Kind
    shared: bool
    source: str
    target: str
    streams: tuple[Content, ...]
    kept_back: tuple[str, ...]
    decoys: tuple[Content, ...]
    strangers: tuple[tuple[float, str], ...]
    on_creates: tuple[OnCreate, ...]
    on_lists: tuple[OnRead, ...]
    on_source: tuple[OnRead, ...]
    ends: tuple[End, ...]
    workers: int
    lease: float
    pause: float | None
    apart: float
    retries: int
    mark: bool
    skew: float
    settle: float
    gone: tuple[tuple[float, int], ...] = ()
    source_asks: tuple[Asks, ...] = ()
    target_asks: tuple[Asks, ...] = ()
    afterwards: Afterwards | None = None

    @classmethod
    def of(cls, seed: int) -> Scenario:
        """Return the scenario of a seed."""
        chance = random.Random(seed)
        turn, at = divmod(seed, len(_TURNS))
        kind = _TURNS[at]
        shared = _is_shared(kind, turn, at)
        source, target = _PAIRS[seed % len(_PAIRS)]
        streams = _streams(chance, source)
        ends = _ends(chance, kind, turn, at)
        # A single worker has no locks in the database while it is stopped.
        outlived = any(end.how == "stopped" and end.where for end in ends)
        left = _TROUBLES - len(ends)
        # Only if no process is killed: nothing shows that a dead process's create is held.
        holds = not ends and turn % 2 == 1
        lease = 1.0 if (shared and not holds) or kind is Kind.STOPPED else 5.0
        settle = _LONG_SETTLE if lease == 1.0 and chance.random() < 0.3 else _SETTLE
        on_creates = _on_creates(chance, kind, streams, left, holds=holds)
        left -= len(on_creates)
        on_lists = _on_reads(chance, left)
        return cls(
            seed=seed,
            kind=kind,
            shared=shared,
            source=source,
            target=target,
            streams=streams,
            kept_back=() if source == "videosdk" else ("Without a start",),
            decoys=_decoys(chance, streams),
            strangers=tuple(
                (chance.uniform(0.0, 0.6), f"Stranger {number}")
                for number in range(chance.choice((0, 0, 1, 3)))
            ),
            on_creates=on_creates,
            on_lists=on_lists,
            on_source=_on_reads(chance, left - len(on_lists)),
            ends=ends,
            workers=1 if outlived else chance.choice((1, 1, 2, 4)),
            lease=lease,
            pause=None if outlived else lease * 1.3,
            apart=chance.choice((0.0, 0.3)),
            retries=chance.choice((0, 0, 1, 2)),
            mark=target == "tktchurch" and chance.random() < 0.3,
            skew=chance.choice((0.0, 0.0, -200.0, 200.0)),
            settle=settle,
            gone=_gone(chance, len(streams)),
            source_asks=_asks(chance, kind),
            target_asks=_asks(chance, kind),
            afterwards=_afterwards(chance, seed, shared=shared),
        )

    @property
    def transform(self) -> bool:
        """Whether a transform must set a start."""
        return self.source == "videosdk" and self.target == "tpstreams"

    def expected(self, content: Content) -> Content:
        """Return what a stream of the source becomes at the target."""
        title, start = content
        if self.target == "videosdk":
            return title, None
        return title, start_of(title) if self.transform else start

    @property
    def latest(self) -> float:
        """The maximum seconds until a create is applied."""
        named = [each.name for each in self.on_creates if each.name != HELD]
        return max((self._fault(name).seconds for name in named), default=0.0)

    def fault(self, content: Content, nth: int, kill: Callable[[], None]) -> Fault | None:
        """Return the fault of the ``nth`` attempt to create a stream.

        Args:
            content: The stream to create.
            nth: The number of the attempt, from 1.
            kill: Kills the process that sends the request.
        """
        for each in self.on_creates:
            if each.nth == nth and self.expected(self.streams[each.stream]) == content:
                if each.name == HELD:
                    time.sleep(self.settle + _IN_TIME)
                    return None
                fault = self._fault(each.name)
                return deadly(fault, kill) if each.name in FATAL else fault
        return None

    def _fault(self, name: str) -> Fault:
        fault = {**ON_CREATES, **FATAL}[name]
        if "late" not in name:
            return fault
        return attrs.evolve(fault, seconds=fault.seconds * (self.settle - _IN_TIME))

    def __str__(self) -> str:
        where = "PostgreSQL" if self.shared else "SQLite"
        parts = [f"{self.source} to {self.target}", where, str(self.kind)]
        parts += [f"{end.how} {_when(end)}" for end in self.ends]
        parts += map(str, self.on_creates)
        parts += [f"target's {each}" for each in self.on_lists]
        parts += [f"source's {each}" for each in self.on_source]
        parts += [f"source {each}" for each in self.source_asks]
        parts += [f"target {each}" for each in self.target_asks]
        parts += [f"stream {index} gone after {after:.1f} s" for after, index in self.gone]
        parts += [] if self.afterwards is None else [str(self.afterwards)]
        parts += [f"{len(self.streams)} streams", f"{self.workers} workers"]
        return ", ".join(parts)


def _when(end: End) -> str:
    if end.after is not None:
        return f"after {end.after:.2f} s"
    return end.where or f"at place {end.at}"


def deadly(fault: Fault, kill: Callable[[], None]) -> Fault:
    """Return a fault whose response is preceded by a kill."""
    answer = fault.response
    if answer is not None:

        def last() -> Response:
            kill()
            return answer()

        return attrs.evolve(fault, response=last)

    def edit(_data: object, _emulator: Emulator) -> None:
        kill()

    return attrs.evolve(fault, edit=edit)


# -- from a seed to a scenario --------------------------------------------------------------


def _is_shared(kind: Kind, turn: int, at: int) -> bool:
    if kind is Kind.STOPPED:
        return turn % 4 != 3
    # Half of the seeds whose vendors fail, and one in five of those that are killed.
    return kind is Kind.TOGETHER or (kind is Kind.BY_THE_VENDOR and at == 7) or at == 6


def _streams(chance: random.Random, source: str) -> tuple[Content, ...]:
    began = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=2)
    titles = chance.sample(_TITLES, chance.randint(2, 4))
    streams: list[Content] = []
    for _ in range(chance.randint(6, 12)):
        # Few titles and starts, so that some streams share both, and some only one of them.
        start = began + timedelta(seconds=chance.choice((0, 0, 0, 30, 3600, 86400)))
        streams.append((chance.choice(titles), None if source == "videosdk" else start))
    return tuple(streams)


def _decoys(chance: random.Random, streams: tuple[Content, ...]) -> tuple[Content, ...]:
    soon = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=3)
    equal = chance.sample(streams, chance.randint(0, 2))
    others = [("Somebody's own", soon) for _ in range(chance.randint(0, 12))]
    return tuple((title, start or soon) for title, start in [*equal, *others])


def _ends(chance: random.Random, kind: Kind, turn: int, at: int) -> tuple[End, ...]:
    if kind is Kind.BY_THE_VENDOR:
        return ()
    if kind is Kind.AT_A_MOMENT:
        return tuple(End(after=chance.uniform(0.02, 0.7)) for _ in range(chance.randint(1, 3)))
    if kind is Kind.STOPPED:
        return (_stop(chance, turn, at),)
    if kind is Kind.TOGETHER:
        return (End(at=_place(turn, at)),) if turn % 2 == 0 else ()
    first = End(at=_place(turn, at))
    return (first, *(End(at=chance.randint(1, 30)) for _ in range(chance.choice((0, 0, 1, 2)))))


def _stop(chance: random.Random, turn: int, at: int) -> End:
    if turn % 4 < 2:
        # Between an intent and its request, where the lease must be checked at the right moment.
        where = ("after commit of hold+intend", "before sending a create")[turn % 4]
        return End(how="stopped", where=where)
    if chance.random() < 0.3:
        return End(how="stopped", after=chance.uniform(0.05, 0.5))
    return End(how="stopped", at=_place(turn, at))


def _place(turn: int, at: int) -> int:
    """Return the place of a seed. The seeds of each kind go through all places in order."""
    same = [number for number, kind in enumerate(_TURNS) if kind is _TURNS[at]]
    ordinal = turn * len(same) + same.index(at)
    # A kind with few seeds skips places: 7 has no common divisor with the number of places.
    return 1 + (ordinal if len(same) > 1 else 7 * ordinal) % _PLACES


def _on_creates(
    chance: random.Random, kind: Kind, streams: tuple[Content, ...], left: int, *, holds: bool
) -> tuple[OnCreate, ...]:
    least, most = {Kind.BY_THE_VENDOR: (2, 4), Kind.TOGETHER: (1, 3)}.get(kind, (0, 1))
    names = list(ON_CREATES)
    special = [HELD] if holds else list(FATAL) if most > 1 else names
    found: list[OnCreate] = []
    for _ in range(chance.randint(least, min(most, left))):
        # Often several faults in a row for the same stream.
        again = found and chance.random() < 0.6
        stream = found[-1].stream if again else chance.randrange(len(streams))
        nth = 1 + sum(streams[each.stream] == streams[stream] for each in found)
        found.append(
            OnCreate(chance.choice(special if chance.random() < 0.4 else names), stream, nth)
        )
    return tuple(found)


def _on_reads(chance: random.Random, left: int) -> tuple[OnRead, ...]:
    if left < 1 or chance.random() < 0.7:
        return ()
    return (OnRead(chance.choice(sorted(ON_READS)), chance.randint(0, 6)),)


def _gone(chance: random.Random, streams: int) -> tuple[tuple[float, int], ...]:
    if chance.random() < 0.8:
        return ()
    found = chance.sample(range(streams), chance.choice((1, 1, 2)))
    return tuple((chance.uniform(0.1, 1.5), index) for index in found)


def _asks(chance: random.Random, kind: Kind) -> tuple[Asks, ...]:
    # A wait is no failure, so it is not one of the troubles of a stream.
    several = kind in (Kind.TOGETHER, Kind.STOPPED)
    return tuple(
        Asks(
            chance.randint(0, 30),
            chance.uniform(0.3, 1.2),
            chance.choice((429, 429, 503)),
            # Another process needs some time until it sees the wait in the ledger.
            refuses_all=several or chance.random() < 0.5,
        )
        for _ in range(chance.choice((0, 0, 0, 0, 1, 1, 2)))
    )


def _afterwards(chance: random.Random, seed: int, *, shared: bool) -> Afterwards | None:
    what = chance.choice((None, None, None, After.RETIRE, After.ROLL_BACK, After.SECOND_LEDGER))
    if what is None or (what is After.SECOND_LEDGER and shared):
        return None  # only files know their neighbors
    deletes = chance.choice(("before sending a delete", "after sending a delete", None))
    ends = [End(where=deletes) if deletes else End(at=1 + 7 * seed % 40)]
    return Afterwards(
        what=what,
        ends=tuple(ends * chance.choice((0, 1, 1, 2))),
        on_deletes=tuple(
            OnRead(chance.choice(sorted(ON_DELETES)), chance.randint(0, 4))
            for _ in range(chance.choice((0, 0, 1, 2)))
        ),
        adopted=chance.random() < 0.5,
        prepared=chance.random() < 0.5,
        switched=chance.choice((1, 2, 3)),
        most=chance.choice((2, 4, 99)),
        skip_existing=chance.random() < 0.3,
    )
