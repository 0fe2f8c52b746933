"""The table of operations: what is derived from it, and what an additional operation changes."""

from __future__ import annotations

import inspect
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import livestream_core as live
from livestream_core._model.operations import OPERATION_TABLE
from package_copy import PackageCopy

pytestmark = pytest.mark.slow

# -- the table matches the code -----------------------------------------------------------------


@pytest.mark.parametrize("name", OPERATION_TABLE)
def test_the_table_says_what_a_method_of_an_adapter_takes(name: str) -> None:
    parameters = inspect.signature(getattr(live.Adapter, name)).parameters
    assert tuple(parameters)[1:] == OPERATION_TABLE[name].takes


@pytest.mark.parametrize("client", [live.Client, live.AsyncClient])
@pytest.mark.parametrize("name", OPERATION_TABLE)
def test_a_client_takes_the_id_of_a_stream_where_an_adapter_does(name: str, client: type) -> None:
    first = tuple(inspect.signature(getattr(client, name)).parameters)[1]
    assert (first == "id") == ("stream_id" in OPERATION_TABLE[name].takes)


@pytest.mark.parametrize("name", OPERATION_TABLE)
def test_only_errors_of_changes_say_that_nothing_was_changed(name: str) -> None:
    error = live.LiveStreamError("refused", operation=name, applied=False)
    assert ("nothing was changed" in str(error)) == OPERATION_TABLE[name].changes


# -- an additional operation --------------------------------------------------------------------

#: The changes for a new operation, by place.
PLACES: dict[str, Callable[[PackageCopy], None]] = {
    "feature": lambda package: package.replace(
        "_model/stream.py", "    WEBHOOK = ", '    RENEW_KEY = "renew_key"\n    WEBHOOK = '
    ),
    "table": lambda package: package.replace(
        "_model/operations.py",
        '    OperationFacts("start"',
        '    OperationFacts("renew_key", True, ("stream_id",), on=Status.READY),\n'
        '    OperationFacts("start"',
    ),
    "contract": lambda package: package.add_method("_contract/adapter.py", "renew_key", "cancel"),
    "client": lambda package: package.add_method("_client/client.py", "renew_key", "cancel"),
    "asynchronous client": lambda package: package.add_method(
        "_client/async_client.py", "renew_key", "cancel"
    ),
    "an adapter": lambda package: package.add_method("memory/adapter.py", "renew_key", "cancel"),
}
#: The implementation in that adapter's emulator.
ROUTE = '        Route("POST", "/v1/streams/<id>/renew_key", "renew_key"),\n'
ENDPOINT = """    @_api
    def renew_key(self, request: Request, id: str) -> Response:
        stream = self._requested(id)
        stream.stream_key = f"memory-key-{secrets.token_hex(8)}"
        return json_response(self._shown(stream))

"""
IMPORTS = (
    "import livestream_core, livestream_core._client.client, livestream_core._client.async_client\n"
    "import livestream_core.memory.adapter"
)


def copy_with_another(folder: Path, *, but: str = "") -> PackageCopy:
    """Return a copy of the package with a new operation in every place except one."""
    package = PackageCopy(folder)
    for place, add in PLACES.items():
        if place != but:
            add(package)
    before = '        Route("POST", "/v1/streams/<id>/cancel"'
    package.replace("memory/emulator.py", before, f"{ROUTE}{before}")
    before = "    @_api\n    def cancel("
    package.replace("memory/emulator.py", before, f"{ENDPOINT}{before}")
    return package


@pytest.mark.parametrize(
    ("forgotten", "message"),
    [
        ("feature", "Feature has no 'renew_key', which is in the table of operations"),
        (
            "table",
            "Feature.RENEW_KEY is neither in the table of operations nor a field of StreamSpec",
        ),
        ("contract", "Adapter has no method renew_key(), which is in the table of operations"),
        ("client", "Client has no method renew_key(), which is in the table of operations"),
        (
            "asynchronous client",
            "AsyncClient has no method renew_key(), which is in the table of operations",
        ),
        ("an adapter", "MemoryAdapter declares renew_key but has no method renew_key()"),
    ],
)
def test_an_operation_that_is_forgotten_in_a_place_does_not_import_and_names_the_place(
    tmp_path: Path, forgotten: str, message: str
) -> None:
    done = copy_with_another(tmp_path, but=forgotten).python("-c", IMPORTS)
    assert done.stderr.endswith(f"TypeError: {message}\n")


