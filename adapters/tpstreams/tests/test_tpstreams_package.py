"""The package's metadata and its options."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

import livestream_core as live
import livestream_core.emulator
import livestream_tpstreams
from livestream_tpstreams.adapter import TPStreamsAdapter

GOOD = {"organization_id": "gcdem4", "token": "t" * 64}
SOURCES = sorted(Path(livestream_tpstreams.__file__).parent.glob("*.py"))


def test_the_provider_is_found_by_its_entry_point():
    info = live.providers()["tpstreams"]
    assert info.distribution == "livestream-tpstreams"
    points = distribution("livestream-tpstreams").entry_points
    assert [(point.name, point.value) for point in points if point.group == "livestream_core"] == [
        ("tpstreams", "livestream_tpstreams")
    ]


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, livestream_tpstreams as t; t.livestream_adapters();"
        "print(sorted({'requests', 'werkzeug', 'livestream_tpstreams.adapter',"
        "'livestream_tpstreams.emulator'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_only_public_names_of_the_core_are_used(source):
    public = {
        "livestream_core": set(live.__all__),
        "livestream_core.emulator": set(livestream_core.emulator.__all__),
    }
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("livestream_core"):
            assert {alias.name for alias in node.names} <= public[node.module]
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names if "livestream" in alias.name} <= {
                "livestream_core"
            }
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "live":
            assert node.attr in public["livestream_core"]


@pytest.mark.parametrize(
    ("feature", "support"),
    [
        ("create", "NATIVE"),
        ("schedule", "NATIVE"),
        ("get", "NATIVE"),
        ("list", "NATIVE"),
        ("update", "NONE"),
        ("start", "NATIVE"),
        ("stop", "NATIVE"),
        ("trim", "NATIVE"),
        ("cancel", "EMULATED"),
        ("delete", "NATIVE"),
        ("webhook", "NATIVE"),
        ("record", "AUTOMATIC"),
        ("recording_drm", "NATIVE"),
        ("latency", "NATIVE"),
        ("description", "NONE"),
        ("tags", "NONE"),
        ("thumbnail_url", "NONE"),
        ("playback_url", "NONE"),
        ("restreams", "NONE"),
    ],
)
def test_a_feature_is_there_as_declared(feature, support):
    capability = TPStreamsAdapter.capabilities[feature]
    assert capability.support is live.Support[support]
    if support != "NATIVE":
        assert "TPStreams" in capability.reason


def test_the_reason_of_cancel_says_that_it_deletes_and_what_looks_the_same():
    reason = TPStreamsAdapter.capabilities["cancel"].reason
    assert "deleted" in reason
    assert "booting" in reason


def test_the_statuses_are_all_that_the_vendor_can_report():
    assert TPStreamsAdapter.capabilities.statuses == set(live.Status) - {
        *("cancelled", "disabled", "unknown")
    }


def test_a_create_boots_a_server_and_a_list_gives_its_total():
    assert TPStreamsAdapter.capabilities.create_starts
    assert TPStreamsAdapter.capabilities.reports_total


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"token": "t"}, ["organization_id"]),
        ({"organization_id": "gcdem4"}, ["token", "username", "password"]),
        ({**GOOD, "username": "u", "password": "p"}, ["not both"]),
        ({**GOOD, "timezone": "Mars/Olympus"}, ["timezone", "LIVESTREAM_TPSTREAMS_TIMEZONE"]),
        ({**GOOD, "organization_id": "a/b"}, ["organization_id"]),
        ({**GOOD, "organization_id": ".."}, ["organization_id"]),
        ({**GOOD, "base_url": "http://app.tpstreams.com"}, ["base_url"]),
        ({"username": "u", "timezone": "x"}, ["organization_id", "password", "timezone"]),
    ],
)
def test_wrong_options_are_all_named(options, named):
    with pytest.raises(live.ConfigurationError) as info:
        live.connect("tpstreams", environ={}, **options)
    for name in named:
        assert name in str(info.value)


def test_options_may_come_from_the_environment():
    environ = {f"LIVESTREAM_TPSTREAMS_{name.upper()}": value for name, value in GOOD.items()}
    with live.connect("tpstreams", environ=environ) as client:
        assert client.account == "tpstreams:app.tpstreams.com:gcdem4"


def test_secrets_are_not_in_the_options_repr():
    with live.connect("tpstreams", **GOOD, webhook_secret="whsec") as client:
        assert "ttt" not in repr(client.options)
        assert "whsec" not in repr(client.options)


def test_an_error_without_its_request_is_judged_by_its_status():
    with live.connect("tpstreams", **GOOD) as client:
        error = TPStreamsAdapter(client.options).error_for(live.Response(404, {}, b"<html>"))
    assert isinstance(error, live.NotFound)
