"""The distribution: its entry point, its imports, and what it declares."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import livestream_core as live
import livestream_core.emulator as emulator_of_core
import livestream_videosdk
from livestream_core import Feature, Support
from livestream_videosdk.adapter import VideoSDKAdapter
from livestream_videosdk.emulator import VideoSDKEmulator

SOURCES = sorted(Path(livestream_videosdk.__file__).parent.rglob("*.py"))


def test_the_entry_point_names_adapter_and_emulator():
    (info,) = livestream_videosdk.livestream_adapters()
    assert (info.name, info.title, info.api_version) == ("videosdk", "VideoSDK", 1)
    assert info.factory == "livestream_videosdk.adapter:VideoSDKAdapter"
    assert info.emulator == "livestream_videosdk.emulator:VideoSDKEmulator"


def test_the_provider_is_found_by_its_metadata():
    assert live.providers()["videosdk"].distribution == "livestream-videosdk"


def test_importing_the_package_loads_neither_adapter_nor_jwt():
    code = (
        "import sys, livestream_videosdk as package; package.livestream_adapters();"
        "print([m for m in ('jwt', 'requests', 'werkzeug', 'livestream_videosdk.adapter')"
        " if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_only_public_names_of_the_core_are_used(source):
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("livestream_core"):
            public = {"livestream_core": live, "livestream_core.emulator": emulator_of_core}
            assert {each.name for each in node.names} <= set(public[node.module or ""].__all__)
        if isinstance(node, ast.Import):
            names = {each.name for each in node.names if each.name.startswith("livestream_core")}
            assert names <= {"livestream_core"}
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "live"
        ):
            assert node.attr in live.__all__


@pytest.mark.parametrize(
    ("feature", "support"),
    [
        (Feature.CREATE, Support.NATIVE),
        (Feature.SCHEDULE, Support.NONE),
        (Feature.GET, Support.NATIVE),
        (Feature.LIST, Support.NATIVE),
        (Feature.UPDATE, Support.NATIVE),
        (Feature.START, Support.AUTOMATIC),
        (Feature.STOP, Support.NONE),
        (Feature.TRIM, Support.NONE),
        (Feature.CANCEL, Support.NONE),
        (Feature.DELETE, Support.NATIVE),
        (Feature.WEBHOOK, Support.NONE),
        (Feature.RECORD, Support.NATIVE),
        (Feature.RECORDING_DRM, Support.NONE),
        (Feature.LATENCY, Support.NONE),
        (Feature.DESCRIPTION, Support.NONE),
        (Feature.TAGS, Support.NONE),
        (Feature.THUMBNAIL_URL, Support.NONE),
        (Feature.PLAYBACK_URL, Support.NONE),
        (Feature.RESTREAMS, Support.NATIVE),
    ],
)
def test_each_feature_is_there_as_the_rules_say(feature, support):
    assert VideoSDKAdapter.capabilities[feature].support is support


@pytest.mark.parametrize("feature", list(Feature))
def test_each_lack_has_a_reason_of_its_own(feature):
    capability = VideoSDKAdapter.capabilities[feature]
    if not capability:
        assert "VideoSDK" in capability.reason


def test_ready_is_the_only_status_ever_reported():
    assert VideoSDKAdapter.capabilities.statuses == {live.Status.READY}


def test_title_and_record_can_be_changed_and_nothing_be_cleared():
    assert VideoSDKAdapter.capabilities.updatable == {"title", "record"}
    assert VideoSDKAdapter.capabilities.clearable == frozenset()


def test_a_create_boots_no_server_and_a_list_gives_no_total():
    capabilities = VideoSDKAdapter.capabilities
    assert not capabilities.create_starts
    assert not capabilities.reports_total
    assert capabilities.empty_page_ends
    assert capabilities.max_page_size is None


def test_the_emulator_is_that_of_the_provider():
    assert VideoSDKEmulator.provider == VideoSDKAdapter.name


_TWICE = """
import asyncio
import warnings
import livestream_core as live

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(2):
        client = live.connect("videosdk", token="e30.e30.made-up")
        asyncio.run(live.connect_async("videosdk", token="e30.e30.made-up").close())
    live.connect("videosdk-rooms", token="e30.e30.made-up")
print([(each.category.__name__, str(each.message), each.filename) for each in caught])
"""


def test_using_v1_warns_once_per_process_and_names_its_replacement() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TWICE], capture_output=True, text=True, timeout=60, check=True
    )
    ((category, message, place),) = ast.literal_eval(done.stdout)
    assert (category, place) == ("DeprecationWarning", "<string>")
    assert "'videosdk' is deprecated" in message
    assert "'videosdk-rooms'" in message
