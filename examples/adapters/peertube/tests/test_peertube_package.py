"""What the package is made of."""

from __future__ import annotations

import ast
from pathlib import Path

import livestream_peertube
import pytest

import livestream_core as live
from livestream_core import emulator


def test_it_brings_one_adapter_and_its_emulator() -> None:
    (info,) = livestream_peertube.livestream_adapters()
    assert (info.name, info.title, info.api_version) == ("peertube", "PeerTube", 1)


@pytest.mark.parametrize("name", ["__init__", "adapter", "emulator"])
def test_only_public_names_of_the_core_are_used(name: str) -> None:
    path = Path(livestream_peertube.__file__).with_name(f"{name}.py")
    public = {"livestream_core": live.__all__, "livestream_core.emulator": emulator.__all__}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("livestream_core"):
            assert {each.name for each in node.names} <= set(public[str(node.module)])
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "live":
            assert node.attr in live.__all__
