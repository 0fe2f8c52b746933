"""Running a plan: a ledger, workers, and the proof at the end."""

from __future__ import annotations

import importlib
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, TypeAlias

import attrs

from ..._client import Client
from ..._contract.foreign import place_of
from ..._model.converters import count, with_field_name
from ..._model.errors import InvalidInput, LiveStreamError, NotFound, UnexpectedResponse
from ..._model.stream import LiveStream
from ..ledger.ledger import Ledger, digest_of, shown
from ..ledger.transaction import Transaction
from ..pace import RequestRate, paced, rate_of
from ..planning.listing import SourceReader, whole_list
from ..planning.matching import may_be_same
from ..planning.plan import (
    Planner,
    check_sides,
    check_workers,
    is_place,
    name_of,
    reads_natively,
    translator,
)
from ..planning.translation import Transform
from ..values import (
    DEFAULT_SETTLE_SECONDS,
    ItemState,
    LedgerError,
    MigrationStopped,
    Plan,
    PlanSettings,
    Report,
    RunResult,
)
from .patience import PATIENCE, Patience, Waiting, asked, resume_at
from .worker import Pacing, Shared, Worker

#: A client, or what makes one where the work is done: for executors of other processes.
Side: TypeAlias = Client | Callable[[], Client]
Location: TypeAlias = str | os.PathLike[str]

_LOOK = 0.25
_FOR_A_PERSON = (ItemState.REFUSED, ItemState.NEEDS_REVIEW)


def run(
    plan: Plan | None = None,
    *,
    ledger: Location,
    source: Side | None = None,
    target: Side | None = None,
    transform: Transform | None = None,
    workers: int = 4,
    source_rate: RequestRate | str | None = None,
    target_rate: RequestRate | str | None = None,
    max_create: int | None = None,
    settle: float = DEFAULT_SETTLE_SECONDS,
    lease: float = 120.0,
    replan: bool = False,
    executor: Executor | None = None,
    progress: Callable[[Mapping[str, int], int], object] | None = None,
    stop: threading.Event | None = None,
    patience: float = PATIENCE,
    waiting: Waiting | None = None,
) -> RunResult:
    """Creates at the target what is planned. The same call again goes on where it was stopped,
    killed, or cut off, until nothing is left to do.

    Args:
        plan: What to do, for a new ledger. One that is there goes on with its own plan.
        ledger: An SQLite file, or the URL of a PostgreSQL database.
        source: The client of the source, where no plan is given; or, for an executor of other
            processes, a function that makes one there and can be pickled.
        target: The same for the target.
        transform: The function that changes specs; the one that the plan was made with.
        workers: How many streams are created at a time.
        source_rate: The most requests to the source, such as ``"5/s"``.
        target_rate: The most requests to the target.
        max_create: The most creates that this run may send.
        settle: Seconds that the target is given to carry out a create that was not answered,
            before it is sent again.
        lease: Seconds that a worker has a stream for itself; a create may take half of it.
        replan: Plans anew what was refused or needed a person.
        executor: Where workers run, instead of threads of its own: ``submit`` is called once per
            worker. All but a ThreadPoolExecutor need a PostgreSQL ledger, and functions that make
            the clients.
        progress: Called now and then with how many streams are in each state, and how many
            creates were sent.
        stop: Set it to have the run end after what is in flight.
        patience: Seconds that the run waits when a vendor asks for it. A vendor that asks for more
            ends it, and ``resume_at`` of the result says when the same call may be made again.
        waiting: Called when the run begins to wait, with until when, and with the error by which
            the vendor asked for it. Workers of other processes wait without telling.

    Returns:
        How it ended. An error that concerns every stream (a refused credential, a vendor that is
        down) ends the run and is in the result; the ledger is as good as before.

    Raises:
        LedgerError: The ledger is damaged, newer, of another migration, in use, or cannot be
            written.
        MigrationStopped: The plan would lose a field that must not be lost, the migration was
            rolled back, or a list could not be read whole. Nothing was created.
        InvalidInput: An argument is wrong.
        LiveStreamError: A side could not be read.
    """
    _check(workers, max_create, settle=(settle, 0.0), lease=(lease, 1.0), patience=(patience, 0.0))
    if plan is not None:
        source, target = source or plan.source, target or plan.target
        transform = transform or plan.transform
    rates = (rate_of(source_rate), rate_of(target_rate))
    threads = executor if isinstance(executor, ThreadPoolExecutor) else None
    if executor is not threads:
        _check_sent(source, target)
    with ExitStack() as stack:
        opened = stack.enter_context(_ledger(ledger, plan))
        clients = _clients(stack, (source, target), rates)
        job = _Run(
            ledger=opened,
            source=clients[0],
            target=clients[1],
            transform=transform or (plan.transform if plan is not None else None),
            pacing=Pacing(
                settle=settle,
                lease=lease,
                deadline=lease / 2,
                read=min(lease / 2, 60.0),
                patience=patience,
            ),
            stop=stop or threading.Event(),
            progress=progress or (lambda counts, writes: None),
            waiting=waiting or (lambda until, error: None),
            threads=threads,
        )
        return job.run(
            workers,
            budget=max_create,
            replan=replan,
            elsewhere=None
            if executor is None or executor is threads
            else _Elsewhere(executor, os.fspath(ledger), (source, target), rates),
        )


