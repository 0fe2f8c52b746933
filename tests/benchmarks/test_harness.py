"""The logic of the benchmarks: pairs, ratios, the vendor on loopback, and the table."""

from __future__ import annotations

import gc
import http.client
import json
import os
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from benchmarks import command, fresh, measure
from benchmarks.loopback import loopback
from benchmarks.measure import TINY, Comparison, apart, compare, timed
from benchmarks.table import Row, seconds, table


def row(**fields) -> Row:
    return Row("get", "Client.get", **fields)


# -- pairs and ratios -----------------------------------------------------------------------


@pytest.fixture
def costs() -> Callable[[str, list[float]], Callable[[], float]]:
    """Return a factory of measurements that return given costs and record their order."""
    order: list[str] = []

    def measurement(name: str, values: list[float]) -> Callable[[], float]:
        left = iter(values)

        def measure() -> float:
            order.append(name)
            return next(left)

        return measure

    measurement.order = order  # type: ignore[attr-defined]
    return measurement


def test_both_warm_up_and_then_each_round_has_ours_theirs_theirs_ours(costs) -> None:
    compare(costs("a", [1.0] * 5), costs("b", [1.0] * 5), rounds=2)
    assert "".join(costs.order) == "ab" + "abba" * 2


def test_a_warm_up_does_not_count(costs) -> None:
    found = compare(costs("a", [99.0, 3.0, 3.0]), costs("b", [99.0, 2.0, 2.0]), rounds=1)
    assert (found.ours, found.theirs, found.ratios) == (3.0, 2.0, (1.5,))


def test_a_machine_that_slows_down_evenly_favours_neither() -> None:
    clock = iter(range(1, 100))
    assert compare(lambda: next(clock), lambda: next(clock), rounds=4).ratios == (1.0,) * 4


def test_the_ratio_is_the_median_so_that_one_disturbed_round_does_not_matter() -> None:
    assert Comparison(1, 1, (0.8, 90.0, 0.7)).ratio == 0.8


def test_the_spread_is_that_of_the_middle_half() -> None:
    assert Comparison(1, 1, (1.0, 2.0, 3.0, 4.0, 5.0)).spread == (2.0, 4.0)


def test_one_round_has_no_spread() -> None:
    assert Comparison(1, 1, (0.5,)).spread == (0.5, 0.5)


@pytest.mark.slow
def test_the_cost_is_that_of_one_of_many_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def work() -> None:
        nonlocal now
        now += 2.0

    monkeypatch.setattr(measure.time, "perf_counter", lambda: now)
    assert timed(work, times=7)() == 2.0


@pytest.mark.slow
def test_the_result_is_released_after_the_clock_has_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    happened = []

    class Result:
        def __del__(self) -> None:
            happened.append("let go")

    monkeypatch.setattr(measure.time, "perf_counter", lambda: happened.append("clock") or 0.0)
    timed(Result)()
    assert happened == ["clock", "clock", "let go"]


@pytest.mark.slow
@pytest.mark.parametrize("collector", [True, False])
def test_the_garbage_collector_is_on_or_off_as_asked_and_on_afterwards(collector: bool) -> None:
    seen = []
    timed(lambda: seen.append(gc.isenabled()), collector=collector)()
    assert (seen, gc.isenabled()) == ([collector], True)


def test_apart_is_in_another_process() -> None:
    assert apart(os.getpid) != os.getpid()


# -- new interpreters -----------------------------------------------------------------------


def test_code_in_a_new_interpreter_finds_nothing_in_the_current_folder() -> None:
    assert fresh.run("import sys; print('' in sys.path, sys.flags.isolated)").split() == [
        "False",
        "1",
    ]


def test_only_the_code_itself_is_timed() -> None:
    clock = "clock = iter([5.0, 7.0]); perf_counter = lambda: next(clock)"
    assert fresh.timed_code("x = 1", before=clock, after="assert x == 1")() == 2.0


def test_code_that_did_not_do_its_work_has_no_figure() -> None:
    with pytest.raises(RuntimeError, match="AssertionError: nothing"):
        fresh.timed_code("x = 1", after="assert x == 2, 'nothing'")()


# -- the vendor on loopback -----------------------------------------------------------------


@pytest.fixture
def vendor() -> Iterator[http.client.HTTPConnection]:
    def answers(origin: str) -> dict[str, str]:
        return {"/one": '{"id": "7"}', "/list?page=1": json.dumps({"next": f"{origin}/list"})}

    with loopback(answers) as origin:
        parts = urlsplit(origin)
        assert parts.hostname is not None
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        yield connection
        connection.close()


