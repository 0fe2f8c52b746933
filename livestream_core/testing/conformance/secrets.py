"""Stream keys, tokens and passwords never appear in output."""

from __future__ import annotations

import io
import json
import logging
import pickle
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import attrs
import pytest

from ..._contract.capabilities import Feature
from ..._model.errors import LiveStreamError
from ..._model.fields import Kind, facts_of
from ..._model.stream import LiveStream, publish_keys
from ..._secrets.recognition import suggests_secret
from ..._secrets.spellings import compiled
from ...emulator import Fault
from ..captures import named_texts
from .area import HTTP, IN_PROCESS, Area, needs, proves
from .harness import Harness
from .operations import ON_ONE, updatable
from .sessions import is_secret, observed

#: Shorter values are not secrets, and occur in other words by chance.
_MIN_LENGTH = 6
#: Names of options that hold a secret, and of those that are sent with one but are none.
_SECRET_OPTION = r"(?i)(password|passwd|passphrase|secret|token|private_?key|secret_?key)\Z"
_PUBLIC_OPTION = r"(?i)(id|user|username|email|account|organi[sz]ation)\Z"


def secrets_of(harness: Harness, *streams: LiveStream) -> set[str]:
    """Return everything that must not be printed."""
    found: set[str] = set()
    found.update(harness.client.options.secrets())
    session = harness.client.session
    if session is not None:
        found.update(value.rpartition(" ")[2] for value in session.headers.values())
    for stream in streams:
        found |= stream.stream_keys()
        if stream.raw is not None:
            found.update(
                value
                for name, value in named_texts(stream.raw.reveal())
                # A path of the stream is called a key too.
                if suggests_secret(name) and value.rpartition("/")[2] != stream.id
            )
    return {secret for secret in found if len(secret) >= _MIN_LENGTH}


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """Collect the output of all loggers within the block, at the lowest level."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s %(exc_info)s"))
    root = logging.getLogger()
    ours = logging.getLogger("livestream_core")
    before = root.level, ours.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        root.setLevel(before[0])
        ours.setLevel(before[1])


def shown_by(error: LiveStreamError) -> str:
    """Return everything that an error shows, in every form."""
    fields = {name: value for name, value in vars(error).items() if name != "stream"}
    return "\n".join(
        [
            str(error),
            repr(error),
            repr(error.args),
            repr(fields),
            "".join(traceback.format_exception(error)),
            repr(vars(pickle.loads(pickle.dumps(error)))),
        ]
    )


def ready(harness: Harness) -> LiveStream:
    """Return a stream that has a key, if streams of this vendor have one."""
    stream = harness.stream()
    harness.attempt(harness.client.start, stream.id)
    harness.clock.sleep(harness.emulator.boot_seconds + 1)
    if harness.can.supports(Feature.GET):
        stream = harness.client.get(stream.id)
    return stream


class SecretMasking(Area):
    """Secrets are in no repr, log, or error."""

    title = "secrets"
    channels: ClassVar[Sequence[str]] = (HTTP, IN_PROCESS)

    def test_no_secret_is_in_the_repr_of_a_stream_or_of_its_parts(self, harness: Harness) -> None:
        stream = ready(harness)
        shown = "\n".join(
            f"{each!r} {each!s}"
            for each in (stream, *stream.ingests, *stream.playbacks, stream.recording, stream.raw)
        )
        assert self._leaks(harness, shown, stream) == []

    def test_no_secret_is_in_the_data_of_a_stream_unless_asked_for(self, harness: Harness) -> None:
        stream = ready(harness)
        shown = json.dumps([stream.to_dict(), stream.to_dict(raw=True)])
        assert self._leaks(harness, shown, stream) == []

    def test_no_secret_is_in_the_repr_of_a_client_or_its_session(self, harness: Harness) -> None:
        stream = ready(harness)
        client = harness.client
        adapter = self.subject.adapter(client.options)
        shown = f"{client!r} {adapter!r} {client.options!r} {client.session!r}"
        assert self._leaks(harness, shown, stream) == []

    def test_no_secret_is_logged_at_any_level(self, harness: Harness) -> None:
        with everything_logged() as log, observed() as observer:
            stream = ready(harness)
            for feature in ON_ONE:
                if harness.can.supports(feature) and (
                    feature is not Feature.UPDATE or updatable(self.subject)
                ):
                    try:
                        ON_ONE[feature](harness, stream.id)
                    except LiveStreamError:
                        pass
        assert log.getvalue(), "nothing was logged, so this test shows nothing"
        shown = log.getvalue() + repr(observer.exchanges)
        assert self._leaks(harness, shown, stream) == []

    @needs(Feature.GET)
    def test_a_secret_that_the_vendor_echoes_is_not_in_the_error(self, harness: Harness) -> None:
        stream = ready(harness)
        secrets = secrets_of(harness, stream)
        client = harness.client
        for body in (
            {"detail": "refused: " + " and ".join(sorted(secrets))},
            {"message": [f"{secret}!" for secret in sorted(secrets)]},
            {"errors": {"a": sorted(secrets), "b": {"c": sorted(secrets)}}},
            " ".join(sorted(secrets)),
        ):
            text = body if isinstance(body, str) else json.dumps(body)
            for status in (400, 409, 500):
                harness.emulator.inject(Fault.status(status, body=text), times=100)
                with everything_logged() as log, pytest.raises(LiveStreamError) as caught:
                    client.get(stream.id)
                harness.emulator.clear_faults()
                shown = shown_by(caught.value) + log.getvalue()
                assert self._leaks(harness, shown, stream) == [], f"in the error of a {status}"

    @needs(Feature.GET)
    def test_a_key_is_known_by_its_form_before_it_was_ever_seen(self, harness: Harness) -> None:
        patterns = self.subject.adapter.secret_patterns
        keys = {key for key in ready(harness).stream_keys() if len(key) >= _MIN_LENGTH}
        if not patterns or not keys:
            pytest.skip("the adapter declares no form of keys (no secret_patterns)")
        fresh = harness.connect(retries=0)
        harness.emulator.inject(
            Fault.status(400, body=json.dumps({"detail": f"busy: {' '.join(keys)}."})), times=100
        )
        with pytest.raises(LiveStreamError) as caught:
            fresh.get("an-id")
        shown = shown_by(caught.value)
        assert sum(key in shown for key in keys) == 0, (
            "secret_patterns do not match the vendor's keys"
        )

    @proves(Feature.RESTREAMS)
    @needs(Feature.CREATE)
    def test_the_keys_of_other_platforms_are_as_secret(self, harness: Harness) -> None:
        targets = self.subject.values(Feature.RESTREAMS)[0]
        keys = [target.stream_key.reveal() for target in targets if target.stream_key]
        client = harness.signed_in(retries=0)
        body = json.dumps({"detail": f"cannot forward with {' '.join(keys)}"})
        harness.emulator.inject(Fault.status(400, body=body), times=100)
        with pytest.raises(LiveStreamError) as caught:
            client.create(title="Lesson", restreams=targets)
        shown = shown_by(caught.value)
        assert sum(key in shown for key in keys) == 0

    @staticmethod
    def _leaks(harness: Harness, shown: str, *streams: LiveStream) -> list[str]:
        """Return where secrets are shown, without the secrets, which must not be in a report."""
        found = sorted(secrets_of(harness, *streams), key=len)
        return [
            f"a secret of {len(secret)} characters: …{shown[max(0, at - 40) : at]}***"
            for secret in found
            if (at := shown.find(secret)) >= 0
        ]


class OptionsWithoutSecrets(Area):
    """Options that hold a secret have a secret type, so that no repr shows them."""

    title = "secrets"

    def test_no_option_that_is_shown_holds_a_secret(self, harness: Harness) -> None:
        kind = self.subject.adapter.Options
        shown = {each.name for each in attrs.fields(kind) if not is_secret(kind, each.name)}
        holding = {name for name in shown if compiled(_SECRET_OPTION).search(name)}
        for options in self.subject.ways_in(harness.emulator):
            client = harness.connect(options)
            harness.touch(client)
            assert client.session is not None
            sent = " ".join(client.session.headers.values())
            holding |= {
                name
                for name in shown & options.keys()
                if len(str(options[name])) >= _MIN_LENGTH and str(options[name]) in sent
                if not compiled(_PUBLIC_OPTION).search(name)
            }
        assert sorted(holding) == [], "these options must have the type Secret"


class FieldsWithoutSecrets(Area):
    """Fields that hold a secret have a secret type."""

    title = "secrets"

    @needs(Feature.GET)
    def test_no_field_that_is_shown_holds_a_secret(self, harness: Harness) -> None:
        stream = ready(harness)
        keys = {key for key in publish_keys(stream) if len(key) >= _MIN_LENGTH}
        secrets = secrets_of(harness, stream) | keys
        holding = [
            field.name
            for field in facts_of(LiveStream)
            if field.kind not in (Kind.PART, Kind.DATA)
            and any(secret in repr(getattr(stream, field.name)) for secret in secrets)
        ]
        assert holding == []
