"""Translate a stream of the source to a spec for the target, with an outcome for each field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import attrs

from ..._client import Client
from ..._contract.capabilities import FEATURE_OF_FIELD, Capabilities, Feature, Support
from ..._contract.foreign import place_of
from ..._contract.preview import Preview
from ..._model.errors import InvalidInput, LiveStreamError, Unsupported
from ..._model.fields import facts_of, table
from ..._model.status import STATUSES, Status
from ..._model.stream import LiveStream, StreamSpec, field_of
from ..values import MARK_PREFIX, FieldOutcome, FieldResult
from .matching import mark_of

#: A function that changes specs. It receives the source stream and the spec made from it, and
#: returns another spec, or ``None`` to keep the original. It is called again when the stream is
#: created, so it must return the same result for the same stream.
Transform: TypeAlias = Callable[[LiveStream, StreamSpec], StreamSpec | None]

#: The optional fields of a spec, with their defaults.
_OPTIONAL = {facts.name: facts.default for facts in facts_of(StreamSpec) if not facts.is_required}
#: The optional fields that a stream has under the same name.
_SHOWN = tuple(name for name in _OPTIONAL if name in table(LiveStream))
#: The title of a spec whose stream has none, until a transform sets one.
_UNTITLED = "(untitled)"
_NEEDS_START = (
    "a create without a start time would boot a server at the target; set scheduled_start in a "
    "transform"
)


@attrs.frozen(slots=True, kw_only=True)
class Translation:
    """The translation of a stream.

    Attributes:
        spec: The spec to create, or ``None`` if the target cannot create the stream.
        fields: The outcome for each field.
    """

    spec: StreamSpec | None
    fields: tuple[FieldResult, ...]

    @property
    def problem(self) -> str:
        """Why the stream needs review, or an empty string."""
        return "; ".join(
            f"{each.field}: {each.note}"
            for each in self.fields
            if each.fate is FieldOutcome.NEEDS_REVIEW
        )


class Translator:
    """Makes specs for one target from streams of one source."""

    def __init__(
        self, source: Client, target: Client, *, transforms: Sequence[Transform], mark: bool
    ) -> None:
        self._source, self._target = source, target
        self._transforms = transforms
        self._mark = target.capabilities.mark if mark else None

    def translate(self, stream: LiveStream, *, explain: bool = True) -> Translation:
        """Return the translation of a stream, which is always the same for the same stream.

        Args:
            stream: The stream.
            explain: Whether to also find out which fields the target's request cannot hold.
        """
        read = _Read(stream, self._source.capabilities)
        results = read.results
        wanted = read.spec
        try:
            wanted = self._transformed(stream, read.spec)
        except _Failed as failed:
            results["options"] = [FieldResult("options", FieldOutcome.NEEDS_REVIEW, str(failed))]
        for name in read.unreadable:
            if getattr(wanted, name, None) != getattr(read.spec, name, None):
                del results[name]  # a transform has set its value
        is_titled = self._target.supports(Feature.TITLE)
        has_title = read.has_title or not is_titled or _UNTITLED not in wanted.title
        if has_title and not read.has_title:
            results.pop("title", None)
        # Even if the stream already needs review: the other fields have outcomes too.
        spec = self._possible(stream, read.spec, wanted, results, explain)
        if not has_title:
            spec = None
        rows = [row for several in results.values() for row in several]
        rows += _own_to_vendor(stream)
        return Translation(spec=spec, fields=tuple(rows))

    def _transformed(self, stream: LiveStream, spec: StreamSpec) -> StreamSpec:
        for transform in self._transforms:
            name = getattr(transform, "__qualname__", type(transform).__name__)
            problem = ""
            try:
                changed = transform(stream, spec)
            except LiveStreamError as error:
                problem = error.message
            except Exception as error:
                # Its text may contain secrets.
                problem = f"{type(error).__name__} ({place_of(error)})"
            if problem:
                raise _Failed(f"the transform {name} failed: {problem}")
            if changed is not None and not isinstance(changed, StreamSpec):
                raise _Failed(
                    f"the transform {name} returned {type(changed).__name__}, not a StreamSpec"
                )
            spec = changed or spec
        return spec

    def _possible(
        self,
        stream: LiveStream,
        read: StreamSpec,
        wanted: StreamSpec,
        results: dict[str, list[FieldResult]],
        explain: bool,
    ) -> StreamSpec | None:
        """Return the spec that the target supports, and record an outcome for each field."""
        capabilities = self._target.capabilities
        removed: dict[str, Any] = {}
        if untitled := capabilities.unsupported_error("title", wanted.title):
            results["title"] = [_lost("title", wanted.title, untitled, capabilities)]
        results.setdefault("title", [_carried("title", read, wanted)])
        for name, absent in _OPTIONAL.items():
            value = getattr(wanted, name)
            rows = results.setdefault(name, [])
            if not _is_given(value):
                if _is_given(getattr(read, name)):
                    rows.append(FieldResult(name, FieldOutcome.CONVERTED, "cleared by a transform"))
            elif problem := capabilities.unsupported_error(name, value):
                rows.append(_lost(name, value, problem, capabilities))
                removed[name] = absent
            else:
                rows.append(_carried(name, read, wanted))
        spec = attrs.evolve(wanted, **removed)
        if capabilities.create_starts and spec.scheduled_start is None:
            rows = results["scheduled_start"]
            if not any(row.fate is FieldOutcome.NEEDS_REVIEW for row in rows):
                rows.append(FieldResult("scheduled_start", FieldOutcome.NEEDS_REVIEW, _NEEDS_START))
        if self._mark == "tags":
            spec = attrs.evolve(spec, tags=(*spec.tags, mark_of(self._source.account, stream.id)))
        elif self._mark == "reference" and spec.reference is None:
            spec = attrs.evolve(spec, reference=mark_of(self._source.account, stream.id))
        return self._as_sent(spec, results, explain)

    def _as_sent(
        self, spec: StreamSpec, results: dict[str, list[FieldResult]], explain: bool
    ) -> StreamSpec | None:
        """Return the spec without the fields that the target's request cannot hold.

        The request is built, but not sent.
        """
        try:
            built = self._target.preview(spec)
        except LiveStreamError as error:
            field = (getattr(error, "field", None) or "title").partition(".")[0]
            rows = results.setdefault(field, [])
            rows[:] = [FieldResult(field, FieldOutcome.NEEDS_REVIEW, error.message)]
            return None
        if built is None:
            return spec
        for name, absent in _OPTIONAL.items() if explain else ():
            feature = FEATURE_OF_FIELD.get(name)
            if feature is None or not _is_given(getattr(spec, name)):
                continue
            if self._target.capabilities[feature].support is not Support.NATIVE:
                continue
            try:
                change: dict[str, Any] = {name: absent}
                without = self._target.preview(attrs.evolve(spec, **change))
            except LiveStreamError:
                continue
            if without == built:
                note = "the target's request has no such field"
                results[name] = [FieldResult(name, FieldOutcome.DROPPED, note)]
        if spec.scheduled_start is not None:
            spec = self._floored(spec, spec.scheduled_start, built, results)
        return spec

    def _floored(
        self,
        spec: StreamSpec,
        start: datetime,
        built: Preview,
        results: dict[str, list[FieldResult]],
    ) -> StreamSpec:
        """Round the start down if the vendor's times have only whole seconds or minutes."""
        for coarse in (start.replace(second=0, microsecond=0), start.replace(microsecond=0)):
            if coarse == start:
                continue
            floored = attrs.evolve(spec, scheduled_start=coarse)
            if self._target.preview(floored) == built:
                note = f"the target rounds times down: {coarse.isoformat()}"
                results["scheduled_start"] = [
                    FieldResult("scheduled_start", FieldOutcome.CONVERTED, note)
                ]
                return floored
        return spec


