"""Test the installed wheels as a new user would.

Usage: python -I smoke.py CHECKOUT

Run it isolated (`-I`) and from an empty folder, so that it cannot import the sources.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from importlib import import_module
from importlib.metadata import distribution, distributions
from pathlib import Path

COMMANDS = (
    ("--help",),
    ("providers", "--features"),
    ("demo",),
    ("new-adapter", "smoke", "--yes"),
)
#: Uses the package that the last command wrote.
SCAFFOLDED = """
import sys
sys.path.insert(0, "livestream-smoke/src")
import livestream_core as live
import livestream_smoke
from livestream_smoke.emulator import SmokeEmulator

live.register(livestream_smoke)
with SmokeEmulator().connect() as client:
    print(client.create(title="Data science").title)
"""
#: Migrates a stream, and renders a page from a template in the wheel.
MIGRATED = """
from datetime import UTC, datetime, timedelta

import livestream_core as live
from livestream_core import migrate

start = datetime.now(UTC) + timedelta(days=1)
with live.connect("memory", account="old") as old, live.connect("memory", account="new") as new:
    old.create(title="Data science", scheduled_start=start)
    result = migrate.run(migrate.plan(old, new), ledger="smoke.db")
    assert result.exit_code == 0, result
    assert migrate.check("smoke.db", old, new).all_equal
    page = migrate.report_html(result.report)
    assert "Data science" in page
    print(result.report.counts)
"""


def main(checkout: Path) -> None:
    """Check everything, and exit at the first problem."""
    site = Path(sysconfig.get_path("purelib")).resolve()
    wheels = sorted((checkout / "dist").glob("*.whl"))
    names = [wheel.name.partition("-")[0] for wheel in wheels]
    projects = 1 + len(list((checkout / "adapters").glob("*/pyproject.toml")))
    check(
        len(wheels) == projects, f"dist has {len(wheels)} wheels, but there are {projects} projects"
    )
    for wheel, name in zip(wheels, names, strict=True):
        inside = zipfile.ZipFile(wheel).namelist()
        check(f"{name}/py.typed" in inside, f"{wheel.name} has no py.typed")
        check(
            any(re.search(r"\.dist-info/(licenses/)?LICENSE$", path) for path in inside),
            f"{wheel.name} has no LICENSE",
        )
        ours = (f"{name}/", f"{name}-", f"{name}_pytest.py")
        strays = [path for path in inside if not path.startswith(ours)]
        check(not strays, f"{wheel.name} has files outside its package: {strays}")
        module = import_module(name)
        origin = Path(module.__file__ or "").resolve()
        check(origin.is_relative_to(site), f"{name} was imported from {origin}")
    versions = {
        each.metadata["Name"]: each.version
        for each in distributions()
        if each.metadata["Name"].replace("-", "_") in names
    }
    check(len(versions) == projects, f"only these are installed: {versions}")
    say("wheels: " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())))

    bill_of_materials(checkout / "dist" / "livestream-core.cdx.json", wheels)

    tool = Path(sysconfig.get_path("scripts")) / "livestream"
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LIVESTREAM_"))}
    for command in COMMANDS:
        run([str(tool), *command], environ, shown=f"livestream {' '.join(command)}")
    run([sys.executable, "-I", "-c", SCAFFOLDED], environ, shown="the scaffolded adapter")
    run([sys.executable, "-I", "-c", MIGRATED], environ, shown="a migration")
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```$", readme, re.S | re.M), 1):
        run([sys.executable, "-I", "-c", block], environ, shown=f"example {number} of the README")


def bill_of_materials(path: Path, wheels: list[Path]) -> None:
    """Check that the SBOM lists all installed packages and the dependencies of each wheel."""
    document = json.loads(path.read_text(encoding="utf-8"))
    versions = {each["name"]: each["version"] for each in document["components"]}
    for each in distributions():
        name, version = canonical(each.metadata["Name"]), each.version
        if name not in ("pip", "setuptools"):  # part of every virtual environment
            found = versions.get(name)
            check(found == version, f"{path.name} lists {name} {found}, but {version} is installed")
    digests = {
        each["hashes"][0]["content"] for each in document["components"] if each.get("hashes")
    }
    ours = {hashlib.sha256(each.read_bytes()).hexdigest() for each in wheels}
    check(digests == ours, f"the digests in {path.name} are not those of the wheels")
    needs = {each["ref"]: " ".join(each.get("dependsOn", ())) for each in document["dependencies"]}
    for wheel in wheels:
        name = canonical(wheel.name.partition("-")[0])
        for needed in distribution(name).requires or ():
            if "extra ==" not in needed:
                other = canonical(re.split(r"[^\w.-]", needed)[0])
                found = needs[f"pkg:pypi/{name}@{versions[name]}"]
                check(
                    f"/{other}@" in found,
                    f"{path.name} does not list {other} as a dependency of {name}",
                )
    say(f"{path.name}: {len(versions)} packages")


def canonical(name: str) -> str:
    """Return the normalized name of a distribution."""
    return re.sub(r"[-_.]+", "-", name).lower()


def run(command: list[str], environ: dict[str, str], *, shown: str) -> None:
    """Run a command, and check that it succeeds and prints something."""
    done = subprocess.run(  # noqa: S603
        command, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300
    )
    printed = done.stdout + done.stderr
    check(done.returncode == 0, f"{shown} exited with code {done.returncode}:\n{printed}")
    check(bool(done.stdout.strip()), f"{shown} printed nothing")
    check("Traceback" not in printed, f"{shown} printed a traceback:\n{printed}")
    say(f"{shown}: {len(done.stdout.splitlines())} lines")


def check(condition: bool, problem: str) -> None:
    """Exit with a message if the condition is false."""
    if not condition:
        sys.exit(f"smoke test failed: {problem}")


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