def ask(vendor: http.client.HTTPConnection, target: str) -> tuple[int, object]:
    vendor.request("GET", target, headers={"Authorization": "Token made-up"})
    answer = vendor.getresponse()
    return answer.status, json.loads(answer.read())


def test_the_vendor_answers_again_and_again_over_one_connection(vendor) -> None:
    first = ask(vendor, "/one")
    open_since_then = vendor.sock
    assert open_since_then is not None
    assert [ask(vendor, "/one") for _ in range(3)] == [first] * 3 == [(200, {"id": "7"})] * 3
    assert vendor.sock is open_since_then


def test_a_page_names_the_next_one_by_the_origin(vendor) -> None:
    origin = f"http://{vendor.host}:{vendor.port}"
    assert ask(vendor, "/list?page=1") == (200, {"next": f"{origin}/list"})


def test_the_query_belongs_to_what_is_asked(vendor) -> None:
    assert ask(vendor, "/list?page=2") == (404, {})


def test_the_vendor_waits_for_a_request_that_comes_in_pieces(vendor) -> None:
    vendor.connect()
    vendor.sock.sendall(b"GET /one HTTP/1.1\r\n")
    vendor.sock.sendall(b"Host: x\r\n\r\n")
    assert vendor.sock.recv(12) == b"HTTP/1.1 200"


def test_the_vendor_is_gone_after_the_block() -> None:
    with loopback(lambda _: {}) as origin:
        pass
    parts = urlsplit(origin)
    gone = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    with pytest.raises(ConnectionRefusedError):
        gone.connect()


# -- the table ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "met"),
    [
        ({"comparison": Comparison(1, 2, (0.5,)), "target": 0.85}, True),
        ({"comparison": Comparison(2, 1, (2.0,)), "target": 0.85}, False),
        ({"comparison": Comparison(1, 2, (0.5,))}, None),
        ({"amount": 120.0, "target": 200.0}, True),
        ({"amount": 254.0, "target": 200.0}, False),
        ({"trouble": "it broke", "target": 200.0}, None),
    ],
)
def test_a_target_is_met_by_what_is_not_above_it(fields, met) -> None:
    assert row(**fields).met is met


def test_a_missed_target_is_marked() -> None:
    assert "| MISSED |" in table([row(comparison=Comparison(2, 1, (2.0,)), target=0.85)])


def test_the_table_is_markdown_with_as_many_cells_in_every_line() -> None:
    lines = table([row(), row(comparison=Comparison(2, 1, (2.0,)), target=0.85)]).splitlines()
    assert len({line.count("|") for line in lines}) == len({len(line) for line in lines}) == 1


def test_a_failure_is_shown_with_its_reason() -> None:
    shown = table([row(trouble="KeyError: 'x'")])
    assert "FAILED" in shown
    assert shown.endswith("get: KeyError: 'x'")


@pytest.mark.parametrize(
    ("value", "shown"), [(2.5, "2.5 s"), (0.0004, "400 us"), (0.012, "12 ms"), (3e-8, "30 ns")]
)
def test_a_time_has_a_unit_that_suits_it(value: float, shown: str) -> None:
    assert seconds(value) == shown


# -- the command ----------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_prints_a_table_and_writes_every_ratio(tmp_path, capsys) -> None:
    file = tmp_path / "figures.json"
    command.main(["discovery", "--tiny", "--json", str(file)])
    found = json.loads(file.read_text(encoding="utf-8"))
    assert "| discovery |" in capsys.readouterr().out
    assert [len(each["ratios"]) for each in found["rows"]] == [TINY.process_rounds]
    assert found["machine"] == command.machine()


def test_an_unknown_figure_is_a_usage_error(capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["nothing"])
    assert "available: get, read, list" in capsys.readouterr().err


def test_a_figure_that_breaks_is_shown_as_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise ValueError("no such page")

    monkeypatch.setattr(command, "apart", breaks)
    (broken,) = command.measured("get", peers=False, size=TINY)
    assert (broken.figure, broken.trouble) == ("get", "ValueError: no such page")


def test_the_network_settings_of_this_machine_do_not_count(monkeypatch, capsys) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:8080")
    monkeypatch.setattr(
        command, "measured", lambda *_, **__: [row(trouble=os.environ.get("HTTPS_PROXY"))]
    )
    command.main(["get"])
    assert "proxy.example" not in capsys.readouterr().out
