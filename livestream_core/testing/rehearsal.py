"""A capture of a customer's account, repeated with pseudonyms.

Only the responses and the arguments get pseudonyms. The requests and the results are what the
adapter itself makes of those, so nothing of the customer can be in them, and the capture replays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from .._client import Client
from .._client.connect import connect
from .._contract.adapter import Adapter
from .._contract.capabilities import FILTERS
from .._contract.options import origin_names
from .._contract.response import Response
from .._http.network import SendArguments
from .._model.errors import ConfigurationError, ConnectionFailed
from .._model.fields import Kind, facts_of
from .._model.stream import LiveStream, Recording
from .._plugins.registry import registry
from .captures import (
    REDACTED,
    Capture,
    CapturedCall,
    CapturedExchange,
    CapturingTransport,
    FrozenClock,
    Recorder,
    neutral_origins,
    response_of,
    streams_in,
)
from .pseudonyms import Pseudonyms
from .transports import KitTransport
from .vocabulary import vocabulary

#: The texts of a stream that are its owner's words.
_TEXTS = [
    field.name
    for field in facts_of(LiveStream)
    if field.kind in (Kind.TEXT, Kind.TEXTS, Kind.IDENTIFIER) and field.feature is not None
]
#: A status, and not an ID that a broken response has in its place.
_MAX_WORD = 40


class _Prompter(KitTransport):
    """A transport that returns the responses of one call, whatever is sent."""

    def __init__(self) -> None:
        self.left: list[CapturedExchange] = []
        self.is_over = False

    def _respond(self, sent: SendArguments) -> Response:
        """Return the next response; see :class:`KitTransport`."""
        if self.is_over:
            return Response(204)  # to the end of the session, which is not a part of the capture
        if not self.left:
            raise ConnectionFailed("the capture has no more responses", applied=False)
        return response_of(self.left.pop(0))


@attrs.frozen(slots=True)
class Rehearsed:
    """A capture with pseudonyms.

    Attributes:
        capture: The capture.
        left_out: The operations whose calls are not in it, because the adapter reads them
            differently with pseudonyms.
        private: The customer's texts and IDs that were replaced.
    """

    capture: Capture
    left_out: Sequence[str]
    private: Sequence[str]


def rehearsed(capture: Capture, client: Client) -> Rehearsed:
    """Return a capture with pseudonyms in place of the customer's texts and IDs.

    Args:
        capture: The capture, with its secrets redacted.
        client: The client that made it, for its origins.
    """
    adapter = registry.adapter(capture.provider)
    streams = [each for call in capture.calls for each in streams_in(call.result)]
    texts = {text for each in streams for name in _TEXTS for text in _texts(each.get(name))}
    texts.update(
        text
        for call in capture.calls
        for name, value in call.arguments.items()
        if FILTERS.get(name, name) in _TEXTS
        for text in _texts(value)
    )
    own = _own_options(capture, adapter)
    ids = {each["id"] for each in streams} | {*_ids_of_recordings(capture), *own.values()}
    words = vocabulary(adapter)
    names = Pseudonyms(
        words,
        kept=[word for each in streams if _is_word(word := each.get("provider_status") or "")],
        ids=ids,
        texts=texts,
        origins=_origins(adapter, client),
    )
    options = dict(capture.options)
    began = capture.calls[0].at
    for name, value in own.items():
        trial = {**options, name: names.text(value)}
        try:
            _connected(
                capture.provider, trial, _Prompter(), FrozenClock(capture.calls[0].at)
            ).close()
        except ConfigurationError:
            ids.discard(value)  # the adapter accepts few values, such as time zones
        else:
            options = trial
    calls: list[CapturedCall] = []
    left_out: list[str] = []
    prompter, clock = _Prompter(), FrozenClock(began)
    transport = CapturingTransport(prompter)
    renamed: dict[str, str] = {}
    with _connected(capture.provider, options, transport, clock) as again:
        recorder = Recorder(again, transport, clock)
        for call in capture.calls:
            prompter.left = [
                attrs.evolve(
                    each,
                    answer=(names.xml if _is_xml(each) else names.data)(each.answer),
                    headers=names.headers(each.headers),
                )
                for each in call.exchanges
            ]
            arguments = _arguments(call.arguments, renamed, names)
            new, _ = recorder.call(call.operation, arguments, at=call.at)
            if prompter.left or _outline(new) != _outline(call):
                left_out.append(call.operation)
            else:
                calls.append(new)
                renamed.update(_pairs(call.result, new.result))
        prompter.is_over = True
    public = {text for text in (*texts, *ids) if names.text(text) == text}
    return Rehearsed(
        Capture(capture.provider, options, calls, capture.about),
        left_out,
        sorted({*texts, *ids} - public),
    )


def _is_xml(exchange: CapturedExchange) -> bool:
    kind = next((v for k, v in exchange.headers.items() if k.lower() == "content-type"), "")
    return isinstance(exchange.answer, str) and "xml" in kind.lower()


def _connected(
    provider: str, options: Mapping[str, Any], transport: KitTransport, clock: FrozenClock
) -> Client:
    account = Capture(provider, options, ()).connection()
    return connect(provider, transport=transport, clock=clock, environ={}, retries=0, **account)


def _own_options(capture: Capture, adapter: type[Adapter]) -> dict[str, str]:
    """Return the options that the customer has set, apart from secrets."""
    defaults = {field.name: field.default for field in attrs.fields(adapter.Options)}
    return {
        name: value
        for name, value in capture.options.items()
        if isinstance(value, str) and REDACTED not in value and value != defaults[name]
    }


def _origins(adapter: type[Adapter], client: Client) -> dict[str, str]:
    """Return the vendor's origins, or neutral ones, by those that the client uses."""
    fields = attrs.fields_dict(adapter.Options)
    neutral = neutral_origins(adapter)
    return {
        str(getattr(client.options, name)): str(neutral.get(name, fields[name].default))
        for name in origin_names(adapter.Options)
        if name in neutral or isinstance(fields[name].default, str)
    }


