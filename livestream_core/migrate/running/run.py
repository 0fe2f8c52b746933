"""Run a plan: open the ledger, start the workers, and check the target at the end."""

from __future__ import annotations

import importlib
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, TypeAlias

import attrs
import sqlalchemy as sa

from ..._client import Client
from ..._contract.foreign import place_of
from ..._model.converters import count, with_field_name
from ..._model.errors import InvalidInput, LiveStreamError, NotFound, UnexpectedResponse
from ..._model.stream import LiveStream
from ...durable.listing import CompleteList, Keep
from ...durable.lookup import Lookup
from ...durable.matching import Matcher, slim
from ..ledger.ledger import Ledger, check_accounts, digest_of, head, no_ledger
from ..ledger.planning import plan_of, start
from ..ledger.schema import ITEMS
from ..ledger.transaction import Transaction, spec_of
from ..pace import RequestRate, paced, rate_of
from ..patience import PATIENCE, Patience, Waiting, asked, check_seconds, resume_at
from ..planning.listing import SourceReader, complete_list
from ..planning.planner import (
    Planner,
    check_possible,
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
from .worker import GONE, SECOND_LOOK, Pacing, Shared, Worker, foreign

#: A client, or a function that connects one in the worker's process.
ClientOrFactory: TypeAlias = Client | Callable[[], Client]
Location: TypeAlias = str | os.PathLike[str]

_POLL = 0.25
#: Counting the streams takes at most this share of a run, however many there are. An index of
#: their states would make it fast, and every change of a state slow.
_COUNTING = 0.02
_TO_REPLAN = (str(ItemState.REFUSED), str(ItemState.NEEDS_REVIEW))


def run(
    plan: Plan | None = None,
    *,
    ledger: Location,
    source: ClientOrFactory | None = None,
    target: ClientOrFactory | None = None,
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
    """Create the planned streams at the target.

    If the run is interrupted, repeat the call to resume from the ledger.

    Args:
        plan: The plan for a new ledger. An existing ledger resumes its own plan, also one that was
            made in it and not run yet.
        ledger: An SQLite file, or the URL of a PostgreSQL database.
        source: The client for the source. Defaults to the plan's client. If the executor uses
            other processes, a picklable function that connects the client there.
        target: The client for the target, or a function, as for ``source``.
        transform: The function that changes specs: the one that the plan was made with. Defaults
            to the plan's transform.
        workers: The number of streams to create at a time.
        source_rate: The maximum rate of requests to the source, such as ``"5/s"``.
        target_rate: The maximum rate of requests to the target.
        max_create: The maximum number of creates that this run sends.
        settle: How long, in seconds, the target may take to apply a create that received no
            response. After that, the create is sent again.
        lease: How long, in seconds, one worker can claim a group of streams. A create may take
            half of it.
        replan: Whether to plan streams again that were refused or need review.
        executor: The executor that runs the workers: ``submit`` is called once per worker. Defaults
            to threads. Any executor except a ThreadPoolExecutor requires a PostgreSQL ledger and
            functions that connect the clients.
        progress: A function that is called from time to time with the number of streams in each
            state, and the number of creates sent.
        stop: An event that stops the run, once set, as soon as the requests in flight are done.
        patience: The longest wait, in seconds, that the run accepts when a vendor asks for one;
            pauses in a row, without an answered request in between, count as one. If
            a vendor asks for more, the run ends, and ``resume_at`` of the result says when to
            repeat the call.
        waiting: A function that is called when the run starts to wait, with the end of the wait and
            the error in which the vendor asked for it, also if a worker of another process was
            asked. It may be called in any thread of this process.

    Returns:
        The result of the run. An error that affects every stream (refused credentials, or a vendor
        that is down) ends the run and is in the result; the ledger stays intact.

    Raises:
        LedgerError: If the ledger is damaged, was written by a newer version, belongs to another
            migration, is in use, or cannot be written.
        MigrationStopped: If the plan would lose a field listed in ``fail_on_loss``, the migration
            was rolled back, or no complete list could be read. Nothing was created.
        InvalidInput: If an argument is invalid.
        LiveStreamError: If the source or the target could not be read.
    """
    _check(workers, max_create, settle=(settle, 0.0), lease=(lease, 1.0), patience=(patience, 0.0))
    if plan is not None:
        source, target = source or plan.source, target or plan.target
        transform = transform or plan.transform
        _check_planned(plan, source, target)
    rates = (rate_of(source_rate), rate_of(target_rate))
    threads = executor if isinstance(executor, ThreadPoolExecutor) else None
    if executor is not threads:
        _check_picklable(source, target)
    with ExitStack() as stack:
        opened = stack.enter_context(_ledger(ledger, plan))
        run_id, stop = secrets.token_hex(8), stop or threading.Event()
        kept = Patience(patience, waiting, ledger=opened, run=run_id, stop=stop)
        clients = _clients(stack, (source, target), rates, kept)
        job = _Run(
            id=run_id,
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
            stop=stop,
            progress=progress or (lambda counts, writes: None),
            patience=kept,
            threads=threads,
        )
        return job.run(
            workers,
            budget=max_create,
            replan=replan,
            remote=None
            if executor is None or executor is threads
            else _RemoteWorkers(executor, os.fspath(ledger), (source, target), rates),
        )


def _check(workers: int, max_create: int | None, **seconds: tuple[float, float]) -> None:
    check_workers(workers)
    if max_create is not None:
        with_field_name("max_create", count)(max_create)
    for name, (value, least) in seconds.items():
        check_seconds(name, value, least)


def _check_picklable(source: ClientOrFactory | None, target: ClientOrFactory | None) -> None:
    for name, account in (("source", source), ("target", target)):
        if isinstance(account, Client):
            raise InvalidInput(
                f"{name}: workers in other processes need a function that connects the client",
                field=name,
            )


@contextmanager
def _ledger(location: Location, plan: Plan | None) -> Iterator[Ledger]:
    if Ledger.exists(location):
        ledger = Ledger.open(location, write=True)
    elif plan is None:
        raise no_ledger(location, ", or pass a plan to start a new migration")
    else:
        _check_losses(plan)
        ledger = Ledger.create(location, plan)
    with ledger:
        phase = ledger.read(head).phase
        if phase == "planning":
            raise MigrationStopped(
                f"the plan in the ledger {ledger.location} is not complete; nothing was created",
                hint="make the plan again with the same ledger and settings to go on",
            )
        if phase == "planned":
            _check_losses(ledger.read(plan_of))
            ledger.write(start)
        yield ledger


def _check_losses(plan: Plan) -> None:
    if lost := plan.forbidden_losses:
        raise MigrationStopped(
            "the plan would lose fields listed in fail_on_loss: "
            f"{', '.join(lost)}; nothing was created",
            hint="see the plan for the streams, and map the field in a transform or allow the loss",
        )


def _check_planned(plan: Plan, *clients: ClientOrFactory | None) -> None:
    """Check that a plan, which may come from a file, was made for these accounts."""
    planned = (plan.source_account, plan.target_account)
    for name, client, account in zip(("source", "target"), clients, planned, strict=True):
        if isinstance(client, Client) and client.account != account:
            raise MigrationStopped(
                f"the plan is for another account: its {name} is {account}, not {client.account}"
            )


def _clients(
    stack: ExitStack,
    accounts: tuple[ClientOrFactory | None, ClientOrFactory | None],
    rates: tuple[RequestRate | None, RequestRate | None],
    patience: Patience,
) -> list[Client]:
    """Return the clients for source and target, paced until the stack closes."""
    clients = []
    for name, account, rate in zip(("source", "target"), accounts, rates, strict=True):
        if account is None:
            raise InvalidInput(
                f"{name}: missing client; pass it, or a plan that includes it", field=name
            )
        client = account if isinstance(account, Client) else stack.enter_context(account())
        stack.enter_context(paced(client, rate, patience))
        clients.append(client)
    return clients


def transform_of(settings: PlanSettings, given: Transform | None) -> Transform | None:
    """Return the transform that a ledger's plan was made with.

    Raises:
        InvalidInput: If another transform was passed, or the planned one cannot be imported.
    """
    planned = settings.transform
    if given is not None:
        if name_of(given) != planned:
            raise InvalidInput(
                f"transform: the plan was made with {planned or 'no transform'}, not with "
                f"{name_of(given)}",
                field="transform",
            )
        return given
    return None if planned is None else load_transform(planned)


def load_transform(name: str) -> Transform:
    """Return the transform with a name of the form ``module:function``.

    Raises:
        InvalidInput: If it cannot be imported or is not a function.
    """
    module, _, path = name.partition(":")
    problem = "expected module:function"
    if module and path:
        try:
            found: Any = importlib.import_module(module)
            for part in path.split("."):
                found = getattr(found, part)
        except Exception as error:
            problem = f"it cannot be imported ({place_of(error)})"
        else:
            if callable(found):
                transform: Transform = found
                return transform
            problem = "it is not a function"
    raise InvalidInput(f"transform {name}: {problem}", field="transform")


@attrs.frozen
class _RemoteWorkers:
    """The workers of a run that run in other processes."""

    executor: Executor
    ledger: str
    accounts: tuple[Any, Any]
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
    patience: Patience
    id: str
    threads: ThreadPoolExecutor | None = None

    def run(
        self, workers: int, *, budget: int | None, replan: bool, remote: _RemoteWorkers | None
    ) -> RunResult:
        try:
            return self._run(workers, budget=budget, replan=replan, remote=remote)
        except LiveStreamError as error:
            # Before the workers started: a list could not be read.
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
        self, workers: int, *, budget: int | None, replan: bool, remote: _RemoteWorkers | None
    ) -> RunResult:
        check_possible(self.source, self.target)
        check_accounts(self.ledger, self.source, self.target)
        report = self.ledger.read(head)
        if report.phase == "rolled_back":
            raise MigrationStopped(
                "this migration was rolled back",
                hint="start a new migration with a new ledger",
            )
        transform = transform_of(report.settings, self.transform)
        if replan:
            self._replan(report, transform)
            report = self.ledger.read(head)
        if report.phase == "finished":
            # Nothing is written to the target, and to the ledger only if a duplicate was found.
            return RunResult(report=self._checked_for_duplicates(transform))
        if remote is not None and self.ledger.is_file:
            raise InvalidInput(
                "ledger: workers in other processes require a PostgreSQL ledger", field="ledger"
            )
        is_resumed = self.ledger.read(Transaction.baseline) is not None
        baseline = self._baseline(report, transform)
        self.ledger.write(lambda tx: tx.begin_run(self.id, budget, alone=self.ledger.is_file))
        shared = self.shared(baseline, report, transform, is_resumed=is_resumed)
        if remote is None:
            self._work_in_threads(workers, shared)
        else:
            self._work_remotely(workers, shared, remote, is_resumed)
        writes = self.ledger.read(lambda tx: tx.writes(self.id))
        finished: Report | None = None
        if self.ledger.read(head).phase == "finished" and shared.failure is None:
            try:
                finished = self._checked_for_duplicates(transform)
            except LedgerError:
                raise
            except LiveStreamError as error:
                # Every stream is created: report that, along with the error.
                shared.end(None, error)
        report = self.ledger.report() if finished is None else finished
        stopped = shared.stopped
        if stopped is None and shared.failure is None and writes == budget:
            stopped = "budget"  # a worker in another process reached max_create
        return RunResult(
            report=report,
            writes=writes,
            stopped=stopped if report.phase == "running" else None,
            error=shared.failure,
            resume_at=shared.resume_at,
        )

    def _list_target(self, keep: Keep, *, twice: bool = False) -> CompleteList:
        return complete_list(self.target, twice=twice, patience=self.patience, keep=keep)

    def _baseline(self, report: Report, transform: Transform | None) -> frozenset[str]:
        """Return what was at the target before the first intent.

        Streams may have appeared there since the plan was made, so the plan's rules for what is
        there already are applied once more.
        """
        known = self.ledger.read(Transaction.baseline)
        if known is not None:
            return known
        found = self._list_target(slim, twice=True)
        planner = self._planner(report, transform, found.streams)
        pending = ITEMS.c.state == str(ItemState.PENDING)
        skipped = self.ledger.read(
            lambda tx: {
                row["position"]: reason
                for row in tx.rows(pending)
                if (reason := planner.why_there(row["source_id"], spec_of(row)))
            }
        )
        self.ledger.write(lambda tx: tx.save_baseline(found.keys, digest_of(found.keys), skipped))
        # Another machine may have saved its list first.
        return self.ledger.read(Transaction.baseline) or frozenset()

    def _checked_for_duplicates(self, transform: Transform | None) -> Report:
        """Return the report, with the possible duplicates at the target.

        These are streams that match a planned one, were not there before the migration, and are not
        in the ledger.
        """
        report = self.ledger.read(head)
        foreign = self._foreign(self._baseline(report, transform))
        accepted = {each.target_id for each in report.accepted}
        found = self.ledger.read(partial(self._matching, foreign=foreign))
        unowned = tuple(
            stream.id
            for key, stream in foreign.items()
            if key in found and stream.id not in accepted
        )
        if unowned != report.unowned:
            self.ledger.write(lambda tx: tx.change_migration(unowned=json.dumps(unowned)))
        return self.ledger.report()

    def _matching(self, transaction: Transaction, foreign: Mapping[str, LiveStream]) -> set[str]:
        """Return the keys of those streams that may have been created from a spec of the ledger."""
        matcher = Matcher.of(self.target.capabilities)
        streams = Lookup(matcher, foreign.items())
        found: set[str] = set()
        seen: set[int] = set()
        # A skipped stream's create may still be applied late.
        moved = sa.or_(ITEMS.c.state != str(ItemState.SKIPPED), ITEMS.c.intended_at.is_not(None))
        for row in transaction.rows(moved, ITEMS.c.spec.is_not(None)) if foreign else ():
            # What many specs have in common is compared once.
            if (key := hash(row["spec"])) in seen or (spec := spec_of(row)) is None:
                continue
            seen.add(key)
            found.update(
                key
                for key, stream in streams.near(spec)
                if key not in found and matcher.may_be_same(spec, stream)
            )
        return found

    def _foreign(self, baseline: frozenset[str]) -> dict[str, LiveStream]:
        """Return the streams at the target that are neither the baseline's nor the ledger's."""
        found = self._list_target(foreign(self.ledger, self.target, baseline)).streams
        owned = self.ledger.read(partial(Transaction.owned, keys=found))
        return {key: stream for key, stream in found.items() if key not in owned}

    def _replan(self, report: Report, transform: Transform | None) -> None:
        again: dict[str, int] = {}
        failed = self.ledger.read(
            lambda tx: [
                (row["position"], row["source_id"], row["state"], row["intended_at"])
                for row in tx.rows(ITEMS.c.state.in_(_TO_REPLAN), ITEMS.c.target_id.is_(None))
            ]
        )
        for position, source_id, state, intended_at in failed:
            if is_place(source_id):
                continue  # without an ID, it cannot be read
            if state == str(ItemState.NEEDS_REVIEW) and intended_at is not None:
                # A create may have been applied: settle that first.
                self.ledger.write(partial(Transaction.reopen, position=position))
            else:
                again[source_id] = position
        if not again:
            return
        planner = self._planner(report, transform, self._list_target(slim).streams)
        reader = self._reader()
        missing: dict[str, int] = {}

        def replan(source_id: str, position: int, *, again: bool = False) -> None:
            try:
                found = reader.read(source_id, self.pacing.read, again=again)
                planned = planner.item(found)
            except UnexpectedResponse:
                return
            except NotFound:
                missing[source_id] = position
                if again:
                    self.ledger.write(partial(Transaction.skip, position=position, reason=GONE))
                return
            marked = report.settings.mark
            self.ledger.write(
                partial(Transaction.replan, position=position, item=planned, marked=marked)
            )

        for source_id, position in again.items():
            replan(source_id, position)
        if missing and not self.stop.wait(SECOND_LOOK):
            for source_id, position in [*missing.items()]:
                replan(source_id, position, again=True)

    def _planner(
        self, report: Report, transform: Transform | None, existing: Mapping[str, LiveStream]
    ) -> Planner:
        return Planner(
            self.source, self.target, report.settings, transform, existing, plan_id=report.plan
        )

    def _reader(self) -> SourceReader:
        natively = reads_natively(self.source)
        return SourceReader(self.source, natively=natively, patience=self.patience)

    # -- workers ----------------------------------------------------------------------------

    def _work_in_threads(self, workers: int, shared: Shared) -> None:
        with ExitStack() as stack:
            executor = self.threads
            if executor is None:
                executor = stack.enter_context(
                    ThreadPoolExecutor(workers, thread_name_prefix="migrate")
                )
            futures = [executor.submit(Worker(shared).work) for _ in range(workers)]
            # Wait for every thread: none may write after the ledger is closed.
            stack.callback(wait, futures)
            self._watch(futures, shared)

    def _work_remotely(
        self, workers: int, shared: Shared, remote: _RemoteWorkers, is_resumed: bool
    ) -> None:
        source_rate, target_rate = (
            None if rate is None else rate.shared_by(workers) for rate in remote.rates
        )
        futures = [
            remote.executor.submit(
                run_remote_worker,
                remote.ledger,
                self.id,
                remote.accounts,
                (source_rate, target_rate),
                shared.settings.transform,
                self.pacing,
                is_resumed,
            )
            for _ in range(workers)
        ]
        self._watch(futures, shared)

    def _watch(self, futures: list[Future[Any]], shared: Shared) -> None:
        """Wait for the workers; if interrupted, let them finish the requests in flight."""
        stop_requested, count_at = False, 0.0
        try:
            while True:
                if self.stop.is_set() and not stop_requested:
                    stop_requested = shared.is_over
                    self.ledger.write(lambda tx: tx.request_stop(self.id))
                done, pending = wait(futures, timeout=_POLL)
                self.patience.look()
                if not pending or time.monotonic() >= count_at:
                    began = time.monotonic()
                    counts, writes = self.ledger.read(lambda tx: (tx.counts(), tx.writes(self.id)))
                    count_at = time.monotonic() + (time.monotonic() - began) / _COUNTING
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
            except Exception as lost:  # its process or machine died
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
        """Return what the workers of this process share."""
        appeared: Mapping[str, LiveStream] = {}
        if is_resumed:
            appeared = self._foreign(baseline)
        return Shared(
            ledger=self.ledger,
            source=self.source,
            target=self.target,
            run=self.id,
            settings=report.settings,
            plan_id=report.plan,
            translator=translator(self.source, self.target, transform, mark=report.settings.mark),
            reader=self._reader(),
            pacing=self.pacing,
            patience=self.patience,
            baseline=baseline,
            appeared=appeared,
            requested=self.stop,
        )


def run_remote_worker(
    ledger: str,
    run: str,
    accounts: tuple[ClientOrFactory | None, ClientOrFactory | None],
    rates: tuple[RequestRate | None, RequestRate | None],
    transform: str | None,
    pacing: Pacing,
    is_resumed: bool,
) -> LiveStreamError | None:
    """Run one worker in its own process, and return the error that ended it, if any."""
    with ExitStack() as stack:
        opened = stack.enter_context(Ledger.open(ledger, write=True))
        kept = Patience(pacing.patience, ledger=opened, run=run)
        clients = _clients(stack, accounts, rates, kept)
        job = _Run(
            id=run,
            ledger=opened,
            source=clients[0],
            target=clients[1],
            transform=None,
            pacing=pacing,
            stop=threading.Event(),
            progress=lambda counts, writes: None,
            patience=kept,
        )
        check_accounts(opened, *clients)
        report = opened.read(head)
        loaded = transform_of(report.settings, load_transform(transform) if transform else None)
        baseline = opened.read(Transaction.baseline)
        if baseline is None:
            raise LedgerError("the ledger has no baseline (the streams that were at the target)")
        shared = job.shared(baseline, report, loaded, is_resumed=is_resumed)
        Worker(shared).work()
        return shared.failure
