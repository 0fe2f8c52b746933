"""Every package that `livestream new-adapter` can create works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from command_line import environment, install, livestream, run
from livestream_core.cli.adapters.scaffold import AUTH, PAGING, WEBHOOK

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
#: The provider of each combination.
ALL = {
    "_".join(choices): dict(zip(("auth", "paging", "webhook"), choices, strict=True))
    for choices in product(AUTH, PAGING, WEBHOOK)
}
#: A combination only joins the texts of its choices, so the whole kit, which is slow, runs on two. They
#: share no choice.
WHOLE_KIT = ("jwt_link_none", "login_page_hmac")
#: The tests that depend on how the adapter signs in and paginates.
WHAT_DIFFERS = "(Sessions or Paging or MalformedPages or Webhooks) and not http"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create every combination, each in a folder named after its provider."""
    folder = tmp_path_factory.mktemp("adapters")
    for name, choices in ALL.items():
        options = (f"--{option}={choice}" for option, choice in choices.items())
        _begin(folder, name, *options)
    # The longest and the shortest possible name and title.
    _begin(folder, "a" * 20, "--title", "The quite long name of a vendor, 40 wide")
    _begin(folder, "x", "--title", "X")
    return folder


def _begin(folder: Path, name: str, *arguments: str) -> None:
    result = run("new-adapter", name, "--yes", "--output", str(folder / name), *arguments)
    assert result.exit_code == 0, result.output


@pytest.fixture
def environ(folder: Path, tmp_path: Path) -> dict[str, str]:
    """Provide an environment in which all of the packages are installed."""
    found = install(tmp_path, **{name: f"livestream_{name}" for name in ALL})
    sources = [str(folder / name / "src") for name in ALL]
    return {**found, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sources])}


def python(*arguments: str | Path, cwd: Path, environ: dict[str, str] | None = None) -> str:
    """Run a module, which must succeed, and return what it prints."""
    # Coverage would measure the kit, which others do, and make it slow.
    ours = {name: "" for name in os.environ if name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env=environment({**ours, **(environ or {})}),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_all_of_it_follows_the_rules_of_ruff(folder: Path) -> None:
    pytest.importorskip("ruff")
    python("ruff", "check", "--no-cache", ".", cwd=folder)
    python("ruff", "format", "--no-cache", "--check", ".", cwd=folder)


def test_all_of_it_is_typed_strictly(folder: Path) -> None:
    pytest.importorskip("mypy")
    settings = (
        "--strict",
        "--config-file=",
        f"--cache-dir={os.devnull}",
        "--follow-imports=silent",
    )
    packages = [*folder.glob("*/src/*"), *folder.glob("*/tests")]
    assert len(packages) == 2 * (len(ALL) + 2)
    # mypy does not see through the finder of an editable installation.
    python("mypy", *settings, *packages, cwd=folder, environ={"MYPYPATH": str(ROOT)})


@pytest.mark.parametrize("name", WHOLE_KIT)
def test_it_passes_the_conformance_kit(name: str, environ: dict[str, str], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    python(
        *("pytest", "-q", "-p", "no:cacheprovider", "-W", "error"),
        *("--livestream-adapter", name, "--livestream-report", report),
        cwd=tmp_path,
        environ=environ,
    )
    [adapter] = json.loads(report.read_text())["adapters"]
    verdicts = {row["verdict"] for row in adapter["rows"].values()}
    assert verdicts == {"proven", "not declared"}


def test_the_other_combinations_sign_in_and_page_as_the_kit_wants(
    environ: dict[str, str], tmp_path: Path
) -> None:
    others = [f"--livestream-adapter={name}" for name in ALL if name not in WHOLE_KIT]
    printed = python(
        *("pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "-k", WHAT_DIFFERS, *others),
        cwd=tmp_path,
        environ=environ,
    )
    assert "list            proven" in printed


def test_the_tests_that_it_brings_pass(folder: Path, environ: dict[str, str]) -> None:
    tests = [folder / name / "tests" / f"test_{name}.py" for name in ALL]
    printed = python(
        *("pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *tests),
        cwd=folder,
        environ=environ,
    )
    signing = sum(choices["webhook"] == "hmac" for choices in ALL.values())
    assert f"{4 * len(ALL) + signing} passed" in printed


def test_the_kit_runs_with_its_own_tests_when_pytest_is_called_without_arguments(
    folder: Path, environ: dict[str, str]
) -> None:
    printed = python(
        *("pytest", "--collect-only", "-q", "-p", "no:cacheprovider"),
        cwd=folder / "jwt_link_none",
        environ=environ,
    )
    assert "tests/test_jwt_link_none.py::test_the_token_names_the_api_key" in printed
    assert "tests/test_jwt_link_none_conformance.py::TestJwtLinkNone::" in printed


# -- installed wheels ---------------------------------------------------------------------------


@pytest.fixture(params=["jwt_link_none", "login_page_hmac"])
def installed(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> tuple[str, Path]:
    """Return the name of a provider, and where pip installed its wheel."""
    pytest.importorskip("setuptools", "77")
    name, target = str(request.param), tmp_path / "installed"
    offline = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    python("pip", "wheel", *offline, "-w", tmp_path, folder / name, cwd=tmp_path)
    [wheel] = tmp_path.glob("*.whl")
    python("pip", "install", *offline, "--target", target, wheel, cwd=tmp_path)
    return name, target


def test_an_installed_package_is_typed_licensed_found_and_passes_the_demo(
    installed: tuple[str, Path],
) -> None:
    name, target = installed
    environ = {"PYTHONPATH": str(target), "LIVESTREAM_ADAPTERS": name}
    assert (target / f"livestream_{name}" / "py.typed").is_file()
    assert list(target.glob("*.dist-info/licenses/LICENSE"))
    [provider] = json.loads(livestream("providers", "--json", environ=environ).stdout)
    assert (provider["name"], provider["distribution"]) == (
        name,
        f"livestream-{name.replace('_', '-')}",
    )
    done = livestream("demo", "--provider", name, environ=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    done = livestream("doctor", environ=environ)
    assert done.returncode == 0, done.stdout + done.stderr