def _check(workers: int, max_create: int | None, **seconds: tuple[float, float]) -> None:
    check_workers(workers)
    if max_create is not None:
        with_field_name("max_create", count)(max_create)
    for name, (value, least) in seconds.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
            raise InvalidInput(f"{name}: expected seconds, at least {least:g}", field=name)


def _check_sent(source: Side | None, target: Side | None) -> None:
    for name, side in (("source", source), ("target", target)):
        if isinstance(side, Client):
            raise InvalidInput(
                f"{name}: workers of other processes need a function that makes its client",
                field=name,
            )


@contextmanager
def _ledger(location: Location, plan: Plan | None) -> Iterator[Ledger]:
    if Ledger.exists(location):
        ledger = Ledger.open(location, write=True)
    elif plan is None:
        raise LedgerError(f"there is no ledger at {shown(location)}", hint="make a plan first")
    elif plan.forbidden_losses:
        raise MigrationStopped(
            f"fields would be lost that must not be: {', '.join(plan.forbidden_losses)}",
            hint="the plan names the streams; a transform may help",
        )
    else:
        ledger = Ledger.create(location, plan)
    with ledger:
        yield ledger


def _clients(
    stack: ExitStack,
    sides: tuple[Side | None, Side | None],
    rates: tuple[RequestRate | None, RequestRate | None],
) -> list[Client]:
    """Clients of both sides, held to their rates until the stack ends."""
    clients = []
    for name, side, rate in zip(("source", "target"), sides, rates, strict=True):
        if side is None:
            raise InvalidInput(f"{name}: give its client, or a plan that has it", field=name)
        client = side if isinstance(side, Client) else stack.enter_context(side())
        stack.enter_context(paced(client, rate))
        clients.append(client)
    return clients


def check_accounts(ledger: Ledger, source: Client | None, target: Client | None) -> None:
    """Whether a ledger is of these accounts.

    Raises:
        LedgerError: It is of others.
    """
    row = ledger.read(Transaction.migration)
    for name, client in (("source", source), ("target", target)):
        if client is not None and client.account != row[f"{name}_account"]:
            raise LedgerError(
                f"the ledger {ledger.location} is of another migration: its {name} is "
                f"{row[f'{name}_account']}, not {client.account}"
            )


def transform_of(settings: PlanSettings, given: Transform | None) -> Transform | None:
    """The transform that a ledger's plan was made with.

    Raises:
        InvalidInput: Another one was given, or it cannot be found.
    """
    planned = settings.transform
    if given is not None:
        if name_of(given) != planned:
            raise InvalidInput(
                f"transform: the plan was made with {planned or 'none'}, not with {name_of(given)}",
                field="transform",
            )
        return given
    return None if planned is None else load_transform(planned)


def load_transform(name: str) -> Transform:
    """A transform by its name, ``module:function``.

    Raises:
        InvalidInput: There is none of that name.
    """
    module, _, path = name.partition(":")
    problem = "expected module:function"
    if module and path:
        try:
            found: Any = importlib.import_module(module)
            for part in path.split("."):
                found = getattr(found, part)
        except Exception as error:
            problem = f"it cannot be imported: {type(error).__name__} ({place_of(error)})"
        else:
            if callable(found):
                transform: Transform = found
                return transform
            problem = "it is no function"
    raise InvalidInput(f"transform {name}: {problem}", field="transform")


@attrs.frozen
class _Elsewhere:
    """Workers in other processes."""

    executor: Executor
    ledger: str
    sides: tuple[Any, Any]
    rates: tuple[RequestRate | None, RequestRate | None]


