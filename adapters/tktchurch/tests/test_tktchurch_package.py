"""The metadata and the declarations of the package."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import livestream_core as live
import livestream_tktchurch
from livestream_core import Feature, Status, Support, emulator
from livestream_tktchurch.adapter import TKTChurchAdapter, TKTChurchOptions

CAPABILITIES = TKTChurchAdapter.capabilities


def test_it_is_found_by_its_entry_point() -> None:
    info = live.providers()["tktchurch"]
    assert (info.distribution, info.problem) == ("livestream-tktchurch", None)


def test_it_brings_one_adapter_and_its_emulator() -> None:
    (info,) = livestream_tktchurch.livestream_adapters()
    assert (info.name, info.title, info.api_version) == ("tktchurch", "TKT Church", 1)
    assert info.factory == "livestream_tktchurch.adapter:TKTChurchAdapter"
    assert info.emulator == "livestream_tktchurch.emulator:TKTChurchEmulator"


def test_importing_the_package_imports_neither_adapter_nor_emulator() -> None:
    code = "import livestream_tktchurch, sys; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(out.stdout.split())
    assert not loaded & {
        "livestream_tktchurch.adapter",
        "livestream_tktchurch.emulator",
        "requests",
        "werkzeug",
        "jwt",
    }


def test_importing_the_adapter_imports_no_http_library() -> None:
    code = "import livestream_tktchurch.adapter, sys; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(out.stdout.split()) & {"requests", "urllib3", "werkzeug", "jwt"}


@pytest.mark.parametrize("name", ["__init__", "adapter", "emulator"])
def test_only_public_names_of_the_core_are_used(name: str) -> None:
    path = Path(livestream_tktchurch.__file__).with_name(f"{name}.py")
    public = {"livestream_core": live.__all__, "livestream_core.emulator": emulator.__all__}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("livestream_core"):
            assert {each.name for each in node.names} <= set(public[str(node.module)])
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "live":
            assert node.attr in live.__all__


@pytest.mark.parametrize(
    "feature",
    [
        "create",
        "schedule",
        "list",
        "update",
        "start",
        "stop",
        "cancel",
        "delete",
        "description",
        "tags",
        "thumbnail_url",
        "playback_url",
    ],
)
def test_native_is(feature: str) -> None:
    assert CAPABILITIES[feature].support is Support.NATIVE


def test_get_is_emulated_and_says_how() -> None:
    assert CAPABILITIES[Feature.GET].support is Support.EMULATED
    assert "the whole list is looked through" in CAPABILITIES[Feature.GET].reason


@pytest.mark.parametrize(
    "feature", ["trim", "webhook", "record", "recording_drm", "latency", "restreams"]
)
def test_not_there_for_a_reason_of_its_own_is(feature: str) -> None:
    assert CAPABILITIES[feature].support is Support.NONE
    assert not CAPABILITIES[feature].reason.startswith("this provider has no")


def test_four_statuses_are_reported() -> None:
    assert CAPABILITIES.statuses == {
        Status.SCHEDULED,
        Status.LIVE,
        Status.ENDED,
        Status.CANCELLED,
    }


def test_what_can_be_changed_and_cleared() -> None:
    assert CAPABILITIES.updatable == {
        "title",
        "description",
        "scheduled_start",
        "tags",
        "thumbnail_url",
        "playback_url",
    }
    assert CAPABILITIES.clearable == {"description", "tags"}


def test_lists_have_all_filters_and_a_total() -> None:
    assert CAPABILITIES.filters == {"status", "tag", "starts_after", "starts_before"}
    assert CAPABILITIES.reports_total


def test_a_mark_goes_into_the_tags_and_a_create_boots_no_server() -> None:
    assert CAPABILITIES.mark == "tags"
    assert not CAPABILITIES.create_starts


def test_no_largest_page_is_documented() -> None:
    assert CAPABILITIES.max_page_size is None


def test_the_vendors_origin_is_the_default() -> None:
    with live.connect("tktchurch", access_token="t.t.t") as client:
        assert client.account.startswith("tktchurch:api.tktchurch.com:")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "access_token (LIVESTREAM_TKTCHURCH_ACCESS_TOKEN) or email"),
        ({"email": "a@b.example"}, "password (LIVESTREAM_TKTCHURCH_PASSWORD) is missing"),
        ({"password": "p"}, "email (LIVESTREAM_TKTCHURCH_EMAIL) is missing"),
        ({"access_token": "t", "email": "e", "password": "p"}, "not both"),
    ],
)
def test_one_whole_group_of_credentials_is_needed(options: dict[str, str], named: str) -> None:
    with pytest.raises(live.ConfigurationError) as caught:
        live.connect("tktchurch", environ={}, **options)
    assert named in str(caught.value)


def test_options_show_no_secret() -> None:
    options = TKTChurchOptions(email="a@b.example", password=live.Secret("sesame-open"))
    assert "sesame" not in repr(options) + str(options)