class _Failed(Exception):
    """A transform failed."""


class _Read:
    """The spec of a stream before transforms, and the outcomes of fields that do not fit."""

    def __init__(self, stream: LiveStream, capabilities: Capabilities) -> None:
        self.results: dict[str, list[FieldResult]] = {}
        values: dict[str, Any] = {name: getattr(stream, name) for name in _SHOWN}
        unmarked = {
            "tags": tuple(tag for tag in stream.tags if not tag.startswith(MARK_PREFIX)),
            "reference": None
            if (stream.reference or "").startswith(MARK_PREFIX)
            else stream.reference,
        }
        for name, value in unmarked.items():
            if value != values[name]:
                values[name] = value
                note = "the mark of an earlier migration is left out"
                self.results[name] = [FieldResult(name, FieldOutcome.CONVERTED, note)]
        if capabilities.supports(Feature.PLAYBACK_URL) and stream.playbacks:
            values["playback_url"] = stream.playbacks[0].url
            if len(stream.playbacks) > 1:
                note = f"a spec has one playback URL; {len(stream.playbacks) - 1} more are left out"
                self.results["playback_url"] = [
                    FieldResult("playback_url", FieldOutcome.DROPPED, note)
                ]
        self.has_title = True
        try:
            spec = StreamSpec(title=stream.title)
        except InvalidInput as error:
            self.has_title = False
            self.results["title"] = [FieldResult("title", FieldOutcome.NEEDS_REVIEW, error.message)]
            spec = StreamSpec(title=_UNTITLED)
        for name, value in values.items():
            if not _is_given(value):
                continue
            try:
                spec = attrs.evolve(spec, **{name: value})
            except InvalidInput as error:
                row = FieldResult(name, FieldOutcome.NEEDS_REVIEW, error.message)
                self.results.setdefault(name, []).append(row)
        #: Fields whose value at the source could not be read.
        self.unreadable: list[str] = []
        for problem in stream.problems:
            name = _spec_field_of(problem, capabilities)
            if name and name not in self.unreadable:
                if name != "title":
                    self.unreadable.append(name)
                note = f"it could not be read at the source ({problem})"
                self.results[name] = [FieldResult(name, FieldOutcome.NEEDS_REVIEW, note)]
        self.spec = spec