@attrs.define(kw_only=True)
class _Run:
    ledger: Ledger
    source: Client
    target: Client
    transform: Transform | None
    pacing: Pacing
    stop: threading.Event
    progress: Callable[[Mapping[str, int], int], object]
    waiting: Waiting = lambda until, error: None
    threads: ThreadPoolExecutor | None = None
    id: str = attrs.field(factory=lambda: secrets.token_hex(8))
    patience: Patience = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.patience = Patience(self.pacing.patience, self.waiting)

    def run(
        self, workers: int, *, budget: int | None, replan: bool, elsewhere: _Elsewhere | None
    ) -> RunResult:
        try:
            return self._run(workers, budget=budget, replan=replan, elsewhere=elsewhere)
        except LiveStreamError as error:
            # Before the workers began: a list that could not be read yet.
            is_stopped = self.stop.is_set() and asked(error) > 0
            if not is_stopped and not self.patience.is_exceeded_by(error):
                raise
            return RunResult(
                report=self.ledger.report(),
                stopped="requested" if is_stopped else "patience",
                error=error,
                resume_at=resume_at(error),
            )

    def _run(
        self, workers: int, *, budget: int | None, replan: bool, elsewhere: _Elsewhere | None
    ) -> RunResult:
        check_sides(self.source, self.target)
        check_accounts(self.ledger, self.source, self.target)
        report = self.ledger.report()
        if report.phase == "rolled_back":
            raise MigrationStopped(
                "this migration was rolled back",
                hint="a new one needs a new ledger",
            )
        transform = transform_of(report.settings, self.transform)
        if replan:
            self._replan(report, transform)
            report = self.ledger.report()
        if report.phase == "finished":
            # Nothing is written, neither at the target nor here, unless something was found.
            return RunResult(report=self._proven())
        if elsewhere is not None and self.ledger.is_file:
            raise InvalidInput(
                "ledger: workers of other processes need a PostgreSQL ledger", field="ledger"
            )
        is_resumed = self.ledger.read(Transaction.baseline) is not None
        baseline = self._baseline()
        self.ledger.write(lambda tx: tx.begin_run(self.id, budget, alone=self.ledger.is_file))
        shared = self.shared(baseline, report, transform, is_resumed=is_resumed)
        if elsewhere is None:
            self._work_here(workers, shared)
        else:
            self._work_elsewhere(workers, shared, elsewhere, is_resumed)
        writes = self.ledger.read(lambda tx: tx.writes(self.id))
        report = self.ledger.report()
        if report.phase == "finished" and shared.failure is None:
            try:
                report = self._proven()
            except LedgerError:
                raise
            except LiveStreamError as error:
                # All is created, and that is what the result has to say first.
                shared.end(None, error)
        stopped = shared.stopped
        if stopped is None and shared.failure is None and writes == budget:
            stopped = "budget"  # a worker in another process found it spent
        return RunResult(
            report=report,
            writes=writes,
            stopped=stopped if report.phase == "running" else None,
            error=shared.failure,
            resume_at=shared.resume_at,
        )

    def _whole_list(self, client: Client, *, twice: bool = False) -> Mapping[str, LiveStream]:
        return whole_list(
            client, twice=twice, waited=lambda error: self.patience.wait(error, self.stop)
        ).streams

    def _baseline(self) -> frozenset[str]:
        """What is at the target before the first intent."""
        known = self.ledger.read(Transaction.baseline)
        if known is not None:
            return known
        there = self._whole_list(self.target, twice=True)
        self.ledger.write(lambda tx: tx.save_baseline(there.keys(), digest_of(there)))
        # Another worker's may have been first.
        return self.ledger.read(Transaction.baseline) or frozenset()

    def _proven(self) -> Report:
        """What is at the target, and should not be: streams that equal one of ours, were not
        there before, and belong to none.
        """
        baseline = self._baseline()
        there = self._whole_list(self.target)
        owned = self.ledger.read(Transaction.owned)
        report = self.ledger.report()
        specs = [
            item.spec
            for item in report.items
            if item.spec is not None and item.state is not ItemState.SKIPPED
        ]
        unowned = tuple(
            stream.id
            for key, stream in there.items()
            if key not in baseline
            and key not in owned
            and any(may_be_same(spec, stream) for spec in specs)
        )
        if unowned != report.unowned:
            self.ledger.write(lambda tx: tx.change_migration(unowned=json.dumps(unowned)))
            report = self.ledger.report()
        return report

    def _replan(self, report: Report, transform: Transform | None) -> None:
        again: dict[str, int] = {}
        for position, item in enumerate(report.items):
            if is_place(item.source_id):
                continue  # it has no id to be read by
            if item.target_id is None and item.state in _FOR_A_PERSON:
                if item.state is ItemState.NEEDS_REVIEW and item.intended_at is not None:
                    # A create of it may have been carried out: that is found out first.
                    self.ledger.write(partial(Transaction.reopen, position=position))
                else:
                    again[item.source_id] = position
        if not again:
            return
        there = self._whole_list(self.target)
        planner = Planner(
            self.source, self.target, report.settings, transform, there, plan_id=report.plan
        )
        reader = SourceReader(self.source, natively=reads_natively(self.source))
        marked = report.settings.mark
        for source_id, position in again.items():
            try:
                planned_item = planner.item(reader.read(source_id, self.pacing.read))
            except (NotFound, UnexpectedResponse):
                continue
            planned = partial(
                Transaction.replan, position=position, item=planned_item, marked=marked
            )
            self.ledger.write(planned)

    # -- workers ----------------------------------------------------------------------------

    def _work_here(self, workers: int, shared: Shared) -> None:
        with ExitStack() as stack:
            executor = self.threads
            if executor is None:
                executor = stack.enter_context(
                    ThreadPoolExecutor(workers, thread_name_prefix="migrate")
                )
            futures = [executor.submit(Worker(shared).work) for _ in range(workers)]
            # Also of threads that go on: none may write once the ledger is closed.
            stack.callback(wait, futures)
            self._watch(futures, shared)

    def _work_elsewhere(
        self, workers: int, shared: Shared, where: _Elsewhere, is_resumed: bool
    ) -> None:
        source_rate, target_rate = (
            None if rate is None else rate.shared_by(workers) for rate in where.rates
        )
        futures = [
            where.executor.submit(
                work_elsewhere,
                where.ledger,
                self.id,
                where.sides,
                (source_rate, target_rate),
                shared.settings.transform,
                self.pacing,
                is_resumed,
            )
            for _ in range(workers)
        ]
        self._watch(futures, shared)

    def _watch(self, futures: list[Future[Any]], shared: Shared) -> None:
        """Waits for the workers. Whatever ends the wait, they end after what is in flight."""
        is_told = False
        try:
            while True:
                if self.stop.is_set() and not is_told:
                    is_told = shared.is_over
                    self.ledger.write(lambda tx: tx.request_stop(self.id))
                done, pending = wait(futures, timeout=_LOOK)
                counts, writes = self.ledger.read(lambda tx: (tx.counts(), tx.writes(self.id)))
                self.patience.tell()
                self.progress(counts, writes)
                if not pending:
                    break
        except BaseException:
            shared.end("requested")
            self.ledger.write(lambda tx: tx.request_stop(self.id))
            raise
        for future in done:
            try:
                error = future.result()
            except LiveStreamError:
                raise
            except Exception as lost:  # its process has died, or its machine
                error = LiveStreamError(f"a worker was lost: {type(lost).__name__}")
            if isinstance(error, LiveStreamError):
                shared.end(None, error)
        if isinstance(shared.failure, LedgerError):
            raise shared.failure

    def shared(
        self,
        baseline: frozenset[str],
        report: Report,
        transform: Transform | None,
        *,
        is_resumed: bool,
    ) -> Shared:
        """What the workers share."""
        appeared: Mapping[str, LiveStream] = {}
        if is_resumed:
            there = self._whole_list(self.target)
            known = baseline | self.ledger.read(Transaction.owned)
            appeared = {key: stream for key, stream in there.items() if key not in known}
        return Shared(
            ledger=self.ledger,
            source=self.source,
            target=self.target,
            run=self.id,
            settings=report.settings,
            plan_id=report.plan,
            translator=translator(self.source, self.target, transform, mark=report.settings.mark),
            reader=SourceReader(self.source, natively=reads_natively(self.source)),
            pacing=self.pacing,
            patience=self.patience,
            baseline=baseline,
            appeared=appeared,
            requested=self.stop,
        )


def work_elsewhere(
    ledger: str,
    run: str,
    sides: tuple[Side | None, Side | None],
    rates: tuple[RequestRate | None, RequestRate | None],
    transform: str | None,
    pacing: Pacing,
    is_resumed: bool,
) -> LiveStreamError | None:
    """One worker in a process of its own; gives what ended it."""
    with ExitStack() as stack:
        opened = stack.enter_context(Ledger.open(ledger, write=True))
        clients = _clients(stack, sides, rates)
        job = _Run(
            id=run,
            ledger=opened,
            source=clients[0],
            target=clients[1],
            transform=None,
            pacing=pacing,
            stop=threading.Event(),
            progress=lambda counts, writes: None,
        )
        check_accounts(opened, *clients)
        report = opened.report()
        loaded = transform_of(report.settings, load_transform(transform) if transform else None)
        baseline = opened.read(Transaction.baseline)
        if baseline is None:
            raise LedgerError("the ledger has no list of what was at the target before")
        shared = job.shared(baseline, report, loaded, is_resumed=is_resumed)
        Worker(shared).work()
        return shared.failure
