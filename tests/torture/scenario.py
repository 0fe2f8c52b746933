"""What happens in a run, all of it from its seed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import attrs

from livestream_core.emulator import Emulator, Fault, Response

from .life import End, start_of
from .vendors import PROVIDERS, Look


class Kind(StrEnum):
    """How a migration is harmed."""

    AT_A_PLACE = "killed at a place"
    AT_A_MOMENT = "killed at a moment"
    BY_THE_VENDOR = "its vendors fail"
    TOGETHER = "two at once"
    STOPPED = "stopped past its lease"


#: In every ten seeds.
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
#: More places than a run without trouble passes.
_PLACES = 90
#: Fewer than the engine's tries of one stream: with more, a person would have to look at it.
_TROUBLES = 5
_SETTLE = 0.6
#: Longer than a lease of those that share a ledger.
_LONG_SETTLE = 1.8

#: What is carried out late is there so many seconds before the settling time is over.
_IN_TIME = 0.4

#: What may go wrong with a create. How late is said by the scenario.
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
#: The same, and the process dies at that very moment.
FATAL: dict[str, Fault] = {
    "fatal before": Fault.status(500),
    "fatal after": Fault.edited(lambda data, emulator: None),
    "fatal, late": Fault.late_commit(1.0),
}
#: The vendor takes longer over it than the settling time, and then does it. Only a lease tells
#: others that they must not look yet.
HELD = "held"
ON_READS: dict[str, Fault] = {
    "429": Fault.status(429, headers={"Retry-After": "0"}),
    "500": Fault.status(500),
    "cut": Fault.cut_body(),
    "dropped": Fault.drop_before(),
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
    """A fault at a create: the same one in whatever order the workers come.

    Attributes:
        name: Which.
        stream: What is created: a stream of the scenario, by its place there.
        nth: How often it was asked for.
    """

    name: str
    stream: int
    nth: int

    def __str__(self) -> str:
        return f"{self.name} at create {self.nth} of stream {self.stream}"


@attrs.frozen
class OnRead:
    """A fault at a request that reads.

    Attributes:
        name: Which.
        skip: How many requests pass before.
    """

    name: str
    skip: int

    def __str__(self) -> str:
        return f"{self.name} at read {self.skip + 1}"


@attrs.frozen(kw_only=True)
class Scenario:
    """One run.

    Attributes:
        shared: Whether the ledger is in PostgreSQL.
        streams: What the source has that is to be moved.
        kept_back: Titles of what it has that is not.
        decoys: What the target has already.
        strangers: What appears there meanwhile, after so many seconds.
        ends: What becomes of each life, one after the other.
        pause: For how many seconds a process is stopped; ``None`` until another has done it all.
        apart: By how many seconds the second of two begins later.
        skew: How far the target's clock is ahead, in seconds.
    """

    seed: int
    kind: Kind
    shared: bool
    source: str
    target: str
    streams: tuple[Look, ...]
    kept_back: tuple[str, ...]
    decoys: tuple[Look, ...]
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

    @classmethod
    def of(cls, seed: int) -> Scenario:
        """The run of a seed."""
        chance = random.Random(seed)
        turn, at = divmod(seed, len(_TURNS))
        kind = _TURNS[at]
        shared = _is_shared(kind, turn, at)
        source, target = _PAIRS[seed % len(_PAIRS)]
        streams = _streams(chance, source)
        ends = _ends(chance, kind, turn, at)
        # With one worker nothing in the database is locked while it stands still.
        outlived = any(end.how == "stopped" and end.where for end in ends)
        left = _TROUBLES - len(ends)
        # Only where no process dies: of a dead one's create nobody knows that it is held.
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
        )

    @property
    def transform(self) -> bool:
        """Whether a transform has to give a start."""
        return self.source == "videosdk" and self.target == "tpstreams"

    def expected(self, look: Look) -> Look:
        """What a stream of the source is at the target."""
        title, start = look
        if self.target == "videosdk":
            return title, None
        return title, start_of(title) if self.transform else start

    @property
    def latest(self) -> float:
        """In how many seconds a create is carried out at the latest."""
        named = [each.name for each in self.on_creates if each.name != HELD]
        return max((self._fault(name).seconds for name in named), default=0.0)

    def fault(self, look: Look, nth: int, kill: Callable[[], None]) -> Fault | None:
        """What goes wrong when something is to be created for the ``nth`` time.

        Args:
            look: What is to be created.
            nth: How often it was asked for.
            kill: Ends the process that asks.
        """
        for each in self.on_creates:
            if each.nth == nth and self.expected(self.streams[each.stream]) == look:
                if each.name == HELD:
                    time.sleep(self.settle + _IN_TIME)
                    return None
                fault = self._fault(each.name)
                return _deadly(fault, kill) if each.name in FATAL else fault
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
        parts += [f"{len(self.streams)} streams", f"{self.workers} workers"]
        return ", ".join(parts)


def _when(end: End) -> str:
    if end.after is not None:
        return f"after {end.after:.2f} s"
    return end.where or f"at place {end.at}"


def _deadly(fault: Fault, kill: Callable[[], None]) -> Fault:
    answer = fault.response
    if answer is not None:

        def last() -> Response:
            kill()
            return answer()

        return attrs.evolve(fault, response=last)

    def edit(_data: object, _emulator: Emulator) -> None:
        kill()

    return attrs.evolve(fault, edit=edit)


# -- what a seed means ----------------------------------------------------------------------


def _is_shared(kind: Kind, turn: int, at: int) -> bool:
    if kind is Kind.STOPPED:
        return turn % 4 != 3
    # Half of what a vendor does, and one in five of what is killed.
    return kind is Kind.TOGETHER or (kind is Kind.BY_THE_VENDOR and at == 7) or at == 6


def _streams(chance: random.Random, source: str) -> tuple[Look, ...]:
    began = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=2)
    titles = chance.sample(_TITLES, chance.randint(2, 4))
    streams: list[Look] = []
    for _ in range(chance.randint(6, 12)):
        # Few titles and few starts: some are equal in both, some in one of the two.
        start = began + timedelta(seconds=chance.choice((0, 0, 0, 30, 3600, 86400)))
        streams.append((chance.choice(titles), None if source == "videosdk" else start))
    return tuple(streams)


def _decoys(chance: random.Random, streams: tuple[Look, ...]) -> tuple[Look, ...]:
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
        # Between an intent and its request: all depends on who looks at the time, and when.
        where = ("after commit of hold+intend", "before sending a create")[turn % 4]
        return End(how="stopped", where=where)
    if chance.random() < 0.3:
        return End(how="stopped", after=chance.uniform(0.05, 0.5))
    return End(how="stopped", at=_place(turn, at))


def _place(turn: int, at: int) -> int:
    """Each kind comes to every place, one seed after the other."""
    same = [number for number, kind in enumerate(_TURNS) if kind is _TURNS[at]]
    ordinal = turn * len(same) + same.index(at)
    # A kind that has few seeds takes steps: 7 has no divisor in common with the places.
    return 1 + (ordinal if len(same) > 1 else 7 * ordinal) % _PLACES


def _on_creates(
    chance: random.Random, kind: Kind, streams: tuple[Look, ...], left: int, *, holds: bool
) -> tuple[OnCreate, ...]:
    least, most = {Kind.BY_THE_VENDOR: (2, 4), Kind.TOGETHER: (1, 3)}.get(kind, (0, 1))
    names = list(ON_CREATES)
    special = [HELD] if holds else list(FATAL) if most > 1 else names
    found: list[OnCreate] = []
    for _ in range(chance.randint(least, min(most, left))):
        # Often several times in a row for the same stream.
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
