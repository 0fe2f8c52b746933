"""What version 0.1 stored is read by this one: pickles in task queues, and ledgers of migrations."""

from __future__ import annotations

import base64
import importlib.util
import json
import pickle
import pickletools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import livestream_core as live

FROZEN = Path(__file__).parent / "frozen"


def frozen(name: str) -> ModuleType:
    """A module that made what is stored."""
    spec = importlib.util.spec_from_file_location(name, FROZEN / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


stored_values = frozen("stored_values")
PICKLES = json.loads((FROZEN / "pickles_0_1.json").read_text(encoding="utf-8"))


def unpickled(name: str) -> Any:
    return pickle.loads(base64.b64decode(PICKLES[name]))


@pytest.mark.parametrize("name", stored_values.VALUES)
def test_a_pickled_value_of_version_0_1_is_read(name: str) -> None:
    value, expected = unpickled(name), stored_values.VALUES[name]
    assert type(value) is type(expected)
    assert value == expected
    assert repr(value) == repr(expected)


@pytest.mark.parametrize("name", [name for name in PICKLES if name in stored_values.ERRORS])
def test_a_pickled_error_of_version_0_1_is_read(name: str) -> None:
    error = unpickled(name)
    given = stored_values.GIVEN[name]
    assert type(error) is type(stored_values.ERRORS[name])
    assert {each: getattr(error, each) for each in given} == given
    assert "it went wrong" in str(error)


def test_everything_that_was_pickled_is_still_public() -> None:
    assert set(PICKLES) <= {*stored_values.VALUES, *stored_values.ERRORS}


def globals_in(pickled: bytes) -> Iterator[str]:
    """The modules that a pickle names: in protocol 4 they are among its texts."""
    for _, argument, _ in pickletools.genops(pickled):
        if isinstance(argument, str) and argument.startswith("livestream_core"):
            yield argument


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_names_no_private_module(name: str) -> None:
    value = {**stored_values.VALUES, **stored_values.ERRORS}[name]
    named = set(globals_in(pickle.dumps(value, protocol=4)))
    assert named
    assert [each for each in named if "._" in each] == []


def test_a_pickle_is_read_by_a_process_that_has_loaded_nothing_yet() -> None:
    pickled = base64.b64encode(pickle.dumps([*stored_values.VALUES.values()])).decode()
    code = f"import base64, pickle; print(len(pickle.loads(base64.b64decode({pickled!r}))))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip(), done.stderr) == (str(len(stored_values.VALUES)), "")


def test_a_traceback_names_an_error_by_the_module_that_has_it() -> None:
    code = "import livestream_core as live; raise live.NotFound('x')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr.splitlines()[-1].startswith("livestream_core.NotFound: x")
    assert live.NotFound.__module__ == "livestream_core"
