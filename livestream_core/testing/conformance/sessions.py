"""Sign-in: once, shared, renewed when necessary, and refused with wrong credentials."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import attrs
import pytest

from ..._client.connect import register, unregister
from ..._contract.adapter import Adapter
from ..._contract.capabilities import Feature
from ..._contract.response import Response
from ..._model.errors import AuthenticationFailed, LiveStreamError
from ..._plugins.facts import Exchange
from ..._plugins.hooks import hookimpl
from ..._secrets.secret import Secret
from ...emulator import Fault
from .area import Area, each, needs, proves
from .bodies import holder, places
from .harness import Harness

#: Names of fields in the response to a sign-in that say how long the session lasts.
_LIFETIME = re.compile(r"^(?!.*refresh).*(expir|lifetime|ttl|lasts)", re.I)
#: More seconds than any session lasts, and fewer than have passed since 1970.
_AN_EPOCH = 1_000_000_000
#: A part of a secret of this length does not occur elsewhere by chance.
_PART_OF_SECRET = 8


class _Observer:
    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    @hookimpl
    def livestream_exchange(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def count(self, operation: str) -> int:
        return sum(each.operation == operation for each in self.exchanges)


@contextmanager
def observed() -> Iterator[_Observer]:
    """Observe the exchanges within the block."""
    observer = _Observer()
    register(observer)
    try:
        yield observer
    finally:
        unregister(observer)


def signing_in(harness: Harness) -> tuple[Mapping[str, Any], int]:
    """Return options whose sign-in sends requests, and how many. Skip the test if none do."""
    for options in harness.subject.ways_in(harness.emulator):
        with observed() as observer:
            client = harness.connect(options)
            harness.touch(client)
            client.close()
        if steps := observer.count("sign_in"):
            return options, steps
    pytest.skip("signing in sends no requests")


class Sessions(Area):
    """One session for all clients that may share it."""

    title = "sessions"

    @needs(Feature.LIST)
    def test_every_way_to_sign_in_works(self, harness: Harness) -> None:
        for options in self.subject.ways_in(harness.emulator):
            harness.connect(options).pages()

    @needs(Feature.LIST)
    def test_wrong_credentials_are_refused_and_nothing_was_changed(self, harness: Harness) -> None:
        kind = self.subject.adapter.Options
        for options in self.subject.ways_in(harness.emulator):
            for name in secret_credentials(kind, options):
                wrong = {**options, name: _altered(options[name])}
                with pytest.raises(AuthenticationFailed) as caught:
                    harness.connect(wrong).pages()
                assert caught.value.applied is False

    @needs(Feature.LIST)
    def test_many_threads_sign_in_once(self, harness: Harness) -> None:
        options, steps = signing_in(harness)
        client = harness.connect(options)
        failures: list[BaseException] = []
        gate = threading.Barrier(6)

        def use() -> None:
            gate.wait()
            try:
                client.pages()
            except BaseException as error:
                failures.append(error)

        with observed() as observer:
            threads = [threading.Thread(target=use) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert failures == []
        assert observer.count("sign_in") == steps

    @needs(Feature.LIST)
    def test_two_equal_clients_share_a_session(self, harness: Harness) -> None:
        options, steps = signing_in(harness)
        with observed() as observer:
            first, second = harness.connect(options), harness.connect(options)
            first.pages()
            second.pages()
        assert observer.count("sign_in") == steps

    @needs(Feature.LIST)
    def test_only_the_last_client_to_close_signs_out(self, harness: Harness) -> None:
        if self.subject.adapter.sign_out is Adapter.sign_out:
            pytest.skip("the adapter does not sign out")
        options, _ = signing_in(harness)
        with observed() as observer:
            first, second = harness.connect(options), harness.connect(options)
            first.pages()
            first.close()
            assert observer.count("sign_out") == 0
            second.pages()
            second.close()
        assert observer.count("sign_out") == 1

    @needs(Feature.LIST)
    def test_a_session_that_is_refused_is_renewed_once_and_the_call_succeeds(
        self, harness: Harness
    ) -> None:
        client = harness.signed_in()
        harness.emulator.inject(Fault.status(401))
        with harness.sent() as sent:
            assert list(client.pages()) == []
        assert [each.status for each in sent].count(401) == 1

    @proves(Feature.CREATE)
    @needs(Feature.LIST)
    def test_a_create_that_is_refused_for_its_session_makes_one_stream_in_the_end(
        self, harness: Harness
    ) -> None:
        client = harness.signed_in()
        harness.emulator.inject(Fault.status(401), on=harness.emulator.changing)
        client.create(title="Lesson")
        assert len(harness.look()) == 1

    @needs(Feature.LIST)
    def test_credentials_that_are_refused_again_and_again_are_an_error(
        self, harness: Harness
    ) -> None:
        client = harness.signed_in()
        harness.emulator.inject(Fault.status(401), times=1000)
        with harness.sent() as sent, pytest.raises(AuthenticationFailed) as caught:
            client.pages()
        assert caught.value.applied is False
        assert len(sent) < 6

    @needs(Feature.LIST)
    def test_a_session_that_has_ended_is_renewed_before_it_is_used(self, harness: Harness) -> None:
        client = harness.signed_in()
        session = client.session
        assert session is not None
        if session.expires_at is None:
            pytest.skip("the session's expiry is not known")
        left = (session.expires_at.astimezone(UTC) - harness.clock.now()).total_seconds()
        harness.clock.sleep(max(left, 0) + 1)
        with harness.sent() as sent:
            client.pages()
        assert 401 not in [each.status for each in sent]

    @needs(Feature.LIST)
    def test_a_session_is_renewed_before_it_ends_where_the_vendor_says_when(
        self, harness: Harness
    ) -> None:
        options, _ = signing_in(harness)
        said: list[float] = []

        def note(method: str, target: str, response: Response) -> Response:
            if harness.tap.targets[-1] is harness.tap.targets[before] and response.is_json:
                said.extend(_lifetimes(response.json(), harness.clock.now().timestamp()))
            return response

        client = harness.connect(options)
        before = len(harness.tap.targets)
        harness.tap.answer = note
        harness.touch(client)
        harness.tap.answer = None
        if not said:
            pytest.skip("the response to a sign-in says nothing about the end of the session")
        harness.clock.sleep(min(said) + 1)
        with harness.sent() as sent:
            client.pages()
            if harness.can.supports(Feature.CREATE):  # some lists can be read without a session
                client.create(title="Lesson")
        assert 401 not in [each.status for each in sent], (
            "the session was used after the time at which the vendor said that it ends"
        )

    @needs(Feature.LIST)
    def test_a_client_that_slept_for_years_signs_in_again(self, harness: Harness) -> None:
        options, _ = signing_in(harness)
        client = harness.connect(options)
        harness.touch(client)
        harness.clock.sleep(3 * 365 * 86_400)
        client.pages()

    @needs(Feature.LIST)
    @each("status", lambda _: (400, 401, 403, 404))
    def test_a_renewal_that_is_refused_ends_in_a_new_sign_in(
        self, harness: Harness, status: int
    ) -> None:
        options, _ = signing_in(harness)
        client = harness.connect(options)
        with harness.sent() as first:
            harness.touch(client)
        answers = iter([401, status])

        def refuse(method: str, target: str, response: Response) -> Response:
            refused = next(answers, None)
            return response if refused is None else Response(refused, {}, b"{}")

        harness.tap.answer = refuse
        error: LiveStreamError | None = None
        with harness.sent() as sent:
            try:
                client.pages()
            except LiveStreamError as raised:
                error = raised
        # The call itself, and then what renews its session.
        renewal = sent[1] if len(sent) > 1 else None
        if renewal is None or (renewal.path, renewal.body) in [(o.path, o.body) for o in first]:
            pytest.skip("a session is renewed by signing in again")
        assert error is None, (
            f"the credentials are right, but a refused renewal was the end: {error}"
        )

    def test_the_account_is_named_without_a_secret_and_stays_the_same(
        self, harness: Harness
    ) -> None:
        client = harness.connect()
        name = client.account
        harness.touch(client)
        harness.clock.sleep(3 * 3600)
        assert client.account == harness.connect().account == name
        assert name.startswith(f"{self.subject.name}:")
        assert [value for value in client.options.secrets() if value in name] == []
        parts = {
            value[start : start + _PART_OF_SECRET]
            for value in client.options.secrets()
            for start in range(len(value) - _PART_OF_SECRET + 1)
        }
        assert not any(part in name for part in parts), "the account contains a part of a secret"

    def test_new_credentials_do_not_rename_the_account(self, harness: Harness) -> None:
        kind = self.subject.adapter.Options
        renaming, tried = [], False
        for options in self.subject.ways_in(harness.emulator):
            name = harness.connect(options).account
            for secret in (one for one in options if is_secret(kind, one)):
                tried = True
                renewed = {**options, secret: _altered(options[secret])}
                if harness.connect(renewed).account != name:
                    renaming.append(secret)
        if not tried:
            pytest.skip("no option that connects has the type Secret")
        assert renaming == [], "account_id() changes with a credential, which is renewed some day"

    def test_another_account_has_another_name(self, harness: Harness) -> None:
        options = self.subject.other_account(harness.emulator)
        if options is None:
            pytest.skip("the emulator has one account (no other_options())")
        assert harness.connect(options).account != harness.connect().account


def secret_credentials(kind: type[Any], options: Mapping[str, Any]) -> list[str]:
    """Return the names of the secret options that sign in."""
    names = {name for group in kind.credentials for name in group}
    return [name for name in options if name in names and is_secret(kind, name)]


def is_secret(kind: type[Any], name: str) -> bool:
    return "Secret" in str(attrs.fields_dict(kind)[name].type)


def _lifetimes(data: Any, now: float) -> Iterator[float]:
    """Yield the seconds for which a session lasts, as the response to a sign-in says."""
    for path in places(data):
        value = holder(data, path)[path[-1]]
        if _LIFETIME.search(str(path[-1])) and type(value) in (int, float) and value > 0:
            seconds = value if value < _AN_EPOCH else value - now
            if 0 < seconds < _AN_EPOCH:
                yield seconds


def _altered(value: Any) -> Any:
    text = value.reveal() if isinstance(value, Secret) else str(value)
    return text[:-1] + ("x" if text[-1] != "x" else "y")