def test_an_operation_touches_five_places_and_its_adapters(tmp_path: Path) -> None:
    package = copy_with_another(tmp_path)
    assert {each for each in package.touched if not each.startswith("memory/")} == {
        "_contract/adapter.py",
        "_client/async_client.py",
        "_client/client.py",
        "_model/stream.py",
        "_model/operations.py",
    }
    done = package.python("-c", WITH_ANOTHER_OPERATION)
    assert done.returncode == 0, done.stderr


WITH_ANOTHER_OPERATION = """
from datetime import UTC, datetime
import livestream_core as live
from acme import AcmeAdapter
from livestream_core.cli.installation.lifecycle import run_lifecycle
from livestream_core.memory import MemoryVendor
from livestream_core.testing.captures import Capture, steps

vendor = MemoryVendor()
vendor.boot_seconds = 0.1
with live.connect("memory", transport=vendor.transport(), **vendor.options()) as client:
    stream = client.create(title="T")
    vendor.clock.advance(60)
    first, second = client.get(stream.id), client.renew_key(stream.id)
    assert first.ingest.stream_key != second.ingest.stream_key

    recorded = {step.operation: step for step in steps(client, start=True, tomorrow=datetime.now(UTC))}
    assert recorded["renew_key"].until is live.Status.READY
    assert dict(recorded["renew_key"].arguments) == {"id": None}

    finding = run_lifecycle(client, vendor, lambda *_: None)["renew_key"]
    assert (finding.word, finding.reason) == ("not tested", "the demo does not know this operation")

lacking = AcmeAdapter.capabilities["renew_key"]
assert (lacking.support, lacking.reason) == (live.Support.NONE, "the vendor does not offer renew_key")
assert "nothing was changed" in str(live.Conflict("no", operation="renew_key", applied=False))
"""


def kit(package: PackageCopy, selected: str = "renew_key") -> subprocess.CompletedProcess[str]:
    return package.python(
        *("-m", "pytest", "-p", "no:cacheprovider", "-q", "-rA"),
        *("--livestream-adapter", "memory", "-k", selected),
    )


def test_the_kit_tests_a_new_operation_without_being_changed(tmp_path: Path) -> None:
    done = kit(copy_with_another(tmp_path), "renew_key or any_order_of_calls")
    assert done.returncode == 0, done.stdout
    assert re.search(r"^renew_key +proven ", done.stdout, re.MULTILINE)
    tried = re.findall(r"^PASSED memory::(\w+)::test_\w+\[\S*renew_key", done.stdout, re.MULTILINE)
    assert {"Operations", "Input", "Ids", "Statuses", "Outcomes", "Faults", "SlowResponses"} <= set(
        tried
    )


def test_the_kit_catches_one_that_says_yes_and_does_nothing(tmp_path: Path) -> None:
    package = copy_with_another(tmp_path)
    package.replace("memory/emulator.py", ENDPOINT.splitlines(keepends=True)[3], "")
    done = kit(package)
    assert done.returncode == 1
    failed = re.findall(r"^FAILED memory::(\w+::\w+)", done.stdout, re.MULTILINE)
    assert "Outcomes::test_a_change_that_succeeds_can_be_seen_by_others" in failed


def test_the_kit_says_what_it_has_no_value_for(tmp_path: Path) -> None:
    package = copy_with_another(tmp_path)
    package.replace(
        "_model/operations.py",
        '"renew_key", True, ("stream_id",)',
        '"renew_key", True, ("stream_id", "strength")',
    )
    done = kit(package)
    assert done.returncode == 1
    assert "LookupError: the kit cannot call renew_key: it has no value for strength" in done.stdout


# -- both clients -------------------------------------------------------------------------------


def parameters_of(function: object) -> list[tuple[str, object, object]]:
    found = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    # A thread is started only on request; a task costs nothing.
    return [(each.name, each.kind, each.name == "read_ahead" or each.default) for each in found]


def test_both_clients_have_the_same_methods_and_they_take_the_same() -> None:
    def public(client: type) -> set[str]:
        return {name for name in dir(client) if not name.startswith("_")}

    assert public(live.Client) == public(live.AsyncClient)
    for name in public(live.Client):
        method = getattr(live.Client, name)
        if inspect.isroutine(method):
            assert parameters_of(method) == parameters_of(getattr(live.AsyncClient, name)), name
    assert parameters_of(live.connect) == parameters_of(live.connect_async)


def test_what_asks_a_vendor_is_a_coroutine_of_the_asynchronous_client() -> None:
    for name, facts in OPERATION_TABLE.items():
        method = getattr(live.AsyncClient, name)
        assert inspect.iscoroutinefunction(method) == (facts.sends and name != "list"), name
