"""Every operation in every status: its documented effect, or a refusal that changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ..._contract.capabilities import OPERATION_OF, Capabilities, Feature
from ..._model.errors import Conflict, Rejected
from ..._model.status import STATUSES, Status, satisfied_by
from ..._model.stream import LiveStream
from .area import Area, each, needs
from .failures import changing, facts
from .harness import Harness
from .lifecycle import statuses
from .operations import ON_ONE

#: The statuses in which a stream may be after an operation. After others, it is in the same one.
_AFTER: dict[str, Callable[[Capabilities, Status], bool]] = {
    "start": lambda can, status: status.is_active,
    "stop": lambda can, status: (
        status in satisfied_by(Status.PROCESSING)
        or (getattr(can, "reusable", False) and status is Status.READY)
    ),
    "cancel": lambda can, status: status is Status.CANCELLED,
    "disable": lambda can, status: status.value == "disabled",
    "enable": lambda can, status: status.value != "disabled",
}


class EveryStatus(Area):
    """Each operation in each status: its documented effect, or a refusal and no change."""

    title = "lifecycle"

    @needs(Feature.GET, Feature.LIST)
    @each("feature", lambda subject: [each for each in changing(subject) if each in ON_ONE])
    def test_an_operation_has_its_effect_or_is_refused_in_every_status(
        self, harness: Harness, feature: Feature
    ) -> None:
        problems, tried = [], set()
        for status in (*statuses(self.subject), Status.CANCELLED):
            stream = harness.find(status)
            before = harness.look()
            if stream is None or (key := harness.key(stream.id)) not in before:
                continue  # a stream that was cancelled may be gone
            was = before[key].status
            if was in tried:
                continue
            tried.add(was)
            problem = _problem_with(harness, feature, before, key)
            if problem is not None:
                problems.append(f"a stream that is {was}: {problem}")
        if not tried:
            pytest.skip("the emulator cannot bring a stream to any of the declared statuses")
        assert problems == []


def _problem_with(
    harness: Harness, feature: Feature, before: dict[str, LiveStream], key: str
) -> str | None:
    """Call an operation, and return what is wrong with what it did."""
    stream = before[key]
    shown: Any = None
    error: Conflict | Rejected | None = None
    try:
        shown = ON_ONE[feature](harness, stream.id)
    except (Conflict, Rejected) as raised:
        error = raised
    now = harness.look()
    if error is not None:
        if error.applied is not False:
            return f"it was refused, but applied is {error.applied}: {error}"
        if isinstance(error, Conflict) and error.status not in (None, stream.status):
            return f"the Conflict says that it is {error.status}"
        is_same = facts(harness, now) == facts(harness, before)
        return None if is_same else "it was refused, but something was changed"
    others = [{name: each[name] for name in each if name != key} for each in (before, now)]
    if facts(harness, others[0]) != facts(harness, others[1]):
        return "another stream was changed"
    after = now.get(key)
    if feature is Feature.DELETE:
        return None if after is None else "it succeeded, but the stream is still there"
    if after is None:
        if not harness.can.supports(Feature.CREATE) and STATUSES[shown.status].over:
            return None  # the vendor forgets a stream with its encoder
        is_cancelled = feature is Feature.CANCEL and shown.status is Status.CANCELLED
        return None if is_cancelled and not _is_or_was_live(stream) else "the stream is gone"
    return _effect_of(harness.can, OPERATION_OF[feature].name, stream, shown, after)


def _effect_of(
    can: Capabilities, name: str, before: LiveStream, shown: LiveStream, after: LiveStream
) -> str | None:
    """Return what is wrong with the stream after an operation that succeeded."""
    allowed = _AFTER.get(name) or (lambda _, status: status is before.status)
    # Some vendors show that a server boots only in the answer that started it.
    seen = {shown.status} if shown.status is Status.STARTING else {shown.status, after.status}
    for status in seen:
        if not allowed(can, status):
            return f"{name} succeeded, but the status is {status}"
        if status is not before.status and not follows(can, before.status, status):
            return f"{name} made it {status}, which cannot follow"
    if after.status is before.status and name in _AFTER:
        moved = (after.started_at, after.ended_at) != (before.started_at, before.ended_at)
        return "the status is unchanged, but its times are not" if moved else None
    return None


def _is_or_was_live(stream: LiveStream) -> bool:
    status = STATUSES[stream.status]
    return status.aired is True or status.over


def follows(can: Capabilities, before: Status, after: Status) -> bool:
    """Return whether a status may follow another one, at once or after others."""
    judge = getattr(can, "can_reach", None)
    return bool(judge(before, after) if judge is not None else before.can_reach(after))