def _spec_field_of(problem: str, capabilities: Capabilities) -> str:
    """Return the spec field that a problem is about, or "" if a migration does not move it."""
    shown = field_of(problem)
    if shown not in table(LiveStream):
        return shown  # an adapter's own name, whose meaning is unknown here
    names = [*_SHOWN, "title", *(["playback_url"] * capabilities.supports(Feature.PLAYBACK_URL))]
    return next((name for name in names if table(StreamSpec)[name].shown_as == shown), "")


def _is_given(value: object) -> bool:
    return isinstance(value, bool) or bool(value)


def _carried(name: str, read: StreamSpec, wanted: StreamSpec) -> FieldResult:
    if getattr(read, name) == getattr(wanted, name):
        return FieldResult(name, FieldOutcome.EXACT)
    return FieldResult(name, FieldOutcome.CONVERTED, "set by a transform")


def _lost(
    name: str, value: object, problem: Unsupported, capabilities: Capabilities
) -> FieldResult:
    why = problem.message.removeprefix(f"{name}: ")
    if name == "scheduled_start" and capabilities.create_starts:
        return FieldResult(name, FieldOutcome.NEEDS_REVIEW, why)
    if capabilities.supports(FEATURE_OF_FIELD[name]):
        # The target has the feature, but not this value, and sets its default instead.
        return FieldResult(name, FieldOutcome.DEFAULTED, why)
    if value == table(StreamSpec)[name].vendor_default:
        return FieldResult(name, FieldOutcome.EXACT, f"always so at the target: {why}")
    return FieldResult(name, FieldOutcome.DROPPED, why)


def _own_to_vendor(stream: LiveStream) -> Iterator[FieldResult]:
    shown = [facts for facts in facts_of(LiveStream) if _is_given(getattr(stream, facts.name))]
    for facts in shown:
        if facts.replaced:
            yield FieldResult(facts.name, FieldOutcome.DEFAULTED, facts.replaced)
    for facts in shown:
        if note := facts.left or facts.lost:
            yield FieldResult(facts.name, FieldOutcome.DROPPED, note)


# -- which streams are moved -----------------------------------------------------------------


def reports_status(capabilities: Capabilities) -> bool:
    """Return whether a provider reports a meaningful status."""
    return len(capabilities.statuses - {Status.UNKNOWN}) > 1


def not_movable(
    stream: LiveStream,
    capabilities: Capabilities,
    *,
    now: datetime,
    guard: timedelta,
    assume_idle: bool,
    include_disabled: bool = False,
) -> str:
    """Return why a stream is not moved, or an empty string if it is."""
    status, start = stream.status, stream.scheduled_start
    if not reports_status(capabilities):
        if assume_idle:
            return ""
        return f"{stream.provider} does not report whether it is in use; use assume_idle to move it"
    if status is Status.UNKNOWN:
        return f"its status is not recognized: {stream.provider_status or 'unknown'}"
    if status.is_final:
        return f"it is over: {status}"
    if status is Status.DISABLED and not include_disabled:
        return "it is disabled; use include_disabled to move it"
    # Between two runs, a reusable stream waits for the next.
    is_idle = status is Status.DISABLED or (capabilities.reusable and status is Status.READY)
    if not (is_idle or STATUSES[status].movable):
        return f"it is in use: {status}"
    if start is None:
        if is_idle:
            return ""
        if "scheduled_start" in map(field_of, stream.problems):
            return ""  # it may have a start time
        return "it is scheduled without a start time"
    if start <= now:
        return "its start time has passed"
    if start <= now + guard:
        return f"it starts within {guard.total_seconds() / 60:g} min"
    return ""