def _arguments(
    arguments: Mapping[str, Any], renamed: Mapping[str, str], names: Pseudonyms
) -> dict[str, Any]:
    """Return a call's arguments with pseudonyms: those that earlier results had, or new ones."""

    def value_of(value: Any, name: str) -> Any:
        if isinstance(value, list):
            return [value_of(each, name) for each in value]
        if not isinstance(value, str):
            return value
        return renamed[value] if value in renamed else names.text(value, name)

    return {name: value_of(value, name) for name, value in arguments.items()}


def _pairs(old: Any, new: Any) -> Iterator[tuple[str, str]]:
    """Yield each text of a result, except of a payload, with its pseudonym."""
    if isinstance(old, str):
        yield old, new
    elif isinstance(old, list):
        for one, other in zip(old, new, strict=True):
            yield from _pairs(one, other)
    elif isinstance(old, dict):
        for name in old.keys() - {"raw"}:
            yield from _pairs(old[name], new[name])


def _outline(call: CapturedCall) -> Any:
    """Return what pseudonyms must not change: the requests' methods, and how the call was read."""
    return [each.method for each in call.exchanges], _read(call.result, "")


#: The fields of results that contain words of the library.
_WORDS = frozenset(
    field.name
    for kind in (LiveStream, Recording)
    for field in facts_of(kind)
    if field.words is not None
) | {"provider", "error", "kind", "protection", "protocol", "secret_urls"}


def _read(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _read(each, key) for key, each in value.items() if key != "raw"}
    if isinstance(value, list):
        return [_read(each, name) for each in value]
    if isinstance(value, str):
        return value if name in _WORDS else value.partition(":")[0] if name == "problems" else ""
    return 0 if type(value) in (int, float) else value


def _texts(value: Any) -> list[str]:
    several = value if isinstance(value, list) else [value]
    return [each for each in several if isinstance(each, str) and each]


def _ids_of_recordings(capture: Capture) -> Iterator[str]:
    for call in capture.calls:
        found = call.result if isinstance(call.result, list) else streams_in(call.result)
        for each in found:
            recording = each.get("recording", each)
            if recording and recording.get("id"):
                yield recording["id"]


def _is_word(word: str) -> bool:
    return 0 < len(word) <= _MAX_WORD and not any(map(str.isdigit, word))
