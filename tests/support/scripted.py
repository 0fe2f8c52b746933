"""A transport that responds from a script, and the table that determines ``applied``."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from hypothesis import strategies as st

import livestream_core as live
from livestream_core.testing.conformance.answers import json_values

LOST = "lost"  # no answer after sending
REFUSED = "refused"  # no connection
LATE = "late"  # no response in time
CUT = "cut"


class Foreign(BaseException):
    """The exception that a task queue raises in a program that takes too long."""


class Interrupted(logging.Handler, live.OperationTrace):
    """A plugin and log handler that a task queue's time limit interrupts once, at one place."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def reach(self, place: str) -> None:
        if place == self.place:
            self.place = ""
            raise Foreign("out of time")

    def emit(self, record: logging.LogRecord) -> None:
        self.reach("emit")

    @live.hookimpl
    def livestream_trace(self) -> live.OperationTrace:
        self.reach("livestream_trace")
        return self

    @live.hookimpl
    def livestream_exchange(self) -> None:
        self.reach("livestream_exchange")

    @live.hookimpl
    def livestream_operation(self) -> None:
        self.reach("livestream_operation")

    def start_exchange(self, request: live.OutgoingRequest) -> Mapping[str, str]:
        self.reach("start_exchange")
        return {}

    def end_exchange(self, exchange: live.Exchange) -> None:
        self.reach("end_exchange")

    def end(self, operation: live.OperationSummary) -> None:
        self.reach("end")


@attrs.define
class Sent:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None
    answer: Any


@attrs.define
class ScriptedTransport:
    """Responds with what ``answer`` returns: a Response, or one of the words above."""

    answer: Callable[[str, str], Any]
    sent: list[Sent] = attrs.field(factory=list)

    def send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: object,
    ) -> live.Response:
        answer = self.answer(method, target)
        self.sent.append(Sent(method, target, dict(headers), body, answer))
        if answer == REFUSED:
            raise live.ConnectionFailed("refused", applied=False)
        if answer == LOST:
            raise live.ConnectionFailed("lost", applied=None)
        if answer == LATE:
            raise live.RequestTimeout("late", applied=None)
        if isinstance(answer, BaseException):
            raise answer
        return attrs.evolve(answer)


def respond(status: int = 200, data: Any = None, **headers: str) -> live.Response:
    body = b"" if data is None else json.dumps(data).encode()
    return live.Response(status, headers, body)


STATUSES = [200, 201, 202, 204, 301, 302, 400, 401, 402, 403, 404, 405, 408, 409, 418, 422, 429, 500,
            502, 503, 504, 199, 600]  # fmt: skip


#: The strategies of this module are made once: Hypothesis validates each new one at its first use.
_CHANGES = st.lists(
    st.tuples(st.integers(0, 1000), st.sampled_from(["remove", "null", "set"]), json_values),
    max_size=3,
)


def mutated(samples: list[Any]) -> st.SearchStrategy[Any]:
    """Return samples with some fields removed, nulled, or of another type."""
    return st.tuples(st.sampled_from(samples), _CHANGES).map(lambda drawn: _changed(*drawn))


def _changed(sample: Any, changes: list[tuple[int, str, Any]]) -> Any:
    data = json.loads(json.dumps(sample))
    for at, how, value in changes:
        places = list(_places(data))
        if not places:
            break
        holder, key = places[at % len(places)]
        if how == "remove":
            del holder[key]
        else:
            holder[key] = None if how == "null" else value
    return data


def _places(data: Any) -> Any:
    if isinstance(data, dict):
        for key in data:
            yield data, key
            yield from _places(data[key])
    elif isinstance(data, list):
        for index in range(len(data)):
            yield from _places(data[index])


def answers(samples: list[Any]) -> st.SearchStrategy[Any]:
    """Return anything that a vendor or a proxy may respond."""
    bodies = st.one_of(
        mutated(samples).map(lambda data: json.dumps(data).encode()),
        json_values.map(lambda data: json.dumps(data).encode()),
        st.binary(max_size=20),
        st.sampled_from(
            [
                b"", b"<html></html>", b"{", b"[" * 100_000, b'{"a":' * 5_000, b"NaN", b"9" * 5000,
                b"\xff\xfe", b'"\\ud800"',
            ]
        ),
    )  # fmt: skip
    headers = st.sampled_from(
        [{}, {}, {}, {"Retry-After": "1"}, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"},
         {"Retry-After": "soon"}, {"Location": "https://evil.example/"}]
    )  # fmt: skip
    whole = st.builds(
        live.Response,
        st.sampled_from([200] * 12 + STATUSES),
        headers,
        bodies,
        st.sampled_from(
            [None] * 8 + ["the response was cut off", "the response is larger than 16 MiB"]
        ),
    )
    foreign = st.sampled_from([OSError, RuntimeError, Foreign])
    return whole | st.sampled_from([LOST, REFUSED, LATE]) | foreign.map(lambda kind: kind("x"))


def _is_read(answer: live.Response) -> bool:
    if answer.problem is not None:
        return False
    if answer.status in (204, 205):
        return True
    try:
        json.loads(answer.body, parse_constant=lambda name: 1 / 0)
    except (ValueError, RecursionError, ZeroDivisionError):
        return False
    return True


def is_applied(answer: Any) -> bool | None:
    """Return the contract's ``applied`` of one changing request, by its response alone."""
    if answer == REFUSED:
        return False
    if not isinstance(answer, live.Response):
        return None
    if 200 <= answer.status < 300:
        return True if _is_read(answer) else None
    if 400 <= answer.status < 500 and answer.status != 408:
        return False
    return None


def is_gone(answer: Any) -> bool:
    """Return whether the vendor says that something no longer exists."""
    return isinstance(answer, live.Response) and answer.status in (404, 410) and answer.is_json


def names_a_stream(answer: Any, id_name: str) -> bool:
    if not isinstance(answer, live.Response) or answer.status in (204, 205):
        return False
    payload = json.loads(answer.body)
    id = payload.get(id_name) if isinstance(payload, dict) else None
    return isinstance(id, str) and bool(id)


def oracle(
    sent: list[Sent],
    changes: Callable[[Sent], bool],
    *,
    creates: bool = False,
    id_name: str = "id",
    is_error: Callable[[Any], object] = lambda response: False,
) -> bool | None:
    """Return what ``applied`` must be after an operation has failed.

    ``id_name`` is the name of the ID in the response to a create.
    """
    known: list[bool | None] = []
    for each in filter(changes, sent):
        answer, applied = each.answer, is_applied(each.answer)
        if applied and is_error(answer):
            applied = None
        elif None in known and each.method == "DELETE" and is_gone(answer):
            applied = True
        known.append(applied)
    if creates:
        # The response to a create has no ID, so it is unknown which stream was created.
        known = [
            None if yes and not names_a_stream(each.answer, id_name) else yes
            for yes, each in zip(known, filter(changes, sent), strict=True)
        ]
    if True in known:
        return True
    return None if None in known else False
