"""The scenario of a run, which its seed determines completely."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

import attrs

from livestream_core.emulator import Fault
from tests.torture.life import End
from tests.torture.scenario import FATAL, ON_CREATES, ON_READS, Kind, OnRead, deadly
from tests.torture.vendors import Content

from .life import PROVIDERS, Lesson

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
    Kind.TOGETHER,
    Kind.STOPPED,
)
#: About as many places as an undisturbed life reaches.
_PLACES = 70
#: Fewer than the creates of one key that may be sent. With more, the key would need review.
_TROUBLES = 3
_SETTLE = 0.8
#: Late creates are applied this many seconds before the settle time is over.
_IN_TIME = 0.4
#: The start of the titles of streams whose start the vendor sets.
NOW = "Now: "
_TITLES = ("Algebra", "Ćwiczenia z fizyki", "Sunday  service", "Q&A: <live>", "数学の授業")


@attrs.frozen
class OnCreate:
    """A fault at the ``nth`` create of a stream with a title."""

    name: str
    title: str
    nth: int

    def __str__(self) -> str:
        return f"{self.name} at create {self.nth} of {self.title!r}"


@attrs.frozen(kw_only=True)
class Scenario:
    """The scenario of one run.

    Attributes:
        shared: Whether the database is in PostgreSQL.
        lessons: The keys and their streams. Several may have equal streams.
        decoys: The equal streams that the account already has.
        strangers: The streams that others create meanwhile, each with a delay in seconds.
        ends: How each life ends, in order.
        pause: The seconds for which a process is stopped; ``None`` until another is complete.
        apart: The seconds between the starts of two lives.
        skew: The seconds by which the vendor's clock is ahead.
        shifts: The seconds by which the clocks of the lives' processes are moved, in order.
    """

    seed: int
    kind: Kind
    shared: bool
    provider: str
    lessons: tuple[Lesson, ...]
    decoys: tuple[Content, ...]
    strangers: tuple[tuple[float, str], ...]
    on_creates: tuple[OnCreate, ...]
    on_lists: tuple[OnRead, ...]
    ends: tuple[End, ...]
    way: Literal["create", "intend", "resume"]
    runner: Literal["sync", "async"]
    threads: int
    lease: float
    settle: float
    baseline_age: float
    pause: float | None
    apart: float
    retries: int
    skew: float
    shifts: tuple[float, ...]

    @classmethod
    def of(cls, seed: int) -> Scenario:
        """Return the scenario of a seed."""
        chance = random.Random(seed)
        turn, at = divmod(seed, len(_TURNS))
        kind = _TURNS[at]
        shared = chance.random() < 0.4
        provider = PROVIDERS[(seed + turn) % len(PROVIDERS)]
        lessons = _lessons(chance, provider)
        ends = _ends(chance, kind, turn * len(_TURNS) + at)
        left = _TROUBLES - len(ends)
        on_creates = _on_creates(chance, kind, lessons, left)
        left -= len(on_creates)
        reads = 0 if left < 1 else chance.choice((0, 0, 1))
        late = any("late" in each.name for each in on_creates)
        return cls(
            seed=seed,
            kind=kind,
            shared=shared,
            provider=provider,
            lessons=lessons,
            decoys=_decoys(chance, lessons),
            strangers=tuple(
                (chance.uniform(0.0, 0.6), f"Stranger {number}")
                for number in range(chance.choice((0, 0, 1)))
            ),
            on_creates=on_creates,
            on_lists=tuple(
                OnRead(chance.choice(sorted(ON_READS)), chance.randint(0, 6)) for _ in range(reads)
            ),
            ends=ends,
            way=chance.choice(("create", "intend", "resume")),
            runner=chance.choice(("sync", "async")),
            # A process that is stopped must not have a lock in the database.
            threads=1 if kind is Kind.STOPPED else chance.choice((1, 1, 3)),
            lease=2.0,
            settle=_SETTLE,
            baseline_age=chance.choice((0.0, 0.0, 60.0)),
            pause=chance.choice((None, 2.6)),
            apart=chance.choice((0.0, 0.3)),
            retries=chance.choice((0, 1)),
            skew=chance.choice((0.0, 0.0, -200.0, 200.0)),
            shifts=_shifts(chance, kind, shared=shared, late=late),
        )

    @property
    def latest(self) -> float:
        """The maximum seconds until a create is applied."""
        return max((self._fault(each.name).seconds for each in self.on_creates), default=0.0)

    def expected(self, lesson: Lesson) -> Content:
        """Return the stream of a key, as :meth:`seen` returns it."""
        return lesson.title, lesson.start if self._keeps_starts else None

    def seen(self, content: Content) -> Content:
        """Return a stream of the vendor without a start that the vendor has set itself."""
        title, start = content
        return title, None if title.startswith(NOW) else start

    @property
    def _keeps_starts(self) -> bool:
        return self.provider in ("tpstreams", "tktchurch")

    def fault(self, content: Content, nth: int, kill: Callable[[], None]) -> Fault | None:
        """Return the fault of the ``nth`` attempt to create a stream.

        Args:
            content: The stream to create.
            nth: The number of the attempt, from 1.
            kill: Kills the process that sends the request.
        """
        for each in self.on_creates:
            if each.nth == nth and each.title == content[0]:
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
        parts = [self.provider, where, str(self.kind), self.way, self.runner]
        parts += [f"{end.how} at {end.at or end.where or end.after}" for end in self.ends]
        parts += map(str, self.on_creates)
        parts += [f"list's {each}" for each in self.on_lists]
        parts += [f"clocks moved by {self.shifts}"] if any(self.shifts) else []
        parts += [f"{len(self.lessons)} keys", f"{self.threads} threads"]
        return ", ".join(parts)


def _lessons(chance: random.Random, provider: str) -> tuple[Lesson, ...]:
    began = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=2)
    titles = chance.sample(_TITLES, 2)
    lessons: list[Lesson] = []
    for number in range(chance.randint(3, 5)):
        title, start = chance.choice(titles), began + timedelta(hours=chance.choice((0, 0, 1)))
        if chance.random() < 0.2:
            title = f"{NOW}{title}"
        lessons.append(
            Lesson(
                key=f"lesson-{number}",
                title=title,
                start=None if title.startswith(NOW) or provider in ("videosdk", "mux") else start,
                reference=f"ours-{number}" if provider == "mux" and chance.random() < 0.5 else None,
                restream=f"restream-{chance.getrandbits(64):x}"
                if provider in ("videosdk", "mux") and chance.random() < 0.3
                else None,
            )
        )
    return tuple(lessons)


def _decoys(chance: random.Random, lessons: tuple[Lesson, ...]) -> tuple[Content, ...]:
    equal = chance.sample(lessons, chance.randint(0, 2))
    return tuple((each.title, each.start) for each in equal) + (("Somebody's own", None),)


def _ends(chance: random.Random, kind: Kind, seed: int) -> tuple[End, ...]:
    # 7 has no common divisor with the number of places, so the seeds go through all of them.
    place = 1 + 13 * seed % _PLACES
    if kind is Kind.BY_THE_VENDOR:
        return ()
    if kind is Kind.AT_A_MOMENT:
        return tuple(End(after=chance.uniform(0.02, 0.7)) for _ in range(chance.randint(1, 2)))
    if kind is Kind.STOPPED:
        return (End(how="stopped", at=place),)
    if kind is Kind.TOGETHER:
        return (End(at=place),) if chance.random() < 0.5 else ()
    return (End(at=place), *(End(at=chance.randint(1, 30)) for _ in range(chance.choice((0, 1)))))


def _on_creates(
    chance: random.Random, kind: Kind, lessons: tuple[Lesson, ...], left: int
) -> tuple[OnCreate, ...]:
    least, most = {Kind.BY_THE_VENDOR: (1, 3), Kind.STOPPED: (0, 0)}.get(kind, (0, 1))
    # With two processes, nothing says which of them sent a request.
    names = sorted({**ON_CREATES, **({} if kind is Kind.TOGETHER else FATAL)})
    found: list[OnCreate] = []
    for _ in range(chance.randint(least, max(least, min(most, left)))):
        again = found and chance.random() < 0.6
        title = found[-1].title if again else chance.choice(lessons).title
        nth = 1 + sum(each.title == title for each in found)
        found.append(OnCreate(chance.choice(names), title, nth))
    return tuple(found)


def _shifts(chance: random.Random, kind: Kind, *, shared: bool, late: bool) -> tuple[float, ...]:
    """Return how the clocks of processes are moved.

    PostgreSQL's own clock is used. With SQLite, the clock of the machine may be set ahead between
    two lives: everything that had a time limit is then over.
    """
    if shared:
        return tuple(chance.choice((0.0, 3600.0, -3600.0)) for _ in range(4))
    one_by_one = kind in (Kind.AT_A_PLACE, Kind.AT_A_MOMENT)
    if one_by_one and not late and chance.random() < 0.3:
        return (0.0, 60.0)
    return (0.0,)
